"""What personas know of users. Written by ``storage.memory`` alone."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.base import metadata, of_user, times, user_key

# The present. A forgotten key stays as a tombstone without value, so that its version only grows.
persona_memory = Table(
    "persona_memory",
    metadata,
    user_key(),
    Column("persona_key", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("items", JSONB, nullable=False),
    Column("previous_value", Text),
    Column("version", Integer, nullable=False),
    Column("forgotten", Boolean, nullable=False),
    of_user(),
    *times(),
    Index(None, "persona_key", "updated_at"),
)

# The append-only history: one row a write.
memory_event = Table(
    "memory_event",
    metadata,
    user_key(),
    Column("persona_key", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("session_id", Uuid),
    Column("seq", Integer),
    Column("op", Text, nullable=False),
    Column("value", Text),
    Column("previous_value", Text),
    Column("confidence", Float),
    Column("item_id", Text),
    Column("span_start", Integer),
    Column("span_end", Integer),
    Column("quote", Text),
    of_user(),
    *times(),
    Index(None, "user_id", "session_id", "seq"),
)
