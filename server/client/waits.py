"""What a client waits for: each wait knows its frame, so that it can be sent again after a reconnect."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from server.client.errors import ClientError
from server.client.track import Event

MEMORY_EVENTS = frozenset({"memory.created", "memory.updated", "memory.forgotten"})


@dataclass
class TurnResult:
    """One turn of ours as the server committed it.

    ``events``: its events by ``seq``, each once. Memory events follow ``turn.scored`` in the same commit:
    ``memory`` is complete by the time any later event (a reply, say) arrives.
    """

    item_id: str
    text: str
    scored: Event = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    memory: list[Event] = field(default_factory=list)

    @property
    def score(self) -> int:
        return int(self.scored["score"])

    @property
    def rarity(self) -> str:
        return str(self.scored["rarity"])

    def take(self, event: Event) -> None:
        """Keep an event that belongs to this turn; the same ``seq`` again (after a resend) is ignored."""
        if item_id_of(event) != self.item_id or any(e.get("seq") == event.get("seq") for e in self.events):
            return
        self.events.append(event)
        if event["type"] == "turn.scored":
            self.scored = event
        elif event["type"] in MEMORY_EVENTS:
            self.memory.append(event)


def item_id_of(event: Event) -> str | None:
    """The conversation item an event speaks of, wherever its kind names it."""
    item, source = event.get("item") or {}, event.get("source") or {}
    for found in (event.get("item_id"), item.get("id"), source.get("item_id")):
        if isinstance(found, str):
            return found
    return None


class Wait:
    """One answer awaited. ``settles`` says whether an event is it; the future then holds the event."""

    def __init__(self, frame: dict[str, Any], settles: Callable[[Event], bool]) -> None:
        self.frame = frame
        self.event_id: str = frame["event_id"]
        self._settles = settles
        self.future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

    def see(self, event: Event) -> None:
        if not self.future.done() and self._settles(event):
            self.future.set_result(event)

    def fail(self, error: ClientError) -> None:
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # seen here: its reader may have left

    def rearm(self) -> None:
        """Wait again after an answer that said "later"."""
        self.future = asyncio.get_running_loop().create_future()
