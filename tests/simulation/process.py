"""A simulated server process: the real engine, commands and housekeeping on the store in memory.

It can die at any await (everything it would have done next is dropped), stand still for longer than any lease and
then go on, or go down in order. What it sent to the database before may still arrive there.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from realtime.commands import Commands
from realtime.engine import Engine
from realtime.housekeeping import Housekeeping
from tests.simulation.bus import SimulatedBus
from tests.simulation.loop import PROCESS, Handle
from tests.simulation.minds import MINDS, Persona, shelf
from tests.simulation.store import memory_store
from tests.simulation.wire import Backend, MemoryDatabase

if TYPE_CHECKING:
    from tests.simulation.socket import Socket
    from tests.simulation.world import World


class Process:
    """One life of a process; after a crash or a drain another begins in its place."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.dead = False
        self.up = False
        self.crash_in: int | None = None  # callbacks from now
        self.sockets: dict[Socket, None] = {}
        self.backends: dict[Backend, None] = {}
        self._held_back: list[Handle] | None = None  # while it is paused
        self.bus: SimulatedBus | None = None
        self.context = Context()
        self.context.run(PROCESS.set, self)
        self.engine: Engine
        self.commands: Commands

    def start(self) -> None:
        self.run(self._boot())

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """A task of this process."""
        self.world.loop.create_task(work, context=self.context.copy())

    def call(self, delay: float, callback: Callable[..., Any], *arguments: Any) -> None:
        """Something reaches this process."""
        self.world.loop.call_later(delay, callback, *arguments, context=self.context)

    async def _boot(self) -> None:
        world = self.world
        store = memory_store(MemoryDatabase(world.base, world, self), **world.mutation.families)
        if world.exchange is not None:
            self.bus = SimulatedBus(world.exchange, self)
        self.engine = Engine(store, shelf(), MINDS, Persona(), world.limits, self.bus)
        world.mutation.change_engine(self.engine)
        self.commands = Commands(self.engine, _no_refresh)
        self.housekeeping = Housekeeping(self.engine)
        world.mutation.change_housekeeping(self.housekeeping)
        self.engine.start()
        await self.engine.peers.start()
        while not self.up:
            try:
                await self.housekeeping.start()
                self.up = True
            except OSError:
                await asyncio.sleep(0.1)
            except Exception:
                await asyncio.sleep(0.05)

    async def drain(self) -> None:
        """SIGTERM: no new sockets, what runs finishes, the sockets are told to come back, and it is gone."""
        self.engine.draining = True
        await asyncio.sleep(0.02)
        for socket in list(self.sockets):
            if socket.connection is not None:
                socket.connection.close(1012, "draining")
        await self.housekeeping.close()
        await self.engine.close()
        self.world.gone(self)

    # --- what befalls it ---------------------------------------------------------------------------------------

    def step(self, handle: Handle) -> bool:
        if self.dead:
            return False
        if self._held_back is not None:
            self._held_back.append(handle)
            return False
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in < 0:
                self.world.crash(self)
                return False
        return True

    @property
    def holds_sockets(self) -> bool:
        """Whether the engine counts any socket as there, in whatever place."""
        live = self.engine.held_sessions.values()
        return bool(self.engine.connections) or any(one.connections for one in live)

    def pause(self) -> None:
        if self._held_back is None:
            self._held_back = []

    def go_on(self) -> None:
        held, self._held_back = self._held_back, None
        for handle in held or ():
            self.world.loop.put_back(handle)

    # --- its connections to the database -----------------------------------------------------------------------

    def opened(self, backend: Backend) -> None:
        self.backends[backend] = None

    def closed(self, backend: Backend) -> None:
        self.backends.pop(backend, None)


async def _no_refresh(_: Any, __: str) -> None:
    raise AssertionError("no device sends a token")
