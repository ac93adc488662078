"""Reads of the stored statistics: rows as they are stored, in whole numbers; means are made of them elsewhere."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import row, rows
from storage.errors import NotFound
from storage.reads.progress import Progress, progress
from storage.reads.sessions import Filters, LatestEnded, SessionRow, history, latest_ended
from storage.reads.wallet import Balances, balances

TREND_WEEKS = 4  # ISO weeks on each side of a trend, the present one included in the later side
RECENT = 5

Rows = list[dict[str, Any]]


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """All that a dashboard is made of, from one snapshot.

    ``user``: account columns with the address. ``today``: the user's local date; ``monday``: that of its ISO week.
    ``stats``: the row of ``user_stats``. ``weeks``: the rows of ``week_stats`` of the last ``2 * TREND_WEEKS``
    weeks up to this one. The other rows are those of the table of their name.
    """

    user: dict[str, Any]
    today: date
    monday: date
    wallet: Balances
    stats: dict[str, Any]
    streak_days: list[date]
    categories: Rows
    personas: Rows
    gates: Rows
    weeks: Rows
    progress: Progress
    recent: list[SessionRow]
    latest: LatestEnded | None


async def stored(connection: AsyncConnection, user_id: UUID, now: datetime) -> Stored:
    """Everything of one user. The connection must hold one snapshot. Raises ``NotFound`` for an unknown user.

    The queries are led by the user's id; their number does not depend on what the user has done.
    """
    user = await _user(connection, user_id)
    today = now.astimezone(ZoneInfo(user["time_zone"])).date()
    monday = today - timedelta(days=today.weekday())
    return Stored(
        user=user,
        today=today,
        monday=monday,
        wallet=await balances(connection, user_id),
        stats=await _user_stats(connection, user_id),
        streak_days=[
            day["local_date"]
            for day in await rows(
                connection, "SELECT local_date FROM streak_day WHERE user_id = :user_id", user_id=user_id
            )
        ],
        categories=await _counts(connection, "category_stats", "category_key", user_id),
        personas=await _counts(connection, "persona_stats", "persona_key", user_id),
        gates=await rows(
            connection,
            """SELECT category_key, gate_key, passed, evaluated FROM gate_stats WHERE user_id = :user_id
               ORDER BY category_key, gate_key""",
            user_id=user_id,
        ),
        weeks=await _weeks(connection, user_id, monday),
        progress=await progress(connection, user_id),
        recent=await history(connection, user_id, filters=Filters(), count=RECENT, before=None),
        latest=await latest_ended(connection, user_id),
    )


async def _user(connection: AsyncConnection, user_id: UUID) -> dict[str, Any]:
    found = await row(
        connection,
        """SELECT u.id, e.email, u.tier, u.time_zone, u.age_band, u.analysis_enabled
           FROM app_user u LEFT JOIN user_email e ON e.user_id = u.id WHERE u.id = :user_id""",
        user_id=user_id,
    )
    if found is None:
        raise NotFound(f"user {user_id}")
    return found


async def _user_stats(connection: AsyncConnection, user_id: UUID) -> dict[str, Any]:
    found = await row(connection, "SELECT * FROM user_stats WHERE user_id = :user_id", user_id=user_id)
    if found is None:
        raise NotFound(f"statistics of {user_id}")
    return found


async def _counts(connection: AsyncConnection, table: str, key: str, user_id: UUID) -> Rows:
    return await rows(
        connection,
        f"SELECT {key}, success_count, fail_count, score_sum FROM {table} WHERE user_id = :user_id ORDER BY {key}",
        user_id=user_id,
    )


async def _weeks(connection: AsyncConnection, user_id: UUID, monday: date) -> Rows:
    return await rows(
        connection,
        """SELECT week_start, category_key, persona_key, success_count, fail_count, xp_sum, confidence_sum,
               clarity_sum, humor_sum, tension_control_sum, emotional_warmth_sum, dominance_sum
           FROM week_stats WHERE user_id = :user_id AND week_start BETWEEN :first AND :monday""",
        user_id=user_id,
        first=monday - timedelta(weeks=2 * TREND_WEEKS - 1),
        monday=monday,
    )
