"""What is only ever appended to: the application can't change it, whichever way the database keeps it from that."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import uuid_utils
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from realtime.limits import Limits
from storage import sessions
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.errors import DatabaseUnsafe
from storage.migrate import migrate
from storage.reconciler import reconcile
from storage.roles import APPEND_ONLY, ROLE
from storage.rows import EventRow
from storage.schema import metadata
from tests.conftest import with_name
from tests.ending.play import begin, end, say
from tests.house.test_migrations import MIGRATE
from tests.support import ROOT, Learner, running_server

MAYA = "persona:MAYA_PLAYFUL"
REFUSED = "42501"
CHANGES = {
    "wallet_ledger": "amount = amount",
    "finalization": "turn_count = turn_count",
    "turn": "text = ''",
    "session_event": "body = body",
}
KINDS = ("the role", "a role of the login's making", "triggers")


class Site:
    """A migrated database, and the login that owns it."""

    def __init__(self, dsn: str, *, triggers: bool) -> None:
        self.dsn = dsn
        self.triggers = triggers
        self.owner = make_url(dsn).username


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def _of_login(dsn: str, login: str, name: str) -> str:
    return make_url(dsn).set(username=login, password="x", database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def other_cluster(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cluster in which nobody made the role yet."""
    started = EmbeddedPostgres.start(tmp_path_factory.mktemp("cluster"), fsync=False)
    yield started.dsn
    started.stop()


@pytest.fixture(scope="module", params=KINDS)
async def site(
    request: pytest.FixtureRequest, postgres: str, template_database: str, other_cluster: str
) -> AsyncIterator[Site]:
    """``the role``: the migrating login is a superuser. ``a role of the login's making``: it may create roles.
    ``triggers``: it may not, and is no member of the role that is there."""
    name = f"site_{uuid_utils.uuid7().hex}"
    cluster = other_cluster if request.param == KINDS[1] else postgres
    login = None if request.param == KINDS[0] else f"login_{name}"
    if login is not None:
        rights = "CREATEROLE" if request.param == KINDS[1] else "NOCREATEROLE"
        await _execute(cluster, f"CREATE ROLE {login} LOGIN {rights} PASSWORD 'x'")
    await _execute(cluster, f"CREATE DATABASE {name} {'' if login is None else f'OWNER {login}'}")
    dsn = with_name(cluster, name) if login is None else _of_login(cluster, login, name)
    database = Database(dsn)
    await migrate(database.engine)
    await database.close()
    yield Site(dsn, triggers=request.param == KINDS[2])
    await _execute(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(site: Site) -> AsyncIterator[Database]:
    made = Database(site.dsn)
    yield made
    await made.close()


async def test_who_the_application_is(site: Site, database: Database) -> None:
    expected = site.owner if site.triggers else ROLE
    async with database.transaction() as connection:
        assert await connection.scalar(text("SELECT current_user")) == expected
        assert await connection.scalar(text("SELECT session_user")) == site.owner
    writer = await database.raw()
    assert await writer.fetchval("SELECT current_user") == expected
    await writer.close()
    await database.check_append_only()


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_it_changes_and_deletes_nothing(database: Database, table: str) -> None:
    writer = await database.raw()
    for statement in (f"UPDATE {table} SET {CHANGES[table]}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(DBAPIError) as refused:
            async with database.transaction() as connection:
                await connection.execute(text(statement))
        assert getattr(refused.value.orig, "sqlstate", None) == REFUSED
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(statement)
    await writer.close()


async def test_a_connection_that_is_reset_is_no_more_than_before(site: Site, database: Database) -> None:
    writer = await database.raw()
    for reset in ("RESET ALL", "RESET ROLE", "RESET SESSION AUTHORIZATION", "DISCARD ALL"):
        await writer.execute(reset)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute("UPDATE turn SET text = ''")
    await writer.reset()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await writer.execute("DELETE FROM wallet_ledger")
    await writer.close()


async def test_the_role_is_granted_what_the_tables_need(site: Site, database: Database) -> None:
    """Every table that there is can be read and added to; without DELETE but where rows are pruned."""
    if site.triggers:
        pytest.skip("the login owns its tables")
    async with database.read() as connection:
        found = await connection.execute(
            text(
                """SELECT t.name, has_table_privilege(t.name, 'SELECT') AND has_table_privilege(t.name, 'INSERT'),
                       has_table_privilege(t.name, 'UPDATE'), has_table_privilege(t.name, 'DELETE')
                   FROM unnest(CAST(:tables AS text[])) AS t (name)"""
            ),
            {"tables": sorted(metadata.tables)},
        )
        rights = {name: (reads, changes, deletes) for name, reads, changes, deletes in found}
    assert {name for name, (reads, _, _) in rights.items() if not reads} == set()
    assert {name for name, (_, changes, _) in rights.items() if not changes} == set(APPEND_ONLY)
    deleted = {name for name, (_, _, deletes) in rights.items() if deletes}
    assert deleted == {"idempotency_key", "outbox", "refresh_token"}


async def test_a_later_table_is_the_applications_too(site: Site, database: Database) -> None:
    await _execute(site.dsn, "CREATE TABLE later (id int GENERATED ALWAYS AS IDENTITY, said text)")
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO later (said) VALUES ('a')"))
        await connection.execute(text("UPDATE later SET said = 'b'"))
        assert await connection.scalar(text("SELECT said FROM later")) == "b"
    await _execute(site.dsn, "DROP TABLE later")


# --- the exception ------------------------------------------------------------------------------------------------


async def _all_text(dsn: str, user_id: UUID) -> str:
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch(
        """SELECT body FROM session_event WHERE user_id = $1 UNION ALL SELECT text FROM turn WHERE user_id = $1
           UNION ALL SELECT body FROM session_summary WHERE user_id = $1
           UNION ALL SELECT state FROM practice_session WHERE user_id = $1
           UNION ALL SELECT items::text FROM persona_memory WHERE user_id = $1
           UNION ALL SELECT coalesce(quote, '') || coalesce(value, '') FROM memory_event WHERE user_id = $1""",
        user_id,
    )
    await connection.close()
    return "\n".join(record[0] for record in found)


async def test_forgetting_and_removing_a_transcript_still_work(site: Site, tmp_path: Path) -> None:
    """On a real server, and the reconciler finds the books right afterwards."""
    async with running_server(site.dsn, tmp_path, limits=Limits(enforced=False)) as server:
        learner = await Learner.guest(server.url)
        user_id = UUID(learner.user_id)
        ended = await begin(learner, MAYA)
        await say(learner, ended, "My name is Talmadge, and I love hiking.")
        await end(learner, ended)
        async with learner.connect(MAYA) as wire:
            await wire.turn("Talmadge is here again, hello.")
            await wire.send("memory.forget", key="name", withTurns=True)
            await wire.until("memory.forgotten")
        assert "Talmadge" not in await _all_text(site.dsn, user_id)
        told = await begin(learner, MAYA)
        await say(learner, told, "The weather in Reykjavik is fine.")
        await end(learner, told)
        assert "Reykjavik" in await _all_text(site.dsn, user_id)
        assert (await learner.call("DELETE", f"/v1/sessions/{told}")).is_success
        assert "Reykjavik" not in await _all_text(site.dsn, user_id)
    database = Database(site.dsn)
    async with database.read() as connection:
        report = await reconcile(connection)
    await database.close()
    assert report.violations == ()


async def test_the_functions_do_nothing_but_redact(database: Database) -> None:
    someone = UUID(int=1)
    with pytest.raises(DBAPIError, match="redacted copy"):
        async with database.transaction() as connection:
            await sessions.replace_event(connection, someone, someone, EventRow(1, "turn.scored", '{"score":100}'))
    async with database.transaction() as connection:
        assert await sessions.blank_turns(connection, someone, someone, None) == 0
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
            await connection.execute(text("UPDATE turn SET text = ''"))


async def test_only_the_application_may_call_them(site: Site, postgres: str) -> None:
    name = f"nobody_{uuid_utils.uuid7().hex}"
    if site.owner != make_url(postgres).username:
        pytest.skip("needs a login that may create others")
    await _execute(site.dsn, f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    connection = await asyncpg.connect(_of_login(site.dsn, name, make_url(site.dsn).database or ""))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("SELECT socialgym_blank_turns(gen_random_uuid(), gen_random_uuid(), NULL)")
    await connection.close()
    await _execute(site.dsn, f"DROP ROLE {name}")


# --- what somebody undid, and migrations ------------------------------------------------------------------------


async def test_a_database_that_was_opened_is_refused(site: Site) -> None:
    if site.triggers:
        opened, closed = "ALTER TABLE turn DISABLE TRIGGER append_only", "ALTER TABLE turn ENABLE TRIGGER append_only"
    else:
        opened, closed = f"GRANT UPDATE ON turn TO {ROLE}", f"REVOKE UPDATE ON turn FROM {ROLE}"
    await _execute(site.dsn, opened)
    database = Database(site.dsn)
    with pytest.raises(DatabaseUnsafe, match="could change turn,"):
        await database.check_append_only()
    await _execute(site.dsn, closed)
    await database.check_append_only()
    await database.close()


async def test_migrations_run_without_the_role(site: Site) -> None:
    """There and back on connections that had taken it on, with a login that owns the tables."""
    database = Database(site.dsn)
    async with database.read() as connection:
        await connection.scalar(text("SELECT 1"))
    await migrate(database.engine, direction="downgrade", revision="0001")
    connection_ = await asyncpg.connect(site.dsn)
    assert await connection_.execute("UPDATE turn SET text = text WHERE false") == "UPDATE 0"
    assert not await connection_.fetchval(
        "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = $1", ROLE
    )
    assert not await connection_.fetchval("SELECT count(*) FROM pg_default_acl")
    await connection_.close()
    await database.close()
    again = Database(site.dsn)
    await migrate(again.engine)
    await again.check_append_only()
    await again.close()


def _migrate_apart(dsn: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MIGRATE, dsn]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)


async def test_databases_of_one_cluster_migrate_at_once(tmp_path: Path) -> None:
    """The role is the cluster's: of many migrations one makes it, and none fails for another's."""
    started = EmbeddedPostgres.start(tmp_path / "fresh", fsync=False)
    try:
        names = [f"one_of_{at}" for at in range(4)]
        await _execute(started.dsn, *(f"CREATE DATABASE {name}" for name in names))
        addresses = [with_name(started.dsn, name) for name in names]
        done = await asyncio.gather(*(asyncio.to_thread(_migrate_apart, dsn) for dsn in addresses))
        assert [process.returncode for process in done] == [0] * 4, "".join(process.stderr for process in done)
        for dsn in addresses:
            database = Database(dsn)
            await database.check_append_only()
            async with database.read() as connection:
                assert await connection.scalar(text("SELECT current_user")) == ROLE
            await database.close()
    finally:
        started.stop()
