"""The store in memory, as one object."""

from typing import Any
from uuid import UUID

from storage.store import Store
from tests.simulation.base import Base, Transaction
from tests.simulation.batch import Append
from tests.simulation.books import EMPTY_STATS, Accounts, Finalization, Road, Standing, Statistics, Wallet
from tests.simulation.reads import Heads, Memory, Transcripts
from tests.simulation.sessions import Sessions
from tests.simulation.wire import MemoryDatabase


def memory_store(database: MemoryDatabase, **instead: Any) -> Store:
    """``instead``: families in the place of the sound ones."""
    families: dict[str, Any] = {
        "heads": Heads(),
        "transcripts": Transcripts(),
        "sessions": Sessions(),
        "finalization": Finalization(),
        "statistics": Statistics(),
        "wallet": Wallet(),
        "memory": Memory(),
        "standing": Standing(),
        "road": Road(),
        "accounts": Accounts(),
        "append": Append(),
    }
    return Store(database=database, **{**families, **instead})


def add_user(base: Base, user_id: UUID, *, time_zone: str = "UTC") -> None:
    """A new user with an empty wallet and empty statistics."""
    transaction = Transaction(base)
    user = {"time_zone": time_zone, "age_band": "ADULT", "analysis_enabled": True, "session_version": 0}
    transaction.insert("app_user", user_id, user)
    transaction.insert("user_stats", user_id, EMPTY_STATS)
    transaction.insert("user_wallet", user_id, {"xp": 0, "coins": 0, "gems": 0})
    base.commit(transaction)
