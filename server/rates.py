"""Limits of rate over HTTP, per process, in memory.

Fixed windows that begin with the first request: around a window's end up to twice the number can pass. A moving
window of the same library costs a thread hop per key at each sweep, and a sweep at each request: 42 ms of CPU per
thousand keys, measured, against 0.1 ms.
"""

import math
import time
from typing import Literal

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from realtime.errors import AppError
from realtime.limits import Limits

#: ``guests``, ``logins``, ``signups``: by the client's address. ``failed_logins``: by e-mail address, whoever tries.
#: ``client_secrets``: by user. New sessions are counted where they are made, by the database.
Rate = Literal["guests", "logins", "signups", "failed_logins", "client_secrets"]


class Rates:
    """Counts requests by name and key. ``limits.enforced`` False lifts all."""

    def __init__(self, limits: Limits) -> None:
        self._enforced = limits.enforced
        self._windows = FixedWindowRateLimiter(MemoryStorage())
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
        if await self._windows.hit(item, name, str(key)):
            return
        reset = (await self._windows.get_window_stats(item, name, str(key))).reset_time
        wait = max(1, math.ceil((reset - time.time()) * 1000))
        raise AppError("rate_limited", retry_after_ms=wait)

    async def forget(self, name: Rate, key: object) -> None:
        """Begin anew for this key."""
        await self._windows.clear(self._items[name], name, str(key))
