"""The ceiling: a bare WebSocket server that commits the same rows in batches with COPY and sends the same frames.

websockets' protocol without I/O on uvloop's transports, no task and no queue per socket, one connection to PostgreSQL
with group commit (while one batch commits, the next gathers), frames by string formatting, and no feature at all: no
scorer, no fencing, no idempotency, no resume, no limits.
"""

import asyncio
import signal
from typing import Any, cast

import asyncpg
import msgspec
import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bench.peers import common
from bench.peers.common import EVENT_COLUMNS, HEALTH, TURN_COLUMNS, Answer, Row, Talk

MAX_BATCH = 512


class Part(msgspec.Struct):
    text: str


class Item(msgspec.Struct):
    id: str
    content: list[Part]


class Said(msgspec.Struct):
    item: Item


_decoder = msgspec.json.Decoder(Said)


class Committer:
    """Group commit over one connection; the frames leave after COMMIT."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._waiting: list[tuple[Row, list[Row], list[str], Socket]] = []
        self._wake = asyncio.Event()

    def add(self, turn: Row, events: list[Row], frames: list[str], socket: "Socket") -> None:
        self._waiting.append((turn, events, frames, socket))
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self._commit([entry[0] for entry in batch], [row for entry in batch for row in entry[1]])
                for _, _, frames, socket in batch:
                    socket.send(frames)

    async def _commit(self, turns: list[Row], events: list[Row]) -> None:
        async with self._connection.transaction():
            await self._connection.copy_records_to_table("turn", records=turns, columns=TURN_COLUMNS)
            await self._connection.copy_records_to_table("session_event", records=events, columns=EVENT_COLUMNS)


class Socket(asyncio.Protocol):
    """One connection: the health check, or a WebSocket."""

    def __init__(self, committer: Committer, answers: dict[str, Answer]) -> None:
        self._committer = committer
        self._answers = answers
        self._protocol = ServerProtocol(max_size=64 * 1024)
        self._talk: Talk | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                if event.opcode is Opcode.TEXT:
                    self._said(bytes(event.data))
            elif isinstance(event, Request):
                self._enter(event)
        self._flush()

    def _enter(self, request: Request) -> None:
        if request.path == HEALTH:
            self._protocol.send_response(self._protocol.reject(200, "ready"))
            return
        user_id = common.user_of(request.headers.get("Authorization"))
        if user_id is None:
            self._protocol.send_response(self._protocol.reject(401, "who?"))
            return
        self._protocol.send_response(self._protocol.accept(request))
        self._talk = Talk(user_id)
        self.send([self._talk.created()])

    def _said(self, data: bytes) -> None:
        assert self._talk is not None
        item = _decoder.decode(data).item
        turn, events, frames = self._talk.said(item.id, self._answers[item.content[0].text])
        self._committer.add(turn, events, frames, self)

    def send(self, frames: list[str]) -> None:
        for frame in frames:
            self._protocol.send_text(frame.encode())
        self._flush()

    def _flush(self) -> None:
        out = b"".join(self._protocol.data_to_send())
        if out and not self._transport.is_closing():
            self._transport.write(out)
        if self._protocol.close_expected():
            self._transport.close()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    connection = await asyncpg.connect(common.dsn())
    committer = Committer(connection)
    answers = common.answers()
    server = await loop.create_server(lambda: Socket(committer, answers), "127.0.0.1", common.port(), backlog=2048)
    task = asyncio.create_task(committer.run())
    await stopped.wait()
    server.close()
    task.cancel()
    await connection.close()


if __name__ == "__main__":
    uvloop.run(_main())
