"""Running the server: a listening socket of our own, uvicorn on it, and an orderly way down.

uvicorn closes sockets before the lifespan's shutdown; so the drain is done here, before it: new sockets are refused,
the open ones are told and closed with 1012, running commits finish, and the sessions stay open for the next process.
"""

import asyncio
import random
import signal
import socket
import sys
from collections.abc import Callable

import structlog
import uvicorn
from litestar import Litestar

from realtime import limits
from realtime.protocol.events import signal as frame_of
from server.app import services_of
from server.settings import Settings

log = structlog.get_logger("socialgym.server")
BACKLOG = 2_048
USER_TIMEOUT_MS = 30_000  # a peer that acknowledges nothing for so long is gone (the kernel resets it)
PING_SECONDS = 20.0
RECONNECT_SPREAD_MS = 3_000
DRAIN_BATCH = 100


def listen(host: str, port: int) -> socket.socket:
    """A bound listening socket. ``TCP_USER_TIMEOUT`` on it is inherited by the accepted ones, and evicts peers that
    stop reading, which neither uvicorn nor websockets do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    made.bind((host, port))
    made.listen(BACKLOG)
    made.setblocking(False)
    return made


class Server(uvicorn.Server):
    """uvicorn with our drain. ``on_started`` is called when the socket is served; ``port`` is the real one."""

    def __init__(
        self,
        app: Litestar,
        settings: Settings,
        listening: socket.socket,
        on_started: Callable[[], None] | None = None,
    ) -> None:
        self.app = app
        self.listening = listening
        self.port: int = listening.getsockname()[1]
        self._on_started = on_started
        super().__init__(
            uvicorn.Config(
                app,
                ws="websockets-sansio",
                ws_max_size=limits.DEFAULT.frame_hard,
                ws_per_message_deflate=False,
                ws_ping_interval=PING_SECONDS,
                ws_ping_timeout=PING_SECONDS,
                timeout_graceful_shutdown=10,
                server_header=False,
                date_header=True,
                access_log=False,
                log_config=None,
                lifespan="on",
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
            )
        )

    async def run_here(self) -> None:
        """Serve until SIGTERM or SIGINT, go down in order, and return: uvicorn's own ``serve`` would then raise the
        signal again, and so end the process before it has put away its database. A second SIGINT hurries."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        await self._serve(sockets=[self.listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit and self._on_started is not None:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        """Tell the sockets, close them with 1012 in batches, and wait until they were told."""
        engine = services_of(self.app).engine
        engine.draining = True
        held = [connection for connection in engine.connections if not connection.closed]
        for at, connection in enumerate(held):
            wait = random.randrange(RECONNECT_SPREAD_MS)  # noqa: S311 - spreads reconnects, not a secret
            connection.push_signal("server.draining", frame_of("server.draining", {"reconnect_in_ms": wait}))
            connection.close(1012, "draining")
            if at % DRAIN_BATCH == DRAIN_BATCH - 1:
                await asyncio.sleep(0)
        if held:
            told = asyncio.gather(*(connection.drained() for connection in held))
            try:
                await asyncio.wait_for(told, timeout=2.0)
            except TimeoutError:
                log.warning("some sockets were too slow to be told", sockets=len(held))


def banner(settings: Settings, port: int) -> str:
    """Where to go next."""
    base = f"{settings.scheme}://{settings.host}:{port}"
    return (
        f"\nsocialgym is ready on {base}\n\n"
        f"  talk now      make chat            (in a second shell)\n"
        f"  the wire      ws{base[4:]}/v1/realtime\n"
        f"  REST          {base}/schema/openapi.json\n"
        f"  health        {base}/v1/health/ready\n"
        f"  your data     {settings.data_dir}\n\n"
        "Ctrl-C stops the server; sessions stay open and go on at the next start.\n"
    )


def tell(text: str) -> None:
    print(text, file=sys.stdout, flush=True)
