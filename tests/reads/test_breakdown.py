"""The breakdown of a session's scores."""

from fractions import Fraction
from math import floor
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from realtime.core.breakdown import ScoreBreakdown, breakdown

COLUMNS = {
    "charisma_index": "charisma_index",
    "confidence": "confidence_score",
    "clarity": "clarity_score",
    "humor": "humor_score",
    "tension_control": "tension_score",
    "emotional_warmth": "emotional_warmth",
    "dominance": "dominance_score",
}
PERSONA: dict[str, Any] = dict.fromkeys((*COLUMNS, "score", "filler_words", "total_words"))


def turn(**columns: int) -> dict[str, Any]:
    return {**dict.fromkeys(COLUMNS, 0), "score": 50, "filler_words": 0, "total_words": 0, **columns}


def test_without_a_turn_of_the_learner_there_is_none() -> None:
    assert breakdown([]) is None
    assert breakdown([PERSONA]) is None


def test_a_half_is_rounded_up_and_words_are_counted_together() -> None:
    turns = [
        turn(confidence=50, humor=60, charisma_index=41, filler_words=2, total_words=9),
        PERSONA,
        turn(confidence=51, humor=60, charisma_index=43, filler_words=1, total_words=12),
    ]
    assert breakdown(turns) == ScoreBreakdown(
        charisma_index=42,
        confidence_score=51,
        clarity_score=0,
        humor_score=60,
        tension_score=0,
        emotional_warmth=0,
        dominance_score=0,
        filler_words_count=3,
        total_words=21,
    )


percents = st.integers(0, 100)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, percents)), min_size=1, max_size=30))
def test_each_mean_is_its_own_column_rounded_half_up(values: list[dict[str, int]]) -> None:
    made = breakdown([turn(**v) for v in values])
    for column, field in COLUMNS.items():
        exact = Fraction(sum(v[column] for v in values), len(values))
        assert getattr(made, field) == floor(exact + Fraction(1, 2))
