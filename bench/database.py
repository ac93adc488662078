"""One PostgreSQL for all candidates, with durability on, and a fresh database for every run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import uuid_utils

from storage.embedded import EmbeddedPostgres


class Cluster:
    """A running PostgreSQL. ``pid``: of its postmaster."""

    def __init__(self, dsn: str, pid: int) -> None:
        self.dsn = dsn
        self.pid = pid

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The address of a new, empty database, dropped in the end. What earlier runs left to write is written
        first (a checkpoint), so that no run pays for another."""
        name = f"bench_{uuid_utils.uuid7().hex}"
        admin = await asyncpg.connect(self.dsn)
        try:
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            await admin.execute("CHECKPOINT")
            try:
                yield self.dsn.rsplit("/", 1)[0] + "/" + name
            finally:
                await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await admin.close()

    async def settings(self) -> dict[str, str]:
        """What decides how fast and how safe a commit is."""
        names = (
            "server_version",
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "shared_buffers",
            "max_wal_size",
        )
        connection = await asyncpg.connect(self.dsn)
        try:
            return {name: str(await connection.fetchval(f"SHOW {name}")) for name in names}
        finally:
            await connection.close()


@contextmanager
def cluster(data_dir: Path) -> Iterator[Cluster]:
    """The embedded PostgreSQL in ``data_dir``, fsync on. From the main thread."""
    started = EmbeddedPostgres.start(data_dir, fsync=True)
    try:
        yield Cluster(started.dsn, started.pid)
    finally:
        started.stop()


async def count(dsn: str, query: str) -> int:
    """The one number that a query gives."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
