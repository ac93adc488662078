"""Running the server: a listening socket of our own, uvicorn on it, and an orderly way down.

uvicorn closes sockets before the lifespan's shutdown; so the drain is done here, before it: new sockets are refused,
the open ones are told, running commits finish, the sockets are closed with 1012 in batches, and the sessions stay
open for the next process.
"""

import asyncio
import gc
import os
import random
import resource
import signal
import socket
import sys
from collections.abc import Callable

import structlog
import uvicorn
from litestar import Litestar
from uvicorn.config import STARTUP_FAILURE

from realtime.delivery import Connection
from realtime.limits import DEFAULT
from realtime.protocol.events import signal as frame_of
from server.app import services_of
from server.settings import Settings
from server.ws.deadline import Deadline
from server.ws.front import Front
from server.ws.http import HttpProtocol
from server.ws.protocol import SocketProtocol

log = structlog.get_logger("socialgym.server")
BACKLOG = 2_048
GARBAGE_EACH = 20_000  # new containers before the collector looks at the young ones; Python's own 700 is for scripts
FILES_BESIDE = 256  # open files that are no connection of a client: the database, logs, what Python opens
RECONNECT_SPREAD_MS = 3_000  # over which the clients of a small server are asked to come back
RECONNECT_EACH_MS = 10  # and those of a large one: a connect costs its next server about so much
DRAIN_BATCHES = 30
WORK_SECONDS = 5.0  # that a drain waits for commands under way
GRACEFUL_SECONDS = 10  # that HTTP requests under way have left after it
EXIT_SECONDS = 30.0  # from the signal to the end of the process, whatever hangs; nothing acknowledged is lost by it


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound listening socket; ``shared``: one of several on this port (``SO_REUSEPORT``). ``TCP_USER_TIMEOUT`` on
    it is inherited by the accepted ones, and evicts peers that stop reading, which neither uvicorn nor websockets
    do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    evict_after(made, DEFAULT.unread_seconds)
    made.bind((host, port))
    made.listen(BACKLOG)
    made.setblocking(False)
    return made


def evict_after(listening: socket.socket, seconds: float) -> None:
    """Have the kernel reset connections accepted from now on whose peer acknowledges nothing for ``seconds``."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def settle_garbage() -> None:
    """What was made at start stays: the collector no longer looks at it, and looks less often at what comes. A turn
    leaves next to no cycles, and reference counts free the rest (measured: a seventh of a turn's CPU was collecting).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_EACH, 20, 50)
    gc.enable()


def raise_open_files() -> int:
    """Raise the limit of open files to the hard limit, as far as the system lets us; the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log.warning("the limit of open files stays", soft=soft, hard=hard, error=str(error))
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if raised != soft:
        log.info("the limit of open files was raised", before=soft, now=raised)
    return raised


class Server(uvicorn.Server):
    """uvicorn with our protocols and our drain. ``on_started`` is called when the socket is served; ``port`` is the
    real one."""

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
        self._alone = False  # the process is for this server
        self._front: Front
        self._deadline = Deadline(app)
        super().__init__(
            uvicorn.Config(
                self._deadline,
                http="httptools",
                ws=SocketProtocol,  # opened by our HttpProtocol: uvicorn's own settings for sockets have no effect
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
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
        raise_open_files()
        self._alone = True
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_soon, number)
        await self._serve(sockets=[self.listening])

    def _stop_soon(self, number: int) -> None:
        if not self.should_exit:
            asyncio.get_running_loop().call_later(EXIT_SECONDS, _give_up)
        self.handle_exit(number, None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, with protocols of our own and a deadline for the handshake of TLS."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        limits, tls = services_of(self.app).limits, self.config.ssl
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        most = limits.connections if files < 0 else min(limits.connections, max(1, files - FILES_BESIDE))
        evict_after(self.listening, limits.unread_seconds)
        self._deadline.limits = limits
        front = self._front = Front(self.config, self.server_state, self.lifespan.state, limits, most)
        made = await asyncio.get_running_loop().create_server(
            lambda: HttpProtocol(front),
            sock=self.listening,
            ssl=tls,
            backlog=BACKLOG,
            ssl_handshake_timeout=limits.request_seconds if tls is not None else None,
            ssl_shutdown_timeout=limits.close_seconds if tls is not None else None,
        )
        self.servers = [made]
        self.started = True
        if self._alone:
            settle_garbage()
        if not self.should_exit and self._on_started is not None:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        """Refuse new sockets, tell the open ones, let what is being carried out finish, and close with 1012."""
        engine = services_of(self.app).engine
        engine.draining = True  # readiness is off, and the door is shut
        held = [connection for connection in engine.connections if not connection.closed]
        spread = max(RECONNECT_SPREAD_MS, RECONNECT_EACH_MS * len(held))
        for connection in held:
            if not connection.live:
                continue  # nothing comes before its first frame, or into what it missed
            wait = random.randrange(spread)  # noqa: S311 - spreads reconnects, not a secret
            connection.push_signal("server.draining", frame_of("server.draining", {"reconnect_in_ms": wait}))
        self._front.draining = True
        await self._commands_done()
        await self._close_in_batches(held)

    async def _commands_done(self) -> None:
        """Wait for the commands under way; no new one is read. What they committed is still told to their sockets."""
        deadline = self._front.loop.time() + WORK_SECONDS
        while any(isinstance(c, SocketProtocol) and c.working for c in self.server_state.connections):
            if self._front.loop.time() > deadline:
                log.warning("commands are still under way")
                return
            await asyncio.sleep(0.02)

    async def _close_in_batches(self, held: list[Connection]) -> None:
        """Not all in one moment: a peer that takes no notice of ``reconnect_in_ms`` comes back at once."""
        if not held:
            return
        random.shuffle(held)
        size = max(100, -(-len(held) // DRAIN_BATCHES))
        pause = self._front.limits.drain_seconds / DRAIN_BATCHES
        for at in range(0, len(held), size):
            if at:
                await asyncio.sleep(pause)
            for connection in held[at : at + size]:
                connection.close(1012, "draining")
        told = asyncio.gather(*(connection.drained() for connection in held))
        try:
            await asyncio.wait_for(told, timeout=2.0)
        except TimeoutError:
            log.warning("some sockets were too slow to be told", sockets=len(held))


def _give_up() -> None:
    log.error("the server could not go down in order, and ends as it is")
    os._exit(1)


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
