"""Limits of rate of one socket, in memory: a token bucket for frames, and a count of bad ones."""

import time
from collections import deque


class Bucket:
    """``rate`` tokens a second, at most ``burst`` saved up."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = time.monotonic()

    def take(self, now: float | None = None) -> float:
        """Take one token: 0, or the seconds until there is one (none is taken then)."""
        self._refill(now)
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate

    def charge(self, tokens: int = 1, now: float | None = None) -> float:
        """Take tokens for what has happened already, also when there are none: the seconds until the debt is paid."""
        self._refill(now)
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._rate)

    def _refill(self, now: float | None) -> None:
        now = time.monotonic() if now is None else now
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class BadFrames:
    """Counts bad frames of the last minute."""

    __slots__ = ("_most", "_seen")

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: deque[float] = deque()

    def count(self, now: float | None = None) -> bool:
        """Note one; True when there were ``most`` within a minute."""
        now = time.monotonic() if now is None else now
        self._seen.append(now)
        while self._seen and now - self._seen[0] > 60:
            self._seen.popleft()
        return len(self._seen) >= self._most
