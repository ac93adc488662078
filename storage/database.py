"""The database as one object: the pool, the durability check, transactions, and typed errors.

Every truth is in Postgres. Nothing here is cancelled half-way by a caller that goes away: the engine runs its
commands in tasks owned by the process (see ``realtime.tasks``).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import TextClause, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.errors import DatabaseUnavailable, DatabaseUnsafe
from storage.roles import APPEND_ONLY, LEFT_OPEN, settings_of

POOL_SIZE = 12  # connections of the pool; the writer and the outbox relay hold one each beside it
# The writer's one statement looks rows up by their keys, on tables that statistics know little of while they grow
# from nothing. It is planned once for all sizes of batch (planning takes longer than storing a dozen turns), for
# pages that are in memory, and again every half minute, when the tables may have outgrown the plan.
WRITER_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "random_page_cost": "0",
    "seq_page_cost": "0",
}
WRITER_REPLAN_SECONDS = 30
REQUIRED_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


class Database:
    """A pool of connections to one PostgreSQL (>= 15). Made by ``connect``, ended by ``close``."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._role: dict[str, str] | None = None  # the settings of a connection that works as the application's role
        self.engine: AsyncEngine = create_async_engine(
            make_url(dsn).set(drivername="postgresql+asyncpg", query={}),
            async_creator=lambda: self._connect("socialgym"),  # asyncpg reads libpq's parameters, sslmode above all
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=None,  # sockets wait as long as the database does; HTTP requests have their own deadline
            pool_pre_ping=True,
        )

    async def check(self, *, unsafe: bool) -> None:
        """Refuse a database that may lose what it acknowledged.

        Raises ``DatabaseUnsafe`` unless PostgreSQL is at least 15 and ``fsync``, ``full_page_writes`` and
        ``synchronous_commit`` are on (``unsafe``, for tests on loopback, skips the three settings), and
        ``DatabaseUnavailable`` when it can't be reached.
        """
        try:
            async with self.engine.connect() as connection:
                await _check(connection, unsafe=unsafe)
        except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
            raise DatabaseUnavailable(f"PostgreSQL can't be reached (DATABASE_URL): {error}") from error

    async def check_append_only(self) -> None:
        """Refuse a migrated database in which the application could change or delete what is only appended to.

        Raises ``DatabaseUnsafe``: neither are the rights taken away nor are there triggers; somebody changed them.
        """
        async with self.engine.connect() as connection:
            found = await connection.execute(text(LEFT_OPEN), {"tables": list(APPEND_ONLY)})
            names = [str(name) for name in found.scalars()]
        if names:
            raise DatabaseUnsafe(
                f"the application could change {', '.join(names)}, which are only appended to: let the login take on "
                "the role socialgym_app, with its rights as migrated, or enable the triggers again."
            )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises. Commit errors get out."""
        async with self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One connection for reading, at one snapshot (REPEATABLE READ, read only)."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def raw(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection of its own outside the pool, for the writer."""
        return await self._connect("socialgym writer", WRITER_SETTINGS, replan_seconds=WRITER_REPLAN_SECONDS)

    async def _connect(
        self, name: str, settings: dict[str, str] | None = None, *, replan_seconds: int = 300
    ) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection that works as the application's role, wherever migrations made it one.

        The first one asks whether they did; until they have, connections are the login's.
        """
        known = self._role
        connection = await self._login(name, {**(settings or {}), **(known or {})}, replan_seconds)
        if known is not None:
            return connection
        try:
            self._role = await settings_of(connection)
        except BaseException:
            connection.terminate()
            raise
        if self._role is None:
            return connection
        await connection.close()
        return await self._login(name, {**(settings or {}), **self._role}, replan_seconds)

    async def _login(
        self, name: str, settings: dict[str, str], replan_seconds: int
    ) -> "asyncpg.Connection[asyncpg.Record]":
        url = make_url(self.dsn).set(drivername="postgresql")
        made: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            url.render_as_string(hide_password=False),
            server_settings={"timezone": "UTC", "application_name": name, **settings},
            max_cached_statement_lifetime=replan_seconds,
        )
        return made

    async def close(self) -> None:
        await self.engine.dispose()


async def _check(connection: AsyncConnection, *, unsafe: bool) -> None:
    version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    if version < 150000:
        raise DatabaseUnsafe(f"PostgreSQL 15 or newer is needed, this is {version // 10000}")
    for name in () if unsafe else REQUIRED_SETTINGS:
        value = (await connection.execute(text(f"SHOW {name}"))).scalar_one()
        if value not in ("on", "remote_apply", "remote_write"):
            raise DatabaseUnsafe(
                f"PostgreSQL runs with {name}={value}: an acknowledged turn could be lost. "
                f"Set {name}=on (for tests on loopback, SOCIALGYM_UNSAFE_DB=on accepts it)."
            )


_STATEMENTS: dict[str, TextClause] = {}


def sql(statement: str) -> TextClause:
    """The statement as a SQLAlchemy text clause, parsed once per process."""
    clause = _STATEMENTS.get(statement)
    if clause is None:
        clause = _STATEMENTS[statement] = text(statement)
    return clause


async def rows(connection: AsyncConnection, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    """All rows, as dictionaries."""
    result = await connection.execute(sql(statement), parameters)
    return [dict(row) for row in result.mappings()]


async def row(connection: AsyncConnection, statement: str, **parameters: Any) -> dict[str, Any] | None:
    """The one row, or None. Raises if there are several."""
    found = (await connection.execute(sql(statement), parameters)).mappings().one_or_none()
    return None if found is None else dict(found)


async def execute(connection: AsyncConnection, statement: str, **parameters: Any) -> int:
    """Run a statement; the number of rows it touched."""
    return int((await connection.execute(sql(statement), parameters)).rowcount)
