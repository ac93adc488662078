"""What the load generator is told and what it answers: one JSON document each way."""

import math

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where a server listens."""

    host: str
    port: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the generator. Times in seconds.

    ``tokens``: one a connection, in the order of use: first the ``sockets`` that talk, then ``spares`` (each takes
    the place of a socket that has said ``turns_per_socket`` lines), then ``idle`` ones that say nothing.
    Connections are dealt to ``places`` in turn.
    ``rate``: turns a second over all sockets (an open loop: latency counts from when a turn was due, so a server
    that stalls is not asked less); None: a closed loop, each socket says its next line when it has its score.
    ``watch``: process ids by name, whose CPU time is taken over the measured window.
    """

    places: list[Place]
    path: str
    tokens: list[str]
    sockets: int
    spares: int = 0
    idle: int = 0
    turns_per_socket: int = 950
    warm_seconds: float = 1.0
    seconds: float = 5.0
    rate: float | None = None
    patience: float = 15.0
    watch: dict[str, list[int]] = {}
    run: str = "run"


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    worst: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """``turns``: acknowledged and scored within the window of ``seconds``; ``acknowledged_ever``: in the whole run,
    warming up included, for whoever counts what was stored. ``cpu``: seconds of CPU in the window, by name;
    ``generator`` is this process, ``others`` what else worked on the machine (ticks of 10 ms: it may come out a
    little below zero). ``errors``: how often each kind happened in the whole run."""

    turns: int
    seconds: float
    turns_per_second: float
    acknowledgement: Latency
    score: Latency
    acknowledged_ever: int
    bytes_received: int
    cpu: dict[str, float]
    errors: dict[str, int]


def latency_of(seconds: list[float]) -> Latency:
    """Percentiles by nearest rank; zeros when nothing was measured."""
    if not seconds:
        return Latency(0.0, 0.0, 0.0, 0.0)
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1e3, 3)

    return Latency(at(0.50), at(0.95), at(0.99), at(1.0))
