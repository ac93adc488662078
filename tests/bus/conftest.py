"""The three places that the contract of the bus is tested in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from realtime.bus import Bus
from realtime.bus.local import Hub, LocalBus
from realtime.bus.nodes import Clients
from realtime.bus.redis_bus import RedisBus
from server.embedded_valkey import EmbeddedValkey
from tests.bus.valkeys import PATIENCE, cluster_of

Make = Callable[..., Awaitable[tuple[Bus, "Ear"]]]


class Ear:
    """A receiver that keeps what it hears."""

    def __init__(self) -> None:
        self.messages: list[tuple[UUID, bytes]] = []
        self.joins: list[UUID] = []
        self.losses: list[UUID | None] = []

    def received(self, channel: UUID, message: bytes) -> None:
        self.messages.append((channel, message))

    def joined(self, channel: UUID) -> None:
        self.joins.append(channel)

    def lost(self, channel: UUID | None) -> None:
        self.losses.append(channel)

    def of(self, channel: UUID) -> list[bytes]:
        return [message for where, message in self.messages if where == channel]


async def until(check: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    """Wait for what must come, however loaded the machine is."""
    try:
        async with asyncio.timeout(seconds):
            while not check():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"did not come: {what}")


async def listening(bus: Bus, *channels: UUID) -> None:
    for channel in channels:
        bus.subscribe(channel)
    for channel in channels:
        assert await bus.subscribed(channel, PATIENCE)


@asynccontextmanager
async def buses_of(factory: Callable[..., Bus]) -> AsyncIterator[Make]:
    """Makes buses, started and up, and closes them in the end."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> tuple[Bus, Ear]:
            bus, ear = factory(**options), Ear()
            await bus.start(ear)
            stack.push_async_callback(bus.close)
            await until(lambda: bus.healthy, "the bus is up")
            return bus, ear

        yield make


@pytest.fixture(scope="session")
def single() -> Iterator[list[EmbeddedValkey]]:
    """A cluster of one node that has all slots."""
    with cluster_of(1) as nodes:
        yield nodes


@pytest.fixture(params=["local", "valkey", "single", "triple"])
async def make_bus(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """``bus, ear = await make_bus()``: as many as a test wants, which hear each other."""
    if request.param == "local":
        hub = Hub()
        async with buses_of(lambda **options: LocalBus(hub, **options)) as make:
            yield make
        return
    found = request.getfixturevalue(request.param)
    url = found.url if request.param == "valkey" else found[0].url
    async with buses_of(lambda **options: RedisBus(Clients(url), **options)) as make:
        yield make
