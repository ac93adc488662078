"""Errors over HTTP: every failure is ``application/problem+json`` (RFC 9457) with a code of ``realtime.errors``.

``JsonRequest`` reads bodies as strictly as the socket reads frames; ``EXCEPTION_HANDLERS`` turns what is raised into
answers; ``failures`` documents them.
"""

import math
import re
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import structlog
from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import HTTPException, SerializationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, UnsetType

from realtime.errors import CODES, AppError
from storage.errors import EmailTaken, NotFound, StorageError

MEDIA_TYPE = "application/problem+json"
LONGEST_DETAIL = 300  # characters: a message may quote a name from the request
LONGEST_PARAM = 100

log = structlog.get_logger("server.problems")
T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """``code`` is for programs, ``detail`` for people, ``param`` names the field at fault."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    param: str | UnsetType = UNSET
    retry_after_ms: int | UnsetType = UNSET


class JsonRequest(Request[Any, Any, Any]):
    """A request whose JSON body is refused with a code where the framework would fail or let it pass."""

    async def json(self) -> Any:
        """The decoded body. Raises ``AppError``: ``invalid_json``; ``invalid_event`` for a NUL character in a string,
        which PostgreSQL can't store as text."""
        try:
            decoded = await super().json()
        # Nested too deeply; invalid UTF-8 inside a string: neither is the decoder's own error.
        except (RecursionError, UnicodeDecodeError) as error:
            raise AppError("invalid_json") from error
        if b"\\u0000" in await self.body():
            refuse_nul(decoded)
        return decoded


def refuse_nul(decoded: Any) -> None:
    """Raises ``AppError("invalid_event")`` naming the field, if any string in the decoded JSON holds U+0000."""
    waiting: list[tuple[str, Any]] = [("", decoded)]
    while waiting:  # not recursive: the depth is the client's choice
        path, value = waiting.pop()
        if isinstance(value, str) and "\0" in value:
            raise AppError("invalid_event", "Text can't hold the character U+0000.", param=path or None)
        if isinstance(value, dict):
            for key, inner in value.items():
                waiting.append((path, key))
                waiting.append((f"{path}.{key}" if path else str(key), inner))
        elif isinstance(value, list):
            waiting.extend((f"{path}[{index}]", inner) for index, inner in enumerate(value))


async def strict_body(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The body again, without the coercions that the framework allows ("60" for 60). Raises ``invalid_event``."""
    try:
        return msgspec.convert(await request.json(), kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def failures(*codes: str) -> dict[int, ResponseSpec]:
    """What a route may answer instead, for the OpenAPI document: the codes by status."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys((*codes, "internal_error")):
        by_status.setdefault(CODES[code].status, []).append(f"`{code}`: {CODES[code].meaning}")
    return {
        status: ResponseSpec(
            data_container=Problem, description="\n\n".join(lines), media_type=MEDIA_TYPE, generate_examples=False
        )
        for status, lines in by_status.items()
    }


def problem_body(error: AppError) -> tuple[int, bytes]:
    """Status and body."""
    status = error.entry.status
    made = Problem(
        type=f"urn:socialgym:error:{error.code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=_short(error.message, LONGEST_DETAIL),
        code=error.code,
        param=UNSET if error.param is None else _short(error.param, LONGEST_PARAM),
        retry_after_ms=UNSET if error.retry_after_ms is None else error.retry_after_ms,
    )
    return status, msgspec.json.encode(made)


def problem_headers(error: AppError) -> dict[str, str]:
    """The headers that go with ``problem_body``, beside the content type."""
    headers = {}
    if error.entry.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_ms is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_ms / 1000))
    return headers


def answer(error: AppError, headers: dict[str, str] | None = None) -> Response[bytes]:
    status, body = problem_body(error)
    headers = {**(headers or {}), **problem_headers(error)}
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


# --- what is raised ----------------------------------------------------------------------------------------------

_BY_STATUS = {
    401: "token_invalid",
    404: "not_found",
    405: "method_not_allowed",
    413: "frame_too_large",
    429: "rate_limited",
    503: "draining",
}
_NO_BODY = "'data'"  # the framework's words: a KeyError
_PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`")
_FIELD = re.compile(r"field `([^`]*)`")  # "missing required field", "unknown field"


def _invalid(message: str, param: str = "") -> AppError:
    """From a message of msgspec's, which ends in the path of the value, and may name a field below it."""
    found = _PATH.search(message)
    parts = [found.group(1) if found else param]
    if field := _FIELD.search(message):
        parts.append(field.group(1))
    name = ".".join(part for part in parts if part)
    detail = _PATH.sub("", message)
    return AppError("invalid_event", f"{name}: {detail}" if name else detail, param=name or None)


def _of_http(error: HTTPException) -> AppError:
    if isinstance(error.__cause__, SerializationException):
        return AppError("invalid_json")
    code = _BY_STATUS.get(error.status_code)
    if code is not None:
        return AppError(code)
    if error.status_code >= 500:
        return AppError("internal_error")
    first = error.extra[0] if isinstance(error.extra, list) and error.extra else None
    if not isinstance(first, dict):
        return _invalid(error.detail)
    key, message = str(first.get("key", "")), str(first.get("message", error.detail))
    # The body as a whole is called "data" in the routes; a client knows no such field.
    if key == "data":
        return _invalid("A JSON body is needed." if message == _NO_BODY else message)
    if first.get("source") == ParamType.HEADER:  # named as the routes' parameters are: idempotency_key
        key = "-".join(word.capitalize() for word in key.split("_"))
    return _invalid(message, key.removeprefix("data."))


def _app_error(_: Request[Any, Any, Any], error: AppError) -> Response[bytes]:
    return answer(error)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    made = _of_http(error)
    if made.code == "internal_error":
        return _unexpected(request, error)
    kept = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return answer(made, kept)


def _storage_error(request: Request[Any, Any, Any], error: StorageError) -> Response[bytes]:
    if isinstance(error, NotFound):
        return answer(AppError("not_found"))
    if isinstance(error, EmailTaken):
        return answer(AppError("email_taken"))
    return _unexpected(request, error)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    # The path alone: a query or a body may hold what people said.
    log.error("unexpected failure", method=request.method, path=request.scope["path"], exc_info=error)
    return answer(AppError("internal_error"))


#: For Litestar: the nearest class of what was raised decides.
EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    AppError: _app_error,
    StorageError: _storage_error,
    HTTPException: _http_error,
    Exception: _unexpected,
}
