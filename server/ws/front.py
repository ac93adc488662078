"""What all connections of one server share."""

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from realtime.limits import Limits
from server.ws.keepalive import Keepalive


class Front:
    """``draining``: no new message is taken from sockets. ``most``: connections at a time."""

    def __init__(
        self, config: Config, state: ServerState, app_state: dict[str, Any], limits: Limits, most: int
    ) -> None:
        self.config = config
        self.state = state
        self.app_state = app_state
        self.limits = limits
        self.most = most
        self.loop = asyncio.get_running_loop()
        self.keepalive = Keepalive(limits.ping_seconds)
        self.draining = False

    @property
    def full(self) -> bool:
        return len(self.state.connections) > self.most
