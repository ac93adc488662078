"""What the persona knows of the learner, on the terminal: each write as it happens, and all of it when asked."""

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from server.chat.words import plain, shortened

# The keys that hold several items; a write adds one, a correction replaces them all.
_LISTS = frozenset({"likes", "dislikes", "people", "pets", "languages"})
MOST_ITEMS = 12


def memory_view(event: dict[str, Any]) -> Text:
    """A memory event as one line: what the persona now knows, and the words it knows it from."""
    key, value, before = plain(event.get("key", "")), event.get("value"), event.get("previousValue")
    if event.get("type") == "memory.forgotten":
        return Text.assemble(("forgot: ", "magenta"), key)
    if value is None:  # an item taken off a list
        line = Text.assemble(("no longer: ", "magenta"), f"{key} = {plain(before or '')}")
    else:
        line = Text.assemble(("remembers: ", "magenta"), f"{key} = {plain(value)}")
        if before:
            line.append(f" (before: {plain(before)})", "dim")
    quote = (event.get("source") or {}).get("quote")
    return line.append(f' (from "{shortened(plain(quote))}")', "dim") if quote else line


class Item(msgspec.Struct, frozen=True):
    """``quote``: the words it was learnt from, where this talk has seen them; ``seq``: the event that said so."""

    value: str
    quote: str = ""
    seq: int | None = None


class Remembered:
    """What the persona knows, kept up with the events: ``memorySnapshot`` first, then every change."""

    def __init__(self, snapshot: dict[str, Any] | None) -> None:
        known = {key: _items(key, value) for key, value in (snapshot or {}).items() if value is not None}
        self._items: dict[str, list[Item]] = known

    def take(self, event: dict[str, Any]) -> None:
        key, value, before = event.get("key"), event.get("value"), event.get("previousValue")
        if not isinstance(key, str):
            return
        if event.get("type") == "memory.forgotten":
            self._items.pop(key, None)
            self._unquote(event.get("redacts") or [])
        elif value is None:
            self._items[key] = [item for item in self._items.get(key, []) if not _same(item.value, before)]
        elif not _is_list(key) or before is not None:
            self._items[key] = _items(key, value, event)
        else:
            kept = [item for item in self._items.get(key, []) if not _same(item.value, value)]
            self._items[key] = [*kept, _one(value, event)][-MOST_ITEMS:]

    def _unquote(self, redacted: list[int]) -> None:
        """The words of lines that are gone go here too."""
        for items in self._items.values():
            items[:] = [msgspec.structs.replace(item, quote="") if item.seq in redacted else item for item in items]

    def view(self, name: str) -> RenderableType:
        known = {key: items for key, items in self._items.items() if items}
        if not known:
            return Text(f"{name} knows nothing of you yet.", "dim")
        table = Table.grid(padding=(0, 2))
        table.add_column(style="magenta")
        table.add_column()
        for key, items in known.items():
            words = Text()
            for item in items:
                words.append(", " if words else "").append(plain(item.value))
                if item.quote:
                    words.append(f' (from "{shortened(plain(item.quote), 40)}")', "dim")
            table.add_row(Text(plain(key)), words)
        hint = "/edit KEY VALUE puts it right, /forget KEY takes it away."
        return Group(Text(f"What {name} remembers:", "bold"), table, Text(hint, "dim"))


def _is_list(key: str) -> bool:
    return key.partition(".")[0] in _LISTS


def _items(key: str, value: Any, event: dict[str, Any] | None = None) -> list[Item]:
    """A key's value as its items: a list comes as one text, with commas."""
    if not _is_list(key):
        return [_one(value, event)]
    return [_one(part, event) for part in str(value).split(", ")]


def _one(value: Any, event: dict[str, Any] | None) -> Item:
    event = event or {}
    return Item(str(value), str((event.get("source") or {}).get("quote") or ""), event.get("seq"))


def _same(one: str, other: Any) -> bool:
    return one.casefold() == str(other).casefold()
