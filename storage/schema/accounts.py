"""Accounts. Written by ``storage.accounts`` alone."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, Table, Text, Uuid

from storage.schema.base import Timestamp, metadata, of_user, times, user_key

app_user = Table(
    "app_user",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tier", Text, CheckConstraint("tier IN ('FREE', 'PREMIUM')", name="tier"), nullable=False),
    Column("time_zone", Text, nullable=False),
    Column(
        "age_band",
        Text,
        CheckConstraint("age_band IN ('UNKNOWN', 'UNDER_13', '13_15', '16_17', 'ADULT')", name="age_band"),
        nullable=False,
    ),
    Column("session_version", Integer, nullable=False, server_default="1"),
    Column("gender", Text, nullable=False, server_default="UNKNOWN"),
    Column("attracted_to", Text, nullable=False, server_default="UNKNOWN"),
    Column("preference_path", Text, nullable=False, server_default="UNKNOWN_PATH"),
    Column("main_goal", Text, nullable=False, server_default="ALL"),
    Column("commitment_level", Text, nullable=False, server_default="MEDIUM"),
    Column("analysis_enabled", Boolean, nullable=False),
    *times(),
)

# Found by address, not by user: the one table of accounts that can't be routed by user.
user_email = Table(
    "user_email",
    metadata,
    Column("email", Text, primary_key=True),
    Column("user_id", Uuid, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    of_user(),
    *times(),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    user_key(),
    Column("id", Uuid, primary_key=True),
    Column("family_id", Uuid, nullable=False),
    Column("successor_id", Uuid),
    Column("used_at", Timestamp),
    Column("revoked_at", Timestamp),
    Column("expires_at", Timestamp, nullable=False),
    of_user(),
    *times(),
    Index(None, "user_id", "family_id"),
)

# A secret opens exactly one practice session: ``session_id`` is drawn with it.
client_secret = Table(
    "client_secret",
    metadata,
    user_key(),
    Column("id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("model", Text),
    Column("session_version", Integer, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    of_user(),
    *times(),
)
