"""Pings for all sockets of a process from one timer.

A wheel of slots goes round once an interval; a socket sits in one slot from its accept to its end and is visited
once a round. Whoever was pinged and sent nothing for a whole round is gone.
"""

import asyncio
from typing import Protocol

SLOTS = 40  # of a round: how finely the pings of sockets that came at different times stay spread


class Pinged(Protocol):
    def beat(self) -> None:
        """Check that the peer answered the last ping, and send the next."""


class Keepalive:
    """``seconds``: between two pings of a socket, and how long the answer may take. The timer runs while there are
    sockets."""

    def __init__(self, seconds: float) -> None:
        self._slots: list[set[Pinged]] = [set() for _ in range(SLOTS)]
        self._step = seconds / SLOTS
        self._at = 0
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: Pinged) -> int:
        """Its slot, by which it is removed. The first ping comes after a whole round."""
        slot = self._at
        self._slots[slot].add(socket)
        self._held += 1
        if self._timer is None:
            self._wait()
        return slot

    def remove(self, socket: Pinged, slot: int) -> None:
        if socket in self._slots[slot]:
            self._slots[slot].remove(socket)
            self._held -= 1

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._step, self._turn)

    def _turn(self) -> None:
        if not self._held:
            self._timer = None
            return
        self._wait()
        self._at = (self._at + 1) % SLOTS
        for socket in tuple(self._slots[self._at]):
            socket.beat()
