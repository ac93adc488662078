"""Rows as the lifecycle and the finalizer leave them, put in by tests."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Table

from storage.catalogue.store import Shelf
from storage.database import Database
from storage.schema.accounts import app_user, user_email
from storage.schema.economy import user_wallet
from storage.schema.practice import practice_session, turn
from storage.schema.statistics import user_stats


class User(msgspec.Struct, frozen=True):
    id: UUID
    time_zone: str


async def insert(database: Database, table: Table, *rows: dict[str, Any]) -> None:
    async with database.transaction() as connection:
        for row in rows:
            await connection.execute(table.insert().values(**row))


async def add_user(
    database: Database, *, age_band: str, time_zone: str, email: str | None = None, analysis: bool = True
) -> User:
    user = User(uuid4(), time_zone)
    account = {"id": user.id, "tier": "FREE", "time_zone": time_zone, "age_band": age_band}
    await insert(database, app_user, {**account, "analysis_enabled": analysis})
    await insert(database, user_wallet, {"user_id": user.id})
    await insert(database, user_stats, {"user_id": user.id})
    if email is not None:
        await insert(database, user_email, {"user_id": user.id, "email": email, "password_hash": "-"})
    return user


async def add_session(
    database: Database,
    shelf: Shelf,
    user: User,
    *,
    created_at: datetime,
    template_code: str | None = None,
    persona: str = "NOA_CALM",
    **more: Any,
) -> UUID:
    """A session of a mission with the copies of its terms, or of free play."""
    session_id = uuid4()
    row: dict[str, Any] = {"ai_mode": "FREEPLAY", "success_threshold": 60, "fail_threshold": 60}
    if template_code is not None:
        published = shelf.template(template_code)
        template, config = published.template, published.template.mission_config_v1
        persona = template.persona
        row = {
            "template_id": published.id,
            "template_version_id": published.version_id,
            "template_code": template.code,
            "category_key": template.category,
            "goal_type": template.goal_type,
            "difficulty": template.difficulty,
            "style": config.style.ai_style_key,
            "objective_key": config.objective.kind,
            "objective_type": config.objective.user_title,
            "dynamic_type": config.dynamics.mode,
            "location_tag": config.dynamics.location_tag,
            "ai_mode": "MISSION",
            "success_threshold": 70,
            "fail_threshold": 50,
        }
    row |= {
        "user_id": user.id,
        "id": session_id,
        "persona_id": shelf.personas[persona][0],
        "persona_key": persona,
        "model": "test",
        "last_seq": 0,
        "state": "{}",
        "created_at": created_at,
        **more,
    }
    await insert(database, practice_session, row)
    return session_id


TRAITS = ("confidence", "clarity", "humor", "tension_control", "emotional_warmth", "dominance")


async def add_turns(database: Database, user: User, session_id: UUID, scored: list[dict[str, int]]) -> None:
    """The learner's turns with these columns, each followed by the persona's answer, which has no score."""
    rows: list[dict[str, Any]] = []
    for index, columns in enumerate(scored):
        common = {"user_id": user.id, "session_id": session_id, "kind": "text", "status": "completed", "text": "-"}
        seqs = {"first_seq": 4 * index, "final_seq": 4 * index + 1}
        rows.append(
            {**common, **seqs, "item_id": f"u{index}", "position": 2 * index, "turn_index": index, "role": "user"}
            | columns
        )
        rows.append({**common, **seqs, "item_id": f"a{index}", "position": 2 * index + 1, "role": "assistant"})
    await insert(database, turn, *rows)
