"""``/personas``, ``/categories``, ``/templates``: what can be practised. Only adults see content for adults."""

from collections.abc import Container
from typing import Annotated, Literal, get_args
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from realtime.domain import Amounts, Json
from realtime.errors import AppError
from realtime.road import Status, category_status
from server.auth.principal import BEARER, Principal
from server.paging import PAGED_LIST, Listing, Page, Place, in_memory
from server.problems import failures
from server.services import Services
from storage.catalogue.model import (
    Audience,
    Category,
    Difficulty,
    GoalType,
    LocationTag,
    ObjectiveKind,
    Persona,
    PersonaStyle,
    policy_of,
)
from storage.catalogue.store import PublishedTemplate, Shelf
from storage.reads.progress import Progress, progress
from storage.reads.sessions import Filters

DynamicType = Literal["CHAT", "REAL_LIFE"]


class PersonaView(Json):
    id: UUID
    code: str
    name: str
    gender: Literal["FEMALE", "MALE", "OTHER"]
    style: PersonaStyle
    audience: Audience
    bio: str
    voice: str


class MissionCount(Json):
    """Its active missions, and how many of them the user completed."""

    total: int
    completed: int


class CategoryView(Json):
    code: str
    label: str
    description: str
    audience: Audience
    order: int
    status: Status
    missions: MissionCount


class ObjectiveView(Json):
    kind: ObjectiveKind
    title: str
    description: str


class TemplateView(Json):
    """``max_messages``: the learner's turns at most. ``timer_seconds``: for each of them, null without a timer.
    ``rewards``: the bonus of the first success. ``audience``: its category's."""

    id: UUID
    code: str
    title: str
    category_key: str
    difficulty: Difficulty
    goal_type: GoalType
    persona_key: str
    style: PersonaStyle
    objective: ObjectiveView
    dynamic_type: DynamicType
    location_tag: LocationTag
    max_messages: int
    timer_seconds: float | None
    rewards: Amounts
    audience: Audience


def filters(
    services: NamedDependency[Services],
    category: Annotated[str | None, QueryParameter(description="A category's code.", required=False)] = None,
    style: Annotated[
        str | None, QueryParameter(schema_extra={"enum": list(get_args(PersonaStyle))}, required=False)
    ] = None,
    objective: Annotated[
        str | None, QueryParameter(schema_extra={"enum": list(get_args(ObjectiveKind))}, required=False)
    ] = None,
    difficulty: Annotated[
        str | None, QueryParameter(schema_extra={"enum": list(get_args(Difficulty))}, required=False)
    ] = None,
    persona: Annotated[str | None, QueryParameter(description="A persona's code.", required=False)] = None,
    dynamic_type: Annotated[
        str | None,
        QueryParameter(name="dynamicType", schema_extra={"enum": list(get_args(DynamicType))}, required=False),
    ] = None,
    location_tag: Annotated[
        str | None,
        QueryParameter(name="locationTag", schema_extra={"enum": list(get_args(LocationTag))}, required=False),
    ] = None,
) -> Filters:
    """Litestar's dependency ``filters``, from the query. Raises ``AppError`` (``invalid_event``, the parameter
    named) for a word that is not one of the filter's: a misspelt filter never looks like an empty list."""
    return Filters(
        category_key=_code("category", category, services.shelf.categories),
        style=_one_of("style", style, get_args(PersonaStyle)),
        objective_key=_one_of("objective", objective, get_args(ObjectiveKind)),
        difficulty=_one_of("difficulty", difficulty, get_args(Difficulty)),
        persona_key=_code("persona", persona, services.shelf.personas),
        dynamic_type=_one_of("dynamicType", dynamic_type, get_args(DynamicType)),
        location_tag=_one_of("locationTag", location_tag, get_args(LocationTag)),
    )


def _one_of(param: str, value: str | None, words: tuple[str, ...]) -> str | None:
    if value is not None and value not in words:
        raise AppError("invalid_event", f"{param} must be one of {', '.join(words)}.", param=param)
    return value


def _code(param: str, value: str | None, known: Container[str]) -> str | None:
    # The known codes are not told: some of them are for adults.
    if value is not None and value not in known:
        raise AppError("invalid_event", f"There is no {param} of this code.", param=param)
    return value


def matches(published: PublishedTemplate, filters: Filters) -> bool:
    """Whether a mission shows everything that was asked for."""
    template = published.template
    config = template.mission_config_v1
    has = {
        "category_key": template.category,
        "style": config.style.ai_style_key,
        "objective_key": config.objective.kind,
        "difficulty": template.difficulty,
        "persona_key": template.persona,
        "dynamic_type": config.dynamics.mode,
        "location_tag": config.dynamics.location_tag,
    }
    return all(has[column] == value for column, value in filters.asked().items())


def visible(shelf: Shelf, published: PublishedTemplate, *, adult: bool) -> bool:
    """Whether this mission may be shown: neither its category nor its persona is for others."""
    template = published.template
    audiences = (shelf.categories[template.category].audience, shelf.personas[template.persona][1].audience)
    return adult or "ADULT" not in audiences


def place_of(shelf: Shelf, published: PublishedTemplate) -> Place:
    """The order of missions everywhere: by category, then lane, then the place in it."""
    template = published.template
    order = shelf.categories[template.category].order
    return Place(order, f"{template.category}/{template.lane}", template.order, template.code)


def _persona_view(item: tuple[UUID, Persona]) -> PersonaView:
    persona_id, persona = item
    return PersonaView(
        id=persona_id,
        code=persona.code,
        name=persona.name,
        gender=persona.gender,
        style=persona.style,
        audience=persona.audience,
        bio=persona.bio,
        voice=persona.voice,
    )


def mission_count(shelf: Shelf, category: str, made: Progress) -> MissionCount:
    missions = shelf.in_category(category)
    return MissionCount(total=len(missions), completed=sum(m.id in made.completed for m in missions))


def _category_view(shelf: Shelf, category: Category, made: Progress) -> CategoryView:
    return CategoryView(
        code=category.code,
        label=category.label,
        description=category.description,
        audience=category.audience,
        order=category.order,
        status=category_status(shelf, category.code, made.completed, made.categories.get(category.code)),
        missions=mission_count(shelf, category.code, made),
    )


def _template_view(shelf: Shelf, published: PublishedTemplate) -> TemplateView:
    template = published.template
    config = template.mission_config_v1
    policy = policy_of(template)
    rewards = template.rewards
    return TemplateView(
        id=published.id,
        code=template.code,
        title=template.title,
        category_key=template.category,
        difficulty=template.difficulty,
        goal_type=template.goal_type,
        persona_key=template.persona,
        style=config.style.ai_style_key,
        objective=ObjectiveView(
            kind=config.objective.kind,
            title=config.objective.user_title,
            description=config.objective.user_description,
        ),
        dynamic_type=config.dynamics.mode,
        location_tag=config.dynamics.location_tag,
        max_messages=policy.max_messages,
        timer_seconds=policy.timer_seconds,
        rewards=Amounts(xp=rewards.xp, coins=rewards.coins, gems=rewards.gems),
        audience=shelf.categories[template.category].audience,
    )


#: What a filtered list takes: who asks, which page, which filters.
FILTERED_LIST = {**PAGED_LIST, "filters": Provide(filters, sync_to_thread=False)}


class CatalogueController(Controller):
    path = "/v1"
    tags = ("catalogue",)
    dependencies = FILTERED_LIST
    security = BEARER

    @get(
        "/personas",
        summary="The personas one can talk with",
        responses=failures("invalid_event", "token_invalid"),
    )
    async def list_personas(
        self, principal: NamedDependency[Principal], services: NamedDependency[Services], page: NamedDependency[Page]
    ) -> Listing[PersonaView]:
        shown = [
            (persona_id, persona)
            for persona_id, persona in services.shelf.personas.values()
            if persona.active and (principal.adult or persona.audience == "ALL")
        ]
        return in_memory(shown, page, lambda item: Place(0, "", 0, item[1].code), _persona_view)

    @get(
        "/categories",
        summary="The categories, with the user's way through each",
        responses=failures("invalid_event", "token_invalid"),
    )
    async def list_categories(
        self, principal: NamedDependency[Principal], services: NamedDependency[Services], page: NamedDependency[Page]
    ) -> Listing[CategoryView]:
        async with services.database.read() as connection:
            made = await progress(connection, principal.user_id)
        shown = [c for c in services.shelf.categories.values() if principal.adult or c.audience == "ALL"]
        return in_memory(
            shown,
            page,
            lambda category: Place(category.order, category.code, 0, category.code),
            lambda category: _category_view(services.shelf, category, made),
        )

    @get(
        "/templates",
        summary="The missions of the catalogue",
        responses=failures("invalid_event", "token_invalid"),
    )
    async def list_templates(
        self,
        principal: NamedDependency[Principal],
        services: NamedDependency[Services],
        page: NamedDependency[Page],
        filters: NamedDependency[Filters],
    ) -> Listing[TemplateView]:
        shelf = services.shelf
        shown = [
            published
            for published in shelf.templates.values()
            if published.template.active
            and visible(shelf, published, adult=principal.adult)
            and matches(published, filters)
        ]
        return in_memory(
            shown,
            page,
            lambda published: place_of(shelf, published),
            lambda published: _template_view(shelf, published),
        )
