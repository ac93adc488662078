"""Several server processes on one PostgreSQL and one Valkey, and every way to break them.

The PostgreSQL is durable (fsync on) unless asked otherwise, keeps its port over a crash, and stamps commits, so that
it can be asked when a row was committed.
"""

import asyncio
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import asyncpg
import httpx
import redis.asyncio as redis

from server.embedded_valkey import EmbeddedValkey
from storage.embedded import EmbeddedPostgres
from tests.adversity.wires import Nodes
from tests.support import ROOT, ServerProcess

Crash = Literal["immediate", "postmaster", "backend"]
REVIVALS = 60
START_SECONDS = 120.0  # on a machine that has much else to do; two on one that has not
CRASHES: tuple[Crash, ...] = ("immediate", "postmaster", "backend")


class Node(ServerProcess):
    """A server of a cluster. With ``limits`` or ``pace_ms`` the same server under other limits (``serve``)."""

    def __init__(
        self, data_dir: Path, *, limits: dict[str, Any] | None = None, pace_ms: int | None = None, **environment: str
    ) -> None:
        if limits is not None or pace_ms is not None:
            environment["ADVERSITY_LIMITS"] = json.dumps(limits or {})
            environment["ADVERSITY_PACE_MS"] = str(pace_ms or 0)
            self.program = ("tests.adversity.serve",)
        super().__init__(data_dir, **environment)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


class Cluster:
    """``async with Cluster(folder, 3) as cluster``. ``dark``: when there was no server, or no PostgreSQL, that could
    have done anything, as (from, to) in epoch seconds."""

    def __init__(
        self,
        folder: Path,
        size: int,
        *,
        limits: dict[str, Any] | None = None,
        pace_ms: int | None = 0,
        fsync: bool = True,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.secret = secrets.token_hex(32)
        self.nodes: list[Node] = []
        self._size = size
        self._limits = limits
        self._pace_ms = pace_ms
        self._fsync = fsync
        self._environment = environment
        self._made = 0
        self._up: set[Node] = set()
        self._dark_since = time.time()
        self.dark: list[tuple[float, float]] = []
        self._book = Nodes(folder / "nodes")
        self.postgres: EmbeddedPostgres
        self.valkey: EmbeddedValkey

    # --- life --------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> "Cluster":
        data = self.folder / "database"
        self.postgres = EmbeddedPostgres.start(data, fsync=self._fsync)
        self.valkey = EmbeddedValkey.start()
        try:
            async with self.database() as database:
                await database.execute("ALTER SYSTEM SET track_commit_timestamp = on")
            self.postgres.stop()
            self.postgres = EmbeddedPostgres.start(data, fsync=self._fsync)
            await self.grow()  # the first one migrates
            await asyncio.gather(*(self.grow() for _ in range(self._size - 1)))
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for node in self.nodes:
            if node.running:
                node.kill()
        self.valkey.stop()
        self.postgres.stop()

    def database(self) -> "_Session":
        """A connection of the test's own: ``async with cluster.database() as connection``."""
        return _Session(self.postgres.dsn)

    def publish(self, *leaving: Node) -> None:
        """Tell the fleets whom they may ask."""
        self._book.write([node.url for node in self.nodes if node.running and node not in leaving])

    @property
    def alive(self) -> int:
        """Servers that are up."""
        return len(self._up)

    def next_number(self) -> int:
        """For names that no other on this cluster has."""
        self._made += 1
        return self._made

    # --- servers -----------------------------------------------------------------------------------------------

    async def grow(self) -> Node:
        """One server more."""
        node = Node(
            self.folder / f"node-{self.next_number()}",
            DATABASE_URL=self.postgres.dsn,
            REDIS_URL=self.valkey.url,
            limits=self._limits,
            pace_ms=self._pace_ms,
            SOCIALGYM_SECRET_KEY=self.secret,
            **self._environment,
        )
        self.nodes.append(node)
        await node.start(patience=START_SECONDS)
        self._mark(node, up=True)
        self.publish()
        return node

    def _mark(self, node: Node, *, up: bool) -> None:
        """Whether it can do anything from now on."""
        before = bool(self._up)
        (self._up.add if up else self._up.discard)(node)
        if before and not self._up:
            self._dark_since = time.time()
        elif self._up and not before:
            self.dark.append((self._dark_since, time.time()))

    async def kill(self, node: Node) -> None:
        """SIGKILL, and start it again at once."""
        self._mark(node, up=False)
        node.kill()
        await self.revive(node)

    async def revive(self, node: Node) -> None:
        """Start it as a supervisor does: again, when it ended because PostgreSQL could not be reached."""
        for _ in range(REVIVALS):
            try:
                await node.start(patience=START_SECONDS)
                self._mark(node, up=True)
                return
            except RuntimeError:
                await asyncio.sleep(0.5)
        raise AssertionError(f"a server does not start: {node.log.read_text()[-2000:]}")

    async def restart_rolling(self) -> None:
        """Replace every server, one after the other, the new one before the old one goes. Fails when one does not go
        in order."""
        for old in list(self.nodes):
            await self.grow()
            self.publish(old)
            self._mark(old, up=False)
            code = await old.stop()
            assert code == 0, f"a server told to go ended with {code}: {old.log.read_text()[-2000:]}"
            self.nodes.remove(old)

    async def pause(self, node: Node, seconds: float) -> None:
        """SIGSTOP, and CONT after so long. The fleets still try it meanwhile."""
        self._mark(node, up=False)
        node.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            node.send(signal.SIGCONT)
            self._mark(node, up=True)

    # --- PostgreSQL --------------------------------------------------------------------------------------------

    async def crash_postgres(self, how: Crash, dice: random.Random) -> float:
        """Crash it and have it recover; seconds until it lets in again.

        ``immediate``: the postmaster ends at once, without a checkpoint. ``postmaster``: it is killed. ``backend``:
        one of its backends is killed, and it ends all others and recovers by itself.
        """
        began = time.monotonic()
        if how == "backend":
            await self._kill_a_backend(dice)
        else:
            os.kill(self.postgres.pid, signal.SIGQUIT if how == "immediate" else signal.SIGKILL)
            self.postgres.stop()
            port = self.postgres.port
            self.postgres = EmbeddedPostgres.start(self.folder / "database", fsync=self._fsync, port=port)
        while True:
            try:
                async with self.database():
                    took = time.monotonic() - began
                    self.dark.append((time.time() - took, time.time()))
                    return took
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.05)

    async def _kill_a_backend(self, dice: random.Random) -> None:
        async with self.database() as database:
            found = await database.fetch(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'socialgym%' ORDER BY pid"
            )
        os.kill(dice.choice(found)["pid"], signal.SIGKILL)
        await asyncio.sleep(0.2)  # until then the old ones may still answer

    async def end_backends(self) -> int:
        """``pg_terminate_backend`` for every connection of the servers; how many."""
        async with self.database() as database:
            return int(
                await database.fetchval(
                    """SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE application_name LIKE 'socialgym%'"""
                )
            )

    # --- Valkey ------------------------------------------------------------------------------------------------

    async def kill_valkey(self, down: float) -> None:
        """SIGKILL; after ``down`` seconds an empty one is there in its place."""
        self.valkey.process.kill()
        self.valkey.process.wait()
        port, password = self.valkey.port, self.valkey.password
        self.valkey.stop()
        await asyncio.sleep(down)
        self.valkey = EmbeddedValkey.start(port=port, password=password)

    async def pause_valkey(self, seconds: float) -> None:
        """It takes connections and answers nothing."""
        self.valkey.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.valkey.process.send_signal(signal.SIGCONT)

    async def erase_valkey(self) -> None:
        """All that it holds, and every connection to it."""
        async with redis.Redis.from_url(self.valkey.url) as client:
            await client.flushall()
            for kind in ("normal", "pubsub"):
                await client.client_kill_filter(_type=kind, skipme=True)

    # --- healing -----------------------------------------------------------------------------------------------

    async def heal(self) -> None:
        """Everything runs and is ready."""
        for node in self.nodes:
            if not node.running:
                await self.revive(node)
        self.publish()
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as http:
            for node in self.nodes:
                while True:
                    try:
                        if (await http.get(f"{node.url}/v1/health/ready")).status_code == 200:
                            break
                    except httpx.TransportError:
                        pass
                    await asyncio.sleep(0.1)

    async def run(self, *arguments: str) -> str:
        """``python -m ...`` of the product on this database; its output. Fails when it fails."""
        environment = {
            **os.environ,
            "DATABASE_URL": self.postgres.dsn,
            "SOCIALGYM_DATA_DIR": str(self.folder / "cli"),
        }
        environment["SOCIALGYM_SECRET_KEY"] = self.secret
        done = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *arguments),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await done.communicate()
        assert done.returncode == 0, f"{arguments}: {output.decode()[-2000:]}"
        return output.decode()


class _Session:
    """A connection as a block; a crash may take it away in the middle."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __aenter__(self) -> "asyncpg.Connection[asyncpg.Record]":
        self._connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(self._dsn, timeout=10)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._connection.close(timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._connection.terminate()
