"""Several server processes behind one port: ``socialgym cluster --processes 4``.

The parent starts the database and a Valkey (unless ``DATABASE_URL`` and ``REDIS_URL`` name others), then the server
processes, and keeps them: one that dies is started again (with back-off), SIGHUP replaces them one after another (the
new one serves before the old one drains), SIGTERM and SIGINT drain all. Nothing outlives the parent: the kernel ends
its children with it.

Each process listens on the port with a socket of its own (``SO_REUSEPORT``), so that the kernel spreads connections
evenly by their addresses. One socket shared by all would be emptied by whichever process wakes first, and as our
connections live for an hour, so would the imbalance.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from server.embedded_valkey import EmbeddedValkey, die_with
from server.run import EXIT_SECONDS, banner, tell
from server.settings import Settings, SettingsError
from storage.database import POOL_SIZE

log = structlog.get_logger("socialgym.cluster")
READY_SECONDS = 60.0  # for a process to serve: it takes one or two, and a loaded machine its time
STOP_SECONDS = EXIT_SECONDS + 5.0  # past this a process is killed: it ends itself before
STEADY_SECONDS = 10.0  # a process that lived so long is started again at once
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MOST_PROCESSES = 64
EMBEDDED_CONNECTIONS = 90  # of the 100 that the embedded PostgreSQL takes


@contextmanager
def redis_of(settings: Settings) -> Iterator[str]:
    """The given Redis, or a Valkey that lives as long as the block."""
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    started = EmbeddedValkey.start()
    try:
        yield started.url
    finally:
        started.stop()


def run(settings: Settings, dsn: str, redis_url: str, processes: int) -> int:
    """Serve until SIGTERM or SIGINT. Raises ``SettingsError`` where the number or the port won't do."""
    most = MOST_PROCESSES
    if settings.database_url is None:
        # One more than asked for while they are replaced; each has a pool, a writer, and a few beside.
        most = EMBEDDED_CONNECTIONS // (POOL_SIZE + 3) - 1
    if not 1 <= processes <= most:
        raise SettingsError(f"--processes: from 1 to {most} will do here.")
    reserved = reserve(settings)
    port = reserved.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "REDIS_URL": redis_url,
        "SOCIALGYM_HOST": settings.host,
        "SOCIALGYM_PORT": str(port),
    }
    with reserved:
        return asyncio.run(Supervisor(settings, port, environment, processes).run())


def reserve(settings: Settings) -> socket.socket:
    """The port, bound so that our processes may bind it too; nobody listens on it yet. Raises ``SettingsError``."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    where = f"{settings.host}:{settings.port}"
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if settings.port:
            # Without SO_REUSEPORT: another cluster of ours on this port must not go unnoticed.
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((settings.host, settings.port))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((settings.host, settings.port))
    except OSError as error:
        made.close()
        raise SettingsError(f"SOCIALGYM_HOST, SOCIALGYM_PORT: can't listen on {where}: {error.strerror}.") from None
    return made


class Child:
    """One server process."""

    def __init__(self, process: asyncio.subprocess.Process, ready: int) -> None:
        self.process = process
        self.started_at = time.monotonic()
        self._ready = ready

    @classmethod
    async def start(cls, environment: Mapping[str, str]) -> "Child":
        parent = os.getpid()
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "server.worker", str(writing)),
                env=environment,
                pass_fds=(writing,),
                start_new_session=True,  # Ctrl-C at the terminal reaches the parent alone, which drains
                preexec_fn=(lambda: die_with(parent)) if sys.platform == "linux" else None,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return cls(process, reading)

    async def is_ready(self) -> bool:
        """Wait until it serves; False when it ended first, or takes too long (then it is killed)."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()

        def read() -> None:
            if not told.done():
                told.set_result(os.read(self._ready, 1) == b"1")

        loop.add_reader(self._ready, read)
        try:
            async with asyncio.timeout(READY_SECONDS):
                return await told
        except TimeoutError:
            self.kill()
            return False
        finally:
            loop.remove_reader(self._ready)
            os.close(self._ready)

    async def stop(self) -> None:
        """Have it drain, and wait until it is gone."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            log.error("a process did not drain", pid=self.process.pid)
            self.kill()
            await self.process.wait()

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()


class Supervisor:
    """Keeps the processes, each in its slot."""

    def __init__(self, settings: Settings, port: int, environment: Mapping[str, str], processes: int) -> None:
        self._settings = settings
        self._port = port
        self._environment = environment
        self._slots: list[Child | None] = [None] * processes
        self._locks = [asyncio.Lock() for _ in range(processes)]  # one hand at a time changes a slot
        self._children: set[Child] = set()  # all that live, also those that are being replaced
        self._stopping = asyncio.Event()
        self._rolling: asyncio.Task[None] | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._roll_once)
        keepers: list[asyncio.Task[None]] = []
        try:
            # The first one alone: what an update of the database has to say is said once.
            if not await self._fill(0):
                return 1
            await asyncio.gather(*(self._fill(slot) for slot in range(1, len(self._slots))))
            keepers = [asyncio.create_task(self._keep(slot), name=f"keep {slot}") for slot in range(len(self._slots))]
            if not self._stopping.is_set():
                tell(self._banner())
            await self._stopping.wait()
            return 0
        finally:
            tasks = [*keepers, self._rolling] if self._rolling is not None else keepers
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(child.stop() for child in self._children))

    async def _start(self) -> Child:
        self._children = {child for child in self._children if child.process.returncode is None}
        child = await Child.start(self._environment)
        self._children.add(child)
        return child

    async def _fill(self, slot: int) -> bool:
        child = self._slots[slot] = await self._start()
        return await child.is_ready()

    async def _keep(self, slot: int) -> None:
        """Start the slot's process again whenever it has ended by itself."""
        failures = 0
        while True:
            child = self._slots[slot]
            assert child is not None, "it was filled"
            code = await child.process.wait()
            if child is not self._slots[slot]:
                continue  # it was replaced
            steady = time.monotonic() - child.started_at > STEADY_SECONDS
            failures = 0 if steady else failures + 1
            wait = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)] if failures else 0.0
            log.warning("a process ended; it is started again", slot=slot, code=code, wait=wait)
            await asyncio.sleep(wait)
            async with self._locks[slot]:
                if child is self._slots[slot]:
                    await self._fill(slot)

    def _roll_once(self) -> None:
        if self._rolling is None or self._rolling.done():
            self._rolling = asyncio.create_task(self._roll(), name="rolling restart")

    async def _roll(self) -> None:
        """Replace the processes one after another. A new one that does not come up ends the roll: the old ones
        stay."""
        for slot in range(len(self._slots)):
            async with self._locks[slot]:
                new = await self._start()
                if not await new.is_ready():
                    log.error("the new process does not serve; the old ones stay", slot=slot)
                    return
                old, self._slots[slot] = self._slots[slot], new
                if old is not None:
                    await old.stop()
                log.info("a process was replaced", slot=slot, pid=new.process.pid)

    def _banner(self) -> str:
        pids = ", ".join(str(child.process.pid) for child in self._slots if child is not None)
        return (
            banner(self._settings, self._port)
            + f"{len(self._slots)} processes share the port: {pids}.\n"
            + f"A rolling restart: kill -HUP {os.getpid()}\n"
        )
