"""Stored statistics: counts and integer sums only. Written by ``storage.statistics`` alone.

Sums of means are in hundredths. ``category_key`` is '' for free play, which belongs to no category.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from storage.schema.base import Timestamp, metadata, of_user, times, user_key


def _count(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, server_default="0")


def _sum(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _trait_sums() -> list[Column[Any]]:
    names = ("confidence", "clarity", "humor", "tension_control", "emotional_warmth", "dominance")
    return [_sum(f"{name}_sum") for name in names]


user_stats = Table(
    "user_stats",
    metadata,
    user_key(),
    Column("user_seq", BigInteger, nullable=False, server_default="0"),
    _count("success_count"),
    _count("fail_count"),
    _count("aborted_count"),
    _sum("score_sum"),
    _sum("message_score_sum"),
    _sum("charisma_sum"),
    *_trait_sums(),
    Column("long_term", ARRAY(Integer)),
    Column("last_session_at", Timestamp),
    Column("is_deep_insight_unlocked", Boolean, nullable=False, server_default="false"),
    Column("deep_insight_unlocked_at", Timestamp),
    Column("last_updated_at", Timestamp),
    of_user(),
    *times(),
)

category_stats = Table(
    "category_stats",
    metadata,
    user_key(),
    Column("category_key", Text, primary_key=True),
    _count("success_count"),
    _count("fail_count"),
    _sum("score_sum"),
    of_user(),
    *times(),
    Index(None, "category_key", "updated_at"),
)

persona_stats = Table(
    "persona_stats",
    metadata,
    user_key(),
    Column("persona_key", Text, primary_key=True),
    _count("success_count"),
    _count("fail_count"),
    _sum("score_sum"),
    of_user(),
    *times(),
)

gate_stats = Table(
    "gate_stats",
    metadata,
    user_key(),
    Column("category_key", Text, primary_key=True),
    Column("gate_key", Text, primary_key=True),
    _count("passed"),
    _count("evaluated"),
    of_user(),
    *times(),
)

trait_stats = Table(
    "trait_stats",
    metadata,
    user_key(),
    Column("category_key", Text, primary_key=True),
    Column("trait", Text, primary_key=True),
    _count("sessions_count"),
    _sum("score_sum"),
    of_user(),
    *times(),
)

week_stats = Table(
    "week_stats",
    metadata,
    user_key(),
    Column("week_start", Date, primary_key=True),  # the Monday of the ISO week, by the session's local date
    Column("category_key", Text, primary_key=True),
    Column("persona_key", Text, primary_key=True),
    _count("success_count"),
    _count("fail_count"),
    _sum("score_sum"),
    _sum("message_score_sum"),
    _sum("xp_sum"),
    *_trait_sums(),
    of_user(),
    *times(),
)

user_category_progress = Table(
    "user_category_progress",
    metadata,
    user_key(),
    Column("category_key", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("completed_at", Timestamp),
    Column("catalogue_hash", Text),
    of_user(),
    *times(),
    Index(None, "user_id", "status"),
    Index(None, "category_key", "completed_at"),
)

mission_progress = Table(
    "mission_progress",
    metadata,
    user_key(),
    Column("template_id", Uuid, primary_key=True),
    Column("status", Text, nullable=False),
    _count("attempts"),
    Column("completed_at", Timestamp),
    Column("completed_session_id", Uuid),
    of_user(),
    *times(),
)

streak_day = Table(
    "streak_day",
    metadata,
    user_key(),
    Column("local_date", Date, primary_key=True),
    of_user(),
    *times(),
)
