"""What the session routes answer, for the OpenAPI document. The routes themselves send stored text as it is: these
types are never encoded, so a test holds real answers against them.
"""

from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec

from realtime.domain import Json
from server.paging import Instant


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The session object of ``session.created``; ``socialgym`` holds what is ours."""

    id: UUID
    object: Literal["realtime.session"]
    type: Literal["realtime"]
    model: str
    output_modalities: list[Literal["text"]]
    socialgym: dict[str, Any]


class TurnAnswer(Json):
    """The very frames of the socket."""

    events: list[dict[str, Any]]


class EventsAnswer(Json):
    """The very frames of the socket, and the seq of the session's last one."""

    events: list[dict[str, Any]]
    head_seq: int


class SummaryAnswer(Json):
    """The end summary; missions have ``missionMetadata``. Objects are documented with the wire."""

    session_id: UUID
    user_id: UUID
    created_at: Instant
    ended_at: Instant
    template_id: UUID | None
    template_code: str | None
    persona_id: UUID
    persona_key: str
    mission_difficulty: str | None
    mission_category: str | None
    category_key: str | None
    ai_mode: str
    channel: str
    category_summary: dict[str, Any] | None
    persona_memory: dict[str, Any]
    mission_metadata: dict[str, Any] | None
    final_score: int | None
    average_message_score: float | None
    message_count: int
    score_breakdown: dict[str, Any] | None
    delivery: dict[str, Any] | None
    ab: dict[str, Any] | None
    rewards: dict[str, Any]
    outcome: dict[str, Any]
    gate_results: list[dict[str, Any]]
    trait_summary: dict[str, Any]
    mood_summary: dict[str, Any]
    key_messages: dict[str, Any]
    insights: dict[str, Any]
    completion_percentage: int
    duration_seconds: int
    wallet: dict[str, Any]
    level: dict[str, Any]
    streak: dict[str, Any]
    unlocked: dict[str, Any]


def answers(kind: type[msgspec.Struct], description: str, status: int = 200) -> dict[int, ResponseSpec]:
    """The good answer of a route, for its ``responses``."""
    return {status: ResponseSpec(kind, description=description, generate_examples=False)}
