"""Real Valkeys for tests: one alone, and clusters of several nodes with all slots."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS

from server.embedded_valkey import EmbeddedValkey

PATIENCE = 15.0


def command(valkey: EmbeddedValkey, *arguments: Any) -> Any:
    """One command to this node, on a connection of its own."""
    with redis.Redis.from_url(valkey.url, protocol=2) as client:
        return client.execute_command(*arguments)


@contextmanager
def cluster_of(count: int, options: dict[str, str] | None = None) -> Iterator[list[EmbeddedValkey]]:
    """A cluster whose slots are spread over ``count`` nodes; ready."""
    nodes: list[EmbeddedValkey] = []
    try:
        for _ in range(count):
            settings = {"cluster-enabled": "yes", "cluster-node-timeout": "1500", **(options or {})}
            nodes.append(EmbeddedValkey.start(settings))
        _one_password(nodes)
        share = REDIS_CLUSTER_HASH_SLOTS // count
        for at, node in enumerate(nodes):
            last = REDIS_CLUSTER_HASH_SLOTS - 1 if at == count - 1 else (at + 1) * share - 1
            command(node, "CLUSTER", "ADDSLOTSRANGE", at * share, last)
            if at:
                command(nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port)
        deadline = time.monotonic() + PATIENCE
        while not all(_is_whole(node, count) for node in nodes):
            assert time.monotonic() < deadline, "the cluster does not form"
            time.sleep(0.05)
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def _one_password(nodes: list[EmbeddedValkey]) -> None:
    """A client signs in to every node with the password of the first."""
    password = nodes[0].password
    for node in nodes[1:]:
        command(node, "CONFIG", "SET", "requirepass", password, "primaryauth", password)
        node.url = node.url.replace(node.password, password)
        node.password = password


def _is_whole(node: EmbeddedValkey, count: int) -> bool:
    info = command(node, "CLUSTER", "INFO")
    told = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == count
