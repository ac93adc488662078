"""One session on several processes: every device sees it live, whichever process it is connected to."""

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest

from realtime.limits import Limits
from tests.cluster.conftest import Pair
from tests.cluster.two import MISSION, at, guest, joined, opened, upto
from tests.durability.talk import LINES, log_of, said
from tests.support import Wire

LONG = "Well, " + "and then " * 180 + "that was it."


def scores(item_id: str, frame: dict[str, Any]) -> bool:
    return frame.get("item_id") == item_id


def frames(wire: Wire, type_: str) -> list[str]:
    return [frame for frame in wire.frames if msgspec.json.decode(frame)["type"] == type_]


async def test_turns_are_seen_on_both_in_both_directions_byte_for_byte(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id, last_seq=0) as two:
                await two.until("session.resumed")
                await upto(two, {"seq": 3})
                for number, line in enumerate(LINES):
                    speaker, other = (one, two) if number % 2 == 0 else (two, one)
                    scored = await speaker.turn(line, f"turn-{number}")
                    assert (await other.until("turn.scored")) == scored
                    await speaker.send("response.create")
                    done = await speaker.until("response.done")
                    assert (await upto(other, done)) == done
                assert one.durable == two.durable
                assert len(one.durable) > 20
        log = await log_of(learner, session_id)
        assert said(log) == [f"turn-{n}" for n in range(4)]


async def test_a_reply_is_seen_live_on_the_other_process(pair: Pair) -> None:
    async with pair(pace_ms=3) as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)
                await one.turn(LINES[0])
                await upto(two, {"seq": 6})
                one.frames.clear()
                two.frames.clear()
                await one.send("response.create", response={"metadata": {"why": "test"}})
                done = await one.until("response.done")
                await upto(two, done)
                for type_ in ("response.output_text.done", "response.content_part.done", "response.output_item.done"):
                    assert frames(one, type_) == frames(two, type_), "the same signal, encoded once"
                for wire in (one, two):
                    types = [msgspec.json.decode(frame)["type"] for frame in wire.frames]
                    types = [type_ for type_ in types if not type_.startswith("memory.")]  # of the turn before
                    assert types[:4] == [
                        "response.created",
                        "response.output_item.added",
                        "conversation.item.added",
                        "response.content_part.added",
                    ]
                    assert types[-5:] == [
                        "response.output_text.done",
                        "response.content_part.done",
                        "response.output_item.done",
                        "conversation.item.done",
                        "response.done",
                    ]
                    assert set(types[4:-5]) == {"response.output_text.delta"}
                    text = "".join(
                        msgspec.json.decode(f)["delta"] for f in frames(wire, "response.output_text.delta")
                    )
                    assert text == done["response"]["output"][0]["content"][0]["text"]
                created = msgspec.json.decode(frames(two, "response.created")[0])["response"]
                assert created["metadata"] == {"why": "test"}
                assert created["id"] == done["response"]["id"]


async def test_who_joins_another_process_during_a_reply_gets_its_opening_and_all_text(pair: Pair) -> None:
    async with pair(pace_ms=60) as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            head = (await one.turn(LINES[0]))["seq"]
            await one.send("response.create")
            said_so_far = ""
            for _ in range(4):
                said_so_far += (await one.until("response.output_text.delta"))["delta"]
            async with at(b, learner).connect(session_id=session_id, last_seq=1) as two:
                resumed = await two.next()
                assert resumed["type"] == "session.resumed"
                created = await two.until("response.created")
                assert resumed["active_response_id"] == created["response"]["id"]
                replayed = [msgspec.json.decode(frame)["seq"] for frame in two.durable]
                assert replayed == list(range(2, len(replayed) + 2)), "after the replay"
                assert replayed[-1] >= head
                first = await two.until("response.output_text.delta")
                assert first["delta"].startswith(said_so_far)
                done = await one.until("response.done")
                await upto(two, done)
                text = "".join(msgspec.json.decode(f)["delta"] for f in frames(two, "response.output_text.delta"))
                assert text == done["response"]["output"][0]["content"][0]["text"]
                assert len(frames(two, "response.created")) == 1


async def test_a_reply_is_cancelled_from_the_other_process(pair: Pair) -> None:
    async with pair(pace_ms=60) as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)
                await two.send("response.cancel")
                assert (await two.until("error"))["error"]["code"] == "response_cancel_not_active"
                await one.turn(LINES[0])
                await one.send("response.create")
                delta = await two.until("response.output_text.delta")
                await two.send("response.cancel", response_id="resp_of_another")
                assert (await two.until("error"))["error"]["code"] == "response_cancel_not_active"
                await two.send("response.create")
                refused = await two.until("error")
                assert refused["error"]["code"] == "conversation_already_has_active_response"
                await two.send("response.cancel", response_id=delta["response_id"])
                done = await two.until("response.done")
                assert done["response"]["status"] == "cancelled"
                assert (await one.until("response.done")) == done
                assert await two.reply(), "the next one can be said at once, by the other process"
                await upto(one, msgspec.json.decode(two.durable[-1]))


async def test_the_state_of_the_other_process_is_read_before_a_step(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)
                settings = {"type": "realtime", "socialgym": {"autoResponse": True}}
                await one.send("session.update", session=settings)
                await upto(two, await one.until("session.updated"))
                await two.send("session.update", session={"type": "realtime", "socialgym": {"memoryMode": "off"}})
                both = (await two.until("session.updated"))["session"]["socialgym"]
                assert (both["autoResponse"], both["memoryMode"]) == (True, "off"), "neither device undoes the other"
                last = (await one.turn(LINES[0], "first"))["item_id"]
                done = await one.until("response.done")
                await upto(two, done)
                item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": LINES[1]}]}
                reply = done["response"]["output"][0]["id"]
                await two.send("conversation.item.create", item=item, previous_item_id=last)
                assert (await two.until("error"))["error"]["code"] == "item_not_supported"
                await two.send("conversation.item.create", item=item, previous_item_id=reply)
                added = await two.until("conversation.item.added")
                assert added["previous_item_id"] == reply


async def test_a_turn_sent_to_both_at_once_is_one_turn(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)
                for number, line in enumerate(LINES):
                    await asyncio.gather(one.say(line, f"turn-{number}"), two.say(line, f"turn-{number}"))

                    def is_score(frame: dict[str, Any], item_id: str = f"turn-{number}") -> bool:
                        # a copy of the turn before may come late
                        return (frame["type"], frame.get("item_id")) == ("turn.scored", item_id)

                    scored = await one.until(is_score)
                    assert await two.until(is_score) == scored
        log = await log_of(learner, session_id)
        assert said(log) == [f"turn-{n}" for n in range(4)]


async def test_both_talk_at_once_and_no_turn_is_lost(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect() as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)

                async def talk(wire: Wire, name: str) -> None:
                    for number in range(20):
                        await wire.say(f"{LINES[number % 4]} And number {number} of {name}.", f"{name}-{number}")
                        await wire.until(partial(scores, f"{name}-{number}"))

                await asyncio.gather(talk(one, "one"), talk(two, "two"))
                log = await log_of(learner, session_id)
                bodies = list(one.durable)
                last = log[-1]
                for wire in (one, two):
                    if msgspec.json.decode(wire.durable[-1])["seq"] < last["seq"]:
                        await upto(wire, last)
                assert len(set(said(log))) == len(said(log)) == 40
                assert [msgspec.json.decode(frame) for frame in two.durable[1:]] == log[-len(two.durable[1:]) :]
                assert one.durable[: len(bodies)] == bodies
                seqs = [msgspec.json.decode(frame)["seq"] for frame in one.durable]
                assert seqs == list(range(1, last["seq"] + 1)), "gapless, in order, each once"


async def test_a_poll_and_a_stream_on_another_process_are_woken(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            elsewhere = at(b, learner)
            path = f"/v1/sessions/{session_id}/events"
            head = (await elsewhere.get(path))["headSeq"]
            waiting = asyncio.create_task(elsewhere.get(path, params={"after": head, "wait": 25}))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            scored = await one.turn(LINES[0])
            async with asyncio.timeout(10):
                found = await waiting
            assert found["events"][0]["seq"] == head + 1
            assert scored in found["events"]


async def test_long_events_go_by_way_of_the_log(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.peer_messages.LONGEST_EVENTS", 1_000)
    async with pair(limits=Limits(enforced=False)) as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)
                scored = await one.turn(LONG[:1_900], "long")
                assert await two.until("turn.scored") == scored
                assert two.durable[1:] == one.durable[3:]
