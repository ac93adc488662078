"""The HTTP side of a connection: a deadline for each request, bounds on its head, a place for it, then the upgrade.

uvicorn's own protocol waits for ever for a request that never becomes whole, and keeps any head it is sent.
"""

import asyncio
import sys
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from realtime.errors import AppError
from server.problems import MEDIA_TYPE, problem_body, problem_headers
from server.ws.front import Front
from server.ws.handshake import Handshake, Headers, Refusal, checked_key, response
from server.ws.protocol import LINGER_SECONDS, SocketProtocol

LONGEST_HEAD = 32 * 1024  # bytes of a request's line and headers; a browser's cookies stay below 8 KiB
RETRY_MS = 5_000  # for who finds no place
OVERFLOW = 1.1  # of the places: up to here a connection is told that there is none, past it it is dropped unheard
TEXT: Headers = [(b"content-type", b"text/plain; charset=utf-8")]


class HeadTooLarge(Exception):
    """Raised in the parser's callbacks, to stop it."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, on the connections of ``front``. A request's head, and then its body, is whole within
    ``limits.request_seconds``, or the connection is closed."""

    def __init__(self, front: Front) -> None:
        super().__init__(config=front.config, server_state=front.state, app_state=front.app_state, _loop=front.loop)
        self._front = front
        self._deadline: asyncio.TimerHandle | None = None
        self._full = False  # there is no place for this connection
        self._head = 0  # bytes of the head that were parsed
        self._unparsed: int | None = None  # bytes that came while a head was not whole; None: none is under way
        self._too_large = False
        self._chunk = b""
        self._deaf = False  # what still comes is thrown away

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self._front.most * OVERFLOW:
            self.transport = transport  # what connection_lost closes
            transport.abort()
            return
        super().connection_made(transport)
        self._full = self._front.full
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_no_more()
        super().connection_lost(exc)

    # --- deadlines and bounds ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect()  # also for line breaks, which begin no request
        self._chunk = data
        super().data_received(data)
        self._chunk = b""
        if self._unparsed is not None and not self._deaf:
            self._unparsed += len(data)
            if self._unparsed > LONGEST_HEAD:
                self._too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head, self._unparsed = 0, 0
        if self._deadline is None:
            self._expect()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._unparsed = None
        self._expect()
        if self._full and not (self.parser.should_upgrade() and self._should_upgrade()):
            self._hang_up(no_place(self.server_state.default_headers))
        else:
            super().on_headers_complete()  # of an upgrade, it only notes the method

    def on_body(self, body: bytes) -> None:
        if not self._full:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._deaf:
            self._expect_no_more()
        if not self._full:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if self._too_large else HTTPStatus.BAD_REQUEST
        self._hang_up(_plain(self.server_state.default_headers, Refusal(status, status.phrase)))

    def _hang_up(self, answer: bytes) -> None:
        """Say why, and close; not at once, for a close with bytes unread is a reset that takes the answer with it."""
        self._deaf = True
        self._expect_no_more()
        self.transport.write(answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > LONGEST_HEAD:
            self._too_large = True
            raise HeadTooLarge

    def _expect(self) -> None:
        self._expect_no_more()
        self._deadline = self.loop.call_later(self._front.limits.request_seconds, self.transport.abort)

    def _expect_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- the upgrade -------------------------------------------------------------------------------------------

    def handle_websocket_upgrade(self) -> None:
        self._expect_no_more()
        self.connections.discard(self)
        protocol = SocketProtocol(self._front, self.transport)
        self.transport.set_protocol(protocol)
        headers = self.server_state.default_headers
        try:
            key = checked_key(self.scope["method"], self.scope["http_version"], self.headers)
            if self._full:
                protocol.refuse(no_place(headers))
            else:
                Handshake(self._front, protocol, self._websocket_scope(), key).start()
        except Refusal as refusal:
            protocol.refuse(_plain(headers, refusal))
        self._hand_on(protocol)

    def _hand_on(self, protocol: SocketProtocol) -> None:
        """Frames that came with the request, which is early, are not lost; and nothing here outlives the upgrade
        (the parser and this object hold each other)."""
        upgrade = sys.exc_info()[1]  # it says where in the chunk the request ended
        if isinstance(upgrade, httptools.HttpParserUpgrade) and upgrade.args[0] < len(self._chunk):
            protocol.data_received(self._chunk[upgrade.args[0] :])
        self.parser = self.scope = self.headers = None  # type: ignore[assignment]

    def _websocket_scope(self) -> dict[str, Any]:
        parts = httptools.parse_url(self.url)
        path = parts.path.decode("ascii")
        offered = [value.decode("latin-1") for name, value in self.headers if name == b"sec-websocket-protocol"]
        return {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if self.scheme == "https" else "ws",
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(path),
            "raw_path": self.root_path.encode("ascii") + parts.path,
            "query_string": parts.query or b"",
            "headers": self.headers,
            "subprotocols": [name.strip() for value in offered for name in value.split(",")],
            "state": self.app_state.copy(),
        }


def no_place(defaults: Headers) -> bytes:
    """The answer of a process that holds as many connections as it may."""
    error = AppError("draining", "There is no place for another connection.", retry_after_ms=RETRY_MS)
    status, body = problem_body(error)
    named = {"Content-Type": MEDIA_TYPE, **problem_headers(error)}
    headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    return response(status, [*defaults, *headers, *_end_of(body)], body)


def _plain(defaults: Headers, refusal: Refusal) -> bytes:
    body = refusal.detail.encode()
    return response(refusal.status, [*defaults, *refusal.headers, *TEXT, *_end_of(body)], body)


def _end_of(body: bytes) -> Headers:
    return [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
