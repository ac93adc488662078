"""What is taken out of the system to see whether the oracle misses it: each a family of the store, or a part of the
engine, in the place of the sound one."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from realtime.engine import Engine
from realtime.housekeeping import Housekeeping
from realtime.writer import BROKEN, Writer
from storage.rows import SessionWrite
from tests.simulation.base import Row, Transaction
from tests.simulation.batch import Append
from tests.simulation.books import Finalization
from tests.simulation.reads import Heads, Key
from tests.simulation.sessions import insert_turn


class Mutation:
    """The sound system. ``families``: of the store, in the place of the sound ones."""

    name = "none"

    families: ClassVar[dict[str, Any]] = {}

    def change_engine(self, engine: Engine) -> None: ...

    def change_housekeeping(self, housekeeping: Housekeeping) -> None: ...


class _NoKey(Append):
    def is_known(self, tx: Transaction, write: SessionWrite) -> bool:
        return False

    def insert_turns(self, tx: Transaction, write: SessionWrite) -> None:
        for turn in write.turns:
            row_key = f"{turn.item_id} at {turn.position}"
            known = tx.get("turn", (write.user_id, write.session_id, turn.item_id))
            insert_turn(tx, (write.user_id, write.session_id), turn, row_key=row_key if known else None)


class NoUniqueKey(Mutation):
    """A turn's item id may be used again."""

    name = "unique key"
    families: ClassVar[dict[str, Any]] = {"append": _NoKey()}


class _NoFence(Append):
    """A step is stored at whatever the head is. The log's own key would still refuse the seq that it holds twice, so
    it goes with the check: what is there is written over."""

    def in_order(self, head: Row, write: SessionWrite) -> bool:
        return True

    def insert_events(self, tx: Transaction, write: SessionWrite) -> None:
        for event in write.events:
            row = {"seq": event.seq, "type": event.type, "body": event.body}
            tx.put("session_event", (write.user_id, write.session_id, event.seq), row)


class NoExpectedSeq(Mutation):
    """The head is advanced without asking where it is."""

    name = "expected seq"
    families: ClassVar[dict[str, Any]] = {"append": _NoFence()}


class _NoLock(Heads):
    def lock(self, tx: Transaction, key: Key) -> None:
        pass


class NoRowLock(Mutation):
    """The finalizer reads the session's row without locking it."""

    name = "row lock"
    families: ClassVar[dict[str, Any]] = {"heads": _NoLock()}


class _NoGuard(Finalization):
    def settled(self, tx: Transaction, last: int) -> int:
        return last + 1


class NoOutboxGuard(Mutation):
    """The relay goes on behind the last row it saw, without asking what older transactions may still bring."""

    name = "outbox guard"
    families: ClassVar[dict[str, Any]] = {"finalization": _NoGuard()}


class _Hasty(Writer):
    async def _append(self, steps: list[SessionWrite]) -> set[Key]:
        try:
            return await self._storage.append(await self._connected(), steps)
        except BROKEN:
            self._connection = None
            raise


class NoRetry(Mutation):
    """A commit whose answer was lost counts as failed."""

    name = "retry"

    def change_engine(self, engine: Engine) -> None:
        engine.writer = _Hasty(engine.store.database.raw, engine.store.append)


class NoSweeper(Mutation):
    """Nobody looks for sessions that nobody ended or finalized."""

    name = "sweeper"

    def change_housekeeping(self, housekeeping: Housekeeping) -> None:
        async def nothing() -> None:
            await asyncio.sleep(0)

        housekeeping.sweep = nothing  # type: ignore[method-assign]


ALL: Sequence[type[Mutation]] = (NoUniqueKey, NoExpectedSeq, NoRowLock, NoOutboxGuard, NoRetry, NoSweeper)
