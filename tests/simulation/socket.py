"""A socket between a device and a process: both ends, and what lies between.

The server's end does what the endpoint does: the door, the join, and then one frame after the other. The transport
checks every durable frame at the moment it is sent: it must be committed, with these very bytes.
"""

from collections import deque
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from realtime.delivery import Connection
from realtime.errors import AppError
from realtime.joining import Joining
from realtime.opening import Learner
from realtime.protocol import client
from tests.simulation.process import Process

if TYPE_CHECKING:
    import asyncio

    from tests.simulation.device import Device


class Item(msgspec.Struct):
    id: str
    role: str = ""


class Problem(msgspec.Struct):
    code: str
    event_id: str | None = None


class Frame(msgspec.Struct):
    """What a device looks at."""

    type: str
    seq: int | None = None
    item: Item | None = None
    error: Problem | None = None


decode = msgspec.json.Decoder(Frame).decode


class SimulatedConnection(Connection):
    """Connections are kept in sets; in a simulation their order must not depend on addresses in memory."""

    __slots__ = ("number",)
    number: int

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Socket:
    """``device``'s socket to ``process``. Implements ``Transport``."""

    def __init__(self, device: "Device", process: Process, last_seq: int | None) -> None:
        self.device = device
        self.process = process
        self.connection: Connection | None = None
        self._last_seq = last_seq
        self._world = device.world
        self._inbox: deque[str | None] = deque()  # None: the peer is gone
        self._waiter: asyncio.Future[None] | None = None
        self._cut = False
        self._gone = False  # and the server knows
        self._clogged: list[str] | None = None
        self._closing: tuple[int, str] | None = None
        self._next_up = self._next_down = 0.0
        process.sockets[self] = None
        process.run(self._serve())

    # --- the server's end --------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        engine, world, device = self.process.engine, self._world, self.device
        try:
            joining = await engine.tasks.run(self._enter(), "enter")
        except Exception as error:
            code = error.code if isinstance(error, AppError) else "internal_error"
            self._down(device.refused, self, code)
            self.process.sockets.pop(self, None)
            return
        if self._gone:
            self.process.sockets.pop(self, None)
            return
        self._down(device.opened, self)
        made = SimulatedConnection(self, world.limits, device.user_id)
        made.number = world.next_number()
        self.connection = made
        try:
            live = await engine.tasks.run(engine.joiner.join(made, joining), "join")
        except Exception:
            made.close(1011, "internal_error")
            live = None
        while (text := await self._receive()) is not None:
            if live is not None and not made.closed:
                event = client.decode(text)
                await engine.tasks.run(self.process.commands.handle(made, live, event), "command")

    async def _enter(self) -> Joining:
        """As with a client secret: the first connect begins the session, later ones find it."""
        engine, device = self.process.engine, self.device
        if engine.draining:
            raise AppError("draining")
        created = False
        if not await engine.exists(device.user_id, device.session_id):
            learner = Learner(user_id=device.user_id, time_zone="UTC", minor=False, adult=True)
            await engine.create(learner, device.session_id, device.model, held=True)
            created = True
        return await engine.joiner.prepare(device.user_id, device.session_id, self._last_seq, created=created)

    async def _receive(self) -> str | None:
        while not self._inbox:
            self._waiter = self._world.loop.create_future()
            await self._waiter
        return self._inbox.popleft()

    def _arrived(self, text: str | None) -> None:
        """A frame; or None: the peer is gone, and at once nothing more is sent or waited for."""
        if text is None:
            self._gone = True
            self.process.sockets.pop(self, None)
            if self.connection is not None:
                self.connection.abandon()
                engine = self.process.engine
                engine.tasks.spawn(engine.joiner.leave(self.connection), "leave")
        self._inbox.append(text)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- the transport -----------------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        return self._clogged is None

    def send(self, *texts: str) -> None:
        for text in texts:
            frame = decode(text)
            if frame.seq is not None:
                self._world.check_sent(self.device, frame.seq, text)
            if self._clogged is not None:
                self._clogged.append(text)
            else:
                self._down(self.device.receive, self, frame, text)

    def close(self, code: int, reason: str) -> None:
        if self._clogged is not None:
            self._closing = (code, reason)  # behind what the peer has not read
        else:
            self._down(self._good_bye, code)

    def clog(self) -> None:
        """The device stops reading."""
        if not self._cut and self._clogged is None:
            self._clogged = []

    def unclog(self) -> None:
        clogged, self._clogged = self._clogged, None
        for text in clogged or ():
            self._down(self.device.receive, self, decode(text), text)
        if self._closing is not None:
            self._down(self._good_bye, self._closing[0])
        if self.connection is not None and not self._cut:
            self.process.call(0.0, self.connection.flush)

    # --- what lies between -------------------------------------------------------------------------------------

    def _down(self, call: "object", *arguments: object) -> None:
        """To the device, in order; lost when the socket is cut meanwhile."""
        self._next_down = max(self._next_down, self._world.loop.now + self._world.distance())
        self._world.at(self._next_down, self._unless_cut, call, arguments)

    def _unless_cut(self, call: "object", arguments: tuple[object, ...]) -> None:
        if not self._cut:
            call(*arguments)  # type: ignore[operator]

    def _good_bye(self, code: int) -> None:
        self.cut()
        self.device.closed(self, code)

    # --- the device's end --------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        self._up(text)

    def _up(self, text: str | None) -> None:
        self._next_up = max(self._next_up, self._world.loop.now + self._world.distance())
        self.process.call(self._next_up - self._world.loop.now, self._arrived, text)

    def cut(self) -> None:
        """The connection is gone; the server notices later."""
        if not self._cut:
            self._cut = True
            self._clogged = None
            self._up(None)

    @property
    def session_key(self) -> tuple[UUID, UUID]:
        return self.device.user_id, self.device.session_id
