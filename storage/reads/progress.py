"""Reads of a user's way through the missions and categories."""

from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import rows


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored: ids of completed templates, ids of those opened, and the status of categories by code.

    Whatever stands in neither set (or has no category row) is in the state that the road derives for it.
    """

    completed: frozenset[UUID]
    unlocked: frozenset[UUID]
    categories: dict[str, str]


async def progress(connection: AsyncConnection, user_id: UUID) -> Progress:
    """The user's stored progress; empty for one who has none."""
    missions = await rows(
        connection, "SELECT template_id, status FROM mission_progress WHERE user_id = :user_id", user_id=user_id
    )
    categories = await rows(
        connection,
        "SELECT category_key, status FROM user_category_progress WHERE user_id = :user_id",
        user_id=user_id,
    )
    return Progress(
        completed=frozenset(m["template_id"] for m in missions if m["status"] == "COMPLETED"),
        unlocked=frozenset(m["template_id"] for m in missions if m["status"] == "UNLOCKED"),
        categories={c["category_key"]: c["status"] for c in categories},
    )
