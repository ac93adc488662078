"""The road and what it unlocks, over lanes made for the purpose."""

from itertools import chain, combinations
from uuid import UUID, uuid5

import msgspec
import pytest

from realtime.road import Mission, category_status, is_unlocked, road, unlocked_by
from storage.catalogue.loader import load
from storage.catalogue.model import Category, Template
from storage.catalogue.store import PublishedTemplate, Shelf
from storage.errors import NotFound

SHIPPED = load()
ANY = next(iter(SHIPPED.templates.values()))
SPACE = UUID(int=7)


def category(code: str, order: int) -> Category:
    return Category(code=code, label=code.title(), description="-", audience="ALL", order=order)


def shelf(*missions: tuple[str, str, int, str], inactive: str = "") -> Shelf:
    """Missions as (category, lane, order, code); the categories ZED (10), ALPHA (20) and EMPTY (30)."""
    made = {}
    for category_code, lane, order, code in missions:
        template: Template = msgspec.structs.replace(
            ANY, code=code, category=category_code, lane=lane, order=order, active=code != inactive
        )
        made[code] = PublishedTemplate(uuid5(SPACE, code), uuid5(SPACE, code + "/1"), template)
    categories = {c.code: c for c in (category("ALPHA", 20), category("ZED", 10), category("EMPTY", 30))}
    return Shelf(categories, {}, made, "digest")


def done(*codes: str) -> set[UUID]:
    return {uuid5(SPACE, code) for code in codes}


LANE = shelf(*(("ZED", "ZED_MAIN", n, f"Z{n}") for n in (3, 1, 2, 4)))
WIDE = shelf(
    ("ALPHA", "ALPHA_MAIN", 1, "A1"),
    ("ZED", "ZED_SIDE", 1, "S1"),
    ("ZED", "ZED_MAIN", 2, "Z2"),
    ("ZED", "ZED_MAIN", 1, "Z1"),
    ("ALPHA", "ALPHA_MAIN", 2, "A2"),
)


def states(missions: tuple[Mission, ...]) -> list[str]:
    """``Z1 UNLOCKED*``: the star marks the current one."""
    return [f"{m.published.template.code} {m.status}{'*' if m.is_current else ''}" for m in missions]


def test_a_new_learner_finds_the_first_mission_of_every_lane_open() -> None:
    assert states(road(WIDE, set())) == ["Z1 UNLOCKED*", "Z2 LOCKED", "S1 UNLOCKED*", "A1 UNLOCKED*", "A2 LOCKED"]


def test_completing_one_opens_the_next_and_no_other() -> None:
    assert states(road(LANE, done("Z1"))) == ["Z1 COMPLETED", "Z2 UNLOCKED*", "Z3 LOCKED", "Z4 LOCKED"]


def test_a_completed_lane_has_no_current_mission() -> None:
    assert states(road(LANE, done("Z1", "Z2", "Z3", "Z4"))) == [f"Z{n} COMPLETED" for n in (1, 2, 3, 4)]


def test_a_mission_put_before_a_completed_one_is_current_again() -> None:
    """The catalogue grew at the front: what was reached stays, the new one is the first to do."""
    assert states(road(LANE, done("Z2"))) == ["Z1 UNLOCKED*", "Z2 COMPLETED", "Z3 UNLOCKED", "Z4 LOCKED"]


def test_what_was_opened_stays_open() -> None:
    opened = road(LANE, set(), done("Z3"))
    assert states(opened) == ["Z1 UNLOCKED*", "Z2 LOCKED", "Z3 UNLOCKED", "Z4 LOCKED"]
    assert is_unlocked(LANE, "Z3", set(), done("Z3"))
    assert not is_unlocked(LANE, "Z3", set())


def test_inactive_missions_stand_aside() -> None:
    gap = shelf(*(("ZED", "ZED_MAIN", n, f"Z{n}") for n in (1, 2, 3)), inactive="Z2")
    assert states(road(gap, done("Z1"))) == ["Z1 COMPLETED", "Z3 UNLOCKED*"]
    with pytest.raises(NotFound):
        is_unlocked(gap, "Z2", done("Z1"))
    with pytest.raises(NotFound):
        unlocked_by(gap, set(), "Z2")


def test_completed_missions_may_be_played_again() -> None:
    assert is_unlocked(LANE, "Z2", done("Z2"))
    assert is_unlocked(LANE, "Z1", done("Z1", "Z2"))


@pytest.mark.parametrize(
    ("before", "code", "opened"),
    [((), "Z1", ["Z2"]), (("Z1",), "Z1", []), (("Z2",), "Z1", []), (("Z1",), "Z2", ["Z3"]), ((), "Z4", [])],
)
def test_unlocked_by(before: tuple[str, ...], code: str, opened: list[str]) -> None:
    assert unlocked_by(LANE, done(*before), code) == opened


def test_unlocked_by_leaves_out_what_was_open() -> None:
    assert unlocked_by(LANE, set(), "Z1", done("Z2")) == []


def test_the_three_agree_for_every_state_of_a_lane() -> None:
    codes = ("Z1", "Z2", "Z3", "Z4")
    for before in chain.from_iterable(combinations(codes, n) for n in range(5)):
        stands = {m.published.template.code: m.status for m in road(LANE, done(*before))}
        assert sum(m.is_current for m in road(LANE, done(*before))) == (len(before) < 4)
        for code in codes:
            assert is_unlocked(LANE, code, done(*before)) == (stands[code] != "LOCKED")
            after = {m.published.template.code: m.status for m in road(LANE, done(*before, code))}
            opened = [c for c in codes if stands[c] == "LOCKED" and after[c] == "UNLOCKED"]
            assert unlocked_by(LANE, done(*before), code) == opened


def test_a_category_is_completed_with_its_last_mission_and_stays_so() -> None:
    assert category_status(WIDE, "ZED", done("Z1", "Z2"), None) == "UNLOCKED"
    assert category_status(WIDE, "ZED", done("Z1", "Z2", "S1"), "UNLOCKED") == "COMPLETED"
    assert category_status(WIDE, "ZED", set(), "COMPLETED") == "COMPLETED"
    assert category_status(WIDE, "EMPTY", done("Z1"), None) == "LOCKED"
    assert category_status(WIDE, "EMPTY", set(), "UNLOCKED") == "UNLOCKED"
