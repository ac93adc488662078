"""The socket's door: origin and credential. No credential travels in the query string, where logs would keep it."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from realtime.delivery import Connection
from realtime.errors import AppError
from realtime.opening import Learner
from server.auth.principal import bearer
from server.services import Services
from storage import accounts
from storage.accounts import MINOR_BANDS, ClientSecret, User
from storage.errors import NotFound

KEY_SUBPROTOCOL = "openai-insecure-api-key."


class Admission(msgspec.Struct, frozen=True):
    """Who came in. ``secret``: the client secret used; else an access token that ends at ``expires_at``."""

    user: User
    secret: ClientSecret | None
    expires_at: int | None

    @property
    def learner(self) -> Learner:
        return learner_of(self.user)

    def mark(self, connection: Connection) -> None:
        """Let the socket end with what opened it."""
        connection.session_version = self.user.session_version
        if self.expires_at is not None:
            expire_at(connection, self.expires_at)


def learner_of(user: User) -> Learner:
    return Learner(
        user_id=user.id,
        time_zone=user.time_zone,
        minor=user.age_band in MINOR_BANDS,
        adult=user.age_band == "ADULT",
    )


def expire_at(connection: Connection, epoch: int) -> None:
    """The socket's access token ends at ``epoch`` seconds; counted on the monotonic clock from here on."""
    connection.token_expires_epoch = epoch
    connection.token_expires_at = time.monotonic() + (epoch - time.time())
    connection.token_warned = False


def check_origin(scope: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """Raises ``origin_not_allowed``. No Origin: no browser. Else the host itself or one of ``allowed``, exactly."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or origin in allowed:
        return
    try:
        parts = urlsplit(origin)
    except ValueError:  # "http://[": no address at all
        raise AppError("origin_not_allowed") from None
    secure = scope["scheme"] in ("wss", "https")
    own = headers.get(b"host", b"").decode("latin-1")
    if parts.netloc != own or parts.scheme != ("https" if secure else "http"):
        raise AppError("origin_not_allowed")


async def admit(services: Services, authorization: str | None, subprotocols: list[str]) -> Admission:
    """Raises ``token_invalid``. A browser, which can't set headers, gives its secret as a subprotocol."""
    credential = next((p[len(KEY_SUBPROTOCOL) :] for p in subprotocols if p.startswith(KEY_SUBPROTOCOL)), None)
    if authorization is not None:
        credential = bearer(authorization)
    if credential is None:
        raise AppError("token_invalid", "A credential is needed: Authorization: Bearer ...")
    if credential.startswith("ek_"):
        return await _by_secret(services, credential)
    return await by_token(services, credential)


async def by_token(services: Services, token: str) -> Admission:
    claims = services.tokens.read_access(token)
    user = await _user(services, claims.user_id)
    if user.session_version != claims.session_version:
        raise AppError("token_invalid", "The access token was revoked.")
    return Admission(user, None, claims.expires_at)


async def _by_secret(services: Services, credential: str) -> Admission:
    user_id, secret_id = services.tokens.read_client_secret(credential)
    async with services.database.read() as connection:
        secret = await accounts.find_client_secret(connection, user_id, secret_id)
    if secret is None or secret.revoked:
        raise AppError("token_invalid", "The client secret was revoked.")
    return Admission(await _user(services, user_id), secret, None)


async def _user(services: Services, user_id: UUID) -> User:
    try:
        async with services.database.read() as connection:
            return await accounts.user(connection, user_id)
    except NotFound:
        raise AppError("token_invalid") from None
