"""Migrations, run by the server itself at start, under an advisory lock: of many processes one migrates.

Alembic is loaded where there is something to migrate: an ordinary start finds the schema as it must be.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import migrations

if TYPE_CHECKING:
    from alembic.config import Config

LOCK_KEY = 0x50C1A167  # one lock for all processes of one database
HEAD = "head"


def newest() -> str:
    """The revision that ``HEAD`` stands for: files are named by their revisions, which count up in one line."""
    return max(path.name.split("_")[0] for path in Path(migrations.__file__).parent.glob("versions/[0-9]*.py"))


def config(connection: Connection) -> Config:
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _run(connection: Connection, direction: str, revision: str) -> None:
    from alembic import command

    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    getattr(command, direction)(config(connection), revision)


async def migrate(engine: AsyncEngine, *, direction: str = "upgrade", revision: str = HEAD) -> None:
    """Bring the schema to ``revision`` in one transaction; a second process waits, then finds nothing to do.

    The engine's connections are made anew afterwards: which role they take on depends on the schema.
    """
    async with engine.begin() as connection:
        # The tables' owner, not the role that the application works as.
        await connection.execute(text("SET LOCAL ROLE NONE"))
        if (direction, revision) != ("upgrade", HEAD) or await _revisions(connection) != [newest()]:
            await connection.run_sync(_run, direction, revision)
    await engine.dispose()


async def _revisions(connection: AsyncConnection) -> list[str]:
    """What the database says of itself; empty where nothing was ever migrated."""
    there = await connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    return list(await connection.scalars(text("SELECT version_num FROM alembic_version"))) if there else []
