"""Levels of lifetime XP: level n begins at ``50 n (n - 1)``, so level 1 at 0, 2 at 100, 3 at 300."""

from math import isqrt

from realtime.domain import Json

_STEP = 50


class LevelProgress(Json):
    """``xp_into_level``: XP gained since the level began. ``xp_for_next_level``: the whole length of the
    level, from its start to the next one's; the former is always below it."""

    level: int
    xp_into_level: int
    xp_for_next_level: int


def level_start(level: int) -> int:
    """The lifetime XP at which a level begins. Raises ``ValueError`` below level 1."""
    if level < 1:
        raise ValueError(f"levels begin at 1, not {level}")
    return _STEP * level * (level - 1)


def level_of(xp: int) -> int:
    """The level that this lifetime XP has reached, exact at any size. Raises ``ValueError`` below zero.

    It solves ``n (n - 1) <= xp / 50`` for the greatest whole n in whole numbers: ``2 n - 1`` is at most the
    root of ``1 + 4 (xp // 50)``.
    """
    if xp < 0:
        raise ValueError(f"lifetime XP is never below zero: {xp}")
    return (1 + isqrt(1 + 4 * (xp // _STEP))) // 2


def level_progress(xp: int) -> LevelProgress:
    """The level and the way through it. Raises ``ValueError`` below zero."""
    level = level_of(xp)
    start = level_start(level)
    return LevelProgress(level=level, xp_into_level=xp - start, xp_for_next_level=level_start(level + 1) - start)
