"""The reconciler: books that were really kept are right; whatever is done to them is found, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uuid_utils
from sqlalchemy import text

from storage.checks import CHECKS
from storage.database import Database
from storage.reconciler import LOCK_KEY, OVERLAP, Report, Violation, next_run, reconcile, standing
from tests.conftest import new_database, with_name
from tests.storage.books import Played, corrupted, found, play_all


class Books:
    def __init__(self, database: Database, played: Played, at: datetime) -> None:
        self.database = database
        self.played = played
        self.at = at  # after everything was played


@pytest.fixture(scope="module")
async def books(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Books]:
    directory: Path = tmp_path_factory.mktemp("books")
    async with new_database(postgres, template_database) as dsn:
        played = await play_all(dsn, directory)
        database = Database(dsn)
        async with database.read() as connection:
            at: datetime = (await connection.execute(text("SELECT now()"))).scalar_one()
        yield Books(database, played, at)
        await database.close()


# What is done, and what of it is seen: the check, and whose session (None: only the user is named).
DONE: dict[str, tuple[tuple[str, ...], set[tuple[str, str | None]]]] = {
    "a coin more": (
        ("UPDATE user_wallet SET coins = coins + 1 WHERE user_id = :user",),
        {("wallet", None), ("balances", None)},
    ),
    "no wallet": (("DELETE FROM user_wallet WHERE user_id = :user",), {("wallet", None)}),
    "a balance that does not follow": (
        (
            """UPDATE wallet_ledger SET balance_after = balance_after + 1
               WHERE source_id = CAST(CAST(:mission AS uuid) AS text) AND currency = 'XP'""",
        ),
        {("balances", None)},
    ),
    "a payment lost": (
        ("DELETE FROM wallet_ledger WHERE source_id = CAST(CAST(:free AS uuid) AS text) AND currency = 'XP'",),
        {("wallet", None), ("balances", None), ("pay", "free"), ("summary_pay", "free")},
    ),
    "paid twice": (
        (
            """INSERT INTO wallet_ledger (user_id, id, source_kind, source_id, kind, currency, amount, balance_after)
               SELECT user_id, gen_random_uuid(), source_kind, source_id || ' ', kind, currency, amount,
                   (SELECT coins FROM user_wallet WHERE user_id = :user) + amount
               FROM wallet_ledger WHERE source_id = CAST(CAST(:mission AS uuid) AS text) AND currency = 'COINS'""",
            """UPDATE user_wallet SET coins = coins + (
                   SELECT amount FROM wallet_ledger
                   WHERE source_id = CAST(CAST(:mission AS uuid) AS text) AND currency = 'COINS')
               WHERE user_id = :user""",
        ),
        {("stray_pay", None)},
    ),
    "a turn worth more than was paid": (
        ("UPDATE turn SET xp = xp + 1 WHERE session_id = :mission AND turn_index = 1",),
        {("pay", "mission")},
    ),
    "a disqualified session paid": (
        ("UPDATE finalization SET turn_xp = 7 WHERE session_id = :threat",),
        {("pay", "threat")},
    ),
    "a summary that says more": (
        (
            """UPDATE session_summary SET body = regexp_replace(body, '"xpGained".[0-9]+', '"xpGained"\\:9999')
               WHERE session_id = :free""",
            """UPDATE session_event SET body = regexp_replace(body, '"xpGained".[0-9]+', '"xpGained"\\:9999')
               WHERE session_id = :free AND type = 'session.summary'""",
        ),
        {("summary_pay", "free")},
    ),
    "a bonus of another mission": (
        (
            """UPDATE wallet_ledger SET source_id = CAST(gen_random_uuid() AS text)
               WHERE user_id = :user AND kind = 'MISSION_BONUS'""",
        ),
        {("mission_bonus", None)},
    ),
    "an event lost": (
        ("DELETE FROM session_event WHERE session_id = :free AND seq = 1",),
        {("log", "free")},
    ),
    "a head ahead of its log": (
        ("UPDATE practice_session SET last_seq = last_seq + 1 WHERE id = :open",),
        {("log", "open")},
    ),
    "a turn without its score": (
        ("UPDATE session_event SET type = 'other' WHERE session_id = :open AND type = 'turn.scored'",),
        {("turns", "open")},
    ),
    "a turn lost from an open session": (
        ("DELETE FROM turn WHERE session_id = :open AND role = 'user'",),
        {("turns", "open")},
    ),
    "two turns in one place": (
        ("UPDATE turn SET position = 2 WHERE session_id = :free AND position = 3",),
        {("turns", "free")},
    ),
    "two turns with one number": (
        ("UPDATE turn SET turn_index = 2 WHERE session_id = :free AND turn_index = 3",),
        {("turns", "free")},
    ),
    "a turn beyond its log": (
        ("UPDATE turn SET final_seq = final_seq + 1000 WHERE session_id = :open AND role = 'user'",),
        {("turns", "open")},
    ),
    "never finalized": (
        ("DELETE FROM finalization WHERE session_id = :free",),
        {("finalization", "free"), ("numbers", None)},
    ),
    "finalized as something else": (
        ("UPDATE finalization SET end_reason_code = 'FAIL_OBJECTIVE' WHERE session_id = :mission",),
        {("finalization", "mission")},
    ),
    "a final session that is open": (
        ("UPDATE practice_session SET status = 'IN_PROGRESS' WHERE id = :threat",),
        {("finalization", "threat"), ("summary", "threat")},
    ),
    "no trait history": (
        ("DELETE FROM trait_history WHERE session_id = :mission",),
        {("finalization", "mission")},
    ),
    "a number that is another's": (
        ("UPDATE trait_history SET user_seq = user_seq + 1 WHERE session_id = :mission",),
        {("finalization", "mission")},
    ),
    "turns counted that nobody said": (
        ("UPDATE finalization SET turn_count = turn_count + 1 WHERE session_id = :free",),
        {("turn_count", "free")},
    ),
    "a summary unlike its event": (
        ("""UPDATE session_summary SET body = replace(body, '"TEXT"', '"VOICE"') WHERE session_id = :free""",),
        {("summary", "free")},
    ),
    "no summary": (("DELETE FROM session_summary WHERE session_id = :free",), {("summary", "free")}),
    "nothing to have it pushed": (("DELETE FROM outbox WHERE session_id = :free",), {("outbox", "free")}),
    "a success too many": (
        ("UPDATE user_stats SET success_count = success_count + 1 WHERE user_id = :user",),
        {("numbers", None)},
    ),
    "no statistics": (("DELETE FROM user_stats WHERE user_id = :user",), {("numbers", None)}),
    "an event of no session": (
        (
            "UPDATE session_event SET session_id = CAST('01a1fbe4-0000-7000-8000-000000000000' AS uuid)"
            " WHERE session_id = :open AND seq = 1",
        ),
        {("strays", "other"), ("log", "open")},
    ),
    "a version that nobody wrote": (
        ("UPDATE persona_memory SET version = version + 1 WHERE user_id = :user AND key = 'likes.hobby'",),
        {("memory", "free")},
    ),
    "a value that nobody said": (
        (
            """UPDATE persona_memory SET items = jsonb_set(items, '{-1,value}', '"chess"')
            WHERE user_id = :user AND key = 'likes.hobby'""",
        ),
        {("memory", "free")},
    ),
    "forgotten without being told": (
        ("UPDATE persona_memory SET forgotten = true, items = '[]' WHERE user_id = :user AND key = 'likes.hobby'",),
        {("memory", "free")},
    ),
    "a write without its event": (
        (
            """UPDATE memory_event SET seq = seq + 1000
               WHERE session_id = :free AND key = 'likes.hobby' AND version = 1""",
        ),
        {("memory_log", "free")},
    ),
    "the history's beginning lost": (
        ("DELETE FROM memory_event WHERE user_id = :user AND key = 'likes.hobby' AND version = 1",),
        {("memory", "free")},
    ),
    "nothing left of a memory": (
        ("DELETE FROM persona_memory WHERE user_id = :user AND key = 'likes.hobby'",),
        {("memory", "free")},
    ),
}


def seen(report: Report, played: Played) -> set[tuple[str, str | None]]:
    names = {value: name for name, value in played.names.items()}
    assert {violation.user_id for violation in report.violations} <= {played.user}, report.violations
    return {(v.check, None if v.session_id is None else names.get(v.session_id, "other")) for v in report.violations}


async def test_books_that_were_kept_are_right(books: Books) -> None:
    async with books.database.read() as connection:
        everything = await reconcile(connection)
        lately = await reconcile(connection, since=books.at - timedelta(hours=1))
        nothing = await reconcile(connection, since=books.at + timedelta(hours=1))
    assert [report.violations for report in (everything, lately, nothing)] == [(), (), ()]
    assert everything.clean
    assert set(everything.counts) == {check.name for check in CHECKS}


@pytest.mark.parametrize("done", DONE)
async def test_what_is_done_to_them_is_found(books: Books, done: str) -> None:
    statements, expected = DONE[done]
    report = await found(books.database, books.played, *statements)
    assert seen(report, books.played) == expected, report.violations
    assert not any("Tal" in violation.detail or "hiking" in violation.detail for violation in report.violations)


@pytest.mark.parametrize("done", DONE)
async def test_what_was_done_lately_is_found_without_looking_at_everything(books: Books, done: str) -> None:
    """The sessions are as young as the books; one that nobody would look at again is named."""
    statements, expected = DONE[done]
    report = await found(books.database, books.played, *statements, since=books.at - timedelta(hours=1))
    assert seen(report, books.played) - {("strays", "other")} == expected - {("strays", "other")}, report.violations


@pytest.mark.parametrize("done", DONE)
async def test_what_was_found_is_looked_at_until_it_is_right(books: Books, done: str) -> None:
    statements, expected = DONE[done]
    first = await found(books.database, books.played, *statements)
    later = books.at + timedelta(hours=1)
    report = await found(books.database, books.played, *statements, since=later, again=first.violations)
    assert seen(report, books.played) == expected, report.violations
    assert not (await found(books.database, books.played, "SELECT 1", since=later, again=first.violations)).violations


def test_every_check_was_broken_once() -> None:
    broken = {check for _, expected in DONE.values() for check, _ in expected}
    assert broken | {"finalizing"} == {check.name for check in CHECKS}


# --- time ---------------------------------------------------------------------------------------------------------

ENDED = (
    """UPDATE practice_session SET status = 'FINALIZING', cause = 'IDLE', ended_at = now() - interval '1 hour',
           last_seq = last_seq + 1 WHERE id = :open""",
    """INSERT INTO session_event (user_id, session_id, seq, type, body, created_at)
       SELECT user_id, id, last_seq, 'session.finalizing', '{}', now() - interval '59 seconds'
       FROM practice_session WHERE id = :open""",
)
A_MINUTE_AGO = """UPDATE session_event SET created_at = now() - interval '61 seconds'
    WHERE session_id = :open AND type = 'session.finalizing'"""
QUARANTINED = "UPDATE practice_session SET finalize_failures = 5 WHERE id = :open"


async def test_a_session_that_stays_finalizing(books: Books) -> None:
    """However long ago its last turn was: what counts is when its end was decided."""
    later = books.at + timedelta(hours=1)
    assert (await found(books.database, books.played, *ENDED)).violations == ()
    for since in (None, later):
        report = await found(books.database, books.played, *ENDED, A_MINUTE_AGO, since=since)
        assert seen(report, books.played) == {("finalizing", "open")}
        assert report.violations[0].detail.startswith("FINALIZING for 61 s")
        report = await found(books.database, books.played, *ENDED, QUARANTINED, since=since)
        assert seen(report, books.played) == {("finalizing", "open")}
        assert report.violations[0].detail.startswith("quarantined: 5 ")


async def test_a_pruned_outbox_is_none_that_was_lost(books: Books) -> None:
    gone = "DELETE FROM outbox WHERE session_id = :free"
    for hours, missed in ((23, True), (25, False)):
        aged = f"UPDATE finalization SET created_at = now() - interval '{hours} hours' WHERE session_id = :free"
        report = await found(books.database, books.played, aged, gone)
        assert seen(report, books.played) == ({("outbox", "free")} if missed else set())


# --- what can't be asked, and how much is told -------------------------------------------------------------------


async def test_a_summary_that_is_no_json_keeps_no_other_check_from_being_asked(books: Books) -> None:
    broken = "UPDATE session_summary SET body = 'Talmadge' WHERE session_id = :free"
    coin = "UPDATE user_wallet SET coins = coins + 1 WHERE user_id = :user"
    report = await found(books.database, books.played, broken, coin)
    assert {"summary", "summary_pay", "wallet", "balances"} <= {violation.check for violation in report.violations}
    assert "Talmadge" not in str(report.violations)
    assert not report.complete, "nobody is named who could be looked at again"


async def test_what_is_told_is_bounded(books: Books) -> None:
    async with books.database.engine.connect() as connection:
        await corrupted(connection, books.played, "UPDATE turn SET xp = xp + 1")
        report = await reconcile(connection, most=2)
        await connection.rollback()
    assert (report.counts["pay"], report.cut) == (2, ("pay",))
    assert not report.complete


# --- run after run ------------------------------------------------------------------------------------------------


@pytest.fixture
async def copy(postgres: str, books: Books) -> AsyncIterator[Database]:
    """The books in a database of their own, to be changed for good."""
    source = books.database.dsn.rsplit("/", 1)[1]
    await books.database.engine.dispose()
    name = f"copy_{uuid_utils.uuid7().hex}"
    cluster = Database(postgres)
    async with cluster.engine.connect() as admin:
        plain = await admin.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text(f"CREATE DATABASE {name} TEMPLATE {source}"))
        made = Database(with_name(postgres, name))
        async with made.transaction() as connection:  # as if no run had been made
            await connection.execute(text("SET LOCAL ROLE NONE"))
            await connection.execute(text("DELETE FROM reconciliation"))
        yield made
        await made.close()
        await plain.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await cluster.close()


async def _do(database: Database, played: Played, *statements: str) -> None:
    async with database.transaction() as connection:
        await corrupted(connection, played, *statements)


async def test_runs_follow_on_each_other(copy: Database, books: Books) -> None:
    first = await next_run(copy, every=0, attempts=5)
    assert first is not None
    assert (first.since, first.violations) == (None, ())
    second = await next_run(copy, every=0, attempts=5)
    assert second is not None
    assert second.since == first.at - OVERLAP
    await _do(
        copy, books.played, "UPDATE user_wallet SET coins = coins + 1, updated_at = now() WHERE user_id = :user"
    )
    third = await next_run(copy, every=0, attempts=5)
    assert third is not None
    assert seen(third, books.played) == {("wallet", None), ("balances", None)}


async def test_a_violation_stands_and_the_runs_stay_short(copy: Database, books: Books) -> None:
    played = books.played
    await _do(copy, played, "UPDATE user_wallet SET coins = coins + 1 WHERE user_id = :user")
    report = None
    for _ in range(3):
        report = await next_run(copy, every=0, attempts=5)
        assert report is not None
        assert seen(report, played) == {("wallet", None), ("balances", None)}
    assert report is not None
    assert report.since is not None, "it does not look at everything because one thing is wrong"
    async with copy.read() as connection:
        kept = await standing(connection)
    assert kept.violations == report.violations
    assert kept.covered_until == report.at
    await _do(copy, played, "UPDATE user_wallet SET coins = coins - 1 WHERE user_id = :user")
    right = await next_run(copy, every=0, attempts=5)
    assert right is not None
    assert right.clean


async def test_what_can_not_be_named_is_looked_for_everywhere(copy: Database, books: Books) -> None:
    await _do(copy, books.played, "UPDATE session_summary SET body = 'x' WHERE session_id = :free")
    for _ in range(2):
        report = await next_run(copy, every=0, attempts=5)
        assert report is not None
        assert report.since is None
        assert "summary_pay" in {violation.check for violation in report.violations}


async def test_of_many_processes_one_runs(copy: Database) -> None:
    processes = [Database(copy.dsn) for _ in range(8)]
    reports = await asyncio.gather(*(next_run(one, every=60, attempts=5) for one in processes))
    assert sum(report is not None for report in reports) == 1
    assert await next_run(copy, every=60, attempts=5) is None, "the minute is not over"
    for one in processes:
        await one.close()


async def test_a_run_under_way_is_not_begun_again(copy: Database) -> None:
    """However long it takes: the first one holds a lock, not a lease."""
    async with copy.read() as connection:
        await connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        assert await next_run(copy, every=0, attempts=5) is None
    assert await next_run(copy, every=0, attempts=5) is not None


async def test_a_standing_violation_survives_its_process(copy: Database, books: Books) -> None:
    await _do(copy, books.played, "UPDATE user_wallet SET coins = coins + 1 WHERE user_id = :user")
    await next_run(copy, every=0, attempts=5)
    other = Database(copy.dsn)
    async with other.read() as connection:
        kept = await standing(connection)
    await other.close()
    assert {violation.check for violation in kept.violations} == {"wallet", "balances"}
    assert all(isinstance(violation, Violation) for violation in kept.violations)
