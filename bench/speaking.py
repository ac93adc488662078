"""Sessions that the measures need: talked to a length, ended, resumed. In the benchmark's own process."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, cast

import httpx
import msgspec

from bench.candidates import Running
from bench.frames import CLOSE, Handshake, client_frame, header
from bench.talker import Talker, Tally

PATIENCE = 30.0  # seconds for any one answer


class Speaker:
    """One socket that says its lines when it is told to."""

    def __init__(self, talker: Talker, tally: Tally) -> None:
        self.talker = talker
        self.tally = tally
        self._settled: asyncio.Future[None] | None = None

    @classmethod
    async def connect(cls, running: Running, at: int, token: str, path: str | None = None) -> "Speaker":
        """``at``: chooses the server, and where in the lines it begins."""
        server = running.servers[at % len(running.servers)]
        handshake = Handshake("127.0.0.1", server.port, path or running.path, token)
        tally = Tally()
        tally.opens = 0.0
        made: list[Speaker] = []
        talker = Talker(tally, handshake, f"speaker-{at}", at * 7, lambda _: made[0]._free())
        made.append(cls(talker, tally))
        await asyncio.get_running_loop().create_connection(lambda: talker, "127.0.0.1", server.port)
        async with asyncio.timeout(PATIENCE):
            await talker.ready
        return made[0]

    async def say(self) -> float:
        """Say the next line and wait for its score; seconds until its acknowledgement. Raises ``RuntimeError``
        when it was answered otherwise."""
        self._settled = asyncio.get_running_loop().create_future()
        self.talker.say()
        async with asyncio.timeout(PATIENCE):
            await self._settled
        if self.tally.errors:
            raise RuntimeError(f"a turn failed: {dict(self.tally.errors)}")
        return self.tally.acknowledgements[-1]

    def _free(self) -> None:
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)


class Session(msgspec.Struct, frozen=True):
    """A practice session that was talked to a length, and whose socket is closed."""

    id: str
    token: str
    turns: int


async def sessions(running: Running, number: int, turns: int, *, together: int = 16) -> list[Session]:
    """``number`` sessions of ``turns`` turns, each of a guest of its own, made through REST and talked on sockets."""
    tokens = await running.tokens(number)
    gate = asyncio.Semaphore(together)

    async def one(at: int) -> Session:
        async with gate:
            id_ = await _begin(running, tokens[at])
            speaker = await Speaker.connect(running, at, tokens[at], f"/v1/realtime?session_id={id_}")
            for _ in range(turns):
                await speaker.say()
            speaker.talker.leave()
            return Session(id_, tokens[at], turns)

    return await asyncio.gather(*(one(at) for at in range(number)))


async def _begin(running: Running, token: str) -> str:
    model = running.path.partition("model=")[2]
    async with httpx.AsyncClient(base_url=running.servers[0].url, timeout=PATIENCE) as http:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post("/v1/sessions", json={"model": model}, headers=headers)
    answer.raise_for_status()
    return str(answer.json()["id"])


class Listener(asyncio.Protocol):
    """A socket that comes back: it counts durable events until ``wanted`` of them came."""

    def __init__(self, handshake: Handshake, wanted: int) -> None:
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._handshake: Handshake | None = handshake
        self._wanted = wanted
        self._rest = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        assert self._handshake is not None
        self._transport.write(self._handshake.request)

    def data_received(self, data: bytes) -> None:
        data, at = self._rest + data, 0
        if self._handshake is not None:
            begin = self._handshake.answer(data)
            if begin is None:
                self._rest = data
                return
            self._handshake, at = None, begin
        while (found := header(data, at)) is not None and found[2] <= len(data):
            # A signal has no seq, and what a learner says can't hold a quote that is not escaped.
            if found[0] == 0x81 and data.find(b'"seq":', found[1], found[2]) >= 0:
                self._wanted -= 1
            at = found[2]
        self._rest = data[at:]
        if self._wanted <= 0 and not self.done.done():
            self.done.set_result(time.perf_counter())
            self._transport.write(client_frame(b"\x03\xe8", CLOSE))
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("closed before every missed event came"))


async def resume(running: Running, session: Session, last_seq: int, wanted: int) -> float:
    """Come back to a session; seconds from the connect to the last of ``wanted`` missed events."""
    port = running.servers[0].port
    path = f"/v1/realtime?session_id={session.id}&last_seq={last_seq}"
    handshake = Handshake("127.0.0.1", port, path, session.token)
    begin = time.perf_counter()
    _, listener = await asyncio.get_running_loop().create_connection(
        lambda: Listener(handshake, wanted), "127.0.0.1", port
    )
    async with asyncio.timeout(PATIENCE):
        return await listener.done - begin


async def timed(work: Awaitable[Any]) -> float:
    """Seconds that it takes."""
    begin = time.perf_counter()
    await work
    return time.perf_counter() - begin
