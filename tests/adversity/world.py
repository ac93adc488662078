"""What the learners of one fleet process share: how they behave, where the servers are, and what is counted."""

import random
from collections.abc import Awaitable, Callable

import httpx
import msgspec

from tests.adversity.journal import Journal
from tests.adversity.wires import Nodes

SHAPE = 0.25  # seconds, of the full jitter before a new try


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How the fleet behaves; chances are per turn or per talk as said.

    ``window``: turns under way at once. ``turns``: mean of a talk. ``tear``: a socket is torn, per turn. ``repeat``:
    a turn is sent twice at once. ``rest``: a turn goes over REST. ``reply``: the persona is asked, per turn.
    ``follow``: a second socket on another process, per talk. ``patience``: seconds without a frame, while something
    is awaited, after which a socket is given up.
    """

    window: int = 4
    turns: float = 16.0
    tear: float = 0.02
    repeat: float = 0.05
    rest: float = 0.06
    reply: float = 0.03
    follow: float = 0.15
    patience: float = 12.0


class World(msgspec.Struct, kw_only=True):
    """What the learners of one fleet process share. ``turn_allowed`` waits for the next turn's place in the rate.
    ``counts``: figures by name. ``latencies``: seconds from first sending to acknowledgement. ``slowest_end``:
    seconds from when an end was asked for to its summary, and the session."""

    nodes: Nodes
    journal: Journal
    http: httpx.AsyncClient
    habits: Habits
    dice: random.Random
    turn_allowed: Callable[[], Awaitable[None]]
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    latencies: list[float] = msgspec.field(default_factory=list)
    slowest_end: tuple[float, str] = (0.0, "")
    settling: bool = False

    def count(self, name: str, amount: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + amount
