"""The families of the store that read what is said, in memory: heads, transcripts, memory.

Each function does what the one of its name in ``storage`` does; the contract test runs both.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from storage.rows import SessionHead
from storage.transcripts import PAID_LINES_KEPT, StoredTurn
from tests.simulation.base import Row, Transaction
from tests.simulation.wire import Backend

Key = tuple[UUID, UUID]
HEAD_FIELDS = SessionHead.__struct_fields__
STORED_FIELDS = StoredTurn.__struct_fields__
LEARNER_FIELDS = (
    *("turn_index", "item_id", "text", "kind", "score", "rarity", "confidence", "clarity", "humor"),
    *("tension_control", "emotional_warmth", "dominance", "charisma_index", "evidence", "observed", "hooks"),
    *("patterns", "tip", "mood", "mood_percent", "progress", "strike", "disqualified", "filler_words"),
    *("total_words", "xp", "coins", "gems", "delivery"),
)


def seconds_of(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _left(row: Row, now: datetime) -> bool:
    return row["attached_until"] is None or row["attached_until"] < now


def cause_holds(row: Row, now: datetime, cause: str, condition: dict[str, Any]) -> bool:
    """What must hold, by the database's clock, for a session to end for this cause."""
    if cause == "GRACE":
        detached = row["detached_at"]
        return detached is not None and detached < now - seconds_of(condition["grace"]) and _left(row, now)
    if cause == "IDLE":
        return (row["last_turn_at"] or row["created_at"]) < now - seconds_of(condition["idle"]) and _left(row, now)
    if cause == "AGE":
        return row["created_at"] < now - seconds_of(condition["age"]) or bool(condition["turns_reached"])
    if cause == "RULE":
        return (row["ending_until"] is not None and row["ending_until"] < now) or bool(condition["closing_done"])
    if cause == "TIMER":
        return row["last_seq"] == condition["expected_seq"] and row["ending_until"] is None
    if cause == "REPLACED":
        return _left(row, now) or row["detached_at"] is not None
    return True


class Heads:
    async def head(
        self, connection: Backend, user_id: UUID, session_id: UUID, *, lock: bool = False
    ) -> SessionHead | None:
        key = (user_id, session_id)

        def body(tx: Transaction) -> SessionHead | None:
            row = tx.get("practice_session", key)
            if row is None:
                return None
            if lock:
                self.lock(tx, key)
            return SessionHead(**{field: row[field] for field in HEAD_FIELDS})

        return await connection.run(body)

    def lock(self, tx: Transaction, key: Key) -> None:
        """FOR UPDATE."""
        tx.lock("practice_session", key)

    async def due(
        self, connection: Backend, *, grace: float, idle: float, age: float, limit: int
    ) -> list[tuple[UUID, UUID, str]]:
        known = {"grace": grace, "idle": idle, "age": age, "turns_reached": False, "closing_done": False}

        def body(tx: Transaction) -> list[tuple[UUID, UUID, str]]:
            found: list[tuple[UUID, UUID, str]] = []
            for key, row in tx.rows("practice_session"):
                if row["status"] == "IN_PROGRESS":
                    causes = ("RULE", "AGE", "GRACE", "IDLE")
                    cause = next((c for c in causes if cause_holds(row, tx.now, c, known)), None)
                    if cause is not None:
                        found.append((*key, cause))
            return found[:limit]

        return await connection.run(body)

    async def unfinished(self, connection: Backend, *, attempts: int, limit: int) -> list[tuple[UUID, UUID]]:
        def body(tx: Transaction) -> list[tuple[UUID, UUID]]:
            found = [
                (row["ended_at"], key)
                for key, row in tx.rows("practice_session")
                if row["status"] == "FINALIZING"
                and row["finalize_failures"] < attempts
                and (row["finalize_after"] is None or row["finalize_after"] < tx.now)
                and not tx.is_locked("practice_session", key)
            ]
            keys = [key for _, key in sorted(found)][:limit]
            for key in keys:
                tx.lock("practice_session", key)
            return keys

        return await connection.run(body)

    async def positions(self, connection: Backend, keys: list[Key]) -> list[tuple[UUID, int, str]]:
        def body(tx: Transaction) -> list[tuple[UUID, int, str]]:
            found = [(key[1], tx.get("practice_session", key)) for key in keys]
            return [(at, row["last_seq"], row["status"]) for at, row in found if row is not None]

        return await connection.run(body)

    async def may_end(
        self, connection: Backend, user_id: UUID, session_id: UUID, cause: str, **condition: Any
    ) -> bool:
        def body(tx: Transaction) -> bool:
            row = tx.get("practice_session", (user_id, session_id))
            open_now = row is not None and row["status"] == "IN_PROGRESS"
            return row is not None and open_now and cause_holds(row, tx.now, cause, condition)

        return await connection.run(body)


class Transcripts:
    async def stored_turn(
        self, connection: Backend, user_id: UUID, session_id: UUID, item_id: str
    ) -> StoredTurn | None:
        def body(tx: Transaction) -> StoredTurn | None:
            row = tx.get("turn", (user_id, session_id, item_id))
            return None if row is None else StoredTurn(**{field: row[field] for field in STORED_FIELDS})

        return await connection.run(body)

    async def reply_to(self, connection: Backend, user_id: UUID, session_id: UUID, item_id: str) -> StoredTurn | None:
        def body(tx: Transaction) -> StoredTurn | None:
            for row in _turns(tx, (user_id, session_id)):
                if row["parent_item_id"] == item_id and row["role"] == "assistant":
                    return StoredTurn(**{field: row[field] for field in STORED_FIELDS})
            return None

        return await connection.run(body)

    async def events(
        self, connection: Backend, user_id: UUID, session_id: UUID, *, after: int, until: int, limit: int
    ) -> list[tuple[int, str, str]]:
        def body(tx: Transaction) -> list[tuple[int, str, str]]:
            head = tx.get("practice_session", (user_id, session_id))
            last = min(until, head["last_seq"] if head is not None else 0)
            found = (tx.get("session_event", (user_id, session_id, seq)) for seq in range(after + 1, last + 1))
            return [(row["seq"], row["type"], row["body"]) for row in found if row is not None][:limit]

        return await connection.run(body)

    async def learner_turns(self, connection: Backend, user_id: UUID, session_id: UUID) -> list[dict[str, Any]]:
        def body(tx: Transaction) -> list[dict[str, Any]]:
            turns = [row for row in _turns(tx, (user_id, session_id)) if row["role"] == "user"]
            turns.sort(key=lambda row: row["turn_index"])
            return [{field: row[field] for field in LEARNER_FIELDS} for row in turns]

        return await connection.run(body)

    async def paid_lines(self, connection: Backend, user_id: UUID, before: datetime) -> frozenset[int]:
        def body(tx: Transaction) -> frozenset[int]:
            found: list[tuple[datetime, int]] = []
            for key, row in tx.rows("turn"):
                paid = row["xp"] or row["coins"] or row["gems"]
                if key[0] == user_id and paid and before - timedelta(days=30) < row["created_at"] < before:
                    head = tx.get("practice_session", key[:2])
                    if head is not None and head["end_reason_code"] != "ABORT_DISQUALIFIED":
                        found.append((row["created_at"], row["line_hash"]))
            found.sort(reverse=True)
            return frozenset(line for _, line in found[:PAID_LINES_KEPT])

        return await connection.run(body)

    async def turn_xp_of_day(self, connection: Backend, user_id: UUID, day: date) -> int:
        def body(tx: Transaction) -> int:
            return sum(
                row["turn_xp"]
                for key, row in tx.rows("finalization")
                if key[0] == user_id and row["local_date"] == day
            )

        return await connection.run(body)

    async def summary(self, connection: Backend, user_id: UUID, session_id: UUID) -> str | None:
        def body(tx: Transaction) -> str | None:
            row = tx.get("session_summary", (user_id, session_id))
            return None if row is None else str(row["body"])

        return await connection.run(body)

    async def open_sessions(self, connection: Backend, user_id: UUID) -> list[tuple[UUID, bool]]:
        def body(tx: Transaction) -> list[tuple[UUID, bool]]:
            mine = [
                (row["created_at"], key[1], not _left(row, tx.now) and row["detached_at"] is None)
                for key, row in tx.rows("practice_session")
                if key[0] == user_id and row["status"] == "IN_PROGRESS"
            ]
            return [(session_id, held) for _, session_id, held in sorted(mine)]

        return await connection.run(body)

    async def sessions_since(self, connection: Backend, user_id: UUID, seconds: float) -> int:
        def body(tx: Transaction) -> int:
            return sum(
                1
                for key, row in tx.rows("practice_session")
                if key[0] == user_id and row["created_at"] > tx.now - seconds_of(seconds)
            )

        return await connection.run(body)

    async def lock_user(self, connection: Backend, user_id: UUID) -> None:
        await connection.run(lambda tx: tx.lock("app_user", user_id))

    async def age_band(self, connection: Backend, user_id: UUID) -> str:
        def body(tx: Transaction) -> str:
            row = tx.get("app_user", user_id)
            return "UNKNOWN" if row is None else str(row["age_band"])

        return await connection.run(body)


def _turns(tx: Transaction, key: Key) -> list[Row]:
    return [row for at, row in tx.rows("turn") if at[1] == key[1] and at[0] == key[0]]


class Memory:
    async def present(self, connection: Backend, user_id: UUID, persona_key: str) -> list[dict[str, Any]]:
        def body(tx: Transaction) -> list[dict[str, Any]]:
            mine = [
                {"key": key[2], **{f: row[f] for f in ("items", "version", "forgotten")}}
                for key, row in tx.rows("persona_memory")
                if key[:2] == (user_id, persona_key)
            ]
            return sorted(mine, key=lambda row: str(row["key"]))

        return await connection.run(body)

    async def of_session(self, connection: Backend, user_id: UUID, session_id: UUID) -> list[dict[str, Any]]:
        def body(tx: Transaction) -> list[dict[str, Any]]:
            fields = ("value", "op", "created_at", "item_id", "span_start", "span_end", "quote")
            mine = [
                (row["seq"], {"key": key[2], **{f: row[f] for f in fields}})
                for key, row in tx.rows("memory_event")
                if key[0] == user_id and row["session_id"] == session_id
            ]
            return [row for _, row in sorted(mine, key=lambda pair: int(pair[0]))]

        return await connection.run(body)
