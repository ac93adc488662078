"""The WebSocket endpoint: the door (who may come in, to what), then one loop that reads frames.

Raw ASGI messages are used below Litestar's route, because a refusal needs an HTTP answer before the accept, and no
object of a framework should live as long as a socket does.
"""

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

SUBPROTOCOL = "realtime"


class SocketTransport:
    """An accepted ASGI socket as ``Connection`` writes to it."""

    def __init__(self, send: Any) -> None:
        self._send = send

    async def send(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


@websocket("/v1/realtime")
async def realtime(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The endpoint with every event."""
    await _serve(socket, services, openai_only=False)


@websocket("/v1/openai/realtime")
async def openai_realtime(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The same for clients that fail on event types they don't know: only the package's types are sent."""
    await _serve(socket, services, openai_only=True)


async def _serve(socket: WebSocket[Any, Any, Any], services: Services, *, openai_only: bool) -> None:
    await socket.receive()  # websocket.connect
    offered = list(socket.scope["subprotocols"])
    engine = services.engine
    try:
        admission, joining = await engine.tasks.run(_enter(socket, services, offered), "enter")
    except AppError as error:
        await _refuse(socket, error, upgraded=SUBPROTOCOL in offered)
        return
    except Exception:  # logged by the owner of the task
        await _refuse(socket, AppError("internal_error"), upgraded=SUBPROTOCOL in offered)
        return
    await socket.send(
        {
            "type": "websocket.accept",
            "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None,
            "headers": [],
        }
    )
    connection = Connection(
        SocketTransport(socket.send), engine.tasks, services.limits, admission.user.id, openai_only=openai_only
    )
    admission.mark(connection)
    try:
        live = await _join(services, connection, joining)
        if live is not None:
            await _read(socket, services, connection, live)
        else:
            await _until_gone(socket)
    finally:
        # In a task of the process: this one may be cancelled at any await.
        engine.tasks.spawn(engine.joiner.leave(connection), "leave")


async def _join(services: Services, connection: Connection, joining: Joining) -> LiveSession | None:
    """``Engine.join``; what fails there is told to the socket, which is open already, and closes it."""
    try:
        return await services.engine.tasks.run(services.engine.joiner.join(connection, joining), "join")
    except Exception as error:  # an unexpected one was logged by the owner of the task
        failure = error if isinstance(error, AppError) else AppError("internal_error")
        push_error(connection, failure)
        connection.close(close_for_status(failure.entry.status), failure.code)
        return None


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
    services.engine.joiner.require_place(admission.user.id)
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


async def _refuse(socket: WebSocket[Any, Any, Any], error: AppError, *, upgraded: bool) -> None:
    """The HTTP status with a problem; for clients that can't see it (they offered the subprotocol): an upgrade, one
    ``error`` frame and a close code."""
    if not upgraded:
        status, body = problem_body(error)
        headers = {"content-type": MEDIA_TYPE, **problem_headers(error)}
        start: Any = {
            "type": "websocket.http.response.start",
            "status": status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await socket.send(start)
        await socket.send({"type": "websocket.http.response.body", "body": body, "more_body": False})
        return
    transport = SocketTransport(socket.send)
    await socket.send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL, "headers": []})
    await transport.send(error_frame(error))
    await transport.close(close_for_status(CODES[error.code].status), error.code)


async def _until_gone(socket: WebSocket[Any, Any, Any]) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _read(
    socket: WebSocket[Any, Any, Any], services: Services, connection: Connection, live: LiveSession
) -> None:
    """Read frames until the peer goes. A frame is read when the one before was carried out: a slow database stops
    the reading, and TCP does the rest."""
    engine, limits, commands = services.engine, services.limits, services.commands
    bucket = Bucket(limits.frames_per_second, limits.frames_burst) if limits.enforced else None
    bad = BadFrames(limits.bad_frames_per_minute)
    while True:
        message: dict[str, Any] = await socket.receive()  # type: ignore[assignment]
        if message["type"] == "websocket.disconnect":
            return
        if connection.closed:
            continue
        try:
            if bucket is not None and (wait := bucket.take()) > 0:
                raise AppError(
                    "rate_limited",
                    retry_after_ms=int(wait * 1000) + 1,
                    event_id=client.event_id_of(message.get("text")),
                )
            event = _decode(message, limits.frame)
        except AppError as error:
            push_error(connection, error)
            if error.entry.bad_frame and bad.count():
                connection.close(4508, "abuse")
            continue
        await engine.tasks.run(commands.handle(connection, live, event), "command")


def _decode(message: dict[str, Any], limit: int) -> client.AnyClientEvent:
    text = message.get("text")
    if text is None:
        raise AppError("invalid_frame")
    if len(text) <= limit and (len(text) * 4 <= limit or len(text.encode()) <= limit):
        return client.decode(text)
    # Recorded sound alone may be longer. The name is looked for first: nothing else so long is worth parsing whole.
    event = client.decode(text) if '"input_audio_buffer.append"' in text else None
    if not isinstance(event, client.AudioAppend):
        raise AppError("frame_too_large", event_id=client.event_id_of(text))
    return event
