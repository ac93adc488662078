"""The rules of memory as pure functions: what a write, an edit or a forget makes of the present.

``known`` maps each key to its present entry. An entry without items is a key that was emptied or forgotten: it
holds nothing, and keeps its version, which only grows. No function changes its arguments.
"""

import re
import unicodedata
from typing import Any, Literal

import msgspec

from realtime.domain import MemoryCandidate, MemoryEntry, MemorySource, RememberedItem
from realtime.memory.commands import reads_as_instruction
from realtime.memory.vocabulary import MAX_LIST_ITEMS, MAX_VALUE_CHARS, holds, is_known_key, rank

__all__ = [
    "Change",
    "KeyUnknown",
    "ValueInvalid",
    "apply",
    "clean_value",
    "edit",
    "event_payload",
    "forget",
    "is_known_key",
    "snapshot",
    "value_text",
]

NO_SOURCE = MemorySource(item_id=None, start=None, end=None, quote=None)
_SPACE = re.compile(r"\s+")


class MemoryRuleError(Exception):
    """A request that the memory rules refuse."""


class KeyUnknown(MemoryRuleError):
    """The vocabulary does not have the key, or nothing is remembered under it."""


class ValueInvalid(MemoryRuleError):
    """An edited value is empty, too long, has too many items, or reads as an instruction."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one key. ``entry`` is the new present; it is written only where the stored version is
    ``expected_version`` (0: the key never existed).

    ``value``: the item written, or with ``removed`` the item taken off a list; None when the key was forgotten.
    ``previous_value``: what a single key (or an edited list) held before; None when it held nothing.
    """

    op: Literal["created", "updated", "forgotten"]
    key: str
    value: str | None
    previous_value: str | None
    confidence: float
    source: MemorySource
    expected_version: int
    version: int
    entry: MemoryEntry
    written_at: str
    removed: bool = False


def clean_value(text: str) -> str:
    """The text on one line without control or invisible format characters, trimmed. Not shortened."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    spaced = _SPACE.sub(" ", text)
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cf", "Cs")).strip()


def value_text(entry: MemoryEntry) -> str:
    """The entry as people read it: ``a, b, c`` for a list, the value for a single key, "" for no items."""
    return ", ".join(item.value for item in entry.items)


def snapshot(known: dict[str, MemoryEntry]) -> dict[str, str] | None:
    """``memorySnapshot``: each key with its value as text, in the vocabulary's order; None when nothing is known."""
    shown = {key: value_text(known[key]) for key in sorted(known, key=rank) if known[key].items}
    return shown or None


def apply(
    known: dict[str, MemoryEntry], candidate: MemoryCandidate, *, item_id: str, written_at: str
) -> Change | None:
    """What the candidate changes, or None when it changes nothing (compared without regard to case).

    ``set`` replaces a single key and adds to a list (beyond ``MAX_LIST_ITEMS`` the oldest goes); ``remove``
    takes the value off a list, or empties a single key that holds it. Raises ``KeyUnknown`` for a key outside the
    vocabulary.
    """
    kind = holds(candidate.key)
    if kind is None:
        raise KeyUnknown(candidate.key)
    value = clean_value(candidate.value)[:MAX_VALUE_CHARS].rstrip()
    if not value:
        return None
    before = known.get(candidate.key)
    items = before.items if before else ()
    rest = tuple(item for item in items if not _same(item.value, value))
    source = MemorySource(item_id=item_id, start=candidate.start, end=candidate.end, quote=candidate.quote)
    if candidate.op == "remove":
        if len(rest) == len(items):
            return None
        gone = next(item.value for item in items if _same(item.value, value))
        return _change(
            before, candidate.key, rest, gone, None, candidate.confidence, source, written_at, removed=True
        )
    if len(rest) < len(items):
        return None
    item = RememberedItem(value=value, confidence=candidate.confidence, source=source, written_at=written_at)
    if kind == "single":
        previous = items[-1].value if items else None
        return _change(before, candidate.key, (item,), value, previous, candidate.confidence, source, written_at)
    grown = (*items, item)[-MAX_LIST_ITEMS:]
    return _change(before, candidate.key, grown, value, None, candidate.confidence, source, written_at)


def edit(known: dict[str, MemoryEntry], key: str, value: str, *, written_at: str) -> Change:
    """The user's own correction, with confidence 1 and no source.

    A single key takes the value; a list becomes the comma-separated values, in their order, each once. Raises
    ``KeyUnknown`` when the vocabulary lacks the key or nothing is remembered under it, ``ValueInvalid`` when a
    value is empty, longer than ``MAX_VALUE_CHARS``, one too many, or reads as an instruction.
    """
    before = _present(known, key)
    parts = value.split(",") if holds(key) == "list" else [value]
    values: list[str] = []
    for part in (clean_value(part) for part in parts):
        if part and not any(_same(part, other) for other in values):
            values.append(part)
    if not values or len(values) > MAX_LIST_ITEMS:
        raise ValueInvalid(f"{key} takes 1 to {MAX_LIST_ITEMS} values")
    if any(len(each) > MAX_VALUE_CHARS for each in values):
        raise ValueInvalid(f"a value has at most {MAX_VALUE_CHARS} characters")
    if any(reads_as_instruction(each) for each in values):
        raise ValueInvalid("the value reads as an instruction")
    items = tuple(
        RememberedItem(value=each, confidence=1.0, source=NO_SOURCE, written_at=written_at) for each in values
    )
    previous = value_text(before)
    return _change(before, key, items, ", ".join(values), previous, 1.0, NO_SOURCE, written_at)


def forget(known: dict[str, MemoryEntry], key: str, *, written_at: str) -> Change:
    """Empties the key and leaves a tombstone of the next version, which carries neither value nor quote.

    Raises ``KeyUnknown`` when the vocabulary lacks the key or nothing is remembered under it.
    """
    before = _present(known, key)
    version = before.version + 1
    return Change(
        op="forgotten",
        key=key,
        value=None,
        previous_value=None,
        confidence=1.0,
        source=NO_SOURCE,
        expected_version=before.version,
        version=version,
        entry=MemoryEntry(key=key, items=(), version=version),
        written_at=written_at,
        removed=True,
    )


def event_payload(change: Change, *, redacts: tuple[int, ...] = ()) -> dict[str, Any]:
    """The fields of the ``memory.*`` event, as JSON-able values; ``type``, ``event_id`` and ``seq`` are the caller's.

    ``redacts``: the seqs that a forget blanked. An item taken off a list is ``memory.updated`` with ``value``
    null and the item as ``previousValue``.
    """
    if change.op == "forgotten":
        return {"key": change.key, "version": change.version, "redacts": list(redacts)}
    previous = change.value if change.removed else change.previous_value
    payload: dict[str, Any] = {"key": change.key, "value": None if change.removed else change.value}
    if previous is not None:
        payload["previousValue"] = previous
    source = change.source
    return payload | {
        "confidence": change.confidence,
        "source": {
            "item_id": source.item_id,
            "start": source.start,
            "end": source.end,
            "quote": source.quote,
        },
        "version": change.version,
        "writtenAt": change.written_at,
    }


def _present(known: dict[str, MemoryEntry], key: str) -> MemoryEntry:
    entry = known.get(key)
    if entry is None or not entry.items or not is_known_key(key):
        raise KeyUnknown(key)
    return entry


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _change(
    before: MemoryEntry | None,
    key: str,
    items: tuple[RememberedItem, ...],
    value: str,
    previous_value: str | None,
    confidence: float,
    source: MemorySource,
    written_at: str,
    *,
    removed: bool = False,
) -> Change:
    expected = before.version if before else 0
    return Change(
        op="updated" if before and before.items else "created",
        key=key,
        value=value,
        previous_value=previous_value,
        confidence=confidence,
        source=source,
        expected_version=expected,
        version=expected + 1,
        entry=MemoryEntry(key=key, items=items, version=expected + 1),
        written_at=written_at,
        removed=removed,
    )
