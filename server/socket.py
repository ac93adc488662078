"""The WebSocket endpoint: the door (who may come in, to what), then a visitor that takes its frames as they come.

The route's handler ends when the door has answered. No task, and no object of a framework, lives as long as a socket.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.di import NamedDependency

from realtime.commands import error_frame, push_error
from realtime.delivery import Connection
from realtime.errors import CODES, AppError, close_for_status
from realtime.joining import Joining
from realtime.live import LiveSession
from realtime.protocol import client
from realtime.throttle import BadFrames, Bucket
from server.auth.door import Admission, admit, check_origin
from server.problems import MEDIA_TYPE, problem_body, problem_headers
from server.services import Services
from server.ws.handshake import Handshake, handshake_of

SUBPROTOCOL = "realtime"
READ_UNIT = 16 * 1024  # bytes; a frame counts once more as a read for each so many


@websocket("/v1/realtime")
async def realtime(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The endpoint with every event."""
    await _serve(socket, services, openai_only=False)


@websocket("/v1/openai/realtime")
async def openai_realtime(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The same for clients that fail on event types they don't know: only the package's types are sent."""
    await _serve(socket, services, openai_only=True)


async def _serve(socket: WebSocket[Any, Any, Any], services: Services, *, openai_only: bool) -> None:
    handshake = handshake_of(socket.scope)
    offered = list(socket.scope["subprotocols"])
    upgraded = SUBPROTOCOL in offered
    try:
        admission, joining = await services.engine.tasks.run(_enter(socket, services, offered), "enter")
    except Exception as error:  # an unexpected one was logged by the owner of the task
        _refuse(handshake, error if isinstance(error, AppError) else AppError("internal_error"), upgraded=upgraded)
        return
    connection = Connection(handshake.protocol, services.limits, admission.user.id, openai_only=openai_only)
    admission.mark(connection)
    visitor = Admitted(services, connection)
    joined = services.engine.tasks.spawn(visitor.join(joining), "join")
    handshake.accept(visitor, subprotocol=SUBPROTOCOL if upgraded else None, until=joined)


class Admitted:
    """The ``Visitor`` of a socket that came in. Commands run in tasks of the process: a socket that goes away cuts
    nothing off. The limits of rate are made with the first frame: most sockets are silent most of the time."""

    __slots__ = ("_bad", "_bucket", "_flood", "connection", "live", "services")

    def __init__(self, services: Services, connection: Connection) -> None:
        self.services = services
        self.connection = connection
        self.live: LiveSession | None = None
        self._bucket: Bucket | None = None
        self._flood: Bucket | None = None
        self._bad: BadFrames | None = None

    async def join(self, joining: Joining) -> None:
        """``Joiner.join``; what fails there is told to the socket, which is open already, and closes it."""
        try:
            self.live = await self.services.engine.joiner.join(self.connection, joining)
        except Exception as error:
            failure = error if isinstance(error, AppError) else AppError("internal_error")
            push_error(self.connection, failure)
            self.connection.close(close_for_status(failure.entry.status), failure.code)
            if failure is not error:
                raise  # logged by the owner of the task

    def frame(self, size: int) -> float:
        limits = self.services.limits
        if not limits.enforced:
            return 0.0
        if self._flood is None:
            self._flood = Bucket(limits.reads_per_second, limits.reads_burst)
        return self._flood.charge(1 + size // READ_UNIT)

    def message(self, text: str | None) -> "asyncio.Future[None] | None":
        """Carry a frame out; the future is done when it was. What can't be carried out is answered at once."""
        connection, live, services = self.connection, self.live, self.services
        if live is None or connection.closed:
            return None
        try:
            self._pay(text)
            event = _decode(text, services.limits.frame)
        except AppError as error:
            push_error(connection, error)
            if error.entry.bad_frame and self._count_bad():
                connection.close(4508, "abuse")
            return None
        return services.engine.tasks.spawn(services.commands.handle(connection, live, event), "command")

    def writable(self) -> None:
        self.connection.flush()

    def gone(self) -> None:
        self.connection.abandon()
        self.services.engine.tasks.spawn(self.services.engine.joiner.leave(self.connection), "leave")

    def _pay(self, text: str | None) -> None:
        """Raises ``rate_limited``."""
        limits = self.services.limits
        if not limits.enforced:
            return
        if self._bucket is None:
            self._bucket = Bucket(limits.frames_per_second, limits.frames_burst)
        if (wait := self._bucket.take()) > 0:
            raise AppError("rate_limited", retry_after_ms=int(wait * 1000) + 1, event_id=client.event_id_of(text))

    def _count_bad(self) -> bool:
        if self._bad is None:
            self._bad = BadFrames(self.services.limits.bad_frames_per_minute)
        return self._bad.count()


class Refused:
    """The ``Visitor`` of a socket that was opened to be told why it may not be."""

    __slots__ = ()

    def frame(self, size: int) -> float:
        return 0.0

    def message(self, text: str | None) -> None:
        return None

    def writable(self) -> None:
        pass

    def gone(self) -> None:
        pass


async def _enter(
    socket: WebSocket[Any, Any, Any], services: Services, offered: list[str]
) -> tuple[Admission, Joining]:
    """Everything that can be refused is, before the socket opens."""
    if services.engine.draining:
        raise AppError("draining", retry_after_ms=1_000)
    check_origin(socket.scope, services.allowed_origins)
    query = parse_qs(socket.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    admission = await admit(services, socket.headers.get("authorization"), offered)
    last_seq = _number(query, "last_seq")
    await services.engine.joiner.require_place(admission.user.id)
    session_id, created = await _session_of(services, admission, query)
    joining = await services.engine.joiner.prepare(admission.user.id, session_id, last_seq, created=created)
    return admission, joining


async def _session_of(services: Services, admission: Admission, query: dict[str, list[str]]) -> tuple[UUID, bool]:
    """The session this socket is for, begun now if need be: (id, whether it was begun here)."""
    engine, model = services.engine, query.get("model", [""])[0]
    secret = admission.secret
    if secret is not None:
        if await engine.exists(secret.user_id, secret.session_id):
            return secret.session_id, False
        if secret.expired:
            raise AppError("token_invalid", "The client secret expired before its first use.")
        target = model if secret.model is None else secret.model
        head = await engine.create(admission.learner, secret.session_id, _target(target), held=True)
        return head.id, True
    if "session_id" in query:
        try:
            return UUID(query["session_id"][0]), False
        except ValueError:
            raise AppError("not_found", "You have no session with this id.", param="session_id") from None
    head = await engine.create(admission.learner, engine.new_id(), _target(model), held=True)
    return head.id, True


def _target(model: str) -> str:
    if len(model) > 200 or "\x00" in model:
        raise AppError("not_found", "There is no such target.", param="model")
    return model


def _number(query: dict[str, list[str]], name: str) -> int | None:
    if name not in query:
        return None
    value = query[name][0]
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise AppError("invalid_event", f"{name} is a whole number, 0 or more.", param=name)
    return int(value)


def _refuse(handshake: Handshake, error: AppError, *, upgraded: bool) -> None:
    """The HTTP status with a problem; for clients that can't see it (they offered the subprotocol): an upgrade, one
    ``error`` frame and a close code."""
    if upgraded:
        handshake.accept(Refused(), subprotocol=SUBPROTOCOL)
        handshake.protocol.send(error_frame(error))
        handshake.protocol.close(close_for_status(CODES[error.code].status), error.code)
        return
    status, body = problem_body(error)
    headers = {"content-type": MEDIA_TYPE, **problem_headers(error)}
    handshake.refuse(status, [(name.lower().encode(), value.encode()) for name, value in headers.items()], body)


def _decode(text: str | None, limit: int) -> client.AnyClientEvent:
    if text is None:
        raise AppError("invalid_frame")
    if len(text) <= limit and (len(text) * 4 <= limit or len(text.encode()) <= limit):
        return client.decode(text)
    # Recorded sound alone may be longer. The name is looked for first: nothing else so long is worth parsing whole.
    event = client.decode(text) if '"input_audio_buffer.append"' in text else None
    if not isinstance(event, client.AudioAppend):
        raise AppError("frame_too_large", event_id=client.event_id_of(text))
    return event
