"""Two real server processes on one database and one Valkey: one is killed, or stopped past every time-out."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from server.embedded_valkey import EmbeddedValkey
from tests.cluster.two import MISSION, Visitor, joined, opened, upto
from tests.durability.talk import LINES, assert_paid_once, log_of, said
from tests.support import Learner, ServerProcess

PATIENT = 30.0  # seconds: a dead process's claim is given up after two, on a machine that is not loaded
STOPPED_SECONDS = 9.0  # past the silence after which a listener takes its connection for dead


@pytest.fixture(scope="module")
async def processes(
    postgres: str, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[ServerProcess, ServerProcess]]:
    from tests.conftest import new_database

    folder: Path = tmp_path_factory.mktemp("processes")
    async with new_database(postgres, "template0") as dsn:
        environment = {
            "DATABASE_URL": dsn,
            "REDIS_URL": valkey.url,
            "SOCIALGYM_UNSAFE_DB": "on",
            "SOCIALGYM_SECRET_KEY": uuid4().hex * 2,
        }
        first, second = (ServerProcess(folder / name, **environment) for name in ("first", "second"))
        await first.start(PATIENT)
        await second.start(PATIENT)
        yield first, second
        for process in (first, second):
            if process.process is not None and process.process.poll() is None:
                await process.stop()


@pytest.fixture
async def both(processes: tuple[ServerProcess, ServerProcess]) -> tuple[ServerProcess, ServerProcess]:
    """Running, whatever the test before did to them."""
    for process in processes:
        assert process.process is not None
        if process.process.poll() is not None:
            await process.start(PATIENT)
    return processes


async def visitors(both: tuple[ServerProcess, ServerProcess]) -> tuple[Visitor, Visitor]:
    made = await Learner.guest(both[0].url)
    tokens = {"accessToken": made.token, "refreshToken": made.refresh_token, "user": {"id": made.user_id}}
    return Visitor(both[0].url, tokens), Visitor(both[1].url, tokens)


async def test_the_process_that_says_a_reply_is_killed(both: tuple[ServerProcess, ServerProcess]) -> None:
    here, there = await visitors(both)
    async with here.connect(MISSION) as one:
        session_id = await opened(one)
        async with there.connect(session_id=session_id) as two:
            await joined(two)
            await one.turn(LINES[0], "first")
            await one.send("response.create")
            await two.until("response.output_text.delta")
            both[0].kill()
            assert await one.closed() == 1006
            await two.turn(LINES[1], "second")
            await two.send("response.create")
            created = await two.until("response.created", PATIENT)
            done = await two.until("response.done", PATIENT)
            assert done["response"]["id"] == created["response"]["id"]
            assert done["response"]["status"] == "completed"
            await two.send("session.end")
            summary = (await two.until("session.summary"))["summary"]
    log = await log_of(there, session_id)
    assert said(log) == ["first", "second"]
    assert len(said(log, "assistant")) == 2, "the greeting, and the one reply that was committed"
    await assert_paid_once(there, summary)


async def test_a_process_is_stopped_for_longer_than_any_time_out(both: tuple[ServerProcess, ServerProcess]) -> None:
    here, there = await visitors(both)
    assert both[0].process is not None
    async with here.connect() as one:
        session_id = await opened(one)
        async with there.connect(session_id=session_id, last_seq=0) as two:
            await two.until("session.resumed")
            await upto(two, {"seq": 3})
            await one.turn(LINES[0], "first")
            both[0].process.send_signal(signal.SIGSTOP)
            try:
                await one.say(LINES[1], "while it is stopped")
                for number in range(3):
                    await two.turn(f"{LINES[2]} Number {number}.", f"other-{number}")
                await asyncio.sleep(STOPPED_SECONDS)
            finally:
                both[0].process.send_signal(signal.SIGCONT)
            last = await one.until(lambda frame: frame.get("item_id") == "while it is stopped", PATIENT)
            assert last["type"] == "turn.scored"
            await upto(two, last)
            await two.send("response.create")
            done = await two.until("response.done", PATIENT)
            await upto(one, done)
            seqs = [msgspec.json.decode(frame)["seq"] for frame in one.durable]
            assert seqs == list(range(1, len(seqs) + 1))
            assert one.durable == two.durable
    log = await log_of(there, session_id)
    assert sorted(said(log)) == ["first", "other-0", "other-1", "other-2", "while it is stopped"]
