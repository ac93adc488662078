"""The wallet and its ledger."""

import pytest

from storage.database import Database
from storage.wallet import Entry, book, lock
from tests.reads.conftest import Api
from tests.reads.rows import User


async def pay(database: Database, user: User, source: str, xp: int, coins: int, gems: int = 0) -> None:
    async with database.transaction() as connection:
        before = await lock(connection, user.id)
        amounts = (("XP", xp), ("COINS", coins), ("GEMS", gems))
        entries = [
            Entry(source_kind="SESSION", source_id=source, kind="SESSION_REWARD", currency=c, amount=a)  # type: ignore[arg-type]
            for c, a in amounts
        ]
        await book(connection, user.id, before, entries)


async def test_a_new_wallet_is_empty(api: Api, adult: User) -> None:
    assert (await api.get("/wallet/me", adult)).json() == {
        "xp": 0,
        "lifetimeXp": 0,
        "level": 1,
        "xpIntoLevel": 0,
        "xpForNextLevel": 100,
        "coins": 0,
        "gems": 0,
    }
    assert (await api.get("/wallet/ledger", adult)).json() == {"items": [], "nextCursor": None}


async def test_the_wallet_is_the_ledgers_sum(api: Api, database: Database, adult: User, minor: User) -> None:
    for n in range(1, 8):
        await pay(database, adult, f"s{n}", xp=50 * n, coins=n % 3, gems=n // 6)
    await pay(database, minor, "other", xp=999, coins=999)
    wallet = (await api.get("/wallet/me", adult)).json()
    # 50 (1 + ... + 7) = 1400 XP: level 5 begins at 1000, level 6 at 1500.
    assert wallet == {
        "xp": 1400,
        "lifetimeXp": 1400,
        "level": 5,
        "xpIntoLevel": 400,
        "xpForNextLevel": 500,
        "coins": 1 + 2 + 1 + 2 + 1,
        "gems": 2,
    }
    entries = await api.items("/wallet/ledger", adult, limit=100)
    for currency, held in (("XP", "xp"), ("COINS", "coins"), ("GEMS", "gems")):
        mine = [entry for entry in entries if entry["currency"] == currency]
        assert sum(entry["amount"] for entry in mine) == wallet[held]
        assert mine[0]["balanceAfter"] == wallet[held]
    first = entries[-1]
    assert (first["sourceKind"], first["sourceId"], first["kind"]) == ("SESSION", "s1", "SESSION_REWARD")


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
async def test_every_page_size_shows_the_same_entries(api: Api, database: Database, adult: User, limit: int) -> None:
    for n in range(4):
        await pay(database, adult, f"s{n}", xp=10, coins=2)  # two entries of one moment
    paged = await api.items("/wallet/ledger", adult, limit=limit)
    assert paged == await api.items("/wallet/ledger", adult)
    assert [entry["sourceId"] for entry in paged] == ["s3", "s3", "s2", "s2", "s1", "s1", "s0", "s0"]
    assert [entry["at"] for entry in paged] == sorted((entry["at"] for entry in paged), reverse=True)


@pytest.mark.parametrize(
    ("query", "param"),
    [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"limit": "x"}, "limit"), ({"cursor": "x"}, "cursor")],
)
async def test_bad_pages_are_refused(api: Api, adult: User, query: dict[str, object], param: str) -> None:
    answer = await api.get("/wallet/ledger", adult, **query)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "invalid_event", param)


async def test_the_wallet_is_its_owners_alone(api: Api) -> None:
    answer = await api.get("/wallet/me", None)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
