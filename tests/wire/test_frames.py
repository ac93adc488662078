"""Frames as such: what can't be read, what is too much, and that the socket stays open where it must."""

import asyncio
import json
import secrets
import struct
from typing import Any

import pytest
import websockets

from realtime.limits import Limits
from server.app import services_of
from tests.support import Learner, RunningServer, Wire
from tests.wire.conftest import opened
from tests.wire.helpers import alive, error_of

TEXT, BINARY = 0x1, 0x2
LIMITS = Limits()


def raw_frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    """A masked frame as RFC 6455 has it, whatever the payload."""
    mask = secrets.token_bytes(4)
    head = struct.pack("!B", opcode | (0x80 if fin else 0))
    if len(payload) < 126:
        head += struct.pack("!B", 0x80 | len(payload))
    elif len(payload) < 65_536:
        head += struct.pack("!BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack("!BQ", 0x80 | 127, len(payload))
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def send_raw(wire: Wire, *frames: bytes) -> None:
    wire.socket.transport.write(b"".join(frames))


# --- what is no event ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "invalid_json"),
        ("hello", "invalid_json"),
        ("{", "invalid_json"),
        ('{"type": "session.end"', "invalid_json"),
        ('{"type": "session.end"} x', "invalid_json"),
        ("{'type': 'session.end'}", "invalid_json"),
        ('{"type": "memory.forget", "key": "\\ud800"}', "invalid_json"),
        ("[" * 30_000, "invalid_json"),
        ('{"a":' * 10_000, "invalid_json"),
        ('{"type": "nope", "x": ' + "[" * 20_000 + "]" * 20_000 + "}", "invalid_json"),
        ('{"type": "session.end", "x": ' + "[" * 20_000 + "]" * 20_000 + "}", "invalid_json"),
        (
            '{"type": "session.update", "session": {"tools": [' + '{"a":' * 9_000 + "1" + "}" * 9_000 + "]}}",
            "invalid_json",
        ),
        ("null", "invalid_json"),
        ("[]", "invalid_json"),
        ('"session.end"', "invalid_json"),
        ("17", "invalid_json"),
        ("{}", "invalid_json"),
        ('{"event_id": "e"}', "invalid_json"),
        ('{"type": null}', "unknown_event_type"),
        ('{"type": 7}', "unknown_event_type"),
        ('{"type": ["session.end"]}', "unknown_event_type"),
        ('{"type": ""}', "unknown_event_type"),
        ('{"type": "session.created"}', "unknown_event_type"),
        ('{"type": "Session.End"}', "unknown_event_type"),
        ('{"type": "output_audio_buffer.clear"}', "unknown_event_type"),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_what_is_no_event_is_answered_and_the_socket_lives(talk: Wire, frame: str, code: str) -> None:
    await talk.socket.send(frame)
    error = await error_of(talk)
    assert (error["code"], error["type"]) == (code, "invalid_request_error")
    await alive(talk)


async def test_a_binary_frame_is_answered(talk: Wire) -> None:
    await talk.socket.send(b'{"type": "session.end"}')
    assert (await error_of(talk))["code"] == "invalid_frame"
    await alive(talk)


async def test_a_frame_in_fragments_is_one_event(talk: Wire) -> None:
    send_raw(talk, raw_frame(b'{"type":"response', fin=False), raw_frame(b'.cancel","event_id":"two"}', 0x0))
    assert (await error_of(talk))["event_id"] == "two"


async def test_an_error_names_the_event_that_caused_it(talk: Wire) -> None:
    for frame in (
        {"type": "nope", "event_id": "mine"},
        {"event_id": "mine"},
        {"type": "conversation.item.create", "event_id": "mine"},
        {"type": "conversation.item.create", "event_id": "mine", "item": {"type": 7}},
        {"type": "conversation.item.delete", "event_id": "mine", "item_id": "x"},
        {"type": "response.cancel", "event_id": "mine"},
    ):
        await talk.socket.send(json.dumps(frame))
        assert (await error_of(talk))["event_id"] == "mine"
    await talk.socket.send('{"type": "response.cancel"}')
    assert "event_id" not in await error_of(talk)
    await talk.socket.send('{"type": "response.cancel", "event_id": 7}')
    error = await error_of(talk)
    assert (error["code"], error["param"]) == ("invalid_event", "event_id")
    await talk.socket.send(json.dumps({"type": "response.cancel", "event_id": "x" * 600}))
    assert (await error_of(talk))["code"] == "invalid_event"


# --- size ----------------------------------------------------------------------------------------------------------


def padded(size: int, **frame: Any) -> str:
    """An event of exactly ``size`` bytes, by a field that is ignored."""
    made = json.dumps({**frame, "padding": ""})
    return made.replace('"padding": ""', f'"padding": "{"x" * (size - len(made))}"')


async def test_a_frame_of_64_kib_is_read_and_one_byte_more_is_not(talk: Wire) -> None:
    await talk.socket.send(padded(65_536, type="response.cancel", event_id="fits"))
    error = await error_of(talk)
    assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "fits")
    await talk.socket.send(padded(65_537, type="response.cancel", event_id="over"))
    error = await error_of(talk)
    assert (error["code"], error["event_id"]) == ("frame_too_large", "over")
    await alive(talk)


async def test_size_counts_bytes_not_characters(talk: Wire) -> None:
    await talk.socket.send(json.dumps({"type": "session.end", "padding": "é" * 40_000}, ensure_ascii=False))
    assert (await error_of(talk))["code"] == "frame_too_large"
    await alive(talk)


@pytest.mark.parametrize("order", [("type", "audio"), ("audio", "type")])
async def test_sound_may_be_longer_and_is_dropped_unanswered(talk: Wire, order: tuple[str, str]) -> None:
    said = {"type": "input_audio_buffer.append", "audio": "A" * 200_000}
    await talk.socket.send(json.dumps({name: said[name] for name in order}))
    await alive(talk)


async def test_naming_sound_somewhere_does_not_make_a_frame_sound(talk: Wire) -> None:
    await talk.socket.send(
        padded(100_000, type="session.end", event_id="sly", note="input_audio_buffer.append", x=[1])
    )
    error = await error_of(talk)
    assert (error["code"], error["event_id"]) == ("frame_too_large", "sly")
    await talk.socket.send("x" * 70_000)
    assert (await error_of(talk))["code"] == "frame_too_large"
    await talk.socket.send('"input_audio_buffer.append"' + "x" * 70_000)
    assert (await error_of(talk))["code"] == "invalid_json"
    await alive(talk)


async def test_a_frame_of_256_kib_is_answered(talk: Wire) -> None:
    await talk.socket.send(padded(262_144, type="session.end"))
    assert (await error_of(talk))["code"] == "frame_too_large"
    await alive(talk)


@pytest.mark.parametrize("size", [262_145, 300_000])
async def test_a_frame_over_256_kib_closes_with_1009(talk: Wire, size: int) -> None:
    await talk.socket.send("x" * size)
    assert await talk.closed() == 1009


@pytest.mark.parametrize("payload", [b'{"type":"\xff"}', b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
async def test_invalid_utf8_closes_with_1007(talk: Wire, payload: bytes) -> None:
    send_raw(talk, raw_frame(payload))
    assert await talk.closed() == 1007


# --- too many ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["nonsense", '{"x": 1}', '{"type": "nope"}', b"binary"])
async def test_the_tenth_bad_frame_in_a_minute_closes_with_4508(talk: Wire, bad: str | bytes) -> None:
    for _ in range(9):
        await talk.socket.send(bad)
        await error_of(talk)
    await alive(talk)
    await talk.socket.send(bad)
    await error_of(talk)
    assert await talk.closed() == 4508


async def test_a_known_event_never_counts_as_bad(talk: Wire) -> None:
    unsupported: list[dict[str, Any]] = [
        {"type": "input_audio_buffer.commit"},
        {"type": "conversation.item.delete", "item_id": "x"},
        {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 0},
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "x", "call_id": "x"}},
        {"type": "response.create", "response": {"conversation": "none"}},
        {"type": "session.update"},
        {"type": "session.update", "session": {"socialgym": {"nope": 1}}},
    ]
    for _ in range(3):
        for event in unsupported:
            await talk.socket.send(json.dumps(event))
            await error_of(talk)
    await alive(talk)


async def test_over_twenty_frames_a_second_are_refused_and_never_bad(serve: Any) -> None:
    async with serve(limits=Limits()) as server:
        someone = await server.learner()
        async with someone.connect("persona:MAYA_PLAYFUL") as wire:
            await opened(wire)
            for number in range(100):
                await wire.send("response.cancel", event_id=f"e{number}")
            errors = [await error_of(wire) for _ in range(100)]
            assert [error["event_id"] for error in errors] == [f"e{number}" for number in range(100)]
            codes = [error["code"] for error in errors]
            assert codes[:40] == ["response_cancel_not_active"] * 40, "the burst"
            refused = [error for error in errors if error["code"] == "rate_limited"]
            assert len(refused) >= 30
            assert {error["type"] for error in refused} == {"rate_limit_error"}
            assert all(1 <= error["retry_after_ms"] <= 51 for error in refused)
            for _ in range(50):  # bad frames beyond the rate are rate_limited, not bad
                await wire.socket.send("nonsense")
            answers = [(await error_of(wire))["code"] for _ in range(50)]
            assert answers.count("invalid_json") < 10, "too slow a machine for this test"
            await asyncio.sleep(0.2)
            await wire.send("response.cancel", event_id="later")
            error = await error_of(wire)
            assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "later")


async def test_a_failure_inside_is_an_error_frame(
    house: RunningServer, talk: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(services_of(house.app).engine, "respond", broken)
    await talk.send("response.create", event_id="mine")
    error = await error_of(talk)
    assert (error["code"], error["type"], error["event_id"]) == ("internal_error", "server_error", "mine")
    assert "secret" not in error["message"]
    await alive(talk)


async def test_the_client_may_just_go(learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        wire.socket.transport.abort()
        with pytest.raises(websockets.ConnectionClosed):
            await wire.next()
    async with learner.connect(session_id=session_id) as again:
        assert await again.turn("I am back.")
