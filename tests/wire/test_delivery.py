"""The out-queue of one socket, without a socket: what it takes, in which order, and when it is too much."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from realtime.delivery import Connection, Delta, size_of
from realtime.limits import Limits
from realtime.protocol.events import Event
from realtime.tasks import Tasks
from realtime.throttle import BadFrames, Bucket


class Pipe:
    """A transport that lets through as many frames as it was told to."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.code: int | None = None
        self.broken = False
        self._permits = asyncio.Semaphore(0)

    def open(self, frames: int) -> None:
        for _ in range(frames):
            self._permits.release()

    async def send(self, text: str) -> None:
        await self._permits.acquire()
        if self.broken:
            raise OSError("gone")
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        self.code = code


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    made = Tasks()
    yield made
    await made.close(0.0)


def connection(
    pipe: Pipe, tasks: Tasks, *, events: int = 4, size: int = 1_000, openai_only: bool = False
) -> Connection:
    return Connection(pipe, tasks, Limits(queue_events=events, queue_bytes=size), uuid4(), openai_only=openai_only)


def event(seq: int, body: str = "x", type_: str = "turn.scored") -> Event:
    return Event(seq, type_, f"{seq}{body}")


def is_closed(made: Connection) -> bool:
    """A call, so that the type checker expects it to change."""
    return made.closed


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def delta(part: str, text: str) -> Delta:
    return Delta(part, text, lambda merged: f"[{merged}]", f"[{text}]")


async def test_events_are_taken_in_their_place_alone(tasks: Tasks) -> None:
    pipe = Pipe()
    pipe.open(10)
    made = connection(pipe, tasks)
    assert made.push_event(event(1))
    assert not made.push_event(event(3)), "a gap"
    assert made.push_event(event(1)), "sent already: skipped"
    assert made.push_event(event(2))
    assert made.push_event(event(3))
    await made.drained()
    assert pipe.sent == ["1x", "2x", "3x"]


async def test_one_event_too_many_closes_with_1013(tasks: Tasks) -> None:
    pipe = Pipe()
    made = connection(pipe, tasks)
    made.push_event(event(1))
    await settle()  # it is being sent, and waits no more
    for seq in range(2, 6):
        made.push_event(event(seq))
    assert not is_closed(made)
    made.push_event(event(6))
    assert is_closed(made)
    pipe.open(10)
    await settle()
    assert (pipe.sent, pipe.code) == (["1x"], 1013)


async def test_a_reader_that_keeps_up_is_never_closed(tasks: Tasks) -> None:
    """What was sent counts no longer, though the queue is never empty."""
    pipe = Pipe()
    made = connection(pipe, tasks)
    for seq in range(1, 4):
        made.push_event(event(seq, "y" * 200))
    for seq in range(4, 200):
        made.push_event(event(seq, "y" * 200))
        pipe.open(1)
        await settle()
        assert not is_closed(made), seq


async def test_bytes_count_and_not_characters(tasks: Tasks) -> None:
    pipe = Pipe()
    made = connection(pipe, tasks, events=100)
    made.push_event(event(1, "é" * 490))
    assert not is_closed(made)
    made.push_event(event(2, "é" * 20))
    assert is_closed(made)
    assert size_of("é😀a") == 7


async def test_signals_count_too(tasks: Tasks) -> None:
    made = connection(Pipe(), tasks)
    for _ in range(9):
        made.push_signal("error", "e" * 100)
    assert not is_closed(made)
    made.push_signal("error", "e" * 101)
    assert is_closed(made)


async def test_a_replay_does_not_count(tasks: Tasks) -> None:
    pipe = Pipe()
    made = connection(pipe, tasks)
    for seq in range(1, 100):
        made.push_event(event(seq, "z" * 500), replay=True)
    for seq in range(100, 104):
        made.push_event(event(seq))
    assert not is_closed(made)
    pipe.open(200)
    await made.drained()
    assert len(pipe.sent) == 103
    assert not is_closed(made)


async def test_waiting_deltas_of_one_part_are_merged(tasks: Tasks) -> None:
    pipe = Pipe()
    made = connection(pipe, tasks)
    for text in ("a", "b", "c"):
        made.push_delta(delta("one", text))
    made.push_signal("response.output_text.done", "done")
    made.push_delta(delta("two", "d"))
    pipe.open(10)
    await made.drained()
    assert pipe.sent == ["[abc]", "done", "[d]"]
    assert made.reply_seen == ("two", 1)


async def test_merging_does_not_count_twice(tasks: Tasks) -> None:
    made = connection(Pipe(), tasks)
    for _ in range(900):
        made.push_delta(delta("one", "a"))
    assert not is_closed(made)
    for _ in range(200):
        made.push_delta(delta("one", "a"))
    assert is_closed(made)


async def test_the_close_comes_after_what_waits(tasks: Tasks) -> None:
    pipe = Pipe()
    pipe.open(10)
    made = connection(pipe, tasks)
    made.push_event(event(1))
    made.close(1000, "done")
    made.push_event(event(2))
    made.close(1011, "too late")
    await made.drained()
    assert (pipe.sent, pipe.code) == (["1x"], 1000)


async def test_a_peer_that_is_gone_holds_nobody_up(tasks: Tasks) -> None:
    pipe = Pipe()
    pipe.broken = True
    pipe.open(1)
    made = connection(pipe, tasks)
    for seq in range(1, 4):
        made.push_event(event(seq), replay=True)
    async with asyncio.timeout(5):
        await made.drained()
    assert is_closed(made)
    assert pipe.sent == []


async def test_for_stock_clients_our_events_pass_unsent(tasks: Tasks) -> None:
    pipe = Pipe()
    pipe.open(10)
    made = connection(pipe, tasks, openai_only=True)
    assert made.push_event(event(1))
    assert made.push_event(event(2, type_="response.done"))
    made.push_signal("session.heartbeat", "beat")
    await made.drained()
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


def test_ten_bad_frames_count_within_a_minute_only() -> None:
    bad = BadFrames(10)
    assert not any(bad.count(100.0 + at * 7) for at in range(60)), "nine a minute, for ever"
    assert not any(bad.count(9_000.0 + at) for at in range(9))
    assert bad.count(9_059.9)
    again = BadFrames(10)
    assert not any(again.count(at) for at in range(9))
    assert not again.count(60.5), "the first is over a minute old"
