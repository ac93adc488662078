"""Mood: smoothing, states and their bounds, arcs in their order, thinning."""

from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import pstdev

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.mood import Arc, MoodState, advance, arc, percent, thin
from realtime.domain import MoodSnapshot, Traits
from storage.catalogue.model import Mood

PERCENTS = st.integers(0, 100)
TURNS = st.lists(st.tuples(PERCENTS, PERCENTS, PERCENTS, st.integers(0, 9)), min_size=1, max_size=30)
CALM = Traits.of([50, 50, 50, 70, 60, 50])


def traits(*, control: int = 60, warmth: int = 50) -> Traits:
    return Traits.of([50, 50, 50, control, warmth, 50])


def play(turns: list[tuple[int, int, int, int]]) -> tuple[MoodState, list[MoodSnapshot]]:
    """Turns of (score, tensionControl, emotionalWarmth, patterns)."""
    mood, shown = MoodState(), []
    for index, (score, control, warmth, patterns) in enumerate(turns, 1):
        mood, snapshot = advance(
            mood,
            turn_index=index,
            score=score,
            traits=traits(control=control, warmth=warmth),
            pattern_count=patterns,
        )
        shown.append(snapshot)
    return mood, shown


def snapshot(index: int, level: int = 50, *, state: Mood = "NEUTRAL", tension: int = 40) -> MoodSnapshot:
    return MoodSnapshot(
        turn_index=index,
        raw_score=level,
        smoothed_mood_score=level,
        mood_state=state,
        tension=tension,
        warmth=50,
        vibe=50,
        flow=50,
    )


def levels(*values: int) -> list[MoodSnapshot]:
    return [snapshot(index, value) for index, value in enumerate(values, 1)]


def test_it_starts_neutral_at_fifty() -> None:
    assert percent(MoodState()) == 50
    assert MoodState().state == "NEUTRAL"


def test_one_turn_worked_by_hand() -> None:
    mood, seen = advance(MoodState(), turn_index=1, score=80, traits=CALM, pattern_count=1)
    # 50 + .35 * 30 = 60.5; flow 50 + .35 * 50 = 67.5; tension 30 + 5; vibe (61 + 60 + 65) / 3 = 62
    assert seen == MoodSnapshot(
        turn_index=1,
        raw_score=80,
        smoothed_mood_score=61,
        mood_state="WARM",
        tension=35,
        warmth=60,
        vibe=62,
        flow=68,
    )
    assert (mood.smoothed, mood.flow, mood.scores, mood.state) == (60.5, 67.5, (80,), "WARM")


def test_flow_follows_the_spread_of_the_last_three_scores() -> None:
    mood, _ = play([(0, 60, 50, 0), (60, 60, 50, 0), (60, 60, 50, 0), (60, 60, 50, 0)])
    assert mood.scores == (60, 60, 60)
    steady = [100.0, 100 - 2 * 30.0, 100 - 2 * pstdev([0, 60, 60]), 100.0]
    flow = 50.0
    for value in steady:
        flow += 0.35 * (value - flow)
    assert mood.flow == pytest.approx(flow, abs=1e-6)


@given(TURNS)
def test_the_smoothed_score_is_the_exact_average_rounded_half_up(
    turns: list[tuple[int, int, int, int]],
) -> None:
    mood, seen = play(turns)
    exact = Decimal(50)
    for (score, *_), shown in zip(turns, seen, strict=True):
        exact += Decimal("0.35") * (score - exact)
        assert shown.smoothed_mood_score == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert percent(mood) == seen[-1].smoothed_mood_score


@given(TURNS)
def test_every_number_stays_within_a_hundred_and_the_state_is_compact(
    turns: list[tuple[int, int, int, int]],
) -> None:
    mood, seen = play(turns)
    for shown in seen:
        numbers = (shown.smoothed_mood_score, shown.tension, shown.warmth, shown.vibe, shown.flow)
        assert all(0 <= number <= 100 for number in numbers)
    stored = msgspec.json.encode(mood)
    assert len(stored) < 120
    assert msgspec.json.decode(stored, type=MoodState) == mood


@given(TURNS)
def test_the_state_can_be_read_from_what_is_shown(turns: list[tuple[int, int, int, int]]) -> None:
    mood, seen = play(turns)
    for shown in seen:
        level, tension = shown.smoothed_mood_score, shown.tension
        rules: list[tuple[Mood, bool]] = [
            ("FLOW", level >= 80 and shown.flow > 70 and tension < 40),
            ("TENSE", tension > 70 or (level < 50 and tension > 50)),
            ("COLD", level < 30 and shown.warmth < 40),
            ("WARM", level >= 60 and shown.warmth > 50),
            ("NEUTRAL", True),
        ]
        assert shown.mood_state == next(state for state, holds in rules if holds)
    assert mood.state == seen[-1].mood_state


@pytest.mark.parametrize(
    ("level", "flow", "score", "control", "warmth", "state"),
    [
        (80, 80, 80, 61, 0, "FLOW"),
        (79, 80, 79, 61, 51, "WARM"),
        (80, 80, 80, 60, 50, "NEUTRAL"),  # tension 40 is not below 40
        (80, 54, 80, 61, 51, "WARM"),  # flow 70.1, shown as 70, is not above 70
        (80, 56, 80, 61, 51, "FLOW"),  # flow 71.4
        (90, 80, 90, 29, 90, "TENSE"),  # tension 71
        (90, 80, 90, 30, 90, "WARM"),  # tension 70
        (49, 50, 49, 49, 90, "TENSE"),
        (50, 50, 50, 49, 90, "NEUTRAL"),
        (49, 50, 49, 50, 90, "NEUTRAL"),
        (29, 50, 29, 60, 39, "COLD"),
        (29, 50, 29, 60, 40, "NEUTRAL"),
        (30, 50, 30, 60, 39, "NEUTRAL"),
        (60, 50, 60, 60, 51, "WARM"),
        (60, 50, 60, 60, 50, "NEUTRAL"),
        (59, 50, 59, 60, 51, "NEUTRAL"),
    ],
)
def test_the_bounds_of_the_states(level: int, flow: int, score: int, control: int, warmth: int, state: Mood) -> None:
    """Starting on the level and scoring it keeps the level, so that one number at a time is at its bound."""
    before = MoodState(smoothed=float(level), flow=float(flow), scores=(score,))
    after, shown = advance(
        before,
        turn_index=2,
        score=score,
        traits=traits(control=control, warmth=warmth),
        pattern_count=0,
    )
    assert shown.smoothed_mood_score == level
    assert shown.mood_state == after.state == state


def test_patterns_add_tension_up_to_the_top() -> None:
    for patterns, tension in ((0, 40), (2, 50), (9, 85), (13, 100)):
        _, shown = advance(MoodState(), turn_index=1, score=50, traits=traits(), pattern_count=patterns)
        assert shown.tension == tension


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((40, 50, 60), "RECOVERY_ARC"),
        ((41, 50, 61), "RISING_WARMTH"),
        ((40, 50, 59), "RISING_WARMTH"),
        ((50, 40, 59), "STABLE_ARC"),  # 19 above the lowest, 9 above the first
        ((50, 55, 60), "RISING_WARMTH"),
        ((60, 55, 50), "COOL_DOWN"),
        ((60, 55, 51), "STABLE_ARC"),
        ((50, 52, 99, 54, 56), "STABLE_ARC"),  # of five turns a third is the first and the last one
        ((50, 80, 45, 59), "STABLE_ARC"),  # of four as well
        ((50, 60, 90, 90, 60, 69), "STABLE_ARC"),  # means 55 and 64.5
        ((50, 60, 90, 90, 60, 70), "RISING_WARMTH"),
        ((10, 90), "STABLE_ARC"),
        ((), "STABLE_ARC"),
    ],
)
def test_arcs_of_the_score(values: tuple[int, ...], expected: Arc) -> None:
    assert arc(levels(*values)) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("NEUTRAL", "TENSE", "NEUTRAL"), "TESTING_SPIKE"),
        (("COLD", "COLD", "TENSE", "WARM"), "TESTING_SPIKE"),
        (("TENSE", "NEUTRAL", "TENSE"), "STABLE_ARC"),
        (("NEUTRAL", "TENSE", "TENSE", "NEUTRAL"), "STABLE_ARC"),
        (("NEUTRAL", "NEUTRAL", "TENSE"), "STABLE_ARC"),
        (("TENSE", "TENSE", "NEUTRAL", "TENSE", "NEUTRAL"), "TESTING_SPIKE"),
    ],
)
def test_a_spike_is_one_tense_turn_between_two_others(states: tuple[Mood, ...], expected: Arc) -> None:
    seen = [snapshot(index, state=state) for index, state in enumerate(states, 1)]
    assert arc(seen) == expected


@pytest.mark.parametrize(("last", "expected"), [(45, "TENSION_BUILD"), (44, "STABLE_ARC")])
def test_tension_builds_by_fifteen(last: int, expected: Arc) -> None:
    assert arc([snapshot(1, tension=30), snapshot(2), snapshot(3, tension=last)]) == expected


def test_arcs_are_tried_in_their_order() -> None:
    """All at once: a recovery, with a spike, with tension building, while the score rises."""
    seen = [snapshot(1, 30, tension=10), snapshot(2, 50, state="TENSE", tension=60), snapshot(3, 60, tension=60)]
    assert arc(seen) == "RECOVERY_ARC"
    higher = [msgspec.structs.replace(shown, smoothed_mood_score=shown.smoothed_mood_score + 20) for shown in seen]
    assert arc(higher) == "TESTING_SPIKE"
    calm = [msgspec.structs.replace(shown, mood_state="NEUTRAL") for shown in higher]
    assert arc(calm) == "TENSION_BUILD"
    eased = [msgspec.structs.replace(shown, tension=10) for shown in calm]
    assert arc(eased) == "RISING_WARMTH"
    assert arc(levels(90, 70, 60)) == "COOL_DOWN"


@given(st.integers(0, 700), st.integers(2, 220))
def test_thinning_keeps_ends_order_and_evenness(count: int, most: int) -> None:
    seen = levels(*([50] * count))
    kept = thin(seen, most)
    indexes = [shown.turn_index for shown in kept]
    assert len(kept) == min(count, most)
    assert indexes == sorted(set(indexes))
    if count:
        assert (indexes[0], indexes[-1]) == (1, count)
    gaps = {after - before for before, after in pairwise(indexes)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_thinning_needs_room_for_first_and_last() -> None:
    assert len(thin(levels(*([50] * 1000)))) == 200
    with pytest.raises(ValueError, match="two"):
        thin(levels(50, 50, 50), 1)
