"""The gates: which there are, where their bounds lie, and the numbers that they give as reasons."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.facts import Tally, Terms
from realtime.core.gates import GateKey, GateResult, evaluate, failed

MISSION = Terms(
    mission=True,
    max_messages=6,
    max_strikes=3,
    timer_seconds=None,
    success_threshold=70,
    fail_threshold=50,
)
FREE = Terms(
    mission=False,
    max_messages=None,
    max_strikes=None,
    timer_seconds=None,
    success_threshold=60,
    fail_threshold=60,
)


def gate(key: GateKey, tally: Tally, terms: Terms = MISSION) -> GateResult:
    return next(result for result in evaluate(terms, tally) if result.gate_key == key)


def test_a_mission_has_all_gates_in_order_and_free_play_three() -> None:
    assert [result.gate_key for result in evaluate(MISSION, Tally())] == list(get_args(GateKey))
    assert [result.gate_key for result in evaluate(FREE, Tally())] == [
        "GATE_MIN_MESSAGES",
        "GATE_SUCCESS_THRESHOLD",
        "GATE_DISQUALIFIED",
    ]


@pytest.mark.parametrize(("turns", "least", "passed"), [(2, 3, False), (3, 3, True), (1, 1, True), (0, 1, False)])
def test_the_least_number_of_turns(turns: int, least: int, passed: bool) -> None:
    terms = Terms(
        mission=False,
        max_messages=None,
        max_strikes=None,
        timer_seconds=None,
        success_threshold=60,
        fail_threshold=60,
        min_messages=least,
    )
    result = gate("GATE_MIN_MESSAGES", Tally(turns=turns, score_sum=70 * turns), terms)
    assert result.passed is passed
    assert result.reason_code == ("ENOUGH_MESSAGES" if passed else "TOO_FEW_MESSAGES")
    assert result.context == {"have": turns, "need": least}


@pytest.mark.parametrize(
    ("total", "reason", "have"), [(209, "BELOW_THRESHOLD", 69.67), (210, "THRESHOLD_REACHED", 70.0)]
)
def test_the_success_threshold_may_be_met_exactly(total: int, reason: str, have: float) -> None:
    result = gate("GATE_SUCCESS_THRESHOLD", Tally(turns=3, score_sum=total))
    assert result.reason_code == reason
    assert result.passed is (reason == "THRESHOLD_REACHED")
    assert result.context == {"have": have, "need": 70, "scoreSum": total, "turns": 3}


@pytest.mark.parametrize(("total", "reason", "have"), [(150, "NOT_ABOVE_FLOOR", 50.0), (151, "ABOVE_FLOOR", 50.33)])
def test_the_fail_floor_must_be_exceeded(total: int, reason: str, have: float) -> None:
    result = gate("GATE_FAIL_FLOOR", Tally(turns=3, score_sum=total))
    assert result.reason_code == reason
    assert result.passed is (reason == "ABOVE_FLOOR")
    assert result.context["have"] == have


def test_without_turns_the_gates_of_the_mean_fail_even_at_threshold_zero() -> None:
    zero = Terms(
        mission=True,
        max_messages=6,
        max_strikes=3,
        timer_seconds=None,
        success_threshold=0,
        fail_threshold=0,
    )
    for key in ("GATE_SUCCESS_THRESHOLD", "GATE_FAIL_FLOOR"):
        result = gate(key, Tally(), zero)
        assert (result.passed, result.reason_code, result.context["have"]) == (False, "NO_TURNS", None)


def test_a_disqualifying_turn_is_named() -> None:
    clean = gate("GATE_DISQUALIFIED", Tally(turns=1))
    assert clean.passed
    assert clean.context == {"have": 0, "need": 0, "disqualifier": None}
    threat = gate("GATE_DISQUALIFIED", Tally(turns=1, disqualified="THREAT"))
    assert (threat.passed, threat.reason_code) == (False, "DISQUALIFYING_TURN")
    assert threat.context["disqualifier"] == "THREAT"


@pytest.mark.parametrize(("progress", "reason"), [(49, "PROGRESS_TOO_LOW"), (50, "PROGRESS_REACHED")])
def test_the_objective_asks_for_half(progress: int, reason: str) -> None:
    result = gate("GATE_OBJECTIVE_PROGRESS", Tally(turns=3, progress=progress))
    assert result.reason_code == reason
    assert result.passed is (progress >= 50)
    assert result.context == {"have": progress, "need": 50}


@given(st.integers(1, 1000), st.integers(1, 100), st.data())
def test_the_numbers_shown_never_contradict_the_decision(turns: int, threshold: int, data: st.DataObject) -> None:
    """Sums next to the threshold, where a rounded mean would lie."""
    total = max(0, min(100 * turns, threshold * turns + data.draw(st.integers(-2, 2))))
    terms = Terms(
        mission=True,
        max_messages=None,
        max_strikes=3,
        timer_seconds=None,
        success_threshold=threshold,
        fail_threshold=threshold,
    )
    tally = Tally(turns=turns, score_sum=total)
    success, floor = gate("GATE_SUCCESS_THRESHOLD", tally, terms), gate("GATE_FAIL_FLOOR", tally, terms)
    have = success.context["have"]
    assert isinstance(have, float)
    assert success.passed is (have >= threshold)
    assert floor.passed is (have > threshold)


def test_failed_names_the_gates_that_did_not_pass() -> None:
    tally = Tally(turns=3, score_sum=240, progress=10)
    assert failed(evaluate(MISSION, tally)) == {"GATE_OBJECTIVE_PROGRESS"}
    assert failed(evaluate(FREE, tally)) == frozenset()
