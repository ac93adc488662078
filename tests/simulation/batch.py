"""The writer's one statement, in memory: many sessions' steps, each stored whole where its conditions hold."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from storage.rows import MemoryRow, SessionWrite
from tests.simulation.base import Row, Transaction
from tests.simulation.reads import Key
from tests.simulation.sessions import insert_event, insert_turn
from tests.simulation.wire import Backend


class Append:
    async def append(self, connection: Backend, writes: Sequence[SessionWrite]) -> set[tuple[UUID, UUID]]:
        return await connection.run(lambda tx: self.store(tx, writes))

    def store(self, tx: Transaction, writes: Sequence[SessionWrite]) -> set[Key]:
        """First the memory's rows are locked and compared, then the heads that fit are advanced, then all rows of
        those are inserted: the order of the one statement."""
        fresh = [write for write in writes if not self.is_stale(tx, write)]
        advanced = [write for write in fresh if self.advance(tx, write)]
        for write in advanced:
            self.insert(tx, write)
        return {(write.user_id, write.session_id) for write in advanced}

    def is_stale(self, tx: Transaction, write: SessionWrite) -> bool:
        """Whether a memory row has another version than the step read."""
        expected: dict[tuple[UUID, str, str], int] = {}
        for row in write.memory:
            key = (write.user_id, row.persona_key, row.key)
            expected[key] = min(expected.get(key, row.expected_version), row.expected_version)
        stale = False
        for key, version in expected.items():
            stored = tx.get("persona_memory", key)
            if stored is not None:
                tx.lock("persona_memory", key)
            stale = stale or (stored["version"] if stored is not None else 0) != version
        return stale

    def advance(self, tx: Transaction, write: SessionWrite) -> bool:
        key = (write.user_id, write.session_id)
        head = tx.get("practice_session", key)
        if head is None or not self.may_advance(tx, head, write):
            return False
        changes: Row = {"last_seq": write.seq, "state": write.state}
        if write.voice:
            changes["channel"] = "VOICE"
        if write.ending_seconds is not None:
            changes["ending_until"] = tx.now + timedelta(seconds=write.ending_seconds)
        if write.clears_reply is not None and head["reply_id"] == write.clears_reply:
            changes["reply_id"] = None
        if write.new_turn:
            changes["last_turn_at"] = tx.now
        tx.update("practice_session", key, **changes)
        return True

    def may_advance(self, tx: Transaction, head: Row, write: SessionWrite) -> bool:
        return (
            head["status"] == "IN_PROGRESS"
            and self.in_order(head, write)
            and (not write.new_turn or head["ending_until"] is None)
            and (write.clears_reply is None or head["reply_id"] == write.clears_reply)
            and not self.is_known(tx, write)
        )

    def in_order(self, head: Row, write: SessionWrite) -> bool:
        return bool(head["last_seq"] == write.expected_seq)

    def is_known(self, tx: Transaction, write: SessionWrite) -> bool:
        """Whether the session has a turn with this id."""
        if not write.turns:
            return False
        return tx.get("turn", (write.user_id, write.session_id, write.turns[0].item_id)) is not None

    def insert(self, tx: Transaction, write: SessionWrite) -> None:
        self.insert_turns(tx, write)
        self.insert_events(tx, write)
        for row in write.memory:
            _remember(tx, (write.user_id, write.session_id), row)

    def insert_turns(self, tx: Transaction, write: SessionWrite) -> None:
        for turn in write.turns:
            insert_turn(tx, (write.user_id, write.session_id), turn)

    def insert_events(self, tx: Transaction, write: SessionWrite) -> None:
        for event in write.events:
            insert_event(tx, (write.user_id, write.session_id), event)


def _remember(tx: Transaction, session: Key, row: MemoryRow) -> None:
    key = (session[0], row.persona_key, row.key)
    present = tx.get("persona_memory", key)
    if present is None or present["version"] < row.version:
        forgotten = row.op == "forgotten"
        made = {"items": row.items, "previous_value": row.previous_value, "version": row.version}
        tx.put("persona_memory", key, {**made, "forgotten": forgotten})
    written = {field: getattr(row, field) for field in row.__struct_fields__}
    tx.insert("memory_event", (*key, row.version), {**written, "session_id": session[1]})
