"""The fleet's ways to the servers: sockets that can be torn, and requests that may be lost."""

import json
import os
import random
import socket
import struct
from pathlib import Path
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, WebSocketException

#: What a broken server, socket or database looks like from here. None of it is an answer; the client tries again.
LOST = (OSError, TimeoutError, httpx.HTTPError, WebSocketException, InvalidHandshake, EOFError)
REQUEST_SECONDS = 10.0


class Transport(httpx.AsyncHTTPTransport):
    """httpx's, for servers that die at any moment: a connection that is lost between its making and its first use is
    an ``AttributeError`` there (anyio asks a socket for its peer that uvloop has put away)."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            if error.name != "getpeername":
                raise
            raise httpx.ConnectError("lost as soon as it was made") from error


class Nodes:
    """The servers that may be asked, as the harness last wrote them down; read anew when the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0
        self._urls: list[str] = []

    def write(self, urls: list[str]) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(urls))
        draft.replace(self._path)

    def any(self, dice: random.Random) -> str:
        changed = os.stat(self._path).st_mtime_ns
        if changed != self._seen:
            self._urls, self._seen = json.loads(self._path.read_text()), changed
        return dice.choice(self._urls)


async def dial(
    url: str, credential: str, *, model: str | None = None, session_id: str | None = None, last_seq: int | None = None
) -> ClientConnection:
    """An open socket. Raises one of ``LOST``."""
    query = {"model": model, "session_id": session_id, "last_seq": last_seq}
    said = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
    return await websockets.connect(
        f"ws{url[4:]}/v1/realtime?{said}",
        additional_headers={"Authorization": f"Bearer {credential}"},
        compression=None,
        max_size=None,
        open_timeout=REQUEST_SECONDS,
        close_timeout=1,
        ping_interval=None,
        proxy=None,
    )


def tear(wire: ClientConnection, *, reset: bool) -> None:
    """Drop the socket without a good-bye; ``reset``: with a TCP reset, whatever is still on its way."""
    transport = wire.transport
    if reset:
        raw: Any = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def item_frame(item_id: str, text: str) -> str:
    """``conversation.item.create``; an error that it causes names the item."""
    item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return json.dumps({"type": "conversation.item.create", "event_id": item_id, "item": item})
