"""Group commit: one writer a process gathers what all its sessions want to persist.

While one batch commits, the next gathers; there is no timer and no added latency when idle. Each step's future is
answered after COMMIT: True when it was stored, False when it was missed (the session must reload). A broken
connection leaves the outcome unknown, and is settled by running the same batch again on a new one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from storage.append import append
from storage.rows import SessionWrite

log = structlog.get_logger("socialgym.writer")
MAX_BATCH = 256  # steps in one statement: past this its latency grows faster than its throughput
RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)  # then every two seconds: what was read is never dropped

Connection = Any
Connect = Callable[[], Awaitable[Connection]]
BROKEN = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.OperatorInterventionError)


class Writer:
    """Owns one connection. ``write`` waits until the step is committed; it is bounded by its callers, each of which
    has at most one step under way."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._waiting: list[tuple[SessionWrite, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="writer")

    async def close(self) -> None:
        """Commit what is waiting, then let the connection go."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._connection is not None:
            await self._connection.close()

    async def write(self, step: SessionWrite) -> bool:
        """Persist one step. True: committed. False: missed, nothing of it was stored."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, future))
        self._wake.set()
        return await future

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._gather()
                await self._commit(batch)
            if self._closing:
                return

    def _gather(self) -> list[tuple[SessionWrite, asyncio.Future[bool]]]:
        """The longest waiting steps, at most one a session (a second one expects what the first leaves)."""
        batch: list[tuple[SessionWrite, asyncio.Future[bool]]] = []
        later: list[tuple[SessionWrite, asyncio.Future[bool]]] = []
        taken: set[UUID] = set()
        for entry in self._waiting:
            key = entry[0].session_id
            if len(batch) < MAX_BATCH and key not in taken:
                taken.add(key)
                batch.append(entry)
            else:
                later.append(entry)
        self._waiting = later
        return batch

    async def _commit(self, batch: list[tuple[SessionWrite, asyncio.Future[bool]]]) -> None:
        try:
            stored = await self._append([step for step, _ in batch])
        except asyncpg.IntegrityConstraintViolationError as error:
            # Two steps that exclude each other met in one batch: one at a time the second is missed.
            if len(batch) == 1:
                log.warning("a step was refused", error=str(error), session_id=str(batch[0][0].session_id))
                batch[0][1].set_result(False)
                return
            for entry in batch:
                await self._commit([entry])
            return
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            log.error("a batch failed", exc_info=error, steps=len(batch))
            return
        for step, future in batch:
            if not future.done():
                future.set_result((step.user_id, step.session_id) in stored)

    async def _append(self, steps: list[SessionWrite]) -> set[tuple[UUID, UUID]]:
        attempt = 0
        while True:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._connect()
                return await append(self._connection, steps)
            except BROKEN as error:
                log.warning("the writer lost its connection", error=str(error), attempt=attempt)
                if self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                if self._closing and attempt >= len(RETRY_SECONDS):
                    raise
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
