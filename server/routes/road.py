"""``/missions/road``: the missions in their order, with what stands open to the user."""

from litestar import Controller, get
from litestar.di import NamedDependency

from realtime.domain import Json
from realtime.road import Mission, Status, road
from server.auth.principal import BEARER, Principal
from server.paging import Listing, Page, in_memory
from server.problems import failures
from server.routes.catalogue import FILTERED_LIST, matches, place_of, visible
from server.services import Services
from storage.catalogue.model import Difficulty, GoalType
from storage.reads.progress import progress
from storage.reads.sessions import Filters


class RoadItem(Json):
    """``is_current``: the first mission of its lane that is open and not completed."""

    code: str
    title: str
    category_key: str
    difficulty: Difficulty
    goal_type: GoalType
    persona_key: str
    status: Status
    is_current: bool


def _shown(mission: Mission) -> RoadItem:
    template = mission.published.template
    return RoadItem(
        code=template.code,
        title=template.title,
        category_key=template.category,
        difficulty=template.difficulty,
        goal_type=template.goal_type,
        persona_key=template.persona,
        status=mission.status,
        is_current=mission.is_current,
    )


class RoadController(Controller):
    path = "/v1"
    tags = ("catalogue",)
    dependencies = FILTERED_LIST
    security = BEARER

    @get(
        "/missions/road",
        summary="The road: every mission and whether it is open",
        responses=failures("invalid_event", "token_invalid"),
    )
    async def missions_road(
        self,
        principal: NamedDependency[Principal],
        services: NamedDependency[Services],
        page: NamedDependency[Page],
        filters: NamedDependency[Filters],
    ) -> Listing[RoadItem]:
        shelf = services.shelf
        async with services.database.read() as connection:
            made = await progress(connection, principal.user_id)
        # The statuses are derived from the whole road: a filter hides missions, it opens none.
        shown = [
            mission
            for mission in road(shelf, made.completed, made.unlocked)
            if visible(shelf, mission.published, adult=principal.adult) and matches(mission.published, filters)
        ]
        return in_memory(shown, page, lambda mission: place_of(shelf, mission.published), _shown)
