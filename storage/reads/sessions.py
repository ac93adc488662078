"""Reads over many sessions: the history, the latest one's turns, and the quarantine."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import row, rows


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a session or a mission must match; None matches all. The fields are the columns of the session's
    copies, so they also find sessions whose template has changed since."""

    category_key: str | None = None
    style: str | None = None
    objective_key: str | None = None
    difficulty: str | None = None
    persona_key: str | None = None
    dynamic_type: str | None = None
    location_tag: str | None = None

    def asked(self) -> dict[str, str]:
        """Only what was asked for, by column."""
        return {column: value for column, value in msgspec.structs.asdict(self).items() if value is not None}


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session of the history. ``title`` is that of the version it was played in, None in free play.

    ``message_count`` and ``score_sum``: the learner's scored turns and the sum of their scores. ``xp``: what the
    ledger paid for this session, a mission's bonus included; 0 until it is finalized.
    """

    id: UUID
    status: str
    ai_mode: str
    channel: str
    template_code: str | None
    title: str | None
    persona_key: str
    category_key: str | None
    difficulty: str | None
    created_at: datetime
    ended_at: datetime | None
    end_reason_code: str | None
    message_count: int
    score_sum: int
    xp: int


class LatestEnded(msgspec.Struct, frozen=True):
    """The session that ended last, with the learner's turns as rows of ``turn`` (the columns of a breakdown)."""

    session_id: UUID
    turns: list[dict[str, Any]]


async def history(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    filters: Filters,
    count: int,
    before: tuple[datetime, UUID] | None,
) -> list[SessionRow]:
    """At most ``count`` of the user's sessions, newest first: those begun before ``before`` (a session's
    ``created_at`` and id), or the newest. Three queries, whatever the count; only these sessions' turns are read."""
    asked = filters.asked()
    conditions = ["s.user_id = :user_id", *(f"s.{column} = :{column}" for column in asked)]
    bounds: dict[str, Any] = {}
    if before is not None:
        conditions.append("(s.created_at, s.id) < (:at, :id)")
        bounds = {"at": before[0], "id": before[1]}
    heads = await rows(
        connection,
        f"""SELECT s.id, s.status, s.ai_mode, s.channel, s.template_code, v.title, s.persona_key, s.category_key,
                s.difficulty, s.created_at, s.ended_at, s.end_reason_code
            FROM practice_session s LEFT JOIN template_version v ON v.id = s.template_version_id
            WHERE {" AND ".join(conditions)}
            ORDER BY s.created_at DESC, s.id DESC LIMIT :count""",
        user_id=user_id,
        count=count,
        **asked,
        **bounds,
    )
    ids = [head["id"] for head in heads]
    scores = await _scores(connection, user_id, ids)
    paid = await _paid(connection, user_id, ids)
    nothing: dict[str, Any] = {"message_count": 0, "score_sum": 0}
    return [SessionRow(**head, **scores.get(head["id"], nothing), xp=paid.get(head["id"], 0)) for head in heads]


async def _scores(connection: AsyncConnection, user_id: UUID, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    found = await rows(
        connection,
        """SELECT session_id, count(*) AS message_count, sum(score) AS score_sum FROM turn
           WHERE user_id = :user_id AND session_id = ANY(CAST(:ids AS uuid[])) AND role = 'user'
               AND score IS NOT NULL
           GROUP BY session_id""",
        user_id=user_id,
        ids=ids,
    )
    return {f.pop("session_id"): f for f in found}


async def _paid(connection: AsyncConnection, user_id: UUID, ids: Sequence[UUID]) -> dict[UUID, int]:
    """XP paid by session: its reward, and the bonus of the mission that it was the first to complete."""
    found = await rows(
        connection,
        """SELECT paid.session_id, CAST(sum(paid.amount) AS bigint) AS xp FROM (
               SELECT asked.id AS session_id, l.amount
               FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
               JOIN wallet_ledger l ON l.user_id = :user_id AND l.source_kind = 'SESSION'
                   AND l.source_id = CAST(asked.id AS text) AND l.kind = 'SESSION_REWARD' AND l.currency = 'XP'
               UNION ALL
               SELECT m.completed_session_id, l.amount
               FROM mission_progress m
               JOIN wallet_ledger l ON l.user_id = m.user_id AND l.source_kind = 'TEMPLATE'
                   AND l.source_id = CAST(m.template_id AS text) AND l.kind = 'MISSION_BONUS' AND l.currency = 'XP'
               WHERE m.user_id = :user_id AND m.completed_session_id = ANY(CAST(:ids AS uuid[]))
           ) paid GROUP BY paid.session_id""",
        user_id=user_id,
        ids=ids,
    )
    return {f["session_id"]: int(f["xp"]) for f in found}


async def latest_ended(connection: AsyncConnection, user_id: UUID) -> LatestEnded | None:
    """The user's finalized session with the latest ``ended_at`` (of several, the one finalized last), or None."""
    session = await row(
        connection,
        """SELECT id FROM practice_session
           WHERE user_id = :user_id AND ended_at IS NOT NULL AND status IN ('SUCCESS', 'FAIL', 'ABORTED')
           ORDER BY ended_at DESC, user_seq DESC LIMIT 1""",
        user_id=user_id,
    )
    if session is None:
        return None
    turns = await rows(
        connection,
        """SELECT role, score, confidence, clarity, humor, tension_control, emotional_warmth, dominance,
               charisma_index, filler_words, total_words
           FROM turn WHERE user_id = :user_id AND session_id = :id AND role = 'user' ORDER BY position""",
        user_id=user_id,
        id=session["id"],
    )
    return LatestEnded(session["id"], turns)


async def quarantined(connection: AsyncConnection, attempts: int) -> int:
    """How many sessions of all users wait for a person: their finalization failed ``attempts`` times."""
    found = await row(
        connection,
        """SELECT count(*) AS sessions FROM practice_session
           WHERE status = 'FINALIZING' AND finalize_failures >= :attempts""",
        attempts=attempts,
    )
    return 0 if found is None else int(found["sessions"])
