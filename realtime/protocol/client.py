"""The events a client may send, as one tagged union with one decoder.

``decode`` is the only way in: a text frame becomes a typed event, or an ``AppError`` that says what is wrong and
carries the frame's own ``event_id`` where it had one. Values are bounded here, so nothing behind this line has to
ask again how long a string is.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from realtime.domain import MemoryMode
from realtime.errors import AppError
from realtime.protocol.session_object import SessionPatch

EventId = Annotated[str, Meta(max_length=512)]
ItemId = Annotated[str, Meta(min_length=1, max_length=64)]
Key = Annotated[str, Meta(min_length=1, max_length=80)]


class ClientEvent(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    event_id: EventId | None = None


class ContentPart(msgspec.Struct, frozen=True):
    type: str
    text: str | None = None


class Item(msgspec.Struct, frozen=True):
    """A conversation item as OpenAI shapes it; which of them are taken is decided in ``realtime.commands``."""

    type: str
    role: str | None = None
    content: Annotated[list[ContentPart], Meta(max_length=64)] = []
    id: ItemId | None = None


class SessionUpdate(ClientEvent, tag="session.update", frozen=True, kw_only=True):
    session: SessionPatch


class ItemCreate(ClientEvent, tag="conversation.item.create", frozen=True, kw_only=True):
    item: Item
    previous_item_id: str | None = None


class ItemTruncate(ClientEvent, tag="conversation.item.truncate", frozen=True, kw_only=True):
    item_id: str
    content_index: int = 0
    audio_end_ms: int = 0


class ItemRetrieve(ClientEvent, tag="conversation.item.retrieve", frozen=True, kw_only=True):
    item_id: str


class ItemDelete(ClientEvent, tag="conversation.item.delete", frozen=True, kw_only=True):
    item_id: str


Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]


class ResponseParams(msgspec.Struct, frozen=True, kw_only=True):
    conversation: str | None = None
    input: list[Any] | None = None
    metadata: Metadata | None = None


class ResponseCreate(ClientEvent, tag="response.create", frozen=True, kw_only=True):
    response: ResponseParams | None = None


class ResponseCancel(ClientEvent, tag="response.cancel", frozen=True, kw_only=True):
    response_id: str | None = None


class AudioAppend(ClientEvent, tag="input_audio_buffer.append", frozen=True, kw_only=True):
    audio: str


class AudioClear(ClientEvent, tag="input_audio_buffer.clear", frozen=True, kw_only=True):
    pass


class AudioCommit(ClientEvent, tag="input_audio_buffer.commit", frozen=True, kw_only=True):
    pass


class TranscriptAppend(ClientEvent, tag="input_transcript.append", frozen=True, kw_only=True):
    item_id: ItemId
    delta: Annotated[str, Meta(max_length=2_000)]
    start_ms: Annotated[int, Meta(ge=0)] | None = None
    end_ms: Annotated[int, Meta(ge=0)] | None = None


class Word(msgspec.Struct, frozen=True, kw_only=True):
    w: Annotated[str, Meta(max_length=100)]
    start_ms: Annotated[int, Meta(ge=0)]
    end_ms: Annotated[int, Meta(ge=0)]
    conf: Annotated[float, Meta(ge=0, le=1)] | None = None


class TranscriptCommit(ClientEvent, tag="input_transcript.commit", frozen=True, kw_only=True):
    item_id: ItemId
    transcript: str
    words: Annotated[list[Word], Meta(max_length=2_000)] = []
    duration_ms: Annotated[int, Meta(ge=0)] | None = None


class MemoryEdit(ClientEvent, tag="memory.edit", frozen=True, kw_only=True):
    key: Key
    value: Annotated[str, Meta(min_length=1, max_length=200)]


class MemoryForget(ClientEvent, tag="memory.forget", frozen=True, kw_only=True):
    key: Key
    with_turns: bool = msgspec.field(default=False, name="withTurns")


class SessionEnd(ClientEvent, tag="session.end", frozen=True, kw_only=True):
    pass


class RefreshToken(ClientEvent, tag="session.refresh_token", frozen=True, kw_only=True):
    token: Annotated[str, Meta(max_length=4_096)]


AnyClientEvent = (
    SessionUpdate
    | ItemCreate
    | ItemTruncate
    | ItemRetrieve
    | ItemDelete
    | ResponseCreate
    | ResponseCancel
    | AudioAppend
    | AudioClear
    | AudioCommit
    | TranscriptAppend
    | TranscriptCommit
    | MemoryEdit
    | MemoryForget
    | SessionEnd
    | RefreshToken
)
CLIENT_EVENTS: tuple[type[ClientEvent], ...] = AnyClientEvent.__args__
KNOWN_TYPES = frozenset(str(event.__struct_config__.tag) for event in CLIENT_EVENTS)


class _Head(msgspec.Struct, frozen=True):
    event_id: EventId | None = None


_decoder = msgspec.json.Decoder(AnyClientEvent)
_id = msgspec.json.Decoder(_Head)
_head = msgspec.json.Decoder(dict[str, Any])


def decode(frame: str) -> AnyClientEvent:
    """The frame as a typed event. Raises ``AppError``: ``invalid_json``, ``unknown_event_type`` or
    ``invalid_event`` (``param`` names the field), with the client's ``event_id`` if it can be read."""
    try:
        event: AnyClientEvent = _decoder.decode(frame)
        return event
    except msgspec.ValidationError as error:
        raise _explain(frame, error) from None
    except (msgspec.DecodeError, RecursionError):
        raise AppError("invalid_json") from None


def event_id_of(frame: str | None) -> str | None:
    """The client's own ``event_id`` of a frame that is refused unread; None if it has none that can be read."""
    if frame is None:
        return None
    try:
        return _id.decode(frame).event_id
    except (msgspec.DecodeError, RecursionError):
        return None


def _explain(frame: str, error: msgspec.ValidationError) -> AppError:
    try:
        head = _head.decode(frame)
    except (msgspec.DecodeError, RecursionError):
        return AppError("invalid_json", "A frame is a JSON object with a type.")
    said_id = head.get("event_id")
    event_id = said_id if isinstance(said_id, str) and len(said_id) <= 512 else None
    kind = head.get("type", UNSET)
    if isinstance(kind, UnsetType):
        return AppError("invalid_json", "The frame has no type.", param="type", event_id=event_id)
    if not isinstance(kind, str) or kind not in KNOWN_TYPES:
        return AppError(
            "unknown_event_type",
            f"There is no client event {str(kind)[:80]!r}.",
            param="type",
            event_id=event_id,
        )
    message, _, path = str(error).partition(" - at `$.")
    return AppError("invalid_event", message, param=path.rstrip("`") or None, event_id=event_id)


__all__ = ["CLIENT_EVENTS", "KNOWN_TYPES", "AnyClientEvent", "MemoryMode", "decode", "event_id_of"]
