"""Taking out of stored events what was forgotten. Pure: a body in, a redacted body out, or None: nothing to do.

The redacted copy keeps type, seq and event_id, has null where a value, a quote or a tip stood and "" where text
stood, and says ``redacted: true``. Only what people said or what was learnt from it is ever taken out: names, codes,
states and numbers stay, whatever word they hold, so everything that is computed from events still holds.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
Node = dict[str, Any]
LoggedEvent = tuple[int, str, str]  # seq, type, body


# --- a key of the memory -----------------------------------------------------------------------------------------


def forget_key(type_: str, body: str, key: str) -> str | None:
    """The event without what it says of ``key``."""
    event = msgspec.json.decode(body)
    changed = False
    if type_.startswith("memory.") and event.get("key") == key:
        changed = _null(event, ("value", "previousValue")) | _null(event.get("source") or {}, ("quote",))
    elif type_ in ("session.created", "session.updated"):
        changed = _null(event["session"]["socialgym"].get("memorySnapshot") or {}, (key,))
    elif type_ == "session.summary":
        changed = _forget_in_summary(event["summary"], key)
    return _done(event) if changed else None


def values_of(body: str, key: str) -> set[str | None]:
    """What a ``memory.*`` event says that ``key`` held, and the words it was learnt from; nothing of another key."""
    event = msgspec.json.decode(body)
    if event.get("key") != key:
        return set()
    return {event.get("value"), event.get("previousValue"), (event.get("source") or {}).get("quote")}


def _forget_in_summary(summary: Node, key: str) -> bool:
    memory = summary["personaMemory"]
    changed = _null(memory.get("memorySnapshot") or {}, (key,))
    for write in memory["memoryWritesDuringSession"]:
        if write["memoryKey"] == key:
            changed |= _null(write, ("memoryValue",)) | _null(write.get("source") or {}, ("quote",))
    return changed


# --- what was said -----------------------------------------------------------------------------------------------


def holds(text: str | None, values: Iterable[str]) -> bool:
    """Whether ``text`` holds one of the values, in any case, also as part of a word."""
    folded = (text or "").casefold()
    return any(value.casefold() in folded for value in values if value)


def blank_values(events: Iterable[LoggedEvent], values: Iterable[str]) -> list[LoggedEvent]:
    """Of one session's events, given in their order, those that change when every turn that holds one of ``values``
    loses its text, its tip, its notes and its quotes, wherever they were repeated."""
    wanted = [value for value in values if value]
    return _blank(events, lambda text: holds(text, wanted))


def blank_transcript(events: Iterable[LoggedEvent]) -> list[LoggedEvent]:
    """The same for all turns: those of one session's events that change when nothing stays of what was said."""
    return _blank(events, lambda _: True)


def _blank(events: Iterable[LoggedEvent], gone: Callable[[str | None], bool]) -> list[LoggedEvent]:
    blanking = _Blanking(gone)
    changed: list[LoggedEvent] = []
    for seq, type_, body in events:
        event = msgspec.json.decode(body)
        if blanking.event(type_, event):
            changed.append((seq, type_, _done(event)))
    return changed


class _Blanking:
    """Walks a session's events in order, and remembers which turns are gone for what comes after them."""

    def __init__(self, gone: Callable[[str | None], bool]) -> None:
        self._gone = gone
        self._items: set[str] = set()
        self._turns: set[int] = set()

    def event(self, type_: str, event: Node) -> bool:
        """Blank in place; whether anything was there."""
        if type_.startswith("conversation.item."):
            return self._item(event.get("item") or {})
        if type_ == "response.done":
            return _every(self._item(item) for item in event["response"].get("output") or ())
        if type_ == "turn.scored":
            return self._scored(event)
        if type_.startswith("memory."):
            return self._quote(event.get("source"), "item_id")
        return self._summary(event["summary"]) if type_ == "session.summary" else False

    def _item(self, item: Node) -> bool:
        changed = False
        for part in item.get("content") or ():
            for name in ("text", "transcript"):
                if self._gone(part.get(name)) or item["id"] in self._items:
                    self._items.add(item["id"])
                    changed |= _empty(part, name)
        return changed

    def _scored(self, event: Node) -> bool:
        notes = [evidence["note"] for evidence in event["evidence"]]
        if event["item_id"] not in self._items and not any(map(self._gone, (event["tip"], *notes))):
            return False
        self._items.add(event["item_id"])
        self._turns.add(event["turnIndex"])
        return _null(event, ("tip",)) | _every(_empty(evidence, "note") for evidence in event["evidence"])

    def _quote(self, source: Node | None, item_id: str) -> bool:
        if source and (source[item_id] in self._items or (source["quote"] and self._gone(source["quote"]))):
            return _null(source, ("quote",))
        return False

    def _summary(self, summary: Node) -> bool:
        writes = summary["personaMemory"]["memoryWritesDuringSession"]
        changed = _every(self._quote(write["source"], "itemId") for write in writes)
        for lines in summary["keyMessages"].values():
            for line in lines:
                if line["turnIndex"] in self._turns or self._gone(line["content"]):
                    changed |= _empty(line, "content")
        return self._outcome(summary["outcome"]) | changed

    def _outcome(self, outcome: Node) -> bool:
        """The quote leaves the message too; the rest of it says nothing of what was said."""
        worked = outcome["worked"]
        if worked is None or worked["quote"] is None:
            return False
        if worked["turnIndex"] not in self._turns and not self._gone(worked["quote"]):
            return False
        quote, message = worked["quote"], outcome["message"]
        # In its quotation marks, so that a short one is not cut out of other words; however it stands, it goes.
        outcome["message"] = (
            message.replace(f"“{quote}”", "“…”") if f"“{quote}”" in message else message.replace(quote, "…")
        )
        return _null(worked, ("quote",))


def summary_body(event_body: str) -> str:
    """The summary inside a ``session.summary`` event, as REST answers it."""
    return bytes(msgspec.json.decode(event_body, type=dict[str, msgspec.Raw])["summary"]).decode()


def _done(event: Node) -> str:
    event["redacted"] = True
    if isinstance(event.get("summary"), dict):
        event["summary"]["redacted"] = True
    return _encoder.encode(event).decode()


def _every(changes: Iterable[bool]) -> bool:
    """Make every change (``any`` would stop at the first); whether there was one."""
    return sum(changes) > 0


def _null(where: Node, names: tuple[str, ...]) -> bool:
    changed = False
    for name in names:
        if where.get(name) is not None:
            where[name] = None
            changed = True
    return changed


def _empty(where: Node, name: str) -> bool:
    if not where.get(name):
        return False
    where[name] = ""
    return True
