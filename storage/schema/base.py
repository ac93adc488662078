"""The metadata, its naming convention, and the columns that recur."""

from typing import Any

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, MetaData, Uuid, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Timestamp = DateTime(timezone=True)


def times() -> list[Column[Any]]:
    """``created_at`` and ``updated_at``, on every table."""
    return [
        Column("created_at", Timestamp, nullable=False, server_default=func.now()),
        Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
    ]


def user_key(*, primary: bool = True) -> Column[Any]:
    return Column("user_id", Uuid, primary_key=primary, nullable=False)


def of_user() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["user_id"], ["app_user.id"])


def of_session() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["user_id", "session_id"], ["practice_session.user_id", "practice_session.id"])
