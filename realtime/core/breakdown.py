"""The breakdown of a session's scores: what its turns show on average, from the stored rows alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from realtime.core.numbers import mean_whole
from realtime.domain import Json


class ScoreBreakdown(Json):
    """``scoreBreakdown``: integer means 0..100 of the learner's turns, and their words counted together."""

    charisma_index: int
    confidence_score: int
    clarity_score: int
    humor_score: int
    tension_score: int
    emotional_warmth: int
    dominance_score: int
    filler_words_count: int
    total_words: int


def breakdown(turns: Sequence[Mapping[str, Any]]) -> ScoreBreakdown | None:
    """The means over the learner's scored turns, each rounded half up once; None when there is none.

    ``turns``: rows with the column names of ``turn``; rows without a score (the persona's) are passed over.
    """
    scored = [turn for turn in turns if turn["score"] is not None]
    if not scored:
        return None

    def total(column: str) -> int:
        return sum(int(turn[column]) for turn in scored)

    def mean(column: str) -> int:
        return mean_whole(total(column), len(scored))

    return ScoreBreakdown(
        charisma_index=mean("charisma_index"),
        confidence_score=mean("confidence"),
        clarity_score=mean("clarity"),
        humor_score=mean("humor"),
        tension_score=mean("tension_control"),
        emotional_warmth=mean("emotional_warmth"),
        dominance_score=mean("dominance"),
        filler_words_count=total("filler_words"),
        total_words=total("total_words"),
    )
