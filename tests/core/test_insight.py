"""The deep insight: three conditions at once, and never withdrawn."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.insight import RULE, DeepInsightRule, deep_insight, shown


@pytest.mark.parametrize(
    ("sessions", "categories", "score_sum", "unlocked"),
    [
        (10, 2, 600, True),
        (9, 2, 600, False),
        (10, 1, 900, False),
        (10, 2, 599, False),
        (11, 2, 600, False),  # the mean fell with the eleventh
        (300, 6, 17_999, False),  # 59.997
        (300, 6, 18_000, True),
        (0, 0, 0, False),
    ],
)
def test_the_rule(sessions: int, categories: int, score_sum: int, unlocked: bool) -> None:
    found, _ = deep_insight(sessions=sessions, categories=categories, score_sum=score_sum, already=False)
    assert found is unlocked


def test_once_unlocked_it_stays_and_the_numbers_stay_true() -> None:
    found, needs = deep_insight(sessions=20, categories=2, score_sum=200, already=True)
    assert found
    assert needs.average_score.have == 10.0


def test_its_json() -> None:
    _, needs = deep_insight(sessions=3, categories=1, score_sum=191, already=False)
    assert msgspec.json.decode(msgspec.json.encode(shown(needs, None))) == {
        "isUnlocked": False,
        "unlockedAt": None,
        "sessions": {"have": 3, "need": 10},
        "categories": {"have": 1, "need": 2},
        "averageScore": {"have": 63.67, "need": 60},
    }
    assert shown(needs, "2025-01-01T10:00:00Z").is_unlocked


def test_the_rule_is_data() -> None:
    easier = DeepInsightRule(sessions=1, categories=1, average_score=10)
    found, needs = deep_insight(sessions=1, categories=1, score_sum=10, already=False, rule=easier)
    assert found
    assert (needs.sessions.need, needs.categories.need, needs.average_score.need) == (1, 1, 10)


@given(st.integers(0, 2000), st.integers(0, 6), st.data())
def test_unlocked_exactly_when_every_have_reaches_its_need(
    sessions: int, categories: int, data: st.DataObject
) -> None:
    near = st.integers(max(0, 60 * sessions - 3), 60 * sessions + 3)
    score_sum = data.draw(st.one_of(near, st.integers(0, 100 * sessions)))
    found, needs = deep_insight(sessions=sessions, categories=categories, score_sum=score_sum, already=False)
    conditions = (needs.sessions, needs.categories, needs.average_score)
    assert found is all(each.have >= each.need for each in conditions)
    assert needs.sessions.need == RULE.sessions
