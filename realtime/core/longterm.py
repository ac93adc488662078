"""Long-term traits: a moving average over a user's counting sessions, in hundredths and whole numbers only.

A vector holds six values in the order of ``TRAIT_NAMES``, each in hundredths (0..10000).
"""

from realtime.core.numbers import half_up

# The weight of the newest session, alpha = 3/10.
ALPHA_TENTHS = 3


def step(before: tuple[int, ...] | None, snapshot: tuple[int, ...]) -> tuple[int, ...]:
    """The long-term traits after one more counting session: the first one's own means to begin with, then
    three tenths of the way to each new one's, rounded half up to hundredths at every step.

    Raises ``ValueError`` when the two vectors differ in length.
    """
    if before is None:
        return snapshot
    pairs = zip(before, snapshot, strict=True)
    return tuple(half_up((10 - ALPHA_TENTHS) * old + ALPHA_TENTHS * new, 10) for old, new in pairs)


def deltas(before: tuple[int, ...] | None, snapshot: tuple[int, ...]) -> tuple[int, ...]:
    """How far a session's traits lie from the long-term ones before it, in hundredths; 0 for the first
    one."""
    if before is None:
        return (0,) * len(snapshot)
    return tuple(new - old for old, new in zip(before, snapshot, strict=True))
