"""Everything at once: a session is finalized once, and a user's sessions one after the other."""

import asyncio
from uuid import UUID

from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn
from realtime.opening import Learner as Owner
from storage import sessions
from tests.ending import books
from tests.ending.conftest import Arena
from tests.ending.play import GOOD

TIMES = 200
AT_ONCE = 8  # sessions under way together: as many as the pool serves without queueing


async def owner_of(arena: Arena) -> Owner:
    learner = await arena.learner()
    return Owner(user_id=UUID(learner.user_id), time_zone="UTC", minor=False, adult=False)


async def played(arena: Arena, owner: Owner, model: str, lines: tuple[str, ...]) -> UUID:
    """An open session with these turns."""
    session_id = arena.engine.new_id()
    await arena.engine.create(owner, session_id, model)
    for at, text in enumerate(lines):
        turn = LearnerTurn(
            item_id=f"item_{at}", text=text, kind="text", body_hash=body_hash("text", text), at="2026-03-01T10:00:00Z"
        )
        await arena.engine.turn(owner.user_id, session_id, turn)
    return session_id


async def owners_of(arena: Arena, count: int) -> list[Owner]:
    return [await owner_of(arena) for _ in range(count)]


async def test_two_finalizations_of_one_session_at_once(arena: Arena) -> None:
    """Two hundred times, half of them with a bonus to pay. Both get the same bytes."""
    owners = await owners_of(arena, AT_ONCE)

    async def worker(owner: Owner) -> None:
        for at in range(TIMES // AT_ONCE):
            model = "template:ALONE" if at % 2 else "persona:NOA_CALM"
            session_id = await played(arena, owner, model, (f"{GOOD[0]} {at}",))
            async with arena.engine.database.transaction() as connection:
                assert await sessions.begin_end(connection, owner.user_id, session_id, "CLIENT") == "CLIENT"
            one, other = await asyncio.gather(
                arena.engine.finalizer.finalize(owner.user_id, session_id),
                arena.engine.finalizer.finalize(owner.user_id, session_id),
            )
            assert one == other

    await asyncio.gather(*(worker(owner) for owner in owners))
    mine = [owner.user_id for owner in owners]
    assert await arena.database.fetchval("SELECT count(*) FROM finalization WHERE user_id = ANY($1)", mine) == TIMES
    await books.check(arena.database)


async def test_two_sessions_of_one_user_end_at_once(arena: Arena) -> None:
    """Two hundred pairs; each pair wins the same mission, whose bonus is paid to one of them."""
    owners = await owners_of(arena, TIMES)
    room = asyncio.Semaphore(AT_ONCE)

    async def pair(owner: Owner) -> None:
        async with room:
            one, other = [await played(arena, owner, "template:HALFWAY", GOOD[at : at + 3]) for at in (0, 2)]
            await asyncio.gather(
                arena.engine.ender.end_session(owner.user_id, one, "CLIENT"),
                arena.engine.ender.end_session(owner.user_id, other, "CLIENT"),
            )

    await asyncio.gather(*(pair(owner) for owner in owners))
    mine = [owner.user_id for owner in owners]
    bonuses = await arena.database.fetch(
        """SELECT user_id, sum(amount) FILTER (WHERE currency = 'XP') AS xp, count(*) AS entries FROM wallet_ledger
           WHERE kind = 'MISSION_BONUS' AND user_id = ANY($1) GROUP BY user_id""",
        mine,
    )
    assert [(record["xp"], record["entries"]) for record in bonuses] == [(40, 2)] * TIMES
    said = await arena.database.fetch(
        """SELECT user_id, sum((body::jsonb #>> '{rewards,missionBonus,xp}')::int) AS xp,
               count(*) FILTER (WHERE body::jsonb #>> '{outcome,status}' = 'SUCCESS') AS won
           FROM session_summary WHERE user_id = ANY($1) GROUP BY user_id""",
        mine,
    )
    assert [(record["xp"], record["won"]) for record in said] == [(40, 2)] * TIMES
    await books.check(arena.database)


async def test_sixteen_ends_of_one_session_at_once_are_one_end(arena: Arena) -> None:
    """Over REST and in the engine, with other causes: the first decides, and all get its summary."""
    learner = await arena.learner()
    owner = Owner(user_id=UUID(learner.user_id), time_zone="UTC", minor=False, adult=False)
    session_id = await played(arena, owner, "template:HALFWAY", GOOD[:3])
    ends = [learner.call("POST", f"/v1/sessions/{session_id}/end") for _ in range(8)]
    causes = [arena.engine.ender.end_session(owner.user_id, session_id, "ADMIN") for _ in range(8)]
    answers, stored = await asyncio.gather(asyncio.gather(*ends), asyncio.gather(*causes))
    bodies = {answer.text for answer in answers} | {str(body) for body in stored}
    assert len(bodies) == 1
    assert {answer.status_code for answer in answers} == {200}
    await books.check(arena.database)
