"""A user turn: its events, its idempotency key, its order, its receivers; memory; the end."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support import Learner, Wire
from tests.wire.conftest import opened
from tests.wire.helpers import error_of

TURN = ["conversation.item.added", "conversation.item.done", "turn.scored"]
TRAITS = {"confidence", "clarity", "humor", "tensionControl", "emotionalWarmth", "dominance"}


def message(*parts: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": part} for part in parts]
    return {"type": "message", "role": "user", "content": content, **more}


async def turn_frames(wire: Wire) -> list[dict[str, Any]]:
    """The frames of one turn, up to its last (memory events may follow ``turn.scored``)."""
    return [await wire.next() for _ in TURN]


async def test_a_turn_is_added_done_scored_then_memory(talk: Wire) -> None:
    greeting = msgspec.json.decode(talk.durable[-1])
    await talk.say("Hi, my name is Tal and I love jazz.", "mine")
    added, done, scored = await turn_frames(talk)
    memory = await talk.drained()
    assert [frame["type"] for frame in (added, done, scored)] == TURN
    assert {frame["type"] for frame in memory} == {"memory.created"}
    everything = [added, done, scored, *memory]
    assert [frame["seq"] for frame in everything] == list(range(4, 4 + len(everything)))
    assert {frame["session_id"] for frame in everything} == {greeting["session_id"]}
    assert len({frame["event_id"] for frame in everything}) == len(everything)
    for frame in (added, done):
        assert frame["previous_item_id"] == greeting["item"]["id"]
        assert frame["item"] == {
            "id": "mine",
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_text", "text": "Hi, my name is Tal and I love jazz."}],
        }
    for frame in memory:
        source = frame["source"]
        assert source["item_id"] == "mine"
        text = "Hi, my name is Tal and I love jazz."
        assert source["quote"] == text[source["start"] : source["end"]]
        assert frame["value"] in text
        assert 0 < frame["confidence"] <= 1
        assert frame["version"] == 1
        assert frame["writtenAt"].endswith("Z")
        assert "previousValue" not in frame


async def test_turn_scored_has_every_field(learner: Learner) -> None:
    text = "Hi, I'm Tal. 😀 I walk here on Sundays because the light is so good. What do you order?"
    async with learner.connect("template:OPENERS_CAFE_HELLO") as wire:
        await opened(wire)
        scored = await wire.turn(text, "t")
    base = {"type", "event_id", "session_id", "seq"}
    assert set(scored) - base == {
        *("item_id", "turnIndex", "score", "rarity", "traits", "charismaIndex", "evidence", "observed", "hooks"),
        *("patterns", "tip", "rewards", "totals", "mood", "mission", "scorerVersion"),
    }
    assert (scored["item_id"], scored["turnIndex"]) == ("t", 1)
    assert type(scored["score"]) is int
    assert 0 <= scored["score"] <= 100
    assert scored["rarity"] in ("C", "B", "A", "S", "S+")
    assert set(scored["traits"]) == TRAITS
    assert all(type(value) is int and 0 <= value <= 100 for value in scored["traits"].values())
    assert type(scored["charismaIndex"]) is int
    assert scored["evidence"]
    for evidence in scored["evidence"]:
        assert set(evidence) == {"trait", "effect", "start", "end", "rule", "note"}
        assert evidence["trait"] in TRAITS
        assert type(evidence["effect"]) is int
        assert evidence["effect"] != 0
        assert 0 <= evidence["start"] <= evidence["end"] <= len(text)
        assert evidence["rule"]
        assert evidence["note"]
    assert set(scored["observed"]) <= TRAITS
    for name in ("hooks", "patterns"):
        assert all(each.isupper() for each in scored[name])
    assert scored["tip"] is None or scored["tip"]
    assert set(scored["rewards"]) - {"reason"} == {"xp", "coins", "gems"}
    assert scored["rewards"]["xp"] > 0
    assert scored["totals"] == {
        **{name: scored["rewards"][name] for name in ("xp", "coins", "gems")},
        "averageScore": scored["score"],
    }
    assert scored["mood"]["state"] in ("COLD", "NEUTRAL", "WARM", "TENSE", "FLOW")
    assert type(scored["mood"]["percent"]) is int
    assert 0 <= scored["mood"]["percent"] <= 100
    assert set(scored["mission"]) == {"progressPct", "messagesLeft", "strikes"}
    assert (scored["mission"]["messagesLeft"], scored["mission"]["strikes"]) == (5, 0)
    assert scored["scorerVersion"]


async def test_a_line_is_paid_once(talk: Wire) -> None:
    line = "I love detective stories too, mostly the old ones. Do you come here often?"
    first = await talk.turn(line)
    second = await talk.turn(line)
    assert "reason" not in first["rewards"]
    assert second["rewards"] == {"xp": 0, "coins": 0, "gems": 0, "reason": "ALREADY_PAID"}
    assert second["totals"]["xp"] == first["totals"]["xp"]


async def test_several_parts_are_joined_by_a_line_break(talk: Wire) -> None:
    await talk.send("conversation.item.create", item=message("Hello there.", "How are you?"))
    done = await talk.until("conversation.item.done")
    assert done["item"]["content"] == [{"type": "input_text", "text": "Hello there.\nHow are you?"}]
    assert done["item"]["id"].startswith("item_")


async def test_without_an_id_a_retry_is_a_new_turn(talk: Wire) -> None:
    ids = {(await talk.turn("Hello there."))["item_id"] for _ in range(2)}
    assert len(ids) == 2


async def test_a_repeated_send_gets_the_same_bytes_and_nobody_else_does(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        async with learner.connect(session_id=session_id) as other:
            await other.next()
            await wire.turn("Hi, my name is Tal.", "once")
            await wire.drained()
            first = wire.durable[3:]
            assert [msgspec.json.decode(frame)["type"] for frame in first] == [*TURN, "memory.created"]
            await wire.reply()
            await other.until("response.done")
            count = len(wire.frames)
            await wire.say("Hi, my name is Tal.", "once")
            await wire.drained()
            assert wire.frames[count:] == first
            assert await other.drained() == []
            # From the other device, and with the text in two parts: still the same content.
            await other.send("conversation.item.create", item=message("Hi, my name is Tal.", id="once"))
            await other.drained()
            assert other.frames[-4:] == first
        for number in range(20):  # beyond what is kept in memory
            await wire.turn(f"And now for line number {number}.", f"n{number}")
        await wire.drained()
        count = len(wire.frames)
        await wire.say("Hi, my name is Tal.", "once")
        await wire.drained()
        assert wire.frames[count:] == first
    turns = await learner.get(f"/v1/sessions/{session_id}/events")
    assert sum(event["type"] == "turn.scored" for event in turns["events"]) == 21


async def test_a_duplicate_in_flight_waits_for_the_first(talk: Wire) -> None:
    for _ in range(2):
        await talk.say("Hello, are you well?", "twin")
    frames = await talk.drained()
    assert [frame["type"] for frame in frames] == TURN * 2
    assert talk.frames[-6:-3] == talk.frames[-3:]


async def test_another_content_under_the_same_id_is_a_conflict(talk: Wire) -> None:
    greeting = msgspec.json.decode(talk.durable[-1])["item"]["id"]
    await talk.turn("Hello there.", "mine")
    for text in ("Hello there!", "hello there.", "Hello there. ", "He\u0301llo there."):
        await talk.say(text, "mine")
        error = await error_of(talk)
        assert (error["code"], error["param"]) == ("idempotency_conflict", "item.id")
    await talk.say("Hello there.", greeting)
    assert (await error_of(talk))["code"] == "idempotency_conflict"


async def test_items_are_added_after_the_last_one_alone(talk: Wire) -> None:
    greeting = msgspec.json.decode(talk.durable[-1])["item"]["id"]
    for previous in ("root", "unknown", ""):
        await talk.send("conversation.item.create", item=message("Hello."), previous_item_id=previous)
        error = await error_of(talk)
        assert (error["code"], error["param"]) == ("item_not_supported", "previous_item_id")
    hello = {"item": message("Hello.", id="a"), "previous_item_id": greeting}
    await talk.send("conversation.item.create", **hello)
    await talk.until("turn.scored")
    await talk.send("conversation.item.create", item=message("More.", id="b"), previous_item_id=greeting)
    assert (await error_of(talk))["code"] == "item_not_supported"
    await talk.send("conversation.item.create", item=message("More.", id="b"), previous_item_id="a")
    assert (await talk.until("conversation.item.added"))["previous_item_id"] == "a"
    await talk.until("turn.scored")
    await talk.send("conversation.item.create", **hello)  # a repeated send, though its place is taken now
    assert (await talk.until("turn.scored"))["item_id"] == "a"


async def test_previous_item_id_is_true_all_along(talk: Wire) -> None:
    for number in range(3):
        await talk.turn(f"Line number {number} of this talk.")
        await talk.reply()
    last = None
    for frame in map(msgspec.json.decode, talk.frames):
        if frame["type"] == "conversation.item.added":
            assert frame.get("previous_item_id") == last
        elif frame["type"] == "conversation.item.done":
            assert frame.get("previous_item_id") == last
            assert frame["item"]["object"] == "realtime.item"
            assert frame["item"]["status"] == "completed"
            last = frame["item"]["id"]
    seqs = [msgspec.json.decode(frame)["seq"] for frame in talk.durable]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_items_are_retrieved_by_the_sender_alone(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.turn("Hello.", "mine")
        await wire.reply()
        said = msgspec.json.decode(wire.durable[-1])["response"]["output"][0]
        async with learner.connect(session_id=session_id) as other:
            await other.next()
            await wire.send("conversation.item.retrieve", item_id="mine")
            found = await wire.next()
            assert found["type"] == "conversation.item.retrieved"
            assert "seq" not in found
            assert found["item"]["content"] == [{"type": "input_text", "text": "Hello."}]
            await wire.send("conversation.item.retrieve", item_id=said["id"])
            assert (await wire.next())["item"] == said
            await wire.send("conversation.item.retrieve", item_id="unknown", event_id="e")
            error = await error_of(wire)
            assert (error["code"], error["event_id"]) == ("item_not_found", "e")
            assert await other.drained() == []


@pytest.mark.parametrize(
    ("type_", "fields", "code"),
    [
        ("conversation.item.delete", {"item_id": "mine"}, "item_is_permanent"),
        (
            "conversation.item.truncate",
            {"item_id": "x", "content_index": 0, "audio_end_ms": 5},
            "audio_not_supported",
        ),
        ("input_audio_buffer.commit", {}, "audio_not_supported"),
    ],
)
async def test_what_is_not_done_is_said(talk: Wire, type_: str, fields: dict[str, Any], code: str) -> None:
    await talk.turn("Hello.", "mine")
    await talk.send(type_, event_id="e", **fields)
    error = await error_of(talk)
    assert (error["code"], error["type"], error["event_id"]) == (code, "invalid_request_error", "e")
    await talk.send("conversation.item.retrieve", item_id="mine")
    assert (await talk.next())["item"]["id"] == "mine"


async def test_sound_is_dropped_and_the_buffer_cleared(talk: Wire) -> None:
    for _ in range(3):
        await talk.send("input_audio_buffer.append", audio="AAAA")
    await talk.send("input_audio_buffer.clear")
    frames = await talk.drained()
    assert [frame["type"] for frame in frames] == ["input_audio_buffer.cleared"]


# --- memory --------------------------------------------------------------------------------------------------------


async def test_memory_is_edited_and_forgotten(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.say("Hi, my name is Tal.", "mine")
        created = await wire.until("memory.created")
        key = created["key"]
        await wire.send("memory.edit", key=key, value="Noa", event_id="e")
        updated = await wire.next()
        assert updated["type"] == "memory.updated"
        assert (updated["key"], updated["value"], updated["previousValue"]) == (key, "Noa", "Tal")
        assert (updated["version"], updated["confidence"]) == (2, 1.0)
        assert set(updated["source"]) == {"item_id", "start", "end", "quote"}
        await wire.send("memory.forget", key=key)
        forgotten = await wire.next()
        base = {"type", "event_id", "session_id", "seq"}
        assert forgotten["type"] == "memory.forgotten"
        assert set(forgotten) - base == {"key", "version", "redacts"}
        assert (forgotten["key"], forgotten["version"]) == (key, 3)
        assert set(forgotten["redacts"]) == {created["seq"], updated["seq"]}
        await wire.send("memory.forget", key=key, event_id="again")
        error = await error_of(wire)
        assert (error["code"], error["event_id"]) == ("memory_key_unknown", "again")
        await wire.send("memory.edit", key="user.nothing", value="x")
        assert (await error_of(wire))["code"] == "memory_key_unknown"
    async with learner.connect(session_id=session_id, last_seq=0) as again:
        await again.until("memory.forgotten")
        replayed = {frame["seq"]: frame for frame in map(msgspec.json.decode, again.durable)}
    for seq in forgotten["redacts"]:
        assert "Tal" not in msgspec.json.encode(replayed[seq]).decode()
        assert "Noa" not in msgspec.json.encode(replayed[seq]).decode()


async def test_forgetting_with_turns_blanks_what_was_said(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.say("Hi, my name is Talibunda.", "mine")
        key = (await wire.until("memory.created"))["key"]
        await wire.send("memory.forget", key=key, withTurns=True)
        forgotten = await wire.until("memory.forgotten")
        assert {4, 5} <= set(forgotten["redacts"])
    async with learner.connect(session_id=session_id, last_seq=0) as again:
        await again.until("memory.forgotten")
        assert [frame for frame in again.frames if "Talibunda" in frame] == []
        assert [msgspec.json.decode(frame)["seq"] for frame in again.durable] == list(range(1, forgotten["seq"] + 1))


# --- two devices, and the end --------------------------------------------------------------------------------------


async def test_durable_events_are_the_same_bytes_on_every_device(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as one:
        session_id = await opened(one)
        async with learner.connect(session_id=session_id, last_seq=0) as two:
            await two.until("conversation.item.done")
            await one.turn("Hi, my name is Tal.")
            await one.reply()
            await two.turn("And who are you?")
            await two.send("session.update", session={"instructions": "Be brief."})
            await one.until("session.updated")
            await two.send("response.cancel", event_id="mine alone")
            assert (await two.until("error"))["error"]["event_id"] == "mine alone"
            await one.send("session.end")
            assert await one.closed() == 1000
            assert await two.closed() == 1000
        assert one.durable == two.durable
        types = [msgspec.json.decode(frame)["type"] for frame in one.frames]
        assert "error" not in types
        assert "session.resumed" not in types
        signals = [
            [kind for frame in wire.frames if (kind := msgspec.json.decode(frame)["type"]).startswith("response.")]
            for wire in (one, two)
        ]
        assert signals[0] == signals[1]


async def test_the_end_is_finalizing_summary_wallet_and_1000(talk: Wire, learner: Learner) -> None:
    for number in range(3):
        await talk.turn(f"I like the {number} bus, because it passes the sea. Do you take it too?")
    await talk.drained()
    await talk.send("session.end")
    finalizing, summary, wallet = [await talk.next() for _ in range(3)]
    assert finalizing["type"] == "session.finalizing"
    assert finalizing["reason"] == "CLIENT"
    assert summary["type"] == "session.summary"
    assert summary["seq"] == finalizing["seq"] + 1
    assert wallet["type"] == "wallet.updated"
    assert "seq" not in wallet
    assert {name: wallet["wallet"][name] for name in ("xp", "coins", "gems")} == summary["summary"]["wallet"]["after"]
    assert await talk.closed() == 1000


async def test_a_turn_on_an_ended_session_and_its_repeated_send(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.turn("Hello there.", "mine")
        first = wire.durable[3:6]
        await wire.send("session.end")
        await wire.say("Too late.", "late")  # lost to the end
        await wire.closed()
    ended = [msgspec.json.decode(frame) for frame in wire.frames if '"session_ended"' in frame]
    late = [frame for frame in wire.frames if '"late"' in frame]
    assert late == []
    assert len(ended) <= 1
    path = f"/v1/sessions/{session_id}/turns"
    answer = await learner.call("POST", path, json={"id": "late", "text": "Too late."})
    assert (answer.status_code, answer.json()["code"]) == (409, "session_ended")
    answer = await learner.call("POST", path, json={"id": "mine", "text": "Hello there."})
    assert answer.text == '{"events":[' + ",".join(first) + "]}"


async def test_many_turns_at_once_from_two_devices_keep_the_order(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as one:
        session_id = await opened(one)
        async with learner.connect(session_id=session_id) as two:
            await two.next()

            async def talkative(wire: Wire, name: str) -> None:
                for number in range(10):
                    await wire.say(f"This is line {number} from {name}.", f"{name}{number}")

            await asyncio.gather(talkative(one, "one"), talkative(two, "two"))
            for wire in (one, two):
                scored = 0
                while scored < 20:
                    scored += (await wire.next())["type"] == "turn.scored"
            shared = len(two.durable) - 1
            assert one.durable[-shared:] == two.durable[1:]
            seqs = [msgspec.json.decode(frame)["seq"] for frame in one.durable]
            assert seqs == list(range(1, len(seqs) + 1))
