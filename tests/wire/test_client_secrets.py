"""A client secret opens one practice session, and finds it again."""

from sqlalchemy import text

from server.app import services_of
from tests.support import Learner, RunningServer
from tests.wire.conftest import opened
from tests.wire.helpers import client_secret, decoded, refused, refused_upgraded, with_secret


async def test_a_secret_attaches_again_to_its_one_session(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner, session={"type": "realtime", "model": "persona:NOA_CALM"})
    async with with_secret(house, made["value"], "model=persona:MAYA_PLAYFUL") as wire:
        created = await wire.next()
        assert created["session"]["model"] == "persona:NOA_CALM", "the secret's model wins"
        await wire.turn("My name is Tal.", "first")
    async with with_secret(house, made["value"]) as again:
        assert await again.next() == created
        head = (await again.turn("Are you still there?"))["seq"]
    async with with_secret(house, made["value"], "last_seq=0") as whole:
        assert (await whole.next())["type"] == "session.resumed"
        await whole.until(lambda frame: frame.get("seq") == head)
        assert [frame.get("seq") for frame in map(decoded, whole.durable)] == list(range(1, head + 1))
    sessions = await learner.get("/v1/sessions")
    assert len(sessions["items"]) == 1


async def test_without_a_model_in_the_secret_the_first_connects_wins(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner)
    async with with_secret(house, made["value"], "model=persona:NOA_CALM") as wire:
        assert (await wire.next())["session"]["model"] == "persona:NOA_CALM"
    async with with_secret(house, made["value"], "model=persona:MAYA_PLAYFUL") as wire:
        assert (await wire.next())["session"]["model"] == "persona:NOA_CALM"


async def test_two_first_connects_at_once_share_one_session(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner)
    async with with_secret(house, made["value"]) as one, with_secret(house, made["value"]) as two:
        assert await one.next() == await two.next()
    assert len((await learner.get("/v1/sessions"))["items"]) == 1


async def expire(house: RunningServer, learner: Learner) -> None:
    async with services_of(house.app).database.transaction() as connection:
        await connection.execute(
            text("UPDATE client_secret SET expires_at = now() - interval '1 second' WHERE user_id = :user"),
            {"user": learner.user_id},
        )


async def test_a_secret_that_expired_before_its_first_use_is_401(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner)
    await expire(house, learner)
    status, problem, _ = await refused(with_secret(house, made["value"]))
    assert (status, problem["code"]) == (401, "token_invalid")
    error, code = await refused_upgraded(with_secret(house, made["value"], subprotocols=["realtime"]))
    assert (error["code"], code) == ("token_invalid", 4500)
    assert (await learner.get("/v1/sessions"))["items"] == []


async def test_a_secret_that_was_used_in_time_lives_with_its_session(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner)
    async with with_secret(house, made["value"]) as wire:
        await opened(wire)
    await expire(house, learner)
    async with with_secret(house, made["value"]) as wire:
        assert (await wire.next())["session"]["id"] == made["session"]["id"]
        await wire.send("session.end")
        assert await wire.closed() == 1000
    async with with_secret(house, made["value"], "last_seq=0") as ended:
        assert await ended.closed() == 1000
        assert decoded(ended.durable[-1])["type"] == "session.summary"


async def test_a_revoked_secret_is_401(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner)
    used = await client_secret(learner)
    async with with_secret(house, used["value"]) as wire:
        await opened(wire)
        await learner.post("/v1/auth/revoke")
        assert await wire.closed() == 4505
    for value in (made["value"], used["value"]):
        status, problem, _ = await refused(with_secret(house, value))
        assert (status, problem["code"]) == (401, "token_invalid")


async def test_a_refused_first_connect_does_not_spend_the_secret(house: RunningServer, learner: Learner) -> None:
    made = await client_secret(learner)
    status, _, _ = await refused(with_secret(house, made["value"], "model=nothing"))
    assert status == 404
    async with with_secret(house, made["value"], "model=persona:NOA_CALM") as wire:
        assert await opened(wire) == made["session"]["id"]
