"""The bus between processes: one channel a user, on which the processes that hold something of that user tell each
other what they committed and what they stream.

It is a hint, never a truth. A message arrives once or not at all; whoever can tell that some may have been lost is
told so (``Receiver.lost``) and reads from PostgreSQL. Losing the bus costs speed, never data.

Two implementations pass one set of contract tests: ``local`` (engines of one process) and ``redis`` (processes on one
Redis, Valkey, or cluster of them).
"""

from typing import Protocol
from uuid import UUID

#: Messages that wait to leave, of all channels. Past this the newest are dropped and their channels are told so:
#: about a second's worth at the highest rate of turns.
QUEUE_MESSAGES = 10_000
#: The same in bytes.
QUEUE_BYTES = 16 * 1024 * 1024


class Receiver(Protocol):
    """Who listens: called on the event loop, one call after the other; must not wait."""

    def received(self, channel: UUID, message: bytes) -> None:
        """Another process published this. Messages of one process on one channel come in their order."""

    def joined(self, channel: UUID) -> None:
        """Another process subscribed to this channel, and knows nothing yet of what went on before."""

    def lost(self, channel: UUID | None) -> None:
        """Messages of this channel (None: of every channel) may have been lost. Never silent: the connection was
        lost and found again, a queue was full here or at a publisher, or a cluster moved the channel."""


class Bus(Protocol):
    """``publish``, ``subscribe`` and ``unsubscribe`` never wait, never raise, and hold bounded memory."""

    reconnects: int
    """How often a connection that was lost was found again, since the beginning."""

    @property
    def alone(self) -> bool:
        """There can be nobody else."""

    @property
    def healthy(self) -> bool:
        """Messages get through now. While it is False, changes by other processes must be looked for."""

    async def start(self, receiver: Receiver) -> None:
        """Begin. Returns at once also where nobody can be reached: the bus goes on trying."""

    async def close(self) -> None:
        """Send what waits (at most for a second), then leave every channel."""

    def subscribe(self, channel: UUID) -> None:
        """Listen to a channel. Counted: as many ``unsubscribe`` end it."""

    def unsubscribe(self, channel: UUID) -> None: ...

    async def subscribed(self, channel: UUID, seconds: float) -> bool:
        """Wait until what is published on a subscribed channel reaches this process, at most ``seconds`` (no time at
        all while the bus is down). Whoever then reads the log misses nothing. False: not yet; ``lost`` follows."""

    def others(self, channel: UUID) -> bool:
        """Whether another process may be listening to a channel that this one subscribed to. False only where the
        last message reached nobody else and nobody has come since: then a message need not even be made."""

    def publish(self, channel: UUID, message: bytes) -> None:
        """Tell the others (never this process itself)."""
