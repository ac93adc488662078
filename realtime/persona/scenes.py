"""Where the talk is held and what it is for, as anybody there would let it be heard: words that belong to no persona.

``aside``: on the place, where the learner has left a pause. ``nudge``: towards what the learner came for, where the
talk has stood still for as long as the mission's difficulty lets it. Both are data (``data/scenes.json``).
"""

from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from storage.catalogue.model import Difficulty, GoalType, Line, LocationTag, ObjectiveKind, Template

_DATA: Final = Path(__file__).parent / "data" / "scenes.json"
Mode = Literal["CHAT", "REAL_LIFE"]
# Replies for which the talk may stand still before a nudge comes; at ELITE nobody helps.
PATIENCE: Final[dict[Difficulty, int | None]] = {"EASY": 2, "MEDIUM": 3, "HARD": 4, "ELITE": None}


class Scenes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``nudges`` by objective; an objective of the template's own (CUSTOM) takes those of its goal type.
    ``not_told``: to a learner who asks what they have never told."""

    version: int
    places: dict[LocationTag, dict[Mode, tuple[Line, ...]]]
    nudges: dict[ObjectiveKind, tuple[Line, ...]]
    goal_nudges: dict[GoalType, tuple[Line, ...]]
    made_of: tuple[Line, ...]
    not_told: tuple[Line, ...]


@cache
def scenes() -> Scenes:
    return msgspec.json.decode(_DATA.read_bytes(), type=Scenes)


def asides(location: LocationTag, mode: Mode) -> tuple[str, ...]:
    """What one might say of the place. In a chat it is the place that the persona writes from."""
    return scenes().places[location][mode]


def nudges(kind: ObjectiveKind, template: Template, stood: int) -> tuple[str, ...]:
    """What helps the talk on after it has stood still for ``stood`` replies; nothing while there is patience."""
    patience = PATIENCE[template.difficulty]
    if patience is None or stood <= patience:
        return ()
    return scenes().nudges.get(kind) or scenes().goal_nudges[template.goal_type]


def made_of(name: str) -> tuple[str, ...]:
    """What every persona says when asked whether it is a person: that it is none."""
    return tuple(line.replace("{name}", name) for line in scenes().made_of)
