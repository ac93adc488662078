"""What nobody ended is ended, what nobody finalized is finalized, and by which cause."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from realtime.limits import Limits
from storage.catalogue.loader import load
from storage.catalogue.model import Catalogue
from tests.durability.talk import LINES, MISSION, assert_paid_once, eventually, log_of
from tests.support import Learner, RunningServer, ServerProcess

THREAT = "I'm going to kill you."
TIMED = "INTERVIEW_TELL_ME_ABOUT_YOU"
QUICK = Limits(enforced=False, sweep_seconds=0.1, attach_seconds=0.1, attach_lease_seconds=0.4)


@pytest.fixture
async def sql(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The database of ``server`` and ``serve``, as its superuser."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def cause_of(learner: Learner, session_id: str) -> tuple[str, dict[str, Any]]:
    """Wait for the summary: (the cause in ``session.finalizing``, the summary)."""

    async def is_final() -> bool:
        return (await learner.call("GET", f"/v1/sessions/{session_id}/summary")).status_code == 200

    await eventually(is_final, "the session is finalized")
    finalizing, last = (await log_of(learner, session_id))[-2:]
    assert (finalizing["type"], last["type"]) == ("session.finalizing", "session.summary")
    return finalizing["reason"], last["summary"]


async def test_grace_ends_what_was_left_and_only_that(serve: Any) -> None:
    limits = msgspec.structs.replace(QUICK, grace_seconds=0.5)
    async with serve(limits=limits) as server:
        learner = await server.learner()
        async with learner.connect(MISSION) as left:
            left_id = (await left.next())["session"]["id"]
            await left.turn(LINES[0])
        async with learner.connect("persona:MAYA_PLAYFUL") as held:
            held_id = (await held.next())["session"]["id"]
            cause, summary = await cause_of(learner, left_id)
            assert cause == "GRACE"
            assert summary["outcome"]["endReasonCode"] == "ABORT_USER_EXIT"
            await held.turn(LINES[0])
            assert (await learner.get("/v1/sessions"))["items"][0]["status"] == "IN_PROGRESS"
        cause, other = await cause_of(learner, held_id)
        assert cause == "GRACE"
        await assert_paid_once(learner, summary, other)


async def test_coming_back_in_time_keeps_the_session(serve: Any) -> None:
    limits = msgspec.structs.replace(QUICK, grace_seconds=1.5)
    async with serve(limits=limits) as server:
        learner = await server.learner()
        async with learner.connect(MISSION) as wire:
            session_id = (await wire.next())["session"]["id"]
        async with learner.connect(session_id=session_id) as wire:
            with pytest.raises(TimeoutError):
                await wire.until("session.finalizing", 2.5)
            await wire.turn(LINES[0])


async def test_idle_ends_a_session_without_a_socket_at_its_last_turn(serve: Any, sql: Any) -> None:
    limits = msgspec.structs.replace(QUICK, idle_seconds=0.7)
    async with serve(limits=limits) as server:
        learner = await server.learner()
        session_id = (await learner.post("/v1/sessions", json={"model": MISSION}))["id"]
        for line in LINES[:3]:
            await learner.post(f"/v1/sessions/{session_id}/turns", json={"text": line})
        cause, summary = await cause_of(learner, session_id)
        assert cause == "IDLE"
        assert summary["outcome"]["status"] != "ABORTED", "three good turns are a session played out"
        row = await sql.fetchrow(
            "SELECT ended_at, last_turn_at FROM practice_session WHERE id = $1", UUID(session_id)
        )
        assert row["ended_at"] == row["last_turn_at"]
        await assert_paid_once(learner, summary)


async def test_age_ends_even_a_session_that_is_held(serve: Any) -> None:
    limits = msgspec.structs.replace(QUICK, session_seconds=1.0)
    async with serve(limits=limits) as server:
        learner = await server.learner()
        async with learner.connect(MISSION) as wire:
            await wire.turn(LINES[0])
            assert (await wire.until("session.finalizing"))["reason"] == "AGE"
            summary = (await wire.until("session.summary"))["summary"]
            assert await wire.closed() == 1000
        await assert_paid_once(learner, summary)


async def test_the_thousandth_turn_ends_the_session(server: RunningServer, sql: Any) -> None:
    learner = await server.learner()
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = UUID((await wire.next())["session"]["id"])
        await wire.turn("Hello there, how was your morning?")
        # As if it were the 999th: the counter of the state is what the rule looks at.
        await sql.execute(
            """UPDATE practice_session SET last_seq = last_seq + 1,
                   state = jsonb_set(state::jsonb, '{tally,turns}', '999')::text WHERE id = $1""",
            session_id,
        )
        await sql.execute(
            """INSERT INTO session_event (user_id, session_id, seq, type, body)
               SELECT user_id, session_id, seq + 1, type, replace(body, '"seq":' || seq, '"seq":' || (seq + 1))
               FROM session_event WHERE session_id = $1 ORDER BY seq DESC LIMIT 1""",
            session_id,
        )
        await wire.say("Mine was slow, I had to wait for the bus because it rained.")
        assert (await wire.until("session.finalizing"))["reason"] == "AGE"
        assert await wire.closed() == 1000


async def test_an_ending_mission_takes_no_turn_and_every_end_is_its_rule(server: RunningServer, sql: Any) -> None:
    """What a process leaves that died between the ending turn and the end."""
    learner = await server.learner()
    session_id = (await learner.post("/v1/sessions", json={"model": MISSION}))["id"]
    await learner.post(f"/v1/sessions/{session_id}/turns", json={"text": LINES[0]})
    await sql.execute(
        "UPDATE practice_session SET ending_until = now() + interval '1 hour' WHERE id = $1", UUID(session_id)
    )
    refused = await learner.call("POST", f"/v1/sessions/{session_id}/turns", json={"text": LINES[1]})
    assert (refused.status_code, refused.json()["code"]) == (409, "session_ended")
    await learner.post(f"/v1/sessions/{session_id}/end")
    cause, _ = await cause_of(learner, session_id)
    assert cause == "RULE"


async def test_the_sweeper_ends_what_was_left_ending(serve: Any, sql: Any) -> None:
    async with serve(limits=QUICK) as server:
        learner = await server.learner()
        async with learner.connect(MISSION) as wire:
            session_id = (await wire.next())["session"]["id"]
            await wire.turn(LINES[0])
            await sql.execute("UPDATE practice_session SET ending_until = now() WHERE id = $1", UUID(session_id))
            assert (await wire.until("session.finalizing"))["reason"] == "RULE"
            assert await wire.closed() == 1000
        cause, summary = await cause_of(learner, session_id)
        assert cause == "RULE"
        await assert_paid_once(learner, summary)


async def test_a_process_that_dies_during_the_closing_line(process: ServerProcess) -> None:
    learner = await Learner.guest(process.url)
    async with learner.connect(MISSION) as wire:
        session_id = (await wire.next())["session"]["id"]
        await wire.turn(LINES[0])
        scored = await wire.turn(THREAT, "threat")
        assert scored["score"] < 30
        await wire.until("response.output_text.delta")
        process.kill()
        await wire.closed()
    await process.start()
    async with learner.connect(session_id=session_id, last_seq=0) as wire:
        resumed = await wire.next()
        await wire.until(lambda frame: frame.get("seq") == resumed["head_seq"])
        await wire.say(LINES[1])
        assert (await wire.until("error"))["error"]["code"] == "session_ended"
        await wire.say(THREAT, "threat")  # acknowledged before: the stored events again
        assert (await wire.until("turn.scored"))["item_id"] == "threat"
        assert (await wire.until("session.finalizing", 30))["reason"] == "RULE"
        summary = (await wire.until("session.summary"))["summary"]
        assert await wire.closed() == 1000
    assert summary["outcome"]["endReasonCode"] == "ABORT_DISQUALIFIED"
    await assert_paid_once(learner, summary)


async def test_a_finalization_that_fails_is_counted_retried_and_set_aside(serve: Any, sql: Any) -> None:
    async with serve(limits=QUICK) as server:
        learner = await server.learner()
        session_id = (await learner.post("/v1/sessions", json={"model": MISSION}))["id"]
        key = UUID(session_id)
        for line in LINES[:2]:
            await learner.post(f"/v1/sessions/{session_id}/turns", json={"text": line})
        good = await sql.fetchval("SELECT mood::text FROM turn WHERE session_id = $1 AND turn_index = 2", key)
        broken = "UPDATE turn SET mood = $2::jsonb WHERE session_id = $1 AND turn_index = 2"
        await sql.execute(broken, key, '{"moodState": 7}')
        refused = await learner.call("POST", f"/v1/sessions/{session_id}/end")
        assert refused.status_code == 500

        async def failures() -> int:
            await sql.execute("UPDATE practice_session SET finalize_after = now() WHERE id = $1", key)
            count: int = await sql.fetchval("SELECT finalize_failures FROM practice_session WHERE id = $1", key)
            return count

        async def set_aside() -> bool:
            return await failures() == QUICK.finalize_attempts

        await eventually(set_aside, "the sweeper tries five times", 20)
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:  # the sweeper goes on with others meanwhile
            await wire.turn(LINES[0])
            await wire.send("session.end")
            other = (await wire.until("session.summary"))["summary"]
        assert await failures() == QUICK.finalize_attempts, "it is not tried for ever"
        assert (await learner.get("/v1/health/ready"))["quarantined"] == 1
        assert (await learner.get("/v1/wallet/me"))["xp"] == other["wallet"]["after"]["xp"], "nothing half-way"
        await sql.execute(broken, key, good)
        summary = await learner.post(f"/v1/sessions/{session_id}/end")
        assert (await learner.get("/v1/health/ready"))["quarantined"] == 0
        await assert_paid_once(learner, other, summary)


def timed(seconds: float) -> Catalogue:
    """The shipped catalogue with a short timer on a mission that has one."""
    catalogue = load()
    template = catalogue.templates[TIMED]
    config = template.mission_config_v1
    assert config.state_policy is not None
    policy = msgspec.structs.replace(config.state_policy, timer_seconds_per_message=seconds)
    changed = msgspec.structs.replace(
        template, mission_config_v1=msgspec.structs.replace(config, state_policy=policy)
    )
    return msgspec.structs.replace(catalogue, templates={**catalogue.templates, TIMED: changed})


async def test_the_timer_can_not_be_won_over_by_other_commands(serve: Any) -> None:
    async with serve(limits=QUICK, catalogue=timed(1.5)) as server:
        learner = await server.learner()
        async with learner.connect(f"template:{TIMED}") as wire:
            await wire.turn("Hello, I'm Tal. I ran the front desk of a small clinic for four years.")
            assert await wire.reply()
            await wire.send("session.update", session={"type": "realtime", "socialgym": {"memoryMode": "read"}})
            await wire.until("session.updated")
            finalizing = await wire.until("session.finalizing")
            assert finalizing["reason"] == "TIMER"
            summary = (await wire.until("session.summary"))["summary"]
            assert summary["outcome"]["endReasonCode"] == "FAIL_TIMER_EXPIRED"


async def test_the_timer_does_not_run_while_the_persona_speaks(serve: Any) -> None:
    async with serve(limits=QUICK, catalogue=timed(0.5), pace_ms=60) as server:
        learner = await server.learner()
        async with learner.connect(f"template:{TIMED}") as wire:
            await wire.turn("Hello, I'm Tal. I ran the front desk of a small clinic for four years.")
            assert await wire.reply()
            await wire.send("response.create")  # the persona again, longer than the timer
            done = await wire.until("response.done")
            assert done["response"]["status"] == "completed"
            assert (await wire.until("session.finalizing"))["reason"] == "TIMER"
