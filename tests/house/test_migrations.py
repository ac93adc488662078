"""The schema: migrations there and back, equal to the metadata; and a database that keeps what it acknowledged."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names

from storage import append, memory, sessions
from storage.database import REQUIRED_SETTINGS, Database
from storage.errors import DatabaseUnsafe
from storage.migrate import config, migrate, newest
from storage.relation import Relation
from storage.schema import metadata
from storage.schema.practice import Xid8
from tests.conftest import new_database
from tests.support import ROOT


@pytest.fixture
async def empty(postgres: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    async with new_database(postgres, "template0") as made:
        yield made


@pytest.fixture
def xid8(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLAlchemy's reflection knows no xid8, and warns; here it is told."""
    monkeypatch.setitem(ischema_names, "xid8", Xid8)


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
    )
    return list(compare_metadata(context, metadata))


async def _names(dsn: str) -> set[str]:
    """Everything that a migration can leave behind: tables, indexes, sequences, views, functions and types."""
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch(
        """SELECT relkind::text || ' ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
           UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
           UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace"""
    )
    await connection.close()
    return {record[0] for record in found} - {"r alembic_version", "i alembic_version_pkc"}


async def test_up_down_and_up_again(empty: str, xid8: None) -> None:
    database = Database(empty)
    await migrate(database.engine)
    up = await _names(empty)
    assert {f"r {name}" for name in metadata.tables} <= up
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await migrate(database.engine, direction="downgrade", revision="base")
    left = {name for name in await _names(empty) if "alembic" not in name}
    assert left == set()
    await migrate(database.engine)
    await migrate(database.engine)
    assert await _names(empty) == up
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await database.close()


async def test_the_newest_revision_is_the_head(dsn: str) -> None:
    """A start asks no more than this, and leaves Alembic alone where the database is there."""
    database = Database(dsn)
    async with database.engine.connect() as connection:
        scripts = await connection.run_sync(lambda c: ScriptDirectory.from_config(config(c)))
        assert (await connection.run_sync(_current), scripts.get_heads()) == ((newest(),), [newest()])
    await database.close()


def _current(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


@pytest.mark.parametrize(
    "relation", [append.HEAD, sessions.TURN, sessions.EVENT, memory.WRITE], ids=lambda relation: relation.type
)
async def test_the_types_of_the_writers_rows(dsn: str, relation: Relation) -> None:
    """PostgreSQL would refuse a row of another shape, and the driver sends values by their place."""
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch(
        """SELECT attname, atttypid = to_regtype(wanted.type) AS right
           FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS wanted (name, type, at)
           FULL JOIN (SELECT a.* FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname = $1) made
               ON made.attnum = wanted.at ORDER BY coalesce(made.attnum, wanted.at)""",
        relation.type,
        list(relation.names),
        [kind for _, kind in relation.columns],
    )
    await connection.close()
    assert [tuple(record) for record in found] == [(name, True) for name in relation.names]


async def test_a_difference_would_be_seen(empty: str, xid8: None) -> None:
    database = Database(empty)
    await migrate(database.engine)
    connection = await asyncpg.connect(empty)
    await connection.execute("ALTER TABLE turn DROP COLUMN tip")
    await connection.execute(
        "DROP INDEX ix_wallet_ledger_user_id_created_at; ALTER TABLE app_user ALTER tier DROP NOT NULL"
    )
    await connection.close()
    async with database.engine.connect() as made:
        assert len(await made.run_sync(_differences)) == 3
    await database.close()


async def test_a_migration_that_fails_leaves_nothing(empty: str) -> None:
    connection = await asyncpg.connect(empty)
    await connection.execute("CREATE TABLE wallet_ledger (id int)")
    before = await _names(empty)
    database = Database(empty)
    with pytest.raises(Exception, match="already exists"):
        await migrate(database.engine)
    assert await _names(empty) == before
    await database.close()
    await connection.close()


MIGRATE = """
import asyncio, sys
from storage.database import Database
from storage.migrate import migrate
async def main():
    database = Database(sys.argv[1])
    await migrate(database.engine)
    await database.close()
asyncio.run(main())
"""


async def test_processes_that_migrate_at_once_wait_for_each_other(empty: str) -> None:
    def one() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", MIGRATE, empty]
        return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)

    done = await asyncio.gather(*(asyncio.to_thread(one) for _ in range(3)))
    assert [process.returncode for process in done] == [0, 0, 0], done[0].stderr + done[1].stderr + done[2].stderr
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    await connection.close()


# --- durability ---------------------------------------------------------------------------------------------------


async def test_a_database_that_may_lose_what_it_acknowledged_is_refused(dsn: str, database: Database) -> None:
    """The tests' own PostgreSQL runs without fsync."""
    with pytest.raises(DatabaseUnsafe, match="fsync=off"):
        await database.check(unsafe=False)
    await database.check(unsafe=True)


async def test_each_setting_of_durability_is_looked_at(
    dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(REQUIRED_SETTINGS) == {"fsync", "full_page_writes", "synchronous_commit"}
    name = dsn.rsplit("/", 1)[1]
    admin = await asyncpg.connect(dsn)
    monkeypatch.setattr("storage.database.REQUIRED_SETTINGS", ("synchronous_commit",))
    for value, safe in (("off", False), ("local", False), ("on", True), ("remote_apply", True)):
        await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
        fresh = Database(dsn)
        if safe:
            await fresh.check(unsafe=False)
        else:
            with pytest.raises(DatabaseUnsafe, match=f"synchronous_commit={value}"):
                await fresh.check(unsafe=False)
        await fresh.close()
    await admin.close()
