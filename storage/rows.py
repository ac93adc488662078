"""Rows as the writer takes them: plain values in the order of their columns, already encoded.

One ``SessionWrite`` is all that one step of one session wants to persist; it is stored whole or not at all.
"""

from datetime import datetime
from uuid import UUID

import msgspec


class TurnRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a session. Everything from ``body_hash`` on is None for the persona's."""

    item_id: str
    position: int
    turn_index: int | None = None
    role: str
    kind: str
    status: str
    parent_item_id: str | None
    text: str
    body_hash: bytes | None = None
    line_hash: int | None = None
    score: int | None = None
    rarity: str | None = None
    confidence: int | None = None
    clarity: int | None = None
    humor: int | None = None
    tension_control: int | None = None
    emotional_warmth: int | None = None
    dominance: int | None = None
    charisma_index: int | None = None
    evidence: str | None = None
    observed: str | None = None
    hooks: str | None = None
    patterns: str | None = None
    tip: str | None = None
    mood: str | None = None
    mood_percent: int | None = None
    progress: int | None = None
    strike: str | None = None
    disqualified: str | None = None
    filler_words: int | None = None
    total_words: int | None = None
    xp: int | None = None
    coins: int | None = None
    gems: int | None = None
    reward_reason: str | None = None
    delivery: str | None = None
    scorer_version: str | None = None
    first_seq: int
    final_seq: int


class EventRow(msgspec.Struct, frozen=True):
    seq: int
    type: str
    body: str


class MemoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One write to a persona's memory. ``expected_version`` 0: the key must not exist yet."""

    persona_key: str
    key: str
    items: str
    previous_value: str | None
    version: int
    expected_version: int
    op: str
    value: str | None
    confidence: float | None
    seq: int
    item_id: str | None
    span_start: int | None
    span_end: int | None
    quote: str | None
    created_at: datetime


class SessionWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one session, to be committed where the head still equals ``expected_seq``.

    ``new_turn``: it holds a turn of the learner, which an ending session refuses. ``ending_seconds``: the step
    ends the mission by its own rules; the sweeper ends the session when that time has passed. ``clears_reply``:
    the claim on the reply that this step fulfils.
    """

    user_id: UUID
    session_id: UUID
    expected_seq: int
    seq: int
    state: str
    new_turn: bool = False
    voice: bool = False
    ending_seconds: float | None = None
    clears_reply: str | None = None
    turns: tuple[TurnRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    memory: tuple[MemoryRow, ...] = ()


class SessionHead(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a session, as the engine reads it."""

    user_id: UUID
    id: UUID
    template_id: UUID | None
    template_version_id: UUID | None
    template_code: str | None
    persona_id: UUID
    persona_key: str
    category_key: str | None
    difficulty: str | None
    ai_mode: str
    model: str
    status: str
    cause: str | None
    success_threshold: int
    fail_threshold: int
    last_seq: int
    state: str
    ending_until: datetime | None
    reply_id: str | None
    reply_until: datetime | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def open(self) -> bool:
        return self.status == "IN_PROGRESS"

    @property
    def final(self) -> bool:
        return self.status in ("SUCCESS", "FAIL", "ABORTED")
