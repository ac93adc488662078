"""What processes share beside the database: the bus, the places of sockets and the counters of rates, on one Redis.

A Redis that can't be reached, at the start or later, stops nothing: the server starts and goes on without it (each
loss is one line of the log), tries again, and is as before when it is there. It costs speed, never data.
"""

import time

import msgspec

from realtime.bus.nodes import Clients
from realtime.bus.places import Calls, RedisPlaces
from realtime.bus.redis_bus import RedisBus
from realtime.limits import Limits
from server.settings import Settings


class Shared(msgspec.Struct, frozen=True):
    """All None without ``REDIS_URL``: then this is the only process."""

    bus: RedisBus | None = None
    calls: Calls | None = None
    places: RedisPlaces | None = None

    @classmethod
    def of(cls, settings: Settings, limits: Limits) -> "Shared":
        if settings.redis_url is None:
            return cls()
        clients = Clients(settings.redis_url)
        bus = RedisBus(clients)
        calls = Calls(clients, bus, time.monotonic)
        return cls(bus, calls, RedisPlaces(calls, lease_seconds=limits.attach_lease_seconds))

    async def close(self) -> None:
        """The bus is closed by the engine, which was told by it last."""
        if self.calls is not None:
            await self.calls.close()
