"""Group commit: one writer a process gathers what all its sessions want to persist.

While one batch commits, the next gathers; there is no timer and no added latency when idle. Each step's future is
answered after COMMIT: True when it was stored, False when it was missed (the session must reload). A broken
connection leaves the outcome unknown, and is settled by running the same batch again on a new one: steps that were
stored are then missed, and their sessions find them in the log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from realtime.counts import Counts
from realtime.errors import AppError
from storage import append as sql_append
from storage.rows import SessionWrite
from storage.store import Append

log = structlog.get_logger("socialgym.writer")
MAX_BATCH = 256  # steps in one statement: past this its latency grows faster than its throughput
GATHER_ROUNDS = 16  # of the loop, at most, before a batch leaves
QUIET_ROUNDS = 2  # a frame that is read in one round is a step in the next
RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)  # then every two seconds: what was read is never dropped

Connection = Any
Connect = Callable[[], Awaitable[Connection]]
BROKEN = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,  # the backend was ended, or the server is starting or stopping
)
UNSETTLED = (asyncpg.TransactionRollbackError,)  # a deadlock or its like: nothing was stored, the same again will do
Batch = list[tuple[SessionWrite, "asyncio.Future[bool]"]]


class Writer:
    """Owns one connection. ``write`` waits until the step is committed; it is bounded by its callers, each of which
    has at most one step under way."""

    def __init__(self, connect: Connect, storage: Append = sql_append, counts: Counts | None = None) -> None:
        self._connect = connect
        self._storage = storage
        self._counts = counts or Counts()
        self._connection: Connection | None = None
        self._waiting: Batch = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._closed = False

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
        """Persist one step. True: committed. False: missed, nothing of it was stored now.

        Raises ``draining`` once the writer is closed, and what the database says of a step that it can't take.
        """
        if self._closed:
            raise AppError("draining")
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, future))
        self._wake.set()
        return await future

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._let_in()
                batch = self._gather()
                await self._commit(batch)
            if self._closing:
                self._closed = True
                return

    async def _let_in(self) -> None:
        """Give what has reached the process already a few rounds of the loop to become steps too: a batch costs as
        much as ten steps in it. Where nothing comes, that is two empty rounds; there is no clock in it."""
        quiet = 0
        for _ in range(GATHER_ROUNDS):
            before = len(self._waiting)
            if before >= MAX_BATCH or self._closing:
                return
            await asyncio.sleep(0)
            quiet = 0 if len(self._waiting) > before else quiet + 1
            if quiet == QUIET_ROUNDS:
                return

    def _gather(self) -> Batch:
        """The longest waiting steps, at most one a session (a second one expects what the first leaves)."""
        batch: Batch = []
        later: Batch = []
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

    async def _commit(self, batch: Batch) -> None:
        """Store the batch and answer its futures. A step that the database can't take does not harm the others:
        they are tried one at a time."""
        began = asyncio.get_running_loop().time()
        try:
            stored = await self._append([step for step, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for entry in batch:
                    await self._commit([entry])
            else:
                _refuse(*batch[0], error)
            return
        counts = self._counts
        counts.batch_steps.add(len(batch))
        counts.batch_seconds.add(asyncio.get_running_loop().time() - began)
        for step, future in batch:
            landed = (step.user_id, step.session_id) in stored
            counts.missed_steps += not landed
            counts.turns += landed and step.new_turn
            if not future.done():
                future.set_result(landed)

    async def _append(self, steps: list[SessionWrite]) -> set[tuple[UUID, UUID]]:
        attempt = 0
        while True:
            try:
                return await self._storage.append(await self._connected(), steps)
            except UNSETTLED as error:
                log.info("a batch is run again", error=str(error), attempt=attempt)
            except BROKEN as error:
                if isinstance(error, ValueError):
                    raise  # asyncpg could not encode an argument; the connection is sound
                log.warning("the writer lost its connection", error=str(error), attempt=attempt)
                if self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                if self._closing and attempt >= len(RETRY_SECONDS):
                    raise
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1

    async def _connected(self) -> Connection:
        """Raises ``ConnectionError``, whatever it is that the database does not let us in for."""
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await self._connect()
            except Exception as error:
                raise ConnectionError(f"{type(error).__name__}: {error}") from error
        return self._connection


def _refuse(step: SessionWrite, future: "asyncio.Future[bool]", error: Exception) -> None:
    """Answer a step that failed alone. A row that is there already means that another step was first: a miss."""
    missed = isinstance(error, asyncpg.IntegrityConstraintViolationError)
    (log.warning if missed else log.error)("a step was refused", error=str(error), session_id=str(step.session_id))
    if future.done():
        return
    if missed:
        future.set_result(False)
    else:
        future.set_exception(error)
