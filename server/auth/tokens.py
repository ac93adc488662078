"""Credentials as text. Each kind has a key of its own, derived from the server's secret key, so that one kind never
passes for another. The opaque ones carry the user's id: they can be routed and checked before any database is asked.
"""

import base64
import hashlib
import hmac
import re
import time
from uuid import UUID

import jwt
import msgspec
import uuid_utils.compat

from realtime.errors import AppError
from storage.accounts import REFRESH_DAYS

ALGORITHM = "HS256"
TYPE = "at+jwt"  # RFC 9068: the type of a JWT that is an access token
ISSUER = "socialgym"
AUDIENCE = "socialgym.api"
REQUIRED_CLAIMS = ["sub", "ver", "iss", "aud", "exp", "iat", "jti"]
LONGEST_JWT = 1024  # ours have about 350 characters; more is not worth parsing

SIGNATURE_BYTES = 22  # 176 bits of HMAC-SHA256; with 16 + 16 of ids 54 bytes, which is 72 characters, no padding
OPAQUE = re.compile(r"[A-Za-z0-9_-]{72}")
SHORTEST_SECRET = 32  # bytes: as long as the digest that the keys are derived with


class AccessClaims(msgspec.Struct, frozen=True):
    """What an access token says. ``expires_at``: epoch seconds."""

    user_id: UUID
    session_version: int
    expires_at: int


class Tokens:
    """Makes and reads every credential. Reading raises ``AppError("token_invalid")`` for anything that was not made
    here with the same secret key; whether it was revoked is the database's to say."""

    #: Long enough that a renewal is rare in a session, short enough that a stolen one is soon worthless.
    ACCESS_SECONDS = 600
    #: Each use starts the time anew; see ``storage.accounts``.
    REFRESH_SECONDS = REFRESH_DAYS * 24 * 60 * 60

    def __init__(self, secret_key: bytes) -> None:
        """Raises ``ValueError`` for a key under 32 bytes."""
        if len(secret_key) < SHORTEST_SECRET:
            raise ValueError(f"the secret key must have at least {SHORTEST_SECRET} bytes")
        self._access_key = _derive(secret_key, "access token")
        self._refresh_key = _derive(secret_key, "refresh token")
        self._secret_key = _derive(secret_key, "client secret")

    def access(self, user_id: UUID, session_version: int, *, now: float | None = None) -> str:
        """A signed token good for ``ACCESS_SECONDS`` from ``now`` (epoch seconds; default the clock)."""
        issued = int(time.time() if now is None else now)
        claims = {
            "sub": str(user_id),
            "ver": session_version,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + self.ACCESS_SECONDS,
            "jti": uuid_utils.compat.uuid7().hex,
        }
        return jwt.encode(claims, self._access_key, algorithm=ALGORITHM, headers={"typ": TYPE})

    def read_access(self, token: str) -> AccessClaims:
        if len(token) > LONGEST_JWT:
            raise AppError("token_invalid")
        try:
            read = jwt.decode_complete(
                token,
                self._access_key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # A token made a moment ago by a machine whose clock is ahead is good: exp alone bounds its life.
                options={"require": REQUIRED_CLAIMS, "verify_iat": False, "strict_aud": True},
            )
            claims = read["payload"]
            version, expires_at = claims["ver"], claims["exp"]
            if read["header"].get("typ") != TYPE or type(version) is not int or type(expires_at) is not int:
                raise AppError("token_invalid")
            return AccessClaims(UUID(claims["sub"]), version, expires_at)
        # Beside its own errors the library lets those out that odd JSON causes inside it.
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise AppError("token_invalid") from error

    def refresh(self, user_id: UUID, token_id: UUID) -> str:
        """Always the same for the same two ids: a successor's token can be made again."""
        return _pack("rt_", self._refresh_key, user_id, token_id)

    def read_refresh(self, token: str) -> tuple[UUID, UUID]:
        """The user's id and the token's."""
        return _unpack("rt_", self._refresh_key, token)

    def client_secret(self, user_id: UUID, secret_id: UUID) -> str:
        return _pack("ek_", self._secret_key, user_id, secret_id)

    def read_client_secret(self, token: str) -> tuple[UUID, UUID]:
        """The user's id and the secret's."""
        return _unpack("ek_", self._secret_key, token)


def _derive(secret_key: bytes, purpose: str) -> bytes:
    return hmac.digest(secret_key, b"socialgym 1 " + purpose.encode(), hashlib.sha256)


def _sign(key: bytes, ids: bytes) -> bytes:
    return hmac.digest(key, ids, hashlib.sha256)[:SIGNATURE_BYTES]


def _pack(prefix: str, key: bytes, user_id: UUID, own_id: UUID) -> str:
    ids = user_id.bytes + own_id.bytes
    return prefix + base64.urlsafe_b64encode(ids + _sign(key, ids)).decode("ascii")


def _unpack(prefix: str, key: bytes, token: str) -> tuple[UUID, UUID]:
    body = token.removeprefix(prefix)
    # The alphabet is checked first: the decoder skips what it does not know.
    if not token.startswith(prefix) or OPAQUE.fullmatch(body) is None:
        raise AppError("token_invalid")
    packed = base64.urlsafe_b64decode(body)
    ids, signature = packed[:32], packed[32:]
    if not hmac.compare_digest(signature, _sign(key, ids)):
        raise AppError("token_invalid")
    return UUID(bytes=ids[:16]), UUID(bytes=ids[16:])
