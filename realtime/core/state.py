"""A session's state: what the machine needs to go on, compact enough to be written with every batch.

Nothing in it grows with the session (``encode`` keeps it within 8 KiB), so a turn costs the same at any length and
another process can take the session over from its row alone.
"""

import zlib
from uuid import UUID

import msgspec

from realtime.core.facts import Tally, Terms
from realtime.core.graph import Walk
from realtime.core.mood import MoodState
from realtime.domain import MemoryMode
from storage.catalogue.model import Intent, Persona, Template

MAX_BYTES = 8_192  # durability rule 3; the column has the same CHECK
KEPT_LINE = 240  # code points of a line kept for comparison; echo and repetition show within these
VERSION = 1

# A tip that was given is known for the whole session by 18 bits of its CRC-32, three characters: 3,000 bytes after
# 1,000 turns. A new tip is taken for a given one, and another chosen, once in 260 times by then: nobody notices. Its
# text, which quotes the learner, is not kept.
_TIP_MARK = 3
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What never changes in a session: who, with whom, under which terms. Not stored with the state."""

    user_id: UUID
    session_id: UUID
    model: str
    minor: bool
    persona: Persona
    template: Template | None
    terms: Terms
    walk: Walk | None

    @property
    def seed(self) -> int:
        """Of the persona's choices: the session's own id, so that a replay speaks the same lines."""
        return self.session_id.int & 0x7FFFFFFF


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``seq``: the last durable event. ``session_seq``: the last one that carries the session object.

    ``tips_given``: the marks of the tips given. ``paid_lines``: hashes of the lines that this
    session paid for; each took one of its 40 coins at least, or was its gem, so there are at most 41. ``time_zone``:
    the learner's as the session began, by which "on Friday" is a day.
    """

    v: int = VERSION
    seq: int = 0
    session_seq: int = 1
    position: int = 0
    last_item: str | None = None
    last_role: str | None = None
    persona_line: str | None = None
    recent_lines: tuple[str, ...] = ()
    recent_scores: tuple[int, ...] = ()
    tally: Tally = msgspec.field(default_factory=Tally)
    mood: MoodState = msgspec.field(default_factory=MoodState)
    node: str | None = None
    arrived: bool = False
    intents: tuple[Intent, ...] = ()
    carry: str = ""
    recalled: tuple[str, ...] = ()
    tips_given: str = ""
    paid_lines: tuple[int, ...] = ()
    xp_left_today: int = 0
    time_zone: str = "UTC"
    auto_response: bool = False
    memory_mode: MemoryMode = "readWrite"
    voice: bool = False
    ending: bool = False


class UnreadableState(Exception):
    """The stored state is of a version that this process does not know (end cause SYSTEM)."""


_decoder = msgspec.json.Decoder(State)
_encoder = msgspec.json.Encoder()


def decode(text: str) -> State:
    """Raises ``UnreadableState``."""
    try:
        state = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise UnreadableState(str(error)) from None
    if state.v != VERSION:
        raise UnreadableState(f"version {state.v}")
    return state


def encode(state: State) -> str:
    """The state as stored, at most ``MAX_BYTES``: what helps only comparison gives way first.

    What gave way is gone from ``state`` too, so that the process that holds it and one that loads it go on alike.
    Raises ``ValueError`` when nothing is left to give way.
    """
    body = _encoder.encode(state)
    while len(body) > MAX_BYTES:
        _give_way(state)
        body = _encoder.encode(state)
    return body.decode()


def _give_way(state: State) -> None:
    if state.recent_lines:
        state.recent_lines = state.recent_lines[1:]
    elif state.recalled:
        state.recalled = ()
    elif state.carry:
        state.carry = ""
    else:
        raise ValueError("the state does not fit its row")


def give_tip(state: State, tip: str) -> None:
    """Note that the session has given this tip."""
    state.tips_given += _mark(tip)


class GivenTips:
    """The tips that a session gave, however long ago: ``tip in GivenTips(state)``."""

    __slots__ = ("_marks",)

    def __init__(self, state: State) -> None:
        self._marks = state.tips_given

    def __contains__(self, tip: object) -> bool:
        mark = _mark(str(tip))
        at = self._marks.find(mark)
        while at % _TIP_MARK and at >= 0:  # found across two marks
            at = self._marks.find(mark, at + 1)
        return at >= 0


def _mark(tip: str) -> str:
    digest = zlib.crc32(tip.encode())
    return _ALPHABET[digest & 63] + _ALPHABET[digest >> 6 & 63] + _ALPHABET[digest >> 12 & 63]


def kept(line: str) -> str:
    """A line as the state keeps it."""
    return line[:KEPT_LINE]
