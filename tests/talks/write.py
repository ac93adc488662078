"""``python -m tests.talks.write [NAME ...]``: write the pages of docs/transcripts anew (all, or those named).

With ``--read`` they are printed instead. Read the difference before you commit it, aloud: it is what people will
hear. A talk that ends before its learner has said everything is told of; then its data wants mending.
"""

import sys
from pathlib import Path
from typing import Final

from tests.talks.page import page
from tests.talks.playing import names, play

DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "transcripts"


def main(arguments: list[str]) -> int:
    chosen = [name for name in arguments if name != "--read"]
    unknown = set(chosen) - set(names())
    if unknown:
        print(f"There is no talk {', '.join(sorted(unknown))}. There are: {', '.join(names())}", file=sys.stderr)
        return 2
    for name in chosen or names():
        talk = play(name)
        if "--read" in arguments:
            print(page(talk))
        else:
            (DIRECTORY / f"{name}.md").write_text(page(talk), "utf-8")
        if talk.unsaid:
            print(f"{name} ended {len(talk.unsaid)} lines early: {talk.unsaid[0]}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
