"""The bus inside one process: for a server that is alone, and for several engines on one loop.

Engines that share a ``Hub`` hear each other; a bus with a hub of its own is alone, and then ``others`` is always
False, so nothing is ever built for it.
"""

import asyncio
from collections import deque
from uuid import UUID

import structlog

from realtime.bus import QUEUE_MESSAGES, Receiver

log = structlog.get_logger("socialgym.bus")


class Hub:
    """Who listens to what, of the buses that share it."""

    def __init__(self) -> None:
        self.listeners: dict[UUID, set[LocalBus]] = {}


class LocalBus:
    """See ``Bus``. Messages are delivered on the loop's next round, never inside ``publish``."""

    reconnects = 0  # there is no connection

    def __init__(self, hub: Hub | None = None, *, capacity: int = QUEUE_MESSAGES) -> None:
        self._hub = hub or Hub()
        self._own_hub = hub is None
        self._capacity = capacity
        self._receiver: Receiver | None = None
        self._holders: dict[UUID, int] = {}
        self._inbox: deque[tuple[UUID, bytes | None]] = deque()  # None: another one joined
        self._overflowed: set[UUID] = set()
        self._draining = False

    @property
    def alone(self) -> bool:
        return self._own_hub

    @property
    def healthy(self) -> bool:
        return True

    async def start(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def close(self) -> None:
        for channel in list(self._holders):
            self._leave(channel)
        self._receiver = None
        self._inbox.clear()

    def subscribe(self, channel: UUID) -> None:
        holders = self._holders.get(channel, 0)
        self._holders[channel] = holders + 1
        if holders:
            return
        listeners = self._hub.listeners.setdefault(channel, set())
        for other in listeners:
            other._take(channel, None)
        listeners.add(self)

    def unsubscribe(self, channel: UUID) -> None:
        holders = self._holders.get(channel, 0)
        if holders > 1:
            self._holders[channel] = holders - 1
        elif holders:
            self._leave(channel)

    async def subscribed(self, channel: UUID, seconds: float) -> bool:
        return channel in self._holders

    def others(self, channel: UUID) -> bool:
        listeners = self._hub.listeners.get(channel)
        return listeners is not None and (len(listeners) > 1 or self not in listeners)

    def publish(self, channel: UUID, message: bytes) -> None:
        for other in self._hub.listeners.get(channel, ()):
            if other is not self:
                other._take(channel, message)

    def _leave(self, channel: UUID) -> None:
        del self._holders[channel]
        listeners = self._hub.listeners[channel]
        listeners.discard(self)
        if not listeners:
            del self._hub.listeners[channel]

    def _take(self, channel: UUID, message: bytes | None) -> None:
        if len(self._inbox) >= self._capacity:
            self._overflowed.add(channel)
        else:
            self._inbox.append((channel, message))
        if not self._draining:
            self._draining = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        self._draining = False
        inbox, self._inbox = self._inbox, deque()
        overflowed, self._overflowed = self._overflowed, set()
        for channel, message in inbox:
            if self._receiver is None or channel not in self._holders:
                continue
            try:
                if message is None:
                    self._receiver.joined(channel)
                else:
                    self._receiver.received(channel, message)
            except Exception as error:
                log.error("a message could not be taken", exc_info=error)
                overflowed.add(channel)
        for channel in overflowed & self._holders.keys():
            if self._receiver is not None:
                self._receiver.lost(channel)
