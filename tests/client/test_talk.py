"""The whole terminal client against a server that has REST and the socket on one port."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from server.chat.app import chat, run_chat
from server.chat.lines import Interrupted
from tests.client.standin import Brain, whole_server
from tests.client.test_lobby import CATEGORIES, PERSONAS, ROAD
from tests.client.test_views import SUMMARY

TURN = "Hi, I'm Tal."


class Rest:
    """The REST side of one guest."""

    def __init__(self) -> None:
        self.guests = 0
        self.declared: list[Any] = []
        self.refused = False

    async def __call__(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        user = {"id": f"u{self.guests}", "email": None, "tier": "FREE"}
        tokens = {"accessToken": "a", "refreshToken": "r", "expiresIn": 600, "user": user}
        if path == "/v1/auth/guest":
            self.guests += 1
            self.declared.append(body)
            return 201, tokens | {"user": {"id": f"u{self.guests}"}}
        if path == "/v1/auth/refresh":
            return (401, {"code": "token_invalid"}) if self.refused else (200, tokens)
        lists = {"/v1/missions/road": ROAD, "/v1/personas": PERSONAS, "/v1/categories": CATEGORIES}
        lists["/v1/templates"] = [{"code": "A2", "objective": {"title": "Start a talk"}}]
        if path in lists:
            return 200, {"items": lists[path], "nextCursor": None}
        assert path == "/v1/wallet/me"
        return 200, SUMMARY["wallet"]["after"]


class Typed:
    """Lines as a person types them."""

    shown = True

    def __init__(self, *lines: str | None) -> None:
        self._lines = list(lines)

    async def next(self, prompt: str) -> str | None:
        line = self._lines.pop(0)
        if line == "^C":
            raise Interrupted
        return line


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def _brain() -> Brain:
    brain = Brain(summary=SUMMARY)
    brain.opening = "I have too much bread."
    brain.memory_for[TURN] = {
        "type": "memory.created",
        "key": "nick",
        "value": "Tally",
        "source": {"start": 8, "end": 11, "quote": "Tal"},
    }
    return brain


async def _visit(brain: Brain, rest: Rest, *lines: str | None, **options: Any) -> tuple[int, str]:
    file = io.StringIO()
    console = Console(file=file, width=80, highlight=False)
    async with whole_server(brain, rest) as url:
        typed = Typed(*lines) if lines else None
        status = await chat(url, console=console, lines=typed, **options)
    return status, file.getvalue()


async def test_a_visit_from_the_list_to_the_summary() -> None:
    brain = _brain()
    status, text = await _visit(
        brain, Rest(), "", "7", "1", "3", "2", TURN, "/why", "/tips", "/memory", "/nonsense", "/edit x y", "/end"
    )
    assert status == 0
    assert brain.queries == [{"model": "template:A2"}]
    in_order = [
        "Some missions are for adults only.",
        "Welcome. You practise as a guest.",
        "1 of 3 done, next: Second hello (easy)",
        "Please type a number from 1 to 2, or a name.",
        "easy, with Noa: Start a talk",
        "“Third hello” is still locked. Complete “Second hello” first.",
        "A free talk with Noa.",
        "Noa: I have too much bread.",
        "Score 76  rarity A",
        'remembers: nick = Tally (from "Tal")',
        f"Noa: {brain.reply_text}",
        'Why "Hi, I\'m Tal." scored 76:',
        "No tips so far",
        "What Noa remembers",
        "There is no /nonsense.",
        "/forget KEY",
        "Not taken: no such key",
        "Not this time",
        "Unlocked: cafe hello",
        "126 XP, 15 coins, 1 gem, as the summary says.",
    ]
    at = -1
    for words in in_order:
        found = text.find(words, at + 1)
        assert found > at, f"{words!r} is missing, or in the wrong place:\n{text}"
        at = found
    assert text.count(brain.reply_text) == 1  # streamed, and not said again


async def test_a_new_learner_who_picks_is_asked_their_age_once(config: Path) -> None:
    rest = Rest()
    for typed, declared in ((("y", "q"), {"ageBand": "ADULT"}), (("", "q"), {})):
        (config / "socialgym" / "chat.json").unlink(missing_ok=True)
        await _visit(_brain(), rest, *typed)
        assert {key: value for key, value in rest.declared[-1].items() if key != "timeZone"} == declared
    file = io.StringIO()
    async with whole_server(_brain(), rest) as url:
        for options in ({"fresh": True, "adult": True}, {"mission": "A1", "fresh": True}, {}):
            lines = Typed("/quit") if "mission" in options else Typed("q")
            await chat(url, console=Console(file=file, width=80), lines=lines, **options)
    assert "adults only" not in file.getvalue(), "the answer was given, or a mission named, or the guest is known"
    assert [one.get("ageBand") for one in rest.declared[-2:]] == ["ADULT", None]


async def test_tips_and_the_aim_can_be_asked_for_and_what_was_forgotten_is_not_told_again() -> None:
    brain = _brain()
    brain.tip = "Instead of “Tal”, say more."
    status, text = await _visit(
        brain,
        Rest(),
        TURN,
        "/tips",
        "/aim",
        "/why",
        "/memory",
        "/forget nick lines",
        "/tips",
        "/why",
        "/end",
        mission="A1",
    )
    assert status == 0
    before, after = text.split("forgot: nick")
    assert before.count("Instead of “Tal”, say more.") == 2
    assert "Mood warm 59%" in before.split("A free talk with Noa.")[2]
    assert 'nick  Tally (from "Tal")' in before
    assert "No tips so far" in after
    assert "None of your lines was scored yet." in after
    assert "Instead of" not in after
    assert [frame.get("withTurns") for frame in brain.frames if frame["type"] == "memory.forget"] == [True]


async def test_a_script_is_played_and_ended(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text(f"{TURN}\n\nAnd how are you?\n")
    brain = _brain()
    status, text = await _visit(brain, Rest(), mission="A1", script=str(script))
    assert status == 0
    assert brain.queries == [{"model": "template:A1"}]
    assert f"You: {TURN}" in text
    assert len(brain.turns) == 2
    assert brain.frames[-1]["type"] == "session.end"
    assert "Not this time" in text


async def test_a_mission_that_ends_by_its_rules_shows_the_closing_line_then_the_summary(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("One.\nTwo.\nThree.\n")
    brain = _brain()
    brain.ends_after = 2
    brain.reply_text = "It was lovely to meet you."
    status, text = await _visit(brain, Rest(), persona="NOA_CALM", script=str(script))
    assert status == 0
    assert len(brain.turns) == 2
    assert text.count(brain.reply_text) == 2
    assert text.rindex(brain.reply_text) < text.index("Not this time")
    assert "session.end" not in [frame["type"] for frame in brain.frames]


async def test_a_line_that_lost_to_the_end_is_told_and_the_summary_shown() -> None:
    brain = _brain()
    brain.drops = [("received", "finish")]
    status, text = await _visit(brain, Rest(), TURN, mission="A1")
    assert status == 0
    assert "The talk was already over; that line was not said." in text
    assert "Not this time" in text
    assert brain.turns == {}


async def test_a_lost_connection_is_told_and_mended() -> None:
    brain = _brain()
    brain.drops = [("item", 1012)]
    status, text = await _visit(brain, Rest(), TURN, "/end", mission="A1")
    assert status == 0
    assert "[Connection lost." in text
    assert "[Connected again.]" in text
    assert len(brain.turns) == 1


async def test_leaving_without_ending() -> None:
    for lines in (("/quit",), ("^C", "^C")):
        brain = _brain()
        status, text = await _visit(brain, Rest(), *lines, mission="A1")
        assert status == 0
        assert "Left. The session ends by itself in two minutes." in text
        assert not any(frame["type"] == "session.end" for frame in brain.frames)


async def test_the_guest_is_kept_for_the_next_visit(config: Path) -> None:
    rest = Rest()
    brain = _brain()
    file = io.StringIO()
    console = Console(file=file, width=80, highlight=False)
    async with whole_server(brain, rest) as url:
        for fresh in (False, False, True):
            await chat(url, "A1", console=console, lines=Typed("/quit"), fresh=fresh)
        rest.refused = True
        await chat(url, "A1", console=console, lines=Typed("/quit"))
    assert rest.guests == 3
    assert file.getvalue().count("Welcome back. You have 126 XP, 15 coins, 1 gem.") == 1
    assert "no longer known here" in file.getvalue()


async def test_nobody_there_is_one_clear_sentence() -> None:
    file = io.StringIO()
    async with whole_server(_brain(), Rest()) as url:
        pass
    status = await chat(url, "A1", console=Console(file=file, width=80), lines=Typed(None))
    assert status == 1
    assert file.getvalue().replace("\n", " ").strip() == f"No server at {url}. Start one with: make run"


@pytest.mark.parametrize("url", ["foo", "ftp://here", "http://", "http://host:port", "127.0.0.1:8000"])
async def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    file = io.StringIO()
    assert await chat(url, "A1", console=Console(file=file, width=200), lines=Typed(None)) == 1
    assert file.getvalue().startswith(f"{url} is not the address of a server.")


async def test_another_server_is_told_from_one_of_ours() -> None:
    async def other(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        return 404, {"title": "Not Found"}

    file = io.StringIO()
    async with whole_server(_brain(), other) as url:
        assert await chat(url, "A1", console=Console(file=file, width=200), lines=Typed(None)) == 1
    assert "but it is no socialgym server" in file.getvalue()


async def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    file = io.StringIO()
    script = str(tmp_path / "none.txt")
    assert await chat("http://127.0.0.1:9", "A1", console=Console(file=file, width=200), script=script) == 1
    assert file.getvalue() == f"Can't read the script {script}: No such file or directory\n"


async def test_a_persona_that_says_nothing_first_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.chat.talk.GREETING", 0.1)
    brain = _brain()
    brain.opening = None
    status, text = await _visit(brain, Rest(), TURN, "/end", mission="A1")
    assert status == 0
    assert "Score 76" in text


async def test_a_line_that_comes_while_the_learner_types_is_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever had the persona speak (a slow opening, a second device): its line does not wait for ours."""
    monkeypatch.setattr("server.chat.talk.GREETING", 0.0)
    file = io.StringIO()
    brain = _brain()
    brain.opens.clear()

    class Typing(Typed):
        """At the prompt until the persona was heard."""

        async def next(self, prompt: str) -> str | None:
            brain.opens.set()
            async with asyncio.timeout(10):
                while "Noa: I have too much bread." not in file.getvalue():
                    await asyncio.sleep(0.01)
            return await super().next(prompt)

    async with whole_server(brain, Rest()) as url:
        assert await chat(url, "A1", console=Console(file=file, width=80), lines=Typing("/end")) == 0
    assert file.getvalue().count("Noa: I have too much bread.") == 1


def test_bad_usage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as bad:
        run_chat(["--mission", "A", "--persona", "B"])
    assert bad.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
