"""The three minds behind the session, as interfaces. They know no socket, no database and no clock.

- ``Scorer``: text and context in, ``TurnScore`` out. Pure: the same input gives the same bytes.
- ``MemoryExtractor``: the learner's text in, proposed writes out. Pure.
- ``PersonaProvider``: streams a reply. May do I/O (a model over the network); the scripted one does not.
"""

from collections.abc import AsyncIterator, Container
from typing import Literal, Protocol

import msgspec

from realtime.domain import MemoryCandidate, MemoryEntry, Moment, TurnScore
from storage.catalogue.model import Dynamics, Intent, Mood, Node, Objective, Persona, Style, Template


class TurnContext(msgspec.Struct, frozen=True, kw_only=True):
    """All that a turn's score may depend on. Bounded: nothing here grows with the session's length.

    ``wanted``: the intents that lead onward from the mission's present node; empty in free play.
    ``recent_lines`` and ``recent_scores``: the learner's last three, oldest first.
    ``given_tips``: to be asked whether the session gave a tip (never twice). ``minor``: the learner has declared an
    age under 18.
    """

    text: str
    persona_line: str | None
    recent_lines: tuple[str, ...] = ()
    recent_scores: tuple[int, ...] = ()
    turn_index: int = 1
    mood_percent: int = 50
    goal: str | None = None
    wanted: tuple[Intent, ...] = ()
    progress: int = 0
    given_tips: Container[str] = ()
    minor: bool = False


class Scorer(Protocol):
    version: str

    def score(self, context: TurnContext) -> TurnScore: ...

    def forget(self) -> None:
        """Drop what is kept of lines that were said. It changes no score."""
        ...


class MemoryExtractor(Protocol):
    def extract(
        self,
        text: str,
        persona_line: str | None,
        known: dict[str, MemoryEntry],
        recalled: tuple[str, ...],
        moment: Moment | None = None,
    ) -> tuple[MemoryCandidate, ...]:
        """Proposed writes of one turn, in the order of their spans; at most 8. ``recalled``: values that the
        persona has just said back, which are not news. ``moment``: when it was said, by which "on Friday" is a
        day; without it dates stay in the learner's words."""
        ...

    def forget(self) -> None:
        """Drop what is kept of lines that were said. It changes no write."""
        ...


ReplyKind = Literal["OPENING", "REPLY", "CLOSING"]
ClosingKind = Literal["SUCCESS", "FAIL", "COLLAPSE", "STRIKES", "DISQUALIFIED", "LEFT"]


class ReplyContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the persona knows when it speaks. ``carry`` is the provider's own note from its last reply of this
    session (opaque, at most 2 KiB), ``seed`` is the session's. In a mission ``template`` and ``node`` are set
    (the node after the learner's turn; ``arrived`` when that turn moved there)."""

    kind: ReplyKind
    closing: ClosingKind | None = None
    persona: Persona
    template: Template | None = None
    node: Node | None = None
    arrived: bool = False
    dynamics: Dynamics | None = None
    objective: Objective | None = None
    style: Style | None = None
    mood: Mood = "NEUTRAL"
    mood_percent: int = 50
    turn_index: int = 0
    learner_line: str | None = None
    learner_intents: tuple[Intent, ...] = ()
    learner_score: int | None = None
    persona_line: str | None = None
    memory: dict[str, MemoryEntry] = {}
    instructions: str | None = None
    seed: int = 0
    carry: str = ""


class ReplyDelta(msgspec.Struct, frozen=True):
    text: str


class ReplyEnd(msgspec.Struct, frozen=True):
    """Last of a stream. ``recalled``: memory values the reply used, so that they are not learnt again."""

    carry: str
    recalled: tuple[str, ...] = ()


class PersonaProvider(Protocol):
    def stream(self, context: ReplyContext) -> AsyncIterator[ReplyDelta | ReplyEnd]:
        """Deltas whose concatenation is the line, then one ``ReplyEnd``. May be cancelled at any delta."""
        ...
