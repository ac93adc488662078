"""What a session ends with: the only writer of ``finalization``, ``gate_result``, ``mood_timeline``,
``trait_history``, ``session_summary`` and ``outbox``. Every function runs in the finalizer's one transaction."""

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import execute, row, rows, sql

OUTBOX_KEPT_SECONDS = 24 * 60 * 60.0  # no process is so late that it reads an older row


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The session's row as the finalizer needs it beside its head."""

    goal_type: str | None
    style: str | None
    objective_key: str | None
    objective_type: str | None
    dynamic_type: str | None
    location_tag: str | None
    channel: str
    time_zone: str
    local_date: date
    analysis_enabled: bool


async def facts(connection: AsyncConnection, user_id: UUID, session_id: UUID) -> SessionFacts:
    found = await row(
        connection,
        """SELECT s.goal_type, s.style, s.objective_key, s.objective_type, s.dynamic_type, s.location_tag, s.channel,
               s.time_zone, s.local_date, u.analysis_enabled
           FROM practice_session s JOIN app_user u ON u.id = s.user_id
           WHERE s.user_id = :user_id AND s.id = :session_id""",
        user_id=user_id,
        session_id=session_id,
    )
    assert found is not None
    return SessionFacts(**found)


async def add_finalization(
    connection: AsyncConnection,
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
    """The arbiter: its primary key lets a session be finalized once."""
    await execute(
        connection,
        """INSERT INTO finalization (user_id, session_id, user_seq, status, end_reason_code, turn_count, turn_xp,
               local_date)
           VALUES (:user_id, :session_id, :user_seq, :status, :code, :turn_count, :turn_xp, :local_date)""",
        user_id=user_id,
        session_id=session_id,
        user_seq=user_seq,
        status=status,
        code=end_reason_code,
        turn_count=turn_count,
        turn_xp=turn_xp,
        local_date=local_date,
    )


async def add_gates(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, gates: list[tuple[str, bool, str, str]]
) -> None:
    """(key, passed, reason code, context as JSON), in their order."""
    await connection.execute(
        sql(
            """INSERT INTO gate_result (user_id, session_id, gate_key, position, passed, reason_code, context)
               SELECT :user_id, :session_id, g.key, g.position, g.passed, g.reason, g.context::jsonb
               FROM unnest(CAST(:keys AS text[]), CAST(:passed AS bool[]), CAST(:reasons AS text[]),
                   CAST(:contexts AS text[])) WITH ORDINALITY AS g(key, passed, reason, context, position)"""
        ),
        {
            "user_id": user_id,
            "session_id": session_id,
            "keys": [gate[0] for gate in gates],
            "passed": [gate[1] for gate in gates],
            "reasons": [gate[2] for gate in gates],
            "contexts": [gate[3] for gate in gates],
        },
    )


async def add_mood_timeline(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, timeline_id: UUID, arc: str, snapshots: str
) -> None:
    await execute(
        connection,
        """INSERT INTO mood_timeline (user_id, id, session_id, arc, snapshots)
           VALUES (:user_id, :id, :session_id, :arc, CAST(:snapshots AS jsonb))""",
        user_id=user_id,
        id=timeline_id,
        session_id=session_id,
        arc=arc,
        snapshots=snapshots,
    )


async def add_trait_history(
    connection: AsyncConnection,
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
    await execute(
        connection,
        """INSERT INTO trait_history (user_id, id, session_id, user_seq, counts, snapshot, long_term_before,
               long_term)
           VALUES (:user_id, :id, :session_id, :user_seq, :counts, :snapshot, :before, :after)""",
        user_id=user_id,
        id=history_id,
        session_id=session_id,
        user_seq=user_seq,
        counts=counts,
        snapshot=None if snapshot is None else list(snapshot),
        before=None if before is None else list(before),
        after=None if after is None else list(after),
    )


async def add_summary(connection: AsyncConnection, user_id: UUID, session_id: UUID, body: str) -> None:
    """The summary as it is pushed and read for ever, and the outbox row that has it pushed."""
    await execute(
        connection,
        "INSERT INTO session_summary (user_id, session_id, body) VALUES (:user_id, :session_id, :body)",
        user_id=user_id,
        session_id=session_id,
        body=body,
    )
    await execute(
        connection,
        """INSERT INTO outbox (user_id, session_id, kind) VALUES (:user_id, :session_id, 'session.summary')""",
        user_id=user_id,
        session_id=session_id,
    )


async def replace_summary(connection: AsyncConnection, user_id: UUID, session_id: UUID, body: str) -> None:
    """Put a redacted copy in the summary's place (forgetting)."""
    await execute(
        connection,
        """UPDATE session_summary SET body = :body, updated_at = now()
           WHERE user_id = :user_id AND session_id = :session_id""",
        user_id=user_id,
        session_id=session_id,
        body=body,
    )


# --- the outbox's reader -----------------------------------------------------------------------------------------


async def outbox_end(connection: AsyncConnection) -> int:
    """Where a reader begins that has told nobody anything yet: the oldest transaction that has not ended."""
    found = await row(connection, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS since")
    return 0 if found is None else int(found["since"])


async def outbox_after(
    connection: AsyncConnection, since: int, limit: int
) -> tuple[int, list[tuple[int, UUID, UUID]]]:
    """Rows of the transactions from ``since`` on, as (serial, user, session), and where to go on next time.

    A reader follows the transactions' ids, not the serials: a serial is drawn late in its transaction, so an older
    transaction may commit a higher one while a younger still holds a lower one back. Of the transactions below the
    snapshot's xmin every one has ended, and what they wrote is given here; younger rows are given too, and again next
    time. At most ``limit`` rows, the oldest transactions first.
    """
    found = await rows(
        connection,
        """SELECT serial, user_id, session_id, transaction_id::text AS transaction_id,
               pg_snapshot_xmin(pg_current_snapshot())::text AS xmin
           FROM outbox WHERE transaction_id >= CAST(CAST(:since AS text) AS xid8)
           ORDER BY transaction_id, serial LIMIT :limit""",
        since=str(since),
        limit=limit,
    )
    if not found:
        return since, []
    settled = int(found[0]["xmin"])
    if len(found) == limit:
        settled = min(settled, int(found[-1]["transaction_id"]))
    return settled, [(r["serial"], r["user_id"], r["session_id"]) for r in found]


async def prune_outbox(connection: AsyncConnection, *, seconds: float) -> int:
    """Drop rows that every process has long read (sockets that come later read the log)."""
    return await execute(
        connection,
        "DELETE FROM outbox WHERE created_at < now() - make_interval(secs => :seconds)",
        seconds=seconds,
    )
