"""The sockets of a user, counted over all processes: one sorted set a user, each member with its own expiry.

A socket that leaves in order gives its place back at once; those of a process that was killed stop counting when
their lease ends. While Redis is down each process counts its own alone; when it comes back (empty, perhaps), the next
renewal brings the sockets that are there.
"""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from realtime.bus.nodes import FAILURES, Clients
from realtime.bus.redis_bus import RedisBus

T = TypeVar("T")
log = structlog.get_logger("socialgym.bus")
PAUSE_SECONDS = 1.0  # after a call that failed, none is tried for so long: nobody waits for a Redis that is not there
RENEW_AT_ONCE = 200

# Times are the server's: processes' clocks may differ.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
if ARGV[3] then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
"""
_RENEW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""


class Places(Protocol):
    """``take`` and ``free`` say True where they can't know: then the limit holds in each process alone."""

    async def free(self, user_id: UUID, limit: int) -> bool:
        """Whether the user may have one more socket."""

    async def take(self, user_id: UUID, limit: int) -> str | None:
        """A place for one more socket, by its key; None: all are taken."""

    async def leave(self, user_id: UUID, key: str) -> None: ...

    async def renew(self, held: Iterable[tuple[UUID, str]]) -> None: ...


class Calls:
    """Single commands to Redis, bounded in time and never sent twice; none while it is down."""

    def __init__(self, clients: Clients, bus: RedisBus, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._bus = bus
        self._clock = clock
        self._paused_until = 0.0
        self._client: Any = None
        self._making = asyncio.Lock()

    @property
    def ready(self) -> bool:
        return self._bus.topology is not None and self._clock() >= self._paused_until

    async def run(self, work: Callable[[Any], Awaitable[T]]) -> T | None:
        """What ``work`` gives with a client; None when Redis is down or fails."""
        if not self.ready:
            return None
        try:
            return await work(self._client or await self._connected())
        except FAILURES as error:
            self.failed(error)
            return None

    async def _connected(self) -> Any:
        """The client, made once: a cluster's, used by several before it knows its nodes, closes its connections."""
        async with self._making:
            if self._client is None:
                assert self._bus.topology is not None, "it is ready"
                made = self._clients.commands(self._bus.topology)
                try:
                    await made.initialize()
                except BaseException:
                    await made.aclose()
                    raise
                self._client = made
            return self._client

    def failed(self, error: BaseException) -> None:
        log.warning("a call to Redis failed", error=str(error), kind=type(error).__name__)
        self._paused_until = self._clock() + PAUSE_SECONDS

    def rate_storage(self) -> tuple[str, dict[str, Any]]:
        """Address and options for a storage of the library ``limits``; asked for while ``ready``."""
        topology, home = self._bus.topology, self._clients.home
        assert topology is not None, "it is ready"
        kind = "redis+cluster" if topology.sharded else "redis"
        return f"async+{kind}://{home.host}:{home.port}", self._clients.command_options(topology)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class RedisPlaces:
    """See ``Places``."""

    def __init__(self, calls: Calls, *, lease_seconds: float, prefix: str = "sg") -> None:
        self._calls = calls
        self._lease_ms = int(lease_seconds * 1000)
        self._prefix = prefix
        self._origin = secrets.token_hex(4)
        self._numbers = itertools.count()

    async def free(self, user_id: UUID, limit: int) -> bool:
        return await self._calls.run(lambda c: c.eval(_TAKE, 1, self._name(user_id), limit, self._lease_ms)) != 0

    async def take(self, user_id: UUID, limit: int) -> str | None:
        key = f"{self._origin}{next(self._numbers):x}"
        name = self._name(user_id)
        taken = await self._calls.run(lambda c: c.eval(_TAKE, 1, name, limit, self._lease_ms, key))
        return None if taken == 0 else key

    async def leave(self, user_id: UUID, key: str) -> None:
        await self._calls.run(lambda c: c.zrem(self._name(user_id), key))

    async def renew(self, held: Iterable[tuple[UUID, str]]) -> None:
        of_user: dict[UUID, list[str]] = {}
        for user_id, key in held:
            of_user.setdefault(user_id, []).append(key)
        users = list(of_user.items())
        for at in range(0, len(users), RENEW_AT_ONCE):
            page = users[at : at + RENEW_AT_ONCE]
            await self._calls.run(partial(self._renew, page))

    async def _renew(self, page: list[tuple[UUID, list[str]]], client: Any) -> None:
        pipeline = client.pipeline(transaction=False)
        for user_id, keys in page:
            pipeline.eval(_RENEW, 1, self._name(user_id), self._lease_ms, *keys)
        await pipeline.execute()

    def _name(self, user_id: UUID) -> str:
        return f"{self._prefix}:{{{user_id}}}:sockets"
