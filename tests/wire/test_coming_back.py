"""Coming back with ``last_seq``: what is replayed, byte for byte, and what is refused."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from realtime.limits import Limits
from tests.support import Learner, RunningServer, Wire
from tests.wire.conftest import opened
from tests.wire.helpers import refused, refused_upgraded


async def played(wire: Wire) -> int:
    """A short talk; its head."""
    await wire.turn("Hi, my name is Tal.")
    await wire.reply()
    scored = await wire.turn("That sounds lovely. What do you do on Sundays?")
    await wire.drained()
    return max(int(msgspec.json.decode(frame)["seq"]) for frame in wire.durable) or int(scored["seq"])


async def test_zero_gives_everything_byte_for_byte(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        head = await played(wire)
    async with learner.connect(session_id=session_id, last_seq=0) as again:
        resumed = await again.next()
        assert {name: resumed[name] for name in resumed if name != "event_id"} == {
            "type": "session.resumed",
            "last_seq": 0,
            "head_seq": head,
            "recovered": True,
        }
        await again.until(lambda frame: frame.get("seq") == head)
        assert again.durable == wire.durable
        assert (await again.turn("I am back."))["seq"] == head + 3


@pytest.mark.parametrize("back", [1, 3])
async def test_a_seq_gives_what_came_after(learner: Learner, back: int) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        head = await played(wire)
    async with learner.connect("template:NO_SUCH", session_id=session_id, last_seq=head - back) as again:
        assert (await again.next())["head_seq"] == head
        await again.until(lambda frame: frame.get("seq") == head)
        assert again.durable == wire.durable[-back:]


async def test_at_the_head_there_is_nothing_to_replay(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        head = await played(wire)
    async with learner.connect(session_id=session_id, last_seq=head) as again:
        assert (await again.next())["type"] == "session.resumed"
        assert await again.drained() == []


async def test_without_last_seq_session_created_then_live(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        head = await played(wire)
    async with learner.connect(session_id=session_id) as again:
        await again.next()
        assert again.frames == wire.frames[:1]
        assert (await again.turn("I am back."))["seq"] == head + 3
        assert [msgspec.json.decode(frame)["seq"] for frame in again.durable] == [1, head + 1, head + 2, head + 3]


async def test_above_the_head_is_409(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
    status, problem, _ = await refused(learner.connect(session_id=session_id, last_seq=4))
    assert (status, problem["code"], problem["param"]) == (409, "seq_ahead", "last_seq")
    wire = learner.connect(session_id=session_id, last_seq=999_999_999, subprotocols=["realtime"])
    error, code = await refused_upgraded(wire)
    assert (error["code"], error["param"], code) == ("seq_ahead", "last_seq", 4499)


@pytest.mark.parametrize("last_seq", ["-1", "1.5", "x", "", "99999999999999999999", "٣", "0x1"])
async def test_a_last_seq_that_is_no_number_is_400(learner: Learner, last_seq: str) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
    url = f"{learner.ws}/v1/realtime?session_id={session_id}&last_seq={quote(last_seq)}"
    status, problem, _ = await refused(Wire(url, headers=learner.headers))
    assert (status, problem["code"], problem["param"]) == (400, "invalid_event", "last_seq")


async def test_a_foreign_session_and_none_are_the_same_answer(house: RunningServer, learner: Learner) -> None:
    other = await house.learner()
    async with other.connect("persona:MAYA_PLAYFUL") as wire:
        foreign = await opened(wire)
        answers = []
        for session_id in (foreign, str(uuid.uuid4())):
            for last_seq in (None, 0, 999):
                status, problem, _ = await refused(learner.connect(session_id=session_id, last_seq=last_seq))
                assert status == 404
                answers.append(problem)
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["code"] == "not_found"
        error, code = await refused_upgraded(learner.connect(session_id=foreign, subprotocols=["realtime"]))
        assert (error["code"], code) == ("not_found", 4499)


@pytest.mark.parametrize("session_id", ["", "x", "%00", "123"])
async def test_what_is_no_session_id_is_404(learner: Learner, session_id: str) -> None:
    status, problem, _ = await refused(learner.connect(session_id=session_id))
    assert (status, problem["code"]) == (404, "not_found")


async def test_an_ended_session_gives_what_was_missed_and_1000(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        head = await played(wire)
        await wire.send("session.end")
        await wire.closed()
    assert len(wire.durable) == head + 2
    for last_seq in (0, 1, head, head + 1, head + 2):
        async with learner.connect(session_id=session_id, last_seq=last_seq) as again:
            assert await again.closed() == 1000
            assert again.durable == wire.durable[last_seq:]
    async with learner.connect(session_id=session_id) as again:
        assert await again.closed() == 1000
        assert again.durable[0] == wire.durable[0]
        assert again.durable[-1] == wire.durable[-1]
    status, _, _ = await refused(learner.connect(session_id=session_id, last_seq=head + 3))
    assert status == 409


def scored_item(item_id: str) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: frame.get("item_id") == item_id


async def test_what_others_say_during_a_replay_comes_once_and_in_order(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        for number in range(60):
            await wire.say(f"This is line number {number} of the talk.", f"n{number}")
            if number % 10 == 5:
                async with learner.connect(session_id=session_id, last_seq=0) as again:
                    await again.until(scored_item(f"n{number}"))
                    seqs = [msgspec.json.decode(frame)["seq"] for frame in again.durable]
                    assert seqs == list(range(1, len(seqs) + 1))
        await wire.until(scored_item("n59"))
        await wire.drained()
        async with learner.connect(session_id=session_id, last_seq=0) as again:
            await again.until(scored_item("n59"))
            await again.drained()
            assert again.durable == wire.durable


async def test_the_server_goes_and_comes_back(serve: Callable[..., Any]) -> None:
    """1012 when it drains; then another server on the same database knows it all."""
    async with serve(limits=Limits(enforced=False)) as server:
        learner = await server.learner()
        wire = await learner.connect("persona:MAYA_PLAYFUL").__aenter__()
        session_id = await opened(wire)
        head = await played(wire)
        closed = asyncio.create_task(wire.closed())
    assert await closed == 1012
    draining = msgspec.json.decode(wire.frames[-1])
    assert draining["type"] == "server.draining"
    assert "seq" not in draining
    assert 0 <= draining["reconnect_in_ms"] <= 3_000
    async with serve(limits=Limits(enforced=False)) as server:
        learner.url, learner.ws = server.url, server.ws
        async with learner.connect(session_id=session_id, last_seq=0) as again:
            await again.until(lambda frame: frame.get("seq") == head)
            assert again.durable == wire.durable
            assert (await again.turn("I am back."))["seq"] == head + 3
