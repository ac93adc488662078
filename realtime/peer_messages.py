"""What processes say to each other about one user, on that user's channel.

One publication carries what one round of the event loop had to say, in order. Nothing here is a truth: events are
copies of what was committed, and everything else says where to look.
"""

from uuid import UUID

import msgspec

#: Events of one step that together are longer travel as a hint; the receiver reads the log.
LONGEST_EVENTS = 64 * 1024


class Committed(msgspec.Struct, frozen=True, tag="c", array_like=True):
    """Durable events of a session, after their COMMIT: (seq, type, body), in order."""

    session_id: UUID
    events: tuple[tuple[int, str, str], ...]


class Head(msgspec.Struct, frozen=True, tag="h", array_like=True):
    """The log of a session goes up to ``seq``."""

    session_id: UUID
    seq: int


class Ended(msgspec.Struct, frozen=True, tag="e", array_like=True):
    """The session is FINALIZING or final now."""

    session_id: UUID


class Signalled(msgspec.Struct, frozen=True, tag="s", array_like=True):
    """A signal to all devices of the session, encoded. ``kind``: the frame's type."""

    session_id: UUID
    kind: str
    frame: str


class Speaking(msgspec.Struct, frozen=True, tag="r", array_like=True):
    """A reply under way in the sending process, with all its text so far: at its beginning, and when asked."""

    session_id: UUID
    reply_id: str
    item_id: str
    answers: str | None
    metadata: dict[str, str] | None
    text: str


class Piece(msgspec.Struct, frozen=True, tag="d", array_like=True):
    """More of a reply's text. ``at``: how many code points came before."""

    session_id: UUID
    reply_id: str
    at: int
    text: str


class Silent(msgspec.Struct, frozen=True, tag="q", array_like=True):
    """The reply is over, however it went."""

    session_id: UUID
    reply_id: str


class Ask(msgspec.Struct, frozen=True, tag="a", array_like=True):
    """Who runs this reply? The owner answers; ``cancel``: and stops it."""

    session_id: UUID
    reply_id: str
    question: str
    cancel: bool


class Mine(msgspec.Struct, frozen=True, tag="m", array_like=True):
    """The owner's answer to ``Ask``."""

    question: str


class Who(msgspec.Struct, frozen=True, tag="w", array_like=True):
    """The sender lacks part of what goes on: whoever runs a reply of this user says so anew."""


class Left(msgspec.Struct, frozen=True, tag="l", array_like=True):
    """The last socket of a session in the sending process has gone, and the row says so: whoever has one notes it."""

    session_id: UUID


class Remembered(msgspec.Struct, frozen=True, tag="n", array_like=True):
    """The memory of a persona changed. ``forgotten``: what is kept of it in memory must go at once."""

    persona: str
    forgotten: bool


class Revoked(msgspec.Struct, frozen=True, tag="v", array_like=True):
    """The user's tokens were revoked: look at the sockets."""


PeerMessage = (
    Committed | Head | Ended | Signalled | Speaking | Piece | Silent | Ask | Mine | Who | Left | Remembered | Revoked
)

_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder = msgspec.msgpack.Decoder(list[PeerMessage])


def encode(messages: list[PeerMessage]) -> bytes:
    return _encoder.encode(messages)


def decode(body: bytes) -> list[PeerMessage]:
    """Raises ``msgspec.DecodeError`` for what a process of another version says."""
    return _decoder.decode(body)
