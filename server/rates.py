"""Limits of rate over HTTP: over all processes where Redis is, else (or while it is down) in each one's memory.

Fixed windows that begin with the first request: around a window's end up to twice the number can pass. A moving
window of the same library costs, in memory, a thread hop per key at each sweep, and a sweep at each request: 42 ms of
CPU per thousand keys, measured, against 0.1 ms. While Redis is down N processes let N times as many through.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisClusterStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from realtime.bus.nodes import FAILURES
from realtime.bus.places import Calls
from realtime.errors import AppError
from realtime.limits import Limits

T = TypeVar("T")
#: ``guests``, ``logins``, ``signups``: by the client's address. ``failed_logins``: by e-mail address, whoever tries.
#: ``client_secrets``: by user. New sessions are counted where they are made, by the database.
Rate = Literal["guests", "logins", "signups", "failed_logins", "client_secrets"]


class Rates:
    """Counts requests by name and key. ``limits.enforced`` False lifts all. ``calls``: to the shared Redis."""

    def __init__(self, limits: Limits, calls: Calls | None = None) -> None:
        self._enforced = limits.enforced
        self._calls = calls
        self._here = FixedWindowRateLimiter(MemoryStorage())
        self._shared: FixedWindowRateLimiter | None = None
        self._storage: RedisStorage | None = None
        self._making = asyncio.Lock()
        self._items: dict[Rate, RateLimitItem] = {
            "guests": RateLimitItemPerHour(limits.guests_per_hour),
            "logins": RateLimitItemPerMinute(limits.logins_per_minute),
            # Making an account or giving it a password costs what a log-in costs: one hash.
            "signups": RateLimitItemPerMinute(limits.logins_per_minute),
            "failed_logins": RateLimitItemPerMinute(limits.logins_per_minute),
            "client_secrets": RateLimitItemPerMinute(limits.client_secrets_per_minute),
        }

    async def check(self, name: Rate, key: object) -> None:
        """Count one request. Raises ``AppError("rate_limited")`` with the time until the window ends."""
        if not self._enforced:
            return
        item = self._items[name]
        wait = await self._count(lambda windows: _hit(windows, item, name, str(key)))
        if wait is not None:
            raise AppError("rate_limited", retry_after_ms=wait)

    async def forget(self, name: Rate, key: object) -> None:
        """Begin anew for this key."""
        await self._count(lambda windows: windows.clear(self._items[name], name, str(key)))

    async def close(self) -> None:
        if self._storage is not None:
            await _client_of(self._storage).aclose()

    async def _count(self, work: Callable[[FixedWindowRateLimiter], Awaitable[T]]) -> T:
        """With the shared windows if they can be reached, else with our own."""
        if self._calls is not None and self._calls.ready:
            try:
                return await work(self._shared or await self._connected(self._calls))
            except FAILURES as error:
                self._calls.failed(error)
        return await work(self._here)

    async def _connected(self, calls: Calls) -> FixedWindowRateLimiter:
        """The shared windows, made once: a cluster's client must know its nodes before several use it."""
        async with self._making:
            if self._shared is None:
                self._storage = self._storage or _storage(calls)
                await _client_of(self._storage).initialize()
                self._shared = FixedWindowRateLimiter(self._storage)
            return self._shared


def _client_of(storage: RedisStorage) -> Any:
    bridge: Any = storage.bridge
    return bridge.get_connection()


async def _hit(windows: FixedWindowRateLimiter, item: RateLimitItem, name: str, key: str) -> int | None:
    """Count one; None where it is allowed, else milliseconds until the window ends."""
    if await windows.hit(item, name, key):
        return None
    reset = (await windows.get_window_stats(item, name, key)).reset_time
    return max(1, math.ceil((reset - time.time()) * 1000))


def _storage(calls: Calls) -> RedisStorage:
    """The library's storage on our own kind of client: bounded calls, none sent twice."""
    uri, options = calls.rate_storage()
    kind = RedisClusterStorage if "+cluster" in uri else RedisStorage
    return kind(uri, implementation="redispy", key_prefix="sg:rates", **options)
