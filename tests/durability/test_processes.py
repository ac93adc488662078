"""A real server process: killed, told to stop, and commanded from the command line while a learner is talking."""

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bench.proc import cpu_seconds
from storage.embedded import EmbeddedPostgres
from tests.conftest import with_name
from tests.durability.talk import LINES, MISSION, assert_paid_once, decoded, eventually, log_of, said
from tests.support import Learner, ServerProcess

WARM_START_SECONDS = 3.0


def postmaster_of(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def is_running(pid: int) -> bool:
    """Whether the process runs (one that only waits to be collected does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def ended(learner: Learner, session_id: str) -> dict[str, Any]:
    """End the session over REST; its summary."""
    summary: dict[str, Any] = await learner.post(f"/v1/sessions/{session_id}/end")
    return summary


@pytest.mark.parametrize("wait", [0.0, 0.004, 0.02])
async def test_killed_with_a_turn_in_flight(process: ServerProcess, wait: float) -> None:
    learner = await Learner.guest(process.url)
    async with learner.connect(MISSION) as before:
        session_id = (await before.next())["session"]["id"]
        for number in (0, 1):
            await before.turn(LINES[number], f"turn-{number}")
            assert await before.reply()
        await before.say(LINES[2], "in-flight")
        await asyncio.sleep(wait)  # before, during or after its commit: whatever it is, it must settle
        process.kill()
        await before.closed()
    await process.start()
    last_seq = 4
    async with learner.connect(session_id=session_id, last_seq=last_seq) as wire:
        resumed = await wire.next()
        assert (resumed["type"], resumed["last_seq"], resumed["recovered"]) == ("session.resumed", last_seq, True)
        if resumed["head_seq"] > last_seq:
            await wire.until(lambda frame: frame.get("seq") == resumed["head_seq"])
        acknowledged = [frame for frame in before.durable if decoded(frame)["seq"] > last_seq]
        assert wire.durable[: len(acknowledged)] == acknowledged, "what was sent is replayed byte for byte"
        scored = (await wire.turn(LINES[2], "in-flight"))["turnIndex"]
        assert scored == 3
        assert await wire.reply()
        await wire.turn(LINES[3], "after")
    summary = await ended(learner, session_id)
    assert await ended(learner, session_id) == summary
    assert said(await log_of(learner, session_id)) == ["turn-0", "turn-1", "in-flight", "after"]
    await assert_paid_once(learner, summary)
    assert summary["wallet"]["after"]["xp"] > 0


async def test_killed_while_a_reply_streams(process: ServerProcess) -> None:
    learner = await Learner.guest(process.url)
    async with learner.connect(MISSION) as before:
        session_id = (await before.next())["session"]["id"]
        await before.turn(LINES[0], "first")
        await before.send("response.create")
        await before.until("response.output_text.delta")
        process.kill()
        await before.closed()
        head = decoded(before.durable[-1])["seq"]
    await process.start()
    async with learner.connect(session_id=session_id, last_seq=head) as wire:
        resumed = await wire.next()
        assert resumed["head_seq"] == head, "what was not committed did not happen"
        assert "active_response_id" not in resumed
        assert await wire.reply(), "the claim of the dead process does not stand in the way"
        await wire.turn(LINES[1], "second")
        await wire.send("session.end")
        summary = (await wire.until("session.summary"))["summary"]
        assert await wire.closed() == 1000
    events = await log_of(learner, session_id)
    assert len(said(events, "assistant")) == 2, "the greeting and the one reply"
    await assert_paid_once(learner, summary)


async def test_a_kill_leaves_no_orphan_and_a_warm_start_is_cheap(process: ServerProcess) -> None:
    """A second ``make run`` is there within three seconds on a machine that has nothing else to do. How long it takes
    beside other tests says little, so what it costs is looked at: the server's own CPU until it is ready."""
    postmaster = postmaster_of(process.data_dir)
    assert is_running(postmaster)
    process.kill()
    await eventually(lambda: not is_running(postmaster), "the killed server's PostgreSQL ends with it")
    await process.start()
    assert process.process is not None
    assert cpu_seconds([process.process.pid]) < WARM_START_SECONDS


async def test_sigterm_is_not_an_end(process: ServerProcess) -> None:
    learner = await Learner.guest(process.url)
    postmaster = postmaster_of(process.data_dir)
    async with learner.connect(MISSION) as before:
        session_id = (await before.next())["session"]["id"]
        await before.turn(LINES[0])
        await before.send("response.create")
        await before.until("response.output_text.delta")
        began = time.monotonic()
        stopping = asyncio.create_task(process.stop())
        draining = await before.until("server.draining")
        assert 0 <= draining["reconnect_in_ms"] <= 3_000
        assert await before.closed() == 1012
        assert await stopping == 0
        assert time.monotonic() - began < 15
    assert not is_running(postmaster), "PostgreSQL was stopped in order"
    await process.start()
    (found,) = (await learner.get("/v1/sessions"))["items"]
    assert (found["id"], found["status"]) == (session_id, "IN_PROGRESS")
    async with learner.connect(session_id=session_id, last_seq=0) as wire:
        resumed = await wire.next()
        await wire.until(lambda frame: frame.get("seq") == resumed["head_seq"])
        assert wire.durable[: len(before.durable)] == before.durable
        await wire.turn(LINES[1])
        assert await wire.reply()
    await assert_paid_once(learner, await ended(learner, session_id))


async def test_a_second_sigterm_start_cycle_keeps_ended_sessions(process: ServerProcess) -> None:
    learner = await Learner.guest(process.url)
    made = await learner.post("/v1/sessions", json={"model": MISSION})
    for line in LINES[:3]:
        await learner.post(f"/v1/sessions/{made['id']}/turns", json={"text": line})
    await learner.post(f"/v1/sessions/{made['id']}/end")
    pushed = (await learner.call("GET", f"/v1/sessions/{made['id']}/summary")).content
    assert await process.stop() == 0
    await process.start()
    assert (await learner.call("GET", f"/v1/sessions/{made['id']}/summary")).content == pushed
    async with learner.connect(session_id=made["id"], last_seq=0) as wire:
        assert await wire.closed() == 1000
    assert [decoded(frame) for frame in wire.durable] == await log_of(learner, made["id"])


async def test_an_administrator_ends_a_session_of_the_running_server(process: ServerProcess) -> None:
    learner = await Learner.guest(process.url)
    async with learner.connect(MISSION) as wire:
        session_id = (await wire.next())["session"]["id"]
        await wire.turn(LINES[0])
        code, output = await process.command("admin", "end-session", session_id)
        assert code == 0, output
        assert "ABORT_SYSTEM_ERROR" in output
        finalizing = await wire.until("session.finalizing")
        assert finalizing["reason"] == "ADMIN"
        summary = (await wire.until("session.summary"))["summary"]
        assert (await wire.next())["type"] == "wallet.updated"
        assert await wire.closed() == 1000
    assert summary["outcome"]["endReasonCode"] == "ABORT_SYSTEM_ERROR"
    assert summary["outcome"]["status"] == "ABORTED"
    again, repeated = await process.command("admin", "end-session", session_id)
    assert (again, repeated) == (0, output)
    await assert_paid_once(learner, summary)
    code, output = await process.command("admin", "end-session", "018f0000-0000-7000-8000-000000000000")
    assert code == 1
    assert "no session" in output


async def test_an_external_database_is_used(tmp_path: Path) -> None:
    external = EmbeddedPostgres.start(tmp_path / "external")
    try:
        url = f"{external.dsn}?sslmode=prefer"
        async with ServerProcess(tmp_path / "data", DATABASE_URL=url) as process:
            learner = await Learner.guest(process.url)
            made = await learner.post("/v1/sessions", json={"model": MISSION})
            await learner.post(f"/v1/sessions/{made['id']}/turns", json={"text": LINES[0]})
            connection = await asyncpg.connect(external.dsn)
            assert await connection.fetchval("SELECT count(*) FROM turn WHERE role = 'user'") == 1
            await connection.close()
            assert not (tmp_path / "data" / "postgres").exists(), "no server of its own was started"
            assert await process.stop() == 0
    finally:
        external.stop()


async def test_a_database_that_may_lose_data_is_refused(postgres: str, tmp_path: Path) -> None:
    """The tests' own PostgreSQL runs with fsync off."""
    admin = await asyncpg.connect(postgres)
    await admin.execute("CREATE DATABASE unsafe")
    try:
        process = ServerProcess(tmp_path / "data", DATABASE_URL=with_name(postgres, "unsafe"))
        with pytest.raises(RuntimeError, match="fsync=off: an acknowledged turn could be lost"):
            await process.start()
        assert process.process is not None
        assert process.process.returncode == 1
        assert "Traceback" not in process.log.read_text(), "one sentence is enough"
        nowhere = ServerProcess(tmp_path / "none", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
        with pytest.raises(RuntimeError, match="PostgreSQL can't be reached"):
            await nowhere.start()
        allowed = ServerProcess(
            tmp_path / "more", DATABASE_URL=with_name(postgres, "unsafe"), SOCIALGYM_UNSAFE_DB="on"
        )
        async with allowed:
            await Learner.guest(allowed.url)
    finally:
        await admin.execute("DROP DATABASE unsafe WITH (FORCE)")
        await admin.close()
