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

POOL_SIZE = 12  # connections of the pool; the writer and the outbox relay hold one each beside it
REQUIRED_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


class Database:
    """A pool of connections to one PostgreSQL (>= 15). Made by ``connect``, ended by ``close``."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.engine: AsyncEngine = create_async_engine(
            make_url(dsn).set(drivername="postgresql+asyncpg", query={}),
            async_creator=lambda: self._connect("socialgym"),  # asyncpg reads libpq's parameters, sslmode above all
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=30,
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
        return await self._connect("socialgym writer")

    async def _connect(self, name: str) -> "asyncpg.Connection[asyncpg.Record]":
        url = make_url(self.dsn).set(drivername="postgresql")
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            url.render_as_string(hide_password=False),
            server_settings={"timezone": "UTC", "application_name": name},
        )
        return connection

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
