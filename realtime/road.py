"""The road: which missions stand open to a user. Derived from the published lanes and what the user completed.

In a lane the first mission is UNLOCKED, and each next one when the one before it is COMPLETED. What was opened
once stays open: a stored UNLOCKED row (``unlocked`` here) outlives a catalogue that puts a new mission before it.
"""

from collections.abc import Set
from typing import Literal
from uuid import UUID

import msgspec

from storage.catalogue.store import PublishedTemplate, Shelf

Status = Literal["LOCKED", "UNLOCKED", "COMPLETED"]
NOTHING: frozenset[UUID] = frozenset()


class Mission(msgspec.Struct, frozen=True):
    """A mission as it stands for one user. ``is_current``: the first of its lane that is open and not completed,
    so at most one of a lane."""

    published: PublishedTemplate
    status: Status
    is_current: bool


def road(shelf: Shelf, completed: Set[UUID], unlocked: Set[UUID] = NOTHING) -> tuple[Mission, ...]:
    """Every active mission, ordered by its category's order, then its lane's name, then its place in the lane.

    ``completed`` and ``unlocked``: template ids. Ids that are not on the shelf any more are passed over.
    """
    lanes = sorted(
        shelf.lanes.items(),
        key=lambda lane: (_category_order(shelf, lane[1][0]), lane[1][0].template.category, lane[0]),
    )
    return tuple(mission for _, lane in lanes for mission in _walk(lane, completed, unlocked))


def is_unlocked(shelf: Shelf, template_code: str, completed: Set[UUID], unlocked: Set[UUID] = NOTHING) -> bool:
    """Whether the mission may be started: it is open or completed. Raises ``NotFound`` for one that is not active."""
    wanted = shelf.template(template_code)
    lane = _walk(shelf.lanes[wanted.template.lane], completed, unlocked)
    return any(mission.published.id == wanted.id and mission.status != "LOCKED" for mission in lane)


def unlocked_by(
    shelf: Shelf, completed_before: Set[UUID], completed_code: str, unlocked: Set[UUID] = NOTHING
) -> list[str]:
    """The codes of the missions that were LOCKED and that completing this one opens, in the lane's order.

    Empty when it was completed before, is the last of its lane, or opens only what was open. Raises ``NotFound``
    for a mission that is not active.
    """
    done = shelf.template(completed_code)
    lane = shelf.lanes[done.template.lane]
    before = _walk(lane, completed_before, unlocked)
    after = _walk(lane, {*completed_before, done.id}, unlocked)
    return [
        now.published.template.code
        for was, now in zip(before, after, strict=True)
        if was.status == "LOCKED" and now.status == "UNLOCKED"
    ]


def category_status(shelf: Shelf, category: str, completed: Set[UUID], stored: str | None) -> Status:
    """A category is COMPLETED when it has an active mission and all of them are completed, and stays so once it
    was stored; UNLOCKED with its first open mission, which the first of every lane is; LOCKED while it has none.

    ``stored``: the status in the user's row, None without one.
    """
    missions = shelf.in_category(category)
    if stored == "COMPLETED" or (missions and all(mission.id in completed for mission in missions)):
        return "COMPLETED"
    return "UNLOCKED" if missions or stored == "UNLOCKED" else "LOCKED"


def _category_order(shelf: Shelf, published: PublishedTemplate) -> int:
    return shelf.categories[published.template.category].order


def _walk(lane: list[PublishedTemplate], completed: Set[UUID], unlocked: Set[UUID]) -> list[Mission]:
    """One lane, in its order."""
    missions: list[Mission] = []
    opens = True
    current_found = False
    for published in lane:
        status: Status = "LOCKED"
        if published.id in completed:
            status = "COMPLETED"
        elif opens or published.id in unlocked:
            status = "UNLOCKED"
        is_current = status == "UNLOCKED" and not current_found
        current_found = current_found or is_current
        missions.append(Mission(published, status, is_current))
        opens = status == "COMPLETED"
    return missions
