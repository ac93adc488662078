"""When to come back, and after how long."""

import random
import secrets
from typing import Literal

import msgspec

# Seconds. The first wait lies in 0..0.5, so that a restart of the server is hardly noticed; no wait is
# longer than 20, well inside the 120 that a session outlives its last socket.
BASE = 0.5
CAP = 20.0
# A wait doubles with each attempt; beyond this many the cap has long been reached.
_MAX_DOUBLINGS = 10


class CloseRule(msgspec.Struct, frozen=True):
    """What a close code means, and what to do: reconnect, refresh the token first, or stop."""

    then: Literal["reconnect", "refresh", "stop"]
    meaning: str


CLOSE_RULES: dict[int, CloseRule] = {
    1000: CloseRule("stop", "done"),
    1001: CloseRule("reconnect", "the other side went away"),
    1005: CloseRule("reconnect", "closed without a code"),
    1006: CloseRule("reconnect", "the connection broke"),
    1007: CloseRule("stop", "a frame was not valid UTF-8"),
    1009: CloseRule("stop", "a frame was too large"),
    1011: CloseRule("reconnect", "an error of the server, or no pong"),
    1012: CloseRule("reconnect", "the server restarts"),
    1013: CloseRule("reconnect", "the server is busy, or this side read too slowly"),
    4001: CloseRule("refresh", "the token has expired"),
    4499: CloseRule("stop", "refused"),
    4500: CloseRule("stop", "unauthorized"),
    4504: CloseRule("stop", "too many connections"),
    4505: CloseRule("stop", "revoked"),
    4508: CloseRule("stop", "abuse"),
}
_UNKNOWN = CloseRule("stop", "an unknown code")


def close_rule(code: int) -> CloseRule:
    """The rule of a close code; unknown codes stop, so that a client never hammers on a new refusal."""
    return CLOSE_RULES.get(code, _UNKNOWN)


class Backoff:
    """Exponential, with full jitter: attempt n waits a uniform time in 0..min(cap, base * 2^n) seconds.

    Jitter over the whole range spreads clients that lost the same server. ``rng`` is for tests; the
    default one is the operating system's, so that two clients never share a sequence.
    """

    def __init__(self, rng: random.Random | None = None, *, base: float = BASE, cap: float = CAP) -> None:
        self._rng = rng or secrets.SystemRandom()
        self._base = base
        self._cap = cap
        self.attempt = 0

    def ceiling(self) -> float:
        """The longest that the next wait can be, in seconds."""
        return min(self._cap, self._base * float(2 ** min(self.attempt, _MAX_DOUBLINGS)))

    def next(self, hint: float = 0.0) -> float:
        """Seconds to wait now. ``hint``: the server asked clients to spread over this long (at most the cap)."""
        wait = self._rng.uniform(0.0, max(self.ceiling(), min(hint, self._cap)))
        self.attempt += 1
        return wait

    def reset(self) -> None:
        """The connection is good again: the next loss starts from the beginning."""
        self.attempt = 0
