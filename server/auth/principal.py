"""Who asks: an access token, checked against the account's present session version."""

import time
from collections import OrderedDict
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import SecurityScheme

from realtime.errors import AppError
from server.services import Services
from storage import accounts
from storage.accounts import MINOR_BANDS, AgeBand, Tier, User
from storage.errors import NotFound

#: ``security`` of a route that needs an access token, and the scheme that it names (for OpenAPI's components).
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
BEARER_SCHEME = {
    "bearer": SecurityScheme(
        type="http", scheme="bearer", bearer_format="JWT", description="An access token of `/v1/auth`."
    )
}

CACHE_SECONDS = 2.0  # a revocation by another process is seen after this at the latest; 5 s are promised
CACHE_USERS = 10_000  # some 500 bytes each

LONGEST_HEADER = 2_000  # characters


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """``expires_at``: of the access token, epoch seconds. Account fields may be ``CACHE_SECONDS`` old."""

    user_id: UUID
    session_version: int
    tier: Tier
    time_zone: str
    age_band: AgeBand
    analysis_enabled: bool
    expires_at: int

    @property
    def minor(self) -> bool:
        """Declared under 18. An unknown age is neither minor nor adult."""
        return self.age_band in MINOR_BANDS

    @property
    def adult(self) -> bool:
        return self.age_band == "ADULT"


class _Cache:
    """The accounts asked for last, each for ``CACHE_SECONDS``."""

    def __init__(self) -> None:
        self._known: OrderedDict[UUID, tuple[float, User]] = OrderedDict()

    def get(self, user_id: UUID) -> User | None:
        read_at, user = self._known.get(user_id, (0.0, None))
        return user if user is not None and time.monotonic() - read_at < CACHE_SECONDS else None

    def put(self, user: User, read_at: float) -> None:
        """``read_at``: the time before the account was read, so that its age is never underrated."""
        self._known[user.id] = (read_at, user)
        self._known.move_to_end(user.id)
        if len(self._known) > CACHE_USERS:
            self._known.popitem(last=False)

    def drop(self, user_id: UUID) -> None:
        self._known.pop(user_id, None)


_cache = _Cache()  # one per process, for whatever database: ids are unique


def forget(user_id: UUID) -> None:
    """Read the account anew next time: it was changed by this process."""
    _cache.drop(user_id)


def bearer(header: str | None) -> str:
    """The credential in an Authorization header. Raises ``AppError("token_invalid")`` if there is none."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or len(token) > LONGEST_HEADER:
        raise AppError("token_invalid", "An access token is needed: Authorization: Bearer ...")
    return token.strip()


async def principal(services: Services, header: str | None) -> Principal:
    """Raises ``AppError("token_invalid")`` for anything but a good access token of an account's present version."""
    claims = services.tokens.read_access(bearer(header))
    account = await _account(services, claims.user_id)
    if account.session_version != claims.session_version:
        raise AppError("token_invalid", "The access token was revoked.")
    return Principal(
        user_id=account.id,
        session_version=account.session_version,
        tier=account.tier,
        time_zone=account.time_zone,
        age_band=account.age_band,
        analysis_enabled=account.analysis_enabled,
        expires_at=claims.expires_at,
    )


async def _account(services: Services, user_id: UUID) -> User:
    known = _cache.get(user_id)
    if known is not None:
        return known
    read_at = time.monotonic()
    try:
        async with services.database.read() as connection:
            found = await accounts.user(connection, user_id)
    except NotFound as error:
        raise AppError("token_invalid") from error
    _cache.put(found, read_at)
    return found


async def provide_principal(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Principal:
    """For Litestar: the dependency ``principal`` of every route that needs an account."""
    return await principal(services, request.headers.get("authorization"))


#: ``dependencies`` of a controller whose routes need an account.
SIGNED_IN = {"principal": Provide(provide_principal)}
