"""The only writer of ``app_user``, ``user_email``, ``refresh_token`` and ``client_secret``.

Every function that gives out or takes back a credential first locks the user's row (FOR NO KEY UPDATE: rows that
refer to the user can still be inserted). So a revocation never misses a token that is being made beside it, and two
rotations of one family follow on each other.
"""

import functools
import zoneinfo
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec
import uuid_utils.compat
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import execute, row, rows, sql
from storage.errors import EmailTaken, NotFound
from storage.statistics import open_stats
from storage.wallet import open_wallet

AgeBand = Literal["UNKNOWN", "UNDER_13", "13_15", "16_17", "ADULT"]
Tier = Literal["FREE", "PREMIUM"]
MINOR_BANDS: frozenset[AgeBand] = frozenset({"UNDER_13", "13_15", "16_17"})

DEFAULT_TIME_ZONE = "UTC"
DEFAULT_AGE_BAND: AgeBand = "UNKNOWN"

#: A learner who comes back within two months is still signed in; each rotation starts the time anew.
REFRESH_DAYS = 60
#: An answer lost on the way is asked for again within this many seconds, and is the same.
GRACE_SECONDS = 5


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account. ``email`` is None for a guest; ``session_version`` grows with every revocation."""

    id: UUID
    email: str | None
    tier: Tier
    time_zone: str
    age_band: AgeBand
    session_version: int
    analysis_enabled: bool


class Login(msgspec.Struct, frozen=True):
    user_id: UUID
    password_hash: str


class Grant(msgspec.Struct, frozen=True):
    """A refresh token that is good now, by its id, and whose it is."""

    token_id: UUID
    user: User


class ClientSecret(msgspec.Struct, frozen=True, kw_only=True):
    """Opens the one practice session ``session_id``; ``model`` None: the first connect names it.

    ``expires_at``: epoch seconds. ``expired`` (by the database's clock) matters to the first connect alone.
    ``revoked``: the account's credentials were revoked since it was made.
    """

    id: UUID
    user_id: UUID
    session_id: UUID
    model: str | None
    session_version: int
    expires_at: int
    expired: bool
    revoked: bool


def analysis_default(age_band: AgeBand) -> bool:
    """Whether sessions are joined into long-term analysis: off for a declared minor until it is asked for."""
    return age_band not in MINOR_BANDS


# --- time zones --------------------------------------------------------------------------------------------------


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


async def check_time_zone(connection: AsyncConnection, zone: str) -> bool:
    """True for an IANA name that both this process and PostgreSQL know: days are counted in both."""
    if zone not in _zones():
        return False
    try:
        async with connection.begin_nested():
            await connection.execute(sql("SELECT now() AT TIME ZONE CAST(:zone AS text)"), {"zone": zone})
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return False
    return True


# --- accounts ----------------------------------------------------------------------------------------------------

_USER = """
SELECT u.id, e.email, u.tier, u.time_zone, u.age_band, u.session_version, u.analysis_enabled
FROM app_user u LEFT JOIN user_email e ON e.user_id = u.id WHERE u.id = :id"""


async def create_user(
    connection: AsyncConnection, *, time_zone: str, age_band: AgeBand, analysis_enabled: bool
) -> UUID:
    """A new account without an address, with its empty wallet and statistics. ``time_zone`` must be checked."""
    user_id = uuid_utils.compat.uuid7()
    await execute(
        connection,
        """INSERT INTO app_user (id, tier, time_zone, age_band, analysis_enabled)
           VALUES (:id, 'FREE', :time_zone, :age_band, :analysis_enabled)""",
        id=user_id,
        time_zone=time_zone,
        age_band=age_band,
        analysis_enabled=analysis_enabled,
    )
    await open_wallet(connection, user_id)
    await open_stats(connection, user_id)
    return user_id


async def user(connection: AsyncConnection, user_id: UUID) -> User:
    """Raises ``NotFound``."""
    found = await row(connection, _USER, id=user_id)
    if found is None:
        raise NotFound(f"user {user_id}")
    return User(**found)


async def _locked(connection: AsyncConnection, user_id: UUID) -> User:
    """The account, locked until the transaction ends. Raises ``NotFound``."""
    await execute(connection, "SELECT FROM app_user WHERE id = :id FOR NO KEY UPDATE", id=user_id)
    # A statement of its own: one that waited for the lock still sees the addresses as they were before the wait.
    return await user(connection, user_id)


async def add_email(connection: AsyncConnection, user_id: UUID, email: str, password_hash: str) -> None:
    """Give the account its address, which must be normalised. Raises ``EmailTaken``; then roll back."""
    added = await execute(
        connection,
        """INSERT INTO user_email (email, user_id, password_hash) VALUES (:email, :user_id, :password_hash)
           ON CONFLICT (email) DO NOTHING""",
        email=email,
        user_id=user_id,
        password_hash=password_hash,
    )
    if not added:
        raise EmailTaken(email)


async def claim(
    connection: AsyncConnection, user_id: UUID, session_version: int, email: str, password_hash: str
) -> bool:
    """Give a guest an address; False if the account has one already.

    Raises ``EmailTaken``, and ``NotFound`` if the account's tokens were revoked since ``session_version``.
    """
    account = await _locked(connection, user_id)
    if account.session_version != session_version:
        raise NotFound(f"user {user_id} at version {session_version}")
    if account.email is not None:
        return False
    await add_email(connection, user_id, email, password_hash)
    return True


async def find_login(connection: AsyncConnection, email: str) -> Login | None:
    found = await row(connection, "SELECT user_id, password_hash FROM user_email WHERE email = :email", email=email)
    return None if found is None else Login(**found)


async def note_device(
    connection: AsyncConnection, user_id: UUID, *, time_zone: str | None, age_band: AgeBand | None
) -> None:
    """Take over what a log-in says: the zone always (the learner may have moved), the age band only while unknown.

    A minor declared so gets the minor's default for analysis. None: nothing was said.
    """
    if time_zone is not None:
        await execute(
            connection,
            """UPDATE app_user SET time_zone = :zone, updated_at = now()
               WHERE id = :id AND time_zone <> :zone""",
            id=user_id,
            zone=time_zone,
        )
    if age_band is not None and age_band != DEFAULT_AGE_BAND:
        await execute(
            connection,
            """UPDATE app_user SET age_band = :age_band, updated_at = now(),
                   analysis_enabled = analysis_enabled AND :analysis
               WHERE id = :id AND age_band = 'UNKNOWN'""",
            id=user_id,
            age_band=age_band,
            analysis=analysis_default(age_band),
        )


async def versions(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The session version of each account that exists: below a credential's own never, above it when revoked."""
    found = await rows(
        connection,
        "SELECT id, session_version FROM app_user WHERE id = ANY(CAST(:ids AS uuid[]))",
        ids=list(ids),
    )
    return {entry["id"]: entry["session_version"] for entry in found}


# --- refresh tokens ----------------------------------------------------------------------------------------------


async def _insert_token(connection: AsyncConnection, user_id: UUID, family_id: UUID | None) -> UUID:
    """A new token at the head of ``family_id``, or of a family of its own; the user's expired ones go."""
    token_id = uuid_utils.compat.uuid7()
    await execute(
        connection,
        "DELETE FROM refresh_token WHERE user_id = :user_id AND expires_at < now()",
        user_id=user_id,
    )
    await execute(
        connection,
        """INSERT INTO refresh_token (user_id, id, family_id, expires_at)
           VALUES (:user_id, :id, :family_id, now() + make_interval(days => :days))""",
        user_id=user_id,
        id=token_id,
        family_id=family_id or token_id,
        days=REFRESH_DAYS,
    )
    return token_id


async def sign_in(connection: AsyncConnection, user_id: UUID) -> Grant:
    """The first refresh token of a new family. Raises ``NotFound``."""
    account = await _locked(connection, user_id)
    return Grant(await _insert_token(connection, user_id, None), account)


async def rotate(connection: AsyncConnection, user_id: UUID, token_id: UUID) -> Grant | None:
    """Exchange a refresh token for its successor; None: it is no good, commit all the same, then refuse.

    A token is exchanged once. Asked again within ``GRACE_SECONDS``, while its successor is unused, it gives the same
    successor (a lost answer, two tabs). Any other reuse means that two parties hold the family: all of it is revoked.
    """
    try:
        account = await _locked(connection, user_id)
    except NotFound:
        return None
    # The clock is read after the lock was won: now() would be the time before the wait.
    found = await row(
        connection,
        """SELECT t.family_id, t.successor_id,
                  t.revoked_at IS NOT NULL OR t.expires_at <= clock_timestamp() AS over,
                  coalesce(clock_timestamp() - t.used_at <= make_interval(secs => :grace)
                           AND s.used_at IS NULL AND s.revoked_at IS NULL, false) AS graced
           FROM refresh_token t
           LEFT JOIN refresh_token s ON s.user_id = t.user_id AND s.id = t.successor_id
           WHERE t.user_id = :user_id AND t.id = :id""",
        user_id=user_id,
        id=token_id,
        grace=GRACE_SECONDS,
    )
    if found is None or found["over"]:
        return None
    if found["successor_id"] is None:
        return Grant(await _succeed(connection, user_id, token_id, found["family_id"]), account)
    if found["graced"]:
        return Grant(found["successor_id"], account)
    await _revoke_family(connection, user_id, found["family_id"])
    return None


async def _succeed(connection: AsyncConnection, user_id: UUID, token_id: UUID, family_id: UUID) -> UUID:
    successor = await _insert_token(connection, user_id, family_id)
    await execute(
        connection,
        """UPDATE refresh_token SET used_at = clock_timestamp(), successor_id = :successor, updated_at = now()
           WHERE user_id = :user_id AND id = :id""",
        user_id=user_id,
        id=token_id,
        successor=successor,
    )
    return successor


async def _revoke_family(connection: AsyncConnection, user_id: UUID, family_id: UUID) -> None:
    await execute(
        connection,
        """UPDATE refresh_token SET revoked_at = now(), updated_at = now()
           WHERE user_id = :user_id AND family_id = :family_id AND revoked_at IS NULL""",
        user_id=user_id,
        family_id=family_id,
    )


async def log_out(connection: AsyncConnection, user_id: UUID, token_id: UUID) -> None:
    """Revoke the family that the token belongs to; nothing happens if it is unknown or revoked already."""
    try:
        await _locked(connection, user_id)
    except NotFound:
        return
    found = await row(
        connection,
        "SELECT family_id FROM refresh_token WHERE user_id = :user_id AND id = :id",
        user_id=user_id,
        id=token_id,
    )
    if found is not None:
        await _revoke_family(connection, user_id, found["family_id"])


async def revoke_all(connection: AsyncConnection, user_id: UUID) -> int:
    """End every credential of the account; the new session version. Raises ``NotFound``."""
    account = await _locked(connection, user_id)
    version = account.session_version + 1
    await execute(
        connection,
        "UPDATE app_user SET session_version = :version, updated_at = now() WHERE id = :id",
        id=user_id,
        version=version,
    )
    await execute(
        connection,
        """UPDATE refresh_token SET revoked_at = now(), updated_at = now()
           WHERE user_id = :user_id AND revoked_at IS NULL""",
        user_id=user_id,
    )
    return version


# --- client secrets ----------------------------------------------------------------------------------------------

_FIND = """
SELECT s.id, s.user_id, s.session_id, s.model, s.session_version,
       CAST(floor(extract(epoch FROM s.expires_at)) AS bigint) AS expires_at,
       s.expires_at <= clock_timestamp() AS expired, s.session_version <> u.session_version AS revoked
FROM client_secret s JOIN app_user u ON u.id = s.user_id WHERE s.user_id = :user_id AND s.id = :id"""


async def create_client_secret(
    connection: AsyncConnection, user_id: UUID, *, session_version: int, model: str | None, seconds: int
) -> ClientSecret:
    """A secret for one session to come, good for ``seconds`` from now. Raises ``NotFound``.

    ``session_version`` is that of the credential that asked: one revoked meanwhile makes a revoked secret.
    """
    secret_id = uuid_utils.compat.uuid7()
    made = await execute(
        connection,
        """INSERT INTO client_secret (user_id, id, session_id, model, session_version, expires_at)
           SELECT id, :id, :session_id, :model, :session_version, now() + make_interval(secs => :seconds)
           FROM app_user WHERE id = :user_id""",
        user_id=user_id,
        id=secret_id,
        session_id=uuid_utils.compat.uuid7(),
        model=model,
        session_version=session_version,
        seconds=seconds,
    )
    found = await find_client_secret(connection, user_id, secret_id) if made else None
    if found is None:
        raise NotFound(f"user {user_id}")
    return found


async def find_client_secret(connection: AsyncConnection, user_id: UUID, secret_id: UUID) -> ClientSecret | None:
    """The secret, also an expired or revoked one: what that means depends on whether its session began."""
    found = await row(connection, _FIND, user_id=user_id, id=secret_id)
    return None if found is None else ClientSecret(**found)
