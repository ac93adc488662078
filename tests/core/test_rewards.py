"""Rewards: the table, the caps, and that nothing is ever paid above them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, json

from realtime.core.rewards import rarity_of, turn_rewards
from realtime.domain import Amounts, Rarity, TurnRewards

PLENTY = 500


def pay(score: int, paid: Amounts | None = None, left: int = PLENTY, again: bool = False) -> TurnRewards:
    return turn_rewards(score, paid=paid or Amounts(), xp_left_today=left, already_paid_line=again)


@pytest.mark.parametrize(
    ("low", "high", "rarity", "xp", "coins", "gems"),
    [
        (0, 59, "C", 4, 1, 0),
        (60, 74, "B", 8, 3, 0),
        (75, 84, "A", 14, 5, 0),
        (85, 94, "S", 20, 7, 0),
        (95, 100, "S+", 28, 9, 1),
    ],
)
def test_the_table(low: int, high: int, rarity: Rarity, xp: int, coins: int, gems: int) -> None:
    for score in range(low, high + 1):
        assert rarity_of(score) == rarity
        assert pay(score) == TurnRewards(xp=xp, coins=coins, gems=gems, reason=UNSET)


def test_the_session_caps_cut_to_what_is_left() -> None:
    assert pay(90, Amounts(xp=105, coins=10)) == TurnRewards(xp=15, coins=7, gems=0, reason="CAPPED")
    assert pay(90, Amounts(xp=100, coins=33)) == TurnRewards(xp=20, coins=7, gems=0)
    assert pay(90, Amounts(xp=100, coins=34)) == TurnRewards(xp=20, coins=6, gems=0, reason="CAPPED")
    assert pay(10, Amounts(xp=120, coins=40)) == TurnRewards(xp=0, coins=0, gems=0, reason="CAPPED")


@pytest.mark.parametrize(("left", "xp", "capped"), [(20, 20, False), (19, 19, True), (0, 0, True), (-5, 0, True)])
def test_the_daily_cap_cuts_xp_alone(left: int, xp: int, capped: bool) -> None:
    rewards = pay(90, left=left)
    assert (rewards.xp, rewards.coins) == (xp, 7)
    assert (rewards.reason == "CAPPED") is capped


def test_one_gem_a_session_and_its_lack_is_no_cap() -> None:
    assert pay(95).gems == 1
    second = pay(95, Amounts(xp=28, coins=9, gems=1))
    assert second == TurnRewards(xp=28, coins=9, gems=0)
    late = pay(95, Amounts(xp=120, coins=40))
    assert late == TurnRewards(xp=0, coins=0, gems=1, reason="CAPPED")


def test_a_line_paid_before_pays_nothing_and_says_so() -> None:
    again = pay(99, Amounts(xp=120, coins=40), left=0, again=True)
    assert again == TurnRewards(xp=0, coins=0, gems=0, reason="ALREADY_PAID")
    assert json.encode(again) == b'{"xp":0,"coins":0,"gems":0,"reason":"ALREADY_PAID"}'
    assert json.encode(pay(10)) == b'{"xp":4,"coins":1,"gems":0}'


@given(
    st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=60),
    st.integers(-10, 700),
)
def test_no_sequence_of_turns_is_paid_above_a_cap(turns: list[tuple[int, bool]], left: int) -> None:
    paid, due = Amounts(), Amounts()
    for score, again in turns:
        rewards = pay(score, paid, left - paid.xp, again)
        paid = paid.plus(Amounts(xp=rewards.xp, coins=rewards.coins, gems=rewards.gems))
        if not again:
            full = pay(score)
            due = due.plus(Amounts(xp=full.xp, coins=full.coins, gems=full.gems))
        assert min(rewards.xp, rewards.coins, rewards.gems) >= 0
    assert paid == Amounts(xp=min(due.xp, 120, max(0, left)), coins=min(due.coins, 40), gems=min(due.gems, 1))
