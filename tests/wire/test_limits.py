"""Limits of number, of what waits for a slow reader, and the heartbeat."""

import asyncio
import socket
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
from sqlalchemy import text
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from realtime.limits import Limits
from server.app import services_of
from tests.support import PATIENCE, Learner, Wire
from tests.wire.conftest import opened
from tests.wire.helpers import refused, refused_upgraded

Serve = Callable[..., Any]


async def test_five_sockets_a_user(serve: Serve) -> None:
    async with serve(limits=Limits()) as server:
        learner, other = await server.learner(), await server.learner()
        async with learner.connect("persona:MAYA_PLAYFUL") as first:
            session_id = await opened(first)
            wires = [await learner.connect(session_id=session_id).__aenter__() for _ in range(4)]
            for wire in wires:
                await wire.next()
            status, problem, _ = await refused(learner.connect(session_id=session_id))
            assert (status, problem["code"]) == (429, "too_many_sockets")
            wire = learner.connect(session_id=session_id, subprotocols=["realtime"])
            error, code = await refused_upgraded(wire)
            assert (error["code"], error["type"], code) == ("too_many_sockets", "rate_limit_error", 4504)
            # Nothing was begun or replaced for a socket that found no place.
            status, problem, _ = await refused(learner.connect("persona:NOA_CALM"))
            assert (status, problem["code"]) == (429, "too_many_sockets")
            assert [s["id"] for s in (await learner.get("/v1/sessions"))["items"]] == [session_id]
            async with other.connect("") as wire:
                await opened(wire)
            await wires[0].socket.close()
            await eventually(learner, session_id)
            for wire in wires[1:]:
                await wire.socket.close()


async def eventually(learner: Learner, session_id: str) -> None:
    """A place is free again once the server has noticed."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with learner.connect(session_id=session_id) as wire:
                    await wire.next()
                    return
            except Exception:
                await asyncio.sleep(0.05)


async def test_a_third_session_replaces_the_oldest_that_nobody_holds(serve: Serve) -> None:
    async with serve(limits=Limits()) as server:
        learner = await server.learner()
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:
            oldest = await opened(wire)
        async with learner.connect("persona:NOA_CALM") as wire:
            await opened(wire)
            await detached(server, oldest)
            async with learner.connect("persona:MAYA_PLAYFUL") as third:
                await opened(third)
                assert await wire.turn("The second session goes on.")
        async with learner.connect(session_id=oldest, last_seq=0) as gone:
            assert await gone.closed() == 1000
            finalizing = msgspec.json.decode(gone.durable[-2])
            assert (finalizing["type"], finalizing["reason"]) == ("session.finalizing", "REPLACED")


async def detached(server: Any, session_id: str) -> None:
    """Wait until the database knows that no socket holds the session."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with services_of(server.app).database.read() as connection:
                found = await connection.execute(
                    text("SELECT detached_at IS NOT NULL FROM practice_session WHERE id = :id"), {"id": session_id}
                )
                if found.scalar_one():
                    return
            await asyncio.sleep(0.02)


async def test_with_both_sessions_held_a_third_is_refused(serve: Serve) -> None:
    async with serve(limits=Limits()) as server:
        learner = await server.learner()
        async with learner.connect("persona:MAYA_PLAYFUL") as one, learner.connect("persona:NOA_CALM") as two:
            await opened(one)
            await opened(two)
            status, problem, _ = await refused(learner.connect("persona:MAYA_PLAYFUL"))
            assert (status, problem["code"]) == (429, "too_many_sessions")
            error, code = await refused_upgraded(learner.connect("", subprotocols=["realtime"]))
            assert (error["code"], code) == ("too_many_sessions", 4504)
            assert await one.turn("Both go on.")
            assert await two.turn("Both go on.")


async def test_the_heartbeat_names_the_head(serve: Serve) -> None:
    async with serve(limits=Limits(enforced=False, heartbeat_seconds=0.2)) as server:
        learner = await server.learner()
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:
            await opened(wire)
            beat = await wire.until("session.heartbeat")
            assert set(beat) == {"type", "event_id", "head_seq"}
            assert beat["head_seq"] == 3
            await wire.turn("Hello there.")
            beat = await wire.until("session.heartbeat")
            assert beat["head_seq"] == msgspec.json.decode(wire.durable[-1])["seq"]


# --- a reader that is slow -----------------------------------------------------------------------------------------


def noise(random: Random, length: int = 1_900) -> str:
    """A text of four bytes a character, so that the kernel's buffers are soon full."""
    return "".join(map(chr, random.choices(range(0x1F300, 0x1F5FF), k=length)))


class Sleeper:
    """A socket that is read only when told to, with the smallest receive buffer the kernel gives."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._protocol = ClientProtocol(parse_uri(url), max_size=None)
        self._headers = headers
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._frames: list[Frame] = []

    async def __aenter__(self) -> "Sleeper":
        uri = self._protocol.uri
        await self._loop.sock_connect(self._socket, (uri.host, uri.port))
        request = self._protocol.connect()
        for name, value in self._headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        await self._flush()
        while not isinstance(await self._event(), Response):
            pass
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def send(self, frame: dict[str, Any]) -> None:
        self._protocol.send_text(msgspec.json.encode(frame))
        await self._flush()

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            await self._loop.sock_sendall(self._socket, data)

    async def _event(self) -> Any:
        while True:
            for event in self._protocol.events_received():
                return event
            async with asyncio.timeout(PATIENCE):
                data = await self._loop.sock_recv(self._socket, 65_536)
            if not data:
                return None
            self._protocol.receive_data(data)

    async def frames(self) -> list[str]:
        """Wake up: read to the end of the connection."""
        found: list[str] = []
        while True:
            async with asyncio.timeout(PATIENCE):
                data = await self._loop.sock_recv(self._socket, 65_536)
            if data:
                self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    found.append(bytes(event.data).decode())
            if not data or self.close_code is not None:
                return found

    @property
    def close_code(self) -> int | None:
        received = self._protocol.close_rcvd
        return None if received is None else int(received.code)


async def overflow(
    server: Any, learner: Learner, session_id: str, path: str = "/v1/realtime"
) -> tuple[Sleeper, Wire]:
    """A talk on one socket until the other, which does not read, was given up by the server."""
    sleeper = Sleeper(f"{learner.ws}{path}?session_id={session_id}&last_seq=0", learner.headers)
    await sleeper.__aenter__()
    wire = learner.connect(session_id=session_id, last_seq=0)
    await wire.__aenter__()
    engine, random = services_of(server.app).engine, Random(7)
    async with asyncio.timeout(60):
        while sum(not connection.closed for connection in engine.connections) != 1:
            for _ in range(8):
                await wire.say("Listen to this: " + noise(random))
            await wire.drained(0.05)
    return sleeper, wire


async def test_a_slow_reader_is_closed_with_1013_and_loses_nothing(serve: Serve) -> None:
    async with serve(limits=Limits(enforced=False, queue_events=64, queue_bytes=64 * 1024)) as server:
        learner = await server.learner()
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:
            session_id = await opened(wire)
        sleeper, wire = await overflow(server, learner, session_id)
        try:
            frames = await sleeper.frames()
            assert sleeper.close_code == 1013
            seen = [frame for frame in frames if '"seq":' in frame]
            assert seen == wire.durable[: len(seen)], "in order and without a gap, up to where it stopped"
            assert 0 < len(seen) < len(wire.durable)
            async with learner.connect(session_id=session_id, last_seq=len(seen)) as again:
                await again.until(lambda frame: frame.get("seq") == len(wire.durable))
                assert [*seen, *again.durable] == wire.durable
        finally:
            sleeper._socket.close()
            await wire.__aexit__(None, None, None)


async def test_signals_to_a_client_that_does_not_read_are_bounded(serve: Serve) -> None:
    async with serve(limits=Limits(enforced=False, queue_bytes=64 * 1024)) as server:
        learner = await server.learner()
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:
            session_id = await opened(wire)
            await wire.turn("Listen to this: " + noise(Random(7)), "long")
        url = f"{learner.ws}/v1/realtime?session_id={session_id}"
        async with Sleeper(url, learner.headers) as sleeper:
            engine = services_of(server.app).engine
            async with asyncio.timeout(60):
                while not all(connection.closed for connection in engine.connections):
                    await sleeper.send({"type": "conversation.item.retrieve", "item_id": "long"})
                    await asyncio.sleep(0)
            await sleeper.frames()
            assert sleeper.close_code == 1013


async def test_a_long_replay_does_not_count_against_the_queue(serve: Serve) -> None:
    """Many times what may wait; meanwhile others talk."""
    async with serve(limits=Limits(enforced=False, queue_events=12, queue_bytes=24 * 1024)) as server:
        learner = await server.learner()
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:
            session_id = await opened(wire)
            random = Random(7)
            for number in range(25):
                await wire.turn(f"{number}: " + noise(random, 500))
            await wire.drained()
            sleeper = Sleeper(f"{learner.ws}/v1/realtime?session_id={session_id}&last_seq=0", learner.headers)
            async with sleeper:
                for number in range(3):
                    await wire.turn(f"While it is replayed, line {number}.")
                await wire.send("session.end")
                assert await wire.closed() == 1000
                frames = await sleeper.frames()
                assert sleeper.close_code == 1000
                assert [frame for frame in frames if '"seq":' in frame] == wire.durable
