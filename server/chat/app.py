"""``socialgym chat``: the account, the choice, the talk, the summary."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from server.chat.arguments import DEFAULT_URL, add_arguments
from server.chat.lines import Interrupted, Lines, Prompted, Scripted
from server.chat.lobby import Choice, Lobby, choose, current_mission
from server.chat.store import AccountFile, local_time_zone
from server.chat.summary import summary_blocks
from server.chat.talk import Talk
from server.chat.views import paged
from server.chat.words import amounts, plain
from server.client import Api, ApiError, ClientError, Unreachable, connect
from server.client.api import is_loopback


async def chat(
    url: str,
    mission: str | None = None,
    persona: str | None = None,
    *,
    script: str | None = None,
    fresh: bool = False,
    adult: bool | None = None,
    console: Console | None = None,
    lines: Lines | None = None,
) -> int:
    """One visit. ``mission`` and ``persona`` are codes; neither: the learner picks. ``script``: a file with a
    line for each turn. ``fresh``: a new guest, although one is kept. ``adult``: what a new guest declares; None: a
    person who picks is asked. Returns the exit status: 0, or 1 when something failed, which has then been said in
    words."""
    console = console or Console(highlight=False)
    if not _is_address(url):
        console.print(Text(f"{plain(url)} is not the address of a server. One looks like this: {DEFAULT_URL}", "red"))
        return 1
    try:
        lines = lines or _lines(script)
        vault = AccountFile(url.rstrip("/"))
        async with Api(url, vault=vault) as api:
            asks = lines if lines.shown and adult is None and mission is None and persona is None else None
            await _account(console, api, vault, _Wishes(fresh, adult, asks))
            choice = await _choice(console, api, lines, mission, persona)
            if choice is None:
                return 0
            return await _practise(console, api, lines, choice)
    except Interrupted:
        return 0
    except Unreachable as error:
        start = " Start one with: make run" if is_loopback(url) else ""
        console.print(Text(f"No server at {plain(error.url)}.{start}", "red"))
    except ClientError as error:
        console.print(Text(f"That did not work: {plain(error)}", "red"))
    except OSError as error:
        console.print(Text(f"Can't read the script {plain(script)}: {plain(error.strerror or error)}", "red"))
    return 1


def _is_address(url: str) -> bool:
    """Whether ``url`` can be a server's: http or https, and a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _lines(script: str | None) -> Lines:
    if script is not None:
        return Scripted.of_file(script)
    if sys.stdin.isatty() and sys.stdout.isatty():
        return Prompted()
    return Scripted(sys.stdin.fileno())


class _Wishes(NamedTuple):
    """Of the account. ``asks``: where a person can be asked whether they are an adult; None: they are not asked."""

    fresh: bool
    adult: bool | None
    asks: Lines | None


async def _account(console: Console, api: Api, vault: AccountFile, wishes: _Wishes) -> None:
    """The guest of the last visit if there is one, else a new one."""
    if not wishes.fresh and vault.load(None) is not None:
        try:
            await api.refresh()
        except ApiError as error:
            if error.status >= 500 or error.status == 429:
                raise
            console.print(Text("Your last guest account is no longer known here; you get a new one.", "dim"))
        else:
            wallet = await api.wallet()
            console.print(Text(f"Welcome back. You have {amounts(wallet, sign=False)}."))
            return
    adult = bool(wishes.adult)
    if wishes.asks is not None:
        console.print(Text("Some missions are for adults only."))
        typed = await wishes.asks.next("Are you 18 or older? [y/N] ")
        adult = (typed or "").strip().lower() in ("y", "yes")
    await _new_guest(api, adult)
    console.print(Text("Welcome. You practise as a guest."))
    if not vault.works:
        console.print(Text("Your account can't be kept on this machine; it lasts for this visit.", "dim"))


async def _new_guest(api: Api, adult: bool) -> None:
    declared = {"ageBand": "ADULT"} if adult else {}
    zone = local_time_zone()
    try:
        await api.guest(**declared, **({"timeZone": zone} if zone else {}))
    except ApiError as error:
        if error.status in (404, 405):
            raise ClientError(f"something answers at {api.base_url}, but it is no socialgym server.") from error
        if zone is None or error.status not in (400, 422):
            raise
        await api.guest(**declared)  # a zone that this machine knows and the server does not


async def _choice(
    console: Console, api: Api, lines: Lines, mission: str | None, persona: str | None
) -> Choice | None:
    if mission:
        return Choice(f"template:{mission}", mission)
    if persona:
        return Choice(f"persona:{persona}", persona)
    return await choose(console, lines, await _lobby(api))


async def _lobby(api: Api) -> Lobby:
    road, personas, categories, templates = await asyncio.gather(
        api.road(), api.personas(), api.categories(), api.templates()
    )
    aims = {item["code"]: (item.get("objective") or {}).get("title") or "" for item in templates}
    return Lobby(road=road, categories=categories, personas=personas, aims=aims)


async def _practise(console: Console, api: Api, lines: Lines, choice: Choice) -> int:
    talk = Talk(console, lines)
    link = connect(api.base_url, api=api, model=choice.model, on_event=talk.on_event, on_notice=talk.on_notice)
    try:
        async with link as connection:
            summary = await talk.run(connection)
    except ApiError as error:
        console.print(Text(await _refusal(api, error, choice), "red"))
        return 1
    if summary is not None:
        titles = {item["code"]: item["title"] for item in await api.road()}
        wallet = await api.wallet()
        await paged(console, lines, summary_blocks(summary, titles, tips=talk.tips, name=talk.name, wallet=wallet))
    return 0


async def _refusal(api: Api, error: ApiError, choice: Choice) -> str:
    """Why the talk can't be had, and what to do instead."""
    title = plain(choice.title)
    if error.code == "mission_locked":
        item = current_mission(await api.road())
        instead = f" Play this one first: {plain(item['title'])} ({plain(item['code'])})." if item else ""
        return f"{title} is still locked.{instead}"
    if error.code == "audience_not_allowed":
        return f"{title} is for adults only. With --fresh --adult you begin anew as one."
    if error.code == "not_found":
        return f"There is nothing called {title} here. Without --mission you can pick from a list."
    if error.code in ("too_many_sessions", "too_many_sockets"):
        return "You have too many talks open already. End one of them, then come back."
    return f"The server refused: {plain(error.message)}"


def run_arguments(args: argparse.Namespace) -> int:
    """Run with parsed arguments; the exit status."""
    try:
        return asyncio.run(
            chat(args.url, args.mission, args.persona, script=args.script, fresh=args.fresh, adult=args.adult)
        )
    except KeyboardInterrupt:
        return 130  # what a shell reports for a program that Ctrl-C ended


def run_chat(argv: Sequence[str] | None = None) -> int:
    """The command as a function: arguments in, exit status out. SystemExit for bad usage, as argparse does."""
    parser = argparse.ArgumentParser(prog="socialgym chat", description="Practise in the terminal.")
    add_arguments(parser)
    return run_arguments(parser.parse_args(argv))
