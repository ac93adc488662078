"""The session lifecycle: the only writer of ``practice_session``, ``turn`` and ``session_event``.

Four things move ``last_seq``: the writer's batch (the fragments below, composed in ``storage.append``), the end's
UPDATE (``begin_end``), the finalizer (``finish``), and ``create``. All of them check the status; the first UPDATE
out of IN_PROGRESS decides the cause, once.
"""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import execute, row, sql
from storage.heads import CONDITIONS
from storage.relation import Relation
from storage.rows import EventRow, TurnRow

_TURN_TYPES: dict[str, str] = {
    "position": "int",
    "turn_index": "int",
    "body_hash": "bytea",
    "line_hash": "bigint",
    "first_seq": "int",
    "final_seq": "int",
}
_SMALL = frozenset(
    (
        *("score", "confidence", "clarity", "humor", "tension_control", "emotional_warmth", "dominance"),
        *("charisma_index", "mood_percent", "progress", "filler_words", "total_words", "xp", "coins", "gems"),
    )
)
_JSON = frozenset(("evidence", "observed", "hooks", "patterns", "mood", "delivery"))
_TURN_FIELDS = TurnRow.__struct_fields__


def _type_of(field: str) -> str:
    return _TURN_TYPES.get(field, "smallint" if field in _SMALL else "text")


# ``at``: which head of the batch the row belongs to, from 1; the ids are taken from there.
TURN = Relation("turns", "writer_turn", (("at", "int"), *((f, _type_of(f)) for f in _TURN_FIELDS)))
EVENT = Relation("events", "writer_event", (("at", "int"), ("seq", "int"), ("type", "text"), ("body", "text")))

# The statement's cost may not depend on how many sessions are open or how long one is, whatever the statistics say
# at the moment it is planned. So the status is compared as an expression, which keeps the planner off the partial
# index of all open sessions, and the repeated item is looked for row by row (``OFFSET 0`` keeps it from hashing the
# whole table). ``storage.database.WRITER_SETTINGS`` does the rest.
ADVANCE_CTE = """
advanced AS (
    UPDATE practice_session s SET
        last_seq = h.seq,
        state = h.state,
        channel = CASE WHEN h.voice THEN 'VOICE' ELSE s.channel END,
        ending_until = CASE WHEN h.ending_seconds IS NULL THEN s.ending_until
                            ELSE now() + make_interval(secs => h.ending_seconds) END,
        reply_id = CASE WHEN s.reply_id = h.clears_reply THEN NULL ELSE s.reply_id END,
        last_turn_at = CASE WHEN h.new_turn THEN now() ELSE s.last_turn_at END,
        updated_at = now()
    FROM head h
    WHERE s.user_id = h.user_id AND s.id = h.session_id
        AND s.status || '' = 'IN_PROGRESS' AND s.last_seq = h.expected_seq
        AND (NOT h.new_turn OR s.ending_until IS NULL)
        AND (h.clears_reply IS NULL OR s.reply_id = h.clears_reply)
        AND (h.item_id IS NULL OR NOT EXISTS (
            SELECT 1 FROM turn t
            WHERE t.user_id = h.user_id AND t.session_id = h.session_id AND t.item_id = h.item_id OFFSET 0))
        AND h.session_id NOT IN (SELECT session_id FROM stale)
    RETURNING s.user_id, s.id, h.at
)"""

_VALUES = ", ".join(f"t.{field}::jsonb" if field in _JSON else f"t.{field}" for field in _TURN_FIELDS)


# Turns and events of the steps that were advanced. ``IS TRUE`` keeps the look-up a hashed one; as a join it would be
# planned for a handful of rows, and compare each with each. So are the ids taken from arrays, by the head's number.
_IDS = """(SELECT array_agg(user_id ORDER BY at) FROM head)[{0}.at],
        (SELECT array_agg(session_id ORDER BY at) FROM head)[{0}.at]"""
_STORED = "({0}.at IN (SELECT at FROM advanced)) IS TRUE"
INSERT_CTES = f"""
inserted_turns AS (
    INSERT INTO turn (user_id, session_id, {", ".join(_TURN_FIELDS)})
    SELECT {_IDS.format("t")}, {_VALUES} FROM turns t WHERE {_STORED.format("t")}
),
inserted_events AS (
    INSERT INTO session_event (user_id, session_id, seq, type, body)
    SELECT {_IDS.format("e")}, e.seq, e.type, e.body FROM events e WHERE {_STORED.format("e")}
)"""


def turn_values(at: int, turn: TurnRow) -> tuple[Any, ...]:
    return (at, *msgspec.structs.astuple(turn))


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it begins: the copies of its version's terms, its first events and its first state."""

    user_id: UUID
    id: UUID
    template_id: UUID | None
    template_version_id: UUID | None
    template_code: str | None
    persona_id: UUID
    persona_key: str
    category_key: str | None
    goal_type: str | None
    difficulty: str | None
    style: str | None
    objective_key: str | None
    objective_type: str | None
    dynamic_type: str | None
    location_tag: str | None
    success_threshold: int
    fail_threshold: int
    ai_mode: str
    model: str
    state: str
    last_seq: int
    turns: tuple[TurnRow, ...]
    events: tuple[EventRow, ...]


async def create(connection: AsyncConnection, new: NewSession) -> bool:
    """Store a new session with its first events; False when this id exists already (nothing is written)."""
    fields = [f for f in new.__struct_fields__ if f not in ("turns", "events")]
    made = await execute(
        connection,
        f"""INSERT INTO practice_session ({", ".join(fields)}) VALUES ({", ".join(f":{f}" for f in fields)})
            ON CONFLICT (user_id, id) DO NOTHING""",
        **{f: getattr(new, f) for f in fields},
    )
    if not made:
        return False
    for turn in new.turns:
        values = msgspec.structs.asdict(turn)
        await connection.execute(
            sql(
                f"""INSERT INTO turn (user_id, session_id, {", ".join(_TURN_FIELDS)})
                    VALUES (:user_id, :session_id, {", ".join(f":{f}" for f in _TURN_FIELDS)})"""
            ),
            {"user_id": new.user_id, "session_id": new.id, **values},
        )
    for event in new.events:
        await add_event(connection, new.user_id, new.id, event)
    return True


async def add_event(connection: AsyncConnection, user_id: UUID, session_id: UUID, event: EventRow) -> None:
    await execute(
        connection,
        """INSERT INTO session_event (user_id, session_id, seq, type, body)
           VALUES (:user_id, :session_id, :seq, :type, :body)""",
        user_id=user_id,
        session_id=session_id,
        seq=event.seq,
        type=event.type,
        body=event.body,
    )


# --- from outside the batch, under the row's lock ----------------------------------------------------------------


async def append_outside(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, events: list[EventRow], *, state: str | None
) -> None:
    """Append events to an open session whose row is locked; a holder's next batch misses and reloads. An ended one
    gets a new ``state`` alone, without an event."""
    for event in events:
        await add_event(connection, user_id, session_id, event)
    await execute(
        connection,
        """UPDATE practice_session SET last_seq = coalesce(CAST(:seq AS int), last_seq),
               state = coalesce(:state, state), updated_at = now()
           WHERE user_id = :user_id AND id = :session_id""",
        user_id=user_id,
        session_id=session_id,
        seq=events[-1].seq if events else None,
        state=state,
    )


async def replace_event(connection: AsyncConnection, user_id: UUID, session_id: UUID, event: EventRow) -> None:
    """Put a redacted copy in an event's place (same type and seq): forgetting is the one exception to bytes that
    never change, and has a function of its own for it. A copy that does not say it is redacted is refused."""
    await execute(
        connection,
        "SELECT socialgym_replace_event(:user_id, :session_id, :seq, :type, :body)",
        user_id=user_id,
        session_id=session_id,
        seq=event.seq,
        type=event.type,
        body=event.body,
    )


async def blank_turns(connection: AsyncConnection, user_id: UUID, session_id: UUID, values: list[str] | None) -> int:
    """Empty the text, tip and evidence notes of turns of either side that hold one of the values (None: of all);
    scores stay. How many they were."""
    found = await row(
        connection,
        "SELECT socialgym_blank_turns(:user_id, :session_id, :values) AS turns",
        user_id=user_id,
        session_id=session_id,
        values=values,
    )
    return 0 if found is None else int(found["turns"])


# --- the reply's claim -------------------------------------------------------------------------------------------


async def claim_reply(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, reply_id: str, *, seconds: float
) -> bool:
    """Claim the session's one reply for ``seconds``; False when another claim holds or the session ended."""
    return bool(
        await execute(
            connection,
            """UPDATE practice_session SET reply_id = :reply_id,
                   reply_until = now() + make_interval(secs => :seconds), updated_at = now()
               WHERE user_id = :user_id AND id = :session_id AND status = 'IN_PROGRESS'
                   AND (reply_id IS NULL OR reply_until < now())""",
            user_id=user_id,
            session_id=session_id,
            reply_id=reply_id,
            seconds=seconds,
        )
    )


async def drop_reply(connection: AsyncConnection, user_id: UUID, session_id: UUID, reply_id: str) -> None:
    """Give a claim back without a reply."""
    await execute(
        connection,
        """UPDATE practice_session SET reply_id = NULL, updated_at = now()
           WHERE user_id = :user_id AND id = :session_id AND reply_id = :reply_id""",
        user_id=user_id,
        session_id=session_id,
        reply_id=reply_id,
    )


async def void_replies(connection: AsyncConnection) -> None:
    """Void every claim: for the start of a process that knows it is alone."""
    await execute(
        connection,
        """UPDATE practice_session SET reply_id = NULL, updated_at = now()
           WHERE status = 'IN_PROGRESS' AND reply_id IS NOT NULL""",
    )


# --- presence ----------------------------------------------------------------------------------------------------


async def attach(connection: AsyncConnection, keys: list[tuple[UUID, UUID]], *, lease_seconds: float) -> None:
    """Renew the lease of sessions that sockets hold here."""
    await connection.execute(
        sql(
            """UPDATE practice_session s SET attached_until = now() + make_interval(secs => :seconds),
                   detached_at = NULL
               FROM unnest(CAST(:users AS uuid[]), CAST(:ids AS uuid[])) AS held(user_id, id)
               WHERE s.user_id = held.user_id AND s.id = held.id AND s.status = 'IN_PROGRESS'"""
        ),
        {"users": [user for user, _ in keys], "ids": [key for _, key in keys], "seconds": lease_seconds},
    )


async def detach(connection: AsyncConnection, user_id: UUID, session_id: UUID) -> None:
    """The last socket of a session left this process in order."""
    await execute(
        connection,
        """UPDATE practice_session SET detached_at = now()
           WHERE user_id = :user_id AND id = :session_id AND status = 'IN_PROGRESS'""",
        user_id=user_id,
        session_id=session_id,
    )


# --- the end -----------------------------------------------------------------------------------------------------


_FINALIZING = """'{"type":"session.finalizing","event_id":"event_' || replace(e.id::text, '-', '') || '_'
    || e.last_seq || '","session_id":"' || e.id || '","seq":' || e.last_seq || ',"reason":"' || e.cause || '"}'"""


async def begin_end(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, cause: str, **condition: Any
) -> str | None:
    """Move the session from IN_PROGRESS to FINALIZING, if nobody did and the cause's condition holds.

    The one UPDATE decides the cause (a session that was ending by its own rules has RULE), stamps ``ended_at``,
    time zone and local date, and appends ``session.finalizing``. Returns the stored cause, or None.
    """
    holds = CONDITIONS.get(cause, "true")
    found = await row(
        connection,
        f"""WITH e AS (
                UPDATE practice_session s SET
                    status = 'FINALIZING',
                    cause = CASE WHEN s.ending_until IS NOT NULL THEN 'RULE' ELSE :cause END,
                    ended_at = z.at, time_zone = u.time_zone, local_date = (z.at AT TIME ZONE u.time_zone)::date,
                    last_seq = s.last_seq + 1, reply_id = NULL, updated_at = now()
                FROM app_user u, practice_session p, LATERAL (
                    SELECT CASE WHEN p.ending_until IS NULL AND :cause IN ('IDLE', 'GRACE', 'REPLACED', 'SYSTEM')
                        THEN coalesce(p.last_turn_at, p.created_at) ELSE now() END AS at
                ) z
                WHERE s.user_id = :user_id AND s.id = :session_id AND s.status = 'IN_PROGRESS' AND {holds}
                    AND u.id = s.user_id AND p.user_id = s.user_id AND p.id = s.id
                RETURNING s.user_id, s.id, s.last_seq, s.cause
            ), logged AS (
                INSERT INTO session_event (user_id, session_id, seq, type, body)
                SELECT e.user_id, e.id, e.last_seq, 'session.finalizing', {_FINALIZING} FROM e
            )
            SELECT cause FROM e""",
        user_id=user_id,
        session_id=session_id,
        cause=cause,
        **condition,
    )
    return None if found is None else str(found["cause"])


async def finalize_failed(connection: AsyncConnection, user_id: UUID, session_id: UUID) -> int:
    """Count a failed finalization and put the next try off (1, 4, 9, ... seconds); the failures so far."""
    found = await row(
        connection,
        """UPDATE practice_session SET finalize_failures = finalize_failures + 1,
               finalize_after = now() + make_interval(secs => (finalize_failures + 1) ^ 2), updated_at = now()
           WHERE user_id = :user_id AND id = :session_id AND status = 'FINALIZING' RETURNING finalize_failures""",
        user_id=user_id,
        session_id=session_id,
    )
    return 0 if found is None else int(found["finalize_failures"])


async def finish(
    connection: AsyncConnection,
    user_id: UUID,
    session_id: UUID,
    *,
    status: str,
    end_reason_code: str,
    user_seq: int,
    summary_event: EventRow,
) -> None:
    """The final status and ``session.summary``, under the row lock that the finalizer holds."""
    await execute(
        connection,
        """UPDATE practice_session SET status = :status, end_reason_code = :code, user_seq = :user_seq,
               last_seq = :seq, updated_at = now()
           WHERE user_id = :user_id AND id = :session_id""",
        user_id=user_id,
        session_id=session_id,
        status=status,
        code=end_reason_code,
        user_seq=user_seq,
        seq=summary_event.seq,
    )
    await add_event(connection, user_id, session_id, summary_event)
