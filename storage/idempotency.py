"""The only writer of ``idempotency_key``: what a request with this key was answered, for 24 hours."""

from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import execute, row

KEPT_SECONDS = 24 * 60 * 60.0


class Remembered(msgspec.Struct, frozen=True):
    body_hash: bytes
    response: str


async def find(connection: AsyncConnection, user_id: UUID, route: str, key: str) -> Remembered | None:
    """What the key was used for within 24 hours."""
    found = await row(
        connection,
        """SELECT body_hash, response FROM idempotency_key
           WHERE user_id = :user_id AND route = :route AND key = :key
               AND created_at > now() - make_interval(secs => :seconds)""",
        user_id=user_id,
        route=route,
        key=key,
        seconds=KEPT_SECONDS,
    )
    return None if found is None else Remembered(**found)


async def claim(
    connection: AsyncConnection, user_id: UUID, route: str, key: str, body_hash: bytes, response: str
) -> Remembered:
    """Use the key for this request, unless it is in use: the first one's entry, which may be this one."""
    await execute(
        connection,
        """INSERT INTO idempotency_key (user_id, route, key, body_hash, status, response)
           VALUES (:user_id, :route, :key, :body_hash, 0, :response)
           ON CONFLICT (user_id, route, key) DO UPDATE SET body_hash = excluded.body_hash,
               response = excluded.response, created_at = now(), updated_at = now()
           WHERE idempotency_key.created_at <= now() - make_interval(secs => :seconds)""",
        user_id=user_id,
        route=route,
        key=key,
        body_hash=body_hash,
        response=response,
        seconds=KEPT_SECONDS,
    )
    found = await find(connection, user_id, route, key)
    assert found is not None
    return found


async def prune(connection: AsyncConnection) -> int:
    return await execute(
        connection,
        "DELETE FROM idempotency_key WHERE created_at < now() - make_interval(secs => :seconds)",
        seconds=KEPT_SECONDS,
    )
