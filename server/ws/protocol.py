"""One WebSocket connection from its upgrade to its end, as callbacks: an idle one holds no task, timer or queue.

Reading is paused while a message is carried out and another waits, so a slow database stops the reading and TCP does
the rest; what was read and not carried out stays bytes. While the server does not read, no pong is expected. Writing
goes straight to the transport; when its buffer is full the visitor is told to wait, and told when to go on.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from server.ws.frames import (
    CLOSE,
    CONTINUATION,
    FRAGMENT,
    LONGEST_CONTROL,
    NO_STATUS,
    PING,
    PING_FRAME,
    PONG,
    TEXT,
    Frame,
    FrameReader,
    ProtocolFailure,
    close_frame,
    control_frame,
    read_close,
    text_frames,
)
from server.ws.front import Front

ASIDE = (PING, PONG, CONTINUATION)  # what need not wait for the message that is being carried out
LINGER_SECONDS = (
    2.0  # after a failure what still comes is thrown away, so that the close frame is not lost to a reset
)


class Visitor(Protocol):
    """Who attends a socket. Called on the event loop's thread."""

    def frame(self, size: int) -> float:
        """A frame of any kind was read. The seconds for which nothing more is to be read: 0, or a flood."""

    def message(self, text: str | None) -> "asyncio.Future[None] | None":
        """A whole message; None: a binary one. The next comes when what is returned is done."""

    def writable(self) -> None:
        """The transport takes frames again."""

    def gone(self) -> None:
        """The connection is lost. The last call."""


class SocketProtocol(asyncio.Protocol):
    """Made by ``server.ws.http`` at the upgrade, opened by ``server.ws.handshake``. A ``delivery.Transport``."""

    __slots__ = (
        "__weakref__",
        "_blind",
        "_closing",
        "_frames",
        "_front",
        "_gone",
        "_heard",
        "_held",
        "_over",
        "_pinged",
        "_pong",
        "_reading",
        "_slot",
        "_throttled",
        "_timer",
        "_transport",
        "_visitor",
        "_work",
        "on_lost",
        "writable",
    )

    def __init__(self, front: Front, transport: asyncio.Transport) -> None:
        self._front = front
        self._transport = transport
        self._frames = FrameReader(front.limits.frame_hard)
        self._visitor: Visitor | None = None  # None: not open yet
        self.on_lost: Callable[[], None] | None = None  # while there is no visitor
        self.writable = True
        self._work: asyncio.Future[None] | None = None  # of the message that is being carried out
        self._held: Frame | ProtocolFailure | None = None  # what comes after it, read already
        self._throttled = False
        self._reading = True
        self._closing = False  # our close frame was sent
        self._over = False  # nothing more is sent
        self._gone = False  # the connection is lost
        self._slot = -1  # in the keepalive; -1: none
        self._pinged = self._heard = self._blind = False
        self._pong: bytes | None = None  # the answer to the latest ping, while the transport takes nothing
        self._timer: asyncio.TimerHandle | None = None
        front.state.connections.add(self)  # type: ignore[arg-type]

    # --- opening -----------------------------------------------------------------------------------------------

    def open(self, response: bytes, visitor: Visitor, until: "asyncio.Future[None] | None" = None) -> None:
        """Answer the handshake with ``response``, and let ``visitor`` attend: its first message comes when ``until``
        is done."""
        self.on_lost = None
        if self._gone:
            visitor.gone()
            return
        self._visitor = visitor
        self._transport.write(response)
        self._slot = self._front.keepalive.add(self)
        self._await(until)
        self._read()

    def refuse(self, response: bytes) -> None:
        """Answer the handshake with another HTTP response."""
        if not self._gone:
            self._transport.write(response)
            self._end()

    # --- reading -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._over:
            return
        self._frames.feed(data)
        self._read()

    def _read(self) -> None:
        """Take what was fed, in order, as far as it may be taken now."""
        try:
            while not self._over and self._may_read():
                if self._held is None:
                    self._held = self._next()
                    if self._held is None:
                        self._resume()
                        return
                if self._must_wait(self._held):
                    self._pause()
                    return
                held, self._held = self._held, None
                self._take(held)
        except ProtocolFailure as failure:
            self._fail(failure.code, failure.reason)

    def _may_read(self) -> bool:
        if self._visitor is not None and not self._throttled:
            return True
        self._pause()
        return False

    def _next(self) -> "Frame | ProtocolFailure | None":
        """The next thing that the peer did, right or wrong."""
        try:
            frame = self._frames.next()
        except ProtocolFailure as failure:
            return failure
        if frame is not None and self._visitor is not None:
            self._throttle(self._visitor.frame(len(frame.payload)))
        return frame

    def _must_wait(self, held: "Frame | ProtocolFailure") -> bool:
        """For the message that is being carried out: also a close, so that what the peer hears first is the answer
        to that message. While the server goes down, no message is taken."""
        if self._closing or (isinstance(held, Frame) and held.opcode in ASIDE):
            return False
        if self._work is not None:
            return True
        return self._front.draining and isinstance(held, Frame) and held.opcode != CLOSE

    def _take(self, held: "Frame | ProtocolFailure") -> None:
        if isinstance(held, ProtocolFailure):
            raise held
        if held.opcode >= CLOSE:
            self._control(held)
        elif held is not FRAGMENT and not self._closing and self._visitor is not None:
            self._await(self._visitor.message(held.text if held.opcode == TEXT else None))

    def _await(self, work: "asyncio.Future[None] | None") -> None:
        if work is not None and not work.done():
            self._work = work
            work.add_done_callback(self._worked)

    def _worked(self, _: "asyncio.Future[None]") -> None:
        self._work = None
        self._read()

    @property
    def working(self) -> bool:
        """Whether a message is being carried out."""
        return self._work is not None

    @property
    def buffered(self) -> tuple[int, int]:
        """Bytes that were read and not carried out, and bytes that were sent and the kernel did not take."""
        return len(self._frames), self._transport.get_write_buffer_size()

    def _control(self, frame: Frame) -> None:
        if frame.opcode == PING:
            if not self._closing:
                self._pong = frame.payload
                self._send_pong()
        elif frame.opcode == CLOSE:
            code, _ = read_close(frame.payload)
            if not self._closing:
                answer = control_frame(CLOSE, frame.payload[:2] if code != NO_STATUS else b"")
                self._transport.write(answer)
            self._end()

    def _send_pong(self) -> None:
        """A peer that pings and does not read is owed the latest pong alone (RFC 6455 5.5.3)."""
        if self._pong is not None and self.writable:
            self._transport.write(control_frame(PONG, self._pong[:LONGEST_CONTROL]))
            self._pong = None

    def _throttle(self, seconds: float) -> None:
        if seconds > 0 and not self._throttled:
            self._throttled = True
            self._front.loop.call_later(seconds, self._unthrottle)

    def _unthrottle(self) -> None:
        self._throttled = False
        self._read()

    def _pause(self) -> None:
        if self._reading and not self._frames.empty:
            self._reading = False
            self._blind = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    # --- writing -----------------------------------------------------------------------------------------------

    def send(self, *texts: str) -> None:
        if not self._closing and not self._over:
            self._transport.write(text_frames(texts))

    def close(self, code: int, reason: str) -> None:
        if self._closing or self._over:
            return
        self._closing = True
        self._transport.write(close_frame(code, reason))
        self._leave_keepalive()
        self._let_go_in(self._front.limits.close_seconds)
        if self._held is not None or not self._reading:
            self._front.loop.call_soon(self._read)  # the peer's close frame may be behind what waits

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if not self._over:
            self._send_pong()
            if self._visitor is not None:
                self._visitor.writable()

    # --- the pong's deadline -----------------------------------------------------------------------------------

    def beat(self) -> None:
        if not self._reading:
            return  # what the peer sends is not read: it can't be late
        if self._pinged and not self._heard and not self._blind:
            self._fail(1011, "no pong")
            return
        self._pinged, self._heard, self._blind = True, False, False
        self._transport.write(PING_FRAME)

    def _leave_keepalive(self) -> None:
        if self._slot >= 0:
            self._front.keepalive.remove(self, self._slot)
            self._slot = -1

    # --- ending ------------------------------------------------------------------------------------------------

    def _fail(self, code: int, reason: str) -> None:
        """Close without waiting for the peer's answer. A close with bytes unread would be a reset, and could take
        the close frame with it: so they are read, thrown away, and the peer hangs up, or is hung up on."""
        if not self._closing:
            self._transport.write(close_frame(code, reason))
        self._stop()
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
        self._resume()
        self._let_go_in(LINGER_SECONDS)

    def _end(self) -> None:
        """Hang up when what was written is with the kernel, or after a deadline."""
        self._stop()
        self._transport.close()
        if not self._gone:
            self._let_go_in(self._front.limits.close_seconds)

    def _stop(self) -> None:
        self._over = True
        self._leave_keepalive()
        self._frames.discard()
        self._held = self._pong = None

    def shutdown(self) -> None:
        """The server goes down now: whoever is still here was told, or is too slow to be."""
        if self._visitor is None and self.on_lost is not None:
            return  # its handshake is under way, and will be answered
        self.close(1012, "draining")
        self._let_go_in(LINGER_SECONDS)

    def _let_go_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._front.loop.call_later(seconds, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._stop()
        self.writable = True
        self._front.state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        visitor, self._visitor = self._visitor, None
        if visitor is not None:
            visitor.gone()
        elif self.on_lost is not None:
            self.on_lost()
            self.on_lost = None
