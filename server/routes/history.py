"""``/sessions`` (GET): the user's sessions, newest first."""

from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency

from realtime.core.numbers import mean_whole
from realtime.core.times import iso
from realtime.domain import Json
from server.auth.principal import BEARER, Principal
from server.paging import Instant, Listing, Moment, Page, iso_or_none, listing
from server.problems import failures
from server.routes.catalogue import FILTERED_LIST
from server.services import Services
from storage.reads.sessions import Filters, SessionRow, history


class SessionItem(Json):
    """``final_score``: the mean of the turns' scores rounded half up, null while the session is open and without
    a turn. ``message_count``: the learner's turns. ``xp``: what was paid for it, a mission's bonus included."""

    id: UUID
    status: str
    ai_mode: str
    channel: str
    template_code: str | None
    title: str | None
    persona_key: str
    category_key: str | None
    difficulty: str | None
    started_at: Instant
    ended_at: Instant | None
    end_reason_code: str | None
    final_score: int | None
    message_count: int
    xp: int


class SessionPlace(Moment, frozen=True, tag="sessions"):
    pass


def session_item(row: SessionRow) -> SessionItem:
    """A session of the history as it goes out."""
    scored = row.message_count > 0 and row.status != "IN_PROGRESS"
    return SessionItem(
        id=row.id,
        status=row.status,
        ai_mode=row.ai_mode,
        channel=row.channel,
        template_code=row.template_code,
        title=row.title,
        persona_key=row.persona_key,
        category_key=row.category_key,
        difficulty=row.difficulty,
        started_at=iso(row.created_at),
        ended_at=iso_or_none(row.ended_at),
        end_reason_code=row.end_reason_code,
        final_score=mean_whole(row.score_sum, row.message_count) if scored else None,
        message_count=row.message_count,
        xp=row.xp,
    )


class HistoryController(Controller):
    path = "/v1"
    tags = ("sessions",)
    dependencies = FILTERED_LIST
    security = BEARER

    @get(
        "/sessions",
        summary="The history of sessions, newest first",
        responses=failures("invalid_event", "token_invalid"),
    )
    async def list_sessions(
        self,
        principal: NamedDependency[Principal],
        services: NamedDependency[Services],
        page: NamedDependency[Page],
        filters: NamedDependency[Filters],
    ) -> Listing[SessionItem]:
        after = page.after(SessionPlace)
        async with services.database.read() as connection:
            found = await history(
                connection,
                principal.user_id,
                filters=filters,
                count=page.limit + 1,
                before=None if after is None else after.bounds(),
            )
        return listing(found, page.limit, session_item, lambda row: SessionPlace.of(row.created_at, row.id))
