"""The options of ``socialgym chat``, apart from it: the other commands start without what draws on a terminal."""

import argparse

DEFAULT_URL = "http://127.0.0.1:8000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``socialgym chat``."""
    parser.add_argument("--url", default=DEFAULT_URL, help="the server's address (default %(default)s)")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--mission", metavar="CODE", help="play this mission, without asking")
    target.add_argument("--persona", metavar="CODE", help="talk freely with this persona")
    parser.add_argument("--script", metavar="FILE", help="say these lines, one a turn, then end")
    parser.add_argument("--fresh", action="store_true", help="begin with a new guest account")
    parser.add_argument("--adult", action="store_true", default=None, help="I am 18 or older (for a new account)")
