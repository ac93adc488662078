"""A client that says on the wire exactly what it is told to, right or wrong, and checks all that it hears."""

import asyncio
import base64
import os
import socket
import ssl
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PATIENCE = 10.0


class Frame(NamedTuple):
    opcode: int
    payload: bytes


class Answer(NamedTuple):
    """An HTTP answer: status, headers (names in lower case), body."""

    status: int
    headers: dict[str, str]
    body: bytes


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    width: int | None = None,
) -> bytes:
    """The bytes of a frame. ``rsv``: the three reserved bits; ``width``: bytes of the length field, if not the
    shortest (0, 2 or 8)."""
    size = len(payload)
    if width is None:
        width = 0 if size < 126 else 2 if size < 65_536 else 8
    bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    head += {
        0: lambda: bytes([bit | size]),
        2: lambda: struct.pack("!BH", bit | 126, size),
        8: lambda: struct.pack("!BQ", bit | 127, size),
    }[width]()
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[at & 3] for at, byte in enumerate(payload))


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def request(path: str, headers: Iterable[tuple[str, str]], *, method: str = "GET", version: str = "1.1") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{method} {path} HTTP/{version}\r\n{lines}\r\n".encode("latin-1")


def new_key() -> str:
    return base64.b64encode(os.urandom(16)).decode()


class Raw:
    """A TCP connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    async def dial(cls, port: int, tls: ssl.SSLContext | None = None) -> "Raw":
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls))

    async def __aenter__(self) -> "Raw":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)

    # --- saying ------------------------------------------------------------------------------------------------

    async def send(self, *parts: bytes, chop: int | None = None) -> None:
        """``chop``: in pieces of so many bytes, each a write of its own."""
        data = b"".join(parts)
        step = chop or len(data) or 1
        for at in range(0, len(data), step):
            self.writer.write(data[at : at + step])
            await asyncio.sleep(0)
        await self.writer.drain()

    async def ask(self, event_id: str, **fields: Any) -> None:
        """An event that is answered by one ``error`` which names ``event_id``."""
        await self.send(frame(TEXT, question(event_id, **fields)))

    # --- hearing -----------------------------------------------------------------------------------------------

    async def answer(self) -> Answer:
        """An HTTP answer. Its body is read to the length that it says."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head[:-4].split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, body)

    async def frame(self) -> Frame:
        """The next frame but a ping of the server's; it must be whole, unmasked, and as short as can be."""
        async with asyncio.timeout(PATIENCE):
            while True:
                head, second = await self.reader.readexactly(2)
                assert head & 0xF0 == 0x80, "whole, and no reserved bit"
                assert second < 0x80, "a server masks nothing"
                size = second
                if second == 126:
                    (size,) = struct.unpack("!H", await self.reader.readexactly(2))
                    assert size > 125
                elif second == 127:
                    (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
                    assert size > 65_535
                found = Frame(head & 0x0F, await self.reader.readexactly(size))
                if found.opcode != PING:
                    return found

    async def event(self) -> dict[str, Any]:
        """The next frame, which is an event."""
        opcode, payload = await self.frame()
        assert opcode == TEXT, (opcode, payload)
        decoded: dict[str, Any] = msgspec.json.decode(payload)
        return decoded

    async def error(self) -> dict[str, Any]:
        """The next frame, which is an ``error``."""
        event = await self.event()
        assert event["type"] == "error", event
        error: dict[str, Any] = event["error"]
        return error

    async def answered(self, event_id: str) -> None:
        """The next frame answers ``ask(event_id)``."""
        assert (await self.error())["event_id"] == event_id

    async def alive(self) -> None:
        await self.ask("still there?")
        await self.answered("still there?")

    async def close_code(self) -> int | None:
        """The next frame is a close, and after it the connection ends in order, with not a byte more."""
        opcode, payload = await self.frame()
        assert opcode == CLOSE, (opcode, payload)
        assert len(payload) != 1
        payload[2:].decode()
        await self.ended()
        return int.from_bytes(payload[:2]) if payload else None

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE):
            assert await self.reader.read() == b""


def question(event_id: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"type": "response.cancel", "event_id": event_id, **fields})


def sized(size: int, event_id: str = "sized") -> bytes:
    """A question of exactly ``size`` bytes."""
    bare = question(event_id, padding="")
    assert size >= len(bare)
    return question(event_id, padding="x" * (size - len(bare)))
