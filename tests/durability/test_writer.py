"""The writer: batches, misses, broken connections, lost answers, and steps that the database can't take."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
import uuid_utils.compat

from realtime import writer as writer_module
from realtime.errors import AppError
from realtime.limits import Limits
from realtime.writer import Writer
from storage import append as append_module
from storage.database import Database
from storage.rows import SessionWrite
from tests.durability.talk import LINES, MISSION, assert_paid_once, decoded, eventually, log_of, said
from tests.support import Learner, RunningServer, Wire, running_server

FREE = "persona:MAYA_PLAYFUL"
HOBBIES = ("hiking", "painting", "knitting", "fishing", "baking", "gardening")


@pytest.fixture
async def sql(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


class Spy:
    """Stands before ``append``: counts the statements and how many steps went with each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        self._append = append_module.append
        monkeypatch.setattr(append_module, "append", self)

    async def __call__(self, connection: Any, steps: list[SessionWrite]) -> set[tuple[UUID, UUID]]:
        self.batches.append(len(steps))
        return await self._append(connection, steps)


class LostAnswers(Spy):
    """Commits, and then says that the connection broke, about every second time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int = 7) -> None:
        super().__init__(monkeypatch)
        self.lost = 0
        self._random = random.Random(seed)

    async def __call__(self, connection: Any, steps: list[SessionWrite]) -> set[tuple[UUID, UUID]]:
        stored = await super().__call__(connection, steps)
        if stored and self._random.random() < 0.5:
            self.lost += 1
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return stored


async def test_many_sessions_share_a_commit(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    learners = await asyncio.gather(*(server.learner() for _ in range(24)))
    made = await asyncio.gather(*(learner.post("/v1/sessions", json={"model": FREE}) for learner in learners))
    wires = [learner.connect(session_id=one["id"]) for learner, one in zip(learners, made, strict=True)]
    await asyncio.gather(*(wire.__aenter__() for wire in wires))
    spy = Spy(monkeypatch)
    for line in LINES:
        await asyncio.gather(*(wire.turn(line) for wire in wires))
    await asyncio.gather(*(wire.__aexit__(None, None, None) for wire in wires))
    turns = len(wires) * len(LINES)
    assert sum(spy.batches) == turns, "every turn is written once"
    assert len(spy.batches) < turns / 2
    assert max(spy.batches) > 4


async def test_a_lone_turn_is_not_held_back(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no timer: nobody else comes, and each turn is its own batch."""
    learner = await server.learner()
    spy = Spy(monkeypatch)
    async with learner.connect(FREE) as wire:
        for line in LINES[:2]:
            await wire.turn(line)
    assert spy.batches == [1, 1]


async def test_two_processes_share_a_session(dsn: str, tmp_path: Path) -> None:
    """Each has its own engine, writer and sockets; they meet in the database alone."""
    async with (
        running_server(dsn, tmp_path / "a", limits=Limits(enforced=False)) as a,
        running_server(dsn, tmp_path / "b", limits=Limits(enforced=False)) as b,
    ):
        at_a = await a.learner()
        at_b = Learner(b.url, {"accessToken": at_a.token, "refreshToken": "", "user": {"id": at_a.user_id}})
        async with at_a.connect(FREE) as one:
            session_id = (await one.next())["session"]["id"]
            async with at_b.connect(session_id=session_id, last_seq=0) as two:

                async def talk(wire: Wire, side: str) -> None:
                    for number in range(12):
                        item_id = f"{side}-{number}"
                        await wire.say(f"I saw {number + 3} boats from the {side} bank, did you?", item_id)
                        while (await wire.until("turn.scored"))["item_id"] != item_id:
                            pass  # the other side's

                await asyncio.gather(talk(one, "left"), talk(two, "right"))
                await one.send("session.end")
                assert await one.closed() == 1000
                assert await two.closed() == 1000
        events = await log_of(at_b, session_id)
        for wire in (one, two):
            assert [decoded(frame) for frame in wire.durable] == events
        assert one.durable == two.durable
        for side in ("left", "right"):
            mine = [item for item in said(events) if item.startswith(side)]
            assert mine == [f"{side}-{number}" for number in range(12)]
        indexes = [event["turnIndex"] for event in events if event["type"] == "turn.scored"]
        assert indexes == list(range(1, 25))
        await assert_paid_once(at_a, events[-1]["summary"])


async def test_a_head_that_moved_from_outside_is_missed_and_reloaded(server: RunningServer, sql: Any) -> None:
    learner = await server.learner()
    async with learner.connect(FREE) as wire:
        session_id = UUID((await wire.next())["session"]["id"])
        await wire.turn(LINES[0])
        body = '{"type":"session.updated","event_id":"event_out","session_id":"' + str(session_id) + '","seq":7}'
        head = await sql.fetchval("SELECT last_seq FROM practice_session WHERE id = $1", session_id)
        async with sql.transaction():
            await sql.execute(
                """INSERT INTO session_event (user_id, session_id, seq, type, body)
                   SELECT user_id, id, last_seq + 1, 'session.updated', $2 FROM practice_session WHERE id = $1""",
                session_id,
                body.replace('"seq":7', f'"seq":{head + 1}'),
            )
            await sql.execute("UPDATE practice_session SET last_seq = last_seq + 1 WHERE id = $1", session_id)
        await wire.turn(LINES[1])
    seqs = [decoded(frame)["seq"] for frame in wire.durable]
    assert seqs == list(range(1, len(seqs) + 1)), "the event from outside reached the socket in its place"
    assert any("event_out" in frame for frame in wire.durable)


async def test_the_writers_backend_is_killed_under_load(server: RunningServer, sql: Any) -> None:
    learners = await asyncio.gather(*(server.learner() for _ in range(6)))
    killed = 0

    async def talk(learner: Learner) -> tuple[str, int]:
        async with learner.connect(FREE) as wire:
            session_id = (await wire.next())["session"]["id"]
            number = -1
            while number < 11 or killed < 3:
                number += 1
                await wire.turn(f"I counted {number + 2} swans on the lake this morning, did you?", f"t{number}")
            assert not [frame for frame in wire.frames if decoded(frame)["type"] == "error"]
            seqs = [decoded(frame)["seq"] for frame in wire.durable]
            assert seqs == list(range(1, len(seqs) + 1))
            return str(session_id), number

    async def sabotage() -> None:
        nonlocal killed
        while True:
            killed += await sql.fetchval(
                """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE application_name = 'socialgym writer' AND datname = current_database()"""
            )
            await asyncio.sleep(0.08)

    saboteur = asyncio.create_task(sabotage())
    sessions = await asyncio.gather(*(talk(learner) for learner in learners))
    saboteur.cancel()
    for learner, (session_id, last) in zip(learners, sessions, strict=True):
        assert said(await log_of(learner, session_id)) == [f"t{number}" for number in range(last + 1)]


@pytest.mark.parametrize("seed", range(4))
async def test_a_lost_answer_is_settled(server: RunningServer, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Turns, replies, updates and memory edits whose COMMIT was answered into the void: each is there once."""
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.001,))
    losing = LostAnswers(monkeypatch, seed)
    learner = await server.learner()
    async with learner.connect(FREE) as wire:
        session_id = (await wire.next())["session"]["id"]
        for number, hobby in enumerate(HOBBIES):
            await wire.turn(f"I really enjoy {hobby}, it calms me.", f"t{number}")
            assert await wire.reply()
        await wire.send("session.update", session={"type": "realtime", "socialgym": {"memoryMode": "read"}})
        await wire.until("session.updated")
        await wire.turn("My name is Tal and I live in Oslo.", "unlearnt")
        await wire.drained()
        assert not [frame for frame in wire.frames if decoded(frame)["type"] == "error"]
        assert sorted(set(wire.durable), key=wire.durable.index) == wire.durable, "no frame twice"
    assert losing.lost >= 4
    events = await log_of(learner, session_id)
    assert said(events) == [*(f"t{number}" for number in range(len(HOBBIES))), "unlearnt"]
    kinds = [event["type"] for event in events]
    assert kinds.count("response.done") == len(HOBBIES)
    assert kinds.count("session.updated") == 1
    assert kinds.count("memory.created") + kinds.count("memory.updated") == len(HOBBIES)
    versions = [event["version"] for event in events if event["type"].startswith("memory.")]
    assert versions == list(range(1, len(HOBBIES) + 1))
    await assert_paid_once(learner, await learner.post(f"/v1/sessions/{session_id}/end"))


async def test_a_lost_answer_does_not_lose_what_the_turn_sets_in_motion(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The automatic reply, and the closing line with the end by the mission's rules."""
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.001,))
    learner = await server.learner()
    async with learner.connect(MISSION) as wire:
        await wire.send("session.update", session={"type": "realtime", "socialgym": {"autoResponse": True}})
        await wire.until("session.updated")
        LostAnswers(monkeypatch)._random.random = lambda: 0.0  # type: ignore[method-assign]
        await wire.say(LINES[0])
        await wire.until("response.done")
        await wire.say("I'm going to kill you.")
        assert (await wire.until("response.done"))["response"]["status"] == "completed", "the closing line"
        assert (await wire.until("session.finalizing"))["reason"] == "RULE"
        assert await wire.closed() == 1000


async def test_two_sessions_learn_at_once(server: RunningServer, sql: Any) -> None:
    """Two sessions with one persona write to one list key: no write is lost, no version is given twice."""
    learner = await server.learner()
    async with learner.connect(FREE) as one, learner.connect(FREE) as two:

        async def learn(wire: Wire, hobbies: tuple[str, ...]) -> None:
            for hobby in hobbies:
                await wire.turn(f"I really enjoy {hobby}.")

        await asyncio.gather(learn(one, HOBBIES[:3]), learn(two, HOBBIES[3:]))
        await asyncio.gather(one.drained(), two.drained())
        writes = [decoded(frame) for wire in (one, two) for frame in wire.durable if '"type":"memory.' in frame]
    assert sorted(write["version"] for write in writes) == list(range(1, 7))
    items = await sql.fetchval("SELECT items::text FROM persona_memory WHERE key = 'likes.hobby'")
    assert {item["value"] for item in msgspec.json.decode(items)} == set(HOBBIES)


async def test_one_item_id_in_flight_on_every_transport(server: RunningServer) -> None:
    learner = await server.learner()
    async with learner.connect(FREE) as one, learner.connect(FREE) as other:
        session_id = (await one.next())["session"]["id"]
        await other.send("session.end")
        await other.closed()
        async with learner.connect(session_id=session_id) as two:
            path = f"/v1/sessions/{session_id}/turns"
            body = {"id": "same", "text": LINES[0]}
            rest = [asyncio.create_task(learner.call("POST", path, json=body)) for _ in range(3)]
            scored = await asyncio.gather(one.turn(LINES[0], "same"), two.turn(LINES[0], "same"))
            answers = [(await answer).json()["events"] for answer in rest]
            assert scored[0] == scored[1]
            assert all(answer == answers[0] for answer in answers)
            assert answers[0][2] == scored[0]

            await asyncio.gather(one.say("I like tea.", "clash"), two.say("I like coffee.", "clash"))
            for wire in (one, two):
                await wire.until(lambda frame: frame["type"] == "turn.scored" and frame["item_id"] == "clash")
            await asyncio.gather(one.drained(), two.drained())
            refused = [
                frame for wire in (one, two) for frame in map(decoded, wire.frames) if frame["type"] == "error"
            ]
            assert [error["error"]["code"] for error in refused] == ["idempotency_conflict"]
    assert said(await log_of(learner, session_id)) == ["same", "clash"]


# --- the writer alone ----------------------------------------------------------------------------------------------


@pytest.fixture
async def alone(database: Database) -> AsyncIterator[Writer]:
    made = Writer(database.raw)
    made.start()
    yield made
    await made.close()


def nobody(seq: int = 1) -> SessionWrite:
    """A step of a session that does not exist: it can only be missed."""
    made = uuid_utils.compat.uuid7
    return SessionWrite(user_id=made(), session_id=made(), expected_seq=seq, seq=seq + 1, state="{}")


async def test_a_step_that_can_not_be_written_harms_no_other(alone: Writer) -> None:
    """asyncpg refuses a number that is no int4, on our side of the wire: connection and neighbours are sound."""
    first = asyncio.create_task(alone.write(nobody()))
    batch = [nobody(), nobody(seq=2**40), nobody()]
    answers = await asyncio.wait_for(asyncio.gather(*map(alone.write, batch), return_exceptions=True), 5)
    assert answers[0] is False
    assert answers[2] is False
    assert isinstance(answers[1], asyncpg.DataError | ValueError)
    assert await first is False


async def test_a_cancelled_wait_does_not_stop_the_writer(alone: Writer) -> None:
    waiting = [asyncio.create_task(alone.write(nobody(seq=2**40 if number % 2 else 1))) for number in range(6)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await asyncio.wait_for(alone.write(nobody()), 5) is False


async def test_a_closed_writer_refuses(database: Database) -> None:
    made = Writer(database.raw)
    made.start()
    last = asyncio.create_task(made.write(nobody()))
    await asyncio.sleep(0)
    await made.close()
    assert await last is False, "what waited was carried out"
    with pytest.raises(AppError) as refused:
        await made.write(nobody())
    assert refused.value.code == "draining"


async def test_a_deadlock_is_run_again(alone: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    really = append_module.append

    async def deadlocks(connection: Any, steps: list[SessionWrite]) -> set[tuple[UUID, UUID]]:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return await really(connection, steps)

    monkeypatch.setattr(append_module, "append", deadlocks)
    assert await alone.write(nobody()) is False
    assert tried == 3


async def test_postgres_is_away_for_a_while(server: RunningServer, sql: Any, postgres: str, dsn: str) -> None:
    """No connection is let in and all are ended: what was read waits, and is committed when the database is back."""
    name = dsn.rsplit("/", 1)[1]
    learner = await server.learner()
    async with learner.connect(FREE) as wire:
        session_id = (await wire.next())["session"]["id"]
        admin = await asyncpg.connect(postgres)
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
            name,
        )
        await wire.say(LINES[0], "patient")
        assert not [frame for frame in await wire.drained(0.6) if frame["type"] == "turn.scored"]
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
        assert (await wire.until("turn.scored"))["item_id"] == "patient"

    async def back() -> bool:
        return (await learner.call("GET", "/v1/health/ready")).status_code == 200

    await eventually(back, "the pool is well again")
    assert said(await log_of(learner, session_id)) == ["patient"]
