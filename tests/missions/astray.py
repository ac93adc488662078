"""Good talkers who aim at something else: each talks as well as the good player, for the goal of another category.

A mission that waits for what its objective is about stops them. So each graph keeps to these rules, which
``test_aims`` holds it to:

- Half of the progress (``GATE_OBJECTIVE_PROGRESS``) is behind the heart of the objective. A learner whose turns run
  out there would else have succeeded without it.
- The heart is asked for by edges of its own intents. An edge that nearly any sentence takes (ANSWERS,
  SHARES_ABOUT_SELF, ASKS_QUESTION) may lead up to it or follow it, and can't stand in for it.
- Both of two things are two nodes in a row, as a condition is a choice. All but something is an edge for that
  something in front, which leads aside: an apology or a refusal where nobody asked for one is answered as such.
- A line that falls short stays, and is led on by a ``stay`` line, or goes aside, with a way back.
"""

from collections.abc import Iterator

import msgspec

from storage.catalogue.model import GoalType
from tests.missions.players import GoodPlayer
from tests.missions.stage import Mission, Played, play

AIMS: tuple[tuple[str, GoalType], ...] = (
    ("OPENERS", "OPENING"),
    ("SMALL_TALK", "SOCIAL"),
    ("FLIRTING", "FLIRTING"),
    ("RECOVERY", "RECOVERY"),
    ("BOUNDARIES", "BOUNDARY"),
    ("JOB_INTERVIEW", "LOGISTICS"),
)


def with_aim(mission: Mission, category: str, goal: GoalType, seed: int) -> Played:
    """The mission, played by a good player who takes it for one of that category."""
    task = msgspec.structs.replace(mission.task, category=category, goal=goal)
    return play(mission, GoodPlayer(task, seed), seed)


def wrong_aims(mission: Mission) -> Iterator[tuple[str, GoalType]]:
    return ((category, goal) for category, goal in AIMS if category != mission.task.category)
