"""Choosing what to practise: the categories with their missions and locks, and the personas for a free talk.

Two screens, each within 80 by 24: first the categories and the personas, then the missions of one category.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from server.chat.lines import Lines
from server.chat.views import Clipped
from server.chat.words import human, plain

STATUS_WORDS = {"COMPLETED": ("done", "green"), "LOCKED": ("locked", "dim"), "UNLOCKED": ("open", "")}
LEAVE = frozenset({"q", "quit", "/quit", "/q", "exit"})
BACK = frozenset({"b", "back", "/back"})
# The first sentence of a bio, up to its full stop (not one inside a number) or a colon.
_FIRST_SENTENCE = re.compile(r".+?(?=[.:](?:\s|$)|$)", re.S)

Item = dict[str, Any]


class Choice(msgspec.Struct, frozen=True):
    """What to connect to: the protocol's ``model``, and words for it."""

    model: str
    title: str


class Lobby(msgspec.Struct, frozen=True):
    """What there is to choose from, as REST lists it. ``aims``: a mission's objective in words, by its code."""

    road: list[Item]
    categories: list[Item]
    personas: list[Item]
    aims: dict[str, str] = {}

    def missions(self, category: Item) -> list[Item]:
        return [item for item in self.road if item["categoryKey"] == category["code"]]

    def shown_categories(self) -> list[Item]:
        """Those with a mission; one that the list of categories lacks is made of its missions."""
        known = {str(category["code"]): category for category in self.categories}
        for item in self.road:
            known.setdefault(item["categoryKey"], {"code": item["categoryKey"]})
        return [category for category in known.values() if self.missions(category)]

    def name(self, persona_key: str) -> str:
        """A persona's name by its code."""
        found = (persona for persona in self.personas if persona_code(persona) == persona_key)
        return plain(next(found, {}).get("name") or human(persona_key))


def persona_code(persona: Item) -> str:
    return str(persona.get("code") or persona.get("personaKey"))


def current_mission(road: list[Item]) -> Item | None:
    """The first mission to play now: a current one, else any that is open."""
    marked = [item for item in road if item.get("isCurrent")]
    return next(iter(marked or [item for item in road if item["status"] != "LOCKED"]), None)


# --- what is shown ------------------------------------------------------------------------------------------------


def home_view(lobby: Lobby) -> RenderableType:
    """The categories, numbered from 1, and after them the personas."""
    categories = lobby.shown_categories()
    table = _numbered(categories, 1, (_label, lambda category: _standing(lobby, category)))
    parts: list[RenderableType] = [Text("Missions", "bold"), table]
    if lobby.personas:
        people = _numbered(lobby.personas, len(categories) + 1, (_person, _bio))
        parts += [Text("\nA free talk, without a mission", "bold"), people]
    return Group(*parts, Text(""), Text(_home_hint(lobby), "dim"))


def category_view(lobby: Lobby, category: Item) -> RenderableType:
    """One category's missions, numbered from 1, each with its aim."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True, min_width=2)
    table.add_column()
    for number, item in enumerate(lobby.missions(category), 1):
        word, style = _status(item)
        title = Text(plain(item["title"]), "dim" if item["status"] == "LOCKED" else "bold")
        table.add_row(Text(str(number)), title.append(f"  {word}", f"not bold {style}"))
        about = f"{human(item['difficulty'])}, with {lobby.name(item['personaKey'])}"
        if lobby.aims.get(item["code"]):
            about += f": {plain(lobby.aims[item['code']])}"
        table.add_row("", Clipped(about, "dim"))
    head: list[RenderableType] = [Text(f"\n{_label(category).plain}", "bold")]
    if category.get("description"):
        head.append(Text(plain(category["description"]), "dim"))
    current = current_mission(lobby.missions(category))
    enter = f"Enter plays “{plain(current['title'])}”, " if current else ""
    hint = f"Type a number. {enter}b goes back, q leaves."
    return Group(*head, Text(""), table, Text(""), Text(hint, "dim"))


def _numbered(items: list[Item], first: int, cells: tuple[Any, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True, min_width=2)
    table.add_column(no_wrap=True)
    table.add_column()
    for number, item in enumerate(items, first):
        table.add_row(Text(str(number)), *(cell(item) for cell in cells))
    return table


def _label(category: Item) -> Text:
    return Text(plain(category.get("label") or human(category["code"]).capitalize()), "bold")


def _standing(lobby: Lobby, category: Item) -> RenderableType:
    missions = lobby.missions(category)
    done = sum(item["status"] == "COMPLETED" for item in missions)
    line = f"{done} of {len(missions)} done"
    marked = [item for item in missions if item.get("isCurrent")]
    if marked:
        line += f", next: {plain(marked[0]['title'])} ({human(marked[0]['difficulty'])})"
    return Clipped(line, "green" if done == len(missions) else "")


def _person(persona: Item) -> Text:
    return Text(plain(persona.get("name") or persona_code(persona)), "bold")


def _bio(persona: Item) -> RenderableType:
    """The first sentence, without the name that stands beside it."""
    name, bio = plain(persona.get("name") or ""), plain(persona.get("bio") or human(str(persona.get("style") or "")))
    found = _FIRST_SENTENCE.match(bio)
    return Clipped((found.group() if found else bio).removeprefix(f"{name} is ").strip())


def _status(item: Item) -> tuple[str, str]:
    if item.get("isCurrent"):
        return "next", "bold yellow"
    return STATUS_WORDS.get(item["status"], (human(item["status"]), ""))


def _home_hint(lobby: Lobby) -> str:
    item = current_mission(lobby.road)
    if item is None:
        return "Type a number or a name; q leaves."
    what = f"“{plain(item['title'])}” with {lobby.name(item['personaKey'])}"
    return f"Type a number or a name. Enter plays {what}; q leaves."


# --- what a typed answer means ------------------------------------------------------------------------------------


class Answer(msgspec.Struct, frozen=True):
    """A choice; or a category to look into; or the sentence that says why neither."""

    choice: Choice | None = None
    category: Item | None = None
    why: str = ""


def answered_home(answer: str, lobby: Lobby) -> Answer:
    """On the first screen: a number, a name or a code; nothing is the current mission."""
    answer, categories = answer.strip(), lobby.shown_categories()
    if not answer:
        return _play(current_mission(lobby.road), lobby)
    known = _by_code(answer, lobby)
    if known is not None:
        return known
    named = [category for category in categories if answer.casefold() in _label(category).plain.casefold()]
    if len(named) == 1 and len(answer) > 1:
        return Answer(category=named[0])
    number = _number(answer, len(categories) + len(lobby.personas))
    if number is None:
        return Answer(why=f"Please type a number from 1 to {len(categories) + len(lobby.personas)}, or a name.")
    if number <= len(categories):
        return Answer(category=categories[number - 1])
    return _free_talk(lobby.personas[number - len(categories) - 1])


def answered_category(answer: str, lobby: Lobby, category: Item) -> Answer:
    """On a category's screen: a number, a title or a code; nothing is the category's current mission."""
    answer, missions = answer.strip(), lobby.missions(category)
    if not answer:
        return _play(current_mission(missions), lobby)
    for item in missions:
        if answer.casefold() == plain(item["title"]).casefold():
            return _play(item, lobby)
    known = _by_code(answer, lobby)
    if known is not None:
        return known
    number = _number(answer, len(missions))
    if number is None:
        return Answer(why=f"Please type a number from 1 to {len(missions)}, or b to go back.")
    return _play(missions[number - 1], lobby)


def _by_code(answer: str, lobby: Lobby) -> Answer | None:
    for item in lobby.road:
        if item["code"] == answer.upper():
            return _play(item, lobby)
    for persona in lobby.personas:
        if answer.casefold() in (persona_code(persona).casefold(), str(persona.get("name") or "").casefold()):
            return _free_talk(persona)
    return None


def _number(answer: str, most: int) -> int | None:
    # Up to three digits: a longer row of them is no number of a list, and may be too long to be read as one.
    fits = answer.isascii() and answer.isdecimal() and len(answer) < 4
    return int(answer) if fits and 1 <= int(answer) <= most else None


def _play(item: Item | None, lobby: Lobby) -> Answer:
    if item is None:
        return Answer(why="No mission is open; pick a persona.")
    if item["status"] == "LOCKED":
        before = [other for other in _until(item, lobby.road) if other["categoryKey"] == item["categoryKey"]]
        opened = [other for other in before if other.get("isCurrent")]
        first = f"“{plain(opened[-1]['title'])}”" if opened else "the mission before it"
        return Answer(why=f"“{plain(item['title'])}” is still locked. Complete {first} first.")
    return Answer(Choice(f"template:{item['code']}", plain(item["title"])))


def _until(item: Item, road: list[Item]) -> Iterable[Item]:
    return road[: road.index(item)]


def _free_talk(persona: Item) -> Answer:
    return Answer(Choice(f"persona:{persona_code(persona)}", f"a free talk with {plain(persona.get('name') or '')}"))


# --- asking -------------------------------------------------------------------------------------------------------


async def choose(console: Console, lines: Lines, lobby: Lobby) -> Choice | None:
    """Ask until something playable is picked; None when the learner leaves. Input that is not a person's
    is not asked: it plays the current mission."""
    if not lines.shown:
        answer = answered_home("", lobby)
        title = answer.choice.title if answer.choice else ""
        console.print(Text(answer.why or f"No mission was named, so this is the next one: {title}."))
        return answer.choice
    category: Item | None = None
    console.print(home_view(lobby))
    while True:
        typed = await lines.next("> ")
        word = "q" if typed is None else typed.strip().casefold()
        if word in LEAVE:
            return None
        if word in BACK:
            category = None
            console.print(home_view(lobby))
            continue
        answer = answered_home(word, lobby) if category is None else answered_category(word, lobby, category)
        if answer.choice is not None:
            return answer.choice
        if answer.category is not None:
            category = answer.category
            console.print(category_view(lobby, category))
        else:
            console.print(Text(answer.why, "yellow"))
