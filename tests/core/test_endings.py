"""The table of ends: each row reached, each row's place, and the function total over everything stored."""

from fractions import Fraction
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.core.endings import (
    MAX_TURNS,
    TABLE,
    EndReasonCode,
    age_reached,
    count,
    ending_of,
    ends_now,
    tally_of,
)
from realtime.core.facts import LEARNER_LEFT, Cause, Tally, Terms, TurnFacts
from realtime.core.gates import evaluate, failed
from realtime.domain import Amounts, Disqualifier, Strike
from tests.core.test_gates import FREE, MISSION

CAUSES: tuple[Cause, ...] = get_args(Cause)


def turns(*scores: int, progress: int = 60, mood: int = 55) -> list[TurnFacts]:
    return [
        TurnFacts(
            turn_index=index,
            score=score,
            mood_percent=mood,
            progress=progress,
            strike="LOW_SCORE" if score < 30 else None,
        )
        for index, score in enumerate(scores, 1)
    ]


def code(cause: Cause, facts: list[TurnFacts], terms: Terms = MISSION) -> EndReasonCode:
    return ending_of(cause, terms, tally_of(facts)).end_reason_code


def disqualified(kind: Disqualifier = "THREAT") -> TurnFacts:
    return TurnFacts(turn_index=1, score=5, mood_percent=30, progress=0, strike="INSULT", disqualified=kind)


@st.composite
def facts_lists(draw: st.DrawFn) -> list[TurnFacts]:
    percent = st.integers(0, 100)
    best, seen = 0, []
    for index in range(1, draw(st.integers(0, 14)) + 1):
        best = max(best, draw(percent))
        seen.append(
            TurnFacts(
                turn_index=index,
                score=draw(percent),
                mood_percent=draw(st.one_of(percent, st.integers(20, 27))),
                progress=best,
                strike=draw(st.sampled_from((None, None, None, *get_args(Strike)))),
                disqualified=draw(st.sampled_from((*([None] * 12), *get_args(Disqualifier)))),
            )
        )
    return seen


@st.composite
def terms_of_missions(draw: st.DrawFn) -> Terms:
    fail = draw(st.integers(0, 99))
    return Terms(
        mission=True,
        max_messages=draw(st.integers(3, 12)),
        max_strikes=draw(st.integers(1, 10)),
        timer_seconds=None,
        success_threshold=draw(st.integers(fail + 1, 100)),
        fail_threshold=fail,
    )


TERMS = st.one_of(st.just(FREE), terms_of_missions())


def test_the_table_has_every_code_once_in_the_order_of_the_type() -> None:
    assert tuple(code for code, _ in TABLE) == get_args(EndReasonCode)


EXAMPLES: list[tuple[EndReasonCode, Cause, list[TurnFacts], Terms]] = [
    ("ABORT_SYSTEM_ERROR", "ADMIN", turns(80, 80, 80), MISSION),
    ("ABORT_SYSTEM_ERROR", "SYSTEM", [disqualified()], MISSION),
    ("ABORT_DISQUALIFIED", "RULE", [disqualified()], MISSION),
    ("ABORT_DISQUALIFIED", "RULE", [*turns(90, 90, 90), disqualified("SLUR")], FREE),
    ("ABORT_DISQUALIFIED", "TIMER", [disqualified("SEXUAL_MINOR")], MISSION),
    ("FAIL_TIMER_EXPIRED", "TIMER", [], MISSION),
    ("FAIL_TIMER_EXPIRED", "TIMER", turns(90, 90, 90, progress=100), MISSION),
    ("FAIL_TOO_MANY_STRIKES", "RULE", turns(29, 29, 29), MISSION),
    ("FAIL_TOO_MANY_STRIKES", "CLIENT", turns(29, 29, 29), MISSION),
    ("FAIL_GATE_SEQUENCE", "CLIENT", turns(50, 50, 50), MISSION),
    ("FAIL_GATE_SEQUENCE", "CLIENT", turns(50, 50, 50, mood=20), MISSION),  # before the collapse
    ("FAIL_GATE_SEQUENCE", "IDLE", turns(10, 10, 10), FREE),
    ("FAIL_GATE_SEQUENCE", "GRACE", turns(60, 60, 59), FREE),
    ("FAIL_MOOD_COLLAPSE", "RULE", turns(60, 60, mood=24), MISSION),
    ("FAIL_MOOD_COLLAPSE", "CLIENT", turns(60, 60, mood=24), MISSION),
    ("FAIL_MAX_MESSAGES", "RULE", turns(69, 70, 70, 70, 70, 70), MISSION),
    ("FAIL_MAX_MESSAGES", "RULE", turns(69, 70, 70, 70, 70, 70, progress=0), MISSION),
    ("FAIL_OBJECTIVE", "RULE", turns(*[90] * 6, progress=49), MISSION),
    ("SUCCESS_OBJECTIVE", "RULE", turns(70, 70, 70, progress=100), MISSION),
    ("SUCCESS_OBJECTIVE", "CLIENT", turns(70, 70, 70, progress=100), MISSION),
    ("SUCCESS_GATE_SEQUENCE", "RULE", turns(*[70] * 6), MISSION),
    ("SUCCESS_GATE_SEQUENCE", "REPLACED", turns(70, 70, 70, progress=50), MISSION),
    ("SUCCESS_SCORE_MILESTONE", "CLIENT", turns(60, 60, 60, progress=0), FREE),
    ("SUCCESS_SCORE_MILESTONE", "AGE", turns(*[60] * 1000, progress=0, mood=10), FREE),
    ("ABORT_USER_EXIT", "CLIENT", [], MISSION),
    ("ABORT_USER_EXIT", "CLIENT", turns(10, 40), MISSION),  # too few turns to have failed
    ("ABORT_USER_EXIT", "CLIENT", turns(60, 60, 60), MISSION),  # above the floor, below success
    ("ABORT_USER_EXIT", "IDLE", turns(90, 90, 90, progress=49), MISSION),
    ("ABORT_USER_EXIT", "GRACE", turns(90, 90), FREE),
]


def test_the_examples_reach_every_end() -> None:
    assert {example[0] for example in EXAMPLES} == set(get_args(EndReasonCode))


@pytest.mark.parametrize(("expected", "cause", "facts", "terms"), EXAMPLES)
def test_each_end(expected: EndReasonCode, cause: Cause, facts: list[TurnFacts], terms: Terms) -> None:
    ending = ending_of(cause, terms, tally_of(facts))
    assert ending.end_reason_code == expected
    assert ending.end_reason_meta["cause"] == cause
    prefix = {"SUCCESS": "SUCCESS", "FAIL": "FAIL", "ABORTED": "ABORT"}[ending.status]
    assert expected.startswith(prefix + "_")
    assert ending.counts is (prefix != "ABORT")
    assert ending.pays_turns is (expected != "ABORT_DISQUALIFIED")


@pytest.mark.parametrize("cause", sorted(LEARNER_LEFT))
def test_every_way_of_leaving_is_the_same_end(cause: Cause) -> None:
    assert code(cause, turns(40, 40, 40)) == "FAIL_GATE_SEQUENCE"
    assert code(cause, turns(80, 80, 80)) == "SUCCESS_GATE_SEQUENCE"


def test_free_play_knows_no_rules_of_missions() -> None:
    harsh = turns(0, 0, 100, 100, 100, 100, 100, 100, progress=0, mood=0)
    assert not ends_now(FREE, tally_of(harsh))
    assert code("CLIENT", harsh, FREE) == "SUCCESS_SCORE_MILESTONE"
    assert ends_now(FREE, tally_of([disqualified()]))


@pytest.mark.parametrize(
    ("facts", "ends"),
    [
        (turns(60, 60), False),
        (turns(29, 29), False),
        (turns(29, 29, 29), True),
        (turns(60, 60, mood=24), True),
        (turns(60, 60, mood=25), False),
        (turns(70, 70, progress=100), False),  # the objective is reached, the third turn is not
        (turns(70, 70, 70, progress=100), True),
        (turns(70, 70, 70, progress=99), False),
        (turns(70, 70, 69, progress=100), False),
        (turns(*[60] * 5), False),
        (turns(*[60] * 6), True),
        ([disqualified()], True),
    ],
)
def test_a_mission_ends_at_once(facts: list[TurnFacts], ends: bool) -> None:
    assert ends_now(MISSION, tally_of(facts)) is ends


def test_a_collapse_needs_two_low_turns_running_and_stays() -> None:
    moods = [24, 25, 24, 24, 80]
    tally, seen = Tally(), []
    for index, mood in enumerate(moods, 1):
        turn = TurnFacts(turn_index=index, score=60, mood_percent=mood, progress=0)
        tally = count(tally, turn)
        seen.append((tally.low_mood_run, tally.collapsed))
    assert seen == [(1, False), (0, False), (1, False), (2, True), (0, True)]


def test_counting_leaves_the_given_tally_alone_and_adds_what_was_paid() -> None:
    before = Tally(turns=1, score_sum=50, paid=Amounts(xp=4, coins=1))
    turn = TurnFacts(turn_index=2, score=96, mood_percent=60, progress=40, strike="INSULT")
    after = count(before, turn, paid=Amounts(xp=28, coins=9, gems=1))
    assert before == Tally(turns=1, score_sum=50, paid=Amounts(xp=4, coins=1))
    assert after == Tally(turns=2, score_sum=146, strikes=1, progress=40, paid=Amounts(xp=32, coins=10, gems=1))


def test_progress_never_falls_and_the_first_disqualifier_is_kept() -> None:
    lower = TurnFacts(turn_index=2, score=60, mood_percent=60, progress=10, disqualified="SLUR")
    tally = count(Tally(turns=1, progress=40, disqualified="THREAT"), lower)
    assert (tally.progress, tally.disqualified) == (40, "THREAT")


@pytest.mark.parametrize(
    ("facts", "near"),
    [
        (turns(*[50] * 6), False),  # on the fail threshold
        (turns(51, *[50] * 5), True),
        (turns(69, *[70] * 5), True),
        (turns(*[90] * 6, progress=0), False),  # FAIL_OBJECTIVE: the mean is above both
    ],
)
def test_a_near_miss_lies_strictly_between_the_thresholds(facts: list[TurnFacts], near: bool) -> None:
    ending = ending_of("RULE", MISSION, tally_of(facts))
    assert ending.status == "FAIL"
    assert ending.end_reason_meta == ({"cause": "RULE", "nearMiss": True} if near else {"cause": "RULE"})


def test_only_a_fail_is_a_near_miss() -> None:
    assert ending_of("CLIENT", MISSION, tally_of(turns(60, 60, 60))).end_reason_meta == {"cause": "CLIENT"}
    assert ending_of("TIMER", MISSION, tally_of(turns(60, 60, 60))).end_reason_meta["nearMiss"] is True
    assert "nearMiss" not in ending_of("TIMER", MISSION, Tally()).end_reason_meta


def test_age_is_a_thousand_turns() -> None:
    assert MAX_TURNS == 1000
    assert [age_reached(number) for number in (999, 1000, 1001)] == [False, True, True]


def told_from_the_turns(cause: Cause, terms: Terms, facts: list[TurnFacts]) -> EndReasonCode:
    """The same table once more, read from the turns themselves, with an exact mean."""
    mean = Fraction(sum(turn.score for turn in facts), len(facts)) if facts else Fraction(-1)
    left = cause in ("CLIENT", "IDLE", "GRACE", "AGE", "REPLACED")
    enough, won, progress = len(facts) >= 3, mean >= terms.success_threshold, max([0, *(f.progress for f in facts)])
    limit = terms.max_messages is not None and len(facts) >= terms.max_messages
    clean = all(turn.disqualified is None for turn in facts)
    above_floor = mean > terms.fail_threshold
    other_gates = enough and won and above_floor and clean
    all_pass = other_gates and progress >= 50
    if cause in ("ADMIN", "SYSTEM"):
        return "ABORT_SYSTEM_ERROR"
    if not clean:
        return "ABORT_DISQUALIFIED"
    if cause == "TIMER":
        return "FAIL_TIMER_EXPIRED"
    if not terms.mission:
        if enough and mean >= 60:
            return "SUCCESS_SCORE_MILESTONE"
        return "FAIL_GATE_SEQUENCE" if enough and left else "ABORT_USER_EXIT"
    rows: list[tuple[EndReasonCode, bool]] = [
        ("FAIL_TOO_MANY_STRIKES", sum(f.strike is not None for f in facts) >= (terms.max_strikes or 99)),
        ("FAIL_GATE_SEQUENCE", left and enough and not above_floor),
        ("FAIL_MOOD_COLLAPSE", any(max(a.mood_percent, b.mood_percent) < 25 for a, b in pairwise(facts))),
        ("FAIL_MAX_MESSAGES", limit and not won),
        ("FAIL_OBJECTIVE", limit and other_gates and progress < 50),
        ("SUCCESS_OBJECTIVE", progress == 100 and all_pass),
        ("SUCCESS_GATE_SEQUENCE", (limit or left) and all_pass),
    ]
    return next((code for code, holds in rows if holds), "ABORT_USER_EXIT")


@settings(max_examples=500)
@given(st.sampled_from(CAUSES), TERMS, facts_lists())
def test_every_session_has_one_end_the_first_row_that_holds(
    cause: Cause, terms: Terms, facts: list[TurnFacts]
) -> None:
    tally = tally_of(facts)
    ending = ending_of(cause, terms, tally)
    assert ending.end_reason_code == told_from_the_turns(cause, terms, facts)
    if ending.status == "SUCCESS":
        assert not failed(evaluate(terms, tally))
    if not terms.mission:
        assert "nearMiss" not in ending.end_reason_meta


@settings(max_examples=300)
@given(TERMS, facts_lists())
def test_what_ends_at_once_has_an_end_of_its_own(terms: Terms, facts: list[TurnFacts]) -> None:
    """A session that its rules end is never called an exit of the user."""
    tally = tally_of(facts)
    if ends_now(terms, tally):
        assert ending_of("RULE", terms, tally).end_reason_code != "ABORT_USER_EXIT"


@given(facts_lists())
def test_the_tally_is_the_sum_of_its_turns(facts: list[TurnFacts]) -> None:
    tally = tally_of(facts)
    low = [turn.mood_percent < 25 for turn in facts]
    assert tally.turns == len(facts)
    assert tally.score_sum == sum(turn.score for turn in facts)
    assert tally.strikes == sum(turn.strike is not None for turn in facts)
    assert tally.progress == max((turn.progress for turn in facts), default=0)
    assert tally.collapsed is any(a and b for a, b in pairwise(low))
    assert tally.disqualified == next((turn.disqualified for turn in facts if turn.disqualified), None)
