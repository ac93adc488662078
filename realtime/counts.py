"""What a process counts of its work: plain numbers that the hot path adds to, read when somebody asks for them.

Nothing here knows how they are shown. All of it happens on the event loop's thread, so there is no lock; an addition
is a few hundred nanoseconds.
"""

from bisect import bisect_left

# Seconds of an acknowledgement: half a millisecond is a commit on a fast disk, 50 ms the promise at half the peak.
ACKNOWLEDGED_WITHIN = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
COMMITTED_WITHIN = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
BATCH_STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # up to what the writer takes at once


class Distribution:
    """How often a value was at most each bound. ``within`` has one place a bound and a last one for what is more; the
    places are not cumulative."""

    __slots__ = ("bounds", "total", "within")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.within = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.within[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.within)


class Counts:
    """Since the process began.

    turns: of learners, committed here. missed_steps: found the head moved, and were made again. acknowledgement:
    seconds from a turn's arrival at its session to its events being handed to the sockets. batch_steps,
    batch_seconds: each group commit's size, and the seconds until its COMMIT returned. finalizations: ends that were
    brought to their summary here, repeated ones included; finalize_failures: those that failed. reconciliations:
    runs of the reconciler made here.
    """

    __slots__ = (
        "acknowledgement",
        "batch_seconds",
        "batch_steps",
        "finalizations",
        "finalize_failures",
        "missed_steps",
        "reconciliations",
        "turns",
    )

    def __init__(self) -> None:
        self.turns = 0
        self.missed_steps = 0
        self.acknowledgement = Distribution(ACKNOWLEDGED_WITHIN)
        self.batch_steps = Distribution(BATCH_STEPS)
        self.batch_seconds = Distribution(COMMITTED_WITHIN)
        self.finalizations = 0
        self.finalize_failures = 0
        self.reconciliations = 0
