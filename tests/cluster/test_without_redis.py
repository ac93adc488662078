"""Redis is told to be there and is not: it costs speed, never data, and nothing waits for it."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from realtime.limits import Limits
from server.embedded_valkey import EmbeddedValkey
from tests.cluster.conftest import server_on
from tests.cluster.two import MISSION, at, guest, joined, opened, upto
from tests.durability.talk import LINES, assert_paid_once, eventually, log_of, said
from tests.support import free_port

PATIENT = 30.0  # seconds: what is looked for about once a second, on a loaded machine
ANSWERED = 8.0  # seconds a request may take on a loaded machine, none of them spent on waiting for Redis


@pytest.mark.parametrize("how", ["never there", "stopped", "killed"])
async def test_everything_works_slower(dsn: str, tmp_path: Path, how: str) -> None:
    valkey = None if how == "never there" else EmbeddedValkey.start()
    url = valkey.url if valkey is not None else f"redis://127.0.0.1:{free_port()}"
    limits = Limits(guests_per_hour=1_000)
    try:
        async with (
            server_on(dsn, tmp_path, redis_url=url, limits=limits) as a,
            server_on(dsn, tmp_path, redis_url=url, limits=limits) as b,
        ):
            learner = await guest(a)
            async with learner.connect(MISSION) as one:
                session_id = await opened(one)
                async with at(b, learner).connect(session_id=session_id) as two:
                    await joined(two)
                    if valkey is not None:
                        valkey.process.send_signal(signal.SIGSTOP if how == "stopped" else signal.SIGKILL)
                    for number, line in enumerate(LINES):
                        speaker, other = (one, two) if number % 2 == 0 else (two, one)
                        began = time.monotonic()
                        scored = await speaker.turn(line, f"turn-{number}")
                        assert await speaker.reply()
                        assert time.monotonic() - began < ANSWERED
                        async with asyncio.timeout(PATIENT):
                            assert await other.until("turn.scored", PATIENT) == scored
                    began = time.monotonic()
                    async with at(b, learner).connect(session_id=session_id) as late:
                        await joined(late)
                    assert (await at(a, learner).call("POST", "/v1/realtime/client_secrets", json={})).is_success
                    assert time.monotonic() - began < ANSWERED
                    summary = await at(b, learner).post(f"/v1/sessions/{session_id}/end")
                    for wire in (one, two):
                        assert (await wire.until("session.summary", PATIENT))["summary"] == summary
                        assert await wire.closed() == 1000
            log = await log_of(learner, session_id)
            assert said(log) == [f"turn-{n}" for n in range(4)]
            await assert_paid_once(learner, summary)
    finally:
        if valkey is not None:
            valkey.stop()


async def test_a_redis_that_comes_back_is_used_again(dsn: str, tmp_path: Path) -> None:
    valkey = EmbeddedValkey.start()
    again = None
    try:
        async with (
            server_on(dsn, tmp_path, redis_url=valkey.url) as a,
            server_on(dsn, tmp_path, redis_url=valkey.url) as b,
        ):
            learner = await guest(a)
            async with learner.connect(MISSION) as one:
                session_id = await opened(one)
                async with at(b, learner).connect(session_id=session_id) as two:
                    await joined(two)
                    valkey.process.kill()
                    valkey.process.wait()
                    scored = await one.turn(LINES[0])  # nobody is told
                    again = EmbeddedValkey.start(port=valkey.port, password=valkey.password)
                    assert await two.until("turn.scored", PATIENT) == scored
                    buses = [server.engine.peers.bus for server in (a, b)]
                    await eventually(lambda: all(bus.healthy for bus in buses), "the bus is back", PATIENT)
                    await two.turn(LINES[1])
                    await two.send("response.create")
                    await one.until("response.output_text.delta", PATIENT)  # which only the bus carries
                    done = await two.until("response.done")
                    assert await upto(one, done) == done
    finally:
        valkey.stop()
        if again is not None:
            again.stop()


async def test_the_claim_of_a_process_that_is_gone_does_not_stand_in_the_way(dsn: str, tmp_path: Path) -> None:
    """A reply was claimed and never fulfilled: its deadline is far away, but nobody says that it is theirs."""
    valkey = EmbeddedValkey.start()
    try:
        async with server_on(dsn, tmp_path, redis_url=valkey.url) as a:
            learner = await guest(a)
            async with learner.connect(MISSION) as wire:
                session_id = await opened(wire)
                await wire.turn(LINES[0])
                live = next(iter(a.engine.held_sessions.values()))
                async with a.engine.database.transaction() as connection:
                    assert await a.engine.store.sessions.claim_reply(
                        connection, live.spec.user_id, live.spec.session_id, "resp_of_the_dead", seconds=60.0
                    )
                assert await wire.reply()
                assert said(await log_of(learner, session_id), "assistant")[-1]
    finally:
        valkey.stop()
