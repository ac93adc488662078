"""Connections that are cut at any point: a whole conversation as one run of bytes, of which a random part is sent.

The cut may fall into the handshake, a frame's header, a character, between two frames, or after all of them; it is a
TCP reset, a plain close, or a half-close. Whatever came back must hold no other learner's canary.
"""

import asyncio
import base64
import random
import socket
import struct
from typing import Any

import httpx
import msgspec

from tests.adversity.lines import FREE, line
from tests.adversity.talk import CANARY
from tests.adversity.wires import item_frame

OPERATIONS = (
    '{"type": "response.create"}',
    '{"type": "response.cancel"}',
    '{"type": "session.update", "session": {"type": "realtime", "socialgym": {"memoryMode": "read"}}}',
    '{"type": "memory.edit", "key": "name", "value": "Tal"}',
    '{"type": "input_audio_buffer.clear"}',
)
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 1.0
LONGEST_ANSWER = 12_000  # bytes: of the handshake and the events of a few turns


class Torn(msgspec.Struct):
    """What came of many cut connections. ``foreign``: what should not have come; ``said``: texts that may have
    been stored; ``received``: bytes."""

    cuts: int = 0
    received: int = 0
    foreign: list[str] = msgspec.field(default_factory=list)
    said: set[str] = msgspec.field(default_factory=set)


class Owner(msgspec.Struct, frozen=True):
    """A learner whose connections are cut, and one session of hers."""

    token: str
    session_id: str
    canary: str
    user_id: str


def masked(payload: bytes, dice: random.Random, opcode: int = 1) -> bytes:
    """A client's frame."""
    key = dice.randbytes(4)
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
    whole = (key * (length // 4 + 1))[:length]
    covered = int.from_bytes(payload) ^ int.from_bytes(whole)
    return head + key + covered.to_bytes(length)


def handshake(port: int, owner: Owner, dice: random.Random, query: str) -> bytes:
    """The upgrade request."""
    lines = (
        f"GET /v1/realtime?{query} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(dice.randbytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {owner.token}",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def destination(owner: Owner, dice: random.Random) -> str:
    """Some ask for the whole log, most for what is live, some begin a session."""
    if dice.random() < 0.05:
        return f"model={FREE}"
    return f"session_id={owner.session_id}" + ("&last_seq=0" if dice.random() < 0.2 else "")


def conversation(owner: Owner, dice: random.Random, torn: Torn) -> bytes:
    """Up to six frames: turns, and whatever else reaches the database."""
    frames = []
    for _ in range(dice.randint(1, 6)):
        if dice.random() < 0.7:
            item_id = f"c{dice.getrandbits(48):012x}"
            text = line(dice, owner.canary, item_id)
            torn.said.add(text)
            frames.append(item_frame(item_id, text))
        else:
            frames.append(dice.choice(OPERATIONS))
    return b"".join(masked(frame.encode(), dice) for frame in frames)


async def cut(port: int, owner: Owner, dice: random.Random, torn: Torn) -> bool:
    """One connection, cut somewhere; False when there was none."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    opening = handshake(port, owner, dice, destination(owner, dice))
    talk = conversation(owner, dice, torn)
    # A third is cut before the socket is open, the rest after it.
    if dice.random() < 0.33:
        whole = opening + talk
        sent, wait = whole[: dice.randrange(len(opening))], False
    else:
        sent, wait = opening + talk[: dice.randrange(len(talk) + 1)], dice.random() < 0.5
    received = bytearray()
    try:
        for piece in _pieces(sent, dice):
            writer.write(piece)
            await _listen(reader, received, dice.choice((0.0, 0.0, 0.002, 0.02)))
        if wait:  # so that the cut falls somewhere into what the server sends
            await _listen(reader, received, ANSWER_SECONDS, enough=dice.randrange(LONGEST_ANSWER))
        _cut(writer, dice.choice(("reset", "reset", "close", "half")))
        await _listen(reader, received, 0.01)
    except OSError:
        pass
    finally:
        writer.transport.abort()
    torn.cuts += 1
    torn.received += len(received)
    foreign = {found for found in CANARY.findall(bytes(received)) if found.lower() != owner.canary.encode()}
    if foreign:
        torn.foreign.append(f"{foreign} came to {owner.canary}")
    return True


def _pieces(sent: bytes, dice: random.Random) -> list[bytes]:
    places = sorted(dice.randrange(len(sent) + 1) for _ in range(dice.randint(0, 2)))
    return [sent[a:b] for a, b in zip([0, *places], [*places, len(sent)], strict=True)]


async def _listen(reader: asyncio.StreamReader, received: bytearray, seconds: float, enough: int = 1 << 30) -> None:
    """Take what comes within ``seconds``, until more than ``enough`` has come."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while len(received) <= enough:
        try:
            async with asyncio.timeout_at(deadline):
                piece = await reader.read(min(1 << 16, enough + 1))
        except TimeoutError:
            return
        if not piece:
            return
        received += piece


def _cut(writer: asyncio.StreamWriter, how: str) -> None:
    if how == "half":
        writer.write_eof()
    elif how == "reset":
        raw: Any = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def owners_of(url: str, dice: random.Random, count: int) -> list[Owner]:
    """Learners with a session each, made for connections that are cut or worse."""
    made = []
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        for _ in range(count):
            guest = (await http.post("/v1/auth/guest", json={})).raise_for_status().json()
            headers = {"Authorization": f"Bearer {guest['accessToken']}"}
            answer = await http.post("/v1/sessions", json={"model": FREE}, headers=headers)
            session_id = answer.raise_for_status().json()["id"]
            made.append(
                Owner(guest["accessToken"], session_id, f"zq{dice.getrandbits(48):012x}qz", guest["user"]["id"])
            )
    return made


async def cut_many(ports: list[int], owners: list[Owner], dice: random.Random, count: int, *, at_once: int) -> Torn:
    """``count`` cut connections, ``at_once`` of them side by side, over all servers and owners."""
    torn = Torn()
    left = count

    async def one_after_the_other() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            while not await cut(dice.choice(ports), dice.choice(owners), dice, torn):
                await asyncio.sleep(0.1)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return torn
