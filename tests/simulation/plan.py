"""What happens in a universe, drawn from its seed before it begins: who talks, how, and what goes wrong when.

The faults are a list, so that one can be left out and the rest stays as it was: that is how a failure is made small.
"""

from random import Random
from typing import Literal

import msgspec

FREE = "persona:MAYA_PLAYFUL"
TALK_SECONDS = 0.9  # how long devices talk
ACTIVE_SECONDS = 1.3  # how long things go wrong; where all end together, they do between the two. Then all heals

FaultKind = Literal[
    "crash", "pause", "writer", "pool", "restart", "device", "drain", "slow", "finalize", "late", "bus", "outside"
]
KINDS: tuple[FaultKind, ...] = (
    *("crash", "crash", "crash", "pause", "pause", "writer", "writer", "pool"),
    *("restart", "device", "device", "drain", "slow", "finalize", "late", "bus", "outside"),
)


class Fault(msgspec.Struct, frozen=True):
    """``at``: seconds. ``after``: callbacks of the process from then on, so that a crash meets any await.
    ``seconds``: how long it lasts. ``arrives``: whether what is on its way to the database still arrives.
    ``process`` and ``device``: which (modulo how many there are). ``late``: the next process that draws a serial of
    the outbox stands still before it commits."""

    kind: FaultKind
    at: float
    after: int
    seconds: float
    arrives: bool
    process: int
    device: int


class Talk(msgspec.Struct, frozen=True):
    """A practice session. ``left``: nobody ends it and all go, so the sweeper must end it."""

    model: str
    user: int
    devices: int
    left: bool


class Plan(msgspec.Struct, frozen=True):
    """``lost_answers``: the part of answers that never arrive. ``slow_flush``: commits take long, so that many
    sessions share one. ``together``: all sessions are ended at once, over any process, while things go wrong.
    ``silence``: in the end the devices stay and say nothing for longer than a session may lie idle. ``bus``: none
    (processes find out by what they miss), or one that may lose messages."""

    seed: int
    processes: int
    talks: tuple[Talk, ...]
    pace: float
    lost_answers: float
    slow_flush: float
    together: bool
    silence: bool
    bus: Literal["none", "up", "lossy"]
    faults: tuple[Fault, ...]


def plan_of(seed: int, missions: tuple[str, ...]) -> Plan:
    """``missions``: codes of templates that a new user may play."""
    draw = Random(seed * 2 + 1)
    if draw.random() < 0.1:
        return _race_of_ends(seed, draw)
    talks = tuple(
        Talk(
            user=draw.randrange(2),
            model=FREE if draw.random() < 0.6 else f"template:{draw.choice(missions)}",
            devices=draw.choice((1, 1, 2, 3)),
            left=draw.random() < 0.25,
        )
        for _ in range(draw.choice((1, 1, 2, 2)))
    )
    faults = [
        Fault(
            kind=draw.choice(KINDS),
            at=draw.uniform(0.0, ACTIVE_SECONDS),
            after=draw.randrange(60),
            seconds=draw.choice((0.05, 0.3, 1.2)) * draw.uniform(0.5, 1.5),
            arrives=draw.random() < 0.5,
            process=draw.randrange(12),
            device=draw.randrange(12),
        )
        for _ in range(draw.choice((0, 1, 2, 3, 5)))
    ]
    return Plan(
        seed=seed,
        processes=draw.choice((1, 2, 2, 3)),
        talks=talks,
        pace=draw.choice((0.04, 0.08, 0.15)),
        lost_answers=draw.choice((0.0, 0.0, 0.02, 0.08)),
        slow_flush=draw.choice((0.002, 0.002, 0.03)),
        together=draw.random() < 0.3,
        silence=draw.random() < 0.1,
        bus=draw.choice(("none", "up", "lossy")),
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
    )


def _race_of_ends(seed: int, draw: Random) -> Plan:
    """Two users' sessions end at once on several processes, and one of the two commits late."""
    late = Fault(
        kind="late",
        at=TALK_SECONDS * 0.9,
        after=0,
        seconds=draw.uniform(0.6, 1.8),
        arrives=True,
        process=0,
        device=0,
    )
    talks = tuple(Talk(model=FREE, user=user, devices=draw.choice((1, 2)), left=False) for user in range(2))
    return Plan(
        seed=seed,
        processes=draw.choice((2, 3, 3)),
        talks=talks,
        pace=0.15,
        lost_answers=0.0,
        slow_flush=0.002,
        together=True,
        silence=False,
        bus="none",
        faults=(late,),
    )
