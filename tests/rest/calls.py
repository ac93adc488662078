"""What the REST tests say and expect."""

import json
from typing import Any
from uuid import uuid4

import httpx
import msgspec

from tests.support import Learner

MISSION = "template:OPENERS_CAFE_HELLO"
HELLO = "Hi, I'm Tal. That looks like a good book, what is it about?"
MORE = "I love detective stories too, mostly the old ones. Do you come here often?"


def problem(answer: httpx.Response, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """Check that it is the documented refusal; its body."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), answer.text
    assert body.get("param") == param, answer.text
    return body


async def begin(learner: Learner, model: str = "", **options: Any) -> str:
    """A new session; its id."""
    answer = await learner.call("POST", "/v1/sessions", json={"model": model}, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def say(
    learner: Learner, session_id: str, text: str, item_id: str | None = None, **options: Any
) -> httpx.Response:
    body = {"text": text} if item_id is None else {"text": text, "id": item_id}
    return await learner.call("POST", f"/v1/sessions/{session_id}/turns", json=body, **options)


async def poll(learner: Learner, session_id: str, **query: Any) -> dict[str, Any]:
    answer = await learner.call("GET", f"/v1/sessions/{session_id}/events", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def frames(answer: httpx.Response) -> list[str]:
    """The events of an answer as the texts they were sent as."""
    assert answer.status_code == 200, answer.text
    raw = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])["events"]
    return [bytes(event).decode() for event in msgspec.json.decode(raw, type=list[msgspec.Raw])]


def types(events: list[str]) -> list[str]:
    return [json.loads(event)["type"] for event in events]


def new_id() -> str:
    return f"turn_{uuid4().hex}"
