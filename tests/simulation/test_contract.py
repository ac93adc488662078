"""What every store promises: the same tests on PostgreSQL and on the one in memory, so that what the simulation finds
out about the one holds for the other."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
import uuid_utils.compat

from realtime.finalizer import Finalizer
from storage import wallet
from storage.errors import LedgerConflict
from storage.rows import SessionWrite
from tests.simulation.minds import LEARNT, THREAT
from tests.simulation.stands import FREE, Stand, settled

replace = msgspec.structs.replace
LONG = 1_000.0


# --- the batch -----------------------------------------------------------------------------------------------------


async def test_a_step_is_stored_whole(stand: Stand) -> None:
    session_id = await stand.begin()
    write = await stand.turn(session_id, f"hello {LEARNT}hiking", "one")
    assert await stand.append(write) == [True]
    head, log = await stand.head(session_id), await stand.log(session_id)
    assert (head.last_seq, head.state) == (write.seq, write.state)
    assert [(e.seq, e.type, e.body) for e in write.events] == log[-len(write.events) :]
    assert [seq for seq, _, _ in log] == list(range(1, write.seq + 1))
    async with stand.store.database.read() as connection:
        turn = await stand.store.transcripts.stored_turn(connection, stand.user_id, session_id, "one")
        (row,) = await stand.store.transcripts.learner_turns(connection, stand.user_id, session_id)
        (present,) = await stand.store.memory.present(connection, stand.user_id, head.persona_key)
        (history,) = await stand.store.memory.of_session(connection, stand.user_id, session_id)
    assert turn is not None
    assert (turn.text, turn.body_hash) == (write.turns[0].text, write.turns[0].body_hash)
    assert (turn.first_seq, turn.final_seq) == (write.events[0].seq, write.events[-1].seq)
    assert (row["score"], row["xp"]) == (write.turns[0].score, write.turns[0].xp)
    assert msgspec.json.decode(row["mood"]) == msgspec.json.decode(write.turns[0].mood or "")
    assert (present["key"], present["version"], history["value"]) == ("likes.hobby", 1, "hiking")


@pytest.mark.parametrize("off", [-1, 1, -3])
async def test_a_step_that_expects_another_head_is_missed(stand: Stand, off: int) -> None:
    session_id = await stand.begin()
    write = await stand.turn(session_id, "hello", "one")
    before = await settled(stand, session_id)
    assert await stand.append(replace(write, expected_seq=write.expected_seq + off)) == [False]
    assert await settled(stand, session_id) == before


async def test_a_step_run_again_is_missed(stand: Stand) -> None:
    session_id = await stand.begin()
    write = await stand.turn(session_id, "hello", "one")
    assert await stand.append(write) == [True]
    before = await settled(stand, session_id)
    assert await stand.append(write) == [False]
    assert await settled(stand, session_id) == before


async def test_an_item_id_is_used_once_in_a_session(stand: Stand) -> None:
    session_id, other = await stand.begin(), await stand.begin()
    await stand.say(session_id, "hello", "one")
    again = await stand.turn(session_id, "other words", "one")
    before = await settled(stand, session_id)
    elsewhere = await stand.turn(other, "hello there", "one")
    assert await stand.append(again, elsewhere) == [False, True], "another session may use it"
    assert await settled(stand, session_id) == before


async def test_a_session_that_has_ended_takes_nothing(stand: Stand) -> None:
    session_id = await stand.begin()
    write = await stand.turn(session_id, "hello", "one")
    assert await stand.end(session_id) == "CLIENT"
    before = await settled(stand, session_id)
    assert await stand.append(write, replace(write, expected_seq=before[0])) == [False, False]
    assert await settled(stand, session_id) == before


async def test_no_turn_comes_after_the_ending_one(stand: Stand) -> None:
    """But the closing line does, and the end is by rule whoever asks for it."""
    session_id = await stand.begin()
    await stand.say(session_id, THREAT, "last")
    assert (await stand.head(session_id)).ending_until is not None
    assert await stand.append(await stand.turn(session_id, "one more", "more")) == [False]
    assert await stand.claim(session_id, "closing")
    assert await stand.append(await stand.reply(session_id, "closing")) == [True]
    assert await stand.end(session_id) == "RULE"


async def test_a_reply_needs_its_claim(stand: Stand) -> None:
    session_id = await stand.begin()
    write = await stand.reply(session_id, "mine")
    assert await stand.append(write) == [False], "nobody claimed it"
    assert await stand.claim(session_id, "other")
    assert await stand.append(write) == [False]
    async with stand.store.database.transaction() as connection:
        await stand.store.sessions.drop_reply(connection, stand.user_id, session_id, "other")
    assert await stand.claim(session_id, "mine")
    assert await stand.append(write) == [True]
    assert (await stand.head(session_id)).reply_id is None
    assert await stand.append(await stand.reply(session_id, "mine")) == [False], "it was fulfilled"


async def test_memory_of_another_version_misses_the_step(stand: Stand) -> None:
    one, two = await stand.begin(), await stand.begin()
    first = await stand.turn(one, f"{LEARNT}hiking", "a")
    second = await stand.turn(two, f"{LEARNT}fishing", "b")
    assert await stand.append(first) == [True]
    before = await settled(stand, two)
    assert await stand.append(second) == [False]
    assert await settled(stand, two) == before
    await stand.say(two, f"{LEARNT}fishing", "b")
    async with stand.store.database.read() as connection:
        (present,) = await stand.store.memory.present(connection, stand.user_id, "MAYA_PLAYFUL")
    assert present["version"] == 2


async def test_of_two_that_learn_at_once_one_is_stored(stand: Stand) -> None:
    """The second is missed, or refused by the history's key: then the writer calls it missed."""
    one, two = await stand.begin(), await stand.begin()
    writes = [await stand.turn(one, f"{LEARNT}hiking", "a"), await stand.turn(two, f"{LEARNT}fishing", "b")]

    async def alone(write: SessionWrite) -> bool:
        try:
            return (await stand.append(write))[0]
        except asyncpg.IntegrityConstraintViolationError:
            return False

    assert sorted(await asyncio.gather(*map(alone, writes))) == [False, True]


async def test_a_step_of_nobody_is_missed(stand: Stand) -> None:
    session_id = await stand.begin()
    write = await stand.turn(session_id, "hello", "one")
    nobody = uuid_utils.compat.uuid7()
    assert await stand.append(replace(write, user_id=nobody), replace(write, session_id=nobody)) == [False, False]


async def test_a_batch_waits_for_a_row_that_is_locked(stand: Stand) -> None:
    """And then looks at it again: what the other transaction did decides."""
    session_id, free = await stand.begin(), await stand.begin()
    write = await stand.turn(session_id, "hello", "one")
    async with stand.store.database.transaction() as connection:
        await stand.store.sessions.begin_end(connection, stand.user_id, session_id, "CLIENT")
        waiting = asyncio.create_task(stand.append(write))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await stand.say(free, "hello", "one")
    assert await asyncio.wait_for(waiting, 10) == [False]


# --- claims and ends -----------------------------------------------------------------------------------------------


async def test_one_claim_at_a_time_until_its_deadline(stand: Stand) -> None:
    session_id = await stand.begin()
    assert await stand.claim(session_id, "one", seconds=0.05)
    assert not await stand.claim(session_id, "two")
    await asyncio.sleep(0.1)
    assert await stand.claim(session_id, "two")
    assert not await stand.claim(session_id, "three")
    assert await stand.end(session_id) == "CLIENT"
    assert (await stand.head(session_id)).reply_id is None
    assert not await stand.claim(session_id, "four")


CONDITIONS: list[tuple[str, dict[str, Any], list[str], bool]] = [
    ("CLIENT", {}, [], True),
    ("GRACE", {"grace": 0.0}, [], False),
    ("GRACE", {"grace": 0.0}, ["detach"], True),
    ("GRACE", {"grace": LONG}, ["detach"], False),
    ("GRACE", {"grace": 0.0}, ["attach", "detach"], False),
    ("GRACE", {"grace": 0.0}, ["lapse", "detach"], True),
    ("IDLE", {"idle": 0.0}, [], True),
    ("IDLE", {"idle": LONG}, [], False),
    ("IDLE", {"idle": 0.0}, ["attach"], False),
    ("AGE", {"age": LONG, "turns_reached": False}, [], False),
    ("AGE", {"age": 0.0, "turns_reached": False}, [], True),
    ("AGE", {"age": LONG, "turns_reached": True}, [], True),
    ("RULE", {"closing_done": False}, [], False),
    ("RULE", {"closing_done": True}, [], True),
    ("TIMER", {"expected_seq": 3}, [], True),
    ("TIMER", {"expected_seq": 2}, [], False),
    ("TIMER", {"expected_seq": 6}, ["threat"], False),
    ("REPLACED", {}, [], True),
    ("REPLACED", {}, ["attach"], False),
    ("REPLACED", {}, ["attach", "detach"], True),
]


@pytest.mark.parametrize(("cause", "condition", "before", "ends"), CONDITIONS)
async def test_a_session_ends_where_its_cause_holds(
    stand: Stand, cause: str, condition: dict[str, Any], before: list[str], ends: bool
) -> None:
    session_id = await stand.begin()
    sessions, key = stand.store.sessions, (stand.user_id, session_id)
    for what in before:
        if what == "threat":
            await stand.say(session_id, THREAT, "last")
            continue
        async with stand.store.database.transaction() as connection:
            if what == "detach":
                await sessions.detach(connection, *key)
            else:
                await sessions.attach(connection, [key], lease_seconds=LONG if what == "attach" else 0.0)
    await asyncio.sleep(0.02)
    async with stand.store.database.read() as connection:
        assert await stand.store.heads.may_end(connection, *key, cause, **condition) is ends
    assert await stand.end(session_id, cause, **condition) == (cause if ends else None)
    assert (await stand.head(session_id)).open is not ends


async def test_the_first_cause_wins(stand: Stand) -> None:
    session_id = await stand.begin()
    await stand.say(session_id, "hello", "one")
    causes = await asyncio.gather(*(stand.end(session_id, cause) for cause in ("CLIENT", "REPLACED", "SYSTEM")))
    (won,) = [cause for cause in causes if cause is not None]
    head, log = await stand.head(session_id), await stand.log(session_id)
    assert (head.status, head.cause, head.last_seq) == ("FINALIZING", won, len(log))
    seq, type_, body = log[-1]
    assert (seq, type_) == (head.last_seq, "session.finalizing")
    frame = msgspec.json.decode(body)
    assert list(frame) == ["type", "event_id", "session_id", "seq", "reason"]
    assert frame == {
        "type": type_,
        "event_id": f"event_{session_id.hex}_{seq}",
        "session_id": str(session_id),
        "seq": seq,
        "reason": won,
    }


async def test_who_must_be_ended_and_who_finalized(stand: Stand) -> None:
    heads, user_id = stand.store.heads, stand.user_id
    closing, idle, held, ended = [await stand.begin() for _ in range(4)]
    write = await stand.turn(closing, THREAT, "last")
    assert await stand.append(replace(write, ending_seconds=0.0)) == [True]
    async with stand.store.database.transaction() as connection:
        await stand.store.sessions.attach(connection, [(user_id, held)], lease_seconds=LONG)
    await stand.end(ended)
    await asyncio.sleep(0.02)

    async def found() -> tuple[dict[UUID, str], list[UUID]]:
        async with stand.store.database.transaction() as connection:
            due = await heads.due(connection, grace=LONG, idle=0.01, age=LONG, limit=1_000)
            unfinished = await heads.unfinished(connection, attempts=2, limit=1_000)
        mine = [session_id for owner, session_id in unfinished if owner == user_id]
        return {session_id: cause for owner, session_id, cause in due if owner == user_id}, mine

    assert await found() == ({closing: "RULE", idle: "IDLE"}, [ended])
    async with stand.store.database.transaction() as connection:
        assert await heads.head(connection, user_id, ended, lock=True) is not None
        assert (await found())[1] == [], "somebody is at it"
    async with stand.store.database.transaction() as connection:
        assert await stand.store.sessions.finalize_failed(connection, user_id, ended) == 1
    assert (await found())[1] == [], "it is tried again later"
    async with stand.store.database.read() as connection:
        where = await heads.positions(connection, [(user_id, ended), (user_id, uuid_utils.compat.uuid7())])
    assert where == [(ended, 4, "FINALIZING")]


# --- the end -------------------------------------------------------------------------------------------------------


async def test_a_session_is_finalized_once(stand: Stand) -> None:
    session_id = await stand.begin()
    for number in range(4):
        await stand.say(session_id, f"line number {number} {LEARNT}hiking", f"t{number}")
    await stand.end(session_id)
    finalizer = Finalizer(stand.store, stand.shelf)
    bodies = await asyncio.gather(*(finalizer.finalize(stand.user_id, session_id) for _ in range(6)))
    assert len(set(bodies)) == 1
    head, log = await stand.head(session_id), await stand.log(session_id)
    assert head.final
    assert log[-1][1] == "session.summary"
    assert f',"summary":{bodies[0]}' in log[-1][2]
    summary = msgspec.json.decode(bodies[0])
    async with stand.store.database.transaction() as connection:
        balance = await stand.store.wallet.lock(connection, stand.user_id)
        stats = await stand.store.statistics.lock(connection, stand.user_id)
        stored = await stand.store.transcripts.summary(connection, stand.user_id, session_id)
    assert stored == bodies[0]
    assert summary["wallet"]["after"] == msgspec.to_builtins(balance)
    assert (stats.user_seq, stats.success_count + stats.fail_count) == (1, 1)


async def test_both_stores_end_a_life_alike(sql_stand: Stand, memory_stand: Stand) -> None:
    """The same sessions, one after the other, give the same summaries but for ids and times."""

    async def live(stand: Stand) -> list[Any]:
        told = []
        finalizer = Finalizer(stand.store, stand.shelf)
        mission = sorted(stand.shelf.lanes.items())[0][1][0].template.code
        for at, (model, cause, turns) in enumerate(
            [(FREE, "CLIENT", 4), (f"template:{mission}", "CLIENT", 5), (FREE, "IDLE", 1), (FREE, "ADMIN", 0)]
        ):
            session_id = await stand.begin(model)
            for number in range(turns):
                await stand.say(session_id, f"word {at} {number} {LEARNT}number{number}", f"t{number}")
            condition = {"idle": 0.0} if cause == "IDLE" else {}
            await asyncio.sleep(0.01)
            assert await stand.end(session_id, cause, **condition) == cause
            told.append(msgspec.json.decode(await finalizer.finalize(stand.user_id, session_id)))
        return [without_names(summary) for summary in told]

    def without_names(value: Any) -> Any:
        """Ids and times differ, and on a busy machine what is counted in seconds."""
        if isinstance(value, dict):
            named = ("Id", "At", "createdAt", "durationSeconds")
            return {k: without_names(v) for k, v in value.items() if not k.endswith(named) and k != "userId"}
        return [without_names(v) for v in value] if isinstance(value, list) else value

    assert await live(memory_stand) == await live(sql_stand)


async def test_nothing_is_paid_twice(stand: Stand) -> None:
    entries = wallet.entries("SESSION", "one", "SESSION_REWARD", 5, 0, 1)

    async def pay() -> wallet.Balance:
        async with stand.store.database.transaction() as connection:
            before = await stand.store.wallet.lock(connection, stand.user_id)
            return await stand.store.wallet.book(connection, stand.user_id, before, entries)

    assert await pay() == wallet.Balance(5, 0, 1)
    with pytest.raises(LedgerConflict):
        await pay()
    async with stand.store.database.transaction() as connection:
        assert await stand.store.wallet.lock(connection, stand.user_id) == wallet.Balance(5, 0, 1)
        assert await stand.store.wallet.was_paid(connection, stand.user_id, "SESSION_REWARD", "one")
        assert not await stand.store.wallet.was_paid(connection, stand.user_id, "MISSION_BONUS", "one")
