"""What the processes of one database tell each other of their upkeep. Written by ``storage.reconciler`` alone."""

from sqlalchemy import CheckConstraint, Column, SmallInteger, Table, Text

from storage.schema.base import Timestamp, metadata, times

# One row. ``claimed_at``: when a process last took a run on itself. ``covered_until``: everything that changed before
# was found right, or is named in ``violations``, a JSON array; null before the first run.
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="is_the_only_one"), primary_key=True),
    Column("claimed_at", Timestamp, nullable=False),
    Column("covered_until", Timestamp),
    Column("violations", Text, nullable=False, server_default="[]"),
    *times(),
)
