"""Accounts in PostgreSQL: what is locked, what is revoked, and what happens at once."""

import asyncio
import uuid
from uuid import UUID

import pytest

from storage import accounts
from storage.accounts import Grant, User
from storage.database import Database, execute, row
from storage.errors import EmailTaken, NotFound


async def guest(database: Database) -> UUID:
    async with database.transaction() as connection:
        return await accounts.create_user(connection, time_zone="UTC", age_band="UNKNOWN", analysis_enabled=True)


async def sign_in(database: Database, user_id: UUID) -> UUID:
    async with database.transaction() as connection:
        return (await accounts.sign_in(connection, user_id)).token_id


async def rotate(database: Database, user_id: UUID, token_id: UUID) -> Grant | None:
    async with database.transaction() as connection:
        return await accounts.rotate(connection, user_id, token_id)


async def rotated(database: Database, user_id: UUID, token_id: UUID) -> UUID:
    grant = await rotate(database, user_id, token_id)
    assert grant is not None
    return grant.token_id


async def age(database: Database, user_id: UUID, seconds: int) -> None:
    """Let the use of every token of the user lie this much further back."""
    async with database.transaction() as connection:
        await execute(
            connection,
            "UPDATE refresh_token SET used_at = used_at - make_interval(secs => :seconds) WHERE user_id = :user_id",
            seconds=seconds,
            user_id=user_id,
        )


async def live_tokens(database: Database, user_id: UUID) -> int:
    async with database.read() as connection:
        found = await row(
            connection,
            """SELECT count(*) AS n FROM refresh_token
               WHERE user_id = :user_id AND revoked_at IS NULL AND used_at IS NULL""",
            user_id=user_id,
        )
    assert found is not None
    return int(found["n"])


async def test_an_account_begins_with_its_wallet_and_statistics(database: Database) -> None:
    user_id = await guest(database)
    async with database.read() as connection:
        made = await accounts.user(connection, user_id)
        wallet = await row(connection, "SELECT xp, coins, gems FROM user_wallet WHERE user_id = :id", id=user_id)
        stats = await row(connection, "SELECT success_count FROM user_stats WHERE user_id = :id", id=user_id)
    assert user_id.version == 7
    assert made == User(
        id=user_id,
        email=None,
        tier="FREE",
        time_zone="UTC",
        age_band="UNKNOWN",
        session_version=1,
        analysis_enabled=True,
    )
    assert wallet == {"xp": 0, "coins": 0, "gems": 0}
    assert stats == {"success_count": 0}


async def test_analysis_is_off_for_declared_minors_alone() -> None:
    on = {"UNKNOWN": True, "UNDER_13": False, "13_15": False, "16_17": False, "ADULT": True}
    assert {band: accounts.analysis_default(band) for band in on} == on  # type: ignore[arg-type]


async def test_an_unknown_account_is_not_found(database: Database) -> None:
    nobody = uuid.uuid4()
    async with database.transaction() as connection:
        with pytest.raises(NotFound):
            await accounts.user(connection, nobody)
        with pytest.raises(NotFound):
            await accounts.sign_in(connection, nobody)
        with pytest.raises(NotFound):
            await accounts.revoke_all(connection, nobody)
        with pytest.raises(NotFound):
            await accounts.create_client_secret(connection, nobody, session_version=1, model=None, seconds=60)
        assert await accounts.rotate(connection, nobody, nobody) is None
        await accounts.log_out(connection, nobody, nobody)


async def test_a_zone_must_be_known_here_and_to_postgres(database: Database) -> None:
    async with database.transaction() as connection:
        for zone in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Jerusalem"):
            assert await accounts.check_time_zone(connection, zone), zone
        for zone in ("", "Mars/Base", "europe/berlin", "EST5EDT4,M3.2.0", "../etc/passwd", "America", "+02", "x\0"):
            assert not await accounts.check_time_zone(connection, zone), zone


async def test_a_zone_that_postgres_lacks_leaves_the_transaction_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "_zones", lambda: frozenset({"Mars/Base"}))
    async with database.transaction() as connection:
        assert not await accounts.check_time_zone(connection, "Mars/Base")
        assert await row(connection, "SELECT 1 AS one") == {"one": 1}


async def test_an_address_belongs_to_one_account(database: Database) -> None:
    first, second = await guest(database), await guest(database)
    async with database.transaction() as connection:
        await accounts.add_email(connection, first, "one@example.org", "hash")
    with pytest.raises(EmailTaken):
        async with database.transaction() as connection:
            await accounts.add_email(connection, second, "one@example.org", "other")
    async with database.read() as connection:
        found = await accounts.find_login(connection, "one@example.org")
        assert found is not None
        assert (found.user_id, found.password_hash) == (first, "hash")
        assert await accounts.find_login(connection, "two@example.org") is None


async def test_of_ten_claims_at_once_one_is_kept(database: Database) -> None:
    user_id = await guest(database)

    async def claim(number: int) -> bool:
        async with database.transaction() as connection:
            return await accounts.claim(connection, user_id, 1, f"claim{number}@example.org", "hash")

    assert sorted(await asyncio.gather(*(claim(n) for n in range(10)))) == [False] * 9 + [True]


async def test_of_ten_accounts_that_want_one_address_one_gets_it(database: Database) -> None:
    users = [await guest(database) for _ in range(10)]

    async def claim(user_id: UUID) -> bool:
        async with database.transaction() as connection:
            return await accounts.claim(connection, user_id, 1, "wanted@example.org", "hash")

    outcomes = await asyncio.gather(*(claim(user_id) for user_id in users), return_exceptions=True)
    assert outcomes.count(True) == 1
    assert sum(isinstance(outcome, EmailTaken) for outcome in outcomes) == 9


async def test_a_claim_by_a_revoked_token_is_refused(database: Database) -> None:
    user_id = await guest(database)
    async with database.transaction() as connection:
        await accounts.revoke_all(connection, user_id)
    with pytest.raises(NotFound):
        async with database.transaction() as connection:
            await accounts.claim(connection, user_id, 1, "late@example.org", "hash")


async def test_a_log_in_moves_the_zone_and_fills_an_unknown_age(database: Database) -> None:
    user_id = await guest(database)
    async with database.transaction() as connection:
        await accounts.note_device(connection, user_id, time_zone=None, age_band="UNKNOWN")
        assert (await accounts.user(connection, user_id)).time_zone == "UTC"
        await accounts.note_device(connection, user_id, time_zone="Europe/Berlin", age_band="13_15")
        known = await accounts.user(connection, user_id)
        assert (known.time_zone, known.age_band, known.analysis_enabled) == ("Europe/Berlin", "13_15", False)
        await accounts.note_device(connection, user_id, time_zone=None, age_band="ADULT")
        assert await accounts.user(connection, user_id) == known


async def test_a_chain_of_rotations(database: Database) -> None:
    user_id = await guest(database)
    token = await sign_in(database, user_id)
    seen = {token}
    for _ in range(5):
        token = await rotated(database, user_id, token)
        seen.add(token)
    assert len(seen) == 6
    assert await live_tokens(database, user_id) == 1


async def test_the_predecessor_gets_the_same_successor_for_five_seconds(database: Database) -> None:
    user_id = await guest(database)
    first = await sign_in(database, user_id)
    second = await rotated(database, user_id, first)
    await age(database, user_id, 4)
    assert await rotated(database, user_id, first) == second
    await age(database, user_id, 2)
    assert await rotate(database, user_id, first) is None
    assert await rotate(database, user_id, second) is None, "the family is revoked"


async def test_a_token_before_the_predecessor_has_no_grace(database: Database) -> None:
    user_id = await guest(database)
    first = await sign_in(database, user_id)
    second = await rotated(database, user_id, first)
    third = await rotated(database, user_id, second)
    assert await rotate(database, user_id, first) is None
    assert await rotate(database, user_id, second) is None
    assert await rotate(database, user_id, third) is None


async def test_reuse_leaves_other_sign_ins_alone(database: Database) -> None:
    user_id = await guest(database)
    stolen, other = await sign_in(database, user_id), await sign_in(database, user_id)
    await rotated(database, user_id, stolen)
    await age(database, user_id, 10)
    assert await rotate(database, user_id, stolen) is None
    assert await rotate(database, user_id, other) is not None


async def test_a_token_of_another_user_is_unknown(database: Database) -> None:
    user_id, other = await guest(database), await guest(database)
    token = await sign_in(database, user_id)
    assert await rotate(database, other, token) is None
    assert await rotate(database, user_id, token) is not None


async def test_an_expired_token_is_refused_and_swept(database: Database) -> None:
    user_id = await guest(database)
    token = await sign_in(database, user_id)
    async with database.transaction() as connection:
        await execute(
            connection, "UPDATE refresh_token SET expires_at = now() - interval '1 s' WHERE id = :id", id=token
        )
    assert await rotate(database, user_id, token) is None
    await sign_in(database, user_id)
    async with database.read() as connection:
        assert await row(connection, "SELECT id FROM refresh_token WHERE id = :id", id=token) is None


async def test_rotations_at_once_agree_on_one_successor(database: Database) -> None:
    for _ in range(10):
        user_id = await guest(database)
        token = await sign_in(database, user_id)
        successors = await asyncio.gather(*(rotated(database, user_id, token) for _ in range(6)))
        assert len(set(successors)) == 1
        assert await live_tokens(database, user_id) == 1


async def test_no_token_survives_a_theft_found_during_a_rotation(database: Database) -> None:
    for _ in range(20):
        user_id = await guest(database)
        first = await sign_in(database, user_id)
        second = await rotated(database, user_id, first)
        await age(database, user_id, 10)
        await asyncio.gather(rotate(database, user_id, second), rotate(database, user_id, first))
        assert await live_tokens(database, user_id) == 0


async def test_no_token_survives_a_revocation_beside_it(database: Database) -> None:
    async def revoke(user_id: UUID) -> None:
        async with database.transaction() as connection:
            await accounts.revoke_all(connection, user_id)

    for _ in range(20):
        user_id = await guest(database)
        token = await sign_in(database, user_id)
        await asyncio.gather(rotate(database, user_id, token), revoke(user_id))
        assert await live_tokens(database, user_id) == 0


async def test_revocation_raises_the_version_and_ends_every_sign_in(database: Database) -> None:
    user_id, other = await guest(database), await guest(database)
    tokens = [await sign_in(database, user_id) for _ in range(2)]
    async with database.transaction() as connection:
        assert await accounts.revoke_all(connection, user_id) == 2
    for token in tokens:
        assert await rotate(database, user_id, token) is None
    async with database.read() as connection:
        asked = [user_id, other, uuid.uuid4()]
        assert await accounts.versions(connection, asked) == {user_id: 2, other: 1}
        assert await accounts.versions(connection, []) == {}


async def test_a_client_secret_carries_the_session_it_will_open(database: Database) -> None:
    user_id, other = await guest(database), await guest(database)
    async with database.transaction() as connection:
        made = await accounts.create_client_secret(
            connection, user_id, session_version=1, model="template:X", seconds=60
        )
        clock = await row(connection, "SELECT extract(epoch FROM now()) AS now")
    assert clock is not None
    assert made.expires_at == int(float(clock["now"]) + 60)
    assert (made.session_id.version, made.model, made.expired, made.revoked) == (7, "template:X", False, False)
    async with database.read() as connection:
        assert await accounts.find_client_secret(connection, user_id, made.id) == made
        assert await accounts.find_client_secret(connection, other, made.id) is None


async def test_a_client_secret_shows_that_it_expired_or_was_revoked(database: Database) -> None:
    user_id = await guest(database)
    async with database.transaction() as connection:
        made = await accounts.create_client_secret(connection, user_id, session_version=1, model=None, seconds=0)
    async with database.transaction() as connection:
        await accounts.revoke_all(connection, user_id)
        found = await accounts.find_client_secret(connection, user_id, made.id)
        late = await accounts.create_client_secret(connection, user_id, session_version=1, model=None, seconds=60)
    assert found is not None
    assert (found.expired, found.revoked) == (True, True)
    assert late.revoked, "made with a credential that was revoked meanwhile"
