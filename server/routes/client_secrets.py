"""Client secrets: short-lived keys for stock realtime clients, each for one practice session."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from realtime.errors import AppError
from server.auth.principal import BEARER, SIGNED_IN, Principal
from server.problems import JsonRequest, failures, strict_body
from server.services import Services
from storage import accounts
from storage.errors import NotFound

LONGEST_BODY = 64 * 1024  # bytes: a stock client sends its whole session, instructions and tools with it
DEFAULT_SECONDS = 60

Model = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]


class ExpiresAfter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=10, le=600)] = DEFAULT_SECONDS


class SessionAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Of the session object ``model`` alone is kept; what else a stock client sends belongs in ``session.update``."""

    type: Literal["realtime"] = "realtime"
    model: Model | None = None


class ClientSecretBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    expires_after: ExpiresAfter | None = None
    session: SessionAsked | None = None


class SessionPromised(msgspec.Struct, frozen=True, kw_only=True):
    """``id``: of the practice session that the first connect will create. ``model``: "" if none was named."""

    id: str
    object: Literal["realtime.session"] = "realtime.session"
    type: Literal["realtime"] = "realtime"
    model: str


class ClientSecretAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``expires_at``: epoch seconds; the first connect must come before."""

    value: str
    expires_at: int
    session: SessionPromised


class ClientSecretController(Controller):
    path = "/v1/realtime/client_secrets"
    tags = ("realtime",)
    request_class = JsonRequest
    request_max_body_size = LONGEST_BODY
    dependencies = SIGNED_IN
    security = BEARER

    @post(
        status_code=200,
        summary="Make a key that opens one practice session",
        responses=failures("invalid_json", "invalid_event", "token_invalid", "frame_too_large", "rate_limited"),
    )
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[ClientSecretBody],  # documents the body, and refuses most; what counts is read strictly below
        services: NamedDependency[Services],
        principal: NamedDependency[Principal],
    ) -> ClientSecretAnswer:
        asked = await strict_body(request, ClientSecretBody)
        await services.rates.check("client_secrets", principal.user_id)
        model = asked.session.model if asked.session else None
        try:
            async with services.database.transaction() as connection:
                secret = await accounts.create_client_secret(
                    connection,
                    principal.user_id,
                    session_version=principal.session_version,
                    model=model or None,
                    seconds=(asked.expires_after or ExpiresAfter()).seconds,
                )
        except NotFound as error:
            raise AppError("token_invalid") from error
        return ClientSecretAnswer(
            value=services.tokens.client_secret(secret.user_id, secret.id),
            expires_at=secret.expires_at,
            session=SessionPromised(id=str(secret.session_id), model=secret.model or ""),
        )
