"""The embedded PostgreSQL: a private server, started with ours and ended with it.

The layout of a data directory, which one server at a time owns::

    postgres/          the cluster (PGDATA), mode 0700, of the account that PostgreSQL runs as
    postgres.log       what PostgreSQL says; moved to postgres.log.1 at a start that finds it over LOG_LIMIT
    postgres.json      the password, mode 0600; when it is missing, the next start sets a new one
    postgres.lock      locked by the owning server for as long as it lives

The server listens on a free port of 127.0.0.1 alone and asks for the password. The account ``socialgym`` is its
superuser. Rights of folders above the data directory are never changed.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncpg

from storage.embedded_cluster import (
    NAME,
    POLL_S,
    STOP_STEPS,
    EmbeddedError,
    Site,
    end_orphan,
    read_password,
    running,
    take_lock,
)

__all__ = ["EmbeddedError", "EmbeddedPostgres"]

#: Seconds to replay the write-ahead log and accept connections; max_wal_size bounds what there is to replay.
READY_WAIT_S = 120.0
#: Seconds a tool waits for a server that is there but does not let it in.
ATTACH_WAIT_S = 10.0
#: Tries to start, 0.1 s apart, for a port taken between choosing and binding it, or a killed predecessor's memory
#: that its last backends still hold.
START_TRIES = 50


class EmbeddedPostgres:
    """A running PostgreSQL 18 of one data directory.

    dsn: for ``asyncpg.connect``; with ``postgresql+asyncpg://`` for SQLAlchemy. It holds the password.
    pid: of the postmaster. port: on 127.0.0.1.
    """

    def __init__(self, dsn: str, pid: int, port: int, owned: _Owned | None) -> None:
        self.dsn = dsn
        self.pid = pid
        self.port = port
        self._owned = owned

    @classmethod
    def start(cls, data_dir: Path, *, fsync: bool = True, port: int | None = None) -> EmbeddedPostgres:
        """Start the server of data_dir, made when missing, and return when it accepts a login.

        Recovers from whatever a killed predecessor left. The server ends with this process, however that ends.
        fsync=False trades the survival of committed data for speed, and is for tests. port: to listen on; without
        it any free one.
        Must be called from the main thread: the kernel ties a child to the thread that started it. Takes 0.1 s for
        a cleanly stopped cluster, 0.7 s for a new one. Raises EmbeddedError.
        """
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedError("the embedded PostgreSQL must be started from the main thread")
        data_dir = data_dir.resolve()
        try:
            lock = take_lock(data_dir)
            try:
                return cls._start_locked(data_dir, lock, fsync, port)
            except BaseException:
                os.close(lock)
                raise
        except OSError as problem:
            raise EmbeddedError(f"the embedded PostgreSQL cannot use {data_dir}: {problem}") from problem

    @classmethod
    def _start_locked(cls, data_dir: Path, lock: int, fsync: bool, given: int | None) -> EmbeddedPostgres:
        site = Site.prepare(data_dir, fsync)
        end_orphan(site.folder)
        password = site.establish()
        for attempt in range(1, START_TRIES + 1):
            process, port = site.serve(given)
            dsn = _dsn(password, port)
            try:
                if _logs_in(dsn, partial(_is_alive, process), READY_WAIT_S):
                    return cls(dsn, process.pid, port, _Owned(process, lock))
            except BaseException:
                _end(process)
                raise
            site.explain_exit(retry=attempt < START_TRIES)
            time.sleep(0.1)
        raise AssertionError("the last try returns or raises")

    @classmethod
    def attach(cls, data_dir: Path) -> EmbeddedPostgres | None:
        """The running server of data_dir that another process started, or None. Raises EmbeddedError when it runs
        but this user may not read its files, or it does not let us in."""
        data_dir = data_dir.resolve()
        folder = data_dir / "postgres"
        try:
            found = running(folder)
            password = read_password(data_dir)
        except OSError as problem:
            raise EmbeddedError(f"the embedded PostgreSQL cannot use {data_dir}: {problem}") from problem
        if found is None or password is None:
            return None
        pid, port = found
        dsn = _dsn(password, port)
        if not _logs_in(dsn, lambda: running(folder) == found, ATTACH_WAIT_S):
            return None
        return cls(dsn, pid, port, None)

    def stop(self) -> None:
        """End the server if this object started it: open transactions are rolled back, all committed data is
        written. Returns when it is gone and the data directory is free. May be called again."""
        if self._owned is not None:
            self._owned.stop()


class _Owned:
    """The server process and the lock of the data directory, held by the process that started them."""

    def __init__(self, process: subprocess.Popen[bytes], lock: int) -> None:
        self._process = process
        self._lock: int | None = lock
        self._owner = os.getpid()
        atexit.register(self.stop)

    def stop(self) -> None:
        if os.getpid() != self._owner or self._lock is None:
            return  # a fork of the owner, or stopped before
        atexit.unregister(self.stop)
        _end(self._process)
        os.close(self._lock)
        self._lock = None


def _is_alive(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def _end(process: subprocess.Popen[bytes]) -> None:
    for step, seconds in STOP_STEPS:
        process.send_signal(step)  # does nothing once the process is gone
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def _dsn(password: str, port: int) -> str:
    return f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"


def _logs_in(dsn: str, alive: Callable[[], bool], seconds: float) -> bool:
    """Wait until a login succeeds: True; False when the server ended first. EmbeddedError after seconds."""
    given_up = threading.Event()
    # A thread of its own, so that it also works where an event loop is running.
    with ThreadPoolExecutor(1) as pool:
        try:
            wait = _await_login(dsn, lambda: alive() and not given_up.is_set(), seconds)
            return pool.submit(asyncio.run, wait).result()
        finally:
            given_up.set()


async def _await_login(dsn: str, alive: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive():
        try:
            connection = await asyncpg.connect(dsn, ssl=False, timeout=5)
            await connection.close()
        except asyncpg.InvalidCatalogNameError:
            await _create_database(dsn)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
            # Not yet listening, still recovering, or (when it has just ended) someone else's port.
            if isinstance(problem, asyncpg.InvalidPasswordError) and alive():
                raise EmbeddedError(
                    "the embedded PostgreSQL does not take the password in postgres.json; remove that file, and "
                    "the next start sets a new one"
                ) from problem
            if time.monotonic() > deadline:
                raise EmbeddedError(f"no login to the embedded PostgreSQL in {seconds} s: {problem}") from problem
            await asyncio.sleep(POLL_S)
        else:
            return True
    return False


async def _create_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, database="postgres", ssl=False, timeout=5)
    try:
        await connection.execute(f"CREATE DATABASE {NAME}")
    finally:
        await connection.close()
