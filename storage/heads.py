"""Reads of ``practice_session``: a session's head, and which sessions somebody must end. Writes nothing."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import row, rows
from storage.rows import SessionHead

_HEAD_FIELDS = ", ".join(SessionHead.__struct_fields__)

_LEFT = "(s.attached_until IS NULL OR s.attached_until < now())"

_UNHELD = "(s.attached_until IS NULL OR s.attached_until < now() OR s.detached_at IS NOT NULL)"

# What must hold, by the database's clock, for a session to end for this cause. The others need nothing.
CONDITIONS: dict[str, str] = {
    "GRACE": f"s.detached_at < now() - make_interval(secs => :grace) AND {_LEFT}",
    "IDLE": f"coalesce(s.last_turn_at, s.created_at) < now() - make_interval(secs => :idle) AND {_LEFT}",
    "AGE": "(s.created_at < now() - make_interval(secs => :age) OR :turns_reached)",
    "RULE": "(s.ending_until < now() OR :closing_done)",
    "TIMER": "s.last_seq = :expected_seq AND s.ending_until IS NULL",
    "REPLACED": _UNHELD,
}


async def head(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, *, lock: bool = False
) -> SessionHead | None:
    """The session's row, or None when this user has no such session. ``lock``: FOR UPDATE."""
    found = await row(
        connection,
        f"""SELECT {_HEAD_FIELDS} FROM practice_session WHERE user_id = :user_id AND id = :session_id
            {"FOR UPDATE" if lock else ""}""",
        user_id=user_id,
        session_id=session_id,
    )
    return None if found is None else SessionHead(**found)


async def lock_with_persona(connection: AsyncConnection, user_id: UUID, persona_key: str) -> list[SessionHead]:
    """Every session of the user with this persona, FOR UPDATE, by id (the first of the lock order)."""
    found = await rows(
        connection,
        f"""SELECT {_HEAD_FIELDS} FROM practice_session
            WHERE user_id = :user_id AND persona_key = :persona_key ORDER BY id FOR UPDATE""",
        user_id=user_id,
        persona_key=persona_key,
    )
    return [SessionHead(**record) for record in found]


async def owner(connection: AsyncConnection, session_id: UUID) -> UUID | None:
    """Whose session this is: for an operator, who knows no user (it looks at every session)."""
    found = await row(connection, "SELECT user_id FROM practice_session WHERE id = :id", id=session_id)
    return None if found is None else UUID(str(found["user_id"]))


async def due(
    connection: AsyncConnection, *, grace: float, idle: float, age: float, limit: int
) -> list[tuple[UUID, UUID, str]]:
    """Open sessions that somebody must end: (user, session, cause). A hint only: ``begin_end`` checks again."""
    found = await rows(
        connection,
        f"""SELECT s.user_id, s.id, CASE
                WHEN s.ending_until < now() THEN 'RULE'
                WHEN s.created_at < now() - make_interval(secs => :age) THEN 'AGE'
                WHEN {CONDITIONS["GRACE"]} THEN 'GRACE'
                ELSE 'IDLE' END AS cause
            FROM practice_session s
            WHERE s.status = 'IN_PROGRESS' AND (s.ending_until < now()
                OR s.created_at < now() - make_interval(secs => :age)
                OR ({CONDITIONS["GRACE"]}) OR ({CONDITIONS["IDLE"]}))
            ORDER BY random() LIMIT :limit""",
        grace=grace,
        idle=idle,
        age=age,
        limit=limit,
    )
    return [(r["user_id"], r["id"], r["cause"]) for r in found]


async def unfinished(connection: AsyncConnection, *, attempts: int, limit: int) -> list[tuple[UUID, UUID]]:
    """Sessions that ended and are not final, whose turn to be tried (again) has come; quarantined ones are not."""
    found = await rows(
        connection,
        """SELECT user_id, id FROM practice_session
           WHERE status = 'FINALIZING' AND finalize_failures < :attempts
               AND (finalize_after IS NULL OR finalize_after < now())
           ORDER BY ended_at LIMIT :limit FOR UPDATE SKIP LOCKED""",
        attempts=attempts,
        limit=limit,
    )
    return [(r["user_id"], r["id"]) for r in found]


async def positions(connection: AsyncConnection, keys: list[tuple[UUID, UUID]]) -> list[tuple[UUID, int, str]]:
    """Where these sessions are, by (user, session): (id, last seq, status). Those that are gone are left out."""
    found = await rows(
        connection,
        """SELECT s.id, s.last_seq, s.status
           FROM unnest(CAST(:users AS uuid[]), CAST(:ids AS uuid[])) AS held(user_id, id)
           JOIN practice_session s ON s.user_id = held.user_id AND s.id = held.id""",
        users=[user for user, _ in keys],
        ids=[key for _, key in keys],
    )
    return [(r["id"], r["last_seq"], r["status"]) for r in found]


async def may_end(connection: AsyncConnection, user_id: UUID, session_id: UUID, cause: str, **condition: Any) -> bool:
    """Whether ``begin_end`` would end the session now. A hint: it checks again."""
    found = await row(
        connection,
        f"""SELECT s.id FROM practice_session s WHERE s.user_id = :user_id AND s.id = :session_id
                AND s.status = 'IN_PROGRESS' AND {CONDITIONS.get(cause, "true")}""",
        user_id=user_id,
        session_id=session_id,
        **condition,
    )
    return found is not None
