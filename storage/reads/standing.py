"""Where a user stands at a finalization: read under the lock of ``user_stats``, after the session was recorded."""

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import row, rows
from storage.statistics import TRAIT_COLUMNS


class CategoryStanding(msgspec.Struct, frozen=True, kw_only=True):
    """``traits``: (sessions, sum of means in hundredths) for each of the six, in their order."""

    success_count: int
    fail_count: int
    score_sum: int
    completed: bool
    traits: tuple[tuple[int, int], ...]


async def categories_played(connection: AsyncConnection, user_id: UUID) -> int:
    """In how many categories the user has a counting mission."""
    found = await row(
        connection,
        """SELECT count(*) AS n FROM category_stats
           WHERE user_id = :user_id AND category_key <> '' AND success_count + fail_count > 0""",
        user_id=user_id,
    )
    return 0 if found is None else int(found["n"])


async def streak_days(connection: AsyncConnection, user_id: UUID) -> list[date]:
    found = await rows(connection, "SELECT local_date FROM streak_day WHERE user_id = :user_id", user_id=user_id)
    return [record["local_date"] for record in found]


async def category(connection: AsyncConnection, user_id: UUID, category_key: str) -> CategoryStanding:
    """The category's totals; zeros where nothing counted yet."""
    stats = await row(
        connection,
        """SELECT success_count, fail_count, score_sum FROM category_stats
           WHERE user_id = :user_id AND category_key = :category""",
        user_id=user_id,
        category=category_key,
    ) or {"success_count": 0, "fail_count": 0, "score_sum": 0}
    reached = await row(
        connection,
        """SELECT status FROM user_category_progress WHERE user_id = :user_id AND category_key = :category""",
        user_id=user_id,
        category=category_key,
    )
    traits = {
        record["trait"]: (record["sessions_count"], record["score_sum"])
        for record in await rows(
            connection,
            """SELECT trait, sessions_count, score_sum FROM trait_stats
               WHERE user_id = :user_id AND category_key = :category""",
            user_id=user_id,
            category=category_key,
        )
    }
    return CategoryStanding(
        **stats,
        completed=reached is not None and reached["status"] == "COMPLETED",
        traits=tuple(traits.get(name, (0, 0)) for name in TRAIT_COLUMNS),
    )
