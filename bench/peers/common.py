"""What the Python peers share: tokens, and the recorded answers made ready to be filled in."""

import hashlib
import hmac
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import uuid_utils.compat

from bench.recording import RecordedTurn, load

HEALTH = "/health"
TURN_COLUMNS = (
    *("user_id", "session_id", "item_id", "position", "text", "score", "rarity", "charisma_index"),
    *("confidence", "clarity", "humor", "tension_control", "emotional_warmth", "dominance"),
    *("evidence", "observed", "xp", "coins", "first_seq", "final_seq"),
)
EVENT_COLUMNS = ("user_id", "session_id", "seq", "type", "body")
Row = tuple[Any, ...]


def dsn() -> str:
    return os.environ["DATABASE_URL"]


def port() -> int:
    return int(os.environ["BENCH_PORT"])


def sign(user_id: UUID, secret: str) -> str:
    """A token: the user's id and its MAC."""
    return f"{user_id}.{hmac.digest(secret.encode(), user_id.bytes, hashlib.sha256).hex()}"


def user_of(authorization: str | None) -> UUID | None:
    """The user that a ``Bearer`` header proves, or None."""
    kind, _, token = (authorization or "").partition(" ")
    try:
        user_id = UUID(token.partition(".")[0])
    except ValueError:
        return None
    good = hmac.compare_digest(token, sign(user_id, os.environ["BENCH_SECRET"]))
    return user_id if kind == "Bearer" and good else None


class PreparedEvent:
    """An event of a recorded turn: ``pattern % slots`` is its frame."""

    __slots__ = ("pattern", "slots", "type")

    def __init__(self, type_: str, literals: list[str], slots: list[str]) -> None:
        self.type = type_
        escaped = [literal.replace("%", "%%") for literal in literals]
        self.pattern = "".join(f"{literal}%({slot})s" for literal, slot in zip(escaped, slots, strict=False))
        self.pattern += escaped[-1]
        self.slots = slots


class Answer:
    """What a line is answered with."""

    __slots__ = ("events", "recorded", "values")

    def __init__(self, recorded: RecordedTurn) -> None:
        self.recorded = recorded
        self.events = [PreparedEvent(e.type, e.literals, e.slots) for e in recorded.events]
        #: The columns from ``text`` to ``coins``.
        self.values = (
            *(recorded.text, recorded.score, recorded.rarity, recorded.charisma, *recorded.traits),
            *(recorded.evidence, recorded.observed, recorded.xp, recorded.coins),
        )


def answers() -> dict[str, Answer]:
    """The stub of a scorer: every line's answer."""
    return {text: Answer(turn) for text, turn in load(Path(os.environ["BENCH_TURNS"])).items()}


class Talk:
    """A session of a peer: its ids and its seq. ``said`` makes the rows and the frames of the next turn."""

    __slots__ = ("_last", "_position", "hex", "id", "seq", "session", "user_id")

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.id = uuid_utils.compat.uuid7()
        self.session = str(self.id)
        self.hex = self.id.hex
        self.seq = 0
        self._position = 0
        self._last = ""

    def created(self) -> str:
        """The first frame."""
        self.seq += 1
        return (
            f'{{"type":"session.created","event_id":"event_{self.hex}_{self.seq}","session_id":"{self.session}",'
            f'"seq":{self.seq},"session":{{"id":"{self.session}","object":"realtime.session"}}}}'
        )

    def said(self, item_id: str, answer: Answer) -> tuple[Row, list[Row], list[str]]:
        """(the turn's row, its events' rows, the frames)."""
        first = self.seq + 1
        self._position += 1
        filled: dict[str, object] = {
            "hex": self.hex,
            "session": self.session,
            "previous": self._last,
            "item": item_id,
        }
        frames, events = [], []
        for event in answer.events:
            self.seq += 1
            filled["seq"] = self.seq
            frame = event.pattern % filled
            frames.append(frame)
            events.append((self.user_id, self.id, self.seq, event.type, frame))
        self._last = item_id
        turn = (self.user_id, self.id, item_id, self._position, *answer.values, first, self.seq)
        return turn, events, frames
