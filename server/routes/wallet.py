"""``/wallet``: what a user has, and each movement that made it so."""

from litestar import Controller, get
from litestar.di import NamedDependency

from realtime.core.levels import level_progress
from realtime.core.times import iso
from realtime.domain import Json
from server.auth.principal import BEARER, Principal
from server.paging import PAGED_LIST, Instant, Listing, Moment, Page, listing
from server.problems import failures
from server.services import Services
from storage.reads import wallet as reads
from storage.reads.wallet import LedgerRow
from storage.wallet import Currency


class WalletView(Json):
    """``xp`` is the lifetime XP: it is never spent. ``xp_into_level`` of ``xp_for_next_level`` is gained."""

    xp: int
    lifetime_xp: int
    level: int
    xp_into_level: int
    xp_for_next_level: int
    coins: int
    gems: int


class LedgerEntry(Json):
    """One movement: ``source_id`` names what it was paid for, ``balance_after`` is the wallet's in that currency."""

    at: Instant
    source_kind: str
    source_id: str
    kind: str
    currency: Currency
    amount: int
    balance_after: int


class LedgerPlace(Moment, frozen=True, tag="ledger"):
    pass


def _shown(entry: LedgerRow) -> LedgerEntry:
    return LedgerEntry(
        at=iso(entry.at),
        source_kind=entry.source_kind,
        source_id=entry.source_id,
        kind=entry.kind,
        currency=entry.currency,
        amount=entry.amount,
        balance_after=entry.balance_after,
    )


class WalletController(Controller):
    path = "/v1/wallet"
    tags = ("wallet",)
    dependencies = PAGED_LIST
    security = BEARER

    @get("/me", summary="The wallet and the level", responses=failures("token_invalid"))
    async def wallet_me(
        self, principal: NamedDependency[Principal], services: NamedDependency[Services]
    ) -> WalletView:
        async with services.database.read() as connection:
            held = await reads.balances(connection, principal.user_id)
        level = level_progress(held.xp)
        return WalletView(
            xp=held.xp,
            lifetime_xp=held.xp,
            level=level.level,
            xp_into_level=level.xp_into_level,
            xp_for_next_level=level.xp_for_next_level,
            coins=held.coins,
            gems=held.gems,
        )

    @get(
        "/ledger",
        summary="Every movement of the wallet, newest first",
        responses=failures("invalid_event", "token_invalid"),
    )
    async def wallet_ledger(
        self, principal: NamedDependency[Principal], services: NamedDependency[Services], page: NamedDependency[Page]
    ) -> Listing[LedgerEntry]:
        after = page.after(LedgerPlace)
        async with services.database.read() as connection:
            found = await reads.ledger(
                connection,
                principal.user_id,
                count=page.limit + 1,
                before=None if after is None else after.bounds(),
            )
        return listing(found, page.limit, _shown, lambda entry: LedgerPlace.of(entry.at, entry.id))
