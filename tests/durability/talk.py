"""What the durability tests share: lines to say, the log as REST gives it, and the books of a learner."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tests.support import PATIENCE, Learner

MISSION = "template:OPENERS_CAFE_HELLO"
LINES = (
    "Hi, I'm Tal. That looks like a good book, what is it about?",
    "I love detective stories too, mostly the old ones. Do you come here often?",
    "That sounds like my kind of place. I walk here on Sundays because the light is so good. What do you order?",
    "Thank you for telling me that, I'd love to hear more. Would you like to share the table for a while?",
)


def decoded(frame: str) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(frame)
    return made


async def log_of(learner: Learner, session_id: str) -> list[dict[str, Any]]:
    """Every durable event of the session, as REST gives it; gapless from 1."""
    events: list[dict[str, Any]] = []
    while page := (await learner.get(f"/v1/sessions/{session_id}/events?after={len(events)}"))["events"]:
        events.extend(page)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    return events


def said(events: list[dict[str, Any]], role: str = "user") -> list[str]:
    """The ids of the items of this side, in the order of the log."""
    done = (event["item"] for event in events if event["type"] == "conversation.item.done")
    return [item["id"] for item in done if item["role"] == role]


async def assert_paid_once(learner: Learner, *summaries: dict[str, Any]) -> None:
    """The wallet is the sum of its ledger, which holds exactly what the summaries of the learner's sessions name."""
    wallet = await learner.get("/v1/wallet/me")
    ledger = (await learner.get("/v1/wallet/ledger"))["items"]
    for name in ("xp", "coins", "gems"):
        entries = [entry["amount"] for entry in ledger if entry["currency"] == name.upper()]
        named = sum(s["wallet"]["after"][name] - s["wallet"]["before"][name] for s in summaries)
        assert sum(entries) == wallet[name] == named, name


async def eventually(
    holds: Callable[[], Awaitable[bool]] | Callable[[], bool], what: str, seconds: float = PATIENCE
) -> None:
    """Wait until ``holds``; an assertion error that says ``what`` did not come true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        await asyncio.sleep(0.02)
