"""Levels: the formula and its inverse, exact at any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.levels import LevelProgress, level_of, level_progress, level_start

HUGE = st.integers(0, 10**60)


@pytest.mark.parametrize(
    ("xp", "level"), [(0, 1), (99, 1), (100, 2), (299, 2), (300, 3), (599, 3), (600, 4), (4_950_000, 315)]
)
def test_level_of(xp: int, level: int) -> None:
    assert level_of(xp) == level


@pytest.mark.parametrize(("level", "start"), [(1, 0), (2, 100), (3, 300), (4, 600), (10, 4500)])
def test_level_start(level: int, start: int) -> None:
    assert level_start(level) == start


def test_progress_through_a_level() -> None:
    assert level_progress(0) == LevelProgress(level=1, xp_into_level=0, xp_for_next_level=100)
    assert level_progress(250) == LevelProgress(level=2, xp_into_level=150, xp_for_next_level=200)
    assert level_progress(300) == LevelProgress(level=3, xp_into_level=0, xp_for_next_level=300)


@given(HUGE)
def test_a_level_holds_exactly_its_xp(xp: int) -> None:
    level = level_of(xp)
    assert level_start(level) <= xp < level_start(level + 1)
    progress = level_progress(xp)
    assert level_start(level) + progress.xp_into_level == xp
    assert 0 <= progress.xp_into_level < progress.xp_for_next_level == 100 * level


@given(st.integers(2, 10**40))
def test_a_level_begins_with_its_first_xp(level: int) -> None:
    assert level_of(level_start(level)) == level
    assert level_of(level_start(level) - 1) == level - 1


def test_below_the_beginning() -> None:
    with pytest.raises(ValueError, match="below zero"):
        level_of(-1)
    with pytest.raises(ValueError, match="begin at 1"):
        level_start(0)
