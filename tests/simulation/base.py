"""A database in memory with the semantics that the engine relies on, and nothing else.

- READ COMMITTED transactions with row locks: a statement that meets a locked row waits until its holder ends, and is
  then evaluated again on the newest version. Of transactions that wait for each other in a ring one fails.
- Snapshots for reads (REPEATABLE READ): committed tables are never changed in place, so a snapshot is a reference.
- Unique keys: an insert waits for the transaction that inserted the same key and has not ended.
- Transaction ids, drawn at the first write or lock, and a snapshot's xmin; a sequence that no rollback takes back.

Everything that happens here happens in callbacks of the event loop on behalf of the database, not of the process that
asked: a process that dies does not stop what it sent.
"""

from collections.abc import Callable, Hashable, Iterator
from datetime import datetime
from typing import Any

import asyncpg

Row = dict[str, Any]  # never changed in place
Table = dict[Any, Row]
Tables = dict[str, Table]

TABLES = (
    *("app_user", "practice_session", "turn", "session_event"),
    *("finalization", "finalization_seq", "gate_result", "mood_timeline", "trait_history", "session_summary"),
    *("outbox", "user_stats", "category_stats", "persona_stats", "gate_stats", "trait_stats", "week_stats"),
    *("user_category_progress", "mission_progress", "streak_day", "user_wallet", "wallet_ledger"),
    *("persona_memory", "memory_event"),
)


class MustWait(Exception):
    """The statement met a row that another transaction holds."""

    def __init__(self, key: Hashable) -> None:
        super().__init__(key)
        self.key = key


class Base:
    """The tables, the locks and the transactions. ``clock``: the database's."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.tables: Tables = {name: {} for name in TABLES}
        self.locks: dict[Hashable, Transaction] = {}
        self.running: set[int] = set()
        self.next_xid = 1
        self.serial = 0
        self.on_serial: Callable[[Transaction], None] | None = None  # told of each that is drawn
        self._parked: dict[Hashable, list[Callable[[], None]]] = {}

    def next_serial(self, transaction: "Transaction") -> int:
        """Drawn before the transaction commits, and not given back when it does not."""
        self.serial += 1
        if self.on_serial is not None:
            self.on_serial(transaction)
        return self.serial

    @property
    def xmin(self) -> int:
        """The oldest transaction that has not ended; of a younger id nothing can be told yet."""
        return min(self.running, default=self.next_xid)

    def park(self, key: Hashable, again: Callable[[], None]) -> None:
        """Call ``again`` when the lock is let go."""
        self._parked.setdefault(key, []).append(again)

    def commit(self, transaction: "Transaction") -> None:
        if transaction.writes:
            tables = dict(self.tables)
            for name, changes in transaction.writes.items():
                tables[name] = {**tables[name], **changes}
                for gone in [key for key, row in changes.items() if row is None]:
                    del tables[name][gone]
            self.tables = tables
        self.end(transaction)

    def end(self, transaction: "Transaction") -> None:
        """Let go of the locks; whoever waited for one of them is tried again, in the order of coming."""
        transaction.ended = True
        transaction.writes = {}
        self.running.discard(transaction.xid or 0)
        held, transaction.held = transaction.held, []
        for key in held:
            del self.locks[key]
        for key in held:
            for again in self._parked.pop(key, ()):
                again()


class Transaction:
    """One transaction. ``snapshot``: it reads at one moment and writes nothing."""

    def __init__(self, base: Base, *, snapshot: bool = False) -> None:
        self.base = base
        self.xid: int | None = None
        self.ended = False
        self.now = base.clock()
        self.writes: dict[str, dict[Any, Any]] = {}
        self.held: list[Hashable] = []
        self.waits_for: Transaction | None = None
        self.tables: Tables | None = base.tables if snapshot else None
        self.xmin = base.xmin
        self._undo: list[tuple[str, Any, bool, Any]] = []

    # --- reading -----------------------------------------------------------------------------------------------

    def get(self, table: str, key: Any) -> Row | None:
        """The row as this transaction sees it: its own, else the committed one."""
        own = self.writes.get(table)
        if own is not None and key in own:
            row: Row | None = own[key]
            return row
        return (self.tables or self.base.tables)[table].get(key)

    def rows(self, table: str) -> Iterator[tuple[Any, Row]]:
        committed = (self.tables or self.base.tables)[table]
        own = self.writes.get(table)
        if not own:
            yield from committed.items()
            return
        for key, row in {**committed, **own}.items():
            if row is not None:
                yield key, row

    # --- writing -----------------------------------------------------------------------------------------------

    def lock(self, *key: Hashable) -> None:
        """Raises ``MustWait`` while another holds it, and what PostgreSQL says of a deadlock."""
        holder = self.base.locks.get(key)
        if holder is self:
            return
        if holder is not None:
            self.waits_for = holder
            self._refuse_deadlock()
            raise MustWait(key)
        self.identify()
        self.base.locks[key] = self
        self.held.append(key)

    def is_locked(self, *key: Hashable) -> bool:
        return self.base.locks.get(key, self) is not self

    def identify(self) -> int:
        """The transaction's id, drawn when it is first needed."""
        if self.xid is None:
            self.xid = self.base.next_xid
            self.base.next_xid += 1
            self.base.running.add(self.xid)
        return self.xid

    def put(self, table: str, key: Any, row: Row | None) -> None:
        """Write over what is there, under the row's lock."""
        self.lock(table, key)
        own = self.writes.setdefault(table, {})
        self._undo.append((table, key, key in own, own.get(key)))
        own[key] = row

    def insert(self, table: str, key: Any, row: Row) -> None:
        """Raises ``UniqueViolationError`` when the key is there; waits for one who may be about to commit it."""
        self.lock(table, key)
        if self.get(table, key) is not None:
            raise asyncpg.UniqueViolationError(f"duplicate key value violates unique constraint of {table}: {key}")
        self.put(table, key, row)

    def update(self, table: str, key: Any, **changes: Any) -> Row:
        row = self.get(table, key)
        assert row is not None, f"{table} has {key}"
        self.put(table, key, made := {**row, **changes})
        return made

    def begin_statement(self) -> None:
        self.waits_for = None
        self._undo = []

    def undo_statement(self) -> None:
        """Take back what a statement wrote before it met a lock: it is done again from its beginning."""
        for table, key, had, row in reversed(self._undo):
            if had:
                self.writes[table][key] = row
            else:
                del self.writes[table][key]

    def _refuse_deadlock(self) -> None:
        other = self.waits_for
        while other is not None:
            if other is self:
                self.waits_for = None
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            other = other.waits_for
