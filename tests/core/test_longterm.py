"""Long-term traits: the first session, the steps after it, and that they stay between what they are made of."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.longterm import deltas, step

VECTORS = st.tuples(*[st.integers(0, 10_000)] * 6)


def test_the_first_session_is_the_beginning() -> None:
    first = (5000, 6067, 0, 10_000, 4250, 5025)
    assert step(None, first) == first
    assert deltas(None, first) == (0, 0, 0, 0, 0, 0)


def test_three_tenths_of_the_way_rounded_half_up_at_each_step() -> None:
    once = step((5000, 5000, 0, 10_000, 3333, 1), (6000, 4000, 5, 0, 6667, 0))
    # 1.5 hundredths round to 2; 4333.2 to 4333; 0.7 to 1
    assert once == (5300, 4700, 2, 7000, 4333, 1)
    assert step(once, (0, 0, 0, 0, 0, 0)) == (3710, 3290, 1, 4900, 3033, 1)


def test_deltas_are_the_session_less_the_long_term() -> None:
    assert deltas((5000, 5000), (5250, 4000)) == (250, -1000)


def test_vectors_of_different_length_are_an_error() -> None:
    with pytest.raises(ValueError):
        step((1, 2), (1, 2, 3))
    with pytest.raises(ValueError):
        deltas((1, 2, 3), (1, 2))


@given(VECTORS, VECTORS)
def test_a_step_is_the_exact_average_rounded_half_up(before: tuple[int, ...], new: tuple[int, ...]) -> None:
    for old, value, after in zip(before, new, step(before, new), strict=True):
        exact = Fraction(7, 10) * old + Fraction(3, 10) * value
        assert after == floor(exact + Fraction(1, 2))
        assert min(old, value) <= after <= max(old, value)
