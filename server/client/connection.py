"""A live session for an application: say a line, read the reply, end it; the socket is minded elsewhere."""

import asyncio
import random
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

import msgspec

from server.client.api import Api
from server.client.errors import ClientError, Closed, DeadlinePassed, EventError
from server.client.link import Address, Key, Link, Notice
from server.client.retry import Backoff
from server.client.track import Event, Reply, Track
from server.client.unread import EventQueue
from server.client.waits import MEMORY_EVENTS, TurnResult, Wait, item_id_of

# Seconds. A turn is answered in milliseconds, but the wait spans a restart of the server.
ANSWER_TIMEOUT = 60.0
# Seconds. A reply is void 60 s after it was claimed; the rest is for a reconnect.
REPLY_TIMEOUT = 90.0
# Seconds from a loss until we give up: as long as a session outlives its last socket.
RECONNECT_FOR = 120.0
# Seconds to wait after "too fast" when the server named no time: a full burst has refilled by then.
RETRY_AFTER = 1.0


class Delta(msgspec.Struct, frozen=True):
    """A piece of a reply. ``restart``: what came before did not happen; the line begins anew with this."""

    text: str
    restart: bool = False


def connect(
    base_url: str,
    *,
    token: str | None = None,
    api: Api | None = None,
    model: str = "",
    session_id: str | None = None,
    last_seq: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_notice: Callable[[Notice], None] | None = None,
    reconnect_for: float = RECONNECT_FOR,
    rng: random.Random | None = None,
    path: str = "/v1/realtime",
    tls: ssl.SSLContext | None = None,
) -> "Connection":
    """A connection, to be entered with ``async with`` inside a running loop.

    Credentials: ``token`` (an access token or a client secret), or ``api``, which also renews them when
    they run out. ``session_id`` with ``last_seq`` comes back to a session. ``on_event`` is called with
    every event that is news, ``on_notice`` with what happens to the connection; both must be quick.
    Entering raises ConnectionRefused, Unreachable, Closed or DeadlinePassed.
    """
    if (token is None) == (api is None):
        raise ValueError("give either token or api")
    connection = Connection(Track(session_id, last_seq), on_event, on_notice)
    address = Address(base_url, path, model, tls)
    connection.link = Link(address, Key(token or "", api), connection.track, connection, Backoff(rng), reconnect_for)
    return connection


class Connection:
    """A session that survives its sockets.

    After a loss the link comes back with ``session_id`` and ``last_seq``; then what was not acknowledged
    is sent again, with the same item ids. Every wait has a deadline (``DeadlinePassed``); ``Closed`` and
    ``ConnectionRefused`` are final. Iteration gives every event once, in order, and ends with the session.
    """

    link: Link

    def __init__(
        self,
        track: Track,
        on_event: Callable[[Event], None] | None,
        on_notice: Callable[[Notice], None] | None,
    ) -> None:
        self.track = track
        self.over = asyncio.Event()
        self.closed: ClientError | None = None
        self._tell_event, self._tell_notice = on_event, on_notice
        self._unread = EventQueue()
        self._waits: dict[str, Wait] = {}
        self._results: WeakValueDictionary[str, TurnResult] = WeakValueDictionary()
        self._ask: Wait | None = None
        self._reply_moved = asyncio.Event()

    @property
    def session(self) -> Event:
        """The session of ``session.created``; empty when we came back past it (``last_seq`` above 0)."""
        return self.track.session

    @property
    def session_id(self) -> str | None:
        return self.track.session_id

    @property
    def last_seq(self) -> int:
        return self.track.last_seq

    @property
    def summary(self) -> Event | None:
        """The end summary once it has come."""
        return self.track.summary

    async def __aenter__(self) -> Self:
        self.link.start()
        try:
            await asyncio.shield(self.link.ready)
        except BaseException:
            await self.link.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.link.stop()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next event. Ends after close 1000; raises what else ended the connection, or Overflowed."""
        return await self._unread.get()

    # What an application does

    async def send(self, kind: str, *, timeout: float = ANSWER_TIMEOUT, **fields: Any) -> str:
        """Send one event as it is, once the socket is up; returns its ``event_id``. Not sent again after a
        loss: for that there are ``say``, ``reply``, ``end`` and the memory calls."""
        frame = _frame(kind, **fields)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    await self._until_up()
                    if await self.link.send(frame):
                        return str(frame["event_id"])
                    await asyncio.sleep(0)  # the link notices the loss, and clears ``up``
        except TimeoutError as error:
            raise DeadlinePassed("connection", timeout) from error

    async def say(self, text: str, item_id: str | None = None, *, timeout: float = ANSWER_TIMEOUT) -> TurnResult:
        """One turn; returns when it is scored, which is after it is committed. It may be repeated with the
        same ``item_id`` and text for ever: the answer is the same, and it is one turn.

        Raises EventError for a refusal (``session_ended``, ``text_too_long``, ``idempotency_conflict``, ...);
        a ``rate_limited`` one is waited out.
        """
        item_id = item_id or f"item_{uuid.uuid4().hex}"
        result = self._results[item_id] = TurnResult(item_id, text)
        content = [{"type": "input_text", "text": text}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        frame = _frame("conversation.item.create", item=item)
        await self._answer(
            Wait(frame, lambda e: e.get("type") == "turn.scored" and e.get("item_id") == item_id), timeout
        )
        return result

    async def reply(self, on_delta: Callable[[Delta], None] | None = None, *, timeout: float = REPLY_TIMEOUT) -> str:
        """The persona's answer to the last turn, whole. See ``stream_reply``."""
        text = ""
        async for delta in self.stream_reply(timeout=timeout):
            text = delta.text if delta.restart else text + delta.text
            if on_delta is not None:
                on_delta(delta)
        return text

    async def stream_reply(self, *, timeout: float = REPLY_TIMEOUT) -> AsyncIterator[Delta]:
        """The persona's answer, piece by piece. A reply that the server began by itself (``autoResponse``, a
        mission's closing line) is taken up; else one is asked for, again after a loss if it got lost.

        Raises EventError when it is refused, Closed when the session is over without one. One at a time.
        """
        if self._ask is not None:
            raise RuntimeError("a reply is being read already")
        self._ask = ask = Wait(_frame("response.create"), lambda event: False)
        self.track.asking = True
        try:
            reply = self.track.claim()
            if reply is None and self.link.up.is_set():
                await self.link.send(ask.frame)
            shown = ""
            while True:
                self._reply_moved.clear()
                if reply is None or reply.lost:
                    reply = self.track.claim()
                delta = _unshown(reply, shown)
                if delta is not None:
                    shown = delta.text if delta.restart else shown + delta.text
                    yield delta
                elif reply is not None and reply.status is not None:
                    return
                else:
                    await self._reply_move(ask, timeout)
        finally:
            self._ask = None
            self.track.asking = False

    async def cancel(self) -> None:
        """Stop the reply under way; its stream then ends with what was said so far."""
        await self.send("response.cancel")

    async def end(self, *, timeout: float = ANSWER_TIMEOUT) -> Event:
        """End the session and wait for its summary; one that has ended already gives the same."""
        wait = Wait(_frame("session.end"), lambda event: event.get("type") == "session.summary")
        if self.summary is None:
            try:
                await self._answer(wait, timeout)
            except EventError as error:
                if error.code != "session_ended":
                    raise
                return await self.wait_summary(timeout=timeout)
        return self.summary or {}

    async def wait_summary(self, *, timeout: float = ANSWER_TIMEOUT) -> Event:
        """The summary of a session that is ending by itself."""
        if self.summary is None:
            wait = Wait(_frame("none"), lambda event: event.get("type") == "session.summary")
            await self._answer(wait, timeout, send=False)
        return self.summary or {}

    async def edit_memory(self, key: str, value: str, *, timeout: float = ANSWER_TIMEOUT) -> Event:
        """Correct what the persona remembers; the ``memory.updated`` event."""
        return await self._memory("memory.edit", key, timeout, value=value)

    async def forget_memory(self, key: str, *, with_turns: bool = False, timeout: float = ANSWER_TIMEOUT) -> Event:
        """Make the persona forget a key (``with_turns``: the turns that said it, too); ``memory.forgotten``."""
        fields = {"withTurns": True} if with_turns else {}
        return await self._memory("memory.forget", key, timeout, **fields)

    async def _memory(self, kind: str, key: str, timeout: float, **fields: Any) -> Event:
        answers = {"memory.forgotten"} if kind == "memory.forget" else {"memory.updated", "memory.created"}
        return await self._answer(
            Wait(_frame(kind, key=key, **fields), lambda e: e.get("type") in answers and e.get("key") == key),
            timeout,
        )

    # Waiting

    async def _answer(self, wait: Wait, timeout: float, *, send: bool = True) -> Event:
        """Send, and wait for what settles it, through losses and "too fast"."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    if self.closed is not None:
                        raise self.closed
                    self._waits[wait.event_id] = wait
                    if send and self.link.up.is_set():
                        await self.link.send(wait.frame)
                    try:
                        return await wait.future
                    except EventError as error:
                        if error.code != "rate_limited":
                            raise
                        await asyncio.sleep(error.retry_after or RETRY_AFTER)
                        wait.rearm()
        except TimeoutError as error:
            raise DeadlinePassed(f"answer to {wait.frame['type']}", timeout) from error
        finally:
            self._waits.pop(wait.event_id, None)

    async def _reply_move(self, ask: Wait, timeout: float) -> None:
        """Wait until something about the reply has changed, at most ``timeout`` seconds."""
        if self.closed is not None:
            raise self.closed
        if ask.future.done():
            error = ask.future.exception()
            ask.rearm()
            if isinstance(error, EventError) and error.code == "rate_limited":
                await asyncio.sleep(error.retry_after or RETRY_AFTER)
                await self.link.send(ask.frame)
            elif error is not None:
                raise error
        try:
            await asyncio.wait_for(self._reply_moved.wait(), timeout)
        except TimeoutError as late:
            raise DeadlinePassed("reply", timeout) from late

    async def _until_up(self) -> None:
        if self.closed is not None:
            raise self.closed
        up = asyncio.ensure_future(self.link.up.wait())
        over = asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait({up, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            over.cancel()
        if self.closed is not None:
            raise self.closed

    # What the link tells

    def on_frame(self, event: Event) -> None:
        fresh = self.track.receive(event)
        kind = str(event.get("type"))
        if kind == "error":
            self._refused(event.get("error") or {})
        result = self._results.get(item_id_of(event) or "")
        if result is not None and (kind in MEMORY_EVENTS or "seq" in event):
            result.take(event)
        for wait in list(self._waits.values()):
            wait.see(event)
        self._reply_moved.set()
        if fresh:
            self._unread.put(event)
            if self._tell_event is not None:
                self._tell_event(event)

    def on_notice(self, notice: Notice) -> None:
        if self._tell_notice is not None:
            self._tell_notice(notice)

    async def on_up(self, back: bool) -> None:
        # A wait may begin while we send: go on until none is unsent, so that every one is sent by this loop
        # or, once ``up`` is set (right after this returns), by itself.
        sent: set[str] = set()
        while unsent := [wait for wait in self._unanswered() if wait.event_id not in sent]:
            for wait in unsent:
                sent.add(wait.event_id)
                await self.link.send(wait.frame)
        self._reply_moved.set()

    def _unanswered(self) -> list[Wait]:
        waits = [w for w in self._waits.values() if not w.future.done() and w.frame["type"] != "none"]
        reply = self.track.reply
        replying = reply is not None and not reply.lost and (reply.under_way or not reply.taken)
        if self._ask is not None and not replying:
            waits.append(self._ask)
        return waits

    def on_over(self, end: ClientError) -> None:
        self.closed = end
        self.over.set()
        for wait in list(self._waits.values()):
            wait.fail(end)
        self._reply_moved.set()
        self._unread.close(None if isinstance(end, Closed) and end.code == 1000 else end)

    def _refused(self, problem: Event) -> None:
        """Hand an ``error`` to the wait whose event caused it."""
        later = problem.get("retry_after_ms")
        error = EventError(
            str(problem.get("code")),
            str(problem.get("message")),
            kind=str(problem.get("type")),
            retry_after=None if later is None else float(later) / 1000,
        )
        caused_by = str(problem.get("event_id"))
        if caused_by in self._waits:
            self._waits[caused_by].fail(error)
        elif self._ask is not None and caused_by == self._ask.event_id:
            if error.code == "conversation_already_has_active_response":
                self.track.release()
            else:
                self._ask.fail(error)


def _frame(kind: str, **fields: Any) -> Event:
    return {"type": kind, "event_id": f"event_{uuid.uuid4().hex}", **fields}


def _unshown(reply: Reply | None, shown: str) -> Delta | None:
    """What of a reply has not been shown yet, None if nothing."""
    if reply is None or reply.lost or reply.text == shown:
        return None
    if reply.text.startswith(shown):
        return Delta(reply.text[len(shown) :])
    if reply.status is None and shown.startswith(reply.text):
        return None  # announced again after a resume; the text comes back in a moment
    return Delta(reply.text, restart=True)
