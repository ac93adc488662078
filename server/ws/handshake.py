"""The opening handshake (RFC 6455 4.2) between uvicorn's HTTP and the application.

The application is asked over ASGI, so that routing is where it is for every request. An endpoint of ours answers by
the ``Handshake`` it finds in the scope (``handshake_of``) and is done: no task, scope or header stays.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from websockets.utils import accept_key

from server.ws.front import Front
from server.ws.protocol import SocketProtocol, Visitor

EXTENSION = "socialgym.handshake"
VERSION = b"13"
Headers = list[tuple[bytes, bytes]]

log = structlog.get_logger("socialgym.socket")


class Refusal(Exception):
    """The request is no handshake as RFC 6455 wants it."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Headers | None = None) -> None:
        self.status = status
        self.detail = detail
        self.headers = headers or []
        super().__init__(detail)


def handshake_of(scope: Mapping[str, Any]) -> "Handshake":
    """The handshake that this scope is for."""
    found: Handshake = scope["extensions"][EXTENSION]
    return found


def checked_key(method: str, http_version: str, headers: Headers) -> bytes:
    """The client's key. Raises ``Refusal``: 405, 505, 400, or 426 with the version that is spoken here."""
    if method != "GET":
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "A WebSocket begins with GET.", [(b"allow", b"GET")])
    if http_version != "1.1":
        raise Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "A WebSocket begins with HTTP/1.1.")
    versions = [value for name, value in headers if name == b"sec-websocket-version"]
    if versions != [VERSION]:
        raise Refusal(
            HTTPStatus.UPGRADE_REQUIRED,
            "Only version 13 of the WebSocket protocol is spoken.",
            [(b"sec-websocket-version", VERSION), (b"upgrade", b"websocket")],
        )
    keys = [value for name, value in headers if name == b"sec-websocket-key"]
    try:
        if len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16:
            return keys[0]
    except binascii.Error:
        pass
    raise Refusal(HTTPStatus.BAD_REQUEST, "Sec-WebSocket-Key is not one key of 16 bytes in base64.")


class Handshake:
    """One upgrade that waits for its answer: ``accept`` or ``refuse``, once."""

    def __init__(self, front: Front, protocol: SocketProtocol, scope: dict[str, Any], key: bytes) -> None:
        self._front = front
        self._protocol = protocol
        self._key = key
        self._scope = scope
        self._answered = False
        self._status = 500
        self._headers: Headers = []
        self._body = b""
        self._lost = asyncio.Event()
        self._connected = False
        protocol.on_lost = self._lost.set

    @property
    def protocol(self) -> SocketProtocol:
        """What an accepted socket is sent by."""
        return self._protocol

    def accept(
        self, visitor: Visitor, *, subprotocol: str | None = None, until: "asyncio.Future[None] | None" = None
    ) -> None:
        """Open the socket for ``visitor`` (see ``SocketProtocol.open``)."""
        headers = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", accept_key(self._key.decode("ascii")).encode("ascii")),
        ]
        if subprotocol is not None:
            headers.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
        self._answered = True
        self._protocol.open(response(101, [*self._front.state.default_headers, *headers]), visitor, until)

    def refuse(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with HTTP, and hang up."""
        self._answered = True
        headers = [*headers, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        self._protocol.refuse(response(status, [*self._front.state.default_headers, *headers], body))

    # --- the application's side --------------------------------------------------------------------------------

    def start(self) -> None:
        """Ask the application, in a task that uvicorn waits for."""
        self._scope["extensions"] = {"websocket.http.response": {}, EXTENSION: self}
        task = self._front.loop.create_task(self._run())
        self._front.state.tasks.add(task)
        task.add_done_callback(self._front.state.tasks.discard)

    async def _run(self) -> None:
        try:
            await self._front.config.loaded_app(self._scope, self._receive, self._send)
        except Exception as error:
            log.error("the application failed at a handshake", path=self._scope["path"], exc_info=error)
        if not self._answered:
            self.refuse(500, [(b"content-type", b"text/plain")], b"Internal Server Error")

    async def _receive(self) -> dict[str, Any]:
        """ASGI's side of a handshake: no frame ever comes here."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        await self._lost.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def _send(self, message: dict[str, Any]) -> None:
        """ASGI's refusals, for paths that are none of ours."""
        kind = message["type"]
        if self._answered:
            raise RuntimeError(f"the handshake was answered before {kind!r}")
        if kind == "websocket.close":
            self.refuse(403, [], b"")
        elif kind == "websocket.http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
        elif kind == "websocket.http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self.refuse(self._status, self._headers, self._body)
        else:
            raise RuntimeError(f"sockets are opened by Handshake.accept, not by {kind!r}")


def response(status: int, headers: Headers, body: bytes = b"") -> bytes:
    """An HTTP/1.1 response."""
    lines = [b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())]
    lines += [b"%s: %s\r\n" % (name, value) for name, value in headers]
    return b"".join((*lines, b"\r\n", body))
