"""Where golden sessions take place: one learner, some connections, and a server that gives sessions a fixed id."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import msgspec
import websockets

from realtime.limits import Limits
from tests.support import Learner, RunningServer, Wire, running_server
from tests.transcripts.golden import Request

# What a persona says depends on the session's id, and what a line is worth depends (a little) on what it answers:
# with one id for all, scores are the same in every run. Each session has a database of its own.
SESSION_ID = UUID("01990000-0000-7000-8000-000000000001")
# Signals whose time is the server's own affair.
UNSCRIPTED = frozenset({"session.heartbeat", "rate_limits.updated"})


@asynccontextmanager
async def golden_server(dsn: str, directory: Path, pace_ms: int) -> AsyncIterator[RunningServer]:
    """A real server for one golden session."""
    async with running_server(dsn, directory, limits=Limits(enforced=False), pace_ms=pace_ms) as server:
        with patch.object(server.engine, "new_id", lambda: SESSION_ID):
            yield server


class Stage:
    """Carries out what a client does in a golden session, by connection name."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.wires: dict[str, Wire] = {}

    async def connect(self, conn: str, query: dict[str, Any]) -> tuple[int, Any] | None:
        """Open a socket; the HTTP status and the problem when it is refused."""
        wire = self.learner.connect(query.get("model"), **{k: v for k, v in query.items() if k != "model"})
        try:
            self.wires[conn] = await wire.__aenter__()
        except websockets.InvalidStatus as refused:
            return refused.response.status_code, msgspec.json.decode(refused.response.body or b"null")
        return None

    async def send(self, conn: str, frame: dict[str, Any]) -> None:
        await self.wires[conn].socket.send(msgspec.json.encode(frame).decode())

    async def next(self, conn: str, timeout: float = 10.0) -> dict[str, Any] | int:
        """The next frame that a script can know of, or the close code. Raises TimeoutError."""
        while True:
            try:
                frame = await self.wires[conn].next(timeout)
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006
            if frame["type"] not in UNSCRIPTED:
                return frame

    def drop(self, conn: str) -> None:
        """The network is gone: no close frame."""
        self.wires[conn].socket.transport.abort()

    async def call(self, request: Request) -> tuple[int, Any]:
        answer = await self.learner.call(request.method, request.path, json=request.json)
        return answer.status_code, answer.json()

    async def leave(self) -> None:
        for wire in self.wires.values():
            await wire.socket.close()


@asynccontextmanager
async def stage(server: RunningServer) -> AsyncIterator[Stage]:
    """A stage with a new learner; sockets still open are closed in the end."""
    made = Stage(await server.learner(timeZone="UTC"))
    try:
        yield made
    finally:
        await made.leave()
