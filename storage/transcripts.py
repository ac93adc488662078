"""Reads of what sessions hold: events for replay, turns for the finalizer. Writes nothing."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import row, rows

PAID_LINES_KEPT = 4_096  # newest lines a user was paid for that a session compares with


class StoredTurn(msgspec.Struct, frozen=True, kw_only=True):
    """The place of an item in the log, and what it was made of: enough to answer a repeated send."""

    item_id: str
    role: str
    kind: str
    text: str
    status: str
    body_hash: bytes | None
    parent_item_id: str | None
    first_seq: int
    final_seq: int


async def stored_turn(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, item_id: str
) -> StoredTurn | None:
    """The turn with this idempotency key, or None."""
    found = await row(
        connection,
        f"""SELECT {", ".join(StoredTurn.__struct_fields__)} FROM turn
            WHERE user_id = :user_id AND session_id = :session_id AND item_id = :item_id""",
        user_id=user_id,
        session_id=session_id,
        item_id=item_id,
    )
    return None if found is None else StoredTurn(**found)


async def reply_to(connection: AsyncConnection, user_id: UUID, session_id: UUID, item_id: str) -> StoredTurn | None:
    """The persona's line that follows this item, or None."""
    found = await row(
        connection,
        f"""SELECT {", ".join(StoredTurn.__struct_fields__)} FROM turn
            WHERE user_id = :user_id AND session_id = :session_id AND parent_item_id = :item_id
                AND role = 'assistant'""",
        user_id=user_id,
        session_id=session_id,
        item_id=item_id,
    )
    return None if found is None else StoredTurn(**found)


async def events(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, *, after: int, until: int, limit: int
) -> list[tuple[int, str, str]]:
    """(seq, type, body) with ``after < seq <= until``, in order, at most ``limit``."""
    found = await rows(
        connection,
        """SELECT seq, type, body FROM session_event
           WHERE user_id = :user_id AND session_id = :session_id AND seq > :after AND seq <= :until
           ORDER BY seq LIMIT :limit""",
        user_id=user_id,
        session_id=session_id,
        after=after,
        until=until,
        limit=limit,
    )
    return [(r["seq"], r["type"], r["body"]) for r in found]


async def events_holding(
    connection: AsyncConnection, user_id: UUID, session_id: UUID, needles: list[str]
) -> list[tuple[int, str, str]]:
    """Events whose text holds one of the needles in any case (a superset: JSON escapes are tried too)."""
    escaped = {form for needle in needles for form in (needle, encode_inner(needle))}
    found = await rows(
        connection,
        """SELECT seq, type, body FROM session_event
           WHERE user_id = :user_id AND session_id = :session_id AND EXISTS (
               SELECT 1 FROM unnest(CAST(:needles AS text[])) AS n WHERE position(lower(n) in lower(body)) > 0)
           ORDER BY seq""",
        user_id=user_id,
        session_id=session_id,
        needles=sorted(escaped),
    )
    return [(r["seq"], r["type"], r["body"]) for r in found]


def encode_inner(text: str) -> str:
    """The text as it stands inside a JSON string."""
    return msgspec.json.encode(text).decode()[1:-1]


async def learner_turns(connection: AsyncConnection, user_id: UUID, session_id: UUID) -> list[dict[str, Any]]:
    """The learner's turns in order, with everything that was stored of their score."""
    return await rows(
        connection,
        """SELECT turn_index, item_id, text, kind, score, rarity, confidence, clarity, humor, tension_control,
               emotional_warmth, dominance, charisma_index, evidence::text AS evidence, observed::text AS observed,
               hooks::text AS hooks, patterns::text AS patterns, tip, mood::text AS mood, mood_percent, progress,
               strike, disqualified, filler_words, total_words, xp, coins, gems, delivery::text AS delivery
           FROM turn WHERE user_id = :user_id AND session_id = :session_id AND role = 'user' ORDER BY turn_index""",
        user_id=user_id,
        session_id=session_id,
    )


async def paid_lines(connection: AsyncConnection, user_id: UUID, before: datetime) -> frozenset[int]:
    """Hashes of the newest lines the user was paid for in the 30 days before ``before``."""
    found = await rows(
        connection,
        """SELECT t.line_hash FROM turn t JOIN practice_session s
               ON s.user_id = t.user_id AND s.id = t.session_id
           WHERE t.user_id = :user_id AND (t.xp > 0 OR t.coins > 0 OR t.gems > 0)
               AND t.created_at < :before AND t.created_at > CAST(:before AS timestamptz) - interval '30 days'
               AND s.end_reason_code IS DISTINCT FROM 'ABORT_DISQUALIFIED'
           ORDER BY t.created_at DESC LIMIT :limit""",
        user_id=user_id,
        before=before,
        limit=PAID_LINES_KEPT,
    )
    return frozenset(r["line_hash"] for r in found)


async def turn_xp_of_day(connection: AsyncConnection, user_id: UUID, day: date) -> int:
    """XP from turns that sessions of this local date were paid so far."""
    found = await row(
        connection,
        """SELECT coalesce(sum(turn_xp), 0)::int AS xp FROM finalization
           WHERE user_id = :user_id AND local_date = :day""",
        user_id=user_id,
        day=day,
    )
    return 0 if found is None else int(found["xp"])


async def summary(connection: AsyncConnection, user_id: UUID, session_id: UUID) -> str | None:
    """The stored end summary, the very text that was pushed."""
    found = await row(
        connection,
        "SELECT body FROM session_summary WHERE user_id = :user_id AND session_id = :session_id",
        user_id=user_id,
        session_id=session_id,
    )
    return None if found is None else str(found["body"])


async def open_sessions(connection: AsyncConnection, user_id: UUID) -> list[tuple[UUID, bool]]:
    """The user's open sessions, oldest first: (id, whether a socket holds it)."""
    found = await rows(
        connection,
        """SELECT id, (attached_until IS NOT NULL AND attached_until >= now() AND detached_at IS NULL) AS held
           FROM practice_session WHERE user_id = :user_id AND status = 'IN_PROGRESS' ORDER BY created_at""",
        user_id=user_id,
    )
    return [(r["id"], r["held"]) for r in found]


async def sessions_since(connection: AsyncConnection, user_id: UUID, seconds: float) -> int:
    """How many sessions the user began in the last ``seconds``."""
    found = await row(
        connection,
        """SELECT count(*) AS n FROM practice_session
           WHERE user_id = :user_id AND created_at > now() - make_interval(secs => :seconds)""",
        user_id=user_id,
        seconds=seconds,
    )
    return 0 if found is None else int(found["n"])


async def lock_user(connection: AsyncConnection, user_id: UUID) -> None:
    """Let one device of the user at a time decide on new sessions (compatible with foreign key checks)."""
    await row(connection, "SELECT id FROM app_user WHERE id = :id FOR NO KEY UPDATE", id=user_id)


async def age_band(connection: AsyncConnection, user_id: UUID) -> str:
    found = await row(connection, "SELECT age_band FROM app_user WHERE id = :id", id=user_id)
    return "UNKNOWN" if found is None else str(found["age_band"])
