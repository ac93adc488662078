"""Migrations, run by the server itself at start, under an advisory lock: of many processes one migrates."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations

LOCK_KEY = 0x50C1A167  # one lock for all processes of one database


def config(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _run(connection: Connection, direction: str, revision: str) -> None:
    connection.execute(text("SET LOCAL ROLE NONE"))  # the tables' owner, not the role that the application works as
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    getattr(command, direction)(config(connection), revision)


async def migrate(engine: AsyncEngine, *, direction: str = "upgrade", revision: str = "head") -> None:
    """Bring the schema to ``revision`` in one transaction; a second process waits, then finds nothing to do.

    The engine's connections are made anew afterwards: which role they take on depends on the schema.
    """
    async with engine.begin() as connection:
        await connection.run_sync(_run, direction, revision)
    await engine.dispose()
