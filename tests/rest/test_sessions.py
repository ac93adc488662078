"""A session over REST: begun, told, read and ended, with the socket's own bytes."""

import asyncio
from typing import Any

import pytest

from tests.rest.calls import HELLO, MISSION, MORE, begin, frames, new_id, poll, problem, say, types
from tests.support import Learner, RunningServer, Wire

TURN = ["conversation.item.added", "conversation.item.done", "turn.scored"]
REPLY = ["conversation.item.done", "response.done"]


async def whole_log(learner: Learner, session_id: str) -> list[str]:
    return frames(await learner.call("GET", f"/v1/sessions/{session_id}/events"))


async def seen_by(wire: Wire, count: int) -> list[str]:
    """The durable frames of a socket, when it has this many."""
    while len(wire.durable) < count:
        await wire.next()
    return wire.durable


# --- beginning ----------------------------------------------------------------------------------------------------


async def test_a_new_session_is_the_session_of_its_first_event(learner: Learner) -> None:
    answer = await learner.call("POST", "/v1/sessions", json={"model": MISSION})
    assert answer.status_code == 201
    body = answer.json()
    first = (await whole_log(learner, body["id"]))[0]
    assert types([first]) == ["session.created"]
    assert f'"session":{answer.text}' in first
    assert body["socialgym"]["template"]["code"] == "OPENERS_CAFE_HELLO"


async def test_the_same_key_is_the_same_session(learner: Learner, server: RunningServer) -> None:
    header = {"Idempotency-Key": new_id()}
    call = ("POST", "/v1/sessions")
    answers = await asyncio.gather(
        *(learner.call(*call, json={"model": MISSION}, headers=header) for _ in range(4)),
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    again = await learner.call(*call, json={"model": MISSION}, headers=header)
    assert again.content == answers[0].content
    other = await learner.call(*call, json={"model": ""}, headers=header)
    problem(other, 409, "idempotency_conflict", "Idempotency-Key")
    assert len((await learner.get("/v1/sessions"))["items"]) == 1
    stranger = await server.learner()
    assert await begin(stranger, MISSION, headers=header) != answers[0].json()["id"], "a key is one user's"


async def test_a_key_finds_its_session_when_that_has_ended(learner: Learner) -> None:
    header = {"Idempotency-Key": new_id()}
    session_id = await begin(learner, headers=header)
    await learner.post(f"/v1/sessions/{session_id}/end")
    assert await begin(learner, headers=header) == session_id


@pytest.mark.parametrize(
    ("model", "status", "code", "param"),
    [
        ("template:NO_SUCH", 404, "not_found", "model"),
        ("persona:NOBODY", 404, "not_found", "model"),
        ("template:", 404, "not_found", "model"),
        ("claude", 404, "not_found", "model"),
        ("m" * 201, 400, "invalid_event", "model"),
        ("a\0b", 400, "invalid_event", "model"),
        (7, 400, "invalid_event", "model"),
        (None, 400, "invalid_event", "model"),
    ],
)
async def test_models_that_begin_nothing(
    learner: Learner, model: object, status: int, code: str, param: str | None
) -> None:
    problem(await learner.call("POST", "/v1/sessions", json={"model": model}), status, code, param)
    assert (await learner.get("/v1/sessions"))["items"] == []


async def test_a_locked_mission_is_refused_and_its_key_stays_good(learner: Learner) -> None:
    road = (await learner.get("/v1/missions/road"))["items"]
    locked = next(mission["code"] for mission in road if mission["status"] == "LOCKED")
    header = {"Idempotency-Key": new_id()}
    for _ in range(2):
        refused = await learner.call("POST", "/v1/sessions", json={"model": f"template:{locked}"}, headers=header)
        problem(refused, 403, "mission_locked")
    assert (await learner.get("/v1/sessions"))["items"] == []


# --- turns --------------------------------------------------------------------------------------------------------


async def test_a_turn_is_the_frames_of_the_socket(learner: Learner) -> None:
    session_id = await begin(learner, MISSION)
    async with learner.connect(session_id=session_id, last_seq=0) as wire:
        before = len(await seen_by(wire, 3))
        told = frames(await say(learner, session_id, HELLO))
        assert types(told)[:3] == TURN
        assert (await seen_by(wire, before + len(told)))[before:] == told
    assert (await whole_log(learner, session_id))[before:] == told


async def test_a_repeated_turn_is_the_same_bytes_and_writes_nothing(learner: Learner) -> None:
    session_id, item_id = await begin(learner, MISSION), new_id()
    first = await say(learner, session_id, HELLO, item_id)
    assert f'"id":"{item_id}"' in first.text
    await say(learner, session_id, MORE)
    head = (await poll(learner, session_id))["headSeq"]
    assert (await say(learner, session_id, HELLO, item_id)).content == first.content
    problem(await say(learner, session_id, HELLO + " ", item_id), 409, "idempotency_conflict", "id")
    assert (await poll(learner, session_id))["headSeq"] == head
    await learner.post(f"/v1/sessions/{session_id}/end")
    assert (await say(learner, session_id, HELLO, item_id)).content == first.content, "also on an ended session"
    problem(await say(learner, session_id, MORE, item_id), 409, "idempotency_conflict", "id")
    problem(await say(learner, session_id, MORE, new_id()), 409, "session_ended")


async def test_the_header_is_the_turns_id_too(learner: Learner) -> None:
    session_id, key = await begin(learner), new_id()
    by_header = await say(learner, session_id, HELLO, headers={"Idempotency-Key": key})
    assert f'"id":"{key}"' in by_header.text
    assert (await say(learner, session_id, HELLO, key)).content == by_header.content
    stronger = await say(learner, session_id, MORE, new_id(), headers={"Idempotency-Key": key})
    assert frames(stronger)[0] != frames(by_header)[0], "the body's id stands before the header's"


async def test_without_an_id_a_retry_is_a_new_turn(learner: Learner) -> None:
    session_id = await begin(learner)
    first, second = await say(learner, session_id, HELLO), await say(learner, session_id, HELLO)
    assert types(frames(first))[:3] == types(frames(second))[:3] == TURN
    assert first.json()["events"][0]["item"]["id"] != second.json()["events"][0]["item"]["id"]


async def test_the_same_turn_at_once_is_one_turn(learner: Learner) -> None:
    session_id, item_id = await begin(learner), new_id()
    answers = await asyncio.gather(*(say(learner, session_id, HELLO, item_id) for _ in range(6)))
    assert len({answer.content for answer in answers}) == 1
    assert types(await whole_log(learner, session_id)).count("turn.scored") == 1


async def test_a_turn_with_its_reply_and_the_same_again(learner: Learner) -> None:
    session_id, item_id = await begin(learner, MISSION), new_id()
    asked: dict[str, Any] = {"params": {"respond": "true"}}
    first = await say(learner, session_id, HELLO, item_id, **asked)
    told = frames(first)
    assert types(told)[:3] == TURN
    assert types(told)[-2:] == REPLY
    spoken = first.json()["events"][-1]["response"]
    assert spoken["status"] == "completed"
    assert spoken["output"][0]["content"][0]["text"].strip()
    await say(learner, session_id, MORE, **asked)
    head = (await poll(learner, session_id))["headSeq"]
    assert (await say(learner, session_id, HELLO, item_id, **asked)).content == first.content
    alone = frames(await say(learner, session_id, HELLO, item_id))
    assert alone == told[: len(alone)]
    assert len(alone) < len(told)
    assert (await poll(learner, session_id))["headSeq"] == head


async def test_a_mission_played_over_rest_alone(learner: Learner) -> None:
    session_id = await begin(learner, MISSION)
    lines = [HELLO, MORE, "Thank you for telling me that, I'd love to hear more. Would you like to share the table?"]
    while (await poll(learner, session_id, after=0))["events"][-1]["type"] != "session.summary":
        line = lines.pop(0) if lines else f"That is good to hear, thank you. What else do you like, {len(lines)}?"
        lines = lines or ["It was lovely to meet you. See you next Sunday?"]
        answer = await say(learner, session_id, line, params={"respond": "true"})
        if answer.status_code == 409:
            problem(answer, 409, "session_ended")
            await poll(learner, session_id, after=(await poll(learner, session_id))["headSeq"], wait=5)
    summary = await learner.get(f"/v1/sessions/{session_id}/summary")
    assert summary["outcome"]["status"] in ("SUCCESS", "FAIL")
    wallet = await learner.get("/v1/wallet/me")
    assert {name: wallet[name] for name in ("xp", "coins", "gems")} == summary["wallet"]["after"]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"text": ""}, 422, "text_empty", "text"),
        ({"text": " \n\t\u2003"}, 422, "text_empty", "text"),
        ({"text": "x" * 2_001}, 422, "text_too_long", "text"),
        ({"text": "x" * 60_000}, 422, "text_too_long", "text"),
        ({"text": "x" * 70_000}, 413, "frame_too_large", None),
        ({"text": "a\0b"}, 400, "invalid_event", "text"),
        ({"text": "a", "id": "b\0"}, 400, "invalid_event", "id"),
        ({"text": "a", "id": ""}, 400, "invalid_event", "id"),
        ({"text": "a", "id": "i" * 65}, 400, "invalid_event", "id"),
        ({"text": 5}, 400, "invalid_event", "text"),
        ({"text": ["a"]}, 400, "invalid_event", "text"),
        ({"text": None}, 400, "invalid_event", "text"),
        ({"text": "a", "id": 5}, 400, "invalid_event", "id"),
        ({"text": "a", "score": 100}, 400, "invalid_event", "score"),
        ({}, 400, "invalid_event", "text"),
        ([], 400, "invalid_event", None),
        ("a", 400, "invalid_event", None),
    ],
)
async def test_turns_that_are_refused(
    learner: Learner, body: object, status: int, code: str, param: str | None
) -> None:
    session_id = await begin(learner)
    before = await whole_log(learner, session_id)
    refused = await learner.call("POST", f"/v1/sessions/{session_id}/turns", json=body)
    problem(refused, status, code, param)
    assert await whole_log(learner, session_id) == before, "nothing is stored"


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"text": "\xff"}', b'{"text": "\\ud800"}', b"[" * 5_000])
async def test_what_is_not_json(learner: Learner, content: bytes) -> None:
    session_id = await begin(learner)
    headers = {"Content-Type": "application/json"}
    refused = await learner.call("POST", f"/v1/sessions/{session_id}/turns", content=content, headers=headers)
    problem(refused, 400, "invalid_json")


async def test_code_points_are_counted_not_bytes(learner: Learner) -> None:
    session_id = await begin(learner)
    assert (await say(learner, session_id, "😀" * 2_000)).status_code == 200
    problem(await say(learner, session_id, "😀" * 2_001), 422, "text_too_long", "text")


async def test_headers_and_queries_are_checked(learner: Learner) -> None:
    session_id = await begin(learner)
    for key in ("", "k" * 65):
        refused = await say(learner, session_id, HELLO, headers={"Idempotency-Key": key})
        problem(refused, 400, "invalid_event", "Idempotency-Key")
    problem(await say(learner, session_id, HELLO, params={"respond": "perhaps"}), 400, "invalid_event", "respond")
    path = f"/v1/sessions/{session_id}/turns"
    detail = problem(await learner.call("POST", path), 400, "invalid_event")["detail"]
    assert detail == "A JSON body is needed."


# --- the end ------------------------------------------------------------------------------------------------------


async def test_the_end_again_and_again_is_the_same_bytes(learner: Learner) -> None:
    session_id = await begin(learner, MISSION)
    await say(learner, session_id, HELLO, params={"respond": "true"})
    path = f"/v1/sessions/{session_id}"
    problem(await learner.call("GET", f"{path}/summary"), 409, "session_open")
    problem(await learner.call("DELETE", path), 409, "session_open")
    ended = await asyncio.gather(*(learner.call("POST", f"{path}/end") for _ in range(4)))
    ended += [await learner.call("POST", f"{path}/end"), await learner.call("GET", f"{path}/summary")]
    assert {answer.status_code for answer in ended} == {200}
    assert len({answer.content for answer in ended}) == 1
    log = await whole_log(learner, session_id)
    assert types(log)[-2:] == ["session.finalizing", "session.summary"]
    assert f'"summary":{ended[0].text}' in log[-1]
    assert ended[0].json()["outcome"]["endReasonCode"] == "ABORT_USER_EXIT"


async def test_a_transcript_is_removed_and_what_was_earned_stays(learner: Learner) -> None:
    session_id = await begin(learner)
    await say(learner, session_id, HELLO, params={"respond": "true"})
    await learner.post(f"/v1/sessions/{session_id}/end")
    wallet, log = await learner.get("/v1/wallet/me"), await whole_log(learner, session_id)
    for _ in range(2):
        removed = await learner.call("DELETE", f"/v1/sessions/{session_id}")
        assert (removed.status_code, removed.content) == (204, b"")
    left = await whole_log(learner, session_id)
    assert types(left) == types(log)
    assert not any("detective" in event or "good book" in event for event in left)
    assert await learner.get("/v1/wallet/me") == wallet
    assert (await learner.get("/v1/sessions"))["items"][0]["messageCount"] == 1


# --- whose it is --------------------------------------------------------------------------------------------------

ROUTES = (
    ("POST", "/turns"),
    ("GET", "/events"),
    ("POST", "/end"),
    ("GET", "/summary"),
    ("DELETE", ""),
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_foreign_session_is_as_absent_as_one_that_never_was(
    learner: Learner, server: RunningServer, method: str, path: str
) -> None:
    session_id = await begin(learner)
    if path == "/summary":
        await learner.post(f"/v1/sessions/{session_id}/end")
    before = await whole_log(learner, session_id)
    stranger = await server.learner()
    body = {"json": {"text": HELLO}} if path == "/turns" else {}
    foreign = await stranger.call(method, f"/v1/sessions/{session_id}{path}", **body)
    absent = await stranger.call(method, f"/v1/sessions/01890000-0000-7000-8000-000000000000{path}", **body)
    problem(foreign, 404, "not_found")
    assert foreign.content == absent.content
    assert await whole_log(learner, session_id) == before
    problem(await stranger.call(method, f"/v1/sessions/not-an-id{path}", **body), 404, "not_found")
    nobody = await learner.call(method, f"/v1/sessions/{session_id}{path}", headers={"Authorization": ""}, **body)
    problem(nobody, 401, "token_invalid")
