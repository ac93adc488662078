"""Peers that don't read, don't answer, send without end, or send half a request: all bounded, and harming nobody."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from realtime.delivery import Connection
from realtime.limits import Limits
from server.ws.protocol import SocketProtocol
from tests.conformance.raw import CONT, PING, PONG, TEXT, Raw, frame, new_key, question, request, sized
from tests.durability.talk import eventually
from tests.house.test_settings import certificate
from tests.support import PATIENCE, Learner, RunningServer, Wire
from tests.wire.conftest import opened
from tests.wire.test_limits import Sleeper, noise

Serve = Callable[..., Any]
HIGH_WATER = 64 * 1024  # of a transport's buffer: past it the server waits for the peer
ONE_READ = 256 * 1024  # what the loop reads at once


def protocol_of(connection: Connection) -> SocketProtocol:
    made = connection._transport
    assert isinstance(made, SocketProtocol)
    return made


@asynccontextmanager
async def raw_socket(server: RunningServer, learner: Learner, session_id: str) -> AsyncIterator[Raw]:
    """A socket on the session that answers no ping."""
    async with await Raw.dial(server.port) as raw:
        await raw.send(handshake(learner, f"/v1/realtime?session_id={session_id}"))
        assert (await raw.answer()).status == 101
        assert (await raw.event())["type"] == "session.created"
        yield raw


def handshake(learner: Learner, path: str) -> bytes:
    headers = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": new_key(),
        "Sec-WebSocket-Version": "13",
        **learner.headers,
    }
    return request(path, headers.items())


async def begun(learner: Learner) -> str:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        return await opened(wire)


# --- a peer that does not answer -----------------------------------------------------------------------------------


async def test_no_pong_closes_with_1011_and_an_answer_keeps_the_socket(serve: Serve) -> None:
    async with serve(limits=Limits(enforced=False, ping_seconds=0.4)) as server:
        learner = await server.learner()
        session_id = await begun(learner)
        async with learner.connect(session_id=session_id) as wire, raw_socket(server, learner, session_id) as raw:
            assert await raw.close_code() == 1011
            await asyncio.sleep(1.2)  # three pings
            await wire.drained(0.05)
            assert await wire.turn("The other one answers, and stays.")


async def test_any_byte_of_the_peer_is_an_answer(serve: Serve) -> None:
    """A client on a slow line, whose pong is behind what it sends."""
    async with serve(limits=Limits(enforced=False, ping_seconds=0.4)) as server:
        learner = await server.learner()
        async with raw_socket(server, learner, await begun(learner)) as raw:
            slow = frame(TEXT, question("slowly", padding="x" * 60))
            for byte in slow:
                await raw.send(bytes([byte]))
                await asyncio.sleep(2.0 / len(slow))
            await raw.answered("slowly")
            assert await raw.close_code() == 1011


# --- a peer that does not read -------------------------------------------------------------------------------------


@asynccontextmanager
async def asleep(server: RunningServer, learner: Learner) -> AsyncIterator[tuple[Sleeper, Wire, Connection]]:
    """One device that stopped reading until the server could send it no more, and one that goes on."""
    session_id = await begun(learner)
    sleeper = Sleeper(f"{learner.ws}/v1/realtime?session_id={session_id}", learner.headers)
    async with sleeper:
        await eventually(lambda: len(server.engine.connections) == 1, "the sleeper is in")
        (connection,) = server.engine.connections
        async with learner.connect(session_id=session_id) as wire:
            await wire.next()
            async with asyncio.timeout(60):
                number = 0
                while protocol_of(connection).writable and not connection.closed:
                    await wire.turn("Listen to this: " + noise_of(number))
                    number += 1
            yield sleeper, wire, connection


def noise_of(number: int) -> str:
    return noise(Random(number))


async def test_a_given_up_peer_is_let_go_though_it_never_reads(serve: Serve) -> None:
    limits = Limits(enforced=False, queue_events=8, close_seconds=0.5)
    async with serve(limits=limits) as server:
        learner = await server.learner()
        async with asleep(server, learner) as (_, wire, connection):
            for number in range(4):
                await wire.turn(f"Line {number} is too much for the other device.")
            assert connection.closed
            await eventually(lambda: connection not in server.engine.connections, "its connection is cut")
            assert protocol_of(connection).buffered[0] == 0
            assert await wire.turn("This device has noticed nothing.")


async def test_a_window_that_stays_shut_is_the_end(serve: Serve) -> None:
    """No ping, no full queue: the kernel gives the peer up."""
    limits = Limits(enforced=False, queue_events=10_000, queue_bytes=1 << 30, unread_seconds=1.0, ping_seconds=600)
    async with serve(limits=limits) as server:
        learner = await server.learner()
        async with asleep(server, learner) as (_, wire, connection):
            assert not connection.closed
            await eventually(lambda: connection not in server.engine.connections, "it is evicted", 30)
            assert await wire.turn("This device has noticed nothing.")


async def test_pings_of_a_peer_that_reads_no_pong_fill_nothing(serve: Serve) -> None:
    async with serve(limits=Limits(enforced=False)) as server:
        learner = await server.learner()
        async with asleep(server, learner) as (sleeper, _, connection):
            before = protocol_of(connection).buffered[1]
            loop, pings = asyncio.get_running_loop(), b"".join(frame(PING, b"p" * 125) for _ in range(500))
            for _ in range(40):
                await asyncio.wait_for(loop.sock_sendall(sleeper._socket, pings), PATIENCE)
            await asyncio.sleep(0.1)
            assert protocol_of(connection).buffered[1] <= max(before, HIGH_WATER) + 1_000, "2.6 MB of pongs are owed"


# --- a peer that sends without end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pings", "pongs", "fragments", "texts", "large texts"])
async def test_a_flood_is_read_no_faster_than_allowed(serve: Serve, kind: str) -> None:
    rate, burst, reads = 200.0, 50, 450
    weight = 4 if kind == "large texts" else 1  # of a frame: 60,000 bytes count as four
    async with serve(limits=Limits(reads_per_second=rate, reads_burst=burst)) as server:
        learner = await server.learner()
        session_id = await begun(learner)
        async with raw_socket(server, learner, session_id) as raw, learner.connect(session_id=session_id) as wire:
            await wire.next()
            one = {
                "pings": frame(PING),
                "pongs": frame(PONG),
                "fragments": frame(CONT, fin=False),
                "texts": frame(TEXT, question("x")),
                "large texts": frame(TEXT, sized(60_000)),
            }[kind]
            start = frame(TEXT, fin=False) if kind == "fragments" else b""
            began = time.monotonic()
            await raw.send(start, one * (reads // weight), frame(PING, b"the last"))
            assert await wire.turn("Nobody else feels it."), "while the flood is held back"
            while (await raw.frame()) != (PONG, b"the last"):
                pass
            assert time.monotonic() - began > (reads - burst) / rate * 0.9


async def test_what_waits_to_be_read_is_bounded(serve: Serve) -> None:
    async with serve(limits=Limits(reads_per_second=1.0, reads_burst=1)) as server:
        learner = await server.learner()
        async with raw_socket(server, learner, await begun(learner)) as raw:
            (connection,) = server.engine.connections
            sent = 0
            while sent < 64 * ONE_READ and await takes(raw, frame(PING, b"p" * 100) * 1_000):
                sent += 106_000
            assert ONE_READ < sent < 64 * ONE_READ
            assert protocol_of(connection).buffered[0] <= 2 * ONE_READ, "the rest is the sender's"


async def takes(raw: Raw, data: bytes) -> bool:
    """Whether the peer's buffers, or ours, take this within a second."""
    try:
        async with asyncio.timeout(1.0):
            await raw.send(data)
    except TimeoutError:
        return False
    return True


# --- half a request ------------------------------------------------------------------------------------------------


HEAD = b"POST /v1/auth/guest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    "said",
    [b"", b"GET /v1/health/live HT", b"\r\n", HEAD, HEAD + b"\r\n", HEAD + b"\r\n{"],
    ids=["nothing", "half a line", "a line break", "half a head", "no body", "half a body"],
)
@pytest.mark.parametrize("drip", [False, True])
async def test_a_request_that_never_becomes_whole_is_cut(serve: Serve, said: bytes, drip: bool) -> None:
    more = {b"\r\n": b"\r\n", HEAD: b"X: y\r\n"}.get(said, b"") if drip else b""
    limits = Limits(enforced=False, request_seconds=0.5)
    async with serve(limits=limits) as server, await Raw.dial(server.port) as raw:
        await raw.send(said)
        async with asyncio.timeout(PATIENCE):
            await cut(raw, more)


async def cut(raw: Raw, more: bytes = b"") -> None:
    """Wait until the server hangs up, unheard; send ``more`` now and then meanwhile."""
    reading = asyncio.create_task(raw.reader.read())
    try:
        while not (await asyncio.wait({reading}, timeout=0.1))[0]:
            await raw.send(more)
        assert await reading == b""
    except ConnectionError:
        pass


async def test_a_connection_kept_alive_has_the_same_deadline_again(serve: Serve) -> None:
    limits = Limits(enforced=False, request_seconds=0.5)
    async with serve(limits=limits) as server, await Raw.dial(server.port) as raw:
        whole = b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        for _ in range(3):
            await raw.send(whole[:20])
            await asyncio.sleep(0.3)
            await raw.send(whole[20:])
            assert (await raw.answer()).status == 200
        await raw.send(whole[:20])
        async with asyncio.timeout(PATIENCE):
            await cut(raw)


async def test_a_long_poll_has_no_deadline_of_ours(serve: Serve) -> None:
    async with serve(limits=Limits(enforced=False, request_seconds=0.3)) as server:
        learner = await server.learner()
        session_id = await begun(learner)
        assert (await learner.get(f"/v1/sessions/{session_id}/events?after=3&wait=1"))["events"] == []


async def test_tls_that_is_never_agreed_is_cut(serve: Serve, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    limits = Limits(enforced=False, request_seconds=0.5)
    async with serve(limits=limits, tls_cert=cert, tls_key=key) as server:
        async with await Raw.dial(server.port) as raw:
            async with asyncio.timeout(PATIENCE):
                await cut(raw)
        trusting = ssl.create_default_context(cafile=str(cert))
        async with httpx.AsyncClient(verify=trusting) as http:
            assert (await http.get(f"{server.url}/v1/health/live")).status_code == 200


# --- too many ------------------------------------------------------------------------------------------------------


async def test_a_process_has_so_many_places(serve: Serve) -> None:
    async with serve(limits=Limits(enforced=False, connections=20)) as server:
        learner = await server.learner()
        idle = [await Raw.dial(server.port) for _ in range(20)]
        await asyncio.sleep(0.1)
        async with await Raw.dial(server.port) as raw:
            await raw.send(handshake(learner, "/v1/realtime?model="))
            answer = await raw.answer()
            assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
            assert int(answer.headers["retry-after"]) > 0
            await raw.ended()
        async with await Raw.dial(server.port) as raw:
            await raw.send(HEAD + b"\r\n{}")
            answer = await raw.answer()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            await raw.ended()
        more = [await Raw.dial(server.port) for _ in range(10)]
        dropped = [await is_dropped(raw) for raw in more]
        assert dropped == [False] * 2 + [True] * 8, "past the places, two are told so, and no more are held"
        for raw in (*idle, *more):
            raw.writer.transport.abort()

        async def place() -> bool:
            try:
                async with learner.connect("") as wire:
                    return bool(await opened(wire))
            except Exception:
                return False

        await eventually(place, "a place is free again")


async def is_dropped(raw: Raw) -> bool:
    try:
        async with asyncio.timeout(0.3):
            return await raw.reader.read(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


async def test_a_listening_socket_passes_its_patience_on(serve: Serve) -> None:
    limits = Limits(enforced=False, unread_seconds=7.0)
    async with serve(limits=limits) as server, learner_socket(server) as connection:
        made = protocol_of(connection)._transport.get_extra_info("socket")
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7_000


@asynccontextmanager
async def learner_socket(server: RunningServer) -> AsyncIterator[Connection]:
    learner = await server.learner()
    async with learner.connect("") as wire:
        await opened(wire)
        (connection,) = server.engine.connections
        yield connection
