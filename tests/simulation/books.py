"""The families of the store that hold what a session ends with, in memory: finalization, statistics, wallet,
standing, the road and accounts. Each function does what the one of its name in ``storage`` does."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from storage.errors import LedgerConflict, NotFound
from storage.finalization import SessionFacts
from storage.reads.progress import Progress
from storage.reads.standing import CategoryStanding
from storage.statistics import TRAIT_COLUMNS, Fact, UserStats
from storage.wallet import Balance, Entry
from tests.simulation.base import Row, Transaction
from tests.simulation.wire import Backend

FACT_FIELDS = tuple(f for f in SessionFacts.__struct_fields__ if f != "analysis_enabled")
COUNTS = ("success_count", "fail_count", "score_sum")
EMPTY_STATS: Row = {
    **dict.fromkeys(("user_seq", *COUNTS, "aborted_count", "message_score_sum", "charisma_sum"), 0),
    **dict.fromkeys((f"{name}_sum" for name in TRAIT_COLUMNS), 0),
    **dict.fromkeys(("long_term", "last_session_at", "deep_insight_unlocked_at", "last_updated_at")),
    "is_deep_insight_unlocked": False,
}


def _add(tx: Transaction, table: str, key: Any, **amounts: int) -> None:
    """An upsert that adds."""
    tx.lock(table, key)
    row = tx.get(table, key) or {}
    tx.put(table, key, {**row, **{name: row.get(name, 0) + amount for name, amount in amounts.items()}})


class Finalization:
    async def facts(self, connection: Backend, user_id: UUID, session_id: UUID) -> SessionFacts:
        def body(tx: Transaction) -> SessionFacts:
            row, user = tx.get("practice_session", (user_id, session_id)), tx.get("app_user", user_id)
            assert row is not None
            assert user is not None
            return SessionFacts(**{f: row[f] for f in FACT_FIELDS}, analysis_enabled=user["analysis_enabled"])

        return await connection.run(body)

    async def add_finalization(
        self,
        connection: Backend,
        user_id: UUID,
        session_id: UUID,
        *,
        user_seq: int,
        status: str,
        end_reason_code: str,
        turn_count: int,
        turn_xp: int,
        local_date: date,
    ) -> None:
        def body(tx: Transaction) -> None:
            row = {"user_seq": user_seq, "status": status, "end_reason_code": end_reason_code}
            row |= {"turn_count": turn_count, "turn_xp": turn_xp, "local_date": local_date}
            tx.insert("finalization", (user_id, session_id), row)
            tx.insert("finalization_seq", (user_id, user_seq), {})

        await connection.run(body)

    async def add_gates(
        self, connection: Backend, user_id: UUID, session_id: UUID, gates: list[tuple[str, bool, str, str]]
    ) -> None:
        def body(tx: Transaction) -> None:
            for position, (key, passed, reason, context) in enumerate(gates, 1):
                row = {"position": position, "passed": passed, "reason_code": reason, "context": context}
                tx.insert("gate_result", (user_id, session_id, key), row)

        await connection.run(body)

    async def add_mood_timeline(
        self, connection: Backend, user_id: UUID, session_id: UUID, timeline_id: UUID, arc: str, snapshots: str
    ) -> None:
        row = {"id": timeline_id, "arc": arc, "snapshots": snapshots}
        await connection.run(lambda tx: tx.insert("mood_timeline", (user_id, session_id), row))

    async def add_trait_history(
        self,
        connection: Backend,
        user_id: UUID,
        session_id: UUID,
        history_id: UUID,
        *,
        user_seq: int,
        counts: bool,
        snapshot: tuple[int, ...] | None,
        before: tuple[int, ...] | None,
        after: tuple[int, ...] | None,
    ) -> None:
        row = {"id": history_id, "user_seq": user_seq, "counts": counts}
        row |= {"snapshot": snapshot, "long_term_before": before, "long_term": after}
        await connection.run(lambda tx: tx.insert("trait_history", (user_id, session_id), row))

    async def add_summary(self, connection: Backend, user_id: UUID, session_id: UUID, body: str) -> None:
        def store(tx: Transaction) -> None:
            tx.insert("session_summary", (user_id, session_id), {"body": body})
            row = {"user_id": user_id, "session_id": session_id, "transaction_id": tx.identify()}
            tx.insert("outbox", tx.base.next_serial(tx), {**row, "created_at": tx.now})

        await connection.run(store)

    async def outbox_end(self, connection: Backend) -> int:
        return await connection.run(lambda tx: tx.xmin)

    async def outbox_after(
        self, connection: Backend, since: int, limit: int
    ) -> tuple[int, list[tuple[int, UUID, UUID]]]:
        def body(tx: Transaction) -> tuple[int, list[tuple[int, UUID, UUID]]]:
            rows = [(row["transaction_id"], at, row) for at, row in tx.rows("outbox")]
            found = sorted(entry for entry in rows if entry[0] >= since)[:limit]
            if not found:
                return since, []
            settled = self.settled(tx, found[-1][0])
            if len(found) == limit:
                settled = min(settled, found[-1][0])
            return settled, [(at, row["user_id"], row["session_id"]) for _, at, row in found]

        return await connection.run(body)

    def settled(self, tx: Transaction, last: int) -> int:
        """Below which id no transaction can bring a row any more. ``last``: of the rows that are there."""
        return tx.xmin

    async def prune_outbox(self, connection: Backend, *, seconds: float) -> int:
        def body(tx: Transaction) -> int:
            old = [at for at, row in tx.rows("outbox") if row["created_at"] < tx.now - timedelta(seconds=seconds)]
            for at in old:
                tx.put("outbox", at, None)
            return len(old)

        return await connection.run(body)


class Statistics:
    async def lock(self, connection: Backend, user_id: UUID) -> UserStats:
        def body(tx: Transaction) -> UserStats:
            tx.lock("user_stats", user_id)
            row = tx.get("user_stats", user_id)
            if row is None:
                raise NotFound(f"statistics of {user_id}")
            return UserStats(**{field: row[field] for field in UserStats.__struct_fields__})

        return await connection.run(body)

    async def next_user_seq(self, connection: Backend, user_id: UUID) -> int:
        def body(tx: Transaction) -> int:
            tx.lock("user_stats", user_id)
            row = tx.get("user_stats", user_id)
            assert row is not None
            return int(tx.update("user_stats", user_id, user_seq=row["user_seq"] + 1)["user_seq"])

        return await connection.run(body)

    async def record(self, connection: Backend, fact: Fact, long_term: tuple[int, ...] | None) -> None:
        await connection.run(lambda tx: _record(tx, fact, long_term))

    async def attempt_mission(
        self,
        connection: Backend,
        user_id: UUID,
        template_id: UUID,
        session_id: UUID,
        ended_at: datetime,
        *,
        completed: bool,
    ) -> None:
        def body(tx: Transaction) -> None:
            tx.lock("mission_progress", key := (user_id, template_id))
            row = tx.get("mission_progress", key) or {"status": "UNLOCKED", "attempts": 0, "completed_at": None}
            row = {**row, "attempts": row["attempts"] + 1}
            if completed:
                first = row["completed_at"] is None
                row["status"] = "COMPLETED"
                if first:
                    row |= {"completed_at": ended_at, "completed_session_id": session_id}
            tx.put("mission_progress", key, row)

        await connection.run(body)

    async def reach_category(
        self,
        connection: Backend,
        user_id: UUID,
        category_key: str,
        ended_at: datetime,
        catalogue_hash: str,
        *,
        completed: bool,
    ) -> bool:
        def body(tx: Transaction) -> bool:
            tx.lock("user_category_progress", key := (user_id, category_key))
            row = tx.get("user_category_progress", key)
            if row is not None and (row["status"] != "UNLOCKED" or not completed):
                return False
            made = {"status": "COMPLETED" if completed else "UNLOCKED", "catalogue_hash": catalogue_hash}
            tx.put("user_category_progress", key, {**made, "completed_at": ended_at if completed else None})
            return completed

        return await connection.run(body)

    async def unlock_deep_insight(self, connection: Backend, user_id: UUID, ended_at: datetime) -> None:
        def body(tx: Transaction) -> None:
            row = tx.get("user_stats", user_id)
            if row is not None and not row["is_deep_insight_unlocked"]:
                changes = {"is_deep_insight_unlocked": True, "deep_insight_unlocked_at": ended_at}
                tx.update("user_stats", user_id, **changes)

        await connection.run(body)

    async def add_streak_day(self, connection: Backend, user_id: UUID, day: date) -> None:
        def body(tx: Transaction) -> None:
            tx.lock("streak_day", (user_id, day))
            tx.put("streak_day", (user_id, day), {})

        await connection.run(body)


def _record(tx: Transaction, fact: Fact, long_term: tuple[int, ...] | None) -> None:
    traits = fact.traits if fact.counts and fact.traits is not None else (0,) * len(TRAIT_COLUMNS)
    means = {f"{name}_sum": mean for name, mean in zip(TRAIT_COLUMNS, traits, strict=True)}
    score = fact.final_score if fact.counts else 0
    outcome = {"success_count": fact.success, "fail_count": fact.fail, "score_sum": score}
    _add(
        tx,
        "user_stats",
        fact.user_id,
        **outcome,
        aborted_count=int(not fact.counts),
        message_score_sum=fact.message_score if fact.counts else 0,
        charisma_sum=(fact.charisma or 0) if fact.counts else 0,
        **means,
    )
    last = (tx.get("user_stats", fact.user_id) or {})["last_session_at"]
    seen = fact.ended_at if last is None else max(last, fact.ended_at)
    grown = None if long_term is None else list(long_term)
    tx.update("user_stats", fact.user_id, long_term=grown, last_session_at=seen, last_updated_at=fact.ended_at)
    if fact.counts or fact.xp:
        monday = fact.local_date - timedelta(days=fact.local_date.weekday())
        key = (fact.user_id, monday, fact.category_key, fact.persona_key)
        shown = fact.message_score if fact.counts else 0
        _add(tx, "week_stats", key, **outcome, message_score_sum=shown, xp_sum=fact.xp, **means)
    if not fact.counts:
        return
    _add(tx, "category_stats", (fact.user_id, fact.category_key), **outcome)
    _add(tx, "persona_stats", (fact.user_id, fact.persona_key), **outcome)
    for gate, passed in fact.gates:
        _add(tx, "gate_stats", (fact.user_id, fact.category_key, gate), passed=int(passed), evaluated=1)
    if fact.traits is not None:
        for trait, mean in zip(TRAIT_COLUMNS, fact.traits, strict=True):
            _add(tx, "trait_stats", (fact.user_id, fact.category_key, trait), sessions_count=1, score_sum=mean)


class Wallet:
    async def lock(self, connection: Backend, user_id: UUID) -> Balance:
        def body(tx: Transaction) -> Balance:
            tx.lock("user_wallet", user_id)
            row = tx.get("user_wallet", user_id)
            if row is None:
                raise NotFound(f"wallet of {user_id}")
            return Balance(**row)

        return await connection.run(body)

    async def was_paid(self, connection: Backend, user_id: UUID, kind: str, source_id: str) -> bool:
        def body(tx: Transaction) -> bool:
            keys = (key for key, _ in tx.rows("wallet_ledger"))
            return any(key[0] == user_id and key[2] == source_id and key[3] == kind for key in keys)

        return await connection.run(body)

    async def book(self, connection: Backend, user_id: UUID, before: Balance, booked: list[Entry]) -> Balance:
        """The ledger's key is (user, source kind, source, kind, currency)."""
        moved = [entry for entry in booked if entry.amount != 0]
        if not moved:
            return before

        def body(tx: Transaction) -> Balance:
            running = {"XP": before.xp, "COINS": before.coins, "GEMS": before.gems}
            row = tx.get("user_wallet", user_id)
            assert row is not None
            made = dict(row)
            for entry in moved:
                running[entry.currency] += entry.amount
                made[entry.currency.lower()] += entry.amount
                key = (user_id, entry.source_kind, entry.source_id, entry.kind, entry.currency)
                amounts = {"amount": entry.amount, "balance_after": running[entry.currency]}
                tx.insert("wallet_ledger", key, amounts)
            tx.put("user_wallet", user_id, made)
            return Balance(**made)

        try:
            return await connection.run(body)
        except asyncpg.UniqueViolationError as error:
            raise LedgerConflict(str(error)) from None


class Standing:
    async def categories_played(self, connection: Backend, user_id: UUID) -> int:
        def body(tx: Transaction) -> int:
            mine = ((key[1], row) for key, row in tx.rows("category_stats") if key[0] == user_id)
            return sum(1 for category, row in mine if category and row["success_count"] + row["fail_count"] > 0)

        return await connection.run(body)

    async def streak_days(self, connection: Backend, user_id: UUID) -> list[date]:
        return await connection.run(
            lambda tx: [day for user, day in (key for key, _ in tx.rows("streak_day")) if user == user_id]
        )

    async def category(self, connection: Backend, user_id: UUID, category_key: str) -> CategoryStanding:
        def body(tx: Transaction) -> CategoryStanding:
            key = (user_id, category_key)
            stats = tx.get("category_stats", key) or {}
            reached = tx.get("user_category_progress", key)
            traits = [tx.get("trait_stats", (*key, name)) or {} for name in TRAIT_COLUMNS]
            return CategoryStanding(
                **{name: stats.get(name, 0) for name in COUNTS},
                completed=reached is not None and reached["status"] == "COMPLETED",
                traits=tuple((row.get("sessions_count", 0), row.get("score_sum", 0)) for row in traits),
            )

        return await connection.run(body)


class Road:
    async def progress(self, connection: Backend, user_id: UUID) -> Progress:
        def body(tx: Transaction) -> Progress:
            missions = {k[1]: row["status"] for k, row in tx.rows("mission_progress") if k[0] == user_id}
            reached = tx.rows("user_category_progress")
            return Progress(
                completed=frozenset(at for at, status in missions.items() if status == "COMPLETED"),
                unlocked=frozenset(at for at, status in missions.items() if status == "UNLOCKED"),
                categories={key[1]: row["status"] for key, row in reached if key[0] == user_id},
            )

        return await connection.run(body)


class Accounts:
    async def versions(self, connection: Backend, ids: Sequence[UUID]) -> dict[UUID, int]:
        def body(tx: Transaction) -> dict[UUID, int]:
            found = {user_id: tx.get("app_user", user_id) for user_id in ids}
            return {user_id: row["session_version"] for user_id, row in found.items() if row is not None}

        return await connection.run(body)
