"""One practice session as its learner knows it, and what must hold of everything that comes. No I/O.

Whatever comes, over whichever socket or request, is compared with all that came before: the same seq is the same
bytes, a socket never skips, a turn is acknowledged at one place, and no text of another learner is in it.
"""

import re
from collections.abc import Callable

import msgspec

from tests.adversity.journal import Journal, digest

CANARY = re.compile(rb"zq[0-9a-f]{12}qz", re.IGNORECASE)
EXPECTED_REFUSALS = frozenset(
    {
        "session_ended",
        "draining",
        "conversation_already_has_active_response",
        "internal_error",  # of a command that the database's crash cut off; it is sent again
        "response_cancel_not_active",
    }
)


class Item(msgspec.Struct):
    id: str
    role: str = ""


class Failure(msgspec.Struct):
    code: str = ""
    message: str = ""
    event_id: str | None = None


class Frame(msgspec.Struct):
    """What a learner looks at in a frame of the server."""

    type: str
    session_id: str | None = None
    seq: int | None = None
    head_seq: int | None = None
    item: Item | None = None
    error: Failure | None = None
    summary: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(Frame)


class Cursor:
    """How far one socket has come. ``last``: None until its first durable event, when it joined without a seq."""

    def __init__(self, last: int | None) -> None:
        self.last = last


class Talk:
    """``waiting``: texts by item id, sent and not yet acknowledged. ``head``: the last seq with none missing before
    it. ``closing``: no turn is taken any more. ``over``: the summary came as the last event."""

    def __init__(self, journal: Journal, canary: str, user_id: str, session_id: str, planned: int) -> None:
        self.journal = journal
        self.canary = canary.encode()
        self.user_id = user_id
        self.id = session_id
        self.planned = planned
        self.said = 0
        self.head = 0
        self.waiting: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}
        self.closing = False
        self.over = False
        self.on_acknowledged: Callable[[str], None] = lambda item_id: None
        self._digests: dict[int, str] = {}
        self._summary: str | None = None
        journal.note("B", user_id, session_id)

    # --- what is sent ------------------------------------------------------------------------------------------

    def say(self, item_id: str, text: str) -> None:
        """A new turn is about to be sent for the first time."""
        self.said += 1
        self.waiting[item_id] = text
        self.journal.note("T", self.id, item_id)

    # --- what comes --------------------------------------------------------------------------------------------

    def take(self, body: bytes, cursor: Cursor) -> Frame:
        """A frame of a socket, in the order in which it came."""
        frame = self._looked_at(body)
        if frame.seq is not None:
            if cursor.last is not None and frame.seq > cursor.last + 1:
                self._wrong(f"a socket skipped from {cursor.last} to {frame.seq}")
            cursor.last = frame.seq if cursor.last is None else max(cursor.last, frame.seq)
            self._durable(frame, body)
        elif frame.type == "error" and frame.error is not None:
            self._refused(frame.error)
        return frame

    def take_answer(self, body: bytes) -> None:
        """``{"events": [...]}`` of REST."""
        for event in msgspec.json.decode(body, type=_Answer).events:
            raw = bytes(event)
            self._durable(self._looked_at(raw), raw)

    def take_summary(self, body: bytes) -> None:
        """The summary as REST gave it: the bytes of the event's ``summary``, each time."""
        self.check_canary(body)
        found = digest(body)
        self.journal.note("S", self.id, found)
        if self._summary is not None and self._summary != found:
            self._wrong("the summary has changed")
        self._summary = found

    def refuse(self, item_id: str) -> None:
        """``session_ended``: the turn was not stored, and never will be."""
        if item_id in self.acknowledged:
            self._wrong(f"refused after its acknowledgement: {item_id}")
        self.closing = True
        if self.waiting.pop(item_id, None) is not None:
            self.journal.note("X", self.id, item_id)

    def check_canary(self, body: bytes) -> None:
        for found in CANARY.findall(body):
            if found.lower() != self.canary:
                self._wrong(f"foreign bytes: {found!r} came to {self.canary!r} in {body[:300]!r}")

    def _looked_at(self, body: bytes) -> Frame:
        self.check_canary(body)
        return _decoder.decode(body)

    def _durable(self, frame: Frame, body: bytes) -> None:
        assert frame.seq is not None
        if frame.session_id != self.id:
            self._wrong(f"an event of session {frame.session_id}")
            return
        found = digest(body)
        known = self._digests.get(frame.seq)
        if known is not None:
            if known != found:
                self._wrong(f"seq {frame.seq} came with other bytes: {body[:300]!r}")
            return
        self._digests[frame.seq] = found
        self.journal.note("E", self.id, frame.seq, found)
        while self.head + 1 in self._digests:
            self.head += 1
        self._follow(frame)

    def _follow(self, frame: Frame) -> None:
        """What a durable event that came for the first time means."""
        assert frame.seq is not None
        if frame.type == "conversation.item.done" and frame.item is not None and frame.item.role == "user":
            self._acknowledge(frame.item.id, frame.seq)
        elif frame.type == "session.finalizing":
            self.closing = True
        elif frame.type == "session.summary" and bytes(frame.summary):
            self.closing = self.over = True
            self.take_summary(bytes(frame.summary))

    def _acknowledge(self, item_id: str, seq: int) -> None:
        if item_id in self.acknowledged:
            self._wrong(f"stored twice: {item_id} at {self.acknowledged[item_id]} and {seq}")
            return
        if self.waiting.pop(item_id, None) is None:
            self._wrong(f"an acknowledgement of what was not sent, or was refused: {item_id}")
        self.acknowledged[item_id] = seq
        self.journal.note("A", self.id, item_id, seq)
        self.on_acknowledged(item_id)

    def _refused(self, failure: Failure) -> None:
        if failure.code not in EXPECTED_REFUSALS:
            self._wrong(f"refused: {failure.code}: {failure.message}")
        elif failure.code == "session_ended":
            self.closing = True
            if failure.event_id is not None:
                self.refuse(failure.event_id)

    def _wrong(self, text: str) -> None:
        self.journal.violation(f"session {self.id}: {text}")


class _Answer(msgspec.Struct):
    events: list[msgspec.Raw]
