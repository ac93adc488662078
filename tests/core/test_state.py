"""The state of a session: compact at any length, the same after a round trip, and honest about what it can't read."""

import pytest

from realtime.core.mood import MoodState
from realtime.core.state import (
    KEPT_LINE,
    MAX_BYTES,
    GivenTips,
    State,
    UnreadableState,
    decode,
    encode,
    give_tip,
    kept,
)

WIDEST = "\x01"  # a control character is six bytes of JSON
FULL = 2_048  # characters of a carry


def full_state(character: str) -> State:
    """Every part as large as it gets."""
    return State(
        seq=10_000,
        position=2_000,
        last_item=character * 64,
        last_role="user",
        persona_line=kept(character * 2_000),
        recent_lines=tuple(kept(f"{at}{character * 2_000}") for at in range(3)),
        recent_scores=(100, 100, 100),
        mood=MoodState(smoothed=33.123456789, flow=66.987654321, scores=(1, 2, 3), state="NEUTRAL"),
        carry="c" * FULL,
        recalled=(character * 200,),
        paid_lines=tuple(-(2**63) + at for at in range(41)),
    )


def test_a_round_trip_loses_nothing() -> None:
    state = full_state("a")
    assert decode(encode(state)) == state


@pytest.mark.parametrize("character", ["a", "é", "漢", "🙂", WIDEST])
def test_the_fullest_state_fits_its_row(character: str) -> None:
    stored = encode(full_state(character))
    assert len(stored.encode()) <= MAX_BYTES
    back = decode(stored)
    assert back.paid_lines == full_state(character).paid_lines
    assert back.seq == 10_000
    assert back.persona_line == character * KEPT_LINE


def test_what_only_helps_comparison_gives_way_first_and_the_newest_last() -> None:
    state = full_state(WIDEST)
    stored = decode(encode(state))
    assert 0 < len(stored.recent_lines) < 3
    assert stored.recent_lines == full_state(WIDEST).recent_lines[-len(stored.recent_lines) :]
    assert stored.carry == "c" * FULL
    assert state == stored, "the process that holds it goes on from what was stored"


def test_a_state_that_can_give_nothing_away_is_an_error_and_not_an_endless_loop() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode(State(last_item="x" * MAX_BYTES))


@pytest.mark.parametrize("text", ["", "null", "[]", '{"v":2}', '{"seq":"one"}', "{"])
def test_an_unknown_state_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableState):
        decode(text)


def test_fields_of_a_later_version_of_the_same_number_do_not_disturb() -> None:
    assert decode('{"seq":7,"unheard_of":1}').seq == 7


def test_a_tip_is_known_for_the_whole_session() -> None:
    state = State()
    tips = [f"“word {at}” says it; put one question after it." for at in range(1_000)]
    for tip in tips:
        give_tip(state, tip)
    back = decode(encode(state))
    given = GivenTips(back)
    assert all(tip in given for tip in tips)
    fresh = [f"“other {at}” is clear; leave it at that." for at in range(1_000)]
    assert sum(tip in given for tip in fresh) < 20
    assert tips[0] not in GivenTips(State())
