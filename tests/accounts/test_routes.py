"""The account routes, over ASGI, on a real database."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from openai.types.realtime import ClientSecretCreateResponse

from realtime.limits import Limits
from server.auth import principal as principals
from server.auth.principal import principal
from storage import accounts
from storage.database import row
from tests.accounts.conftest import Serve, bearer

GUEST, SIGNUP, LOGIN = "/v1/auth/guest", "/v1/auth/signup", "/v1/auth/login"
CLAIM, REFRESH, LOGOUT, REVOKE = "/v1/auth/claim", "/v1/auth/refresh", "/v1/auth/logout", "/v1/auth/revoke"
SECRETS = "/v1/realtime/client_secrets"
PASSWORD = "correct horse"


def address() -> str:
    return f"{uuid.uuid4().hex}@example.org"


def problem(answer: httpx.Response, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """Check that it is the documented refusal; its body."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body.get("param") == param, answer.text
    return body


async def new_guest(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(GUEST, json=fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def new_user(client: httpx.AsyncClient, email: str) -> dict[str, Any]:
    answer = await client.post(SIGNUP, json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def refresh(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    return await client.post(REFRESH, json={"refreshToken": tokens["refreshToken"]})


async def test_a_guest_gets_an_account_that_works(client: httpx.AsyncClient) -> None:
    tokens = await new_guest(client, timeZone="Asia/Jerusalem", ageBand="16_17")
    assert tokens["expiresIn"] == 600
    assert tokens["user"] == {"id": tokens["user"]["id"], "email": None, "tier": "FREE"}
    assert (await client.post(SECRETS, json={}, headers=bearer(tokens))).status_code == 200


async def test_sign_up_then_log_in(client: httpx.AsyncClient) -> None:
    email = address()
    made = await new_user(client, email)
    answer = await client.post(LOGIN, json={"email": f" {email.upper()}", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["user"] == made["user"] == {"id": made["user"]["id"], "email": email, "tier": "FREE"}
    problem(await client.post(SIGNUP, json={"email": email, "password": PASSWORD}), 409, "email_taken")


async def test_a_log_in_brings_the_zone_of_the_device(serve: Serve) -> None:
    async with serve(Limits(enforced=False)) as (client, services):
        email = address()
        made = await new_user(client, email)
        header = bearer(made)["Authorization"]
        before = await principal(services, header)
        body = {"email": email, "password": PASSWORD, "timeZone": "Asia/Tokyo", "ageBand": "13_15"}
        wrong = await client.post(LOGIN, json={**body, "password": "wrong horse"})
        problem(wrong, 401, "token_invalid")
        assert await principal(services, header) == before
        assert (await client.post(LOGIN, json=body)).status_code == 200
        after = await principal(services, header)
        assert (before.time_zone, before.age_band) == ("UTC", "UNKNOWN")
        assert (after.time_zone, after.age_band, after.analysis_enabled) == ("Asia/Tokyo", "13_15", False)


async def test_an_unknown_address_gets_the_answer_of_a_wrong_password(client: httpx.AsyncClient) -> None:
    email = address()
    await new_user(client, email)
    wrong = await client.post(LOGIN, json={"email": email, "password": "wrong horse"})
    unknown = await client.post(LOGIN, json={"email": address(), "password": "wrong horse"})
    problem(wrong, 401, "token_invalid")
    assert (wrong.content, wrong.headers) == (unknown.content, unknown.headers)
    assert wrong.headers["www-authenticate"] == "Bearer"


async def test_a_claim_keeps_the_account(client: httpx.AsyncClient) -> None:
    tokens, email = await new_guest(client), address()
    body = {"email": email, "password": PASSWORD}
    problem(await client.post(CLAIM, json=body), 401, "token_invalid")
    claimed = await client.post(CLAIM, json=body, headers=bearer(tokens))
    assert claimed.status_code == 200, claimed.text
    assert claimed.json()["user"] == {**tokens["user"], "email": email}
    logged_in = await client.post(LOGIN, json=body)
    assert logged_in.json()["user"]["id"] == tokens["user"]["id"]
    again = {"email": address(), "password": PASSWORD}
    problem(await client.post(CLAIM, json=again, headers=bearer(tokens)), 409, "already_claimed")
    other = await new_guest(client)
    problem(await client.post(CLAIM, json=body, headers=bearer(other)), 409, "email_taken")


async def test_refresh_answers_alike_at_once_and_refuses_what_was_replaced(client: httpx.AsyncClient) -> None:
    first = await new_guest(client)
    at_once = await asyncio.gather(*(refresh(client, first) for _ in range(4)))
    assert {answer.status_code for answer in at_once} == {200}
    assert len({answer.json()["refreshToken"] for answer in at_once}) == 1
    second = at_once[0].json()
    third = await refresh(client, second)
    assert third.status_code == 200
    problem(await refresh(client, first), 401, "token_invalid")
    problem(await refresh(client, third.json()), 401, "token_invalid")


async def test_log_out_ends_one_sign_in(client: httpx.AsyncClient) -> None:
    email = address()
    first = await new_user(client, email)
    second = (await client.post(LOGIN, json={"email": email, "password": PASSWORD})).json()
    body = {"refreshToken": first["refreshToken"]}
    for _ in range(2):
        answer = await client.post(LOGOUT, json=body)
        assert (answer.status_code, answer.content) == (204, b"")
    problem(await refresh(client, first), 401, "token_invalid")
    assert (await refresh(client, second)).status_code == 200
    problem(await client.post(LOGOUT, json={"refreshToken": "rt_forged"}), 401, "token_invalid")


async def test_revocation_ends_every_credential_and_tells_the_engine(serve: Serve) -> None:
    async with serve(Limits(enforced=False)) as (client, services):
        tokens, other = await new_guest(client), await new_guest(client)
        assert (await client.post(SECRETS, json={}, headers=bearer(tokens))).status_code == 200
        answer = await client.post(REVOKE, headers=bearer(tokens))
        assert (answer.status_code, answer.content) == (204, b"")
        problem(await client.post(SECRETS, json={}, headers=bearer(tokens)), 401, "token_invalid")
        problem(await refresh(client, tokens), 401, "token_invalid")
        assert (await client.post(SECRETS, json={}, headers=bearer(other))).status_code == 200
        assert services.engine.told == [uuid.UUID(tokens["user"]["id"])]  # type: ignore[attr-defined]


async def test_a_revocation_elsewhere_is_seen_when_the_cache_is_old(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(Limits(enforced=False)) as (client, services):
        tokens = await new_guest(client)
        header = bearer(tokens)["Authorization"]
        known = await principal(services, header)
        async with services.database.transaction() as connection:
            await accounts.revoke_all(connection, known.user_id)
        assert await principal(services, header) == known, "read from the cache"
        claim = {"email": address(), "password": PASSWORD}
        problem(await client.post(CLAIM, json=claim, headers=bearer(tokens)), 401, "token_invalid")
        secret = await client.post(SECRETS, json={}, headers=bearer(tokens))
        owner, secret_id = services.tokens.read_client_secret(secret.json()["value"])
        async with services.database.read() as connection:
            stored = await accounts.find_client_secret(connection, owner, secret_id)
        assert stored is not None
        assert stored.revoked, "a cached principal gives out nothing that works"
        monkeypatch.setattr(principals, "CACHE_SECONDS", 0.0)
        problem(await client.post(SECRETS, json={}, headers=bearer(tokens)), 401, "token_invalid")


async def test_the_cache_of_accounts_is_bounded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(principals, "CACHE_USERS", 2)
    monkeypatch.setattr(principals, "_cache", principals._Cache())
    async with serve(Limits(enforced=False)) as (client, services):
        for _ in range(4):
            await principal(services, bearer(await new_guest(client))["Authorization"])
        assert len(principals._cache._known) == 2


async def test_a_principal_knows_the_declared_age(serve: Serve) -> None:
    async with serve(Limits(enforced=False)) as (client, services):
        for band, minor, adult in (("UNKNOWN", False, False), ("16_17", True, False), ("ADULT", False, True)):
            header = bearer(await new_guest(client, ageBand=band))["Authorization"]
            known = await principal(services, header)
            assert (known.minor, known.adult, known.analysis_enabled) == (minor, adult, not minor)
            assert await principal(services, header.replace("Bearer", "bearer")) == known


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic x", "Bearer x.y.z", "Bearer " + "x" * 3_000])
async def test_bad_authorization_headers(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.post(SECRETS, json={}, headers={"Authorization": header})
    problem(answer, 401, "token_invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_other_credentials_are_no_access_tokens(client: httpx.AsyncClient) -> None:
    tokens = await new_guest(client)
    secret = (await client.post(SECRETS, json={}, headers=bearer(tokens))).json()["value"]
    for credential in (tokens["refreshToken"], secret):
        answer = await client.post(SECRETS, json={}, headers={"Authorization": f"Bearer {credential}"})
        problem(answer, 401, "token_invalid")


async def test_a_client_secret_has_the_official_shape(client: httpx.AsyncClient) -> None:
    tokens = await new_guest(client)
    body = {
        "expires_after": {"anchor": "created_at", "seconds": 600},
        "session": {"type": "realtime", "model": "gpt-realtime", "instructions": "Be kind.", "tools": []},
    }
    answer = await client.post(SECRETS, json=body, headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    read = ClientSecretCreateResponse.model_validate(answer.json(), strict=True)
    assert read.value.startswith("ek_")
    assert read.session.type == "realtime"
    assert (read.session.model, uuid.UUID(read.session.id).version) == ("gpt-realtime", 7)
    for empty in ({}, {"session": {"type": "realtime"}}, {"expires_after": {"anchor": "created_at"}}):
        plain = (await client.post(SECRETS, json=empty, headers=bearer(tokens))).json()
        assert plain["session"]["model"] == ""
        assert abs(plain["expires_at"] + 540 - read.expires_at) <= 5
        assert plain["session"]["id"] != read.session.id


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"anchor": "created_at", "seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "created_at", "seconds": 601}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "created_at", "seconds": "60"}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "created_at", "seconds": True}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "used_at"}}, "expires_after.anchor"),
        ({"session": {"type": "transcription"}}, "session.type"),
        ({"session": {"type": "realtime", "model": "m" * 201}}, "session.model"),
        ({"session": {"type": "realtime", "model": 5}}, "session.model"),
        ({"session": {"type": "realtime", "model": "a\0b"}}, "session.model"),
        ({"session": {"type": "realtime", "instructions": "a\0b"}}, "session.instructions"),
        ({"expire_after": {}}, "expire_after"),
        ([], None),
    ],
)
async def test_client_secret_bodies_are_checked(client: httpx.AsyncClient, body: Any, param: str | None) -> None:
    tokens = await new_guest(client)
    problem(await client.post(SECRETS, json=body, headers=bearer(tokens)), 400, "invalid_event", param)


GOOD = {"email": "ada@example.org", "password": PASSWORD}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (SIGNUP, {**GOOD, "email": "ada"}, "email"),
        (SIGNUP, {**GOOD, "email": "a" * 255 + "@example.org"}, "email"),
        (SIGNUP, {**GOOD, "email": "ada\u200b@example.org"}, "email"),
        (SIGNUP, {**GOOD, "email": None}, "email"),
        (SIGNUP, {**GOOD, "password": "short"}, "password"),
        (SIGNUP, {**GOOD, "password": "x" * 257}, "password"),
        (SIGNUP, {**GOOD, "password": "with\0nul in it"}, "password"),
        (SIGNUP, {**GOOD, "password": 12345678}, "password"),
        (SIGNUP, {**GOOD, "timeZone": "Mars/Base"}, "timeZone"),
        (SIGNUP, {**GOOD, "ageBand": "OLD"}, "ageBand"),
        (SIGNUP, {**GOOD, "tier": "PREMIUM"}, "tier"),
        (SIGNUP, {"email": "ada@example.org"}, "password"),
        (LOGIN, {**GOOD, "timeZone": "Mars/Base"}, "timeZone"),
        (GUEST, {"timeZone": "x" * 65}, "timeZone"),
        (GUEST, {"timeZone": 5}, "timeZone"),
        (GUEST, {"email": "ada@example.org"}, "email"),
        (GUEST, [], None),
        (GUEST, "text", None),
        (GUEST, None, None),
        (REFRESH, {"refreshToken": 5}, "refreshToken"),
        (REFRESH, {"refreshToken": "x" * 201}, "refreshToken"),
        (REFRESH, {}, "refreshToken"),
    ],
)
async def test_bodies_are_checked(client: httpx.AsyncClient, path: str, body: Any, param: str | None) -> None:
    problem(await client.post(path, json=body), 400, "invalid_event", param)


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff", b'{"timeZone": "\xff"}', b'{"timeZone": "\\ud800"}', b"{'a': 1}", b"[" * 5_000, b'{"a":' * 1_500],
)
async def test_what_is_not_json(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post(GUEST, content=content, headers={"Content-Type": "application/json"})
    problem(answer, 400, "invalid_json")


async def test_a_missing_body_a_large_one_a_wrong_method_and_a_wrong_path(client: httpx.AsyncClient) -> None:
    problem(await client.post(GUEST), 400, "invalid_event")
    problem(await client.post(GUEST, json={"timeZone": "x" * 9_000}), 413, "frame_too_large")
    wrong = await client.get(GUEST)
    problem(wrong, 405, "method_not_allowed")
    assert "POST" in wrong.headers["allow"]
    problem(await client.post("/v1/auth/nothing"), 404, "not_found")


async def test_a_refused_sign_up_leaves_nothing(serve: Serve) -> None:
    async with serve(Limits(enforced=False)) as (client, services):
        email = address()
        await new_user(client, email)
        count = "SELECT count(*) AS n FROM app_user"
        async with services.database.read() as connection:
            before = await row(connection, count)
        problem(await client.post(SIGNUP, json={"email": email, "password": PASSWORD}), 409, "email_taken")
        async with services.database.read() as connection:
            assert await row(connection, count) == before


async def test_an_unexpected_failure_leaks_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(accounts, "sign_in", broken)
    async with serve(Limits(enforced=False)) as (client, _):
        answer = await client.post(GUEST, json={})
        problem(answer, 500, "internal_error")
        assert "hunter2" not in answer.text


async def test_guests_and_log_ins_are_limited_by_address(serve: Serve) -> None:
    async with serve(Limits(guests_per_hour=2, logins_per_minute=2)) as (client, _):
        for _ in range(2):
            await new_guest(client)
        refused = await client.post(GUEST, json={})
        body = problem(refused, 429, "rate_limited")
        assert int(refused.headers["retry-after"]) * 1000 >= body["retryAfterMs"] > 3_500_000
        for _ in range(2):
            login = {"email": address(), "password": PASSWORD}
            problem(await client.post(LOGIN, json=login), 401, "token_invalid")
        problem(await client.post(LOGIN, json={"email": address(), "password": PASSWORD}), 429, "rate_limited")


async def test_failed_log_ins_are_limited_by_account(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(Limits(logins_per_minute=3)) as (client, _):
        hosts = iter(range(1_000))
        monkeypatch.setattr("server.routes.auth._client", lambda _: str(next(hosts)))
        email = address()
        await new_user(client, email)
        for _ in range(5):
            assert (await client.post(LOGIN, json={"email": email, "password": PASSWORD})).status_code == 200
        for _ in range(3):
            problem(await client.post(LOGIN, json={"email": email, "password": "wrong horse"}), 401, "token_invalid")
        problem(await client.post(LOGIN, json={"email": email, "password": PASSWORD}), 429, "rate_limited")
        assert (await client.post(SIGNUP, json={"email": address(), "password": PASSWORD})).status_code == 201


async def test_client_secrets_are_limited_by_user(serve: Serve) -> None:
    async with serve(Limits(client_secrets_per_minute=1)) as (client, _):
        first, second = await new_guest(client), await new_guest(client)
        assert (await client.post(SECRETS, json={}, headers=bearer(first))).status_code == 200
        problem(await client.post(SECRETS, json={}, headers=bearer(first)), 429, "rate_limited")
        assert (await client.post(SECRETS, json={}, headers=bearer(second))).status_code == 200


async def test_the_document_names_the_refusals_and_the_bearer_token(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()
    revoke = document["paths"][REVOKE]["post"]
    assert revoke["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for status, answer in operations["post"]["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (path, status)
                assert "`" in answer["description"], (path, status)
    assert set(document["paths"][GUEST]["post"]["responses"]) == {"201", "400", "413", "429", "500"}
