"""The writer's one statement: many sessions' steps, fenced, in one round trip.

For every step the head is advanced only where it equals what the step expects, the session is IN_PROGRESS, no turn of
the learner comes after the ending one, no item id is used twice, a reply still has its claim, and every memory row
still has the version the step read. Turns, events and memory of the other steps are not inserted: they are
*missed*, and their sessions reload.

This module builds SQL; the tables' writes are composed from the fragments of ``storage.sessions`` and
``storage.memory``, which own them.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from storage import memory, sessions
from storage.relation import Relation
from storage.rows import SessionWrite

HEAD = Relation(
    "head",
    "writer_head",
    (
        ("user_id", "uuid"),
        ("session_id", "uuid"),
        ("expected_seq", "int"),
        ("seq", "int"),
        ("state", "text"),
        ("new_turn", "bool"),
        ("voice", "bool"),
        ("ending_seconds", "float8"),
        ("clears_reply", "text"),
        ("item_id", "text"),
    ),
)


def _statement() -> str:
    return f"""
WITH {HEAD.cte(1, ordinal="at")},
{sessions.TURN.cte(2)},
{sessions.EVENT.cte(3)},
{memory.WRITE.cte(4)},
{memory.STALE_CTE},
{sessions.ADVANCE_CTE},
{sessions.INSERT_CTES},
{memory.WRITE_CTES}
SELECT user_id, id FROM advanced
"""


STATEMENT = _statement()


async def append(
    connection: "asyncpg.Connection[asyncpg.Record]", writes: Sequence[SessionWrite]
) -> set[tuple[UUID, UUID]]:
    """Commit the steps; the (user, session) of those that were stored. At most one step a session.

    Returns after COMMIT. When the connection breaks the outcome is unknown: running the same steps again settles
    it (those already stored are missed, and their sessions find them on reload).
    """
    stored = await connection.fetch(
        STATEMENT, list(_heads(writes)), list(_turns(writes)), list(_events(writes)), list(_memories(writes))
    )
    return {(record["user_id"], record["id"]) for record in stored}


def _heads(writes: Sequence[SessionWrite]) -> Iterable[tuple[Any, ...]]:
    for write in writes:
        item_id = write.turns[0].item_id if write.turns else None
        yield (
            write.user_id,
            write.session_id,
            write.expected_seq,
            write.seq,
            write.state,
            write.new_turn,
            write.voice,
            write.ending_seconds,
            write.clears_reply,
            item_id,
        )


def _turns(writes: Sequence[SessionWrite]) -> Iterable[tuple[Any, ...]]:
    for at, write in enumerate(writes, 1):
        for turn in write.turns:
            yield sessions.turn_values(at, turn)


def _events(writes: Sequence[SessionWrite]) -> Iterable[tuple[Any, ...]]:
    for at, write in enumerate(writes, 1):
        for event in write.events:
            yield (at, event.seq, event.type, event.body)


def _memories(writes: Sequence[SessionWrite]) -> Iterable[tuple[Any, ...]]:
    for write in writes:
        for row in write.memory:
            yield memory.write_values(write.user_id, write.session_id, row)
