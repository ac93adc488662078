"""Following a session over REST: pages, polls that wait, server-sent events, and a change of transport half-way."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest

from storage import sessions
from tests.rest.calls import HELLO, MISSION, MORE, begin, frames, new_id, poll, problem, say, types
from tests.support import PATIENCE, Learner, RunningServer

AT_ONCE = 2.0  # seconds: what was woken is back long before a poll's time is over


async def test_events_after_a_seq(learner: Learner) -> None:
    session_id = await begin(learner, MISSION)
    await say(learner, session_id, HELLO)
    whole = await poll(learner, session_id)
    assert [event["seq"] for event in whole["events"]] == list(range(1, whole["headSeq"] + 1))
    for after in range(whole["headSeq"] + 1):
        part = await poll(learner, session_id, after=after)
        assert part == {"events": whole["events"][after:], "headSeq": whole["headSeq"]}
    refused = await learner.call("GET", f"/v1/sessions/{session_id}/events", params={"after": whole["headSeq"] + 1})
    problem(refused, 409, "seq_ahead", "after")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("after", "-1"), ("after", "one"), ("after", "1.5"), ("after", "99999999999999999999"), ("after", "")),
        *(("wait", "-1"), ("wait", "26"), ("wait", "nan"), ("wait", "inf"), ("wait", "soon")),
    ],
)
async def test_queries_that_say_nothing(learner: Learner, name: str, value: str) -> None:
    session_id = await begin(learner)
    refused = await learner.call("GET", f"/v1/sessions/{session_id}/events", params={name: value})
    problem(refused, 400, "invalid_event", name)


async def test_a_poll_waits_and_is_woken_by_another_device(learner: Learner) -> None:
    session_id = await begin(learner)
    head = (await poll(learner, session_id))["headSeq"]
    waiting = asyncio.create_task(poll(learner, session_id, after=head, wait=25))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    async with learner.connect(session_id=session_id) as other:
        await other.next()
        await other.turn(HELLO)
        said = time.monotonic()
        found = await waiting
        assert time.monotonic() - said < AT_ONCE
    assert found["events"][0]["seq"] == head + 1
    assert "turn.scored" in [event["type"] for event in found["events"]]


async def test_a_poll_that_nothing_wakes_ends_by_itself(learner: Learner) -> None:
    session_id = await begin(learner)
    head = (await poll(learner, session_id))["headSeq"]
    began = time.monotonic()
    assert await poll(learner, session_id, after=head, wait=1.5) == {"events": [], "headSeq": head}
    assert time.monotonic() - began >= 1.5


async def test_a_poll_does_not_wait_for_what_is_there_or_can_never_come(learner: Learner) -> None:
    session_id = await begin(learner)
    began = time.monotonic()
    assert (await poll(learner, session_id, wait=25))["events"]
    await learner.post(f"/v1/sessions/{session_id}/end")
    head = (await poll(learner, session_id))["headSeq"]
    assert (await poll(learner, session_id, after=head, wait=25))["events"] == []
    assert time.monotonic() - began < PATIENCE


async def test_a_poll_sees_the_end(learner: Learner) -> None:
    session_id = await begin(learner)
    head = (await poll(learner, session_id))["headSeq"]
    waiting = asyncio.create_task(poll(learner, session_id, after=head, wait=25))
    await asyncio.sleep(0.2)
    await learner.post(f"/v1/sessions/{session_id}/end")
    async with asyncio.timeout(PATIENCE):
        found = await waiting
        while found["events"][-1]["type"] != "session.summary":
            found = await poll(learner, session_id, after=found["headSeq"], wait=25)


async def test_a_poll_waits_for_a_summary_that_somebody_else_makes(learner: Learner, server: RunningServer) -> None:
    session_id = await begin(learner)
    async with server.engine.database.transaction() as connection:
        await sessions.begin_end(connection, UUID(learner.user_id), UUID(session_id), "CLIENT")
    found = await poll(learner, session_id)
    assert found["events"][-1]["type"] in ("session.finalizing", "session.summary")
    while found["events"][-1]["type"] != "session.summary":  # the sweeper's work
        found = await poll(learner, session_id, after=found["headSeq"], wait=25)
        assert found["events"], "it waited for the event, and did not come back with nothing"


# --- server-sent events -------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(
    learner: Learner, session_id: str, **headers: str
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """The messages of an event stream, each as its fields."""
    asked = {**learner.headers, "Accept": "text/event-stream", **headers}
    async with (
        httpx.AsyncClient(base_url=learner.url, timeout=PATIENCE) as http,
        http.stream("GET", f"/v1/sessions/{session_id}/events", headers=asked) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield _messages(answer)


async def _messages(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


async def test_a_stream_is_the_log_and_ends_after_the_summary(learner: Learner) -> None:
    session_id = await begin(learner, MISSION)
    async with asyncio.timeout(30), listening(learner, session_id) as stream:
        told = [await anext(stream) for _ in range(3)]
        await say(learner, session_id, HELLO, params={"respond": "true"})
        await learner.post(f"/v1/sessions/{session_id}/end")
        told += [message async for message in stream]
    log = frames(await learner.call("GET", f"/v1/sessions/{session_id}/events"))
    assert [message["data"] for message in told] == log
    assert [message["event"] for message in told] == types(log)
    assert [int(message["id"]) for message in told] == list(range(1, len(log) + 1))
    assert told[-1]["event"] == "session.summary"


async def test_a_stream_is_resumed_by_its_last_id(learner: Learner) -> None:
    session_id = await begin(learner)
    async with listening(learner, session_id) as stream:
        first = await anext(stream)
    await say(learner, session_id, HELLO)
    async with listening(learner, session_id, **{"Last-Event-ID": first["id"]}) as stream:
        assert int((await anext(stream))["id"]) == int(first["id"]) + 1
    ahead = {"Accept": "text/event-stream", "Last-Event-ID": "99999"}
    refused = await learner.call("GET", f"/v1/sessions/{session_id}/events", headers=ahead)
    problem(refused, 409, "seq_ahead", "after")
    await learner.post(f"/v1/sessions/{session_id}/end")
    async with asyncio.timeout(PATIENCE), listening(learner, session_id) as stream:
        whole = [message async for message in stream]
    assert whole[-1]["event"] == "session.summary"
    async with (
        asyncio.timeout(PATIENCE),
        listening(learner, session_id, **{"Last-Event-ID": whole[-1]["id"]}) as stream,
    ):
        assert [message async for message in stream] == []


async def test_listeners_that_go_away_leave_the_server_well(learner: Learner, server: RunningServer) -> None:
    session_id = await begin(learner)

    async def glance() -> None:
        async with listening(learner, session_id) as stream:
            await anext(stream)

    await asyncio.gather(*(glance() for _ in range(30)))
    for _ in range(5):
        assert (await say(learner, session_id, HELLO)).status_code == 200
    ready = await learner.get("/v1/health/ready")
    assert ready["status"] == "ok"
    database: Any = server.engine.database
    pool = database.engine.pool
    async with asyncio.timeout(PATIENCE):  # the sweeper has one now and then
        while pool.checkedout():
            await asyncio.sleep(0.02)


# --- the transport changes ----------------------------------------------------------------------------------------


async def test_a_session_changes_its_transport_at_any_turn(learner: Learner) -> None:
    session_id = await begin(learner, MISSION)
    said = new_id()
    by_rest = await say(learner, session_id, HELLO, said, params={"respond": "true"})
    head = (await poll(learner, session_id))["headSeq"]
    async with learner.connect(session_id=session_id, last_seq=0) as wire:
        while len(wire.durable) < head:
            await wire.next()
        assert wire.durable == frames(await learner.call("GET", f"/v1/sessions/{session_id}/events"))
        await wire.say(HELLO, said)
        told = frames(by_rest)[:3]
        before = len(wire.frames)
        while len(wire.frames) < before + len(told):
            await wire.next()
        assert wire.frames[before:] == told, "an id used over REST is used up on the socket too"
        scored = await wire.turn(MORE, "over_the_socket")
        assert scored["turnIndex"] == 2
        await wire.reply()
    back = await say(learner, session_id, MORE, "over_the_socket")
    assert f'"event_id":"{scored["event_id"]}"' in back.text
    problem(await say(learner, session_id, HELLO, "over_the_socket"), 409, "idempotency_conflict", "id")
    third: dict[str, Any] = (await say(learner, session_id, "And what do you read on a rainy Sunday?")).json()
    assert next(event for event in third["events"] if event["type"] == "turn.scored")["turnIndex"] == 3
    ended = await learner.call("POST", f"/v1/sessions/{session_id}/end")
    async with learner.connect(session_id=session_id, last_seq=head) as wire:
        assert await wire.closed() == 1000
    assert f'"summary":{ended.text}' in wire.durable[-1]
    assert ended.json()["messageCount"] == 3
