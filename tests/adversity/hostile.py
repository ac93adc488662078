"""Peers that break the protocol, the limits, or the patience of a server. None of them reads more than it must."""

import asyncio
import os
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.adversity.torn import Owner, handshake, masked
from tests.adversity.wires import item_frame

OPEN_SECONDS = 5.0
LINGER_SECONDS = 0.3
FLOOD = 400  # frames: twenty seconds' worth of what is allowed


class Peer:
    """A raw connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dice: random.Random) -> None:
        self.reader = reader
        self.writer = writer
        self.dice = dice
        self.close_code: int | None = None

    @classmethod
    async def dial(cls, port: int, dice: random.Random, *, buffer: int | None = None) -> "Peer":
        """``buffer``: bytes of the receive buffer; a small one stops the server's writing soon."""
        raw = socket.socket()
        if buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=buffer or 1 << 16)
        return cls(reader, writer, dice)

    @classmethod
    async def on_session(cls, port: int, owner: Owner, dice: random.Random, *, buffer: int | None = None) -> "Peer":
        """Upgraded, on the owner's session."""
        made = await cls.dial(port, dice, buffer=buffer)
        made.writer.write(handshake(port, owner, dice, f"session_id={owner.session_id}"))
        async with asyncio.timeout(OPEN_SECONDS):
            head = await made.reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        return made

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def frame(self, payload: bytes, opcode: int = 1) -> None:
        await self.send(masked(payload, self.dice, opcode))

    async def closed(self, seconds: float) -> bool:
        """Read until the server closes; False when it did not in time. ``close_code`` is known then, if it came."""
        last = b""
        try:
            async with asyncio.timeout(seconds):
                while piece := await self.reader.read(1 << 16):
                    last = (last + piece)[-200:]
                    if (at := last.rfind(b"\x88")) >= 0 and len(last) >= at + 4 and last[at + 1] < 126:
                        self.close_code = int.from_bytes(last[at + 2 : at + 4])
                return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def drop(self) -> None:
        self.writer.transport.abort()


Attack = Callable[[Peer, Owner], Awaitable[None]]


async def noise(peer: Peer, owner: Owner) -> None:
    """Bytes that are no frame at all."""
    await peer.send(os.urandom(peer.dice.randint(1, 5_000)))


async def unmasked(peer: Peer, owner: Owner) -> None:
    await peer.send(b"\x81\x05hello")


async def endless(peer: Peer, owner: Owner) -> None:
    """A frame that says it has 2^62 bytes."""
    await peer.send(struct.pack("!BBQ", 0x81, 0xFF, 1 << 62) + peer.dice.randbytes(4) + b"x" * 1_000)


async def oversize(peer: Peer, owner: Owner) -> None:
    """Over the hard limit in one frame."""
    await peer.frame(b'"' + b"x" * 300_000 + b'"')


async def fragments(peer: Peer, owner: Owner) -> None:
    """A message that never ends."""
    first = bytearray(masked(b"z" * 60_000, peer.dice))
    first[0] = 0x01
    await peer.send(bytes(first))
    for _ in range(20):
        piece = bytearray(masked(b"z" * 60_000, peer.dice))
        piece[0] = 0x00
        await peer.send(bytes(piece))


async def large(peer: Peer, owner: Owner) -> None:
    """Over the soft limit: an error, and the socket stays."""
    for _ in range(5):
        await peer.frame(item_frame("large", "x" * 100_000).encode())


async def bad_text(peer: Peer, owner: Owner) -> None:
    await peer.frame(b'{"type": "\xff\xfe"}')


async def not_json(peer: Peer, owner: Owner) -> None:
    for _ in range(30):
        await peer.frame(b"{{{{")


async def deep(peer: Peer, owner: Owner) -> None:
    """Nested deeper than any parser goes."""
    await peer.frame(b"[" * 60_000)


async def binary(peer: Peer, owner: Owner) -> None:
    for _ in range(20):
        await peer.frame(peer.dice.randbytes(200), opcode=2)


async def pings(peer: Peer, owner: Owner) -> None:
    for _ in range(FLOOD):
        await peer.frame(b"ping", opcode=9)


async def flood(peer: Peer, owner: Owner) -> None:
    """Turns as fast as the socket takes them."""
    for _ in range(FLOOD):
        item_id = f"f{peer.dice.getrandbits(48):012x}"
        await peer.frame(item_frame(item_id, f"{owner.canary} says {item_id}").encode())


async def questions(peer: Peer, owner: Owner) -> None:
    """Asks for what does not exist, and never reads the answers."""
    for number in range(FLOOD):
        await peer.frame(b'{"type": "conversation.item.retrieve", "item_id": "no-%d"}' % number)


ATTACKS: tuple[Attack, ...] = (
    *(noise, unmasked, endless, oversize, fragments, large, bad_text),
    *(not_json, deep, binary, pings, flood, questions),
)


async def attack(port: int, owner: Owner, dice: random.Random, how: Attack) -> None:
    """One attack on one socket; what the server does about it is its own affair, as long as it serves the others."""
    peer = await Peer.on_session(port, owner, dice)
    try:
        with suppress(OSError):
            await how(peer, owner)
            await peer.closed(LINGER_SECONDS)
    finally:
        peer.drop()


async def silence(port: int, dice: random.Random, count: int, seconds: float) -> None:
    """Connections that say nothing, or half a handshake, and wait."""
    peers = [await Peer.dial(port, dice) for _ in range(count)]
    try:
        for peer in peers[::2]:
            peer.writer.write(b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgr")
        await asyncio.sleep(seconds)
    finally:
        for peer in peers:
            peer.drop()
