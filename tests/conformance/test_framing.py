"""RFC 6455, 5: frames of every length, masking, reserved bits and opcodes, fragments, control frames."""

import os

import pytest

from tests.conformance.raw import BINARY, CLOSE, CONT, PING, PONG, TEXT, Raw, frame, question, sized

LONGEST = 256 * 1024
SMALL = 64 * 1024  # of an event that is no sound


# --- lengths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chop", [None, 1, 7])
@pytest.mark.parametrize("size", [100, 125, 126, 127, 128, 255, 256])
async def test_a_text_of_any_length(raw: Raw, size: int, chop: int | None) -> None:
    await raw.send(frame(TEXT, sized(size)), chop=chop)
    await raw.answered("sized")


@pytest.mark.parametrize("chop", [None, 997, 16_384])
@pytest.mark.parametrize("size", [65_535, 65_536])
async def test_a_long_text(raw: Raw, size: int, chop: int | None) -> None:
    await raw.send(frame(TEXT, sized(size)), chop=chop)
    await raw.answered("sized")


async def test_an_empty_text_is_a_message(raw: Raw) -> None:
    await raw.send(frame(TEXT))
    assert (await raw.error())["code"] == "invalid_json"
    await raw.alive()


@pytest.mark.parametrize("size", [0, 125, 126, 65_536])
async def test_a_binary_message_is_no_event(raw: Raw, size: int) -> None:
    await raw.send(frame(BINARY, os.urandom(size)))
    assert (await raw.error())["code"] == "invalid_frame"
    await raw.alive()


async def test_the_longest_message_is_read(raw: Raw) -> None:
    await raw.send(frame(TEXT, sized(LONGEST)), chop=10_000)
    assert (await raw.error())["code"] == "frame_too_large"
    await raw.alive()


@pytest.mark.parametrize("size", [LONGEST + 1, LONGEST * 4])
async def test_a_longer_one_closes_with_1009_and_is_not_reset(raw: Raw, size: int) -> None:
    await raw.send(frame(TEXT, sized(size)), chop=50_000)
    assert await raw.close_code() == 1009


@pytest.mark.parametrize("size", [LONGEST + 1, 1 << 40])
async def test_1009_comes_with_the_length_alone(raw: Raw, size: int) -> None:
    await raw.send(b"\x81\xff" + size.to_bytes(8) + b"mask")
    assert await raw.close_code() == 1009


async def test_fragments_count_together(raw: Raw) -> None:
    await raw.send(frame(TEXT, b"x" * 200_000, fin=False), frame(CONT, b"x" * 62_145, fin=False))
    assert await raw.close_code() == 1009


@pytest.mark.parametrize(("size", "width"), [(5, 2), (125, 2), (5, 8), (126, 8), (65_535, 8)])
async def test_a_length_said_too_long_is_wrong(raw: Raw, size: int, width: int) -> None:
    await raw.send(frame(TEXT, b"x" * size, width=width))
    assert await raw.close_code() == 1002


async def test_a_length_of_64_bits_is_wrong(raw: Raw) -> None:
    await raw.send(b"\x81\xff" + b"\xff" * 8 + b"mask")
    assert await raw.close_code() == 1002


# --- what must not be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
async def test_a_client_must_mask(raw: Raw, opcode: int) -> None:
    await raw.send(frame(opcode, b"\x03\xe8", masked=False))
    assert await raw.close_code() == 1002


@pytest.mark.parametrize("opcode", [TEXT, PING])
@pytest.mark.parametrize("rsv", range(1, 8))
async def test_reserved_bits(raw: Raw, rsv: int, opcode: int) -> None:
    await raw.send(frame(opcode, b"{}", rsv=rsv))
    assert await raw.close_code() == 1002


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes(raw: Raw, opcode: int, fin: bool) -> None:
    await raw.send(frame(opcode, b"{}", fin=fin))
    assert await raw.close_code() == 1002


async def test_a_reserved_opcode_after_good_frames(raw: Raw) -> None:
    await raw.send(frame(TEXT, question("first")), frame(4, b"x"), frame(TEXT, question("never")))
    await raw.answered("first")
    assert await raw.close_code() == 1002


# --- control frames ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chop", [None, 1])
@pytest.mark.parametrize("payload", [b"", b"x", b"\x00\xff\xfe\x80", b"p" * 124, b"p" * 125])
async def test_a_pong_repeats_the_ping(raw: Raw, payload: bytes, chop: int | None) -> None:
    await raw.send(frame(PING, payload), chop=chop)
    assert await raw.frame() == (PONG, payload)
    await raw.alive()


async def test_pings_are_answered_in_order(raw: Raw) -> None:
    pings = [b"%d" % number for number in range(10)]
    await raw.send(*(frame(PING, ping) for ping in pings))
    assert [await raw.frame() for _ in pings] == [(PONG, ping) for ping in pings]


@pytest.mark.parametrize("payload", [b"", b"never asked for"])
async def test_a_pong_nobody_asked_for_is_taken(raw: Raw, payload: bytes) -> None:
    await raw.send(frame(PONG, payload))
    await raw.alive()


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
async def test_a_long_control_frame(raw: Raw, opcode: int) -> None:
    await raw.send(frame(opcode, b"\x03\xe8" + b"x" * 124))
    assert await raw.close_code() == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
async def test_a_control_frame_in_fragments(raw: Raw, opcode: int) -> None:
    await raw.send(frame(opcode, b"\x03\xe8", fin=False), frame(CONT, b"x"))
    assert await raw.close_code() == 1002


# --- fragments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chop", [None, 1])
@pytest.mark.parametrize("pieces", [2, 3, 10, 40])
async def test_a_message_in_fragments(raw: Raw, pieces: int, chop: int | None) -> None:
    await raw.send(*fragments(question("in pieces"), pieces), chop=chop)
    await raw.answered("in pieces")


async def test_a_long_message_in_many_fragments(raw: Raw) -> None:
    await raw.send(*fragments(sized(SMALL), 2_000))
    await raw.answered("sized")


async def test_fragments_may_be_empty(raw: Raw) -> None:
    empty = frame(CONT, fin=False)
    await raw.send(frame(TEXT, fin=False), empty, frame(CONT, question("but one"), fin=False), empty, frame(CONT))
    await raw.answered("but one")
    await raw.send(frame(TEXT, fin=False), empty, frame(CONT))
    assert (await raw.error())["code"] == "invalid_json"


async def test_control_frames_may_stand_between_fragments(raw: Raw) -> None:
    first, *rest = fragments(question("with pings"), 5)
    between = [part for number, one in enumerate(rest) for part in (frame(PING, b"%d" % number), one)]
    await raw.send(first, frame(PONG), *between)
    assert [await raw.frame() for _ in rest] == [(PONG, b"%d" % number) for number in range(4)]
    await raw.answered("with pings")


async def test_a_binary_message_in_fragments(raw: Raw) -> None:
    await raw.send(frame(BINARY, b"\xff", fin=False), frame(CONT, b"\xfe"))
    assert (await raw.error())["code"] == "invalid_frame"


@pytest.mark.parametrize("fin", [True, False])
async def test_a_continuation_of_nothing(raw: Raw, fin: bool) -> None:
    await raw.send(frame(CONT, b"x", fin=fin))
    assert await raw.close_code() == 1002


async def test_a_continuation_after_the_end(raw: Raw) -> None:
    await raw.send(*fragments(question("whole"), 2), frame(CONT, b"more"))
    await raw.answered("whole")
    assert await raw.close_code() == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False])
async def test_a_message_inside_a_message(raw: Raw, opcode: int, fin: bool) -> None:
    await raw.send(frame(TEXT, b"{", fin=False), frame(opcode, b"}", fin=fin))
    assert await raw.close_code() == 1002


async def test_messages_that_come_together_are_answered_in_order(raw: Raw) -> None:
    await raw.send(*(frame(TEXT, question(f"{number}")) for number in range(30)))
    for number in range(30):
        await raw.answered(f"{number}")


async def test_frames_cut_anywhere(raw: Raw) -> None:
    """Two frames in two writes, cut at every place."""
    both = frame(TEXT, sized(126, "one")) + frame(TEXT, question("two"))
    for cut in range(1, len(both)):
        await raw.send(both[:cut])
        await raw.send(both[cut:])
        await raw.answered("one")
        await raw.answered("two")


def fragments(payload: bytes, pieces: int) -> list[bytes]:
    """``payload`` in so many fragments."""
    cuts = [len(payload) * number // pieces for number in range(pieces + 1)]
    return [
        frame(CONT if number else TEXT, payload[cuts[number] : cuts[number + 1]], fin=number == pieces - 1)
        for number in range(pieces)
    ]
