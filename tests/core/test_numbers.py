"""Rounding: half up, exact, and never against the decision it is shown beside."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.numbers import decimals, half_up, mean_against, mean_hundredths, mean_whole

COUNTS = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (1, 2, 1),
        (3, 2, 2),
        (-1, 2, 0),
        (-3, 2, -1),
        (1, 3, 0),
        (2, 3, 1),
        (0, 5, 0),
        (10**30 + 1, 2, 10**30 // 2 + 1),
    ],
)
def test_half_up(numerator: int, denominator: int, rounded: int) -> None:
    assert half_up(numerator, denominator) == rounded


@pytest.mark.parametrize("denominator", [0, -2])
def test_half_up_refuses_a_denominator_not_above_zero(denominator: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        half_up(1, denominator)


@given(st.integers(), st.integers(min_value=1))
def test_half_up_is_the_floor_of_the_exact_quotient_and_a_half(numerator: int, denominator: int) -> None:
    assert half_up(numerator, denominator) == floor(Fraction(numerator, denominator) + Fraction(1, 2))


def test_means() -> None:
    assert mean_hundredths(191, 3) == 6367
    assert mean_hundredths(1, 8) == 13  # 12.5 hundredths
    assert mean_whole(139, 2) == 70
    assert mean_hundredths(0, 0) == mean_whole(0, 0) == 0
    assert decimals(6367) == 63.67


def test_the_whole_mean_is_rounded_once() -> None:
    """69.4975 is 69.50 to two decimals; rounding that again would give 70."""
    total, count = 27_799, 400
    assert mean_hundredths(total, count) == 6950
    assert mean_whole(total, count) == 69


def test_a_mean_beside_its_need_stays_on_its_side() -> None:
    assert mean_hundredths(17_999, 300) == 6000
    assert mean_against(17_999, 300, 60) == 5999
    assert mean_against(18_000, 300, 60) == 6000
    assert mean_against(18_001, 300, 60) == 6001
    assert mean_against(0, 0, 60) == 0


@given(COUNTS, st.integers(0, 100), st.data())
def test_what_is_shown_compares_like_the_exact_mean(count: int, need: int, data: st.DataObject) -> None:
    total = data.draw(st.integers(0, 100 * count))
    shown = mean_against(total, count, need)
    assert (shown < 100 * need) == (total < need * count)
    assert (shown > 100 * need) == (total > need * count)
    assert abs(shown - Fraction(100 * total, count)) <= 1
