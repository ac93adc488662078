"""The out-queue of one socket, without a socket: what it takes, in which order, and when it is too much."""

import asyncio
from uuid import uuid4

import pytest

from realtime.delivery import WRITE_AT_ONCE, Connection, Delta, size_of
from realtime.limits import Limits
from realtime.protocol.events import Event
from realtime.throttle import BadFrames, Bucket


class Pipe:
    """A transport that takes writes until it holds ``room`` of them."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.sent: list[str] = []
        self.writes = 0
        self.code: int | None = None

    @property
    def writable(self) -> bool:
        return self.writes < self.room

    def send(self, *texts: str) -> None:
        self.writes += 1
        self.sent += texts

    def close(self, code: int, reason: str) -> None:
        self.code = code


def connection(pipe: Pipe, *, events: int = 4, size: int = 1_000, openai_only: bool = False) -> Connection:
    return Connection(pipe, Limits(queue_events=events, queue_bytes=size), uuid4(), openai_only=openai_only)


def opened(pipe: Pipe, made: Connection, writes: int = 1_000) -> None:
    """The peer reads again."""
    pipe.room = pipe.writes + writes
    made.flush()


def event(seq: int, body: str = "x", type_: str = "turn.scored") -> Event:
    return Event(seq, type_, f"{seq}{body}")


def is_closed(made: Connection) -> bool:
    """A call, so that the type checker expects it to change."""
    return made.closed


def delta(part: str, text: str) -> Delta:
    return Delta(part, text, lambda merged: f"[{merged}]", f"[{text}]")


async def test_events_are_taken_in_their_place_alone() -> None:
    pipe = Pipe(10)
    made = connection(pipe)
    assert made.push_event(event(1))
    assert not made.push_event(event(3)), "a gap"
    assert made.push_event(event(1)), "sent already: skipped"
    assert made.push_event(event(2))
    assert made.push_event(event(3))
    assert pipe.sent == ["1x", "2x", "3x"]


async def test_events_that_come_together_are_one_write_up_to_a_gap() -> None:
    pipe = Pipe(10)
    made = connection(pipe)
    assert made.push_events([event(1), event(2), event(3)])
    assert (pipe.sent, pipe.writes) == (["1x", "2x", "3x"], 1)
    assert not made.push_events([event(3), event(4), event(6), event(7)])
    assert (pipe.sent, made.sent_seq) == (["1x", "2x", "3x", "4x"], 4)


@pytest.mark.parametrize("together", [False, True])
async def test_one_event_too_many_closes_with_1013_at_once(together: bool) -> None:
    pipe = Pipe(1)
    made = connection(pipe)
    made.push_event(event(1))  # the transport took it: it waits no more here
    for seq in range(2, 6):
        made.push_event(event(seq))
    assert not is_closed(made)
    if together:
        made.push_events([event(6), event(7), event(8)])
    else:
        made.push_event(event(6))
    assert is_closed(made)
    assert (pipe.sent, pipe.code) == (["1x"], 1013), "nobody waits for a peer that does not read"
    opened(pipe, made)
    assert pipe.sent == ["1x"]
    async with asyncio.timeout(5):
        await made.drained()


async def test_a_reader_that_keeps_up_is_never_closed() -> None:
    """What was sent counts no longer, though the queue is never empty."""
    pipe = Pipe()
    made = connection(pipe)
    for seq in range(1, 4):
        made.push_event(event(seq, "y" * 200))
    for seq in range(4, 200):
        opened(pipe, made, 1)
        made.push_event(event(seq, "y" * 200))
        assert not is_closed(made), seq


async def test_bytes_count_and_not_characters() -> None:
    made = connection(Pipe(), events=100)
    made.push_event(event(1, "é" * 490))
    assert not is_closed(made)
    made.push_event(event(2, "é" * 20))
    assert is_closed(made)
    assert size_of("é😀a") == 7


async def test_signals_count_too() -> None:
    made = connection(Pipe())
    for _ in range(10):
        made.push_signal("error", "e" * 100)
    assert not is_closed(made)
    made.push_signal("error", "e")
    assert is_closed(made)


async def test_a_replay_does_not_count() -> None:
    pipe = Pipe()
    made = connection(pipe)
    assert made.push_events([event(seq, "z" * 500) for seq in range(1, 100)], replay=True)
    for seq in range(100, 104):
        made.push_event(event(seq))
    assert not is_closed(made)
    opened(pipe, made)
    assert len(pipe.sent) == 103
    assert not is_closed(made)


async def test_what_waits_goes_out_in_writes_of_bounded_size() -> None:
    pipe = Pipe()
    made = connection(pipe, events=1_000, size=10_000_000)
    for seq in range(1, 301):
        made.push_event(event(seq, "w" * 1_000))
    opened(pipe, made, 2)
    assert pipe.writes == 2
    assert WRITE_AT_ONCE <= sum(map(len, pipe.sent)) / 2 < WRITE_AT_ONCE + 2_000
    made.push_signal("error", "last")
    opened(pipe, made)
    assert len(pipe.sent) == 301
    assert pipe.sent[-1] == "last", "in order, although the transport took frames meanwhile"


async def test_drained_waits_for_the_transport_and_no_longer() -> None:
    pipe = Pipe(1)
    made = connection(pipe)
    made.push_event(event(1))
    made.push_event(event(2))
    waiting = asyncio.create_task(made.drained())
    await asyncio.sleep(0)
    opened(pipe, made, 1)
    await asyncio.sleep(0)
    assert not waiting.done(), "what waits here is sent, but the transport is full again"
    opened(pipe, made)
    async with asyncio.timeout(5):
        await waiting
        await made.drained()
    assert pipe.sent == ["1x", "2x"]


async def test_waiting_deltas_of_one_part_are_merged() -> None:
    pipe = Pipe()
    made = connection(pipe)
    for text in ("a", "b", "c"):
        made.push_delta(delta("one", text))
    made.push_signal("response.output_text.done", "done")
    made.push_delta(delta("two", "d"))
    opened(pipe, made)
    made.push_delta(delta("two", "e"))
    assert pipe.sent == ["[abc]", "done", "[d]", "[e]"]
    assert made.reply_seen == ("two", 2)


async def test_merging_does_not_count_twice() -> None:
    made = connection(Pipe())
    for _ in range(900):
        made.push_delta(delta("one", "a"))
    assert not is_closed(made)
    for _ in range(200):
        made.push_delta(delta("one", "a"))
    assert is_closed(made)


@pytest.mark.parametrize("room", [0, 10])
async def test_the_close_comes_after_what_waits(room: int) -> None:
    pipe = Pipe(room)
    made = connection(pipe)
    made.push_event(event(1))
    made.close(1000, "done")
    made.push_event(event(2))
    made.close(1011, "too late")
    assert pipe.code == (1000 if room else None)
    opened(pipe, made)
    assert (pipe.sent, pipe.code) == (["1x"], 1000)
    async with asyncio.timeout(5):
        await made.drained()


async def test_a_peer_that_is_gone_holds_nobody_up() -> None:
    pipe = Pipe()
    made = connection(pipe)
    made.push_events([event(seq) for seq in range(1, 4)], replay=True)
    waiting = asyncio.create_task(made.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    made.abandon()
    async with asyncio.timeout(5):
        await waiting
        await made.drained()
    assert is_closed(made)
    assert pipe.sent == []


async def test_for_stock_clients_our_events_pass_unsent() -> None:
    pipe = Pipe(10)
    made = connection(pipe, openai_only=True)
    assert made.push_event(event(1))
    assert made.push_event(event(2, type_="response.done"))
    made.push_signal("session.heartbeat", "beat")
    assert pipe.sent == ["2x"]


# --- limits of rate ------------------------------------------------------------------------------------------------


def test_a_burst_of_forty_then_twenty_a_second() -> None:
    bucket = Bucket(20.0, 40)
    start = 1e6
    assert [bucket.take(start) for _ in range(40)] == [0.0] * 40
    assert bucket.take(start) == pytest.approx(0.05, abs=1e-6)
    assert bucket.take(start + 0.051) == 0.0
    assert bucket.take(start + 0.052) > 0
    taken = sum(bucket.take(start + 0.052 + tick / 1000) == 0.0 for tick in range(10_000))
    assert 199 <= taken <= 201
    assert sum(bucket.take(start + 3600) == 0.0 for _ in range(100)) == 40


def test_what_has_happened_is_paid_for_later() -> None:
    bucket = Bucket(10.0, 5)
    start = 1e6
    assert [bucket.charge(now=start) for _ in range(5)] == [0.0] * 5
    assert [bucket.charge(now=start) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3], abs=1e-6)
    assert bucket.charge(now=start + 0.4) == pytest.approx(0.0, abs=1e-6)
    assert bucket.charge(4, start + 3600) == 0.0
    assert bucket.charge(4, start + 3600) == pytest.approx(0.3, abs=1e-6)


def test_ten_bad_frames_count_within_a_minute_only() -> None:
    bad = BadFrames(10)
    assert not any(bad.count(100.0 + at * 7) for at in range(60)), "nine a minute, for ever"
    assert not any(bad.count(9_000.0 + at) for at in range(9))
    assert bad.count(9_059.9)
    again = BadFrames(10)
    assert not any(again.count(at) for at in range(9))
    assert not again.count(60.5), "the first is over a minute old"
