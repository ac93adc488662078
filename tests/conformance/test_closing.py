"""RFC 6455, 5.5.1 and 7: the closing handshake from either side, its codes and reasons."""

import asyncio

import pytest

from tests.conformance.raw import CLOSE, CONT, PING, TEXT, Raw, close, frame, question

VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
INVALID = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]


@pytest.mark.parametrize("code", VALID)
async def test_a_code_is_echoed(raw: Raw, code: int) -> None:
    await raw.send(close(code))
    assert await raw.close_code() == code


@pytest.mark.parametrize("code", INVALID)
async def test_a_code_that_may_not_be_sent(raw: Raw, code: int) -> None:
    await raw.send(close(code))
    assert await raw.close_code() == 1002


async def test_a_close_without_a_code(raw: Raw) -> None:
    await raw.send(close())
    assert await raw.close_code() is None


async def test_half_a_code(raw: Raw) -> None:
    await raw.send(frame(CLOSE, b"\x03"))
    assert await raw.close_code() == 1002


@pytest.mark.parametrize("reason", [b"bye", "κόσμε".encode(), b"r" * 123])
async def test_a_reason(raw: Raw, reason: bytes) -> None:
    await raw.send(close(1000, reason))
    assert await raw.close_code() == 1000


@pytest.mark.parametrize("reason", [b"\xff", b"\xed\xa0\x80", b"r" * 120 + b"\xe2\x82"])
async def test_a_reason_that_is_no_text(raw: Raw, reason: bytes) -> None:
    await raw.send(close(1000, reason))
    assert await raw.close_code() == 1007


@pytest.mark.parametrize("chop", [1, 2])
async def test_a_close_in_pieces(raw: Raw, chop: int) -> None:
    await raw.send(close(1000, b"slowly"), chop=chop)
    assert await raw.close_code() == 1000


async def test_what_comes_after_a_close_is_not_heard(raw: Raw) -> None:
    await raw.send(close(1000), frame(PING, b"x"), frame(TEXT, question("never")), frame(15, b"wrong"), close(1001))
    assert await raw.close_code() == 1000


async def test_what_came_before_is_answered(raw: Raw) -> None:
    await raw.send(frame(TEXT, question("before")), frame(PING, b"x"), close(4000))
    opcodes = {(await raw.frame()).opcode for _ in range(2)}
    assert len(opcodes) == 2
    assert await raw.close_code() == 4000


async def test_a_close_between_fragments(raw: Raw) -> None:
    await raw.send(frame(TEXT, b"{", fin=False), close(1000), frame(CONT, b"}"))
    assert await raw.close_code() == 1000


async def test_two_closes_are_one(raw: Raw) -> None:
    await raw.send(close(1000), close(1000))
    assert await raw.close_code() == 1000


async def closed_by_server(raw: Raw) -> int:
    """Ten bad frames, and the close frame that follows their answers."""
    await raw.send(*(frame(TEXT, b"nonsense") for _ in range(10)))
    for _ in range(10):
        assert (await raw.error())["code"] == "invalid_json"
    opcode, payload = await raw.frame()
    assert opcode == CLOSE
    return int.from_bytes(payload[:2])


async def test_the_server_closes_and_hangs_up_when_it_was_answered(raw: Raw) -> None:
    assert await closed_by_server(raw) == 4508
    await raw.send(close(4508))
    await raw.ended()


async def test_it_waits_for_the_answer_and_reads_nothing_else(raw: Raw) -> None:
    assert await closed_by_server(raw) == 4508
    await raw.send(frame(TEXT, question("too late")), frame(PING, b"x"), frame(TEXT, b"{", fin=False))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await raw.reader.read(1)
    await raw.send(close(4508))
    await raw.ended()


async def test_another_code_in_the_answer_will_do(raw: Raw) -> None:
    await closed_by_server(raw)
    await raw.send(close(1000))
    await raw.ended()


async def test_a_wrong_frame_instead_of_the_answer(raw: Raw) -> None:
    await closed_by_server(raw)
    await raw.send(frame(3, b"x"))
    await raw.ended()


async def test_a_peer_that_only_hangs_up(raw: Raw) -> None:
    raw.writer.write_eof()
    await raw.ended()
