"""Reads of the wallet and its ledger."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import row, rows
from storage.errors import NotFound
from storage.wallet import Currency


class Balances(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet as it stands. XP is never spent, so ``xp`` is the lifetime XP too."""

    xp: int
    coins: int
    gems: int


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. ``amount`` is never zero; ``balance_after`` is the wallet's in that currency, the entry included."""

    id: UUID
    at: datetime
    source_kind: str
    source_id: str
    kind: str
    currency: Currency
    amount: int
    balance_after: int


async def balances(connection: AsyncConnection, user_id: UUID) -> Balances:
    """The user's wallet. Raises ``NotFound`` when the user has none, which is a user that does not exist."""
    found = await row(connection, "SELECT xp, coins, gems FROM user_wallet WHERE user_id = :user_id", user_id=user_id)
    if found is None:
        raise NotFound(f"wallet of {user_id}")
    return Balances(**found)


async def ledger(
    connection: AsyncConnection, user_id: UUID, *, count: int, before: tuple[datetime, UUID] | None
) -> list[LedgerRow]:
    """At most ``count`` entries, newest first: those older than ``before`` (an entry's time and id), or the
    newest. Entries of one moment, which one transaction wrote, stand in the descending order of their ids."""
    older = "" if before is None else "AND (created_at, id) < (:at, :id)"
    bounds = {} if before is None else {"at": before[0], "id": before[1]}
    found = await rows(
        connection,
        f"""SELECT id, created_at AS at, source_kind, source_id, kind, currency, amount, balance_after
            FROM wallet_ledger WHERE user_id = :user_id {older}
            ORDER BY created_at DESC, id DESC LIMIT :count""",
        user_id=user_id,
        count=count,
        **bounds,
    )
    return [LedgerRow(**entry) for entry in found]
