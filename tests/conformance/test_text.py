"""RFC 6455, 8.1: text is UTF-8, whole over its fragments; what is not fails at once, with 1007."""

import pytest

from tests.conformance.raw import CONT, TEXT, Raw, frame, question

VALID = {
    "ascii": "plain",
    "greek": "κόσμε",
    "first of two bytes": "\u0080",
    "last of two bytes": "\u07ff",
    "first of three bytes": "\u0800",
    "before the surrogates": "\ud7ff",
    "after the surrogates": "\ue000",
    "noncharacters": "\ufffe\uffff\U0001fffe",
    "replacement": "\ufffd",
    "first of four bytes": "\U00010000",
    "the last": "\U0010ffff",
    "joined": "👩‍🚀 e\u0301",
}

INVALID = {
    "continuation": b"\x80",
    "continuations": b"\xbf\x80\xbf",
    "FE": b"\xfe",
    "FF": b"\xff\xff",
    "lead and space": b"\xc3 ",
    "two bytes cut": b"\xc3",
    "three bytes cut": b"\xe2\x82",
    "four bytes cut": b"\xf0\x9f\x98",
    "overlong slash": b"\xc0\xaf",
    "overlong 3": b"\xe0\x80\xaf",
    "overlong 4": b"\xf0\x80\x80\xaf",
    "overlong NUL": b"\xc0\x80",
    "largest overlong": b"\xf0\x8f\xbf\xbf",
    "first surrogate": b"\xed\xa0\x80",
    "last surrogate": b"\xed\xbf\xbf",
    "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "past the last": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
}


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
async def test_valid_text_comes_back(raw: Raw, text: str) -> None:
    await raw.ask(text)
    await raw.answered(text)


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
async def test_a_character_may_be_split_over_fragments(raw: Raw, text: str) -> None:
    payload = question(text)
    for cut in range(len(payload) + 1):
        await raw.send(frame(TEXT, payload[:cut], fin=False), frame(CONT, payload[cut:]))
        await raw.answered(text)
    single = [frame(CONT, bytes([byte]), fin=False) for byte in payload]
    await raw.send(frame(TEXT, fin=False), *single, frame(CONT))
    await raw.answered(text)


@pytest.mark.parametrize("wrong", INVALID.values(), ids=INVALID)
async def test_invalid_text_closes_with_1007(raw: Raw, wrong: bytes) -> None:
    await raw.send(frame(TEXT, b'{"type":"' + wrong + b'"}'))
    assert await raw.close_code() == 1007


@pytest.mark.parametrize("wrong", INVALID.values(), ids=INVALID)
async def test_at_the_end_of_a_message_too(raw: Raw, wrong: bytes) -> None:
    await raw.send(frame(TEXT, b"x" + wrong))
    assert await raw.close_code() == 1007


@pytest.mark.parametrize("wrong", INVALID.values(), ids=INVALID)
async def test_and_over_fragments(raw: Raw, wrong: bytes) -> None:
    single = [frame(CONT, bytes([byte]), fin=False) for byte in wrong]
    await raw.send(frame(TEXT, fin=False), *single, frame(CONT))
    assert await raw.close_code() == 1007


@pytest.mark.parametrize("wrong", [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90"])
async def test_a_wrong_fragment_fails_before_the_last(raw: Raw, wrong: bytes) -> None:
    await raw.send(frame(TEXT, b"good so far", fin=False), frame(CONT, wrong, fin=False))
    assert await raw.close_code() == 1007


async def test_binary_need_not_be_text(raw: Raw) -> None:
    await raw.send(frame(0x2, b"\xff\xfe"))
    assert (await raw.error())["code"] == "invalid_frame"
    await raw.alive()
