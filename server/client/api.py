"""The REST side: an account's tokens, kept fresh, and calls by intent."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from server.client.errors import ApiError, ClientError, Unreachable, problem_of

Json = dict[str, Any]
# Seconds. An answer takes milliseconds; ten mean that the server hangs.
TIMEOUT = 10.0
# A token this close to its end is renewed before use, so that a request never races its expiry.
REFRESH_AHEAD = 30.0
# A list longer than this many pages is a server that repeats itself.
MAX_PAGES = 10_000


class Tokens(msgspec.Struct, frozen=True, rename="camel"):
    """What signing in gives; ``expires_in`` is the access token's life in seconds from now."""

    access_token: str
    refresh_token: str
    expires_in: float


class Vault(Protocol):
    """Where the refresh token outlives the process. Several processes may share one, so it is read again
    before each use; ``user_id`` (None: whoever is kept) guards against another account's token."""

    def load(self, user_id: str | None) -> str | None: ...

    def save(self, user_id: str, refresh_token: str) -> None: ...


def is_loopback(url: str) -> bool:
    """A proxy named by the environment is for other machines, never for this one."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


class Api:
    """One account on one server. Use as an async context manager; safe for concurrent calls.

    Every call raises ``ApiError`` for an answer of 400 or above and ``Unreachable`` when none came. A 401
    ``token_invalid`` renews the access token and repeats the call once; however many calls meet it
    together, the token is renewed once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        access_token: str | None = None,
        refresh_token: str | None = None,
        vault: Vault | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.user: Json = {}
        self._access = access_token
        self._refresh = refresh_token
        self._expires_at = float("inf")
        self._vault = vault
        self._renewing = asyncio.Lock()
        self._http = httpx.AsyncClient(
            base_url=self.base_url, timeout=timeout, trust_env=not is_loopback(self.base_url)
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    # Accounts

    async def guest(self, **fields: str) -> Json:
        """A new account without an e-mail (``timeZone``, ``ageBand``); returns its ``user``."""
        return await self._sign_in("/v1/auth/guest", dict(fields))

    async def signup(self, email: str, password: str, **fields: str) -> Json:
        return await self._sign_in("/v1/auth/signup", {"email": email, "password": password, **fields})

    async def login(self, email: str, password: str) -> Json:
        return await self._sign_in("/v1/auth/login", {"email": email, "password": password})

    async def access_token(self) -> str:
        """An access token good for at least ``REFRESH_AHEAD`` seconds more. Raises ApiError when signed out."""
        if self._access is None or time.monotonic() > self._expires_at - REFRESH_AHEAD:
            await self.refresh(stale=self._access)
        return self._access or ""

    async def refresh(self, stale: str | None = None) -> str:
        """Renew the access token, once for all that ask together; returns it.

        ``stale``: the token that was found wanting; when another call has renewed it since, nothing is
        sent. A lost answer is asked for once more: the server gives the same successor again for a
        moment.
        """
        async with self._renewing:
            if self._access is not None and stale is not None and stale != self._access:
                return self._access
            known = self._vault.load(self.user.get("id")) if self._vault is not None else None
            refresh_token = known or self._refresh
            if refresh_token is None:
                raise ApiError(401, "token_invalid", "not signed in", {})
            body = {"refreshToken": refresh_token}
            try:
                answer = await self._send("POST", "/v1/auth/refresh", json=body)
            except Unreachable:
                answer = await self._send("POST", "/v1/auth/refresh", json=body)
            return self._keep(answer).access_token

    async def _sign_in(self, path: str, body: Json) -> Json:
        self._keep(await self._send("POST", path, json=body))
        return self.user

    def _keep(self, answer: bytes) -> Tokens:
        tokens = msgspec.json.decode(answer, type=Tokens)
        self._access, self._refresh = tokens.access_token, tokens.refresh_token
        self._expires_at = time.monotonic() + tokens.expires_in
        self.user = msgspec.json.decode(answer, type=Json).get("user") or self.user
        if self._vault is not None:
            self._vault.save(str(self.user.get("id") or ""), tokens.refresh_token)
        return tokens

    # Calls

    async def get(self, path: str, **query: str | int | float) -> Any:
        return msgspec.json.decode(await self.get_bytes(path, **query))

    async def get_bytes(self, path: str, **query: str | int | float) -> bytes:
        """The body as it came: for answers that are promised byte for byte."""
        return await self._call("GET", path, params=query)

    async def post(self, path: str, json: Json | None = None, *, key: str | None = None, **query: str) -> Any:
        """``key``: the Idempotency-Key. Returns the decoded body, None when there is none."""
        headers = {"Idempotency-Key": key} if key else {}
        body = await self._call("POST", path, json=json or {}, headers=headers, params=query)
        return msgspec.json.decode(body) if body else None

    async def items(self, path: str, **query: str | int | float) -> AsyncIterator[Json]:
        """Every item of a list, page by page along ``nextCursor``."""
        for _ in range(MAX_PAGES):
            page = await self.get(path, **query)
            for item in page["items"]:
                yield item
            cursor = page.get("nextCursor")
            if cursor is None:
                return
            if cursor == query.get("cursor"):
                break
            query["cursor"] = cursor
        raise ClientError(f"the list at {path} has no end")

    async def wallet(self) -> Json:
        return dict(await self.get("/v1/wallet/me"))

    async def ledger(self) -> list[Json]:
        """The whole ledger, every page of it."""
        return [entry async for entry in self.items("/v1/wallet/ledger")]

    async def templates(self) -> list[Json]:
        return [item async for item in self.items("/v1/templates")]

    async def categories(self) -> list[Json]:
        return [item async for item in self.items("/v1/categories")]

    async def personas(self) -> list[Json]:
        return [item async for item in self.items("/v1/personas")]

    async def road(self) -> list[Json]:
        return [item async for item in self.items("/v1/missions/road")]

    async def create_session(self, model: str = "", *, key: str | None = None) -> Json:
        """A session for REST; the same ``key`` again gives the same session."""
        return dict(await self.post("/v1/sessions", {"model": model}, key=key or uuid.uuid4().hex))

    async def turn(
        self, session_id: str, text: str, item_id: str | None = None, *, respond: bool = False
    ) -> list[Json]:
        """Say one line; the events are those of the socket. Safe to repeat with the same ``item_id``."""
        body = {"id": item_id or f"item_{uuid.uuid4().hex}", "text": text}
        query = {"respond": "true"} if respond else {}
        answer = await self.post(f"/v1/sessions/{session_id}/turns", body, **query)
        return list(answer["events"])

    async def events(self, session_id: str, after: int = 0, wait: float = 0.0) -> Json:
        """``{events, headSeq}``; with ``wait`` (seconds, at most 25) the answer comes with the next event."""
        query = {"after": after, "wait": wait} if wait else {"after": after}
        path = f"/v1/sessions/{session_id}/events"
        body = await self._call("GET", path, params=query, timeout=TIMEOUT + wait)
        return msgspec.json.decode(body, type=Json)

    async def end(self, session_id: str) -> Json:
        """End the session; the summary, the same however often it is asked."""
        return dict(await self.post(f"/v1/sessions/{session_id}/end"))

    async def summary(self, session_id: str) -> Json:
        return dict(await self.get(f"/v1/sessions/{session_id}/summary"))

    async def client_secret(self, model: str | None = None, seconds: int = 60) -> Json:
        """``{value, expires_at, session}``: a key for a stock client, good for one session."""
        body: Json = {"expires_after": {"anchor": "created_at", "seconds": seconds}}
        if model is not None:
            body["session"] = {"type": "realtime", "model": model}
        return dict(await self.post("/v1/realtime/client_secrets", body))

    async def _call(self, method: str, path: str, **options: Any) -> bytes:
        token = await self.access_token()
        try:
            return await self._send(method, path, token=token, **options)
        except ApiError as error:
            if error.status != 401 or error.code != "token_invalid":
                raise
            token = await self.refresh(stale=token)
            return await self._send(method, path, token=token, **options)

    async def _send(self, method: str, path: str, *, token: str | None = None, **options: Any) -> bytes:
        headers = dict(options.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self._http.request(method, path, headers=headers, **options)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unreachable(self.base_url, str(error) or type(error).__name__) from error
        if answer.status_code >= 400:
            raise ApiError(answer.status_code, *problem_of(answer.status_code, answer.content))
        return answer.content
