"""Accounts: making one, signing in, keeping the tokens fresh, and ending them."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from realtime.errors import AppError
from server.auth.addresses import EMAIL_PATTERN, LONGEST_EMAIL, normalised_email, rate_key
from server.auth.passwords import LONGEST, SHORTEST
from server.auth.principal import BEARER, SIGNED_IN, Principal, forget
from server.problems import JsonRequest, failures
from server.services import Services
from storage import accounts
from storage.accounts import DEFAULT_AGE_BAND, DEFAULT_TIME_ZONE, AgeBand, Grant, analysis_default
from storage.errors import NotFound

LONGEST_BODY = 8 * 1024  # bytes: an address, a password and a zone, each character escaped

NO_NUL = r"^[^\x00]*$"
Email = Annotated[str, Meta(max_length=LONGEST_EMAIL, pattern=EMAIL_PATTERN, examples=["ada@example.org"])]
Password = Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST, pattern=NO_NUL)]
TimeZone = Annotated[
    str, Meta(max_length=64, pattern=NO_NUL, description="An IANA name.", examples=["Europe/Berlin"])
]
RefreshToken = Annotated[str, Meta(max_length=200, pattern=NO_NUL)]
HttpRequest = Request[Any, Any, Any]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of the bodies: nothing unknown passes."""


class GuestBody(Body, frozen=True, kw_only=True):
    time_zone: TimeZone | None = None
    age_band: AgeBand | None = None


class SignInBody(Body, frozen=True, kw_only=True):
    email: Email
    password: Password
    time_zone: TimeZone | None = None
    age_band: AgeBand | None = None


class ClaimBody(Body, frozen=True, kw_only=True):
    email: Email
    password: Password


class RefreshBody(Body, frozen=True, kw_only=True):
    refresh_token: RefreshToken


class UserAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``email``: null for a guest."""

    id: UUID
    email: str | None
    tier: Literal["FREE", "PREMIUM"]


class TokensAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``expires_in``: seconds of the access token."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: UserAnswer


def _tokens(services: Services, grant: Grant) -> TokensAnswer:
    user = grant.user
    return TokensAnswer(
        access_token=services.tokens.access(user.id, user.session_version),
        refresh_token=services.tokens.refresh(user.id, grant.token_id),
        expires_in=services.tokens.ACCESS_SECONDS,
        user=UserAnswer(id=user.id, email=user.email, tier=user.tier),
    )


async def _check_zone(connection: AsyncConnection, zone: str | None) -> None:
    if zone is not None and not await accounts.check_time_zone(connection, zone):
        raise AppError("invalid_event", "This is not a time zone of the IANA database.", param="timeZone")


async def _create(connection: AsyncConnection, zone: str | None, age_band: AgeBand | None) -> UUID:
    await _check_zone(connection, zone)
    band = age_band or DEFAULT_AGE_BAND
    return await accounts.create_user(
        connection,
        time_zone=zone or DEFAULT_TIME_ZONE,
        age_band=band,
        analysis_enabled=analysis_default(band),
    )


def _client(request: HttpRequest) -> str:
    return rate_key(request.client.host if request.client else None)


class OpenController(Controller):
    """Routes for those who have no access token."""

    path = "/v1/auth"
    tags = ("accounts",)
    request_class = JsonRequest
    request_max_body_size = LONGEST_BODY

    @post(
        "/guest",
        summary="Make an account without an address, to try",
        responses=failures("invalid_json", "invalid_event", "frame_too_large", "rate_limited"),
    )
    async def guest(
        self, request: HttpRequest, data: JSONBody[GuestBody], services: NamedDependency[Services]
    ) -> TokensAnswer:
        await services.rates.check("guests", _client(request))
        async with services.database.transaction() as connection:
            user_id = await _create(connection, data.time_zone, data.age_band)
            grant = await accounts.sign_in(connection, user_id)
        return _tokens(services, grant)

    @post(
        "/signup",
        summary="Make an account with an address",
        responses=failures("invalid_json", "invalid_event", "email_taken", "frame_too_large", "rate_limited"),
    )
    async def signup(
        self, request: HttpRequest, data: JSONBody[SignInBody], services: NamedDependency[Services]
    ) -> TokensAnswer:
        email = normalised_email(data.email)
        await services.rates.check("signups", _client(request))
        password_hash = await services.passwords.hash(data.password)
        async with services.database.transaction() as connection:
            user_id = await _create(connection, data.time_zone, data.age_band)
            await accounts.add_email(connection, user_id, email, password_hash)
            grant = await accounts.sign_in(connection, user_id)
        return _tokens(services, grant)

    @post(
        "/login",
        status_code=200,
        summary="Sign in",
        description="`timeZone` becomes the account's; `ageBand` does if the account's is UNKNOWN.",
        responses=failures("invalid_json", "invalid_event", "token_invalid", "frame_too_large", "rate_limited"),
    )
    async def login(
        self, request: HttpRequest, data: JSONBody[SignInBody], services: NamedDependency[Services]
    ) -> TokensAnswer:
        email = normalised_email(data.email)
        await services.rates.check("logins", _client(request))
        await services.rates.check("failed_logins", email)
        async with services.database.read() as connection:
            await _check_zone(connection, data.time_zone)
            found = await accounts.find_login(connection, email)
        right = await services.passwords.verify_or_burn(found.password_hash if found else None, data.password)
        if found is None or not right:
            raise AppError("token_invalid", "The e-mail address or the password is wrong.")
        await services.rates.forget("failed_logins", email)
        async with services.database.transaction() as connection:
            await accounts.note_device(connection, found.user_id, time_zone=data.time_zone, age_band=data.age_band)
            grant = await accounts.sign_in(connection, found.user_id)
        forget(found.user_id)
        return _tokens(services, grant)

    @post(
        "/refresh",
        status_code=200,
        summary="Exchange a refresh token for its successor",
        description="A token is good once. Asked again within 5 seconds it gives the same successor (a lost answer); "
        "later, every token that came from the same sign-in is revoked.",
        responses=failures("invalid_json", "invalid_event", "token_invalid", "frame_too_large"),
    )
    async def refresh(self, data: JSONBody[RefreshBody], services: NamedDependency[Services]) -> TokensAnswer:
        user_id, token_id = services.tokens.read_refresh(data.refresh_token)
        async with services.database.transaction() as connection:
            grant = await accounts.rotate(connection, user_id, token_id)
        # Only now: the transaction that revoked a reused token's family must commit.
        if grant is None:
            raise AppError("token_invalid", "The refresh token is expired, revoked or used already.")
        return _tokens(services, grant)

    @post(
        "/logout",
        status_code=204,
        summary="End this sign-in",
        description="Revokes every refresh token that came from the same sign-in.",
        responses=failures("invalid_json", "invalid_event", "token_invalid", "frame_too_large"),
    )
    async def logout(self, data: JSONBody[RefreshBody], services: NamedDependency[Services]) -> None:
        user_id, token_id = services.tokens.read_refresh(data.refresh_token)
        async with services.database.transaction() as connection:
            await accounts.log_out(connection, user_id, token_id)


class AccountController(Controller):
    """Routes of accounts that need an access token."""

    path = "/v1/auth"
    tags = ("accounts",)
    request_class = JsonRequest
    request_max_body_size = LONGEST_BODY
    dependencies = SIGNED_IN
    security = BEARER

    @post(
        "/claim",
        status_code=200,
        summary="Keep a guest's account by giving it an address",
        responses=failures(
            "invalid_json",
            "invalid_event",
            "token_invalid",
            "email_taken",
            "already_claimed",
            "frame_too_large",
            "rate_limited",
        ),
    )
    async def claim(
        self,
        request: HttpRequest,
        data: JSONBody[ClaimBody],
        services: NamedDependency[Services],
        principal: NamedDependency[Principal],
    ) -> TokensAnswer:
        email = normalised_email(data.email)
        await services.rates.check("signups", _client(request))
        password_hash = await services.passwords.hash(data.password)
        try:
            async with services.database.transaction() as connection:
                kept = await accounts.claim(
                    connection, principal.user_id, principal.session_version, email, password_hash
                )
                if not kept:
                    raise AppError("already_claimed")
                grant = await accounts.sign_in(connection, principal.user_id)
        except NotFound as error:  # revoked after the principal was read
            raise AppError("token_invalid") from error
        return _tokens(services, grant)

    @post(
        "/revoke",
        status_code=204,
        summary="End every sign-in, token, client secret and socket of the account",
        responses=failures("token_invalid"),
    )
    async def revoke(self, services: NamedDependency[Services], principal: NamedDependency[Principal]) -> None:
        async with services.database.transaction() as connection:
            await accounts.revoke_all(connection, principal.user_id)
        forget(principal.user_id)
        await services.engine.revoked(principal.user_id)
