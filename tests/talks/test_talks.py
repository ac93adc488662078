"""The talks of docs/transcripts are what the engine makes of their learners' lines today.

After a change of the persona, the scorer, the memory or a template: ``python -m tests.talks.write``, and read the
difference aloud before you commit it.
"""

import pytest

from tests.persona.talk import CODES
from tests.talks.page import page
from tests.talks.playing import names, play
from tests.talks.write import DIRECTORY, main

WRITE = "write the talks anew: .venv/bin/python -m tests.talks.write"


@pytest.mark.parametrize("name", names())
def test_a_talk_is_what_the_engine_makes_of_it(name: str) -> None:
    made = page(play(name))
    assert (DIRECTORY / f"{name}.md").read_text("utf-8") == made, WRITE


def test_every_page_has_its_talk() -> None:
    """A page is not left behind when its talk is renamed."""
    pages = sorted(path.stem for path in DIRECTORY.glob("*.md") if path.name != "README.md")
    assert pages == names()


def test_every_page_is_listed_in_the_readme() -> None:
    readme = (DIRECTORY / "README.md").read_text("utf-8")
    assert [name for name in names() if f"[{name}.md]({name}.md)" not in readme] == []


def test_the_talks_show_what_they_are_for() -> None:
    """All personas; missions and free play; ends of both kinds; and somebody who comes back and is remembered."""
    talks = [play(name) for name in names()]
    assert {talk.persona.code for talk in talks} == set(CODES)
    missions = [talk.template for talk in talks if talk.template is not None]
    assert len(missions) >= 4
    assert len({template.category for template in missions}) >= 4
    assert len({template.difficulty for template in missions}) >= 3
    assert {"SUCCESS"} < {talk.ending.status for talk in talks}
    again = next(talk for talk in talks if talk.script.follows is not None)
    recalled = {value for reply in [again.opening, *(turn.reply for turn in again.turns)] for value in reply.recalled}
    known = {item.value for entry in again.known.values() for item in entry.items}
    assert known & recalled


def test_a_name_without_a_talk_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-talk"]) == 2
    assert "There is no talk no-such-talk" in capsys.readouterr().err
