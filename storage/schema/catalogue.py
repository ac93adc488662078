"""The catalogue as loaded from its data files. Written by ``storage.catalogue.store`` alone."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.base import metadata, times

category = Table(
    "category",
    metadata,
    Column("code", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("position", Integer, nullable=False),
    *times(),
)

persona = Table(
    "persona",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("audience", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("content", JSONB, nullable=False),
    *times(),
)

template = Table(
    "template",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("category_code", Text, ForeignKey("category.code"), nullable=False),
    Column("owner_id", Uuid),
    Column("visibility", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("attraction_path", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("live_version", Integer, nullable=False),
    *times(),
)

# Immutable: a changed file is a new version; sessions keep the version they were begun under.
template_version = Table(
    "template_version",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("template_id", Uuid, ForeignKey("template.id"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("goal_type", Text, nullable=False),
    Column("difficulty", Text, nullable=False),
    Column("persona_code", Text, ForeignKey("persona.code"), nullable=False),
    Column("content", JSONB, nullable=False),
    *times(),
    UniqueConstraint("template_id", "n"),
    UniqueConstraint("template_id", "content_hash"),
)
