"""Taking forgotten values out of stored events. Pure: a body in, a redacted body out (or None: nothing to do).

The redacted copy keeps type, seq and event_id, has null where the value stood, and says ``redacted: true``. Rows and
scores stay, so everything that is computed from them still holds.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

_NULLED = frozenset({"value", "previousValue", "quote", "memoryValue", "tip"})
_encoder = msgspec.json.Encoder()


def forget_key(type_: str, body: str, key: str) -> str | None:
    """The event without what it says of ``key``."""
    event = msgspec.json.decode(body)
    changed = False
    if type_.startswith("memory.") and event.get("key") == key and type_ != "memory.forgotten":
        changed = _null(event, ("value", "previousValue")) | _null(event.get("source") or {}, ("quote",))
    elif type_ in ("session.created", "session.updated"):
        snapshot = event["session"]["socialgym"].get("memorySnapshot") or {}
        changed = _null(snapshot, (key,))
    elif type_ == "session.summary":
        changed = forget_in_summary(event["summary"], key)
    return _done(event) if changed else None


def forget_in_summary(summary: dict[str, Any], key: str) -> bool:
    """Redact the summary's memory in place; whether anything was there."""
    memory = summary["personaMemory"]
    changed = _null(memory.get("memorySnapshot") or {}, (key,))
    for write in memory["memoryWritesDuringSession"]:
        if write["memoryKey"] == key:
            changed |= _null(write, ("memoryValue",)) | _null(write.get("source") or {}, ("quote",))
    if changed:
        summary["redacted"] = True
    return changed


def blank_values(body: str, values: Iterable[str]) -> str | None:
    """The event with every string that holds one of ``values`` (in any case) emptied: text to "", quotes and
    values to null."""
    wanted = [value.casefold() for value in values if value]
    event = msgspec.json.decode(body)
    if not _blank(event, wanted):
        return None
    summary = event.get("summary")
    if isinstance(summary, dict):
        summary["redacted"] = True
    return _done(event)


def blank_transcript(body: str) -> str | None:
    """The event without anything that was said, by either side."""
    event = msgspec.json.decode(body)
    if not _blank_said(event):
        return None
    summary = event.get("summary")
    if isinstance(summary, dict):
        summary["redacted"] = True
    return _done(event)


_SAID = {"text": "", "transcript": "", "content": "", "note": "", "message": "", "tip": None, "quote": None}


def _blank_said(node: Any) -> bool:
    changed = False
    if isinstance(node, dict):
        for name, value in node.items():
            if name in _SAID and isinstance(value, str):
                node[name] = _SAID[name]
                changed = True
            else:
                changed |= _blank_said(value)
    elif isinstance(node, list):
        for value in node:
            changed |= _blank_said(value)
    return changed


def blank_text(text: str | None, values: Iterable[str]) -> bool:
    """Whether ``text`` holds one of the values and must go."""
    folded = (text or "").casefold()
    return any(value.casefold() in folded for value in values if value)


def summary_body(event_body: str) -> str:
    """The summary inside a ``session.summary`` event, as REST answers it."""
    return _encoder.encode(msgspec.json.decode(event_body)["summary"]).decode()


def _done(event: dict[str, Any]) -> str:
    event["redacted"] = True
    return _encoder.encode(event).decode()


def _null(where: dict[str, Any], names: tuple[str, ...]) -> bool:
    changed = False
    for name in names:
        if where.get(name) is not None:
            where[name] = None
            changed = True
    return changed


def _blank(node: Any, wanted: list[str]) -> bool:
    changed = False
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str) and any(w in value.casefold() for w in wanted):
                node[name] = None if name in _NULLED else ""
                changed = True
            else:
                changed |= _blank(value, wanted)
    elif isinstance(node, list):
        for at, value in enumerate(node):
            if isinstance(value, str) and any(w in value.casefold() for w in wanted):
                node[at] = ""
                changed = True
            else:
                changed |= _blank(value, wanted)
    return changed
