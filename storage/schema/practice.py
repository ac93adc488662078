"""Practice sessions and all that is stored of them.

``practice_session``, ``turn`` and ``session_event`` are written by ``storage.sessions`` alone; what a session
ends with (``finalization``, ``gate_result``, ``mood_timeline``, ``trait_history``, ``session_summary``,
``outbox``) by ``storage.finalization``; ``idempotency_key`` by ``storage.idempotency``.

``turn`` and ``session_event`` have no foreign key: the one statement that inserts them joins each row to the
session's head, and a check per row would cost more than the insert.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import UserDefinedType

from storage.schema.base import Timestamp, metadata, of_session, of_user, times, user_key


class Xid8(UserDefinedType[int]):
    """The 64-bit transaction id of PostgreSQL, which never wraps."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


practice_session = Table(
    "practice_session",
    metadata,
    user_key(),
    Column("id", Uuid, primary_key=True),
    Column("template_id", Uuid, ForeignKey("template.id")),
    Column("template_version_id", Uuid, ForeignKey("template_version.id")),
    Column("template_code", Text),
    Column("persona_id", Uuid, ForeignKey("persona.id"), nullable=False),
    # Copies of the version's terms: statistics and rebuild use these, so a new catalogue changes no session.
    Column("persona_key", Text, nullable=False),
    Column("category_key", Text),
    Column("goal_type", Text),
    Column("difficulty", Text),
    Column("style", Text),
    Column("objective_key", Text),
    Column("objective_type", Text),
    Column("dynamic_type", Text),
    Column("location_tag", Text),
    Column("success_threshold", SmallInteger, nullable=False),
    Column("fail_threshold", SmallInteger, nullable=False),
    Column("ai_mode", Text, nullable=False),
    Column("channel", Text, nullable=False, server_default="TEXT"),
    Column("model", Text, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint(
            "status IN ('IN_PROGRESS', 'FINALIZING', 'SUCCESS', 'FAIL', 'ABORTED')",
            name="status",
        ),
        nullable=False,
        server_default="IN_PROGRESS",
    ),
    Column("cause", Text),
    Column("end_reason_code", Text),
    Column("ended_at", Timestamp),
    Column("time_zone", Text),
    Column("local_date", Date),
    Column("user_seq", BigInteger),
    # The head: advanced only where it equals what the writer expects.
    Column("last_seq", Integer, nullable=False),
    Column("state", Text, CheckConstraint("octet_length(state) <= 8192", name="state_is_compact"), nullable=False),
    Column("ending_until", Timestamp),
    Column("reply_id", Text),
    Column("reply_until", Timestamp),
    Column("attached_until", Timestamp),
    Column("detached_at", Timestamp),
    Column("last_turn_at", Timestamp),
    Column("finalize_failures", SmallInteger, nullable=False, server_default="0"),
    Column("finalize_after", Timestamp),
    of_user(),
    *times(),
    Index(None, "user_id", "created_at"),
    Index(None, "user_id", "ended_at"),
    Index(None, "user_id", "category_key", "ended_at"),
    Index(None, "user_id", "persona_key", "ended_at"),
    Index(None, "persona_id"),
    Index("ix_practice_session_open", "created_at", postgresql_where=text("status = 'IN_PROGRESS'")),
    Index("ix_practice_session_finalizing", "ended_at", postgresql_where=text("status = 'FINALIZING'")),
    Index("ix_practice_session_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
)

turn = Table(
    "turn",
    metadata,
    user_key(),
    Column("session_id", Uuid, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("turn_index", Integer),
    Column("role", Text, CheckConstraint("role IN ('user', 'assistant')", name="role"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("parent_item_id", Text),
    Column("text", Text, nullable=False),
    Column("body_hash", LargeBinary),
    Column("line_hash", BigInteger),
    Column("score", SmallInteger),
    Column("rarity", Text),
    Column("confidence", SmallInteger),
    Column("clarity", SmallInteger),
    Column("humor", SmallInteger),
    Column("tension_control", SmallInteger),
    Column("emotional_warmth", SmallInteger),
    Column("dominance", SmallInteger),
    Column("charisma_index", SmallInteger),
    Column("evidence", JSONB),
    Column("observed", JSONB),
    Column("hooks", JSONB),
    Column("patterns", JSONB),
    Column("tip", Text),
    Column("mood", JSONB),
    Column("mood_percent", SmallInteger),
    Column("progress", SmallInteger),
    Column("strike", Text),
    Column("disqualified", Text),
    Column("filler_words", SmallInteger),
    Column("total_words", SmallInteger),
    Column("xp", SmallInteger),
    Column("coins", SmallInteger),
    Column("gems", SmallInteger),
    Column("reward_reason", Text),
    Column("delivery", JSONB),
    Column("scorer_version", Text),
    Column("first_seq", Integer, nullable=False),
    Column("final_seq", Integer, nullable=False),
    *times(),
    Index("ix_turn_paid_line", "user_id", "created_at", postgresql_where=text("xp > 0 OR coins > 0 OR gems > 0")),
)

session_event = Table(
    "session_event",
    metadata,
    user_key(),
    Column("session_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    *times(),
)

finalization = Table(
    "finalization",
    metadata,
    user_key(),
    Column("session_id", Uuid, primary_key=True),
    Column("user_seq", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("end_reason_code", Text, nullable=False),
    Column("turn_count", Integer, nullable=False),
    Column("turn_xp", Integer, nullable=False),
    Column("local_date", Date, nullable=False),
    of_session(),
    *times(),
    UniqueConstraint("user_id", "user_seq"),
    Index(None, "user_id", "local_date"),
    Index(None, "created_at"),
)

gate_result = Table(
    "gate_result",
    metadata,
    user_key(),
    Column("session_id", Uuid, primary_key=True),
    Column("gate_key", Text, primary_key=True),
    Column("position", SmallInteger, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("context", JSONB, nullable=False),
    of_session(),
    *times(),
)

mood_timeline = Table(
    "mood_timeline",
    metadata,
    user_key(),
    Column("id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("arc", Text, nullable=False),
    Column("snapshots", JSONB, nullable=False),
    of_session(),
    *times(),
    UniqueConstraint("user_id", "session_id"),
)

# All in hundredths, in the order of the six traits. ``long_term`` is null while no session has counted.
trait_history = Table(
    "trait_history",
    metadata,
    user_key(),
    Column("id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("user_seq", BigInteger, nullable=False),
    Column("counts", Boolean, nullable=False),
    Column("snapshot", ARRAY(Integer)),
    Column("long_term_before", ARRAY(Integer)),
    Column("long_term", ARRAY(Integer)),
    of_session(),
    *times(),
    UniqueConstraint("user_id", "session_id"),
    Index(None, "user_id", "user_seq"),
)

session_summary = Table(
    "session_summary",
    metadata,
    user_key(),
    Column("session_id", Uuid, primary_key=True),
    Column("body", Text, CheckConstraint("octet_length(body) <= 131072", name="body_is_bounded"), nullable=False),
    of_session(),
    *times(),
    Index(None, "updated_at"),
)

# ``serial`` is drawn before commit: readers follow the transactions' ids (``storage.finalization.outbox_after``).
outbox = Table(
    "outbox",
    metadata,
    user_key(),
    Column("serial", BigInteger, Identity(always=True), primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("transaction_id", Xid8(), server_default=text("pg_current_xact_id()"), nullable=False),
    of_session(),
    *times(),
    Index(None, "transaction_id"),
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    user_key(),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("response", Text, nullable=False),
    of_user(),
    *times(),
    Index(None, "created_at"),
)
