"""The only writer of ``persona_memory`` and ``memory_event``.

Writes come with a session's batch (``storage.append``), fenced by the version they expect. A key that was forgotten
stays as a tombstone, so that its version only grows.
"""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import execute, rows
from storage.relation import Relation
from storage.rows import MemoryRow

WRITE = Relation(
    "remembered",
    "writer_memory",
    (
        ("user_id", "uuid"),
        ("session_id", "uuid"),
        ("persona_key", "text"),
        ("key", "text"),
        ("items", "text"),
        ("previous_value", "text"),
        ("version", "int"),
        ("expected_version", "int"),
        ("op", "text"),
        ("value", "text"),
        ("confidence", "float8"),
        ("seq", "int"),
        ("item_id", "text"),
        ("span_start", "int"),
        ("span_end", "int"),
        ("quote", "text"),
        ("created_at", "timestamptz"),
    ),
)

# The rows are locked before their versions are compared, so that of two sessions that learn at once one misses.
# Several writes of one step to one key follow on each other: the first's expected version is the stored one.
STALE_CTE = """
expected AS (
    SELECT user_id, session_id, persona_key, key, min(expected_version) AS version
    FROM remembered GROUP BY user_id, session_id, persona_key, key
),
locked AS (
    SELECT m.user_id, m.persona_key, m.key, m.version
    FROM persona_memory m JOIN expected e USING (user_id, persona_key, key)
    FOR UPDATE OF m
),
stale AS (
    SELECT DISTINCT e.session_id FROM expected e
    LEFT JOIN locked l USING (user_id, persona_key, key)
    WHERE coalesce(l.version, 0) <> e.version
)"""

WRITE_CTES = """
present AS (
    INSERT INTO persona_memory (user_id, persona_key, key, items, previous_value, version, forgotten)
    SELECT DISTINCT ON (r.user_id, r.persona_key, r.key)
        r.user_id, r.persona_key, r.key, r.items::jsonb, r.previous_value, r.version, r.op = 'forgotten'
    FROM remembered r JOIN advanced a ON a.user_id = r.user_id AND a.id = r.session_id
    ORDER BY r.user_id, r.persona_key, r.key, r.version DESC
    ON CONFLICT (user_id, persona_key, key) DO UPDATE SET
        items = excluded.items, previous_value = excluded.previous_value, version = excluded.version,
        forgotten = excluded.forgotten, updated_at = now()
),
history AS (
    INSERT INTO memory_event (user_id, persona_key, key, version, session_id, seq, op, value, previous_value,
        confidence, item_id, span_start, span_end, quote, created_at)
    SELECT r.user_id, r.persona_key, r.key, r.version, r.session_id, r.seq, r.op, r.value, r.previous_value,
        r.confidence, r.item_id, r.span_start, r.span_end, r.quote, r.created_at
    FROM remembered r JOIN advanced a ON a.user_id = r.user_id AND a.id = r.session_id
)"""


def write_values(user_id: UUID, session_id: UUID, row: MemoryRow) -> tuple[Any, ...]:
    return (
        user_id,
        session_id,
        row.persona_key,
        row.key,
        row.items,
        row.previous_value,
        row.version,
        row.expected_version,
        row.op,
        row.value,
        row.confidence,
        row.seq,
        row.item_id,
        row.span_start,
        row.span_end,
        row.quote,
        row.created_at,
    )


async def write_one(connection: AsyncConnection, user_id: UUID, session_id: UUID, row: MemoryRow) -> None:
    """One write in a transaction that holds the session's and the user's lock."""
    parameters = dict(zip(WRITE.names, write_values(user_id, session_id, row), strict=True))
    await execute(
        connection,
        """INSERT INTO persona_memory (user_id, persona_key, key, items, previous_value, version, forgotten)
           VALUES (:user_id, :persona_key, :key, CAST(:items AS jsonb), :previous_value, :version, :op = 'forgotten')
           ON CONFLICT (user_id, persona_key, key) DO UPDATE SET items = excluded.items,
               previous_value = excluded.previous_value, version = excluded.version,
               forgotten = excluded.forgotten, updated_at = now()""",
        **{name: parameters[name] for name in ("user_id", "persona_key", "key", "items", "previous_value")},
        version=row.version,
        op=row.op,
    )
    history = [name for name in WRITE.names if name not in ("items", "expected_version")]
    await execute(
        connection,
        f"""INSERT INTO memory_event ({", ".join(history)}) VALUES ({", ".join(f":{name}" for name in history)})""",
        **{name: parameters[name] for name in history},
    )


async def present(connection: AsyncConnection, user_id: UUID, persona_key: str) -> list[dict[str, Any]]:
    """Every key of this persona and user with its version, tombstones too (their ``items`` are empty)."""
    return await rows(
        connection,
        """SELECT key, items::text AS items, version, forgotten FROM persona_memory
           WHERE user_id = :user_id AND persona_key = :persona_key ORDER BY key""",
        user_id=user_id,
        persona_key=persona_key,
    )


async def of_session(connection: AsyncConnection, user_id: UUID, session_id: UUID) -> list[dict[str, Any]]:
    """What the session wrote, in order. Forgotten values are null."""
    return await rows(
        connection,
        """SELECT key, value, op, created_at, item_id, span_start, span_end, quote FROM memory_event
           WHERE user_id = :user_id AND session_id = :session_id ORDER BY seq""",
        user_id=user_id,
        session_id=session_id,
    )


async def wipe(connection: AsyncConnection, user_id: UUID, persona_key: str, key: str) -> int:
    """Take value and quote of a forgotten key out of the history; the rows stay."""
    return await execute(
        connection,
        """UPDATE memory_event SET value = NULL, previous_value = NULL, quote = NULL, updated_at = now()
           WHERE user_id = :user_id AND persona_key = :persona_key AND key = :key""",
        user_id=user_id,
        persona_key=persona_key,
        key=key,
    )


async def wipe_quotes_of_blank_turns(connection: AsyncConnection, user_id: UUID, persona_key: str) -> None:
    """Take out of history and present the quotes of turns whose text was blanked; what is remembered stays."""
    await execute(
        connection,
        """UPDATE memory_event m SET quote = NULL, updated_at = now() FROM turn t
           WHERE m.user_id = :user_id AND m.persona_key = :persona_key AND m.quote IS NOT NULL
               AND t.user_id = m.user_id AND t.session_id = m.session_id AND t.item_id = m.item_id AND t.text = ''""",
        user_id=user_id,
        persona_key=persona_key,
    )
    # The present names no session: of two turns with one id the quote of the other goes too.
    await execute(
        connection,
        """WITH blank AS (
               SELECT t.item_id FROM turn t JOIN practice_session s ON s.user_id = t.user_id AND s.id = t.session_id
               WHERE t.user_id = :user_id AND s.persona_key = :persona_key AND t.text = ''
           )
           UPDATE persona_memory m SET updated_at = now(), items = (
               SELECT jsonb_agg(CASE WHEN item #>> '{source,itemId}' IN (SELECT item_id FROM blank)
                   THEN jsonb_set(item, '{source,quote}', 'null') ELSE item END ORDER BY place)
               FROM jsonb_array_elements(m.items) WITH ORDINALITY AS e(item, place))
           WHERE m.user_id = :user_id AND m.persona_key = :persona_key AND EXISTS (
               SELECT 1 FROM jsonb_array_elements(m.items) AS item
               WHERE item #>> '{source,itemId}' IN (SELECT item_id FROM blank)
                   AND item #>> '{source,quote}' IS NOT NULL)""",
        user_id=user_id,
        persona_key=persona_key,
    )
