"""Delivery to one socket: straight to the transport while it takes frames, else a bounded queue in order.

A durable event is taken only in its place (``seq`` follows on what was sent), so a socket never skips: whoever holds
the session sees the gap and has the socket read on from the log. Waiting deltas of one part are merged. Everything
that waits counts, signals too (a client that asks and never reads must not fill the memory); a queue that is full
closes the socket with 1013, which loses nothing: the client comes back with its ``last_seq``.

There is no task here and nothing is waited for: the transport says when it takes frames again (``flush``).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol
from uuid import UUID

import msgspec

from realtime.limits import Limits
from realtime.protocol.events import OPENAI_TYPES, Event, signal

WRITE_AT_ONCE = 64 * 1024  # bytes of waiting frames that are joined into one write


class Transport(Protocol):
    """The socket below. Nothing here waits or raises: what is sent to a peer that is gone is dropped."""

    @property
    def writable(self) -> bool:
        """False while the peer reads too slowly for more; ``Connection.flush`` is called when it is True again."""

    def send(self, *texts: str) -> None:
        """Send text frames, in order, in one write. To be asked ``writable`` before; what is sent all the same is
        kept in memory until the peer has read."""

    def close(self, code: int, reason: str) -> None:
        """Send the close frame, at any time; and let the peer go, at the latest after a deadline."""


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

    frame: str
    events: int
    size: int


class _Closing(msgspec.Struct):
    code: int
    reason: str


class Connection:
    """One socket of one user on one session. ``live``: it is at the head and takes events as they are published.

    Everything is done on the event loop's thread; only ``drained`` waits. An idle one holds no queue.
    """

    __slots__ = (
        "__weakref__",
        "_bytes",
        "_events",
        "_limits",
        "_queue",
        "_transport",
        "_waiters",
        "catching_up",
        "closed",
        "last_beat",
        "live",
        "openai_only",
        "reply_seen",
        "sent_seq",
        "session_id",
        "session_version",
        "token_expires_at",
        "token_expires_epoch",
        "token_warned",
        "user_id",
    )

    def __init__(self, transport: Transport, limits: Limits, user_id: UUID, *, openai_only: bool = False) -> None:
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
        self._transport = transport
        self._limits = limits
        self._queue: deque[_Frame | Delta | _Closing] | None = None  # while the transport takes nothing
        self._events = 0  # durable events that wait; replayed ones do not count
        self._bytes = 0  # of all frames that wait; replayed ones do not count
        self._waiters: list[asyncio.Future[None]] | None = None

    # --- what is sent ------------------------------------------------------------------------------------------

    def push_event(self, event: Event, *, replay: bool = False) -> bool:
        """Take a durable event if it is the next one; False on a gap (nothing was taken). One already sent is
        skipped. Pages of a replay do not count against the queue: ``drained`` paces them."""
        return self.push_events((event,), replay=replay)

    def push_events(self, events: Iterable[Event], *, replay: bool = False) -> bool:
        """``push_event`` for each, as one write; False on a gap (what came before it was taken)."""
        texts: list[str] = []
        whole = True
        for event in events:
            if event.seq <= self.sent_seq:
                continue
            if event.seq != self.sent_seq + 1:
                whole = False
                break
            self.sent_seq = event.seq
            if not self.openai_only or event.type in OPENAI_TYPES:
                texts.append(event.body)
        if texts and not self.closed:
            if self._direct:
                self._transport.send(*texts)
            else:
                for text in texts:
                    self._wait(_Frame(text, 0 if replay else 1, 0 if replay else size_of(text)))
        return whole

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
        if self._direct:
            self._transport.send(delta.frame)
            return
        last = self._queue[-1] if self._queue else None
        if self._queue and isinstance(last, Delta) and last.part == delta.part:
            merged = last.text + delta.text
            delta = Delta(delta.part, merged, delta.build, delta.build(merged))
            self._queue.pop()
            self._bytes -= last.size
        self._wait(delta)

    def close(self, code: int, reason: str = "") -> None:
        """Send what waits, then the close frame."""
        if self.closed:
            return
        self.closed = True
        if self._direct:
            self._transport.close(code, reason)
            self._tell_drained()
        else:
            self._enqueue(_Closing(code, reason))

    def abandon(self) -> None:
        """The peer is gone: drop what waits."""
        self.closed = True
        self._drop()
        self._tell_drained()

    # --- the queue ---------------------------------------------------------------------------------------------

    @property
    def _direct(self) -> bool:
        """Whether a frame may go out now: nothing waits before it, and the transport takes it."""
        return not self._queue and self._transport.writable

    def _put(self, type_: str, frame: str, *, events: int = 0) -> None:
        if self.closed or (self.openai_only and type_ not in OPENAI_TYPES):
            return
        if self._direct:
            self._transport.send(frame)
        else:
            self._wait(_Frame(frame, events, size_of(frame)))

    def _wait(self, entry: _Frame | Delta) -> None:
        """Keep an entry, or close the socket when that is more than may wait: at once, for a peer that reads so
        slowly would not come to the close frame behind the queue."""
        if self.closed:
            return
        self._enqueue(entry)
        self._bytes += entry.size
        if isinstance(entry, _Frame):
            self._events += entry.events
        if self._events > self._limits.queue_events or self._bytes > self._limits.queue_bytes:
            self.abandon()
            self._transport.close(1013, "slow consumer")

    def _enqueue(self, entry: _Frame | Delta | _Closing) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(entry)

    def flush(self) -> None:
        """The transport takes frames again: send what waits, as long as it does."""
        while self._queue and self._transport.writable:
            if isinstance(self._queue[0], _Closing):
                closing = self._queue[0]
                self._drop()
                self._transport.close(closing.code, closing.reason)
                break
            self._transport.send(*self._next_texts(self._queue))
        if not self._queue and (self.closed or self._transport.writable):
            self._queue = None
            self._tell_drained()

    def _next_texts(self, queue: "deque[_Frame | Delta | _Closing]") -> list[str]:
        """What leaves the queue for one write."""
        texts: list[str] = []
        size = 0
        while queue and size < WRITE_AT_ONCE and not isinstance(entry := queue[0], _Closing):
            queue.popleft()
            self._bytes -= entry.size
            if isinstance(entry, _Frame):
                self._events -= entry.events
            texts.append(entry.frame)
            size += len(entry.frame)
        return texts

    def _drop(self) -> None:
        self._queue = None
        self._events = self._bytes = 0

    # --- pacing ------------------------------------------------------------------------------------------------

    async def drained(self) -> None:
        """Wait until everything taken so far was handed to the kernel, but for what the transport's buffer holds
        (below its high-water mark); or until the peer is gone."""
        if self._direct or (self.closed and not self._queue):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        await waiter

    def _tell_drained(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)


def size_of(frame: str) -> int:
    """Bytes of a frame on the wire (JSON text is nearly always ASCII, whose length is known at once)."""
    return len(frame) if frame.isascii() else len(frame.encode())


def heartbeat(head_seq: int) -> str:
    return signal("session.heartbeat", {"head_seq": head_seq})
