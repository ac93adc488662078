"""The bus over Redis or Valkey, plain or clustered (sharded pub/sub).

Every process publishes through one connection a node and listens on another. A published message is answered with the
number of its receivers; where that is this process alone, the channel counts as having no others until somebody
subscribes (who says so) or ``ALONE_SECONDS`` went by.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog

from realtime.bus import QUEUE_BYTES, QUEUE_MESSAGES, Receiver
from realtime.bus.links import BACKOFF_SECONDS, Listener, Outgoing, Speaker, end_of
from realtime.bus.nodes import FAILURES, Address, Clients, Topology
from realtime.jitter import jittered

log = structlog.get_logger("socialgym.bus")
ORIGIN_BYTES = 8
MESSAGE, JOINED, LOST = b"m", b"j", b"l"
ALONE_SECONDS = 5.0  # how long a channel is believed to have no others: the bound where a greeting was lost
LOST_KEPT = 10_000  # channels whose listeners must be told of a loss; past this, those that we listen to
CLOSE_SECONDS = 1.0


class _Channel:
    """A channel that this process listens to. ``late``: somebody read on before the subscription stood."""

    __slots__ = ("alone_until", "confirmed", "heard", "holders", "id", "late", "name", "node", "waiters")

    def __init__(self, id_: UUID, name: bytes) -> None:
        self.id = id_
        self.name = name
        self.holders = 0
        self.node: Address | None = None
        self.confirmed = False
        self.late = False
        self.heard = 0
        self.alone_until = 0.0
        self.waiters: list[asyncio.Future[None]] = []


class RedisBus:
    """See ``Bus``. ``prefix`` keeps installations on one Redis apart."""

    def __init__(self, clients: Clients, *, prefix: str = "sg", capacity: int = QUEUE_MESSAGES) -> None:
        self._clients = clients
        self._prefix = prefix
        self._capacity = capacity
        self._origin = secrets.token_bytes(ORIGIN_BYTES)
        self._receiver: Receiver | None = None
        self._channels: dict[UUID, _Channel] = {}
        self._named: dict[bytes, _Channel] = {}  # the same ones, as Redis calls them
        self._topology: Topology | None = None
        self._speakers: dict[Address, Speaker] = {}
        self._listeners: dict[Address, Listener] = {}
        self._lost: dict[UUID, None] = {}
        self._waiting = 0  # messages in all queues
        self._waiting_bytes = 0
        self._was_full = False
        self._look_again = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self.reconnects = 0

    # --- as the engine sees it ---------------------------------------------------------------------------------

    @property
    def alone(self) -> bool:
        return False

    @property
    def healthy(self) -> bool:
        links = [*self._speakers.values(), *self._listeners.values()]
        return self._topology is not None and all(link.up for link in links)

    @property
    def topology(self) -> Topology | None:
        """Where the slots are, once Redis was reached."""
        return self._topology

    async def start(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._look_again.set()
        self._spawn(self._find_nodes())

    async def close(self) -> None:
        self._closing = True
        deadline = asyncio.get_running_loop().time() + CLOSE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if all(speaker.idle or not speaker.up for speaker in self._speakers.values()):
                break
            await asyncio.sleep(0.01)
        for task in list(self._tasks):
            await end_of(task)
        await self._drop_links({*self._speakers, *self._listeners})
        self._channels.clear()
        self._named.clear()
        self._receiver = None

    def subscribe(self, channel: UUID) -> None:
        known = self._channels.get(channel)
        if known is None:
            known = self._channels[channel] = _Channel(channel, self._name(channel))
            self._named[known.name] = known
            self._place(known)
        known.holders += 1

    def unsubscribe(self, channel: UUID) -> None:
        known = self._channels.get(channel)
        if known is None:
            return
        known.holders -= 1
        if known.holders == 0:
            del self._channels[channel], self._named[known.name]
            _settle(known)
            if known.node is not None and known.node in self._listeners:
                self._listeners[known.node].remove(known.name)

    async def subscribed(self, channel: UUID, seconds: float) -> bool:
        known = self._channels.get(channel)
        if known is None:
            return False
        if not known.confirmed and self.healthy:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            known.waiters.append(waiter)
            await asyncio.wait({waiter}, timeout=seconds)
            waiter.cancel()
        if not known.confirmed:
            known.late = True
        return known.confirmed

    def others(self, channel: UUID) -> bool:
        known = self._channels.get(channel)
        if known is None or known.alone_until == 0.0:
            return True
        return asyncio.get_running_loop().time() >= known.alone_until

    def publish(self, channel: UUID, message: bytes) -> None:
        self._send(channel, MESSAGE, message)

    # --- sending -----------------------------------------------------------------------------------------------

    def _name(self, channel: UUID) -> bytes:
        """The user in braces: everything of one user lives in one slot."""
        return f"{self._prefix}:{{{channel}}}:bus".encode()

    def _send(self, channel: UUID, kind: bytes, message: bytes) -> None:
        """Queue a message; one that can't be queued is lost, which is noted."""
        known = self._channels.get(channel)
        name = known.name if known is not None else self._name(channel)
        owner = self._topology.owner(name) if self._topology is not None else None
        speaker = self._speakers.get(owner) if owner is not None else None
        full = self._waiting >= self._capacity or self._waiting_bytes + len(message) > QUEUE_BYTES
        if speaker is None or not speaker.up or full or self._closing:
            self._was_full = self._was_full or full
            self._note_lost(channel)
            return
        payload = b"".join((self._origin, kind, message))
        self._waiting += 1
        self._waiting_bytes += len(payload)
        speaker.put(Outgoing(channel, name, payload, known.heard if known is not None else 0))

    def _note_lost(self, channel: UUID) -> None:
        if len(self._lost) < LOST_KEPT:
            self._lost[channel] = None
            return
        # More than is worth keeping: whoever we share a channel with is told, the rest finds out by itself.
        self._lost = {known.id: None for known in list(self._channels.values())[:LOST_KEPT]}

    def _tell_losses(self) -> None:
        """Say on the channels that lost messages that they did, as far as the queue takes it."""
        for channel in list(self._lost):
            if self._waiting * 2 >= self._capacity:
                self._was_full = True  # the rest when there is room
                return
            del self._lost[channel]
            self._send(channel, LOST, b"")

    # --- what the links report ---------------------------------------------------------------------------------

    def sent(self, message: Outgoing, receivers: int) -> None:
        self._forget(message)
        known = self._channels.get(message.channel)
        if known is not None and known.confirmed and receivers <= 1 and known.heard == message.heard:
            known.alone_until = asyncio.get_running_loop().time() + ALONE_SECONDS
        elif known is not None and receivers > 1:
            known.alone_until = 0.0
        if self._was_full and self._waiting * 4 <= self._capacity:
            self._was_full = False
            self._tell_losses()

    def dropped(self, messages: list[Outgoing]) -> None:
        for message in messages:
            self._forget(message)
            self._note_lost(message.channel)

    def _forget(self, message: Outgoing) -> None:
        self._waiting -= 1
        self._waiting_bytes -= len(message.payload)

    def confirmed(self, name: bytes) -> None:
        known = self._named.get(name)
        if known is None:
            return
        known.confirmed = True
        _settle(known)
        self._send(known.id, JOINED, b"")
        if known.late:
            known.late = False
            self._tell(known.id)

    def heard(self, name: bytes, payload: bytes) -> None:
        known = self._named.get(name)
        if known is None or self._receiver is None or payload.startswith(self._origin):
            return
        known.heard += 1
        known.alone_until = 0.0
        kind, message = payload[ORIGIN_BYTES : ORIGIN_BYTES + 1], payload[ORIGIN_BYTES + 1 :]
        try:
            if kind == MESSAGE:
                self._receiver.received(known.id, message)
            elif kind == JOINED:
                self._receiver.joined(known.id)
            elif kind == LOST:
                self._receiver.lost(known.id)
        except Exception as error:
            log.error("a message could not be taken", exc_info=error)
            self._tell(known.id)

    def _tell(self, channel: UUID | None) -> None:
        if self._receiver is not None:
            self._receiver.lost(channel)

    def moved(self) -> None:
        if self._topology is None or self._topology.sharded:
            self._look_again.set()

    def reconnected(self) -> None:
        self.reconnects += 1

    def link_changed(self) -> None:
        for known in self._channels.values():
            listener = self._listeners.get(known.node) if known.node is not None else None
            if known.confirmed and (listener is None or not listener.up):
                known.confirmed, known.late, known.alone_until = False, True, 0.0
                known.heard += 1
        if self._lost and any(speaker.up for speaker in self._speakers.values()):
            self._tell_losses()

    # --- nodes -------------------------------------------------------------------------------------------------

    async def _find_nodes(self) -> None:
        """Learn where the slots are: at the start, and whenever a link hints that it is not as it was."""
        attempt = 0
        while True:
            await self._look_again.wait()
            self._look_again.clear()
            try:
                known = self._topology.nodes if self._topology is not None else set()
                found = await self._clients.topology(known)
                attempt = 0
            except FAILURES as error:
                if attempt == 0:
                    log.warning("Redis can't be reached; going on without it", error=str(error))
                self._look_again.set()
            else:
                if self._topology is None:
                    log.info("the bus is up", cluster=found.sharded, nodes=len(found.nodes))
                await self._adopt(found)
                if found.sharded and None in found.owners:
                    self._look_again.set()  # a cluster that is not whole yet
            wait = BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)]
            attempt += 1
            await asyncio.sleep(jittered(wait))

    async def _adopt(self, found: Topology) -> None:
        if found == self._topology:
            return
        self._topology = found
        for address in found.nodes:
            if address not in self._speakers:
                connect = self._connector(address)
                self._speakers[address] = Speaker(address, connect, self, sharded=found.sharded)
                self._listeners[address] = Listener(address, connect, self, sharded=found.sharded)
        await self._drop_links({*self._speakers} - found.nodes)
        for known in self._channels.values():
            if known.node != found.owner(known.name):
                self._replace(known)

    def _connector(self, address: Address) -> Any:
        return lambda: self._clients.connect(address)

    async def _drop_links(self, addresses: set[Address]) -> None:
        for address in addresses:
            speaker, listener = self._speakers.pop(address, None), self._listeners.pop(address, None)
            for link in (speaker, listener):
                if link is not None:
                    await link.close()

    def _place(self, known: _Channel) -> None:
        known.node = self._topology.owner(known.name) if self._topology is not None else None
        if known.node is not None and known.node in self._listeners:
            self._listeners[known.node].add(known.name)

    def _replace(self, known: _Channel) -> None:
        """The channel lives on another node now, or for the first time on one."""
        if known.node is not None and known.node in self._listeners:
            self._listeners[known.node].remove(known.name)
        if known.confirmed:
            known.late = True
        known.confirmed, known.alone_until = False, 0.0
        known.heard += 1
        self._place(known)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="bus")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _settle(channel: _Channel) -> None:
    for waiter in channel.waiters:
        if not waiter.done():
            waiter.set_result(None)
    channel.waiters.clear()
