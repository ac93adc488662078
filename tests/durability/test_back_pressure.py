"""The database stands still: sockets are not read, nobody is closed, nothing that was read is lost."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from realtime.limits import Limits
from server.ws.protocol import SocketProtocol
from storage.embedded import EmbeddedPostgres
from tests.conformance.raw import CLOSE, PING, PONG, TEXT, Raw, frame
from tests.conftest import new_database
from tests.durability.talk import eventually, log_of, said
from tests.support import Learner, RunningServer, running_server
from tests.wire.test_slow_and_hostile import ONE_READ, begun, protocol_of, raw_socket

PING_SECONDS = 0.3
STANDS_STILL = 3.0  # seconds: ten times the interval of pings, five times what a pong may take
PADDING = "p" * 60_000  # so that few turns fill the kernel's buffers
MOST = 400  # turns that a client tries to send: 24 MB, more than the buffers of both sides


@asynccontextmanager
async def locked(dsn: str) -> AsyncIterator[None]:
    """Nothing can be written to, or read from, the sessions meanwhile."""
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE practice_session, session_event, turn IN ACCESS EXCLUSIVE MODE")
        yield
        await transaction.rollback()
    finally:
        await connection.close()


@asynccontextmanager
async def stopped(dsn: str) -> AsyncIterator[None]:
    """The PostgreSQL of ``dsn`` stands still, every process of it."""
    connection = await asyncpg.connect(dsn)
    backend = await connection.fetchval("SELECT pg_backend_pid()")
    postmaster = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
    await connection.close()
    pids = [postmaster]
    os.kill(postmaster, signal.SIGSTOP)  # first: it starts no more of them
    pids += map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())
    for pid in pids[1:]:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):  # it has ended with its server
                os.kill(pid, signal.SIGCONT)


def turn(item_id: str) -> bytes:
    content = [{"type": "input_text", "text": f"I saw ducks by the river, {item_id}."}]
    item = {"id": item_id, "type": "message", "role": "user", "content": content}
    return frame(TEXT, msgspec.json.encode({"type": "conversation.item.create", "item": item, "padding": PADDING}))


async def send_until_stuck(raw: Raw, name: str) -> int:
    """Turns, until the server's and the kernel's buffers take no more; how many."""
    sent = 0
    while sent < MOST:
        raw.writer.write(turn(f"{name}-{sent}"))
        sent += 1
        try:
            async with asyncio.timeout(0.5):
                await raw.writer.drain()
        except TimeoutError:
            return sent
    raise AssertionError("24 MB were taken although nothing was committed")


class Answering:
    """Reads a socket as clients do: answers pings, keeps what was acknowledged, and how it was closed."""

    def __init__(self, raw: Raw) -> None:
        self.acknowledged: list[str] = []
        self.errors: list[Any] = []
        self.closed: bytes | None = None
        self.pings = 0
        self._raw = raw

    async def run(self) -> None:
        reader = self._raw.reader
        while True:
            try:
                head, size = await reader.readexactly(2)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if size == 126:
                size = int.from_bytes(await reader.readexactly(2))
            payload = await reader.readexactly(size)
            if head & 15 == PING:
                self.pings += 1
                self._raw.writer.write(frame(PONG, payload))
            elif head & 15 == CLOSE:
                self.closed = payload
            else:
                self._note(msgspec.json.decode(payload))

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "conversation.item.done":
            self.acknowledged.append(event["item"]["id"])
        elif event["type"] == "error":
            self.errors.append(event["error"])


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL of this test's own: others must not stand still with it."""
    started = EmbeddedPostgres.start(tmp_path / "postgres", fsync=False)
    yield started.dsn
    started.stop()


@pytest.mark.parametrize("halt", [locked, stopped])
async def test_a_database_that_stands_still(own_postgres: str, tmp_path: Path, halt: Callable[[str], Any]) -> None:
    limits = Limits(enforced=False, ping_seconds=PING_SECONDS)
    async with (
        new_database(own_postgres, "template0") as dsn,
        running_server(dsn, tmp_path, limits=limits) as server,
    ):
        learners = [await server.learner() for _ in range(3)]
        sessions = [await begun(learner) for learner in learners]
        async with (
            raw_socket(server, learners[0], sessions[0]) as one,
            raw_socket(server, learners[1], sessions[1]) as two,
            learners[2].connect(session_id=sessions[2]) as quiet,
        ):
            await quiet.next()
            answering = [Answering(one), Answering(two)]
            reading = [asyncio.create_task(client.run()) for client in answering]
            async with halt(dsn):
                began = time.monotonic()
                sent = [await send_until_stuck(one, "one"), await send_until_stuck(two, "two")]
                await asyncio.sleep(max(0.0, STANDS_STILL - (time.monotonic() - began)))
                assert_bounded(server)
                assert [client.acknowledged for client in answering] == [[], []], (
                    "nothing is acknowledged uncommitted"
                )
            for name, count, client in zip(("one", "two"), sent, answering, strict=True):
                expected = [f"{name}-{number}" for number in range(count)]
                await eventually(lambda c=client, e=expected: c.acknowledged == e, "every turn is acknowledged", 60)
                assert (client.errors, client.closed) == ([], None)
                assert said(await log_of(learners[name == "two"], sessions[name == "two"])) == expected
            pings = [client.pings for client in answering]
            await eventually(
                lambda: all(c.pings > before for c, before in zip(answering, pings, strict=True)), "pings go on"
            )
            assert await quiet.turn("Whoever said nothing meanwhile has noticed nothing.")
            assert not any(task.done() for task in reading)
            for task in reading:
                task.cancel()


def assert_bounded(server: RunningServer) -> None:
    """What the server read and could not carry out; and it reads no more."""
    for connection in server.engine.connections:
        protocol = protocol_of(connection)
        assert isinstance(protocol, SocketProtocol)
        assert protocol.buffered[0] <= ONE_READ + 2 * len(PADDING)


async def test_http_waits_no_longer_than_it_may(serve: Callable[..., Any], dsn: str) -> None:
    """A 503; the turn may be carried out all the same, once however often it is sent."""
    async with serve(limits=Limits(enforced=False, answer_seconds=0.5, requests_waiting=3)) as server:
        learner: Learner = await server.learner()
        session_id = await begun(learner)
        path, body = f"/v1/sessions/{session_id}/turns", {"id": "patient", "text": "I saw ducks by the river."}
        async with locked(dsn):
            answers = await asyncio.gather(*(learner.call("POST", path, json=body) for _ in range(3)))
            began = time.monotonic()
            answers.append(await learner.call("GET", "/v1/health/live"))
            assert time.monotonic() - began < 0.5, "too many wait: the next is refused at once"
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (503, "draining")
                assert int(answer.headers["retry-after"]) >= 1
        await eventually(lambda: answered(learner, "/v1/health/live"), "those that were given up have ended")
        events = (await learner.post(path, json=body))["events"]
        assert [event["item"]["id"] for event in events if event["type"] == "conversation.item.done"] == ["patient"]
        assert said(await log_of(learner, session_id)) == ["patient"]
        with pytest.raises(TimeoutError):  # an answer that has begun may last
            async with asyncio.timeout(1.5):
                await learner.call(
                    "GET", f"/v1/sessions/{session_id}/events?after=0", headers={"Accept": "text/event-stream"}
                )


async def answered(learner: Learner, path: str) -> bool:
    return (await learner.call("GET", path)).status_code == 200


async def test_a_client_that_goes_while_its_turn_waits(serve: Callable[..., Any], dsn: str) -> None:
    """The turn was read: it is carried out, and found by the same id."""
    async with serve(limits=Limits(enforced=False, ping_seconds=PING_SECONDS)) as server:
        learner: Learner = await server.learner()
        session_id = await begun(learner)
        async with raw_socket(server, learner, session_id) as raw:
            (connection,) = server.engine.connections
            async with locked(dsn):
                await raw.send(turn("left"))
                await eventually(lambda: protocol_of(connection).working, "the turn was read")
                raw.writer.transport.abort()
                await eventually(lambda: connection.closed, "the socket is gone")

        async def stored() -> bool:
            return said(await log_of(learner, session_id)) == ["left"]

        await eventually(stored, "the turn was committed")
