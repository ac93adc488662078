"""No HTTP request waits for ever: one that is not answered in time, as when the database stands still, is a 503.

Nothing is cancelled by it. The work goes on, and may yet be done: that is why a client repeats a write with the same
id, and finds it stored once.
"""

import asyncio
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send

from realtime.errors import AppError
from realtime.limits import Limits
from server.problems import MEDIA_TYPE, problem_body, problem_headers

RETRY_MS = 2_000


class Deadline:
    """ASGI round the application: ``limits.answer_seconds`` for an answer to begin, and at most
    ``limits.requests_waiting`` requests that wait for theirs, those included that were given up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.limits = Limits()  # the server's, once it has started
        self._waiting = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(send)
        if self._waiting >= self.limits.requests_waiting:
            await request.refuse()
            return
        timer = asyncio.get_running_loop().call_later(self.limits.answer_seconds, request.give_up)
        self._waiting += 1
        try:
            await self._app(scope, receive, request.send)
        finally:
            self._waiting -= 1
            timer.cancel()


class _Request:
    """The answer of one request: the application's if it begins in time, else ours and never the application's."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self._refusal: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        if self._refusal is None:
            self._begun = True
            await self._send(message)

    def give_up(self) -> None:
        if not self._begun:
            self._refusal = asyncio.get_running_loop().create_task(self.refuse(), name="give up")

    async def refuse(self) -> None:
        error = AppError("draining", "There was no time to answer; ask again.", retry_after_ms=RETRY_MS)
        status, body = problem_body(error)
        headers = {"Content-Type": MEDIA_TYPE, "Connection": "close", **problem_headers(error)}
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        encoded.append((b"content-length", b"%d" % len(body)))
        start: Any = {"type": "http.response.start", "status": status, "headers": encoded}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
