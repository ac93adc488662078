"""The statistics updater: the only writer of the statistics, progress and streak tables.

Called by the finalizer (and the rebuild) under the lock of ``user_stats``. Counts and integer sums only: means are
in hundredths, so that what is added up step by step equals what is added up at once. Times are the session's
``ended_at``, never now().
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import execute, row, sql
from storage.errors import NotFound

TRAIT_COLUMNS = ("confidence", "clarity", "humor", "tension_control", "emotional_warmth", "dominance")


class UserStats(msgspec.Struct, frozen=True, kw_only=True):
    """A user's totals, under lock."""

    user_seq: int
    success_count: int
    fail_count: int
    score_sum: int
    long_term: list[int] | None
    is_deep_insight_unlocked: bool
    deep_insight_unlocked_at: datetime | None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One finalized session, as statistics see it. ``traits`` and ``charisma``: means in hundredths, None without
    a turn. ``xp``: SESSION_REWARD and MISSION_BONUS. ``category_key`` '' in free play."""

    user_id: UUID
    status: str
    category_key: str
    persona_key: str
    local_date: date
    ended_at: datetime
    final_score: int
    message_score: int
    traits: tuple[int, ...] | None
    charisma: int | None
    xp: int
    gates: tuple[tuple[str, bool], ...]

    @property
    def success(self) -> int:
        return int(self.status == "SUCCESS")

    @property
    def fail(self) -> int:
        return int(self.status == "FAIL")

    @property
    def counts(self) -> bool:
        return self.status in ("SUCCESS", "FAIL")


async def open_stats(connection: AsyncConnection, user_id: UUID) -> None:
    """The empty totals of a new user; every transaction that pays locks this row first."""
    await execute(connection, "INSERT INTO user_stats (user_id) VALUES (:user_id)", user_id=user_id)


async def lock(connection: AsyncConnection, user_id: UUID) -> UserStats:
    """The user's totals, under the lock that orders everything that pays, spends or unlocks."""
    found = await row(
        connection,
        f"""SELECT {", ".join(UserStats.__struct_fields__)} FROM user_stats WHERE user_id = :user_id FOR UPDATE""",
        user_id=user_id,
    )
    if found is None:
        raise NotFound(f"statistics of {user_id}")
    return UserStats(**found)


async def next_user_seq(connection: AsyncConnection, user_id: UUID) -> int:
    """Draw the user's next finalization number."""
    found = await row(
        connection,
        "UPDATE user_stats SET user_seq = user_seq + 1 WHERE user_id = :user_id RETURNING user_seq",
        user_id=user_id,
    )
    assert found is not None
    return int(found["user_seq"])


async def record(connection: AsyncConnection, fact: Fact, long_term: tuple[int, ...] | None) -> None:
    """Add one session to every total it belongs to. An aborted one adds to ``aborted_count`` and its week's XP."""
    await _user(connection, fact, long_term)
    await _week(connection, fact)
    if not fact.counts:
        return
    await _outcome(connection, "category_stats", "category_key", fact.category_key, fact)
    await _outcome(connection, "persona_stats", "persona_key", fact.persona_key, fact)
    await _gates(connection, fact)
    await _traits(connection, fact)


async def _gates(connection: AsyncConnection, fact: Fact) -> None:
    await connection.execute(
        sql(
            """INSERT INTO gate_stats (user_id, category_key, gate_key, passed, evaluated)
               SELECT :user_id, :category, g.key, g.passed, 1
               FROM unnest(CAST(:keys AS text[]), CAST(:passed AS int[])) AS g(key, passed)
               ON CONFLICT (user_id, category_key, gate_key) DO UPDATE SET
                   passed = gate_stats.passed + excluded.passed, evaluated = gate_stats.evaluated + 1,
                   updated_at = now()"""
        ),
        {
            "user_id": fact.user_id,
            "category": fact.category_key,
            "keys": [key for key, _ in fact.gates],
            "passed": [int(passed) for _, passed in fact.gates],
        },
    )


async def _traits(connection: AsyncConnection, fact: Fact) -> None:
    if fact.traits is None:
        return
    await connection.execute(
        sql(
            """INSERT INTO trait_stats (user_id, category_key, trait, sessions_count, score_sum)
               SELECT :user_id, :category, t.trait, 1, t.mean
               FROM unnest(CAST(:traits AS text[]), CAST(:means AS bigint[])) AS t(trait, mean)
               ON CONFLICT (user_id, category_key, trait) DO UPDATE SET
                   sessions_count = trait_stats.sessions_count + 1,
                   score_sum = trait_stats.score_sum + excluded.score_sum, updated_at = now()"""
        ),
        {
            "user_id": fact.user_id,
            "category": fact.category_key,
            "traits": list(TRAIT_COLUMNS),
            "means": list(fact.traits),
        },
    )


async def _user(connection: AsyncConnection, fact: Fact, long_term: tuple[int, ...] | None) -> None:
    traits = fact.traits if fact.counts and fact.traits is not None else (0,) * 6
    sums = ", ".join(f"{name}_sum = {name}_sum + :{name}" for name in TRAIT_COLUMNS)
    await execute(
        connection,
        f"""UPDATE user_stats SET success_count = success_count + :success, fail_count = fail_count + :fail,
                aborted_count = aborted_count + :aborted, score_sum = score_sum + :score,
                message_score_sum = message_score_sum + :message_score, charisma_sum = charisma_sum + :charisma,
                {sums}, long_term = :long_term, last_session_at = greatest(last_session_at, :ended_at),
                last_updated_at = :ended_at, updated_at = now()
            WHERE user_id = :user_id""",
        user_id=fact.user_id,
        success=fact.success,
        fail=fact.fail,
        aborted=int(not fact.counts),
        score=fact.final_score if fact.counts else 0,
        message_score=fact.message_score if fact.counts else 0,
        charisma=(fact.charisma or 0) if fact.counts else 0,
        long_term=None if long_term is None else list(long_term),
        ended_at=fact.ended_at,
        **dict(zip(TRAIT_COLUMNS, traits, strict=True)),
    )


async def _outcome(connection: AsyncConnection, table: str, column: str, key: str, fact: Fact) -> None:
    """``table`` and ``column`` are constants of this module."""
    await execute(
        connection,
        f"""INSERT INTO {table} (user_id, {column}, success_count, fail_count, score_sum)
            VALUES (:user_id, :key, :success, :fail, :score)
            ON CONFLICT (user_id, {column}) DO UPDATE SET
                success_count = {table}.success_count + excluded.success_count,
                fail_count = {table}.fail_count + excluded.fail_count,
                score_sum = {table}.score_sum + excluded.score_sum, updated_at = now()""",
        user_id=fact.user_id,
        key=key,
        success=fact.success,
        fail=fact.fail,
        score=fact.final_score,
    )


async def _week(connection: AsyncConnection, fact: Fact) -> None:
    if not fact.counts and fact.xp == 0:
        return
    traits = fact.traits if fact.counts and fact.traits is not None else (0,) * 6
    columns: dict[str, Any] = {
        "success_count": fact.success,
        "fail_count": fact.fail,
        "score_sum": fact.final_score if fact.counts else 0,
        "message_score_sum": fact.message_score if fact.counts else 0,
        "xp_sum": fact.xp,
        **{f"{name}_sum": mean for name, mean in zip(TRAIT_COLUMNS, traits, strict=True)},
    }
    added = ", ".join(f"{name} = week_stats.{name} + excluded.{name}" for name in columns)
    await execute(
        connection,
        f"""INSERT INTO week_stats (user_id, week_start, category_key, persona_key, {", ".join(columns)})
            VALUES (:user_id, :week_start, :category_key, :persona_key, {", ".join(f":{c}" for c in columns)})
            ON CONFLICT (user_id, week_start, category_key, persona_key) DO UPDATE SET {added},
                updated_at = now()""",
        user_id=fact.user_id,
        week_start=fact.local_date - timedelta(days=fact.local_date.weekday()),
        category_key=fact.category_key,
        persona_key=fact.persona_key,
        **columns,
    )


async def attempt_mission(
    connection: AsyncConnection,
    user_id: UUID,
    template_id: UUID,
    session_id: UUID,
    ended_at: datetime,
    *,
    completed: bool,
) -> None:
    """Count an attempt; the first success completes the mission, for good."""
    await execute(
        connection,
        """INSERT INTO mission_progress (user_id, template_id, status, attempts, completed_at, completed_session_id)
           VALUES (:user_id, :template_id, CASE WHEN :completed THEN 'COMPLETED' ELSE 'UNLOCKED' END, 1,
               CASE WHEN :completed THEN CAST(:ended_at AS timestamptz) END,
               CASE WHEN :completed THEN CAST(:session_id AS uuid) END)
           ON CONFLICT (user_id, template_id) DO UPDATE SET attempts = mission_progress.attempts + 1,
               status = CASE WHEN :completed THEN 'COMPLETED' ELSE mission_progress.status END,
               completed_at = coalesce(mission_progress.completed_at, excluded.completed_at),
               completed_session_id = coalesce(mission_progress.completed_session_id,
                   excluded.completed_session_id), updated_at = now()""",
        user_id=user_id,
        template_id=template_id,
        session_id=session_id,
        ended_at=ended_at,
        completed=completed,
    )


async def reach_category(
    connection: AsyncConnection,
    user_id: UUID,
    category_key: str,
    ended_at: datetime,
    catalogue_hash: str,
    *,
    completed: bool,
) -> bool:
    """Note a category as UNLOCKED, or COMPLETED with the catalogue that gave it; once reached it stays.

    True when this call completed it.
    """
    found = await row(
        connection,
        """INSERT INTO user_category_progress (user_id, category_key, status, completed_at, catalogue_hash)
           VALUES (:user_id, :category, CASE WHEN :completed THEN 'COMPLETED' ELSE 'UNLOCKED' END,
               CASE WHEN :completed THEN CAST(:ended_at AS timestamptz) END, CAST(:hash AS text))
           ON CONFLICT (user_id, category_key) DO UPDATE SET status = excluded.status,
               completed_at = excluded.completed_at, catalogue_hash = excluded.catalogue_hash, updated_at = now()
           WHERE user_category_progress.status = 'UNLOCKED' AND excluded.status = 'COMPLETED'
           RETURNING status""",
        user_id=user_id,
        category=category_key,
        ended_at=ended_at,
        hash=catalogue_hash,
        completed=completed,
    )
    return found is not None and found["status"] == "COMPLETED"


async def unlock_deep_insight(connection: AsyncConnection, user_id: UUID, ended_at: datetime) -> None:
    await execute(
        connection,
        """UPDATE user_stats SET is_deep_insight_unlocked = true, deep_insight_unlocked_at = :ended_at
           WHERE user_id = :user_id AND NOT is_deep_insight_unlocked""",
        user_id=user_id,
        ended_at=ended_at,
    )


async def add_streak_day(connection: AsyncConnection, user_id: UUID, day: date) -> None:
    await execute(
        connection,
        "INSERT INTO streak_day (user_id, local_date) VALUES (:user_id, :day) ON CONFLICT DO NOTHING",
        user_id=user_id,
        day=day,
    )
