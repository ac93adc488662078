"""Connections to the database in memory: what lies between a process and it, and how that fails.

A statement travels there, is carried out when it arrives, and its answer travels back. A connection that is cut loses
what is on its way: a request that never arrived did nothing, an answer that never arrived leaves the outcome unknown.
An open transaction of a cut connection is rolled back; what was committed stays.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Any, Protocol, TypeVar

import asyncpg

from tests.simulation.base import Base, MustWait, Transaction

T = TypeVar("T")
OUTSIDE = Context()  # the database belongs to no process


class Network(Protocol):
    """How long things take, in seconds, and whether the database can be reached at all."""

    def delay(self) -> float:
        """One way between process and database."""
        ...

    def flush(self) -> float:
        """From the execution of a statement that commits by itself to its commit."""
        ...

    def require_up(self) -> None:
        """Raises ``OSError`` while no connection can be made."""
        ...

    def loses_answer(self) -> bool:
        """Whether the connection breaks under the answer that is to be sent now."""
        ...


class Near(Protocol):
    """What is told of connections as they come and go."""

    def opened(self, backend: "Backend") -> None: ...

    def closed(self, backend: "Backend") -> None: ...


class _Statement:
    __slots__ = ("answer", "body", "commits")

    def __init__(self, body: Callable[[Transaction], Any], answer: "asyncio.Future[Any]", commits: bool) -> None:
        self.body = body
        self.answer = answer
        self.commits = commits


class Backend:
    """One connection, as the families of the store use it: ``run`` carries a statement out in its transaction."""

    def __init__(self, base: Base, network: Network, near: Near, *, snapshot: bool, alone: bool) -> None:
        """``alone``: each statement is a transaction of its own (the writer's connection)."""
        self._base = base
        self._network = network
        self._near = near
        self._snapshot = snapshot
        self.alone = alone
        self._loop = asyncio.get_running_loop()
        self._transaction: Transaction | None = None
        self._last_arrival = 0.0
        self._flying: set[_Statement] = set()
        self._gone = False  # for the database
        self.cut_off = False  # for the process
        near.opened(self)

    def carries(self, transaction: Transaction) -> bool:
        return self._transaction is transaction

    # --- the process's side ------------------------------------------------------------------------------------

    async def run(self, body: Callable[[Transaction], T]) -> T:
        """Raises what the database says, or ``ConnectionDoesNotExistError``: then the outcome may be unknown."""
        result: T = await self._send(body, self.alone)
        return result

    def _send(self, body: Callable[[Transaction], Any], commits: bool) -> "asyncio.Future[Any]":
        if self.cut_off:
            raise _broken()
        statement = _Statement(body, self._loop.create_future(), commits)
        self._flying.add(statement)
        self._at(self._network.delay(), self._arrive, statement)
        return statement.answer

    async def commit(self) -> None:
        if self._transaction is not None or self._flying:
            await self._send(_commit, False)

    async def rollback(self) -> None:
        if (self._transaction is not None or self._flying) and not self.cut_off:
            await self._send(_rollback, False)

    def close(self) -> None:
        """Let it go, in order: nothing is under way."""
        self.cut_off = True
        self._hang_up()

    # As the writer holds it.
    def is_closed(self) -> bool:
        return self.cut_off

    def terminate(self) -> None:
        self.close()

    # --- what lies between -------------------------------------------------------------------------------------

    def cut(self, *, arrives: bool, process_is_told: bool = True) -> None:
        """Break the connection. ``arrives``: what is on its way there still arrives and is carried out."""
        flying = list(self._flying)
        self.cut_off = True
        if not arrives:
            self._hang_up()
        else:
            self._at(0.5, self._hang_up)
        if process_is_told:
            for statement in flying:
                if not statement.answer.done():
                    statement.answer.set_exception(_broken())

    def _at(self, delay: float, call: Callable[..., None], *arguments: Any) -> None:
        """In order: nothing overtakes on one connection. In a context of no process."""
        when = max(self._loop.time() + delay, self._last_arrival)
        if call == self._arrive:
            self._last_arrival = when
        self._loop.call_at(when, call, *arguments, context=OUTSIDE)

    # --- the database's side -----------------------------------------------------------------------------------

    def _arrive(self, statement: _Statement) -> None:
        if self._gone:
            return
        if statement.body is _commit or statement.body is _rollback:
            self._conclude(statement)
            return
        if self._transaction is None or self._transaction.ended:
            self._transaction = Transaction(self._base, snapshot=self._snapshot)
        self._carry_out(statement, self._transaction)

    def _carry_out(self, statement: _Statement, transaction: Transaction) -> None:
        if transaction.ended or self._gone:
            return
        transaction.begin_statement()
        try:
            result = statement.body(transaction)
        except MustWait as wait:
            transaction.undo_statement()
            self._base.park(wait.key, lambda: self._carry_out(statement, transaction))
            return
        except Exception as error:
            if statement.commits:
                self._base.end(transaction)
            self._reply(statement, None, error)
            return
        if statement.commits:
            self._at(self._network.flush(), self._flushed, statement, transaction, result)
        else:
            self._reply(statement, result, None)

    def _flushed(self, statement: _Statement, transaction: Transaction, result: Any) -> None:
        if not transaction.ended:
            self._base.commit(transaction)
            self._reply(statement, result, None)

    def _conclude(self, statement: _Statement) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None and not transaction.ended:
            if statement.body is _commit:
                self._base.commit(transaction)
            else:
                self._base.end(transaction)
        self._reply(statement, None, None)

    def _reply(self, statement: _Statement, result: Any, error: Exception | None) -> None:
        """Only a commit's answer takes a way of its own: between it and the commit much may happen, while for what
        is not committed it makes no difference on which way something happens."""
        if self._network.loses_answer():
            self.cut(arrives=False)
        elif statement.commits or statement.body is _commit:
            self._at(self._network.delay(), self._answered, statement, result, error)
        else:
            self._answered(statement, result, error)

    def _answered(self, statement: _Statement, result: Any, error: Exception | None) -> None:
        self._flying.discard(statement)
        if self.cut_off or statement.answer.done():
            return
        if error is not None:
            statement.answer.set_exception(error)
        else:
            statement.answer.set_result(result)

    def _hang_up(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._near.closed(self)
        if self._transaction is not None and not self._transaction.ended:
            self._base.end(self._transaction)


def _commit(_: Transaction) -> None:
    """Named, not called: the end of a transaction."""


def _rollback(_: Transaction) -> None:
    """Named, not called."""


def _broken() -> Exception:
    return asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


class _Reading:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __aenter__(self) -> Backend:
        return self._backend

    async def __aexit__(self, *_: object) -> None:
        self._backend.close()


class _Writing:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __aenter__(self) -> Backend:
        return self._backend

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self._backend.commit()
            else:
                await self._backend.rollback()
        finally:
            self._backend.close()


class Raw(Backend):
    """As the writer holds one: closing takes a moment."""

    async def close(self) -> None:  # type: ignore[override]
        self.terminate()

    def terminate(self) -> None:
        Backend.close(self)


class MemoryDatabase:
    """``Connections`` of one process to the database in memory."""

    def __init__(self, base: Base, network: Network, near: Near) -> None:
        self.base = base
        self._network = network
        self._near = near

    def _open(self, kind: type[Backend] = Backend, **options: bool) -> Backend:
        self._network.require_up()
        return kind(self.base, self._network, self._near, **options)

    def read(self) -> _Reading:
        return _Reading(self._open(snapshot=True, alone=False))

    def transaction(self) -> _Writing:
        return _Writing(self._open(snapshot=False, alone=False))

    async def raw(self) -> Raw:
        await asyncio.sleep(self._network.delay())
        made = self._open(Raw, snapshot=False, alone=True)
        assert isinstance(made, Raw)
        return made


class Instant:
    """A network that takes no time and never fails."""

    def delay(self) -> float:
        return 0.0

    def flush(self) -> float:
        return 0.0

    def require_up(self) -> None:
        pass

    def loses_answer(self) -> bool:
        return False


class Nobody:
    """Is told, and does nothing."""

    def opened(self, backend: Backend) -> None:
        pass

    def closed(self, backend: Backend) -> None:
        pass
