"""A reply under way as sockets see it: its opening frames, and its text as it comes.

The process that runs a reply shows it to its own sockets; one that hears of it shows it to its own as well.
"""

import asyncio
from typing import TYPE_CHECKING

from realtime.delivery import Connection, Delta
from realtime.protocol import events
from realtime.protocol.events import Payload, signal

if TYPE_CHECKING:
    from realtime.live import LiveSession


class ReplyView:
    """``answers``: the item it follows. ``text``: all of it so far."""

    def __init__(
        self, live: "LiveSession", id_: str, item_id: str, answers: str | None, metadata: dict[str, str] | None
    ) -> None:
        self.live = live
        self.id = id_
        self.item_id = item_id
        self.answers = answers
        self.metadata = metadata
        self.text = ""

    def show(self, connection: Connection) -> None:
        """Let a socket that has just reached the head join the reply: its opening, and all text so far as one
        delta. One that followed it before gets only what it missed."""
        part, seen = connection.reply_seen
        if part != self.item_id:
            seen = 0
            connection.reply_seen = (self.item_id, 0)
            for type_, payload in self._opening_frames():
                connection.push_signal(type_, signal(type_, payload))
        if len(self.text) > seen:
            connection.push_delta(self._delta(self.text[seen:]))

    def show_all(self) -> None:
        for connection in self.live.connections:
            if connection.live:
                self.show(connection)

    def add(self, text: str) -> None:
        """More of its text, to every live socket here."""
        self.text += text
        delta = self._delta(text)
        for connection in self.live.connections:
            if connection.live:
                connection.push_delta(delta)

    def _delta(self, text: str) -> Delta:
        return Delta(self.item_id, text, self._delta_frame, self._delta_frame(text))

    def _delta_frame(self, text: str) -> str:
        return signal("response.output_text.delta", {**self.place(), "delta": text})

    def place(self) -> Payload:
        return {"response_id": self.id, "item_id": self.item_id, "output_index": 0, "content_index": 0}

    def _opening_frames(self) -> list[tuple[str, Payload]]:
        item = events.assistant_item(self.item_id, None, "in_progress")
        response = events.response(self.id, "in_progress", output=[], metadata=self.metadata)
        return [
            ("response.created", {"response": response}),
            ("response.output_item.added", {"response_id": self.id, "output_index": 0, "item": item}),
            ("conversation.item.added", events.after(self.answers, item)),
            ("response.content_part.added", {**self.place(), "part": {"type": "text", "text": ""}}),
        ]


class ForeignReply(ReplyView):
    """A reply that another process runs. It counts as over at its deadline, should that process be gone."""

    def __init__(
        self,
        live: "LiveSession",
        id_: str,
        item_id: str,
        answers: str | None,
        metadata: dict[str, str] | None,
        *,
        seconds: float,
    ) -> None:
        super().__init__(live, id_, item_id, answers, metadata)
        self._until = asyncio.get_running_loop().time() + seconds

    @property
    def over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._until
