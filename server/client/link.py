"""The one task that owns the socket: it reads, comes back after a loss, and says when it is over."""

import asyncio
import contextlib
import ssl
import time
from typing import Any, Literal, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from server.client.api import Api
from server.client.dial import dial, socket_url
from server.client.errors import ApiError, ClientError, Closed, ConnectionRefused, DeadlinePassed, Unreachable
from server.client.retry import Backoff, close_rule
from server.client.track import Event, Track

# Seconds from the upgrade to the first frame.
READY_TIMEOUT = 15.0
_NORMAL, _ABNORMAL = 1000, 1006


class Notice(msgspec.Struct, frozen=True):
    """What happens to the connection itself. ``lost``: it closed with ``code``. ``waiting``: the next attempt
    is in ``seconds``. ``back``: it is up and every missed event has come. ``draining``: it goes down soon."""

    kind: Literal["lost", "waiting", "back", "draining"]
    code: int = 0
    seconds: float = 0.0
    attempt: int = 0


class Address(msgspec.Struct, frozen=True):
    """Where to connect: ``model`` begins a session, later connects come back to the one it became."""

    base_url: str
    path: str
    model: str
    tls: ssl.SSLContext | None = None

    def url(self, track: Track) -> str:
        query: dict[str, str | int] = {"model": self.model}
        if track.session_id is not None:
            query = {"session_id": track.session_id}
            if track.asked_from is not None or track.last_seq:
                query["last_seq"] = track.last_seq
        return socket_url(self.base_url, self.path, query)


class Key(msgspec.Struct, frozen=True):
    """The credential: a fixed ``token``, or ``api``, which can renew it."""

    token: str = ""
    api: Api | None = None

    async def get(self) -> str:
        return await self.api.access_token() if self.api is not None else self.token

    async def renew(self, stale: str) -> bool:
        """A new token is ready; False when nobody can make one. Raises ApiError when the server refuses."""
        if self.api is None:
            return False
        await self.api.refresh(stale=stale)
        return True


class Owner(Protocol):
    """Who is told. Calls come from the link's task, in order, and must not block."""

    def on_frame(self, event: Event) -> None: ...

    async def on_up(self, back: bool) -> None: ...

    def on_notice(self, notice: Notice) -> None: ...

    def on_over(self, end: ClientError) -> None: ...


class Link:
    """``ready`` is done when the first frame came, or failed with why it never will. After that a loss is
    mended for up to ``reconnect_for`` seconds; what ends it for good goes to ``on_over``, once."""

    def __init__(
        self, address: Address, key: Key, track: Track, owner: Owner, backoff: Backoff, reconnect_for: float
    ) -> None:
        self._address, self._key, self._track, self._owner = address, key, track, owner
        self._backoff, self._reconnect_for = backoff, reconnect_for
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.up = asyncio.Event()
        self._ws: ClientConnection | None = None
        self._token = ""
        self._expired = False
        self._drain_hint = 0.0
        self._lost_at: float | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="socialgym-client-link")

    async def stop(self) -> None:
        """Close the socket and wait until both tasks are gone."""
        tasks = {task for task in (self._renewal, self._task) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def send(self, frame: Event) -> bool:
        """Send now; False when there is no socket to send on (a reconnect may be under way)."""
        ws = self._ws
        if ws is None:
            return False
        try:
            await ws.send(msgspec.json.encode(frame).decode())
        except ConnectionClosed:
            if self._ws is ws:
                self.up.clear()
            return False
        return True

    async def _run(self) -> None:
        end: ClientError = Closed(_ABNORMAL, "the client failed")
        try:
            end = await self._live()
        except ClientError as error:
            end = error
        except asyncio.CancelledError:
            end = Closed(_NORMAL, "left by this side")
            raise
        finally:
            self.up.clear()
            self._settle_ready(end)
            self._owner.on_over(end)

    def _settle_ready(self, end: ClientError) -> None:
        if self.ready.done():
            return
        if isinstance(end, Closed) and end.code == _NORMAL:
            self.ready.set_result(None)  # an ended session with nothing missed
        else:
            self.ready.set_exception(end)
            self.ready.exception()  # seen here: nobody has to wait for it

    async def _live(self) -> ClientError:
        """Sockets, one after the other; returns, or raises, what ended it for good."""
        while True:
            ws = await self._open()
            code, reason = await self._read(ws)
            rule = close_rule(code)
            if rule.then == "stop" or not self.ready.done():
                return Closed(code, reason or rule.meaning)
            self._lost_at = self._lost_at or time.monotonic()
            self._owner.on_notice(Notice("lost", code=code))
            if rule.then == "refresh":
                if self._key.api is None:
                    return Closed(code, reason or rule.meaning)
                self._expired = True

    async def _open(self) -> ClientConnection:
        """A socket, however many attempts it takes. Before the first success nothing is tried again but a
        token that has expired."""
        renewed = False
        while True:
            if self._lost_at is not None:
                await self._pause()
            try:
                if self._expired:
                    await self._key.renew(self._token)
                    self._expired = False
                self._token = await self._key.get()
                return await dial(self._address.url(self._track), self._token, self._address.tls)
            except ConnectionRefused as refused:
                expired = refused.status == 401 and refused.code == "token_invalid"
                if expired and not renewed and await self._key.renew(self._token):
                    renewed = True
                elif self._lost_at is None or refused.status < 500:
                    raise
            except Unreachable:
                if self._lost_at is None:
                    raise
            except ApiError as error:
                if self._lost_at is None or error.status < 500:
                    raise

    async def _pause(self) -> None:
        """Wait before an attempt. Raises Unreachable when the time for coming back is over."""
        gone = time.monotonic() - (self._lost_at or 0.0)
        if gone > self._reconnect_for:
            raise Unreachable(self._address.base_url, f"gone for {gone:.0f} s")
        seconds = self._backoff.next(self._drain_hint)
        self._drain_hint = 0.0
        self._owner.on_notice(Notice("waiting", seconds=seconds, attempt=self._backoff.attempt))
        await asyncio.sleep(seconds)

    async def _read(self, ws: ClientConnection) -> tuple[int, str]:
        """Hand on every frame until the socket is closed; how it was closed."""
        self._ws = ws
        self._track.attaching()
        try:
            first = await asyncio.wait_for(ws.recv(), READY_TIMEOUT)
            await self._take(first)
            async for message in ws:
                await self._take(message)
        except ConnectionClosed:
            pass
        except TimeoutError as error:
            if not self.ready.done():
                raise DeadlinePassed("first frame", READY_TIMEOUT) from error
            return _ABNORMAL, "no first frame"
        finally:
            self._ws = None
            self.up.clear()
            await ws.close()
        return ws.close_code or _ABNORMAL, ws.close_reason or ""

    async def _take(self, message: str | bytes) -> None:
        try:
            event = msgspec.json.decode(message, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ClientError(f"the server sent a frame that is no JSON object: {error}") from error
        kind = event.get("type")
        if kind == "server.draining":
            self._drain_hint = float(event.get("reconnect_in_ms") or 0) / 1000
            self._owner.on_notice(Notice("draining", seconds=self._drain_hint))
        elif kind == "session.token_expiring" and self._key.api is not None:
            self._renewal = asyncio.create_task(self._renew(), name="socialgym-client-token")
        self._owner.on_frame(event)
        if not self.up.is_set() and self._track.attached:
            await self._came_up()

    async def _came_up(self) -> None:
        """Every missed event is here. What was not acknowledged is sent again before anything new."""
        back = self._lost_at is not None
        self._lost_at = None
        self._backoff.reset()
        self._track.replay_ended()
        if not self.ready.done():
            self.ready.set_result(None)
        if back:
            self._owner.on_notice(Notice("back"))
        await self._owner.on_up(back)
        self.up.set()

    async def _renew(self) -> None:
        """Answer ``session.token_expiring``. A failure here is met again, and dealt with, at close 4001."""
        with contextlib.suppress(ApiError, Unreachable):
            await self._key.renew(self._token)
            self._token = await self._key.get()
            await self.send({"type": "session.refresh_token", "token": self._token})
