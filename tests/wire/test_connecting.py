"""Who is let in, to what: targets, credentials, subprotocols, refusals, origins."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
import websockets

from realtime.limits import Limits
from server.app import services_of
from storage.catalogue.loader import DEFAULT_PERSONA, load
from storage.catalogue.model import Catalogue
from tests.conftest import new_database
from tests.support import Learner, RunningServer, Wire, running_server
from tests.wire.conftest import opened
from tests.wire.helpers import client_secret, only_closes, refused, refused_upgraded, with_secret

CAFE = "template:OPENERS_CAFE_HELLO"
LOCKED = "template:OPENERS_BOOKSHOP"


# --- targets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["", None, "gpt-realtime", "gpt-4o-realtime-preview"])
async def test_empty_and_gpt_names_are_free_play_with_the_default_persona(
    learner: Learner, model: str | None
) -> None:
    async with learner.connect(model) as wire:
        session = (await wire.next())["session"]
    assert session["object"] == "realtime.session"
    assert session["type"] == "realtime"
    assert session["model"] == (model or "")
    ours = session["socialgym"]
    default = load().personas[DEFAULT_PERSONA]
    assert ours["persona"] == {"key": default.code, "name": default.name}
    assert ours["aiMode"] == "FREEPLAY"
    assert "template" not in ours
    assert "categoryKey" not in ours
    assert "difficulty" not in ours


async def test_a_persona_is_free_play_with_it(learner: Learner) -> None:
    async with learner.connect("persona:NOA_CALM") as wire:
        session = (await wire.next())["session"]
    assert session["socialgym"]["persona"]["key"] == "NOA_CALM"
    assert session["socialgym"]["aiMode"] == "FREEPLAY"


async def test_a_template_is_a_mission(learner: Learner) -> None:
    async with learner.connect(CAFE) as wire:
        session = (await wire.next())["session"]
    ours = session["socialgym"]
    assert ours["template"]["code"] == "OPENERS_CAFE_HELLO"
    assert ours["template"]["title"]
    assert ours["template"]["objective"]
    assert (ours["categoryKey"], ours["difficulty"], ours["aiMode"]) == ("OPENERS", "EASY", "MISSION")
    assert ours["limits"]["turns"] == 6
    assert ours["memorySnapshot"] is None, "nothing is known of a new learner"


@pytest.mark.parametrize(
    "model",
    [
        "template:NO_SUCH",
        "persona:NO_SUCH",
        "template:",
        "persona:",
        "claude",
        "template",
        "GPT-x",
        "%00",
        "x" * 5_000,
    ],
)
async def test_an_unknown_target_is_404(learner: Learner, model: str) -> None:
    status, problem, _ = await refused(learner.connect(model))
    assert (status, problem["code"]) == (404, "not_found")
    error, code = await refused_upgraded(learner.connect(model, subprotocols=["realtime"]))
    assert (error["code"], error["type"], code) == ("not_found", "invalid_request_error", 4499)


async def test_a_locked_mission_is_403(learner: Learner) -> None:
    status, problem, _ = await refused(learner.connect(LOCKED))
    assert (status, problem["code"]) == (403, "mission_locked")
    error, code = await refused_upgraded(learner.connect(LOCKED, subprotocols=["realtime"]))
    assert (error["code"], code) == ("mission_locked", 4499)


def adult_catalogue() -> Catalogue:
    """The shipped one, with NOA_CALM and the openers for adults only."""
    shipped = load()
    noa = msgspec.structs.replace(shipped.personas["NOA_CALM"], audience="ADULT")
    openers = msgspec.structs.replace(shipped.categories["OPENERS"], audience="ADULT")
    return msgspec.structs.replace(
        shipped,
        personas={**shipped.personas, "NOA_CALM": noa},
        categories={**shipped.categories, "OPENERS": openers},
    )


async def test_adult_content_is_for_adults_alone(serve: Any) -> None:
    async with serve(limits=Limits(enforced=False), catalogue=adult_catalogue()) as server:
        for band in ("UNKNOWN", "13_15", "16_17"):
            someone = await server.learner(**({} if band == "UNKNOWN" else {"ageBand": band}))
            for model in ("persona:NOA_CALM", CAFE):
                status, problem, _ = await refused(someone.connect(model))
                assert (status, problem["code"]) == (403, "audience_not_allowed")
            error, code = await refused_upgraded(someone.connect(CAFE, subprotocols=["realtime"]))
            assert (error["code"], code) == ("audience_not_allowed", 4499)
        adult = await server.learner(ageBand="ADULT")
        for model in ("persona:NOA_CALM", CAFE):
            async with adult.connect(model) as wire:
                assert (await wire.next())["type"] == "session.created"


# --- credentials ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer ek_nonsense"},
        {"Authorization": "Bearer " + "x" * 5_000},
    ],
)
async def test_a_missing_or_bad_credential_is_401(house: RunningServer, headers: dict[str, str]) -> None:
    url = f"{house.ws}/v1/realtime?model="
    status, problem, said = await refused(Wire(url, headers=headers))
    assert (status, problem["code"]) == (401, "token_invalid")
    assert said["www-authenticate"] == "Bearer"
    error, code = await refused_upgraded(Wire(url, headers=headers, subprotocols=["realtime"]))
    assert (error["code"], code) == ("token_invalid", 4500)


async def test_an_expired_access_token_is_401(house: RunningServer, learner: Learner) -> None:
    tokens = services_of(house.app).tokens
    learner.token = tokens.access(UUID(learner.user_id), 1, now=1_700_000_000)
    status, problem, _ = await refused(learner.connect(""))
    assert (status, problem["code"]) == (401, "token_invalid")


async def test_a_refresh_token_opens_nothing(learner: Learner) -> None:
    learner.token = learner.refresh_token
    status, _, _ = await refused(learner.connect(""))
    assert status == 401


async def test_the_query_string_is_no_place_for_a_credential(house: RunningServer, learner: Learner) -> None:
    secret = (await client_secret(learner))["value"]
    for name in ("access_token", "token", "api_key", "client_secret", "authorization"):
        for credential in (learner.token, secret):
            status, _, _ = await refused(Wire(f"{house.ws}/v1/realtime?model=&{name}={credential}"))
            assert status == 401


async def test_a_client_secret_is_a_bearer_token(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner)
    async with with_secret(house, made["value"]) as wire:
        assert await opened(wire) == made["session"]["id"]
        assert wire.socket.subprotocol is None
        assert await wire.turn("Hello there, how are you?")


async def test_a_browser_gives_its_secret_as_a_subprotocol(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner, session={"type": "realtime", "model": "persona:NOA_CALM"})
    offered = ["chat.v2", "realtime", f"openai-insecure-api-key.{made['value']}", "openai-beta.realtime-v1"]
    async with Wire(f"{house.ws}/v1/realtime", subprotocols=offered) as wire:
        assert wire.socket.subprotocol == "realtime"
        response = wire.socket.response
        assert response is not None
        assert made["value"] not in "".join(value for _, value in response.headers.raw_items())
        created = await wire.next()
        assert created["session"]["id"] == made["session"]["id"]
        assert made["value"] not in wire.frames[0]


async def test_a_secret_alone_without_realtime_selects_no_subprotocol(house: RunningServer, learner: Learner) -> None:
    """The secret is never echoed, so the handshake has none; a client that insists on one gives up by itself."""
    made = await client_secret(learner)
    offered = [f"openai-insecure-api-key.{made['value']}"]
    async with Wire(f"{house.ws}/v1/realtime", subprotocols=offered) as wire:
        assert wire.socket.subprotocol is None
        assert (await wire.next())["type"] == "session.created"


async def test_other_subprotocols_are_ignored(learner: Learner) -> None:
    async with learner.connect("", subprotocols=["graphql-ws", "realtime.v2"]) as wire:
        assert wire.socket.subprotocol is None
        assert (await wire.next())["type"] == "session.created"


async def test_compression_is_refused(learner: Learner) -> None:
    url = f"{learner.ws}/v1/realtime?model="
    async with websockets.connect(url, additional_headers=learner.headers, compression="deflate") as socket:
        assert socket.response is not None
        assert "sec-websocket-extensions" not in socket.response.headers
        assert socket.protocol.extensions == []


# --- the door ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://practice.example.org", "same"])
async def test_the_own_and_an_allowed_origin_come_in(learner: Learner, origin: str) -> None:
    origin = learner.url if origin == "same" else origin
    async with learner.connect("", headers={**learner.headers, "Origin": origin}) as wire:
        assert (await wire.next())["type"] == "session.created"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.org",
        "http://practice.example.org",
        "https://practice.example.org.evil.org",
        "https://practice.example.org:8443",
        "https://PRACTICE.example.org",
        "http://127.0.0.1",
        "http://localhost",
        "null",
        "http://[",
        "practice.example.org",
    ],
)
async def test_another_origin_is_403(learner: Learner, origin: str) -> None:
    headers = {**learner.headers, "Origin": origin}
    status, problem, _ = await refused(learner.connect("", headers=headers))
    assert (status, problem["code"]) == (403, "origin_not_allowed")
    error, code = await refused_upgraded(learner.connect("", headers=headers, subprotocols=["realtime"]))
    assert (error["code"], code) == ("origin_not_allowed", 4499)


async def test_a_draining_server_is_503_and_1013(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with (
        new_database(postgres, template_database) as dsn,
        running_server(dsn, tmp_path_factory.mktemp("drain"), limits=Limits(enforced=False)) as server,
    ):
        learner = await server.learner()
        server.engine.draining = True
        status, problem, headers = await refused(learner.connect(""))
        assert (status, problem["code"]) == (503, "draining")
        assert int(headers["retry-after"]) >= 1
        error, code = await refused_upgraded(learner.connect("", subprotocols=["realtime"]))
        assert (error["code"], error["type"], code) == ("draining", "server_error", 1013)
        server.engine.draining = False


async def test_a_failure_at_the_door_is_500_and_1011(house: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = await house.learner()

    async def broken(*_: object, **__: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr(house.engine.joiner, "prepare", broken)
    status, problem, _ = await refused(learner.connect(""))
    assert (status, problem["code"]) == (500, "internal_error")
    assert "database" not in str(problem)
    error, code = await refused_upgraded(learner.connect("", subprotocols=["realtime"]))
    assert (error["code"], error["type"], code) == ("internal_error", "server_error", 1011)


async def test_a_failure_behind_the_door_is_said_and_closes_with_1011(
    house: RunningServer, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise OSError("no database")

    with monkeypatch.context() as patch:
        patch.setattr(house.engine.joiner, "catch_up", broken)
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:
            frame = await wire.next()
            assert (frame["type"], frame["error"]["code"]) == ("error", "internal_error")
            assert await only_closes(wire) == 1011
    session_id = (await learner.get("/v1/sessions"))["items"][0]["id"]
    async with learner.connect(session_id=session_id, last_seq=0) as wire:
        assert await wire.turn("The session was not harmed.")
