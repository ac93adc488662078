"""Choosing what to practise: the road of missions with their locks, and the personas for a free talk."""

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.chat.lines import Lines
from server.chat.words import human, plain

STATUS_WORDS = {"COMPLETED": ("done", "green"), "LOCKED": ("locked", "dim"), "UNLOCKED": ("open", "")}


class Choice(msgspec.Struct, frozen=True):
    """What to connect to: the protocol's ``model``, and words for it."""

    model: str
    title: str


def persona_code(persona: dict[str, Any]) -> str:
    return str(persona.get("code") or persona.get("personaKey"))


def current_mission(road: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first mission to play now: a current one, else any that is open."""
    marked = [item for item in road if item.get("isCurrent")]
    return next(iter(marked or [item for item in road if item["status"] != "LOCKED"]), None)


def road_table(road: list[dict[str, Any]], names: dict[str, str]) -> Table:
    """The missions, numbered from 1. ``names``: persona names by code."""
    table = Table(box=None, pad_edge=False)
    table.add_column("#", justify="right", header_style="dim")
    for name in ("mission", "category", "level", "with", ""):
        table.add_column(name, header_style="dim")
    for number, item in enumerate(road, 1):
        locked = item["status"] == "LOCKED"
        word, style = STATUS_WORDS.get(item["status"], (human(item["status"]), ""))
        if item.get("isCurrent"):
            word, style = "next", "bold yellow"
        table.add_row(
            str(number),
            Text(plain(item["title"]), "dim" if locked else "bold"),
            Text(human(item["categoryKey"])),
            Text(human(item["difficulty"])),
            Text(plain(names.get(item["personaKey"]) or human(item["personaKey"]))),
            Text(word, style),
        )
    return table


def persona_table(personas: list[dict[str, Any]], first: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for number, persona in enumerate(personas, first):
        about = plain(persona.get("bio") or human(str(persona.get("style") or "")))
        table.add_row(str(number), Text(plain(persona.get("name") or "")), Text(about))
    return table


def picked(answer: str, road: list[dict[str, Any]], personas: list[dict[str, Any]]) -> tuple[Choice | None, str]:
    """What a typed answer means: a choice, or None and the sentence that says why not. An empty answer is
    the current mission; a code is as good as a number."""
    answer = answer.strip()
    if not answer:
        item = current_mission(road)
        return (_mission(item), "") if item else (None, "No mission is open; pick a persona.")
    for item in road:
        if item["code"] == answer.upper():
            answer = str(road.index(item) + 1)
    if not answer.isdecimal() or not 1 <= int(answer) <= len(road) + len(personas):
        return None, f"Please type a number from 1 to {len(road) + len(personas)}."
    number = int(answer)
    if number > len(road):
        persona = personas[number - len(road) - 1]
        name = plain(persona.get("name") or "")
        return Choice(f"persona:{persona_code(persona)}", f"a free talk with {name}"), ""
    item = road[number - 1]
    if item["status"] == "LOCKED":
        return None, f"{plain(item['title'])} is still locked. Complete the mission before it first."
    return _mission(item), ""


def _mission(item: dict[str, Any]) -> Choice:
    return Choice(f"template:{item['code']}", plain(item["title"]))


async def choose(
    console: Console, lines: Lines, road: list[dict[str, Any]], personas: list[dict[str, Any]]
) -> Choice | None:
    """Ask until something playable is picked; None when the learner leaves. Input that is not a person's
    is not asked: it plays the current mission."""
    if not lines.shown:
        choice, why = picked("", road, personas)
        console.print(Text(why or f"No mission was named, so this is the next one: {choice and choice.title}."))
        return choice
    names = {persona_code(persona): str(persona.get("name") or "") for persona in personas}
    console.print(Text("Missions", "bold"), road_table(road, names), sep="\n")
    if personas:
        title = Text("\nFree talk, without a mission", "bold")
        console.print(title, persona_table(personas, len(road) + 1), sep="\n")
    console.print(Text("\nType a number. Enter plays the first mission marked next, q leaves.", "dim"))
    while True:
        answer = await lines.next("> ")
        if answer is None or answer.strip().lower() in ("q", "/quit", "quit"):
            return None
        choice, why = picked(answer, road, personas)
        if choice is not None:
            return choice
        console.print(Text(why, "yellow"))
