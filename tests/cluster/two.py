"""A learner at several servers."""

from typing import Any

import websockets

from tests.support import Learner, RunningServer, Wire

MISSION = "template:OPENERS_CAFE_HELLO"


class PatientWire(Wire):
    """Takes every frame off the network at once, also those that its test never reads: a close is not held up."""

    async def __aenter__(self) -> "PatientWire":
        self.socket = await websockets.connect(
            self._url, additional_headers=self._headers, compression=None, max_size=None, max_queue=None
        )
        return self


class Visitor(Learner):
    """The same learner, with the same token, at one of several servers."""

    def connect(self, model: str | None = None, **options: Any) -> Wire:
        made = super().connect(model, **options)
        return PatientWire(made._url, headers=made._headers)


async def guest(server: RunningServer) -> Visitor:
    return at(server, await Learner.guest(server.url))


def at(server: RunningServer, learner: Learner) -> Visitor:
    tokens = {"accessToken": learner.token, "refreshToken": learner.refresh_token, "user": {"id": learner.user_id}}
    return Visitor(server.url, tokens)


async def opened(wire: Wire) -> str:
    """The id of the session that this socket began."""
    return str((await wire.until("session.created"))["session"]["id"])


async def joined(wire: Wire) -> None:
    """A socket that came to a session (``last_seq`` absent) is live when the server holds it."""
    await wire.until("session.created")


def upto(wire: Wire, frame: dict[str, Any]) -> Any:
    """Read on to the durable frame with this seq."""
    return wire.until(lambda other: other.get("seq") == frame["seq"])
