"""The scorer before the coach's corpus: the floors that it must not fall below."""

import pytest

from realtime.scoring import RuleScorer
from tests.corpus.judge import HALVES, Half, Item, Share, Verdict, ablation, items, judge, lines_of, rates

# Promised: 90 % of each half. Where a half stands below, its floor is what was reached, and docs/scoring.md says so.
FLOORS: dict[Half, float] = {"tuning": 0.90, "held": 0.70}
ORDERED: dict[Half, float] = {"tuning": 0.95, "held": 0.82}  # the better line has the higher score
TRICKS: dict[Half, float] = {"tuning": 0.95, "held": 0.90}
EVIDENCE_COUNTS = 0.90  # of the evidence, by how often its trait goes back with it

_SCORER = RuleScorer()


@pytest.mark.parametrize("half", HALVES)
def test_the_scorer_judges_as_the_coach(half: Half) -> None:
    reached = rates([judge(_SCORER, item) for item in items(half)])
    assert reached["whole"].rate >= FLOORS[half], str(reached["whole"])
    assert reached["order"].rate >= ORDERED[half], str(reached["order"])


@pytest.mark.parametrize("half", HALVES)
def test_evidence_is_what_moves_the_trait(half: Half) -> None:
    share = ablation(_SCORER, half)
    assert share.tried > 500
    assert share.rate >= EVIDENCE_COUNTS, str(share)


@pytest.mark.parametrize("half", HALVES)
def test_tricks_earn_nothing(half: Half) -> None:
    share = rates([judge(_SCORER, item) for item in items(half)])["gains_nothing"]
    assert share.rate >= TRICKS[half], str(share)


def test_the_two_halves_share_nothing() -> None:
    tuning, held = ({item.id for item in items(half)} for half in HALVES)
    assert not tuning & held
    first, second = ({line for item in items(half) for line in lines_of(item)} for half in HALVES)
    assert not first & second


def _item(above: str, below: str) -> Item:
    return Item(
        id="x",
        category="OPENERS",
        kind="comparison",
        sort="plain",
        situation="",
        goal=None,
        persona_line="How are you?",
        earlier=[],
        turn=1,
        why="",
        above=above,
        below=below,
    )


def test_the_judge_can_say_no() -> None:
    good, bad = "I'm well, I slept nine hours. How was your night?", "You're an idiot."
    assert judge(_SCORER, _item(good, bad)).whole
    failed = judge(_SCORER, _item(bad, good))
    assert not failed.order
    assert not failed.whole
    assert str(rates([failed, Verdict(failed.item)])["order"]) == "1/2 = 50.0 %"
    assert Share().rate == 1.0
