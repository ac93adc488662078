"""The places of sockets over all processes: taken, left, lent, and never waited for."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from realtime.bus.nodes import Clients
from realtime.bus.places import Calls, RedisPlaces
from realtime.bus.redis_bus import RedisBus
from server.embedded_valkey import EmbeddedValkey
from tests.bus.conftest import Ear, until
from tests.bus.valkeys import command

LEASE = 1.5  # seconds


@pytest.fixture(params=["valkey", "triple"])
def nodes(request: pytest.FixtureRequest) -> list[EmbeddedValkey]:
    found = request.getfixturevalue(request.param)
    return found if isinstance(found, list) else [found]


@pytest.fixture
async def pair(nodes: list[EmbeddedValkey]) -> AsyncIterator[tuple[RedisPlaces, RedisPlaces]]:
    """Two processes' views of the same places."""
    clients = Clients(nodes[0].url)
    bus = RedisBus(clients)
    await bus.start(Ear())
    await until(lambda: bus.healthy, "the bus is up")
    calls = [Calls(clients, bus, time.monotonic) for _ in range(2)]
    one, two = (RedisPlaces(call, lease_seconds=LEASE) for call in calls)
    yield one, two
    for call in calls:
        await call.close()
    await bus.close()


async def test_the_limit_holds_over_both(pair: tuple[RedisPlaces, RedisPlaces]) -> None:
    user, keys = uuid4(), []
    for number in range(5):
        assert await pair[number % 2].free(user, 5)
        keys.append(await pair[number % 2].take(user, 5))
    assert None not in keys
    assert len(set(keys)) == 5
    for places in pair:
        assert not await places.free(user, 5)
        assert await places.take(user, 5) is None
        assert await places.take(uuid4(), 5), "another user has places of their own"
    await pair[0].leave(user, str(keys[1]))
    assert await pair[0].take(user, 5)
    assert await pair[1].take(user, 5) is None


async def test_sixteen_at_once_take_five(pair: tuple[RedisPlaces, RedisPlaces]) -> None:
    user = uuid4()
    taken = await asyncio.gather(*(pair[n % 2].take(user, 5) for n in range(16)))
    assert sum(key is not None for key in taken) == 5


async def test_a_place_is_lent(pair: tuple[RedisPlaces, RedisPlaces]) -> None:
    """The sockets of a process that was killed stop counting; those that are renewed go on."""
    user, kept = uuid4(), await pair[0].take(user_id := uuid4(), 2)
    assert kept is not None
    assert await pair[1].take(user_id, 2)
    assert await pair[0].take(user_id, 2) is None
    deadline = asyncio.get_running_loop().time() + 20
    while not await pair[0].free(user_id, 2):
        await pair[0].renew([(user_id, kept), (user, "of another user")])
        await asyncio.sleep(LEASE / 6)
        assert asyncio.get_running_loop().time() < deadline, "the other place is never given back"
    await pair[0].renew([(user_id, kept)])
    assert await pair[1].take(user_id, 2)
    assert await pair[1].take(user_id, 2) is None, "the renewed one counts still"


async def test_erased_places_come_back_with_their_renewal(
    pair: tuple[RedisPlaces, RedisPlaces], nodes: list[EmbeddedValkey]
) -> None:
    user = uuid4()
    keys = [str(await pair[0].take(user, 2)) for _ in range(2)]
    for node in nodes:
        command(node, "FLUSHALL")
    await pair[0].renew([(user, key) for key in keys])
    assert not await pair[1].free(user, 2)


async def test_without_redis_nobody_is_refused_and_nobody_waits() -> None:
    mortal = EmbeddedValkey.start()
    clients = Clients(mortal.url)
    bus = RedisBus(clients)
    await bus.start(Ear())
    calls = Calls(clients, bus, time.monotonic)
    places = RedisPlaces(calls, lease_seconds=LEASE)
    try:
        await until(lambda: bus.healthy, "the bus is up")
        user = uuid4()
        assert await places.take(user, 1)
        command(mortal, "CLIENT", "PAUSE", 3_000, "ALL")
        began = time.monotonic()
        for _ in range(50):
            assert await places.free(user, 1)
            assert await places.take(user, 1)
        assert time.monotonic() - began < 3.0, "one call waits for its time-out, the rest for nothing"
    finally:
        await calls.close()
        await bus.close()
        mortal.stop()
