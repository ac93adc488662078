"""The catalogue in the database: published idempotently at start, then read from memory.

A changed template file becomes a new immutable version; sessions keep the version they were begun under.
"""

import hashlib
from uuid import UUID

import msgspec
import uuid_utils.compat
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.catalogue.loader import content_hash
from storage.catalogue.model import Catalogue, Category, Persona, Template
from storage.database import execute, row, rows
from storage.errors import NotFound

LOCK_KEY = 0x50C1A7CA  # publishing is done by one process at a time


class PublishedTemplate(msgspec.Struct, frozen=True):
    id: UUID
    version_id: UUID
    template: Template


class Shelf:
    """The published catalogue, by code, with the ids that the database gave. Read-only."""

    def __init__(
        self,
        categories: dict[str, Category],
        personas: dict[str, tuple[UUID, Persona]],
        templates: dict[str, PublishedTemplate],
        digest: str,
    ) -> None:
        self.categories = categories
        self.personas = personas
        self.templates = templates
        self.digest = digest
        self.lanes: dict[str, list[PublishedTemplate]] = {}
        for published in templates.values():
            if published.template.active:
                self.lanes.setdefault(published.template.lane, []).append(published)
        for lane in self.lanes.values():
            lane.sort(key=lambda p: p.template.order)
        self._versions = {p.version_id: p.template for p in templates.values()}

    def persona(self, code: str) -> tuple[UUID, Persona]:
        """Raises ``NotFound``."""
        found = self.personas.get(code)
        if found is None or not found[1].active:
            raise NotFound(f"persona {code}")
        return found

    def template(self, code: str) -> PublishedTemplate:
        """Raises ``NotFound``."""
        found = self.templates.get(code)
        if found is None or not found.template.active:
            raise NotFound(f"template {code}")
        return found

    def in_category(self, category: str) -> list[PublishedTemplate]:
        """Its active templates."""
        return [p for p in self.templates.values() if p.template.category == category and p.template.active]

    async def version(self, connection: AsyncConnection, version_id: UUID, code: str) -> Template:
        """A template as it was in this version, also one that is no longer live."""
        known = self._versions.get(version_id)
        if known is None:
            found = await row(
                connection,
                "SELECT content::text AS content FROM template_version WHERE id = :id",
                id=version_id,
            )
            if found is None:
                raise NotFound(f"version {version_id} of {code}")
            known = self._versions[version_id] = msgspec.json.decode(found["content"], type=Template)
        return known


async def publish(connection: AsyncConnection, catalogue: Catalogue) -> Shelf:
    """Bring the tables to the catalogue's content, in the caller's transaction; the same content changes nothing."""
    await execute(connection, "SELECT pg_advisory_xact_lock(:key)", key=LOCK_KEY)
    for category in catalogue.categories.values():
        await _publish_category(connection, category)
    personas = {code: (await _publish_persona(connection, p), p) for code, p in catalogue.personas.items()}
    templates = {code: await _publish_template(connection, t) for code, t in catalogue.templates.items()}
    digest = content_digest(catalogue)
    return Shelf(catalogue.categories, personas, templates, digest)


def content_digest(catalogue: Catalogue) -> str:
    """Names the catalogue's version: 16 hex digits over the hashes of its templates."""
    hashes = "".join(f"{code}:{content_hash(t)};" for code, t in sorted(catalogue.templates.items()))
    return hashlib.sha256(hashes.encode()).hexdigest()[:16]


async def _publish_category(connection: AsyncConnection, category: Category) -> None:
    await execute(
        connection,
        """INSERT INTO category (code, label, description, audience, position)
           VALUES (:code, :label, :description, :audience, :position)
           ON CONFLICT (code) DO UPDATE SET label = excluded.label, description = excluded.description,
               audience = excluded.audience, position = excluded.position, updated_at = now()
           WHERE (category.label, category.description, category.audience, category.position)
               IS DISTINCT FROM (excluded.label, excluded.description, excluded.audience, excluded.position)""",
        code=category.code,
        label=category.label,
        description=category.description,
        audience=category.audience,
        position=category.order,
    )


async def _publish_persona(connection: AsyncConnection, persona: Persona) -> UUID:
    content = msgspec.json.encode(persona).decode()
    await execute(
        connection,
        """INSERT INTO persona (id, code, audience, active, content_hash, content)
           VALUES (:id, :code, :audience, :active, md5(CAST(:content AS text)), CAST(:content AS jsonb))
           ON CONFLICT (code) DO UPDATE SET audience = excluded.audience, active = excluded.active,
               content_hash = excluded.content_hash, content = excluded.content, updated_at = now()
           WHERE persona.content_hash <> excluded.content_hash""",
        id=uuid_utils.compat.uuid7(),
        code=persona.code,
        audience=persona.audience,
        active=persona.active,
        content=content,
    )
    found = await row(connection, "SELECT id FROM persona WHERE code = :code", code=persona.code)
    assert found is not None
    return UUID(str(found["id"]))


async def _publish_template(connection: AsyncConnection, template: Template) -> PublishedTemplate:
    values = {
        "code": template.code,
        "kind": template.kind,
        "category": template.category,
        "visibility": template.visibility,
        "lane": template.lane,
        "position": template.order,
        "path": template.attraction_path,
        "active": template.active,
    }
    await execute(
        connection,
        """INSERT INTO template (id, code, kind, category_code, visibility, lane, position, attraction_path, active,
               live_version)
           VALUES (:id, :code, :kind, :category, :visibility, :lane, :position, :path, :active, 0)
           ON CONFLICT (code) DO UPDATE SET kind = excluded.kind, category_code = excluded.category_code,
               visibility = excluded.visibility, lane = excluded.lane, position = excluded.position,
               attraction_path = excluded.attraction_path, active = excluded.active, updated_at = now()
           WHERE (template.kind, template.category_code, template.visibility, template.lane, template.position,
               template.attraction_path, template.active) IS DISTINCT FROM (excluded.kind, excluded.category_code,
               excluded.visibility, excluded.lane, excluded.position, excluded.attraction_path, excluded.active)""",
        id=uuid_utils.compat.uuid7(),
        **values,
    )
    found = await row(connection, "SELECT id FROM template WHERE code = :code", code=template.code)
    assert found is not None
    version_id = await _publish_version(connection, found["id"], template)
    return PublishedTemplate(found["id"], version_id, template)


async def _publish_version(connection: AsyncConnection, template_id: UUID, template: Template) -> UUID:
    digest = content_hash(template)
    existing = await rows(
        connection, "SELECT id, n, content_hash FROM template_version WHERE template_id = :id", id=template_id
    )
    same = next((v for v in existing if v["content_hash"] == digest), None)
    if same is None:
        same = {"id": uuid_utils.compat.uuid7(), "n": 1 + max((v["n"] for v in existing), default=0)}
        await execute(
            connection,
            """INSERT INTO template_version (id, template_id, n, content_hash, title, goal_type, difficulty,
                   persona_code, content)
               VALUES (:id, :template_id, :n, :hash, :title, :goal, :difficulty, :persona,
                   CAST(:content AS jsonb))""",
            id=same["id"],
            template_id=template_id,
            n=same["n"],
            hash=digest,
            title=template.title,
            goal=template.goal_type,
            difficulty=template.difficulty,
            persona=template.persona,
            content=msgspec.json.encode(template).decode(),
        )
    await execute(
        connection,
        "UPDATE template SET live_version = :n, updated_at = now() WHERE id = :id AND live_version <> :n",
        n=same["n"],
        id=template_id,
    )
    return UUID(str(same["id"]))
