"""Every frame under a name of the package ``openai`` has its shape there, and its endpoint sends nothing else."""

import typing
from typing import Any

import msgspec
import pytest
from openai.types.realtime import realtime_server_event
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel

from realtime.protocol.events import OPENAI_TYPES
from tests.support import Learner, RunningServer, Wire
from tests.wire.conftest import opened
from tests.wire.test_replies import speaking
from tests.wire.test_session_update import FULL

OURS = "/v1/realtime"
THEIRS = "/v1/openai/realtime"
LINES = (
    "Hi, I'm Tal. That looks like a good book, what is it about?",
    "I love detective stories too, mostly the old ones. Do you come here often?",
    "That sounds like my kind of place. I walk here on Sundays because the light is so good. What do you order?",
    "Thank you for telling me that, I'd love to hear more. Would you like to share the table for a while?",
    "That was a lovely chat, thank you. See you next Sunday?",
    "It was good to meet you, have a good day.",
)


def models() -> dict[str, type[BaseModel]]:
    """The package's class of each server event, by its type."""
    found: dict[str, type[BaseModel]] = {}
    union = typing.get_args(RealtimeServerEvent)[0]
    for model in typing.get_args(union):
        for name in typing.get_args(model.model_fields["type"].annotation):
            found[name] = model
    return found


MODELS = models()


def check(frames: list[str]) -> set[str]:
    """Validate each frame that has a name of the package, strictly; the names that were seen."""
    seen = set()
    for text in frames:
        frame = msgspec.json.decode(text)
        model = MODELS.get(frame["type"])
        if model is not None:
            made = model.model_validate_json(text, strict=True)
            known_parts(made, frame["type"])
            nothing_null(frame, frame["type"])
            seen.add(frame["type"])
    return seen


def known_parts(made: BaseModel, where: str) -> None:
    """No field but ours may be one that the package does not know (they would pass as extras)."""
    ours = {"session_id", "seq", "socialgym", "retry_after_ms"}
    allowed = ours | {"id", "object"} if where.endswith("session") else ours
    assert set(made.model_extra or ()) <= allowed, (where, made.model_extra)
    for name in made.model_fields_set:
        value = getattr(made, name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                known_parts(part, f"{where}.{name}")


def nothing_null(value: Any, where: str) -> None:
    """A field that does not apply is absent (but ``turn_detection``, which the protocol wants null)."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in ("turn_detection", "socialgym"):
                assert part is not None, f"{where}.{name}"
                nothing_null(part, f"{where}.{name}")
    elif isinstance(value, list):
        for part in value:
            nothing_null(part, where)


def test_our_list_of_names_is_true() -> None:
    assert realtime_server_event.__name__
    assert set(MODELS) >= OPENAI_TYPES


async def everything(wire: Wire) -> None:
    """A whole mission with all that a stock client may do on the way."""
    await wire.send("session.update", session=FULL)
    await wire.send("session.update", session={"type": "realtime", "truncation": "auto", "tracing": "auto"})
    await wire.say(LINES[0], "line0")
    await wire.until("conversation.item.done")
    await wire.send("response.create", response={"metadata": {"topic": "books"}})
    await wire.send("response.create", event_id="twice")
    await wire.until("response.done")
    await wire.send("conversation.item.retrieve", item_id="line0")
    retrieved = await wire.until("conversation.item.retrieved")
    assert retrieved["item"]["id"] == "line0"
    for type_, fields in (
        ("conversation.item.delete", {"item_id": "line0"}),
        ("conversation.item.truncate", {"item_id": "line0", "content_index": 0, "audio_end_ms": 0}),
        ("conversation.item.retrieve", {"item_id": "none"}),
        ("response.cancel", {}),
        ("input_audio_buffer.append", {"audio": "AAAA"}),
        ("input_audio_buffer.clear", {}),
        ("input_audio_buffer.commit", {}),
        ("session.end.of.the.world", {}),
    ):
        await wire.send(type_, event_id=type_, **fields)
    await wire.until(lambda frame: frame.get("error", {}).get("event_id") == "session.end.of.the.world")
    await speaking_then_cancelled(wire)


async def speaking_then_cancelled(wire: Wire) -> None:
    await wire.say(LINES[1], "line1")
    await wire.until("conversation.item.done")
    await wire.drained()
    begun = await speaking(wire)
    await wire.send("response.cancel", response_id=begun[0]["response"]["id"])
    done = await wire.until("response.done")
    assert done["response"]["status"] == "cancelled"
    await wire.send("conversation.item.retrieve", item_id=done["response"]["output"][0]["id"])
    await wire.until("conversation.item.retrieved")


async def to_the_end(wire: Wire) -> int:
    for number, line in enumerate(LINES[2:], 2):
        await wire.say(line, f"line{number}")
        found = await wire.until(lambda frame: frame["type"] == "conversation.item.done" or "error" in frame)
        if "error" in found:
            assert found["error"]["code"] == "session_ended"
            break
        await wire.send("response.create")
        await wire.until(lambda frame: frame["type"] == "response.done" or "error" in frame)
    return await wire.closed()


@pytest.mark.parametrize("path", [OURS, THEIRS])
async def test_a_whole_mission_validates_frame_by_frame(slow_house: RunningServer, path: str) -> None:
    learner = await slow_house.learner()
    async with learner.connect("template:OPENERS_CAFE_HELLO", path=path) as wire:
        session_id = await opened(wire)
        await everything(wire)
        async with learner.connect(session_id=session_id, last_seq=0, path=path) as late:
            assert await to_the_end(wire) == 1000
            assert await late.closed() == 1000
    assert check(wire.frames) == OPENAI_TYPES - {
        *("rate_limits.updated", "conversation.item.truncated"),
        "conversation.item.input_audio_transcription.delta",
    }
    assert check(late.frames)
    for socket in (wire, late):
        names = {msgspec.json.decode(frame)["type"] for frame in socket.frames}
        if path == THEIRS:
            assert names <= set(MODELS)
        else:
            assert {"turn.scored", "session.finalizing", "session.summary", "wallet.updated"} <= names


async def test_the_stock_endpoint_keeps_our_events_to_itself(learner: Learner) -> None:
    """All the same is stored and numbered; only its own kind is sent, in order."""
    async with learner.connect("persona:MAYA_PLAYFUL", path=THEIRS) as wire:
        session_id = await opened(wire)
        async with learner.connect(session_id=session_id) as ours:
            await ours.next()
            await wire.say("Hi, my name is Tal.", "mine")
            await ours.until("memory.created")
            await wire.send("session.refresh_token", token=learner.token)
            await wire.reply()
            await ours.until("response.done")
        assert check(wire.frames) <= OPENAI_TYPES
        assert {msgspec.json.decode(frame)["type"] for frame in wire.frames} <= OPENAI_TYPES
        seqs = [msgspec.json.decode(frame)["seq"] for frame in wire.durable]
        assert seqs == sorted(set(seqs))
        assert len(seqs) < seqs[-1]
        assert set(wire.durable[3:]) < set(ours.durable)
    for last_seq in (0, 4):
        async with learner.connect(session_id=session_id, last_seq=last_seq, path=THEIRS) as again:
            await again.until("response.done")
            wanted = [frame for frame in wire.durable if msgspec.json.decode(frame)["seq"] > last_seq]
            assert again.frames == wanted


async def test_the_stock_endpoint_refuses_and_ends_alike(learner: Learner) -> None:
    wire = learner.connect("template:NO_SUCH", path=THEIRS, subprotocols=["realtime"])
    async with wire:
        assert await wire.closed() == 4499
    assert check(wire.frames) == {"error"}
    async with learner.connect("persona:MAYA_PLAYFUL", path=THEIRS) as wire:
        await opened(wire)
        await wire.send("session.end")
        assert await wire.closed() == 1000
    assert check(wire.frames) == {"session.created", "conversation.item.added", "conversation.item.done"}
