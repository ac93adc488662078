"""``socialgym cluster``: real processes behind one port; killed, replaced, told to stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets

from tests.cluster.two import MISSION, Visitor
from tests.durability.talk import LINES, assert_paid_once, eventually, log_of, said
from tests.durability.test_processes import is_running
from tests.support import Learner, ServerProcess, Wire

PATIENT = 60.0  # seconds until processes are up again, on a loaded machine
SOCKETS = 8  # over two processes; that all are on one happens once in 128 times


class ClusterProcess(ServerProcess):
    """Two server processes with a database and a Valkey of their own."""

    program = ("server", "cluster", "--processes", "2")

    @property
    def children(self) -> dict[int, str]:
        """The command lines of the parent's children, by pid."""
        assert self.process is not None
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if (
                    entry.name.isdigit()
                    and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == self.pid
                ):
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
        return {pid: line for pid, line in found.items() if is_running(pid)}

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def workers(self) -> set[int]:
        return {pid for pid, line in self.children.items() if "server.worker" in line}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ClusterProcess]:
    made = ClusterProcess(tmp_path / "data")
    try:
        await made.start(PATIENT)
        await eventually(lambda: "share the port" in made.log.read_text(), "both processes serve", PATIENT)
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            await made.stop()


async def visitor(cluster: ClusterProcess) -> Visitor:
    made = await Learner.guest(cluster.url)
    tokens = {"accessToken": made.token, "refreshToken": made.refresh_token, "user": {"id": made.user_id}}
    return Visitor(cluster.url, tokens)


async def come_back(learner: Visitor, session_id: str, last_seq: int) -> Wire:
    """Connect again, as often as it takes: a process was killed, or drains."""
    async with asyncio.timeout(PATIENT):
        while True:
            try:
                wire = learner.connect(session_id=session_id, last_seq=last_seq)
                return await wire.__aenter__()
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.1)


async def test_many_sockets_see_one_session_and_a_killed_process_comes_back(cluster: ClusterProcess) -> None:
    learner = await visitor(cluster)
    assert len(cluster.workers) == 2
    async with learner.connect(MISSION) as first:
        session_id = (await first.until("session.created"))["session"]["id"]
        others = [learner.connect(session_id=session_id, last_seq=0) for _ in range(SOCKETS)]
        for wire in others:
            await wire.__aenter__()
        for number in (0, 1):
            await first.turn(LINES[number], f"turn-{number}")
            assert await first.reply()
        last = first.durable[-1]
        for wire in others:
            await eventually_has(wire, last)
            assert wire.durable == first.durable
        killed = min(cluster.workers)
        os.kill(killed, signal.SIGKILL)
        ends = await asyncio.gather(*(was_cut(wire) for wire in (first, *others)))
        assert any(ends), "some were on the process that was killed"
        assert not all(ends), "and some were not"
        for wire in others:
            await wire.socket.close()
    await eventually(lambda: len(cluster.workers) == 2 and killed not in cluster.workers, "it is back", PATIENT)
    back = await come_back(learner, session_id, 0)
    await back.turn(LINES[2], "turn-2")
    assert await back.reply()
    await back.send("session.end")
    summary = (await back.until("session.summary"))["summary"]
    await back.socket.close()
    assert said(await log_of(learner, session_id)) == ["turn-0", "turn-1", "turn-2"]
    await assert_paid_once(learner, summary)


async def eventually_has(wire: Wire, last: str) -> None:
    while not wire.durable or wire.durable[-1] != last:
        await wire.next()


async def was_cut(wire: Wire) -> bool:
    """Whether the socket ends within a moment."""
    try:
        async with asyncio.timeout(3.0):
            await wire.closed()
            return True
    except TimeoutError:
        return False


async def test_a_rolling_restart_loses_nothing(cluster: ClusterProcess) -> None:
    learner = await visitor(cluster)
    before = cluster.workers
    wire: Wire = await learner.connect().__aenter__()
    session_id = (await wire.until("session.created"))["session"]["id"]
    acknowledged: list[str] = []
    rolled = asyncio.Event()

    async def roll() -> None:
        os.kill(cluster.pid, signal.SIGHUP)
        await eventually(lambda: len(cluster.workers) == 2 and not cluster.workers & before, "all new", PATIENT)
        rolled.set()

    rolling = asyncio.create_task(roll())
    number = 0
    while not rolled.is_set() or number < 20:
        item_id = f"turn-{number}"
        try:
            await wire.say(f"{LINES[number % 4]} This is number {number}.", item_id)
            await wire.until(lambda frame, wanted=item_id: frame.get("item_id") == wanted)  # type: ignore[misc]
            acknowledged.append(item_id)
            number += 1
        except (websockets.ConnectionClosed, TimeoutError):
            await wire.socket.close()
            wire = await come_back(learner, session_id, 0)
        await asyncio.sleep(0.05)
        assert number < 900, "the restart takes too long for the turns of a session"
    await rolling
    await wire.socket.close()
    assert said(await log_of(learner, session_id)) == acknowledged
    summary = await learner.post(f"/v1/sessions/{session_id}/end")
    await assert_paid_once(learner, summary)


async def test_sigterm_ends_everything_in_order(cluster: ClusterProcess) -> None:
    learner = await visitor(cluster)
    children = set(cluster.children)
    assert len(children) == 4, "two servers, a database and a Valkey"
    async with learner.connect() as wire:
        await wire.until("session.created")
        assert await cluster.stop() == 0
        assert await wire.closed() == 1012
    assert not [pid for pid in children if is_running(pid)]


async def test_a_killed_parent_leaves_no_orphan(cluster: ClusterProcess) -> None:
    children = set(cluster.children)
    cluster.kill()
    await eventually(lambda: not any(map(is_running, children)), "everything ends with the parent", PATIENT)


async def test_a_port_that_is_taken_is_one_sentence(cluster: ClusterProcess) -> None:
    code, output = await cluster.command("cluster", "--processes", "1")
    assert code == 1
    assert output.count("\n") == 1, output
    code, output = await ClusterProcess(cluster.data_dir.with_name("other")).command("cluster", "--processes", "500")
    assert code == 1
    assert "--processes" in output
