"""Several servers on one database: one loop, one bus (in the process, over Valkey, over a cluster of it)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from realtime.bus.local import Hub, LocalBus
from realtime.limits import Limits
from tests.support import RunningServer, running_server

QUIET = Limits(enforced=False)


@asynccontextmanager
async def server_on(
    dsn: str, directory: Path, *, hub: Hub | None = None, **options: Any
) -> AsyncIterator[RunningServer]:
    """``running_server`` with a bus: of ``hub``, or the one that ``redis_url`` names."""
    bus = LocalBus(hub) if hub is not None else None
    async with running_server(dsn, directory, bus=bus, **{"limits": QUIET, **options}) as server:
        yield server


Pair = Callable[..., Any]


@pytest.fixture(params=["local", "valkey", "triple"])
def pair(request: pytest.FixtureRequest, dsn: str, tmp_path: Path) -> Pair:
    """``async with pair() as (a, b)``: two servers (``count``: more) that share a database and a bus."""
    shared: dict[str, Any] = {}
    if request.param == "local":
        shared["hub"] = Hub()
    elif request.param == "valkey":
        shared["redis_url"] = request.getfixturevalue("valkey").url
    else:
        shared["redis_url"] = request.getfixturevalue("triple")[0].url

    @asynccontextmanager
    async def start(count: int = 2, **options: Any) -> AsyncIterator[list[RunningServer]]:
        async with AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(server_on(dsn, tmp_path, **shared, **options)) for _ in range(count)
            ]
            async with asyncio.timeout(10):
                while not all(server.engine.peers.bus.healthy for server in servers):
                    await asyncio.sleep(0.01)
            yield servers

    return start
