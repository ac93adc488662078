"""Interleavings inside one process: joins, reloads, replies and ends that meet at the worst moment."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn
from realtime.delivery import Connection
from realtime.engine import Engine
from realtime.errors import AppError
from realtime.limits import Limits
from realtime.live import LiveSession
from realtime.tasks import Tasks
from storage import heads, sessions
from storage.database import Database, execute, row
from tests.durability.talk import LINES, MISSION, decoded, eventually, log_of, said
from tests.support import Learner, RunningServer

FREE = "persona:MAYA_PLAYFUL"


class Paper:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.code: int | None = None

    writable = True

    def send(self, *texts: str) -> None:
        self.frames += map(decoded, texts)

    def close(self, code: int, reason: str) -> None:
        self.code = code

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.frames if "seq" in frame]


@pytest.fixture
async def learner(server: RunningServer) -> Learner:
    return await server.learner()


@pytest.fixture
def engine(server: RunningServer) -> Engine:
    return server.engine


def turn(text: str, item_id: str) -> LearnerTurn:
    return LearnerTurn(
        item_id=item_id, text=text, kind="text", body_hash=body_hash("text", text), at=Engine.now_iso()
    )


async def begun(learner: Learner, model: str = FREE) -> tuple[UUID, UUID]:
    made = await learner.post("/v1/sessions", json={"model": model})
    return UUID(learner.user_id), UUID(made["id"])


async def joined(engine: Engine, key: tuple[UUID, UUID], last_seq: int | None = 0) -> tuple[Connection, Paper]:
    paper = Paper()
    connection = Connection(paper, Limits(enforced=False), key[0])
    await engine.joiner.join(connection, await engine.joiner.prepare(*key, last_seq, created=False))
    return connection, paper


async def held(engine: Engine, key: tuple[UUID, UUID]) -> LiveSession:
    found = await engine.hold(*key)
    assert isinstance(found, LiveSession)
    return found


@pytest.mark.parametrize("last_seq", [None, 0])
async def test_events_while_a_socket_joins_reach_it_once(
    engine: Engine, learner: Learner, last_seq: int | None
) -> None:
    key = await begun(learner)

    async def talk() -> None:
        for number in range(12):
            await engine.turn(*key, turn(f"I saw {number + 2} ducks by the river today.", f"t{number}"))

    async def reload() -> None:
        for _ in range(20):
            await (await held(engine, key)).reload()

    talking = [asyncio.create_task(talk()), asyncio.create_task(reload())]
    papers = []
    while not talking[0].done():
        connection, paper = await joined(engine, key, last_seq)
        papers.append((connection, paper))
        await asyncio.sleep(0)
    await asyncio.gather(*talking)
    head = (await engine.head(*key)).last_seq
    for connection, paper in papers:
        await eventually(lambda c=connection: c.sent_seq == head, "the socket is at the head")
        await connection.drained()
        seqs = paper.seqs if last_seq == 0 else paper.seqs[1:]  # the first is session.created, out of the order
        assert seqs == list(range(head - len(seqs) + 1, head + 1)), "no gap, nothing twice"


async def test_a_session_let_go_between_the_door_and_the_join(engine: Engine, learner: Learner) -> None:
    key = await begun(learner)
    joining = await engine.joiner.prepare(*key, 0, created=False)
    engine.forget_idle(seconds=-1)
    paper = Paper()
    connection = Connection(paper, engine.limits, key[0])
    await engine.joiner.join(connection, joining)
    await engine.turn(*key, turn(LINES[0], "t"))
    await connection.drained()
    assert "turn.scored" in [frame["type"] for frame in paper.frames]
    assert engine.held(connection) is await held(engine, key)


async def test_a_socket_gone_before_it_joined_holds_nothing(engine: Engine, learner: Learner) -> None:
    key = await begun(learner)
    connection = Connection(Paper(), engine.limits, key[0])
    joining = asyncio.create_task(
        engine.joiner.join(connection, await engine.joiner.prepare(*key, None, created=False))
    )
    await asyncio.sleep(0)  # it waits for the database now
    await engine.joiner.leave(connection)
    assert await joining is None
    assert not (await held(engine, key)).connections


async def test_an_older_row_that_is_read_late_is_dropped(
    engine: Engine, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await begun(learner)
    live = await held(engine, key)
    connection, paper = await joined(engine, key)
    read, late = heads.head, asyncio.Event()
    reads = 0

    async def slow_once(*arguments: Any, **options: Any) -> Any:
        nonlocal reads
        reads += 1
        found = await read(*arguments, **options)
        if reads == 1:
            await late.wait()
        return found

    monkeypatch.setattr(heads, "head", slow_once)
    stale = asyncio.create_task(live.reload())
    await eventually(lambda: reads == 1, "the old row is read")
    await engine.ender.end(live, "CLIENT")
    await eventually(lambda: paper.code is not None, "the socket is closed")
    late.set()
    await stale
    assert live.final
    assert live.state.seq == (await engine.head(*key)).last_seq
    assert [frame["type"] for frame in paper.frames[-3:]] == [
        "session.finalizing",
        "session.summary",
        "wallet.updated",
    ]
    assert (paper.code, connection.closed) == (1000, True)


async def test_a_reload_that_overtakes_a_commits_answer(
    engine: Engine, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn is stored and the session ended before this process hears of the turn's COMMIT."""
    key = await begun(learner)
    live = await held(engine, key)
    _, paper = await joined(engine, key)
    write = engine.writer.write

    async def heard_late(step: Any) -> bool:
        stored = await write(step)
        await engine.ender.end(live, "CLIENT")
        return stored

    monkeypatch.setattr(engine.writer, "write", heard_late)
    await engine.turn(*key, turn(LINES[0], "t"))
    await eventually(lambda: paper.code is not None, "the socket is closed")
    head = (await engine.head(*key)).last_seq
    assert (live.final, live.state.seq) == (True, head)
    assert paper.seqs == list(range(1, head + 1))
    assert paper.code == 1000


async def test_a_stranger_at_the_same_moment_changes_nothing_for_the_owner(
    engine: Engine, server: RunningServer, learner: Learner
) -> None:
    key = await begun(learner)
    stranger = UUID((await server.learner()).user_id)
    engine.forget_idle(seconds=-1)
    answers = await asyncio.gather(engine.hold(stranger, key[1]), engine.hold(*key), return_exceptions=True)
    assert isinstance(answers[0], AppError)
    assert answers[0].code == "not_found"
    assert isinstance(answers[1], LiveSession)


async def test_one_socket_goes_while_another_comes(
    engine: Engine, learner: Learner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await begun(learner)
    first, _ = await joined(engine, key)
    detach = sessions.detach
    detaching, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any) -> None:
        detaching.set()
        await go_on.wait()
        await detach(*arguments)

    monkeypatch.setattr(sessions, "detach", slow)
    leaving = asyncio.create_task(engine.joiner.leave(first))
    await detaching.wait()
    coming = asyncio.create_task(joined(engine, key))
    await asyncio.sleep(0.05)
    go_on.set()
    await asyncio.gather(leaving, coming)
    async with database.read() as connection:
        found = await row(connection, "SELECT detached_at FROM practice_session WHERE id = :id", id=key[1])
    assert found is not None
    assert found["detached_at"] is None


async def test_the_end_keeps_what_the_persona_has_said(serve: Any) -> None:
    async with serve(pace_ms=40) as server:
        learner = await server.learner()
        async with learner.connect(MISSION) as wire:
            await wire.turn(LINES[0])
            await wire.send("response.create")
            delta = await wire.until("response.output_text.delta")
            await wire.send("session.end")
            done = await wire.until("response.done")
            assert done["response"]["status"] == "cancelled"
            (kept,) = done["response"]["output"]
            assert kept["status"] == "incomplete"
            assert kept["content"][0]["text"].startswith(delta["delta"])
            assert (await wire.next())["type"] == "session.finalizing"
            assert await wire.closed() == 1000


async def test_an_end_that_does_not_come_about_cancels_no_reply(serve: Any) -> None:
    async with serve(pace_ms=30) as server:
        learner = await server.learner()
        async with learner.connect(FREE) as wire:
            session_id = UUID((await wire.next())["session"]["id"])
            await wire.turn(LINES[0])
            await wire.send("response.create")
            await wire.until("response.output_text.delta")
            ended = await server.engine.ender.end_session(UUID(learner.user_id), session_id, "REPLACED")
            assert ended is None, "a socket holds it"
            assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_reply_whose_claim_was_void_did_not_happen(serve: Any, database: Database) -> None:
    """A process that was paused past the deadline finds that another has answered."""
    async with serve(pace_ms=30) as server:
        learner = await server.learner()
        async with learner.connect(FREE) as wire:
            session_id = (await wire.next())["session"]["id"]
            await wire.turn(LINES[0])
            await wire.send("response.create")
            await wire.until("response.output_text.delta")
            live = await held(server.engine, (UUID(learner.user_id), UUID(session_id)))
            reply = live.reply
            assert reply is not None
            async with database.transaction() as connection:
                await execute(
                    connection,
                    "UPDATE practice_session SET reply_id = 'resp_other' WHERE id = :id",
                    id=UUID(session_id),
                )
            assert await asyncio.wait_for(asyncio.shield(reply.done), 10) is None
            async with database.transaction() as connection:
                await sessions.drop_reply(connection, UUID(learner.user_id), UUID(session_id), "resp_other")
            assert await wire.reply()
        events = await log_of(learner, session_id)
        assert [event["response"]["id"] for event in events if event["type"] == "response.done"] != [reply.id]
        assert len(said(events, "assistant")) == 2


async def test_a_drain_gives_the_claim_of_a_long_reply_back(
    serve: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process can answer at once, and need not wait for the claim's deadline."""
    async with serve(pace_ms=100) as server:
        close = server.engine.tasks.close
        monkeypatch.setattr(server.engine.tasks, "close", lambda: close(patience=0.05))
        learner = await server.learner()
        async with learner.connect(FREE) as wire:
            session_id = (await wire.next())["session"]["id"]
            await wire.turn(LINES[0])
            await wire.send("response.create")
            await wire.until("response.output_text.delta")
    async with database.read() as connection:
        head = await heads.head(connection, UUID(learner.user_id), UUID(session_id))
    assert head is not None
    assert (head.status, head.reply_id) == ("IN_PROGRESS", None)


async def test_rest_waits_for_the_automatic_reply(server: RunningServer, learner: Learner) -> None:
    async with learner.connect(FREE) as wire:
        session_id = (await wire.next())["session"]["id"]
        await wire.send("session.update", session={"type": "realtime", "socialgym": {"autoResponse": True}})
        await wire.until("session.updated")
        for line in LINES:
            path = f"/v1/sessions/{session_id}/turns?respond=true"
            kinds = [event["type"] for event in (await learner.post(path, json={"text": line}))["events"]]
            assert kinds[0] == "conversation.item.added"
            assert kinds[-1] == "response.done"
            assert kinds.count("conversation.item.done") == 2
        await wire.drained()
    assert len(said(await log_of(learner, session_id), "assistant")) == 1 + len(LINES)


async def test_a_state_of_a_newer_version_ends_the_session(
    server: RunningServer, learner: Learner, database: Database
) -> None:
    async with learner.connect(MISSION) as wire:
        session_id = UUID((await wire.next())["session"]["id"])
        await wire.turn(LINES[0])
        async with database.transaction() as connection:
            await execute(
                connection,
                """UPDATE practice_session SET state = jsonb_set(state::jsonb, '{v}', '99')::text,
                       last_seq = last_seq + 1 WHERE id = :id""",
                id=session_id,
            )
            await execute(
                connection,
                """INSERT INTO session_event (user_id, session_id, seq, type, body)
                   SELECT user_id, id, last_seq, 'session.updated',
                       '{"type":"x","event_id":"e","session_id":"' || id || '","seq":' || last_seq || '}'
                   FROM practice_session WHERE id = :id""",
                id=session_id,
            )
        await wire.say(LINES[1])
        assert (await wire.until("error"))["error"]["code"] == "session_ended"
        assert (await wire.until("session.finalizing"))["reason"] == "SYSTEM"
        summary = (await wire.until("session.summary"))["summary"]
        assert summary["outcome"]["endReasonCode"] == "ABORT_SYSTEM_ERROR"
        assert await wire.closed() == 1000


async def test_a_repeated_send_after_forgetting_is_redacted(server: RunningServer, learner: Learner) -> None:
    """The answer kept in memory is not told again once its value was forgotten."""
    async with learner.connect(FREE) as wire:
        await wire.turn("My name is Talmadge, and I live in Oslo.", "told")
        await wire.until("memory.created")
        await wire.send("memory.forget", key="name", withTurns=True)
        await wire.until("memory.forgotten")
        seen = len(wire.frames)
        await wire.turn("My name is Talmadge, and I live in Oslo.", "told")
        await wire.drained()
        assert not [frame for frame in wire.frames[seen:] if "Talmadge" in frame]


async def test_a_gap_in_the_log_closes_the_socket(learner: Learner, engine: Engine, database: Database) -> None:
    """It does not spin, and it does not skip."""
    key = await begun(learner)
    await engine.turn(*key, turn(LINES[0], "t"))
    await engine.ender.end_session(*key, "CLIENT")
    async with database.transaction() as connection:
        await execute(connection, "SET LOCAL ROLE NONE")  # as the application it could not
        await execute(connection, "DELETE FROM session_event WHERE session_id = :id AND seq = 5", id=key[1])
    _, paper = await asyncio.wait_for(joined(engine, key), 5)
    await eventually(lambda: paper.code is not None, "the socket is closed")
    assert paper.code == 1011


async def test_a_step_that_can_never_be_stored_is_given_up(
    learner: Learner, engine: Engine, database: Database
) -> None:
    key = await begun(learner)
    live = await held(engine, key)
    async with database.transaction() as connection:  # a row in the way of the next event
        await execute(
            connection,
            """INSERT INTO session_event (user_id, session_id, seq, type, body)
               VALUES (:user, :id, :seq, 'broken', '{}')""",
            user=key[0],
            id=key[1],
            seq=live.state.seq + 1,
        )
    with pytest.raises(AppError) as given_up:
        await asyncio.wait_for(engine.turn(*key, turn(LINES[0], "t")), 20)
    assert given_up.value.code == "internal_error"


async def test_closing_waits_for_what_tasks_set_in_motion_and_ends_the_rest() -> None:
    tasks, done = Tasks(), []

    async def first() -> None:
        await asyncio.sleep(0.01)
        tasks.spawn(second(), "second")

    async def second() -> None:
        await asyncio.sleep(0.01)
        done.append("second")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            done.append("cancelled")

    tasks.spawn(first(), "first")
    await tasks.close(patience=2.0)
    assert done == ["second"]
    tasks.spawn(endless(), "endless")
    await tasks.close(patience=0.05)
    assert done == ["second", "cancelled"]
