"""A deploy is not an end: in which order a server goes down, and that nobody can hold it up."""

import asyncio
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from realtime.limits import Limits
from server.run import EXIT_SECONDS, RECONNECT_EACH_MS, RECONNECT_SPREAD_MS
from storage.embedded import EmbeddedPostgres
from tests.durability.talk import eventually, log_of, said
from tests.durability.test_back_pressure import locked, stopped
from tests.support import PATIENCE, ROOT, Learner, ServerProcess, Wire
from tests.wire.conftest import opened
from tests.wire.helpers import refused, refused_upgraded
from tests.wire.test_limits import Sleeper
from tests.wire.test_slow_and_hostile import begun, noise_of, protocol_of

Serve = Callable[..., Any]
SOCKETS = 12


async def going_down(serving: Any) -> "asyncio.Task[None]":
    """The server is told to go, as by SIGTERM; the task ends when it is gone."""
    return asyncio.create_task(serving.__aexit__(None, None, None))


async def test_the_order_of_going_down(serve: Serve, dsn: str) -> None:
    serving = serve(limits=Limits(enforced=False))
    server = await serving.__aenter__()
    learner: Learner = await server.learner()
    session_id = await begun(learner)
    wires = [await learner.connect(session_id=session_id).__aenter__() for _ in range(SOCKETS)]
    for wire in wires:
        await wire.next()
    async with locked(dsn):
        await wires[0].say("This one is under way.", "under-way")
        await eventually(
            lambda: any(protocol_of(c).working for c in server.engine.connections), "the turn is being committed"
        )
        gone = await going_down(serving)
        waits = [(await wire.until("server.draining"))["reconnect_in_ms"] for wire in wires]
        assert all(0 <= wait < max(RECONNECT_SPREAD_MS, RECONNECT_EACH_MS * SOCKETS) for wait in waits)
        assert len(set(waits)) > SOCKETS // 2, "spread"
        async with httpx.AsyncClient(base_url=server.url) as http:
            assert (await http.get("/v1/health/ready")).status_code == 503
            assert (await http.get("/v1/health/live")).status_code == 200
        status, problem, headers = await refused(learner.connect(session_id=session_id))
        assert (status, problem["code"]) == (503, "draining")
        assert int(headers["retry-after"]) >= 1
        error, code = await refused_upgraded(learner.connect(session_id=session_id, subprotocols=["realtime"]))
        assert (error["code"], code) == ("draining", 1013)
        await wires[1].say("This one comes too late, and is not read.", "too-late")
    done = await wires[0].until("conversation.item.done")
    assert done["item"]["id"] == "under-way", "what was under way is acknowledged before the good-bye"
    assert [await wire.closed() for wire in wires] == [1012] * SOCKETS
    async with asyncio.timeout(20):
        await gone
    async with serve(limits=Limits(enforced=False)) as again:
        learner.url, learner.ws = again.url, again.ws
        assert said(await log_of(learner, session_id)) == ["under-way"], "not acknowledged, not stored: sent again"
        async with learner.connect(session_id=session_id) as wire:
            await wire.next()
            assert await wire.turn("This one comes too late, and is not read.", "too-late")


async def test_a_socket_that_has_just_come_is_told_nothing_before_its_first_frame(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = serve(limits=Limits(enforced=False))
    server = await serving.__aenter__()
    joiner, draining = server.engine.joiner, asyncio.Event()
    note = joiner.note_presence

    async def note_late(live: Any) -> None:
        await draining.wait()
        await note(live)

    monkeypatch.setattr(joiner, "note_presence", note_late)
    learner: Learner = await server.learner()
    wire = await learner.connect("persona:NOA_CALM").__aenter__()
    gone = await going_down(serving)
    await eventually(lambda: server.engine.draining, "the server goes down")
    draining.set()
    assert await wire.closed() == 1012
    assert [msgspec.json.decode(frame)["type"] for frame in wire.frames[:1]] in ([], ["session.created"])
    await gone


async def test_many_sockets_are_not_closed_in_one_moment(serve: Serve) -> None:
    count, seconds = 230, 3.0
    serving = serve(limits=Limits(enforced=False, drain_seconds=30.0))  # a batch of 100 a second
    server = await serving.__aenter__()
    learner: Learner = await server.learner()
    session_id = await begun(learner)
    wires: list[Wire] = []
    for _ in range(count):
        wires.append(await learner.connect(session_id=session_id).__aenter__())
    gone = await going_down(serving)
    began = time.monotonic()

    async def closing(wire: Wire) -> float:
        assert await wire.closed(20) == 1012
        return time.monotonic() - began

    times = sorted(await asyncio.gather(*(closing(wire) for wire in wires)))
    assert times[99] < times[100] - 0.5
    assert times[199] < times[200] - 0.5
    assert times[-1] < 10 * seconds
    await gone


async def test_a_peer_that_does_not_read_holds_nobody_up(serve: Serve) -> None:
    serving = serve(limits=Limits(enforced=False, queue_bytes=1 << 20, queue_events=1_000))
    server = await serving.__aenter__()
    learner: Learner = await server.learner()
    session_id = await begun(learner)
    sleeper = Sleeper(f"{learner.ws}/v1/realtime?session_id={session_id}", learner.headers)
    async with sleeper:
        await eventually(lambda: len(server.engine.connections) == 1, "the sleeper is in")
        (connection,) = server.engine.connections
        wire = await learner.connect("persona:NOA_CALM").__aenter__()
        await opened(wire)
        number = 0
        async with asyncio.timeout(60):
            while protocol_of(connection).writable:
                await learner.post(f"/v1/sessions/{session_id}/turns", json={"text": noise_of(number)})
                number += 1
        began = time.monotonic()
        gone = await going_down(serving)
        assert await wire.closed() == 1012
        async with asyncio.timeout(30):
            await gone
        assert time.monotonic() - began < 20


@pytest.mark.slow
async def test_a_database_that_stands_still_does_not_keep_the_process(tmp_path: Path) -> None:
    """Its sockets are told good-bye all the same, and what was not acknowledged is sent again."""
    process = ServerProcess(tmp_path / "data")
    await process.start()
    assert process.process is not None
    learner = await Learner.guest(process.url)
    postgres = EmbeddedPostgres.attach(process.data_dir)
    assert postgres is not None
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.turn("This one is committed.", "first")
        async with stopped(postgres.dsn):
            await wire.say("This one is not.", "second")
            process.process.send_signal(signal.SIGTERM)
            assert await wire.closed(EXIT_SECONDS) == 1012
            assert await asyncio.to_thread(process.process.wait, EXIT_SECONDS + PATIENCE) == 1
    await process.start()
    async with process_stopped_after(process):
        assert said(await log_of(learner, session_id))[:1] == ["first"]
        async with learner.connect(session_id=session_id) as wire:
            await wire.next()
            assert await wire.turn("This one is not.", "second")
        assert said(await log_of(learner, session_id)) == ["first", "second"]


def test_the_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    code = (
        "import resource; from server.run import raise_open_files\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))\n"
        "assert raise_open_files() == hard == resource.getrlimit(resource.RLIMIT_NOFILE)[0]"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "before=300" in done.stdout + done.stderr, "and it says so"


async def test_a_server_raises_its_own(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    process = ServerProcess(tmp_path / "data", SOCIALGYM_UNSAFE_DB="on")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_024, hard), hard))  # which a child inherits
    try:
        await process.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    async with process_stopped_after(process):
        assert process.process is not None
        assert resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)


@asynccontextmanager
async def process_stopped_after(process: ServerProcess) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await process.stop()
