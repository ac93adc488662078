"""What every store promises of its transactions and its outbox: the same tests on PostgreSQL and in memory."""

import asyncio
from uuid import UUID

import pytest

from tests.simulation.stands import Stand, settled

# --- transactions --------------------------------------------------------------------------------------------------


async def test_a_block_that_raises_leaves_nothing(stand: Stand) -> None:
    session_id = await stand.begin()
    before = await settled(stand, session_id)

    async def raising() -> None:
        async with stand.store.database.transaction() as connection:
            await stand.store.sessions.begin_end(connection, stand.user_id, session_id, "CLIENT")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await raising()
    assert await settled(stand, session_id) == before
    assert await stand.end(session_id) == "CLIENT", "and no lock"


async def test_a_reader_sees_one_moment(stand: Stand) -> None:
    session_id = await stand.begin()
    async with stand.store.database.read() as connection:
        first = await stand.store.heads.head(connection, stand.user_id, session_id)
        await stand.say(session_id, "hello", "one")
        assert await stand.store.heads.head(connection, stand.user_id, session_id) == first
        page = await stand.store.transcripts.events(
            connection, stand.user_id, session_id, after=0, until=100, limit=100
        )
    assert first is not None
    assert len(page) == first.last_seq


async def test_a_locked_row_is_waited_for_and_read_anew(stand: Stand) -> None:
    session_id = await stand.begin()

    async def look() -> str:
        async with stand.store.database.transaction() as connection:
            found = await stand.store.heads.head(connection, stand.user_id, session_id, lock=True)
            assert found is not None
            return found.status

    async with stand.store.database.transaction() as connection:
        await stand.store.sessions.begin_end(connection, stand.user_id, session_id, "CLIENT")
        waiting = asyncio.create_task(look())
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await asyncio.wait_for(waiting, 10) == "FINALIZING"


async def test_of_two_that_wait_for_each_other_one_fails(stand: Stand) -> None:
    one, two = await stand.begin(), await stand.begin()
    both = asyncio.Barrier(2)

    async def cross(first: UUID, second: UUID) -> None:
        async with stand.store.database.transaction() as connection:
            await stand.store.heads.head(connection, stand.user_id, first, lock=True)
            await both.wait()
            await stand.store.heads.head(connection, stand.user_id, second, lock=True)

    crossed = asyncio.gather(cross(one, two), cross(two, one), return_exceptions=True)
    (failed,) = [error for error in await asyncio.wait_for(crossed, 30) if error is not None]
    assert "deadlock" in str(failed)


# --- the outbox ----------------------------------------------------------------------------------------------------


async def after(stand: Stand, since: int) -> tuple[int, set[UUID]]:
    """One look of a reader: where it stands then, and what it was given of this user."""
    async with stand.store.database.read() as connection:
        since, found = await stand.store.finalization.outbox_after(connection, since, 1_000)
    return since, {session_id for _, user_id, session_id in found if user_id == stand.user_id}


@pytest.mark.parametrize("begins_first", ["early", "late"])
async def test_a_reader_of_the_outbox_skips_nothing(stand: Stand, begins_first: str) -> None:
    """``early`` draws its serial first and commits last, and ``late`` the other way round: whichever of the two
    transactions is older, what commits last is still given."""
    early, late = await stand.begin(), await stand.begin()
    database, finalization, heads = stand.store.database, stand.store.finalization, stand.store.heads
    async with database.read() as connection:
        since = await finalization.outbox_end(connection)
    async with database.transaction() as first:
        if begins_first == "early":
            await heads.head(first, stand.user_id, early, lock=True)
        async with database.transaction() as second:
            await heads.head(second, stand.user_id, late, lock=True)
            await finalization.add_summary(first, stand.user_id, early, "{}")
            await finalization.add_summary(second, stand.user_id, late, "{}")
        since, seen = await after(stand, since)
        assert seen == {late}
    since, seen = await after(stand, since)
    assert early in seen
    for _ in range(2):
        since, seen = await after(stand, since)
    assert seen == set(), "what all have seen is not given for ever"


async def test_who_begins_to_read_the_outbox_is_told_of_what_is_under_way(stand: Stand) -> None:
    session_id, other = await stand.begin(), await stand.begin()
    async with stand.store.database.transaction() as under_way:
        await stand.store.finalization.add_summary(under_way, stand.user_id, session_id, "{}")
        async with stand.store.database.transaction() as done:
            await stand.store.finalization.add_summary(done, stand.user_id, other, "{}")
        async with stand.store.database.read() as connection:
            since = await stand.store.finalization.outbox_end(connection)
    assert session_id in (await after(stand, since))[1]
