"""Every table, as SQLAlchemy metadata; a test compares the migrations with it.

Tables that grow with use have primary, unique and foreign keys that begin with ``user_id``, so that they can
be distributed by user. Enumerations are text with a CHECK where the database decides on them.
"""

from storage.schema import accounts, catalogue, economy, memory, operation, practice, statistics
from storage.schema.base import metadata

__all__ = ["accounts", "catalogue", "economy", "memory", "metadata", "operation", "practice", "statistics"]
