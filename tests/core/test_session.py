"""The session as a state machine: without a loop, without a database, with a clock that is an argument."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from realtime.core import session as core
from realtime.core.facts import Tally
from realtime.core.graph import Walk
from realtime.core.lines import body_hash, line_hash
from realtime.core.session import LearnerTurn, Minds, Reply, Step
from realtime.core.state import MAX_BYTES, Spec, State, decode, encode
from realtime.domain import Amounts, MemoryEntry, MemorySource, RememberedItem, TurnScore
from realtime.memory import RuleExtractor
from realtime.memory.rules import KeyUnknown, ValueInvalid
from realtime.minds import TurnContext
from realtime.opening import terms_of
from realtime.protocol import session_object
from realtime.scoring import RuleScorer
from storage.catalogue.loader import load

CATALOGUE = load()
MISSION = CATALOGUE.templates["OPENERS_CAFE_HELLO"]
MINDS = Minds(RuleScorer(), RuleExtractor())
AT = "2026-03-01T10:00:00.000Z"
GOOD = "Hi, I'm Tal. I love the music they play here. What are you reading?"
HOME = "I live in Haifa and I love jazz. Where do you live?"
PLAIN = TurnContext(text="Yes, I do.", persona_line=None)
THREAT = "I am going to hurt you."


def spec_of(*, mission: bool = True, **changes: Any) -> Spec:
    template = MISSION if mission else None
    made = Spec(
        user_id=UUID(int=1),
        session_id=UUID(int=2),
        model="template:OPENERS_CAFE_HELLO" if mission else "",
        minor=False,
        persona=CATALOGUE.personas["MAYA_PLAYFUL"],
        template=template,
        terms=terms_of(template),
        walk=Walk(template.graph) if template else None,
    )
    return msgspec.structs.replace(made, **changes)


def object_of(spec: Spec, **ours: Any) -> dict[str, Any]:
    ours = {"memorySnapshot": None, "autoResponse": False, "memoryMode": "readWrite", **ours}
    return session_object.new(str(spec.session_id), spec.model, ours)


def begun(spec: Spec, *, xp: int = 500, line: str | None = "Hello there.") -> State:
    opening = Reply(
        response_id="", item_id="item_open", text=line, status="completed", carry="c", recalled=("opera",)
    )
    return core.begin(spec, object_of(spec), xp_left_today=xp, opening=opening).state


def said(text: str, item_id: str = "item_1", **changes: Any) -> LearnerTurn:
    made = LearnerTurn(item_id=item_id, text=text, kind="text", body_hash=body_hash("text", text), at=AT)
    return msgspec.structs.replace(made, **changes)


def turn(
    spec: Spec,
    state: State,
    text: str,
    item_id: str = "item_1",
    *,
    memory: dict[str, MemoryEntry] | None = None,
    paid_before: frozenset[int] = frozenset(),
) -> Step:
    return core.learner_turn(spec, state, said(text, item_id), MINDS, memory or {}, paid_before)


def decoded(step: Step) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event.body) for event in step.events]


def types(step: Step) -> list[str]:
    return [event.type for event in step.events]


def as_bytes(step: Step) -> bytes:
    return msgspec.json.encode(step)


def entry(key: str, *values: str, version: int = 1) -> dict[str, MemoryEntry]:
    source = MemorySource(item_id="item_0", start=0, end=1, quote="q")
    items = tuple(RememberedItem(value=v, confidence=0.9, source=source, written_at=AT) for v in values)
    return {key: MemoryEntry(key=key, items=items, version=version)}


class Steady:
    """A scorer that gives every turn the same score, and no tip but the same one."""

    version = "steady"

    def __init__(self, score: int, *, read: bool = True) -> None:
        self._score = score
        self._read = read

    def score(self, context: TurnContext) -> TurnScore:
        """What the real scorer says of the text (``read``), or of a plain line, under another score."""
        real = MINDS.scorer.score(context if self._read else PLAIN)
        tip = "The same advice, every time." if self._read else f"{context.turn_index}: {context.text[:120]}"
        return msgspec.structs.replace(real, score=self._score, strike=None, tip=tip)

    def forget(self) -> None:
        """It keeps nothing."""


# --- the beginning -----------------------------------------------------------------------------------------------


def test_a_session_begins_with_its_object_and_the_personas_line() -> None:
    spec = spec_of()
    opening = Reply(response_id="", item_id="item_open", text="Hello there.", status="completed")
    step = core.begin(spec, object_of(spec), xp_left_today=500, opening=opening)
    assert types(step) == ["session.created", "conversation.item.added", "conversation.item.done"]
    first, added, done = decoded(step)
    assert [event["seq"] for event in decoded(step)] == [1, 2, 3]
    assert first["session"]["id"] == str(spec.session_id)
    assert added["item"] == done["item"]
    assert "previous_item_id" not in added
    assert step.turns[0].role == "assistant"
    assert (step.turns[0].first_seq, step.turns[0].final_seq, step.turns[0].position) == (2, 3, 1)
    assert step.state.node == MISSION.graph.start
    assert step.state.session_seq == 1


def test_a_persona_that_waits_says_nothing_at_the_beginning() -> None:
    spec = spec_of(mission=False)
    step = core.begin(spec, object_of(spec), xp_left_today=500, opening=None)
    assert types(step) == ["session.created"]
    assert step.turns == ()
    assert step.state.last_item is None
    assert step.state.node is None


# --- a turn ------------------------------------------------------------------------------------------------------


def test_a_turn_is_added_done_scored_and_learnt_from_in_this_order() -> None:
    spec = spec_of()
    state = begun(spec)
    step = turn(spec, state, HOME)
    assert types(step)[:3] == ["conversation.item.added", "conversation.item.done", "turn.scored"]
    assert types(step)[3:], "something was learnt"
    assert set(types(step)[3:]) == {"memory.created"}
    assert [event.seq for event in step.events] == list(range(state.seq + 1, state.seq + 1 + len(step.events)))
    added, done, scored, *learnt = decoded(step)
    assert added["previous_item_id"] == done["previous_item_id"] == "item_open"
    assert done["item"]["content"] == [{"type": "input_text", "text": HOME}]
    assert scored["item_id"] == "item_1"
    assert {event["key"] for event in learnt} >= {"home", "likes.music"}
    for event in learnt:
        source = event["source"]
        assert HOME[source["start"] : source["end"]] == source["quote"]
        assert source["item_id"] == "item_1"
    row = step.turns[0]
    assert (row.first_seq, row.final_seq) == (state.seq + 1, step.state.seq)
    assert row.position == state.position + 1
    assert row.parent_item_id == "item_open"
    assert (row.turn_index, row.text, row.line_hash) == (1, HOME, line_hash(HOME))
    assert [memory.seq for memory in step.memory_rows] == [event["seq"] for event in learnt]


def test_the_row_the_event_and_the_state_tell_the_same() -> None:
    spec = spec_of()
    state = begun(spec)
    paid, scores = Amounts(), []
    for at, line in enumerate((GOOD, HOME, "ok", "What do you like about this place?")):
        step = turn(spec, state, line, f"item_{at}")
        state, row = step.state, step.turns[0]
        scored = next(event for event in decoded(step) if event["type"] == "turn.scored")
        assert (row.score, row.rarity, row.tip) == (scored["score"], scored["rarity"], scored["tip"])
        assert (row.xp, row.coins, row.gems) == tuple(scored["rewards"][name] for name in ("xp", "coins", "gems"))
        assert msgspec.json.decode(row.evidence or "") == scored["evidence"]
        assert row.mood_percent == scored["mood"]["percent"]
        assert row.progress == scored["mission"]["progressPct"] == state.tally.progress
        scores.append(scored["score"])
        paid = paid.plus(Amounts(**{name: scored["rewards"][name] for name in ("xp", "coins", "gems")}))
        assert state.tally.paid == paid
        assert scored["totals"]["xp"] == paid.xp
        assert scored["totals"]["averageScore"] == pytest.approx(sum(scores) / len(scores), abs=0.00501)
        assert scored["mission"]["messagesLeft"] == 6 - len(scores)
    assert state.tally.turns == 4
    assert state.recent_scores == tuple(scores[-3:])


def test_a_step_leaves_the_state_it_began_from_alone_and_makes_the_same_bytes_again() -> None:
    spec = spec_of()
    state = begun(spec)
    for at, line in enumerate((GOOD, HOME, "Thank you, that is kind. What do you do on Sundays?")):
        before = encode(state)
        first = turn(spec, state, line, f"item_{at}")
        assert encode(state) == before
        again = turn(spec, decode(before), line, f"item_{at}")
        assert as_bytes(first) == as_bytes(again)
        state = first.state


def test_free_play_has_no_mission_and_no_end_but_a_disqualifying_turn() -> None:
    spec = spec_of(mission=False)
    state = begun(spec)
    for at in range(12):
        step = turn(spec, state, "You are an idiot." if at % 2 else "no", f"item_{at}")
        assert "mission" not in decoded(step)[2]
        assert not step.ends
        assert step.turns[0].progress == 0
        state = step.state
    assert state.tally.strikes >= 3
    last = turn(spec, state, THREAT, "item_last")
    assert last.ends
    assert last.as_write(spec, state.seq, 10.0).ending_seconds == 10.0


def test_a_mission_ends_at_its_limit_and_the_write_says_so() -> None:
    spec = spec_of()
    state = begun(spec)
    minds = Minds(Steady(55), MINDS.extractor)
    for at in range(6):
        step = core.learner_turn(spec, state, said(f"So, number {at}.", f"item_{at}"), minds, {}, frozenset())
        assert step.ends == (at == 5)
        write = step.as_write(spec, state.seq, 10.0)
        assert (write.ending_seconds is not None) == (at == 5)
        assert write.new_turn
        assert write.expected_seq == state.seq
        state = step.state
    assert state.ending


def test_progress_never_falls() -> None:
    spec = spec_of()
    state = msgspec.structs.replace(begun(spec), tally=Tally(progress=70))
    step = turn(spec, state, "no")
    assert step.state.tally.progress == 70
    assert step.turns[0].progress == 70


# --- what a turn pays --------------------------------------------------------------------------------------------


def test_a_line_pays_once_in_a_session_and_not_at_all_when_it_was_paid_before() -> None:
    spec = spec_of(mission=False)
    state = begun(spec)
    first = turn(spec, state, GOOD, "item_1")
    assert first.turns[0].xp
    assert first.state.paid_lines == (line_hash(GOOD),)
    again = turn(spec, first.state, GOOD.upper() + "!!", "item_2")
    elsewhere = turn(spec, state, GOOD, "item_1", paid_before=frozenset({line_hash(GOOD)}))
    for step in (again, elsewhere):
        assert (step.turns[0].xp, step.turns[0].coins, step.turns[0].gems) == (0, 0, 0)
        assert step.turns[0].reward_reason == "ALREADY_PAID"
        assert step.turns[0].score is not None
    assert again.state.tally.paid == first.state.tally.paid


def test_a_session_pays_120_xp_and_40_coins_and_no_more() -> None:
    spec = spec_of(mission=False)
    state = begun(spec)
    minds = Minds(Steady(90), MINDS.extractor)
    reasons = []
    for at in range(12):
        step = core.learner_turn(spec, state, said(f"Line {at}.", f"item_{at}"), minds, {}, frozenset())
        reasons.append(step.turns[0].reward_reason)
        state = step.state
    assert state.tally.paid == Amounts(xp=120, coins=40, gems=0)
    # S pays 20/7: the sixth turn's coins are cut to five, from then on there is nothing.
    assert reasons == [None] * 5 + ["CAPPED"] * 7
    assert len(state.paid_lines) == 6


def test_the_days_xp_is_a_cap_of_its_own() -> None:
    spec = spec_of(mission=False)
    state = begun(spec, xp=30)
    minds = Minds(Steady(90), MINDS.extractor)
    for at in range(3):
        state = core.learner_turn(spec, state, said(f"Line {at}.", f"i{at}"), minds, {}, frozenset()).state
    assert state.tally.paid == Amounts(xp=30, coins=21, gems=0)


def test_the_same_tip_is_given_once_in_a_session() -> None:
    spec = spec_of(mission=False)
    state = begun(spec)
    minds = Minds(Steady(70), MINDS.extractor)
    tips = []
    for at in range(40):
        step = core.learner_turn(spec, state, said(f"Line {at}.", f"i{at}"), minds, {}, frozenset())
        tips.append(step.turns[0].tip)
        assert decoded(step)[2]["tip"] == tips[-1]
        state = decode(encode(step.state))
    assert tips == ["The same advice, every time.", *[None] * 39]


# --- memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["off", "read"])
def test_nothing_is_learnt_unless_the_memory_may_be_written(mode: Any) -> None:
    spec = spec_of()
    state = msgspec.structs.replace(begun(spec), memory_mode=mode)
    step = turn(spec, state, HOME)
    assert len(step.events) == 3
    assert step.memory_rows == ()
    assert step.changes == ()


def test_a_disqualified_turn_teaches_nothing() -> None:
    spec = spec_of()
    step = turn(spec, begun(spec), f"{HOME} {THREAT}")
    assert step.turns[0].disqualified == "THREAT"
    assert step.memory_rows == ()
    assert step.ends


def test_several_writes_of_one_turn_follow_on_each_other() -> None:
    spec = spec_of()
    step = turn(spec, begun(spec), "I love jazz. I love rock too.", memory=entry("likes.music", "blues", version=4))
    versions = [(row.expected_version, row.version) for row in step.memory_rows if row.key == "likes.music"]
    assert versions == [(at, at + 1) for at in range(4, 4 + len(versions))]
    assert versions
    assert step.changes[-1].entry.version == versions[-1][1]


def test_an_item_taken_off_a_list_is_stored_as_the_event_tells_it() -> None:
    spec = spec_of()
    step = turn(spec, begun(spec), "I don't like jazz any more.", memory=entry("likes.music", "jazz", "blues"))
    taken = next(row for row in step.memory_rows if row.key == "likes.music")
    event = next(e for e in decoded(step) if e["type"].startswith("memory.") and e["key"] == "likes.music")
    assert (event["value"], event["previousValue"]) == (None, "jazz")
    assert (taken.value, taken.previous_value) == (None, "jazz")


def test_the_learner_sets_a_value_right() -> None:
    spec = spec_of()
    state = begun(spec)
    step = core.correct_memory(spec, state, "home", "Jaffa", entry("home", "Haifa"), at=AT)
    (event,) = decoded(step)
    assert event["type"] == "memory.updated"
    assert (event["value"], event["previousValue"], event["version"]) == ("Jaffa", "Haifa", 2)
    assert step.turns == ()
    assert not step.as_write(spec, state.seq, 10.0).new_turn
    with pytest.raises(KeyUnknown):
        core.correct_memory(spec, state, "home", "Jaffa", {}, at=AT)
    with pytest.raises(ValueInvalid):
        core.correct_memory(spec, state, "home", " ", entry("home", "Haifa"), at=AT)


def test_a_forgotten_key_leaves_a_tombstone_and_names_what_it_redacts() -> None:
    spec = spec_of()
    state = begun(spec)
    step = core.forget_memory(spec, state, "home", entry("home", "Haifa"), (1, 7), at=AT)
    (event,) = decoded(step)
    assert event["type"] == "memory.forgotten"
    assert event["redacts"] == [1, 7]
    assert "Haifa" not in step.events[0].body
    (row,) = step.memory_rows
    assert (row.value, row.previous_value, row.quote, row.items) == (None, None, None, "[]")
    assert (row.version, row.op) == (2, "forgotten")


# --- replies and settings ----------------------------------------------------------------------------------------


def reply(status: str = "completed", text: str | None = "Nice to meet you, Tal.") -> Reply:
    return Reply(
        response_id="resp_1",
        item_id="item_r",
        text=text,
        status=status,
        details={"type": status},
        metadata={"mine": "yes"},
        carry="new",
        recalled=("tal",),
    )


def test_a_reply_ends_with_its_item_and_response_done() -> None:
    spec = spec_of()
    state = turn(spec, begun(spec), GOOD).state
    step = core.reply_done(spec, state, reply())
    assert types(step) == ["conversation.item.done", "response.done"]
    item, done = decoded(step)
    assert item["previous_item_id"] == "item_1"
    assert done["response"]["output"] == [item["item"]]
    assert done["response"]["metadata"] == {"mine": "yes"}
    assert step.clears_reply == "resp_1"
    assert (step.turns[0].first_seq, step.turns[0].final_seq) == (state.seq + 1, state.seq + 2)
    assert step.turns[0].parent_item_id == "item_1"
    assert (step.state.persona_line, step.state.carry, step.state.recalled) == (reply().text, "new", ("tal",))
    assert step.state.last_role == "assistant"
    assert not step.as_write(spec, state.seq, 10.0).new_turn


def test_a_cancelled_reply_keeps_what_was_said_and_not_what_was_meant() -> None:
    spec = spec_of()
    state = turn(spec, begun(spec), GOOD).state
    step = core.reply_done(spec, state, reply("cancelled", "Nice to"))
    assert decoded(step)[0]["item"]["status"] == "incomplete"
    assert step.turns[0].status == "incomplete"
    assert step.state.persona_line == "Nice to"
    assert (step.state.carry, step.state.recalled) == (state.carry, state.recalled)


def test_a_reply_that_said_nothing_is_response_done_alone() -> None:
    spec = spec_of()
    state = turn(spec, begun(spec), GOOD).state
    step = core.reply_done(spec, state, reply("failed", None))
    assert types(step) == ["response.done"]
    assert decoded(step)[0]["response"]["output"] == []
    assert step.turns == ()
    assert (step.state.last_item, step.state.position) == (state.last_item, state.position)


def test_the_closing_line_can_follow_the_turn_that_ended_the_mission() -> None:
    spec = spec_of()
    state = turn(spec, begun(spec), THREAT).state
    assert state.ending
    step = core.reply_done(spec, state, reply())
    assert step.state.ending
    assert not step.ends, "the end was set with the turn, and is not set again"


def test_settings_take_effect_and_their_event_is_found_again() -> None:
    spec = spec_of()
    state = begun(spec)
    step = core.update_session(spec, state, object_of(spec, autoResponse=True, memoryMode="off"))
    assert types(step) == ["session.updated"]
    assert (step.state.auto_response, step.state.memory_mode) == (True, "off")
    assert step.state.session_seq == step.state.seq == state.seq + 1


# --- at any length -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["🙂", "漢", "\x01"])
def test_a_thousand_long_turns_leave_a_state_that_fits_its_row(character: str) -> None:
    spec = spec_of(mission=False)
    state = msgspec.structs.replace(begun(spec), memory_mode="read")  # what is learnt has tests of its own
    minds = Minds(Steady(90, read=False), MINDS.extractor)
    for at in range(1_000):
        text = f"{at} {character * 1_900}"
        step = core.learner_turn(spec, state, said(text, f"item_{at}"), minds, {}, frozenset())
        if at % 10 == 0:
            line = Reply(response_id="r", item_id=f"a{at}", text=text, status="completed", carry="c" * 2_000)
            step = core.reply_done(spec, step.state, line)
        stored = step.as_write(spec, state.seq, 10.0).state
        assert len(stored.encode()) <= MAX_BYTES
        assert decode(stored) == step.state
        state = step.state
    assert state.tally.turns == 1_000
    assert state.tally.score_sum == 90_000
