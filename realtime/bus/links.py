"""The connections of the Redis bus to one node: a speaker that publishes, and a listener that is subscribed.

Both hold their connection open for as long as they live, and find it again with jittered back-off. What was on its
way when a connection broke counts as lost and is reported; nothing is sent twice.

(The pub/sub of redis-py's ``RedisCluster`` is not used: it reads its nodes in turns, waiting at each, so that one
quiet node delays the messages of all the others by its time-out; measured on three nodes, 1.9 s a message.)
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

import msgspec
import structlog
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as LinkBroken
from redis.exceptions import MovedError, ResponseError

from realtime.bus.nodes import FAILURES, Address
from realtime.jitter import jittered

log = structlog.get_logger("socialgym.bus")
BACKOFF_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)  # then every two seconds, each times 0.5 to 1
PING_SECONDS = 3.0  # a listener's connection that was silent for two of these is dead
PIPELINE = 256  # messages in one round trip: past this latency grows faster than throughput
SUBSCRIBE_AT_ONCE = 512  # channels of one round trip

Connect = Callable[[], Awaitable[Connection]]


class Outgoing(msgspec.Struct, frozen=True):
    """A message on its way. ``heard``: how much of others the channel had heard when it was published."""

    channel: UUID
    name: bytes
    payload: bytes
    heard: int


class Reports(Protocol):
    """What links tell the bus."""

    def sent(self, message: Outgoing, receivers: int) -> None: ...

    def dropped(self, messages: list[Outgoing]) -> None: ...

    def confirmed(self, name: bytes) -> None: ...

    def heard(self, name: bytes, payload: bytes) -> None: ...

    def moved(self) -> None: ...

    def link_changed(self) -> None: ...

    def reconnected(self) -> None: ...


async def end_of(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait until it has ended. More than once if need be: ``asyncio.wait_for``, as the client
    library uses it, may swallow a cancellation that meets the end of its wait."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)


class Link:
    """A connection that is kept. ``up``: it is there, and its work has begun."""

    def __init__(self, role: str, address: Address, connect: Connect, reports: Reports) -> None:
        self.address = address
        self.up = False
        self._was_up = False
        self._role = role
        self._connect = connect
        self._reports = reports
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] = asyncio.create_task(self._keep(), name=f"bus {role}")

    async def close(self) -> None:
        await end_of(self._task)

    async def _keep(self) -> None:
        attempt = 0
        while True:
            connection: Connection | None = None
            try:
                connection = await self._connect()
                self.up = True
                if self._was_up:
                    self._reports.reconnected()
                self._was_up = True
                attempt = 0
                self._reports.link_changed()
                await self._serve(connection)
            except Exception as error:
                self._explain(error, first=attempt == 0)
            finally:
                self._ended()
                if connection is not None:
                    await connection.disconnect(nowait=True)
            self._reports.moved()
            wait = BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)]
            attempt += 1
            await asyncio.sleep(jittered(wait))

    def _explain(self, error: Exception, *, first: bool) -> None:
        where = f"{self.address.host}:{self.address.port}"
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if not isinstance(error, FAILURES):
            log.error("a link of the bus failed", role=self._role, node=where, exc_info=error)
        elif first:
            log.warning("a link of the bus is down", role=self._role, node=where, error=str(error))

    def _ended(self) -> None:
        self.up = False
        self._reports.link_changed()

    async def _serve(self, connection: Connection) -> None:
        raise NotImplementedError


class Speaker(Link):
    """Publishes what waits, many messages in one round trip: while one is under way, the next gathers."""

    def __init__(self, address: Address, connect: Connect, reports: Reports, *, sharded: bool) -> None:
        self._command = "SPUBLISH" if sharded else "PUBLISH"
        self._queue: deque[Outgoing] = deque()
        self._under_way: list[Outgoing] = []
        super().__init__("speaker", address, connect, reports)

    @property
    def idle(self) -> bool:
        return not self._queue and not self._under_way

    def put(self, message: Outgoing) -> None:
        self._queue.append(message)
        self._wake.set()

    def _ended(self) -> None:
        dropped, self._under_way = [*self._under_way, *self._queue], []
        self._queue.clear()
        super()._ended()
        if dropped:
            self._reports.dropped(dropped)

    async def _serve(self, connection: Connection) -> None:
        while True:
            self._wake.clear()
            while self._queue:
                await self._send(connection)
            await self._wake.wait()

    async def _send(self, connection: Connection) -> None:
        count = min(PIPELINE, len(self._queue))
        batch = self._under_way = [self._queue.popleft() for _ in range(count)]
        commands = [(self._command, message.name, message.payload) for message in batch]
        await connection.send_packed_command(connection.pack_commands(commands))
        for at, message in enumerate(batch):
            self._under_way = batch[at:]
            try:
                receivers = await connection.read_response()
            except ResponseError as error:
                self._reports.dropped([message])
                if isinstance(error, MovedError):
                    self._reports.moved()
                else:
                    log.warning("a message was refused", error=str(error))
            else:
                self._reports.sent(message, receivers)
        self._under_way = []


class Listener(Link):
    """Holds the subscriptions to the channels of one node, and reads what is published on them."""

    def __init__(self, address: Address, connect: Connect, reports: Reports, *, sharded: bool) -> None:
        self._sharded = sharded
        self.names: set[bytes] = set()  # that should be subscribed
        self._orders: deque[tuple[bool, bytes]] = deque()  # (subscribe, name), in order
        self._asked: dict[bytes, int] = {}  # subscriptions that are not confirmed yet
        self._last_heard = 0.0
        super().__init__("listener", address, connect, reports)

    def add(self, name: bytes) -> None:
        self.names.add(name)
        self._order(True, name)

    def remove(self, name: bytes) -> None:
        self.names.discard(name)
        self._order(False, name)

    def _order(self, subscribe: bool, name: bytes) -> None:
        if self.up:  # else all are asked for when the connection is there
            self._orders.append((subscribe, name))
            self._wake.set()

    async def _serve(self, connection: Connection) -> None:
        self._asked.clear()
        self._orders = deque((True, name) for name in self.names)
        self._wake.set()
        self._last_heard = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(connection))
            group.create_task(self._read(connection))

    async def _write(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                if loop.time() - self._last_heard > 2 * PING_SECONDS:
                    raise LinkBroken("nothing was heard, not even an answer to a ping") from None
                await connection.send_command("PING", check_health=False)
                continue
            self._wake.clear()
            while self._orders:
                commands = self._next_commands()
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)

    def _next_commands(self) -> list[tuple[bytes | str, ...]]:
        """Some orders as commands. In a cluster each names one channel: two of them rarely share a slot."""
        commands: list[list[bytes | str]] = []
        last: bool | None = None
        for _ in range(min(SUBSCRIBE_AT_ONCE, len(self._orders))):
            subscribe, name = self._orders.popleft()
            if subscribe:
                self._asked[name] = self._asked.get(name, 0) + 1
            if self._sharded or subscribe is not last:
                verb = "SUBSCRIBE" if subscribe else "UNSUBSCRIBE"
                commands.append([f"S{verb}" if self._sharded else verb])
            commands[-1].append(name)
            last = subscribe
        return [tuple(command) for command in commands]

    async def _read(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            answer = await connection.read_response(timeout=math.inf)  # MOVED and the like end the connection
            self._last_heard = loop.time()
            if not isinstance(answer, list) or len(answer) < 3:
                continue  # the answer to a ping
            kind, name, payload = answer[0], answer[1], answer[2]
            if kind in (b"message", b"smessage"):
                self._reports.heard(name, payload)
            elif kind in (b"subscribe", b"ssubscribe"):
                self._confirm(name)
            elif kind == b"sunsubscribe" and name in self.names and name not in self._asked:
                self._reports.moved()  # not by our wish: its slot went to another node
                raise LinkBroken("a slot has moved")

    def _confirm(self, name: bytes) -> None:
        left = self._asked.pop(name, 1) - 1
        if left > 0:
            self._asked[name] = left  # it was left and joined again meanwhile
        elif name in self.names:
            self._reports.confirmed(name)
