"""What every HTTP answer has in common, and the limits of rate on the real routes."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import msgspec
import pytest

from realtime.limits import Limits
from server.routes.answers import EventsAnswer, SessionAnswer, SummaryAnswer, TurnAnswer
from tests.rest.calls import HELLO, MISSION, begin, problem, say
from tests.support import Learner, RunningServer

Serve = Callable[..., AbstractAsyncContextManager[RunningServer]]


@pytest.fixture
async def caller(server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as made:
        yield made


async def test_every_answer_is_guarded(caller: httpx.AsyncClient, learner: Learner) -> None:
    session_id = await begin(learner)
    for method, path, status in (
        ("GET", "/v1/health/live", 200),
        ("GET", "/v1/wallet/me", 200),
        ("GET", f"/v1/sessions/{session_id}/events", 200),
        ("GET", f"/v1/sessions/{session_id}/summary", 409),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/wallet/me", 405),
        ("POST", "/v1/auth/guest", 400),
    ):
        answer = await caller.request(method, path, headers=learner.headers)
        assert answer.status_code == status, path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["cache-control"] == "no-store", path
        assert "server" not in answer.headers, path
    document = await caller.get("/schema/openapi.json")
    assert document.headers["x-content-type-options"] == "nosniff"
    assert "cache-control" not in document.headers, "it is nobody's in particular"


async def test_unknown_paths_and_methods_are_problems_too(caller: httpx.AsyncClient, learner: Learner) -> None:
    for path in ("/", "/v1", "/v1/nothing", "/metrics/../v1/x", "/v1/sessions/"):
        answer = await caller.get(path)
        assert answer.status_code in (401, 404), path
        problem(answer, answer.status_code, "not_found" if answer.status_code == 404 else "token_invalid")
    wrong = await caller.request("PATCH", "/v1/sessions", headers=learner.headers)
    problem(wrong, 405, "method_not_allowed")
    assert set(wrong.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


async def test_what_is_sent_is_what_is_documented(learner: Learner) -> None:
    """The session routes send stored text: the types that document it must read it, and name every field."""

    async def read(method: str, path: str, kind: type[msgspec.Struct], **options: Any) -> None:
        answer = await learner.call(method, path, **options)
        assert answer.status_code in (200, 201), answer.text
        msgspec.json.decode(answer.content, type=kind)
        extra = set(answer.json()) - {field.encode_name for field in msgspec.structs.fields(kind)}
        assert extra <= ({"audio", "tools"} if kind is SessionAnswer else set()), path

    for model in ("", MISSION):
        await read("POST", "/v1/sessions", SessionAnswer, json={"model": model})
        session_id = await begin(learner, model)
        path = f"/v1/sessions/{session_id}"
        await read("POST", f"{path}/turns", TurnAnswer, json={"text": HELLO})
        await read("GET", f"{path}/events", EventsAnswer)
        await read("POST", f"{path}/end", SummaryAnswer)
        await read("GET", f"{path}/summary", SummaryAnswer)


# --- limits of rate -----------------------------------------------------------------------------------------------


def limited(answer: httpx.Response, code: str = "rate_limited") -> float:
    """Check that it is a 429 which says when to come back; the seconds."""
    body = problem(answer, 429, code)
    assert int(answer.headers["retry-after"]) == math.ceil(body["retryAfterMs"] / 1000) > 0
    return float(body["retryAfterMs"]) / 1000


async def test_guests_log_ins_and_sign_ups_are_counted_by_address(serve: Serve) -> None:
    async with serve(limits=Limits(guests_per_hour=2, logins_per_minute=2)) as running:
        learner = await running.learner()
        await running.learner()
        assert 3_000 < limited(await learner.call("POST", "/v1/auth/guest", json={})) <= 3_600
        for action, status in (("login", 401), ("signup", 201)):
            for attempt in range(3):
                body = {"email": f"{action}{attempt}@example.org", "password": "correct horse"}
                answer = await learner.call("POST", f"/v1/auth/{action}", json=body)
                if attempt < 2:
                    assert answer.status_code == status, answer.text
                else:
                    assert limited(answer) <= 60
        claim = {"email": "claim@example.org", "password": "correct horse"}
        assert limited(await learner.call("POST", "/v1/auth/claim", json=claim)) <= 60


async def test_client_secrets_and_sessions_are_counted_by_user(serve: Serve) -> None:
    limits = Limits(client_secrets_per_minute=2, sessions_per_hour=3)
    async with serve(limits=limits) as running:
        busy, other = await running.learner(), await running.learner()
        for _ in range(2):
            await busy.post("/v1/realtime/client_secrets", json={})
        assert limited(await busy.call("POST", "/v1/realtime/client_secrets", json={})) <= 60
        await other.post("/v1/realtime/client_secrets", json={})
        keyed = {"Idempotency-Key": "third"}
        await begin(busy)
        await begin(busy)
        third = await begin(busy, headers=keyed)
        limited(await busy.call("POST", "/v1/sessions", json={}))
        assert await begin(busy, headers=keyed) == third, "a repeated request is no new session"
        await begin(other)


async def test_a_third_session_replaces_the_oldest_that_nobody_holds(serve: Serve) -> None:
    async with serve() as running:
        learner = await running.learner()
        keyed = {"Idempotency-Key": "oldest"}
        oldest, newer = await begin(learner, headers=keyed), await begin(learner)
        assert await begin(learner, headers=keyed) == oldest
        for session_id in (oldest, newer):
            events = (await learner.get(f"/v1/sessions/{session_id}/events"))["events"]
            assert "session.finalizing" not in [event["type"] for event in events], "a repeated request ends nothing"
        third = await begin(learner)
        summary = await learner.get(f"/v1/sessions/{oldest}/summary")
        assert summary["outcome"]["endReasonCode"] == "ABORT_USER_EXIT"
        async with learner.connect(session_id=newer) as one, learner.connect(session_id=third) as two:
            for wire in (one, two):
                await wire.next()
            await two.turn(HELLO)  # both sockets are attached by now
            await one.turn(HELLO)
            limited(await learner.call("POST", "/v1/sessions", json={}), "too_many_sessions")
        problem(await say(learner, oldest, HELLO), 409, "session_ended")
