"""The deep insight: earned by practice, never bought, never withdrawn."""

import msgspec

from realtime.core.numbers import decimals, mean_against
from realtime.domain import Json


class DeepInsightRule(msgspec.Struct, frozen=True, kw_only=True):
    """What earns it: so many counting sessions, missions in so many categories, and a mean final score of at
    least this over all counting sessions, all three at the same finalization."""

    sessions: int
    categories: int
    average_score: int


RULE = DeepInsightRule(sessions=10, categories=2, average_score=60)


class HaveNeed(Json):
    """How far, of how much."""

    have: float
    need: int


class DeepInsightNeeds(Json):
    """The rule's three conditions with the user's numbers. ``average_score.have`` is the mean to two decimals
    (0 without sessions), never shown as reaching the need when the exact mean does not."""

    sessions: HaveNeed
    categories: HaveNeed
    average_score: HaveNeed


class DeepInsight(Json):
    """``deepInsight`` as it goes out. ``unlocked_at`` is an ISO time, null until it is earned."""

    is_unlocked: bool
    unlocked_at: str | None
    sessions: HaveNeed
    categories: HaveNeed
    average_score: HaveNeed


def deep_insight(
    *, sessions: int, categories: int, score_sum: int, already: bool, rule: DeepInsightRule = RULE
) -> tuple[bool, DeepInsightNeeds]:
    """Whether the user has the deep insight now, and the numbers behind it.

    ``sessions``: the user's counting sessions, this one included; ``score_sum``: the sum of their final
    scores (whole points); ``categories``: how many categories those of them that are missions lie in.
    ``already``: it was unlocked before, and stays so whatever the numbers have become. The mean is compared
    as a sum.
    """
    met = sessions >= rule.sessions and categories >= rule.categories and score_sum >= rule.average_score * sessions
    mean = decimals(mean_against(score_sum, sessions, rule.average_score))
    needs = DeepInsightNeeds(
        sessions=HaveNeed(have=sessions, need=rule.sessions),
        categories=HaveNeed(have=categories, need=rule.categories),
        average_score=HaveNeed(have=mean, need=rule.average_score),
    )
    return already or met, needs


def shown(needs: DeepInsightNeeds, unlocked_at: str | None) -> DeepInsight:
    """The needs with the time the insight was unlocked, which alone says whether it is."""
    return DeepInsight(
        is_unlocked=unlocked_at is not None,
        unlocked_at=unlocked_at,
        sessions=needs.sessions,
        categories=needs.categories,
        average_score=needs.average_score,
    )
