"""The REST client against a stand-in HTTP server."""

import asyncio
from typing import Any

import pytest

from server.client import Api, ApiError, ClientError, Unreachable
from tests.client.standin import http_server

Headers = dict[str, str]


class Accounts:
    """Tokens that rotate: an access token is good only while it is the newest, a refresh token once."""

    def __init__(self, expires_in: float = 600.0) -> None:
        self.issued = 0
        self.refreshes = 0
        self.expires_in = expires_in
        self.requests: list[tuple[str, str, Headers, Any]] = []
        self.pages: dict[str, tuple[int, Any]] = {}

    def grant(self) -> dict[str, Any]:
        self.issued += 1
        n = self.issued
        user = {"id": "u1", "email": None, "tier": "FREE"}
        return {"accessToken": f"a{n}", "refreshToken": f"r{n}", "expiresIn": self.expires_in, "user": user}

    async def __call__(self, method: str, target: str, headers: Headers, body: Any) -> tuple[int, Any]:
        self.requests.append((method, target, headers, body))
        if target == "/v1/auth/guest":
            return 201, self.grant()
        if target == "/v1/auth/refresh":
            if body != {"refreshToken": f"r{self.issued}"}:
                return 401, {"code": "token_invalid", "detail": "reused"}
            self.refreshes += 1
            await asyncio.sleep(0.02)  # long enough for the others to meet the same 401
            return 200, self.grant()
        if headers.get("authorization") != f"Bearer a{self.issued}":
            return 401, {"code": "token_invalid", "detail": "expired"}
        return self.pages.get(target, (200, {"target": target}))


class Memory:
    """A vault in memory, shared as a file would be."""

    def __init__(self) -> None:
        self.kept: tuple[str, str] | None = None

    def load(self, user_id: str | None) -> str | None:
        return self.kept[1] if self.kept and user_id in (None, self.kept[0]) else None

    def save(self, user_id: str, refresh_token: str) -> None:
        self.kept = (user_id, refresh_token)


async def test_ten_calls_that_meet_an_expired_token_renew_it_once() -> None:
    accounts = Accounts()
    async with http_server(accounts) as url, Api(url) as api:
        assert (await api.guest(timeZone="Europe/Berlin"))["id"] == "u1"
        api._access = "expired"
        answers = await asyncio.gather(*(api.get(f"/v1/thing/{n}") for n in range(10)))
    assert [answer["target"] for answer in answers] == [f"/v1/thing/{n}" for n in range(10)]
    assert accounts.refreshes == 1


async def test_a_token_about_to_expire_is_renewed_before_it_is_used() -> None:
    accounts = Accounts(expires_in=20.0)
    async with http_server(accounts) as url, Api(url) as api:
        await api.guest()
        accounts.expires_in = 600.0
        await asyncio.gather(api.get("/v1/a"), api.get("/v1/b"))
    assert accounts.refreshes == 1
    used = [headers["authorization"] for _, target, headers, _ in accounts.requests if target in ("/v1/a", "/v1/b")]
    assert used == ["Bearer a2", "Bearer a2"]


async def test_a_refusal_to_renew_comes_out_and_is_not_repeated_for_ever() -> None:
    accounts = Accounts()
    async with http_server(accounts) as url, Api(url, access_token="x", refresh_token="unknown") as api:
        with pytest.raises(ApiError) as refused:
            await api.wallet()
    assert (refused.value.status, refused.value.code) == (401, "token_invalid")
    assert len(accounts.requests) == 2


async def test_two_processes_share_one_vault() -> None:
    accounts, vault = Accounts(), Memory()
    async with http_server(accounts) as url, Api(url, vault=vault) as one, Api(url, vault=vault) as two:
        await one.guest()
        await two.refresh()  # rotates: one's own refresh token is used up now
        assert (await one.get("/v1/x"))["target"] == "/v1/x"
    assert accounts.refreshes == 2
    assert vault.kept == ("u1", "r3")


async def test_the_ledger_is_read_to_its_last_page() -> None:
    accounts = Accounts()
    accounts.pages = {
        "/v1/wallet/ledger": (200, {"items": [{"amount": 4}], "nextCursor": "p2"}),
        "/v1/wallet/ledger?cursor=p2": (200, {"items": [{"amount": 8}], "nextCursor": "p3"}),
        "/v1/wallet/ledger?cursor=p3": (200, {"items": [], "nextCursor": None}),
    }
    async with http_server(accounts) as url, Api(url) as api:
        await api.guest()
        assert [entry["amount"] for entry in await api.ledger()] == [4, 8]


async def test_a_list_that_repeats_itself_is_an_error() -> None:
    accounts = Accounts()
    page = (200, {"items": [{"code": "X"}], "nextCursor": "same"})
    accounts.pages = {"/v1/missions/road": page, "/v1/missions/road?cursor=same": page}
    async with http_server(accounts) as url, Api(url) as api:
        await api.guest()
        with pytest.raises(ClientError):
            await api.road()


async def test_sessions_over_rest() -> None:
    accounts = Accounts()
    accounts.pages = {
        "/v1/sessions": (201, {"id": "s1"}),
        "/v1/sessions/s1/turns": (200, {"events": [{"type": "turn.scored"}]}),
        "/v1/sessions/s1/turns?respond=true": (200, {"events": []}),
        "/v1/sessions/s1/events?after=3&wait=1.0": (200, {"events": [], "headSeq": 3}),
    }
    async with http_server(accounts) as url, Api(url) as api:
        await api.guest()
        assert await api.create_session("template:X", key="k") == {"id": "s1"}
        assert await api.turn("s1", "Hello.", "item_1") == [{"type": "turn.scored"}]
        assert await api.turn("s1", "Hello.", respond=True) == []
        assert await api.events("s1", after=3, wait=1.0) == {"events": [], "headSeq": 3}
    sent = {target: (headers, body) for _, target, headers, body in accounts.requests}
    assert sent["/v1/sessions"][0]["idempotency-key"] == "k"
    assert sent["/v1/sessions"][1] == {"model": "template:X"}
    assert sent["/v1/sessions/s1/turns"][1] == {"id": "item_1", "text": "Hello."}


async def test_an_error_without_a_problem_still_has_words() -> None:
    async def broken(method: str, target: str, headers: Headers, body: Any) -> tuple[int, Any]:
        return 502, "no object"

    async with http_server(broken) as url, Api(url) as api:
        with pytest.raises(ApiError) as error:
            await api.guest()
    assert (error.value.status, error.value.code) == (502, "")
    assert error.value.message == "the server answered 502"


async def test_nobody_answers() -> None:
    async with http_server(Accounts()) as url:
        pass
    async with Api(url) as api:
        with pytest.raises(Unreachable) as gone:
            await api.guest()
    assert gone.value.url == url
