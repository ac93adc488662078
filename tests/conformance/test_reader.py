"""The frame reader by itself: the same frames come out however the bytes were cut, and no more is kept."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ws.frames import (
    BINARY,
    CLOSE,
    FRAGMENT,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    Frame,
    FrameReader,
    ProtocolFailure,
    close_frame,
    read_close,
    text_frames,
)
from tests.conformance.raw import CONT, frame

MOST = 256 * 1024


def taken(reader: FrameReader) -> list[Frame]:
    found = []
    while (one := reader.next()) is not None:
        found.append(one)
    return found


messages = st.lists(
    st.one_of(
        st.tuples(st.just(TEXT), st.text(max_size=300).map(str.encode)),
        st.tuples(st.just(BINARY), st.binary(max_size=300)),
        st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    ),
    max_size=8,
)


@given(messages, st.integers(0, 1 << 32))
def test_frames_survive_any_cutting(sent: list[tuple[int, bytes]], seed: int) -> None:
    random = Random(seed)
    data = b"".join(b"".join(in_fragments(random, opcode, payload)) for opcode, payload in sent)
    reader = FrameReader(MOST)
    found: list[Frame] = []
    while data:
        cut = random.randint(1, 40)
        reader.feed(data[:cut])
        data = data[cut:]
        if random.random() < 0.7:  # what is not asked for waits
            found += taken(reader)
    found += taken(reader)
    assert [one for one in found if one is not FRAGMENT] == [Frame(opcode, payload) for opcode, payload in sent]
    assert len(reader) == 0


def in_fragments(random: Random, opcode: int, payload: bytes) -> list[bytes]:
    pieces = random.randint(1, 4) if opcode in (TEXT, BINARY) else 1
    cuts = [0, *sorted(random.randint(0, len(payload)) for _ in range(pieces - 1)), len(payload)]
    return [
        frame(CONT if at else opcode, payload[cuts[at] : cuts[at + 1]], fin=at == pieces - 1) for at in range(pieces)
    ]


def test_bytes_that_wait_are_kept_once() -> None:
    reader = FrameReader(MOST)
    whole = frame(BINARY, b"x" * 200_000)
    for at in range(0, len(whole), 1_000):
        assert reader.next() is None
        reader.feed(whole[at : at + 1_000])
        assert len(reader) <= at + 1_000
    assert reader.next() == (BINARY, b"x" * 200_000)
    assert reader.empty


def test_empty_fragments_take_no_memory() -> None:
    reader = FrameReader(MOST)
    reader.feed(frame(TEXT, fin=False))
    assert reader.next() is FRAGMENT
    for _ in range(10_000):
        reader.feed(frame(CONT, fin=False))
        assert reader.next() is FRAGMENT
        assert len(reader) == 0


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
def test_what_the_server_sends_is_as_short_as_can_be(size: int) -> None:
    sent = text_frames(("x" * size, "y"))
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    assert len(sent) == head + size + 3
    assert sent[0] == 0x81
    assert sent.endswith(b"\x81\x01y")


def test_the_size_of_a_text_is_that_of_its_bytes() -> None:
    assert text_frames(("é" * 63,))[:4] == b"\x81\x7e\x00\x7e"


@pytest.mark.parametrize("reason", ["", "done", "é" * 100])
def test_a_close_frame_fits(reason: str) -> None:
    made = close_frame(1000, reason)
    assert (made[0], made[1]) == (0x80 | CLOSE, len(made) - 2)
    assert made[1] <= 125
    code, said = read_close(made[2:])
    assert code == 1000
    assert reason.startswith(said)


def test_a_close_without_a_code_is_told_by_one_that_is_never_sent() -> None:
    assert read_close(b"") == (NO_STATUS, "")
    with pytest.raises(ProtocolFailure):
        read_close(NO_STATUS.to_bytes(2))
