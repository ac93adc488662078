"""The terminal client against the real server: a mission from the first line to the payout."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from server.chat.app import chat
from server.chat.store import AccountFile
from server.client import Api
from tests.support import RunningServer

MISSION = "OPENERS_CAFE_HELLO"
LINES = (
    "Hi, I'm Tal. That looks like a lovely cake, which one is better?",
    "/why",
    "I love lemon cake because my grandmother made one on Sundays. Do you bake as well?",
    "/memory",
    "I live in Haifa and I walk here on Sundays. What do you order when nobody is looking?",
    "That made me laugh, thank you. Would you like to share the table for a while?",
    "I would love to hear more about that. Shall we have another coffee?",
    "It was so good to meet you, Maya. See you next Sunday?",
)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept guest of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


async def played(url: str, script: Path, *lines: str, **choice: Any) -> str:
    """What the terminal shows of a visit that says these lines."""
    script.write_text("\n".join(lines) + "\n")
    file = io.StringIO()
    status = await chat(url, script=str(script), console=Console(file=file, width=80, highlight=False), **choice)
    text = file.getvalue()
    assert status == 0, text
    return text


async def test_a_mission_is_played_and_paid_and_the_wallet_equals(server: RunningServer, tmp_path: Path) -> None:
    text = await played(server.url, tmp_path / "script.txt", *LINES, mission=MISSION)
    rows = [" ".join(row.split()) for row in text.splitlines()]

    assert text.index("\nMaya: ") < text.index("\nYou: ")  # the persona speaks first, and is heard first
    assert 'remembers: name = Tal (from "I\'m Tal")' in text
    assert text.index("Why \"Hi, I'm Tal. That looks") < text.index("What Maya remembers:") < text.index("─ Success ")
    assert any(row.startswith("Enough messages passed") for row in rows)

    async with Api(server.url, vault=AccountFile(server.url)) as api:
        await api.refresh()
        wallet = await api.wallet()
        entries = await api.ledger()
        stored = await api.get("/v1/sessions")
    sums = {"xp": 0, "coins": 0, "gems": 0}
    for entry in entries:
        sums[entry["currency"].lower()] += entry["amount"]
    assert {name: wallet[name] for name in sums} == sums
    assert sums["xp"] > 40  # the mission's bonus, and what the lines earned
    for name, row in (("xp", "XP"), ("coins", "Coins"), ("gems", "Gems")):
        assert f"{row} 0 +{sums[name]} {sums[name]}" in rows
    told = f"Your wallet now: {sums['xp']} XP, {sums['coins']} coins, {sums['gems']} gems, as the summary says."
    assert told in text
    assert len(stored["items"]) == 1


async def test_the_same_guest_comes_back_and_the_persona_remembers(server: RunningServer, tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    free: dict[str, Any] = {"persona": "NOA_CALM"}
    await played(server.url, script, "Hello, I'm Tal and I live in Haifa.", **free)
    text = await played(server.url, script, "/memory", "/edit home Jaffa", "/forget name", "/memory", **free)
    assert re.search(r"Welcome back\. You have \d+ XP", text)
    first, second = text.split("What Noa remembers:")[1:]
    assert re.search(r"name +Tal", first)
    assert "remembers: home = Jaffa (before: Haifa)" in text
    assert "forgot: name" in text
    assert re.search(r"home +Jaffa", second)
    assert "Tal" not in second.split("─")[0]
    assert "Ended early" in text
    assert "No message was sent." in text
