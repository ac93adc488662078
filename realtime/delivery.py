"""Delivery to one socket: a bounded queue in order, flushed by a task that exists only while something waits.

A durable event is taken only in its place (``seq`` follows on what was sent), so a socket never skips: whoever holds
the session sees the gap and has the socket read on from the log. Waiting deltas of one part are merged. Everything
that waits counts, signals too (a client that asks and never reads must not fill the memory); a queue that is full
closes the socket with 1013, which loses nothing: the client comes back with its ``last_seq``.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

import msgspec

from realtime.limits import Limits
from realtime.protocol.events import OPENAI_TYPES, Event, signal
from realtime.tasks import Tasks


class Transport(Protocol):
    """The socket below: sends one text frame, or the close frame. Raises when the peer is gone."""

    async def send(self, text: str) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


class Delta(msgspec.Struct):
    """A piece of a reply, encoded once for all sockets; merged with its neighbours where a socket lags."""

    part: str
    text: str
    build: Callable[[str], str]
    frame: str

    @property
    def size(self) -> int:
        return size_of(self.frame)


class _Frame(msgspec.Struct):
    """A frame that waits, and how it counts against the queue's limits."""

    text: str
    events: int
    size: int


class _Closing(msgspec.Struct):
    code: int
    reason: str


class Connection:
    """One socket of one user on one session. ``live``: it is at the head and takes events as they are published.

    Everything is done on the event loop's thread; ``push`` methods never wait.
    """

    def __init__(
        self, transport: Transport, tasks: Tasks, limits: Limits, user_id: UUID, *, openai_only: bool = False
    ) -> None:
        self.user_id = user_id
        self.session_id: UUID | None = None
        self.session_version = 0
        self.token_expires_at: float | None = None  # monotonic; None: the socket lives until its session ends
        self.token_expires_epoch = 0
        self.token_warned = False
        self.last_beat = asyncio.get_running_loop().time()
        self.openai_only = openai_only
        self.sent_seq = 0
        self.live = False
        self.catching_up = False
        self.reply_seen: tuple[str, int] = ("", 0)  # the reply this socket follows, and how much of it was taken
        self.closed = False
        self.on_close: Callable[[], Awaitable[None]] | None = None
        self._transport = transport
        self._tasks = tasks
        self._limits = limits
        self._queue: deque[_Frame | Delta | _Closing] = deque()
        self._events = 0  # durable events that wait; replayed ones do not count
        self._bytes = 0  # of all frames that wait; replayed ones do not count
        self._flush: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def push_event(self, event: Event, *, replay: bool = False) -> bool:
        """Take a durable event if it is the next one; False on a gap (nothing was taken). One already sent is
        skipped. Pages of a replay do not count against the queue: ``drained`` paces them."""
        if event.seq <= self.sent_seq:
            return True
        if event.seq != self.sent_seq + 1:
            return False
        self.sent_seq = event.seq
        self._put(event.type, event.body, events=0 if replay else 1, counts=not replay)
        return True

    def push_copy(self, event: Event) -> None:
        """Send a stored event again, outside the order (a repeated send, the first frame of a connect)."""
        self._put(event.type, event.body, events=1)

    def push_signal(self, type_: str, frame: str) -> None:
        self._put(type_, frame)

    def push_delta(self, delta: Delta) -> None:
        if self.closed:
            return
        part, seen = self.reply_seen
        self.reply_seen = (delta.part, len(delta.text) + (seen if part == delta.part else 0))
        last = self._queue[-1] if self._queue else None
        if isinstance(last, Delta) and last.part == delta.part:
            merged = last.text + delta.text
            delta = Delta(delta.part, merged, delta.build, delta.build(merged))
            self._queue.pop()
            self._bytes -= last.size
        self._append(delta, events=0, size=delta.size)

    def close(self, code: int, reason: str = "") -> None:
        """Send what waits, then the close frame."""
        if not self.closed:
            self.closed = True
            self._queue.append(_Closing(code, reason))
            self._ensure_flush()

    def abandon(self) -> None:
        """The peer is gone: drop what waits."""
        self.closed = True
        self._queue.clear()
        self._events = self._bytes = 0
        self._idle.set()

    async def drained(self) -> None:
        """Wait until everything taken so far was written to the socket."""
        await self._idle.wait()

    def _put(self, type_: str, frame: str, *, events: int = 0, counts: bool = True) -> None:
        if self.closed or (self.openai_only and type_ not in OPENAI_TYPES):
            return
        size = size_of(frame) if counts else 0
        self._append(_Frame(frame, events, size), events=events, size=size)

    def _append(self, entry: _Frame | Delta, *, events: int, size: int) -> None:
        """Take an entry, or close the socket when that is more than may wait."""
        self._queue.append(entry)
        self._events += events
        self._bytes += size
        if self._events > self._limits.queue_events or self._bytes > self._limits.queue_bytes:
            self._queue.clear()
            self._events = self._bytes = 0
            self.close(1013, "slow consumer")
        else:
            self._ensure_flush()

    def _next_text(self, entry: _Frame | Delta) -> str:
        """What an entry that leaves the queue sends."""
        self._bytes -= entry.size
        if isinstance(entry, Delta):
            return entry.frame
        self._events -= entry.events
        return entry.text

    def _ensure_flush(self) -> None:
        if self._flush is None:
            self._idle.clear()
            self._flush = self._tasks.spawn(self._run(), "flush")

    async def _run(self) -> None:
        try:
            while self._queue:
                entry = self._queue.popleft()
                if isinstance(entry, _Closing):
                    await self._transport.close(entry.code, entry.reason)
                    return
                await self._transport.send(self._next_text(entry))
        except Exception:
            # Whatever the transport raises means one thing here: the peer can't be reached any more.
            self.abandon()
        finally:
            self._flush = None
            self._idle.set()


def size_of(frame: str) -> int:
    """Bytes of a frame on the wire (JSON text is nearly always ASCII, whose length is known at once)."""
    return len(frame) if frame.isascii() else len(frame.encode())


def heartbeat(head_seq: int) -> str:
    return signal("session.heartbeat", {"head_seq": head_seq})
