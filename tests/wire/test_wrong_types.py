"""Wrong types and texts in every client event: refused by name, nothing stored, the socket alive."""

from typing import Any

import pytest
from sqlalchemy import text as sql

from realtime.protocol.client import CLIENT_EVENTS
from storage.database import Database
from tests.support import Learner, Wire
from tests.wire.helpers import alive, error_of

GOOD: dict[str, dict[str, Any]] = {
    "session.update": {"session": {"type": "realtime"}},
    "conversation.item.create": {
        "item": {"id": "i", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        "previous_item_id": "x",
    },
    "conversation.item.truncate": {"item_id": "x", "content_index": 0, "audio_end_ms": 0},
    "conversation.item.retrieve": {"item_id": "x"},
    "conversation.item.delete": {"item_id": "x"},
    "response.create": {"response": {"metadata": {"a": "b"}, "conversation": "auto"}},
    "response.cancel": {"response_id": "x"},
    "input_audio_buffer.append": {"audio": "AAAA"},
    "input_audio_buffer.clear": {},
    "input_audio_buffer.commit": {},
    "input_transcript.append": {"item_id": "x", "delta": "a", "start_ms": 0, "end_ms": 1},
    "input_transcript.commit": {
        "item_id": "x",
        "transcript": "a",
        "words": [{"w": "a", "start_ms": 0, "end_ms": 1, "conf": 0.5}],
        "duration_ms": 5,
    },
    "memory.edit": {"key": "user.name", "value": "Tal"},
    "memory.forget": {"key": "user.name", "withTurns": False},
    "session.end": {},
    "session.refresh_token": {"token": "x"},
}


def test_every_event_is_tried() -> None:
    assert set(GOOD) == {str(event.__struct_config__.tag) for event in CLIENT_EVENTS}


def spoilt(value: Any) -> list[Any]:
    """Values of other types for one field (null only where it is no absence)."""
    wrong: list[Any] = [7, 1.5, True, "\x00text", [], {}, [[1]], {"a": {"b": []}}, -1, 10**40]
    return [each for each in wrong if type(each) is not type(value)]


def variants(event: Any) -> list[Any]:
    """The event with each of its fields, at any depth, spoilt in turn."""
    made: list[Any] = []
    if isinstance(event, dict):
        for name, value in event.items():
            made += [{**event, name: each} for each in (*spoilt(value), *variants(value))]
    elif isinstance(event, list) and event:
        made += [[each] for each in (*spoilt(event[0]), *variants(event[0]))]
    return made


@pytest.mark.parametrize("type_", sorted(set(GOOD) - {"session.end"}))
async def test_wrong_types_are_refused_and_nothing_is_stored(
    talk: Wire, learner: Learner, house_database: Database, type_: str
) -> None:
    before = await stored(house_database, learner)
    for number, fields in enumerate(variants(GOOD[type_])):
        await talk.send(type_, event_id=f"e{number}", **fields)
        error = await error_of(talk)
        assert error["event_id"] == f"e{number}", fields
        assert error["code"] in {"invalid_event", "item_not_supported", "text_empty"} or refused_anyway(
            type_, error
        ), (
            fields,
            error,
        )
    await alive(talk)
    assert await stored(house_database, learner) == before


def refused_anyway(type_: str, error: dict[str, Any]) -> bool:
    """A string of another content is no wrong type: then the event is refused for what it asks."""
    expected = {
        "conversation.item.truncate": "audio_not_supported",
        "conversation.item.retrieve": "item_not_found",
        "conversation.item.delete": "item_is_permanent",
        "input_transcript.append": "audio_not_supported",
        "input_transcript.commit": "audio_not_supported",
        "response.cancel": "response_cancel_not_active",
        "memory.edit": "memory_key_unknown",
        "memory.forget": "memory_key_unknown",
        "session.refresh_token": "token_invalid",
    }
    return bool(error["code"] == expected.get(type_))


async def stored(database: Database, learner: Learner) -> tuple[Any, ...]:
    """Everything of a user that an event could have changed."""
    async with database.read() as connection:
        found = []
        for table in ("turn", "session_event", "memory_event", "persona_memory"):
            count = await connection.execute(
                sql(f"SELECT count(*) FROM {table} WHERE user_id = :user"),
                {"user": learner.user_id},
            )
            found.append((table, count.scalar_one()))
        state = await connection.execute(
            sql("SELECT last_seq, status, state FROM practice_session WHERE user_id = :user"),
            {"user": learner.user_id},
        )
        return (*found, *map(tuple, state.all()))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": ""}, "text_empty"),
        ({"text": "  \n\t\u2003 "}, "text_empty"),
        ({"text": "a" * 2_001}, "text_too_long"),
        ({"text": "\U0001f600" * 2_001}, "text_too_long"),
        ({"text": "a\x00b"}, "invalid_event"),
        ({"text": "hello", "id": "\x00"}, "invalid_event"),
        ({"text": "hello", "id": ""}, "invalid_event"),
        ({"text": "hello", "id": "x" * 65}, "invalid_event"),
        ({"text": "hello", "id": "a\x00", "previous_item_id": "x"}, "invalid_event"),
        ({"text": "hello", "previous_item_id": "\x00"}, "item_not_supported"),
        ({"content": []}, "text_empty"),
        ({"content": [{"type": "input_text"}]}, "item_not_supported"),
        (
            {"content": [{"type": "input_text", "text": "a"}, {"type": "input_audio", "audio": "AA"}]},
            "item_not_supported",
        ),
        ({"content": [{"type": "input_image", "image_url": "x"}]}, "item_not_supported"),
        ({"content": [{"type": "input_text", "text": "a"}] * 65}, "invalid_event"),
        ({"text": "hello", "role": "assistant"}, "item_not_supported"),
        ({"text": "hello", "role": "system"}, "item_not_supported"),
        ({"text": "hello", "type": "function_call"}, "item_not_supported"),
    ],
    ids=lambda value: str(value)[:32],
)
async def test_a_turn_that_can_not_be_stored_is_not(
    talk: Wire, learner: Learner, house_database: Database, fields: dict[str, Any], code: str
) -> None:
    before = await stored(house_database, learner)
    item = {
        "type": fields.get("type", "message"),
        "role": fields.get("role", "user"),
        "content": fields.get("content", [{"type": "input_text", "text": fields.get("text")}]),
    }
    if "id" in fields:
        item["id"] = fields["id"]
    event = {"item": item, "event_id": "mine"}
    if "previous_item_id" in fields:
        event["previous_item_id"] = fields["previous_item_id"]
    await talk.send("conversation.item.create", **event)
    error = await error_of(talk)
    assert (error["code"], error["event_id"]) == (code, "mine")
    await alive(talk)
    assert await stored(house_database, learner) == before


async def test_the_longest_turn_is_stored_as_it_was_sent(talk: Wire) -> None:
    """2,000 code points, whatever their bytes; nothing is normalized."""
    text = ("e\u0301 \U0001f600\u200d\u00a0\u0000" * 400).replace("\x00", "\x7f")[:2_000]
    assert len(text) == 2_000
    await talk.turn(text, "long")
    await talk.send("conversation.item.retrieve", item_id="long")
    assert (await talk.until("conversation.item.retrieved"))["item"]["content"][0]["text"] == text


async def test_an_id_of_64_characters_is_taken(talk: Wire) -> None:
    name = "\U0001f600" * 64
    assert (await talk.turn("Hello there.", name))["item_id"] == name


@pytest.mark.parametrize("type_", ["conversation.item.retrieve", "conversation.item.delete"])
async def test_an_id_that_can_not_exist_is_not_found(talk: Wire, type_: str) -> None:
    for item_id in ("\x00", "", "x" * 60_000):
        await talk.send(type_, item_id=item_id)
        assert (await error_of(talk))["code"] in ("item_not_found", "item_is_permanent")


async def test_nul_in_any_text_is_refused(talk: Wire) -> None:
    await talk.send("session.update", session={"instructions": "a\x00"})
    assert (await error_of(talk))["code"] == "invalid_event"
    for type_, fields in (("memory.edit", {"key": "user.name", "value": "\x00"}), ("memory.forget", {"key": "\x00"})):
        await talk.send(type_, **fields)
        assert (await error_of(talk))["code"] == "invalid_event"
    await talk.send("session.refresh_token", token="\x00")
    assert (await error_of(talk))["code"] == "token_invalid"
