"""Choosing: two screens that fit 80 by 24 whatever the catalogue, locks, and what a typed answer means."""

import io
from typing import Any

import pytest
from rich.console import Console

from server.chat.lobby import (
    Lobby,
    answered_category,
    answered_home,
    category_view,
    choose,
    home_view,
)
from storage.catalogue.loader import load
from tests.client.test_views import shown

ROAD = [
    {"code": "A1", "title": "First hello", "status": "COMPLETED", "isCurrent": False},
    {"code": "A2", "title": "Second hello", "status": "UNLOCKED", "isCurrent": True},
    {"code": "A3", "title": "Third hello", "status": "LOCKED", "isCurrent": False},
]
ROAD = [item | {"categoryKey": "OPENERS", "difficulty": "EASY", "personaKey": "NOA_CALM"} for item in ROAD]
PERSONAS = [{"code": "NOA_CALM", "name": "Noa", "bio": "Noa is thirty-four and bakes 3.5 loaves a day. She is tall."}]
CATEGORIES = [{"code": "OPENERS", "label": "Openers", "description": "The first half minute."}]
SMALL = Lobby(road=ROAD, categories=CATEGORIES, personas=PERSONAS, aims={"A2": "Start a talk"})


def shipped() -> Lobby:
    """The lobby of a new adult, as REST gives it."""
    catalogue, first = load(), set()
    road: list[dict[str, Any]] = []
    order = {code: category.order for code, category in catalogue.categories.items()}
    for template in sorted(catalogue.templates.values(), key=lambda t: (order[t.category], t.lane, t.order)):
        opens = template.lane not in first
        first.add(template.lane)
        road.append(
            {"code": template.code, "title": template.title, "categoryKey": template.category}
            | {"difficulty": template.difficulty, "personaKey": template.persona}
            | {"status": "UNLOCKED" if opens else "LOCKED", "isCurrent": opens}
        )
    return Lobby(
        road=road,
        categories=[
            {"code": c.code, "label": c.label, "description": c.description} for c in catalogue.categories.values()
        ],
        personas=[{"code": p.code, "name": p.name, "bio": p.bio} for p in catalogue.personas.values()],
        aims={t.code: t.mission_config_v1.objective.user_title for t in catalogue.templates.values()},
    )


@pytest.mark.parametrize("width", [60, 80, 200])
def test_what_is_shipped_fits_on_one_screen_each(width: int) -> None:
    lobby = shipped()
    home = shown(home_view(lobby), width=width)
    assert len(home.splitlines()) <= 22, "a prompt and a line typed wrong have their place too"
    for persona in lobby.personas:
        rows = [row for row in home.splitlines() if f"  {persona['name']} " in row]
        assert len(rows) == 1, "one line of bio each"
    told = ""
    for category in lobby.shown_categories():
        screen = shown(category_view(lobby, category), width=width)
        assert len(screen.splitlines()) <= 22
        told += screen
    for item in lobby.road:
        assert item["title"] in told
        assert f"{item['difficulty'].lower()}, with {lobby.name(item['personaKey'])}: " in told
    assert told.count("  locked") == sum(item["status"] == "LOCKED" for item in lobby.road)


def rows_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_first_screen_counts_and_names_what_comes_next() -> None:
    rows = rows_of(shown(home_view(SMALL)))
    assert "1 Openers 1 of 3 done, next: Second hello (easy)" in rows
    assert "2 Noa thirty-four and bakes 3.5 loaves a day" in rows
    assert "Type a number or a name. Enter plays “Second hello” with Noa; q leaves." in rows


def test_a_category_shows_locks_aims_and_what_comes_next() -> None:
    rows = rows_of(shown(category_view(SMALL, CATEGORIES[0])))
    assert "The first half minute." in rows
    assert rows[rows.index("1 First hello done") + 1] == "easy, with Noa"
    assert rows[rows.index("2 Second hello next") + 1] == "easy, with Noa: Start a talk"
    assert "3 Third hello locked" in rows


def test_a_mission_of_a_category_that_is_not_listed_is_shown_all_the_same() -> None:
    lobby = Lobby(road=ROAD, categories=[], personas=[])
    assert "1 Openers 1 of 3 done, next: Second hello (easy)" in rows_of(shown(home_view(lobby)))
    assert answered_home("1", lobby).category is not None


@pytest.mark.parametrize(
    ("answer", "model"),
    [
        ("", "template:A2"),
        (" a1 ", "template:A1"),
        ("2", "persona:NOA_CALM"),
        ("noa", "persona:NOA_CALM"),
        ("NOA_CALM", "persona:NOA_CALM"),
    ],
)
def test_picking_on_the_first_screen(answer: str, model: str) -> None:
    choice = answered_home(answer, SMALL).choice
    assert choice is not None
    assert choice.model == model


@pytest.mark.parametrize("answer", ["1", "openers", "OPENERS", "pen"])
def test_a_category_is_looked_into(answer: str) -> None:
    found = answered_home(answer, SMALL)
    assert found.choice is None
    assert found.category == CATEGORIES[0]


@pytest.mark.parametrize(("answer", "model"), [("", "A2"), ("1", "A1"), ("second hello", "A2"), ("a2", "A2")])
def test_picking_in_a_category(answer: str, model: str) -> None:
    choice = answered_category(answer, SMALL, CATEGORIES[0]).choice
    assert choice is not None
    assert choice.model == f"template:{model}"


@pytest.mark.parametrize(
    ("answer", "why"),
    [("3", "“Third hello” is still locked. Complete “Second hello” first."), ("4", "1 to 3"), ("²", "1 to 3")],
)
def test_what_cannot_be_picked_is_said(answer: str, why: str) -> None:
    found = answered_category(answer, SMALL, CATEGORIES[0])
    assert (found.choice, found.category) == (None, None)
    assert why in found.why
    for bad in ("3", "0", "?", "9" * 5_000, "o"):
        assert "1 to 2" in answered_home(bad, SMALL).why


def test_with_every_mission_locked_a_persona_is_offered() -> None:
    locked = Lobby(
        road=[item | {"status": "LOCKED", "isCurrent": False} for item in ROAD], categories=[], personas=[]
    )
    assert answered_home("", locked).why == "No mission is open; pick a persona."


class Typed:
    shown = True

    def __init__(self, *lines: str | None) -> None:
        self._lines = list(lines)

    async def next(self, prompt: str) -> str | None:
        return self._lines.pop(0)


@pytest.mark.parametrize(
    ("lines", "model"),
    [
        (("1", "b", "noa"), "persona:NOA_CALM"),
        (("openers", "3", "2"), "template:A2"),
        (("1", ""), "template:A2"),
        (("1", "q"), None),
        ((None,), None),
    ],
)
async def test_walking_through_the_screens(lines: tuple[str | None, ...], model: str | None) -> None:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    choice = await choose(console, Typed(*lines), SMALL)
    assert (choice.model if choice else None) == model
