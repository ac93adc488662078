"""What a client knows of its session, without I/O: events in, state out.

Rules it keeps: waits are settled by ``item_id`` first, then a ``seq`` not above the own one is ignored;
a reply that was under way when the connection broke lives on only if the server says so.
"""

from typing import Any

Event = dict[str, Any]


class Reply:
    """One reply of the persona as far as it is known.

    ``status`` is None while it is under way. ``taken``: somebody reads it. ``lost``: it was never
    committed, so it did not happen; its text is void.
    """

    def __init__(self, reply_id: str) -> None:
        self.id = reply_id
        self.text = ""
        self.status: str | None = None
        self.taken = False
        self.lost = False

    @property
    def under_way(self) -> bool:
        return self.status is None and not self.lost


class Track:
    """The state of one session as its events tell it; ``receive`` is the only way in."""

    def __init__(self, session_id: str | None = None, last_seq: int | None = None) -> None:
        self.session: Event = {}
        self.session_id = session_id
        self.asked_from = last_seq
        self.last_seq = last_seq or 0
        self.head_seq = 0
        self._greeted = False
        self.active_response_id: str | None = None
        self.summary: Event | None = None
        self.reply: Reply | None = None
        self.asking = False

    @property
    def replaying(self) -> bool:
        """Missed events are still on their way."""
        return self.last_seq < self.head_seq

    @property
    def attached(self) -> bool:
        """The socket at hand has greeted us and, if we came back, brought every event we missed."""
        return self._greeted and not self.replaying

    def attaching(self) -> None:
        """A new socket: nothing is known of it yet."""
        self._greeted = False
        self.head_seq = 0
        self.active_response_id = None

    def receive(self, event: Event) -> bool:
        """Take one event; False when its ``seq`` was seen before, and it must not be acted on again."""
        seq = event.get("seq")
        if isinstance(seq, int):
            if seq <= self.last_seq and event.get("type") != "session.created":
                return False
            fresh = seq > self.last_seq
            self.last_seq = max(self.last_seq, seq)
        else:
            fresh = True
        handler = _HANDLERS.get(str(event.get("type")))
        if handler is not None:
            handler(self, event)
        return fresh

    def claim(self) -> Reply | None:
        """The reply that nobody reads yet, begun or finished since the last turn; it is then taken."""
        reply = self.reply
        if reply is None or reply.taken or reply.lost:
            return None
        reply.taken = True
        return reply

    def release(self) -> None:
        """The server says that a reply is under way: whoever asks next takes it up."""
        if self.reply is not None and self.reply.under_way:
            self.reply.taken = False

    def replay_ended(self) -> None:
        """All missed events are here: a reply that neither ended nor is still active did not happen."""
        reply = self.reply
        if reply is not None and reply.under_way and reply.id != self.active_response_id:
            reply.lost = True

    def _created(self, event: Event) -> None:
        self._greeted = True
        self.session = event.get("session") or {}
        self.session_id = self.session.get("id") or event.get("session_id") or self.session_id

    def _resumed(self, event: Event) -> None:
        self._greeted = True
        self.head_seq = int(event.get("head_seq") or 0)
        self.active_response_id = event.get("active_response_id")

    def _item_added(self, event: Event) -> None:
        item = event.get("item") or {}
        # A new turn: what was said before it is no answer to it. A reply under way goes on beside it.
        if item.get("role") == "user" and self.reply is not None and not self.reply.under_way:
            self.reply = None

    def _reply_created(self, event: Event) -> None:
        reply_id = str((event.get("response") or {}).get("id"))
        if self.reply is not None and self.reply.id == reply_id and not self.reply.lost:
            self.reply.text = ""  # announced again after a resume: one delta with all the text follows
        else:
            self.reply = Reply(reply_id)
        self.active_response_id = reply_id

    def _delta(self, event: Event) -> None:
        if self.reply is not None and event.get("response_id") == self.reply.id:
            self.reply.text += str(event.get("delta") or "")

    def _reply_done(self, event: Event) -> None:
        response = event.get("response") or {}
        reply_id = str(response.get("id"))
        if self.reply is None or self.reply.id != reply_id or self.reply.lost:
            self.reply = Reply(reply_id)
            # History that is replayed is no answer to a question asked now.
            self.reply.taken = self.replaying and not self.asking
        self.reply.text = text_of(response.get("output") or [])
        self.reply.status = str(response.get("status") or "completed")
        self.active_response_id = None

    def _summary(self, event: Event) -> None:
        self.summary = event.get("summary")


_HANDLERS = {
    "session.created": Track._created,
    "session.updated": Track._created,
    "session.resumed": Track._resumed,
    "conversation.item.added": Track._item_added,
    "response.created": Track._reply_created,
    "response.output_text.delta": Track._delta,
    "response.done": Track._reply_done,
    "session.summary": Track._summary,
}


def text_of(items: list[Event]) -> str:
    """The text of conversation items: their text parts (or a spoken part's transcript), joined."""
    parts = (part for item in items for part in item.get("content") or [])
    return "".join(str(part.get("text") or part.get("transcript") or "") for part in parts)
