"""The wallet service's store: the only writer of ``user_wallet`` and ``wallet_ledger``.

The ledger is append-only and a wallet is its sum. Every payment names its source, and the unique key over user,
source, kind and currency makes a second payment of the same thing an error that rolls its transaction back.
"""

from typing import Any, Literal
from uuid import UUID

import msgspec
import uuid_utils.compat
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import execute, row, sql
from storage.errors import LedgerConflict, NotFound

Currency = Literal["XP", "COINS", "GEMS"]


class Balance(msgspec.Struct, frozen=True):
    xp: int
    coins: int
    gems: int

    def of(self, currency: Currency) -> int:
        return {"XP": self.xp, "COINS": self.coins, "GEMS": self.gems}[currency]


SourceKind = Literal["SESSION", "TEMPLATE", "BADGE", "POWERUP", "CORRECTION"]
Kind = Literal["SESSION_REWARD", "MISSION_BONUS", "BADGE_TIER", "POWERUP_SPEND", "CORRECTION"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One movement. ``source_id`` names what is paid for; zero amounts are not booked."""

    source_kind: SourceKind
    source_id: str
    kind: Kind
    currency: Currency
    amount: int


def entries(source_kind: SourceKind, source_id: str, kind: Kind, xp: int, coins: int, gems: int) -> list[Entry]:
    """A payment in all three currencies."""
    amounts: tuple[tuple[Currency, int], ...] = (("XP", xp), ("COINS", coins), ("GEMS", gems))
    return [
        Entry(source_kind=source_kind, source_id=source_id, kind=kind, currency=currency, amount=amount)
        for currency, amount in amounts
    ]


async def open_wallet(connection: AsyncConnection, user_id: UUID) -> None:
    """The empty wallet of a new user."""
    await execute(connection, "INSERT INTO user_wallet (user_id) VALUES (:user_id)", user_id=user_id)


async def lock(connection: AsyncConnection, user_id: UUID) -> Balance:
    """The balance, under the wallet's lock until the transaction ends (last of the lock order)."""
    found = await row(
        connection,
        "SELECT xp, coins, gems FROM user_wallet WHERE user_id = :user_id FOR UPDATE",
        user_id=user_id,
    )
    if found is None:
        raise NotFound(f"wallet of {user_id}")
    return Balance(**found)


async def was_paid(connection: AsyncConnection, user_id: UUID, kind: str, source_id: str) -> bool:
    """Whether the ledger has this payment already (ask under the lock of ``user_stats``)."""
    found = await row(
        connection,
        """SELECT EXISTS (SELECT 1 FROM wallet_ledger
               WHERE user_id = :user_id AND kind = :kind AND source_id = :source_id) AS paid""",
        user_id=user_id,
        kind=kind,
        source_id=source_id,
    )
    return bool(found and found["paid"])


async def book(connection: AsyncConnection, user_id: UUID, before: Balance, booked: list[Entry]) -> Balance:
    """Append the entries and move the wallet by the sum that the ledger took; the balance after.

    ``before`` is what ``lock`` gave. Raises ``LedgerConflict`` when one of them was booked before.
    """
    moved = [entry for entry in booked if entry.amount != 0]
    if not moved:
        return before
    try:
        result = await connection.execute(
            sql(
                """WITH booked AS (
                    INSERT INTO wallet_ledger (user_id, id, source_kind, source_id, kind, currency, amount,
                        balance_after)
                    SELECT :user_id, e.* FROM unnest(CAST(:ids AS uuid[]), CAST(:source_kinds AS text[]),
                        CAST(:source_ids AS text[]), CAST(:kinds AS text[]), CAST(:currencies AS text[]),
                        CAST(:amounts AS bigint[]), CAST(:after AS bigint[])) AS e
                    RETURNING currency, amount
                )
                UPDATE user_wallet SET
                    xp = xp + coalesce((SELECT sum(amount) FROM booked WHERE currency = 'XP'), 0),
                    coins = coins + coalesce((SELECT sum(amount) FROM booked WHERE currency = 'COINS'), 0),
                    gems = gems + coalesce((SELECT sum(amount) FROM booked WHERE currency = 'GEMS'), 0),
                    updated_at = now()
                WHERE user_id = :user_id RETURNING xp, coins, gems"""
            ),
            _columns(user_id, before, moved),
        )
    except IntegrityError as error:
        raise LedgerConflict(str(error.orig)) from None
    return Balance(*result.one())


def _columns(user_id: UUID, before: Balance, moved: list[Entry]) -> dict[str, Any]:
    """The entries as arrays, each with the balance of its currency after it."""
    running = {"XP": before.xp, "COINS": before.coins, "GEMS": before.gems}
    after: list[int] = []
    for entry in moved:
        running[entry.currency] += entry.amount
        after.append(running[entry.currency])
    return {
        "user_id": user_id,
        "ids": [uuid_utils.compat.uuid7() for _ in moved],
        "source_kinds": [entry.source_kind for entry in moved],
        "source_ids": [entry.source_id for entry in moved],
        "kinds": [entry.kind for entry in moved],
        "currencies": [entry.currency for entry in moved],
        "amounts": [entry.amount for entry in moved],
        "after": after,
    }
