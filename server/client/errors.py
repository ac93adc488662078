"""What can go wrong for a client, as types::

ClientError
├── Unreachable          nobody answers at the address
├── ApiError             an HTTP answer of 400 or above (problem+json)
│   └── ConnectionRefused    the same, to the upgrade of a socket
├── EventError           an ``error`` event that answers one of our events
├── Closed               the socket is closed for good
├── Overflowed           events came faster than they were read
└── DeadlinePassed       no answer in time (a ``TimeoutError`` too)
"""

from typing import Any

import msgspec


class ClientError(Exception):
    """Base of every error that this package raises on purpose."""


class Unreachable(ClientError):
    """No server answered at ``url``: nothing listens, the name is unknown, or the network is down."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"no server at {url}: {why}")
        self.url = url
        self.why = why


class ApiError(ClientError):
    """The server's refusal. ``code`` is its machine-readable word (empty when the body held none);
    ``problem`` is the whole problem+json document, ``{}`` when the body was none."""

    def __init__(self, status: int, code: str, message: str, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {code}: {message}" if code else f"{status}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.problem = problem


class ConnectionRefused(ApiError):
    """The upgrade to a WebSocket was answered with an HTTP status instead."""


class EventError(ClientError):
    """An ``error`` event. ``retry_after`` is in seconds, None when the server named no time."""

    def __init__(self, code: str, message: str, *, kind: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.kind = kind
        self.retry_after = retry_after


class Closed(ClientError):
    """The socket is closed and will not come back by itself."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with {code}" + (f": {reason}" if reason else ""))
        self.code = code
        self.reason = reason


class Overflowed(ClientError):
    """The bounded queue of unread events was full, so later ones were not kept: read faster, or come back
    with the ``last_seq`` of the last event that was read."""


class DeadlinePassed(ClientError, TimeoutError):
    """What was waited for did not come within ``seconds``."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"no {what} within {seconds:g} s")
        self.what = what
        self.seconds = seconds


def problem_of(status: int, body: bytes | None) -> tuple[str, str, dict[str, Any]]:
    """``(code, message, problem)`` of an error body; a body that is no JSON object gives plain words."""
    try:
        problem = msgspec.json.decode(body or b"", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = {}
    message = problem.get("detail") or problem.get("message") or problem.get("title")
    return str(problem.get("code") or ""), str(message or f"the server answered {status}"), problem
