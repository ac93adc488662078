"""Personas, categories, templates and the road over the shipped catalogue."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest

from realtime.road import road
from storage.catalogue.model import policy_of
from storage.catalogue.store import PublishedTemplate, Shelf
from storage.database import Database
from storage.schema.statistics import mission_progress, user_category_progress
from tests.reads.conftest import Api, services_of
from tests.reads.rows import User, insert

EARLY = datetime(2026, 1, 5, tzinfo=UTC)


async def completed(database: Database, user: User, *missions: PublishedTemplate) -> None:
    for mission in missions:
        row = {"user_id": user.id, "template_id": mission.id, "status": "COMPLETED", "completed_at": EARLY}
        await insert(database, mission_progress, row)


@pytest.fixture
def with_adults(shelf: Shelf) -> Shelf:
    """The shelf with a persona for adults and a mission with it, in a category for adults and a lane of its own."""
    _, noa = shelf.personas["NOA_CALM"]
    grown = msgspec.structs.replace(noa, code="GROWN_UP", audience="ADULT")
    any_mission = next(iter(shelf.templates.values())).template
    late = msgspec.structs.replace(
        any_mission, code="LATE_TALK", category="FLIRTING", lane="FLIRTING_TEST", order=1, persona="GROWN_UP"
    )
    return Shelf(
        shelf.categories,
        {**shelf.personas, "GROWN_UP": (uuid4(), grown)},
        {**shelf.templates, "LATE_TALK": PublishedTemplate(uuid4(), uuid4(), late)},
        "digest",
    )


async def codes(api: Api, path: str, user: User, **query: Any) -> list[str]:
    return [item["code"] for item in await api.items(path, user, **query)]


async def test_a_persona_is_shown_whole(api: Api, shelf: Shelf, adult: User) -> None:
    items = {item["code"]: item for item in await api.items("/personas", adult)}
    assert list(items) == sorted(code for code, (_, persona) in shelf.personas.items() if persona.active)
    persona_id, maya = shelf.personas["MAYA_PLAYFUL"]
    assert items["MAYA_PLAYFUL"] == {
        "id": str(persona_id),
        "code": "MAYA_PLAYFUL",
        "name": maya.name,
        "gender": maya.gender,
        "style": maya.style,
        "audience": maya.audience,
        "bio": maya.bio,
        "voice": maya.voice,
    }


async def test_a_template_is_shown_whole(api: Api, shelf: Shelf, adult: User) -> None:
    items = {item["code"]: item for item in await api.items("/templates", adult)}
    published = shelf.template("OPENERS_CAFE_HELLO")
    template, config = published.template, published.template.mission_config_v1
    assert items["OPENERS_CAFE_HELLO"] == {
        "id": str(published.id),
        "code": "OPENERS_CAFE_HELLO",
        "title": template.title,
        "categoryKey": "OPENERS",
        "difficulty": "EASY",
        "goalType": "OPENING",
        "personaKey": template.persona,
        "style": config.style.ai_style_key,
        "objective": {
            "kind": config.objective.kind,
            "title": config.objective.user_title,
            "description": config.objective.user_description,
        },
        "dynamicType": config.dynamics.mode,
        "locationTag": config.dynamics.location_tag,
        "maxMessages": policy_of(template).max_messages,
        "timerSeconds": policy_of(template).timer_seconds,
        "rewards": {"xp": template.rewards.xp, "coins": template.rewards.coins, "gems": template.rewards.gems},
        "audience": "ALL",
    }
    in_order = [mission.published.template.code for mission in road(shelf, set())]
    assert list(items) == in_order


async def test_only_adults_see_content_for_adults(
    database: Database, with_adults: Shelf, adult: User, minor: User
) -> None:
    api = Api(services_of(database, with_adults))
    late = [("/templates", "LATE_TALK"), ("/missions/road", "LATE_TALK")]
    for path, code in [("/personas", "GROWN_UP"), ("/categories", "FLIRTING"), *late]:
        everything = await codes(api, path, adult)
        assert code in everything, path
        kept = await codes(api, path, minor)
        assert code not in kept, path
        assert kept == [c for c in everything if c in kept]
    assert await codes(api, "/templates", minor, persona="GROWN_UP") == []
    assert await codes(api, "/templates", adult, persona="GROWN_UP") == ["LATE_TALK"]


FILTERS = ("category", "style", "objective", "difficulty", "persona", "dynamicType", "locationTag")


def has(published: PublishedTemplate) -> dict[str, str]:
    template, config = published.template, published.template.mission_config_v1
    values = (
        template.category,
        config.style.ai_style_key,
        config.objective.kind,
        template.difficulty,
        template.persona,
        config.dynamics.mode,
        config.dynamics.location_tag,
    )
    return dict(zip(FILTERS, cast(tuple[str, ...], values), strict=True))


@pytest.mark.parametrize("path", ["/templates", "/missions/road"])
@pytest.mark.parametrize("name", FILTERS)
async def test_each_filter_keeps_what_it_names(api: Api, shelf: Shelf, adult: User, path: str, name: str) -> None:
    everything = await codes(api, path, adult)
    for value in {has(shelf.template(code))[name] for code in everything}:
        kept = [code for code in everything if has(shelf.template(code))[name] == value]
        assert await codes(api, path, adult, **{name: value}) == kept


async def test_filters_are_joined_by_and(api: Api, shelf: Shelf, adult: User) -> None:
    everything = await codes(api, "/templates", adult)
    asked = {"category": "OPENERS", "difficulty": "MEDIUM"}
    kept = [c for c in everything if asked.items() <= has(shelf.template(c)).items()]
    assert await codes(api, "/templates", adult, **asked) == kept
    assert 0 < len(kept) < len(everything)


@pytest.mark.parametrize("path", ["/templates", "/missions/road", "/sessions"])
@pytest.mark.parametrize("name", FILTERS)
async def test_a_misspelt_filter_is_an_error(api: Api, adult: User, path: str, name: str) -> None:
    for value in ("NO_SUCH", "easy", "", "\x00"):
        answer = await api.get(path, adult, **{name: value})
        assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "invalid_event", name)


async def test_categories_count_the_users_missions(api: Api, database: Database, shelf: Shelf, adult: User) -> None:
    before = {item["code"]: item for item in await api.items("/categories", adult)}
    assert [i["order"] for i in before.values()] == sorted(i["order"] for i in before.values())
    for code, item in before.items():
        total = len(shelf.in_category(code))
        assert item["missions"] == {"total": total, "completed": 0}
        assert item["status"] == ("UNLOCKED" if total else "LOCKED")
        assert item["label"] == shelf.categories[code].label
    openers = shelf.in_category("OPENERS")
    await completed(database, adult, *openers, shelf.template("SMALL_TALK_NEW_COLLEAGUE"))
    reached = {"user_id": adult.id, "category_key": "OPENERS", "status": "COMPLETED", "completed_at": EARLY}
    await insert(database, user_category_progress, reached)
    after = {item["code"]: item for item in await api.items("/categories", adult)}
    assert after["OPENERS"]["missions"] == {"total": len(openers), "completed": len(openers)}
    assert after["OPENERS"]["status"] == "COMPLETED"
    assert after["SMALL_TALK"]["missions"]["completed"] == 1
    assert after["SMALL_TALK"]["status"] == "UNLOCKED"


async def test_the_road_goes_on_where_a_mission_was_completed(
    api: Api, database: Database, shelf: Shelf, adult: User, minor: User
) -> None:
    def stands(items: list[dict[str, Any]], code: str) -> tuple[str, bool]:
        return next((i["status"], i["isCurrent"]) for i in items if i["code"] == code)

    before = await api.items("/missions/road", adult)
    assert stands(before, "OPENERS_CAFE_HELLO") == ("UNLOCKED", True)
    assert stands(before, "OPENERS_BOOKSHOP") == ("LOCKED", False)
    await completed(database, adult, shelf.template("OPENERS_CAFE_HELLO"))
    after = await api.items("/missions/road", adult)
    assert stands(after, "OPENERS_CAFE_HELLO") == ("COMPLETED", False)
    assert stands(after, "OPENERS_BOOKSHOP") == ("UNLOCKED", True)
    # A filter hides missions and changes no status; nor does one learner change another's road.
    assert stands(await api.items("/missions/road", adult, difficulty="MEDIUM"), "OPENERS_BOOKSHOP")[0] == "UNLOCKED"
    assert stands(await api.items("/missions/road", minor), "OPENERS_BOOKSHOP") == ("LOCKED", False)
    template = shelf.template("OPENERS_BOOKSHOP").template
    assert next(i for i in after if i["code"] == "OPENERS_BOOKSHOP") == {
        "code": "OPENERS_BOOKSHOP",
        "title": template.title,
        "categoryKey": "OPENERS",
        "difficulty": template.difficulty,
        "goalType": template.goal_type,
        "personaKey": template.persona,
        "status": "UNLOCKED",
        "isCurrent": True,
    }


@pytest.mark.parametrize("path", ["/personas", "/categories", "/templates", "/missions/road"])
async def test_lists_in_memory_are_paged(api: Api, adult: User, path: str) -> None:
    assert await codes(api, path, adult, limit=1) == await codes(api, path, adult)
    assert (await api.get(path, adult, cursor="bm8")).json()["param"] == "cursor"
