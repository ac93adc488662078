"""What the server sends: builders of frames, each encoded once, as the text that is stored and sent.

Names that exist in the package ``openai.types.realtime`` have its shape plus ``session_id`` and ``seq`` on durable
events. A durable event's ``event_id`` is made of session and seq, so that building it again gives the same bytes.
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
import uuid_utils

from storage.rows import EventRow

_encoder = msgspec.json.Encoder()

Payload = dict[str, Any]

# Types that the package knows; the rest is ours and is not sent on /v1/openai/realtime.
OPENAI_TYPES = frozenset(
    {
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "conversation.item.input_audio_transcription.delta",
        "input_audio_buffer.cleared",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
        "error",
    }
)


# A durable event is the row it is stored as: its ``body`` is the very text that is sent.
Event = EventRow


def encode(value: Any) -> str:
    return _encoder.encode(value).decode()


@lru_cache(maxsize=4_096)
def _names(session_id: UUID) -> tuple[str, str]:
    """The session's id as event ids hold it, and as frames do (a session has thousands of events)."""
    return session_id.hex, str(session_id)


def durable(session_id: UUID, seq: int, type_: str, payload: Payload) -> Event:
    """A durable event with its place in the session's order."""
    return placed(session_id, seq, type_, encode(payload))


def placed(session_id: UUID, seq: int, type_: str, payload: str) -> Event:
    """The same for a payload that is encoded already, and not empty."""
    plain, dashed = _names(session_id)
    place = f'{{"type":"{type_}","event_id":"event_{plain}_{seq}","session_id":"{dashed}","seq":{seq},'
    return Event(seq, type_, place + payload[1:])


def signal(type_: str, payload: Payload) -> str:
    """A signal: no seq, may be lost with a connection."""
    frame = {"type": type_, "event_id": f"event_{uuid_utils.uuid7().hex}"}
    frame.update(payload)
    return encode(frame)


def user_item(item_id: str, text: str, *, voice: bool = False) -> Payload:
    part = {"type": "input_audio", "transcript": text} if voice else {"type": "input_text", "text": text}
    return _item(item_id, "user", "completed", [part])


def assistant_item(item_id: str, text: str | None, status: str = "completed") -> Payload:
    """``text`` None: an item that has no content yet."""
    return _item(item_id, "assistant", status, [] if text is None else [{"type": "output_text", "text": text}])


def _item(item_id: str, role: str, status: str, content: list[Payload]) -> Payload:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }


def after(previous: str | None, item: Payload) -> Payload:
    """An item event's payload; ``previous_item_id`` is absent for the first item."""
    return {"item": item} if previous is None else {"previous_item_id": previous, "item": item}


# Nothing here counts tokens; the package wants the fields.
NO_USAGE: Payload = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
}


def response(
    response_id: str,
    status: str,
    *,
    output: list[Payload],
    metadata: dict[str, str] | None,
    details: Payload | None = None,
) -> Payload:
    """The response object of ``response.created`` (``in_progress``) and ``response.done``."""
    made: Payload = {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "output": output,
        "output_modalities": ["text"],
    }
    if details is not None:
        made["status_details"] = details
    if metadata is not None:
        made["metadata"] = metadata
    if status != "in_progress":
        made["usage"] = NO_USAGE
    return made


def error(code: str, wire_type: str, message: str, **extra: Any) -> str:
    """An ``error`` frame; ``extra`` (param, event_id, retry_after_ms) is left out where it is None."""
    body = {"type": wire_type, "code": code, "message": message}
    body.update({name: value for name, value in extra.items() if value is not None})
    return signal("error", {"error": body})
