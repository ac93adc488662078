"""Connections to Redis or Valkey, from one factory by role, and which node of a cluster a channel lives on.

Nothing is sent twice: no client here retries, for a lost answer does not mean a lost write. Every call has a
time-out, and a connection whose call was cut off is closed, never used again (it may hold somebody else's answer).
"""

from typing import Any

import msgspec
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import RedisError

CALL_SECONDS = 2.0  # of one command: far over what a sound server takes, and short enough to be waited for
CONNECT_SECONDS = 2.0
COMMAND_SECONDS = 0.5  # of a command that a request waits for: past this it goes on without
COMMAND_CONNECTIONS = 128  # at once, for the leases and the rates of one process; more fail as if Redis were down
FAILURES = (RedisError, OSError, TimeoutError)


class Address(msgspec.Struct, frozen=True):
    """A node, as the cluster names it."""

    host: str
    port: int


class Topology(msgspec.Struct, frozen=True):
    """Who owns which slot. ``owners`` is empty where there is no cluster: then ``only`` has everything."""

    only: Address
    owners: tuple[Address | None, ...] = ()

    @property
    def sharded(self) -> bool:
        return bool(self.owners)

    def owner(self, name: bytes) -> Address | None:
        """The node of this channel or key; None while nobody owns its slot."""
        return self.owners[key_slot(name)] if self.owners else self.only

    @property
    def nodes(self) -> set[Address]:
        return {owner for owner in self.owners if owner is not None} if self.owners else {self.only}


class Clients:
    """The one place that makes clients for ``url`` (``redis://`` or ``rediss://``, with a password if need be)."""

    def __init__(self, url: str) -> None:
        self._options: dict[str, Any] = dict(parse_url(url))
        self._class: type[Connection] = self._options.pop("connection_class", Connection)
        self._options.update(
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self.home = Address(self._options.pop("host", "localhost"), int(self._options.pop("port", 6379)))

    async def connect(self, address: Address) -> Connection:
        """A connection for the bus, signed in. Raises one of ``FAILURES``."""
        made = self._class(host=address.host, port=address.port, **self._options)
        try:
            await made.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await made.disconnect(nowait=True)
            raise
        return made

    def commands(self, topology: Topology) -> "Redis | RedisCluster":
        """A client for single commands (leases, rates), with a bounded pool."""
        options = self.command_options(topology)
        made = RedisCluster if topology.sharded else Redis
        return made(host=self.home.host, port=self.home.port, **options)

    def command_options(self, topology: Topology) -> dict[str, Any]:
        """Of a client for single commands, without the address."""
        options: dict[str, Any] = {
            **self._options,
            "socket_timeout": COMMAND_SECONDS,
            "socket_connect_timeout": COMMAND_SECONDS,
            "max_connections": COMMAND_CONNECTIONS,
        }
        if issubclass(self._class, SSLConnection):
            options["ssl"] = True
        if topology.sharded:
            options.pop("db", None)
        return options

    async def topology(self, known: set[Address] | None = None) -> Topology:
        """Ask where the slots are: at home, else at a node that was known. Raises one of ``FAILURES``."""
        failure: Exception | None = None
        for address in (self.home, *(known or ())):
            try:
                return await self._ask(address)
            except FAILURES as error:
                failure = error
        assert failure is not None, "home was asked"
        raise failure

    async def _ask(self, address: Address) -> Topology:
        connection = await self.connect(address)
        try:
            await connection.send_command("INFO", "cluster")
            info = bytes(await connection.read_response())
            if b"cluster_enabled:1" not in info:
                return Topology(address)
            await connection.send_command("CLUSTER", "SLOTS")
            ranges = await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)
        return Topology(address, owners_of(ranges, address))


def owners_of(ranges: list[Any], asked: Address) -> tuple[Address | None, ...]:
    """The answer of CLUSTER SLOTS by slot. A node without a name is the one that was asked."""
    owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
    for first, last, owner, *_ in ranges:
        host = owner[0].decode() if owner[0] else ""
        address = Address(host if host not in ("", "?") else asked.host, int(owner[1]))
        owners[first : last + 1] = [address] * (last + 1 - first)
    return tuple(owners)
