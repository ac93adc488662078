"""What opened a socket ends it: tokens that expire or are renewed, and revocation."""

import asyncio
import time
from typing import Any
from uuid import UUID

from realtime.limits import Limits
from server.app import services_of
from server.auth.tokens import Tokens
from storage import accounts
from tests.support import Learner, RunningServer
from tests.wire.conftest import opened
from tests.wire.helpers import client_secret, error_of, with_secret


def token(server: RunningServer, learner: Learner, seconds: float) -> str:
    """An access token of the learner that ends in ``seconds`` (at most a second less: it counts whole ones)."""
    tokens = services_of(server.app).tokens
    return tokens.access(UUID(learner.user_id), 1, now=time.time() + seconds - Tokens.ACCESS_SECONDS)


async def test_a_token_that_ends_is_announced_and_then_closes_with_4001(
    house: RunningServer, learner: Learner
) -> None:
    learner.token = token(house, learner, 4)
    ends = int(time.time() + 4)
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        warned = await wire.until("session.token_expiring")
        assert set(warned) == {"type", "event_id", "expires_at"}
        assert abs(warned["expires_at"] - ends) <= 1
        assert await wire.closed() == 4001
        assert abs(time.time() - warned["expires_at"]) < 3
        assert sum('"session.token_expiring"' in frame for frame in wire.frames) == 1
    learner.token = token(house, learner, 500)
    async with learner.connect(session_id=session_id) as wire:
        assert await wire.turn("The session lives on.")


async def test_the_warning_comes_sixty_seconds_before(house: RunningServer) -> None:
    """Of two sockets the one within the time is warned, the other not yet."""
    early, late = await house.learner(), await house.learner()
    early.token, late.token = token(house, early, 58), token(house, late, 90)
    async with early.connect("") as warned, late.connect("") as calm:
        await opened(warned)
        await opened(calm)
        assert await warned.until("session.token_expiring")
        assert await calm.drained(1.5) == []


async def test_a_new_token_keeps_the_socket(house: RunningServer, learner: Learner) -> None:
    learner.token = token(house, learner, 4)
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        await wire.until("session.token_expiring")
        await wire.send("session.refresh_token", token=token(house, learner, 8))
        assert set(await wire.until("session.token_refreshed")) == {"type", "event_id"}
        assert await wire.until("session.token_expiring"), "announced anew for the new one"
        await wire.send("session.refresh_token", token=token(house, learner, 500))
        await wire.until("session.token_refreshed")
        assert [frame["type"] for frame in await wire.drained(5)] == []
        assert await wire.turn("Still here.")


async def test_a_token_of_another_or_a_bad_one_is_refused(house: RunningServer, learner: Learner) -> None:
    other = await house.learner()
    secret = (await client_secret(learner))["value"]
    bad = [other.token, "nonsense", "", learner.refresh_token, secret, token(house, learner, -5), "x" * 4_096]
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        for each in bad:
            await wire.send("session.refresh_token", token=each, event_id="e")
            error = await error_of(wire)
            assert (error["code"], error["event_id"]) == ("token_invalid", "e")
        await wire.send("session.refresh_token", token="x" * 4_097)
        assert (await error_of(wire))["code"] == "invalid_event"
        assert await wire.turn("Still here.")


async def test_a_refresh_is_for_the_sender_alone(house: RunningServer, learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as one:
        session_id = await opened(one)
        async with learner.connect(session_id=session_id) as two:
            await two.next()
            await one.send("session.refresh_token", token=token(house, learner, 500))
            await one.until("session.token_refreshed")
            assert await two.drained() == []


async def test_a_client_secret_socket_does_not_expire(serve: Any) -> None:
    """A ten seconds' warning window would show in any socket that could expire; a secret's has no such time."""
    async with serve(limits=Limits(enforced=False, token_warning_seconds=10_000)) as server:
        learner = await server.learner()
        made = await client_secret(learner, expires_after={"anchor": "created_at", "seconds": 10})
        async with with_secret(server, made["value"]) as wire, learner.connect("") as other:
            await opened(wire)
            await opened(other)
            assert await other.until("session.token_expiring")
            assert await wire.drained(1.5) == []
            await wire.send("session.refresh_token", token=learner.token)
            assert await wire.until("session.token_refreshed")
            assert await wire.drained(1.5) == []


async def test_revocation_closes_every_socket_with_4505(house: RunningServer, learner: Learner) -> None:
    bystander = await house.learner()
    async with (
        learner.connect("persona:MAYA_PLAYFUL") as one,
        learner.connect("persona:NOA_CALM") as two,
        bystander.connect("") as other,
    ):
        for wire in (one, two, other):
            await opened(wire)
        await learner.post("/v1/auth/revoke")
        assert await one.closed() == 4505
        assert await two.closed() == 4505
        assert await other.turn("Nothing to do with me.")


async def test_revocation_by_another_process_is_seen(house: RunningServer, learner: Learner) -> None:
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        async with services_of(house.app).database.transaction() as connection:
            await accounts.revoke_all(connection, UUID(learner.user_id))
        async with asyncio.timeout(6):
            assert await wire.closed() == 4505


async def test_new_sockets_are_not_taken_for_revoked_ones(serve: Any) -> None:
    """Sockets of new users that open while the versions are read must stay open."""
    async with serve(limits=Limits(enforced=False, revocation_seconds=0.004)) as server:

        async def stays(number: int) -> None:
            learner = await server.learner()
            async with learner.connect("persona:MAYA_PLAYFUL") as wire:
                await opened(wire)
                assert await wire.turn(f"Line {number} of somebody new.")

        for _ in range(12):
            await asyncio.gather(*(stays(number) for number in range(5)))
