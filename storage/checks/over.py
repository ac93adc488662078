"""What a check reads: everything, or what has changed since a time and what was at fault before.

Over what has changed, the sessions, users and memory keys are found by indexes on times, so that a run costs what has
happened since, whatever is stored. Every join is within a user, so the checks distribute like the tables.

Of rows younger than its statistics PostgreSQL expects next to none. A check therefore counts a session's rows in a
lateral query, which is one look at an index a session however many there are; grouped and joined, they would be
counted anew for each.
"""

from collections.abc import Callable

import msgspec

FINAL = "('SUCCESS', 'FAIL', 'ABORTED')"

# Open sessions are found among the open ones: an index on ``updated_at``, which changes with every turn, would cost
# every turn. Ended ones are found by their end, their finalization and their summary (which a redaction changes).
# ``:users`` and ``:sessions`` (of equal length) name what was found before and is looked at until it is right.
_CHANGED = """
scope AS MATERIALIZED (
    SELECT user_id, id FROM practice_session WHERE status = 'IN_PROGRESS' AND updated_at >= :since
    UNION SELECT user_id, id FROM practice_session WHERE status = 'FINALIZING'
    UNION SELECT user_id, id FROM practice_session WHERE ended_at >= :since
    UNION SELECT user_id, session_id FROM finalization WHERE created_at >= :since
    UNION SELECT user_id, session_id FROM session_summary WHERE updated_at >= :since
    UNION SELECT user_id, id FROM unnest(CAST(:users AS uuid[]), CAST(:sessions AS uuid[])) AS again (user_id, id)
), users AS MATERIALIZED (
    SELECT user_id FROM user_wallet WHERE updated_at >= :since
    UNION SELECT user_id FROM wallet_ledger WHERE created_at >= :since
    UNION SELECT user_id FROM finalization WHERE created_at >= :since
    UNION SELECT user_id FROM unnest(CAST(:users AS uuid[])) AS again (user_id)
), missions AS MATERIALIZED (
    SELECT s.user_id, s.template_id::text AS template FROM scope
        JOIN practice_session s ON s.user_id = scope.user_id AND s.id = scope.id
        WHERE s.status = 'SUCCESS' AND s.template_id IS NOT NULL
    UNION SELECT user_id, source_id FROM wallet_ledger WHERE created_at >= :since AND kind = 'MISSION_BONUS'
    UNION SELECT l.user_id, l.source_id FROM unnest(CAST(:users AS uuid[])) AS again (user_id)
        JOIN wallet_ledger l ON l.user_id = again.user_id AND l.kind = 'MISSION_BONUS'
    UNION SELECT s.user_id, s.template_id::text FROM unnest(CAST(:users AS uuid[])) AS again (user_id)
        JOIN practice_session s ON s.user_id = again.user_id AND s.status = 'SUCCESS' AND s.template_id IS NOT NULL
), keys AS MATERIALIZED (
    SELECT m.user_id, m.persona_key, m.key FROM persona p
        JOIN persona_memory m ON m.persona_key = p.code AND m.updated_at >= :since
    UNION SELECT h.user_id, h.persona_key, h.key FROM scope
        JOIN memory_event h ON h.user_id = scope.user_id AND h.session_id = scope.id
    UNION SELECT m.user_id, m.persona_key, m.key FROM unnest(CAST(:users AS uuid[])) AS again (user_id)
        JOIN persona_memory m ON m.user_id = again.user_id
    UNION SELECT h.user_id, h.persona_key, h.key FROM unnest(CAST(:users AS uuid[])) AS again (user_id)
        JOIN memory_event h ON h.user_id = again.user_id
),"""


class Over(msgspec.Struct, frozen=True):
    """Fragments that keep a statement to its rows: each joins a table, of which the alias is given, to those that are
    looked at, and is nothing where all are. ``ctes`` comes after WITH, and ends with a comma."""

    everything: bool

    @property
    def ctes(self) -> str:
        return "" if self.everything else _CHANGED

    def sessions(self, alias: str, column: str = "session_id") -> str:
        return self._join("scope", f"scope.user_id = {alias}.user_id AND scope.id = {alias}.{column}")

    def users(self, alias: str) -> str:
        return self._join("users", f"users.user_id = {alias}.user_id")

    def missions(self, alias: str, template: str) -> str:
        return self._join("missions", f"missions.user_id = {alias}.user_id AND missions.template = {template}")

    def keys(self, alias: str) -> str:
        return self._join(
            "keys",
            f"keys.user_id = {alias}.user_id AND keys.persona_key = {alias}.persona_key AND keys.key = {alias}.key",
        )

    def _join(self, cte: str, condition: str) -> str:
        return "" if self.everything else f"JOIN {cte} ON {condition}"


class Check(msgspec.Struct, frozen=True):
    """One thing that must hold. ``everything`` asks it of all rows; ``changed``, which takes ``since``, ``users`` and
    ``sessions``, of what has changed. ``about`` says what must hold.

    Rows have ``user_id``, ``session_id`` (null where it is no session's) and ``detail``: numbers, statuses and keys,
    never what a person said or what is remembered of it."""

    name: str
    about: str
    everything: str
    changed: str


def check(about: str, statement: Callable[[Over], str]) -> Check:
    """The check that ``statement``, a function of the same name, asks."""
    return Check(statement.__name__, about, statement(Over(True)), statement(Over(False)))
