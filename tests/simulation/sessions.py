"""The session lifecycle in memory: each function does what the one of its name in ``storage.sessions`` does."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from storage.rows import EventRow, TurnRow
from storage.sessions import NewSession
from tests.simulation.base import Row, Transaction
from tests.simulation.reads import Key, cause_holds, seconds_of
from tests.simulation.wire import Backend

SESSION_DEFAULTS: Row = {
    "channel": "TEXT",
    "status": "IN_PROGRESS",
    **dict.fromkeys(("cause", "end_reason_code", "ended_at", "time_zone", "local_date", "user_seq")),
    **dict.fromkeys(("ending_until", "reply_id", "reply_until", "attached_until", "detached_at", "last_turn_at")),
    "finalize_failures": 0,
    "finalize_after": None,
}


class Sessions:
    async def create(self, connection: Backend, new: NewSession) -> bool:
        key = (new.user_id, new.id)

        def body(tx: Transaction) -> bool:
            tx.lock("practice_session", key)
            if tx.get("practice_session", key) is not None:
                return False
            fields = {f: getattr(new, f) for f in new.__struct_fields__ if f not in ("turns", "events")}
            tx.insert("practice_session", key, {**SESSION_DEFAULTS, **fields, "created_at": tx.now})
            for turn in new.turns:
                insert_turn(tx, key, turn)
            for event in new.events:
                insert_event(tx, key, event)
            return True

        return await connection.run(body)

    async def claim_reply(
        self, connection: Backend, user_id: UUID, session_id: UUID, reply_id: str, *, seconds: float
    ) -> bool:
        def body(tx: Transaction) -> bool:
            row = tx.get("practice_session", key := (user_id, session_id))
            if row is None or row["status"] != "IN_PROGRESS":
                return False
            if row["reply_id"] is not None and not row["reply_until"] < tx.now:
                return False
            tx.update("practice_session", key, reply_id=reply_id, reply_until=tx.now + seconds_of(seconds))
            return True

        return await connection.run(body)

    async def drop_reply(self, connection: Backend, user_id: UUID, session_id: UUID, reply_id: str) -> None:
        def body(tx: Transaction) -> None:
            row = tx.get("practice_session", key := (user_id, session_id))
            if row is not None and row["reply_id"] == reply_id:
                tx.update("practice_session", key, reply_id=None)

        await connection.run(body)

    async def attach(self, connection: Backend, keys: list[Key], *, lease_seconds: float) -> None:
        def body(tx: Transaction) -> None:
            for key in keys:
                row = tx.get("practice_session", key)
                if row is not None and row["status"] == "IN_PROGRESS":
                    until = tx.now + seconds_of(lease_seconds)
                    tx.update("practice_session", key, attached_until=until, detached_at=None)

        await connection.run(body)

    async def detach(self, connection: Backend, user_id: UUID, session_id: UUID) -> None:
        def body(tx: Transaction) -> None:
            row = tx.get("practice_session", key := (user_id, session_id))
            if row is not None and row["status"] == "IN_PROGRESS":
                tx.update("practice_session", key, detached_at=tx.now)

        await connection.run(body)

    async def begin_end(
        self, connection: Backend, user_id: UUID, session_id: UUID, cause: str, **condition: Any
    ) -> str | None:
        def body(tx: Transaction) -> str | None:
            row = tx.get("practice_session", key := (user_id, session_id))
            if row is None or row["status"] != "IN_PROGRESS" or not cause_holds(row, tx.now, cause, condition):
                return None
            return _end(tx, key, row, cause)

        return await connection.run(body)

    async def append_outside(
        self, connection: Backend, user_id: UUID, session_id: UUID, events: list[EventRow], *, state: str | None
    ) -> None:
        def body(tx: Transaction) -> None:
            key = (user_id, session_id)
            for event in events:
                insert_event(tx, key, event)
            changes: Row = {"last_seq": events[-1].seq} if events else {}
            tx.update("practice_session", key, **changes, **({} if state is None else {"state": state}))

        await connection.run(body)

    async def finalize_failed(self, connection: Backend, user_id: UUID, session_id: UUID) -> int:
        def body(tx: Transaction) -> int:
            row = tx.get("practice_session", key := (user_id, session_id))
            if row is None or row["status"] != "FINALIZING":
                return 0
            failures = int(row["finalize_failures"]) + 1
            after = tx.now + seconds_of(failures**2)
            tx.update("practice_session", key, finalize_failures=failures, finalize_after=after)
            return failures

        return await connection.run(body)

    async def finish(
        self,
        connection: Backend,
        user_id: UUID,
        session_id: UUID,
        *,
        status: str,
        end_reason_code: str,
        user_seq: int,
        summary_event: EventRow,
    ) -> None:
        def body(tx: Transaction) -> None:
            key = (user_id, session_id)
            changes = {"status": status, "end_reason_code": end_reason_code, "user_seq": user_seq}
            tx.update("practice_session", key, **changes, last_seq=summary_event.seq)
            insert_event(tx, key, summary_event)

        await connection.run(body)


def _end(tx: Transaction, key: Key, row: Row, cause: str) -> str:
    user = tx.get("app_user", key[0])
    assert user is not None
    by_rule = row["ending_until"] is not None
    at = tx.now
    if not by_rule and cause in ("IDLE", "GRACE", "REPLACED", "SYSTEM"):
        at = row["last_turn_at"] or row["created_at"]
    stored, seq = "RULE" if by_rule else cause, row["last_seq"] + 1
    tx.update(
        "practice_session",
        key,
        status="FINALIZING",
        cause=stored,
        ended_at=at,
        time_zone=user["time_zone"],
        local_date=at.astimezone(ZoneInfo(user["time_zone"])).date(),
        last_seq=seq,
        reply_id=None,
    )
    body = (
        f'{{"type":"session.finalizing","event_id":"event_{key[1].hex}_{seq}","session_id":"{key[1]}",'
        f'"seq":{seq},"reason":"{stored}"}}'
    )
    insert_event(tx, key, EventRow(seq, "session.finalizing", body))
    return stored


def insert_turn(tx: Transaction, key: Key, turn: TurnRow, *, row_key: str | None = None) -> None:
    tx.insert("turn", (*key, row_key or turn.item_id), {**msgspec.structs.asdict(turn), "created_at": tx.now})


def insert_event(tx: Transaction, key: Key, event: EventRow) -> None:
    tx.insert("session_event", (*key, event.seq), {"seq": event.seq, "type": event.type, "body": event.body})
