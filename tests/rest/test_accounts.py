"""Accounts end to end on a real server: sockets and sessions feel what is done to credentials."""

import asyncio
import base64
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.rest.calls import HELLO, begin, problem, say
from tests.support import PATIENCE, Learner, RunningServer

PASSWORD = "correct horse"


def credentials() -> dict[str, str]:
    return {"email": f"{uuid4().hex}@example.org", "password": PASSWORD}


async def auth(server: RunningServer, action: str, body: Any = None, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        return await http.post(f"/v1/auth/{action}", json=body, headers=headers)


async def test_a_guest_practises_claims_and_finds_it_all_at_log_in(server: RunningServer) -> None:
    guest = await server.learner(timeZone="Europe/Berlin", ageBand="ADULT")
    session_id = await begin(guest)
    await say(guest, session_id, HELLO)
    body = credentials()
    claimed = await auth(server, "claim", body, guest.token)
    assert claimed.status_code == 200
    assert (await guest.get("/v1/wallet/me"))["xp"] == 0, "the guest's own token stays good"
    at_home = Learner(server.url, (await auth(server, "login", body)).json())
    assert at_home.user_id == guest.user_id
    assert [entry["id"] for entry in (await at_home.get("/v1/sessions"))["items"]] == [session_id]
    user = (await at_home.get("/v1/stats/dashboard"))["user"]
    assert (user["email"], user["timeZone"], user["ageBand"]) == (body["email"], "Europe/Berlin", "ADULT")


async def test_a_new_account_signs_up_once_and_logs_in_as_often_as_it_likes(server: RunningServer) -> None:
    body = credentials()
    first = await auth(server, "signup", {**body, "timeZone": "Asia/Tokyo"})
    assert first.status_code == 201
    problem(await auth(server, "signup", body), 409, "email_taken")
    problem(await auth(server, "login", {**body, "password": "wrong horse"}), 401, "token_invalid")
    for _ in range(2):
        again = Learner(server.url, (await auth(server, "login", body)).json())
        assert again.user_id == first.json()["user"]["id"]
        assert (await again.get("/v1/stats/dashboard"))["user"]["timeZone"] == "Asia/Tokyo"


async def test_refresh_rotates_and_a_reused_token_ends_its_family(server: RunningServer) -> None:
    guest = await server.learner()
    second = (await auth(server, "refresh", {"refreshToken": guest.refresh_token})).json()
    assert second["refreshToken"] != guest.refresh_token
    assert (await Learner(server.url, second).get("/v1/wallet/me"))["coins"] == 0
    lost = await auth(server, "refresh", {"refreshToken": guest.refresh_token})
    assert lost.json()["refreshToken"] == second["refreshToken"], "a lost answer is given again"
    third = (await auth(server, "refresh", {"refreshToken": second["refreshToken"]})).json()
    stolen = await auth(server, "refresh", {"refreshToken": guest.refresh_token})
    problem(stolen, 401, "token_invalid")
    problem(await auth(server, "refresh", {"refreshToken": third["refreshToken"]}), 401, "token_invalid")


async def test_log_out_ends_one_device(server: RunningServer) -> None:
    body = credentials()
    phone = (await auth(server, "signup", body)).json()
    laptop = (await auth(server, "login", body)).json()
    assert (await auth(server, "logout", {"refreshToken": phone["refreshToken"]})).status_code == 204
    problem(await auth(server, "refresh", {"refreshToken": phone["refreshToken"]}), 401, "token_invalid")
    assert (await auth(server, "refresh", {"refreshToken": laptop["refreshToken"]})).status_code == 200


async def test_revocation_closes_every_socket_and_refuses_every_credential(server: RunningServer) -> None:
    learner, other = await server.learner(), await server.learner()
    secret = (await learner.post("/v1/realtime/client_secrets", json={}))["value"]
    session_id = await begin(learner)
    by_secret = {"Authorization": f"Bearer {secret}"}
    async with (
        learner.connect(session_id=session_id) as first,
        learner.connect(headers=by_secret) as second,
        other.connect() as stranger,
    ):
        for wire in (first, second, stranger):
            await wire.next()
        assert (await auth(server, "revoke", token=learner.token)).status_code == 204
        async with asyncio.timeout(5):  # the promise
            assert [await first.closed(), await second.closed()] == [4505, 4505]
        await stranger.turn(HELLO)
    for path in ("/v1/wallet/me", f"/v1/sessions/{session_id}/events"):
        problem(await learner.call("GET", path), 401, "token_invalid")
    problem(await auth(server, "refresh", {"refreshToken": learner.refresh_token}), 401, "token_invalid")


# --- what is no access token --------------------------------------------------------------------------------------


def altered(token: str, **claims: Any) -> str:
    """The token with other claims and its old signature."""
    head, body, signature = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    made = base64.urlsafe_b64encode(json.dumps({**read, **claims}).encode()).decode().rstrip("=")
    return f"{head}.{made}.{signature}"


async def test_only_whole_and_present_tokens_open_anything(server: RunningServer, learner: Learner) -> None:
    secret = (await learner.post("/v1/realtime/client_secrets", json={}))["value"]
    victim = await server.learner()
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    tokens = server.app.state.services.tokens
    bad = (
        *("x", "x.y.z", learner.refresh_token, secret, learner.token[:-2], learner.token + "a"),
        altered(learner.token, sub=victim.user_id),
        altered(learner.token, exp=4_000_000_000),
        f"{unsigned}.{learner.token.split('.')[1]}.",
        tokens.access(learner.user_id, 1, now=1_000_000_000),
        tokens.access(learner.user_id, 99),
        tokens.access(uuid4(), 1),
    )
    for token in bad:
        headers = {"Authorization": f"Bearer {token}"}
        refused = await learner.call("GET", "/v1/wallet/me", headers=headers)
        problem(refused, 401, "token_invalid")
        assert refused.headers["www-authenticate"] == "Bearer"
    problem(
        await learner.call("GET", f"/v1/wallet/me?token={learner.token}", headers={"Authorization": ""}),
        401,
        "token_invalid",
    )


@pytest.mark.parametrize(
    ("action", "body", "param"),
    [
        ("guest", {"ageBand": "12"}, "ageBand"),
        ("guest", {"timeZone": "Mars/Olympus"}, "timeZone"),
        ("guest", {"timeZone": 7}, "timeZone"),
        ("guest", {"tier": "PREMIUM"}, "tier"),
        ("signup", {"email": "ada@example.org"}, "password"),
        ("signup", {"email": "ada@example.org", "password": "short"}, "password"),
        ("signup", {"email": "ada@example.org", "password": "long enough\0"}, "password"),
        ("signup", {"email": "nobody", "password": PASSWORD}, "email"),
        ("login", {"email": "ada@example.org", "password": PASSWORD, "timeZone": "Mars/Olympus"}, "timeZone"),
        ("refresh", {}, "refreshToken"),
        ("refresh", {"refreshToken": None}, "refreshToken"),
        ("logout", {"refreshToken": 5}, "refreshToken"),
    ],
)
async def test_bodies_are_checked(server: RunningServer, action: str, body: Any, param: str) -> None:
    problem(await auth(server, action, body), 400, "invalid_event", param)
