"""The bus between simulated processes: what one publishes reaches the others a moment later, in their own context;
or is lost, and then they are told so. It can be away for a while, like a Redis that was killed."""

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from realtime.bus import Receiver

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World


class Exchange:
    """Who listens to what. ``loss``: the part of messages that gets lost."""

    def __init__(self, world: "World", loss: float) -> None:
        self.world = world
        self.loss = loss
        self.up = True
        self.buses: dict[SimulatedBus, None] = {}

    def listeners(self, channel: UUID) -> "list[SimulatedBus]":
        return [bus for bus in self.buses if channel in bus.holders]

    def go_away(self, seconds: float) -> None:
        if self.up:
            self.up = False
            self.world.later(seconds, self.come_back)

    def come_back(self) -> None:
        """What was on its way is lost, and everybody is told."""
        if not self.up:
            self.up = True
            for bus in self.buses:
                bus.tell_lost(None, 0.01)


class SimulatedBus:
    """See ``Bus``: of one process."""

    def __init__(self, exchange: Exchange, process: "Process") -> None:
        self.holders: dict[UUID, int] = {}
        self.receiver: Receiver | None = None
        self.process = process
        self._exchange = exchange
        self._next: dict[SimulatedBus, float] = {}
        self.reconnects = 0

    @property
    def alone(self) -> bool:
        return False

    @property
    def healthy(self) -> bool:
        return self._exchange.up

    async def start(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._exchange.buses[self] = None

    async def close(self) -> None:
        self.gone()

    def gone(self) -> None:
        self.receiver = None
        self._exchange.buses.pop(self, None)

    def subscribe(self, channel: UUID) -> None:
        self.holders[channel] = self.holders.get(channel, 0) + 1
        if self.holders[channel] == 1:
            for other in self._exchange.listeners(channel):
                if other is not self:
                    other.hear(self, channel, None)

    def unsubscribe(self, channel: UUID) -> None:
        holders = self.holders.pop(channel, 0)
        if holders > 1:
            self.holders[channel] = holders - 1

    async def subscribed(self, channel: UUID, seconds: float) -> bool:
        await asyncio.sleep(self._exchange.world.delay())
        return self._exchange.up and channel in self.holders

    def others(self, channel: UUID) -> bool:
        return any(bus is not self for bus in self._exchange.listeners(channel))

    def publish(self, channel: UUID, message: bytes) -> None:
        for other in self._exchange.listeners(channel):
            if other is not self:
                other.hear(self, channel, message)

    def hear(self, publisher: "SimulatedBus", channel: UUID, message: bytes | None) -> None:
        """None: the other one has joined the channel. Messages of one publisher come in their order."""
        world = self._exchange.world
        if not self._exchange.up:
            return  # all are told when it is back
        if world.loses_message():
            self.tell_lost(channel, 0.05)
            return
        when = max(self._next.get(publisher, 0.0), world.loop.now + world.delay())
        self._next[publisher] = when
        self.process.call(when - world.loop.now, self._arrived, channel, message)

    def tell_lost(self, channel: UUID | None, delay: float) -> None:
        self.process.call(delay, self._lost, channel)

    def _arrived(self, channel: UUID, message: bytes | None) -> None:
        if self.receiver is None or channel not in self.holders:
            return
        if message is None:
            self.receiver.joined(channel)
        else:
            self.receiver.received(channel, message)

    def _lost(self, channel: UUID | None) -> None:
        if self.receiver is not None:
            self.receiver.lost(channel)
