"""``/stats/dashboard``: the canonical picture of a user, computed from the stored sums at one snapshot.

Behavioural analysis, which is what joins sessions (trends, the deep insight), is hidden here while the user has it
switched off; it goes on being stored.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency

from realtime.core.breakdown import ScoreBreakdown, breakdown
from realtime.core.insight import DeepInsight, deep_insight, shown
from realtime.core.levels import LevelProgress, level_progress
from realtime.core.numbers import decimals, half_up, mean_against, mean_hundredths
from realtime.core.streak import Streak, streak
from realtime.domain import Json
from realtime.road import category_status
from server.auth.principal import BEARER, SIGNED_IN, Principal
from server.paging import Instant, iso_or_none
from server.problems import failures
from server.routes.catalogue import mission_count
from server.routes.history import SessionItem, session_item
from server.services import Services
from storage.catalogue.model import Category
from storage.catalogue.store import Shelf
from storage.reads.statistics import TREND_WEEKS, Rows, Stored, stored
from storage.statistics import TRAIT_COLUMNS

TREND_SESSIONS = 3  # counting sessions needed on either side of a trend


class UserView(Json):
    """``email``: null for a guest."""

    id: UUID
    email: str | None
    tier: str
    time_zone: str
    age_band: str
    analysis_enabled: bool


class WalletSums(Json):
    xp: int
    lifetime_xp: int
    coins: int
    gems: int


class StatsView(Json):
    """``sessions_count`` = successes and failures; aborted sessions are counted apart and enter no mean. Means are
    null without a counting session; the two fields of the deep insight while analysis is off."""

    sessions_count: int
    success_count: int
    fail_count: int
    aborted_count: int
    average_score: float | None
    average_message_score: float | None
    last_session_at: Instant | None
    is_deep_insight_unlocked: bool | None
    deep_insight_unlocked_at: Instant | None
    last_updated_at: Instant | None


class Latest(Json):
    """The session that ended last; without a turn of the learner it has no breakdown."""

    session_id: UUID
    score_breakdown: ScoreBreakdown | None


class Averages(Json):
    """Means over all counting sessions; null without one."""

    confidence: float | None
    clarity: float | None
    humor: float | None
    tension_control: float | None
    emotional_warmth: float | None
    dominance: float | None
    charisma_index: float | None


class TraitTrend(Json):
    """Points by which the mean of the last four ISO weeks lies above that of the four before."""

    confidence: float
    clarity: float
    humor: float
    tension_control: float
    emotional_warmth: float
    dominance: float


class GateRate(Json):
    """``rate`` = passed / evaluated, 0..1 to two decimals, and 1 only when every one was passed."""

    gate_key: str
    passed: int
    evaluated: int
    rate: float


class GateSuccess(Json):
    """All gates together, and each; the rate is null where none was evaluated."""

    passed: int
    evaluated: int
    rate: float | None
    gates: tuple[GateRate, ...]


class CategoryRow(Json):
    """``weekly_xp``: of the present ISO week in the user's zone. ``category_trait_trend``: null below three
    counting sessions on either side, and while analysis is off."""

    category_key: str
    category_name: str
    sessions_count: int
    average_score: float | None
    success_count: int
    fail_count: int
    completed_missions: int
    total_missions: int
    is_completed: bool
    weekly_xp: int
    category_trait_trend: TraitTrend | None
    category_gate_success_rate: GateSuccess


class PersonaRow(Json):
    """As a category's row; ``completed_missions`` of ``total_missions`` are those played with this persona."""

    persona_key: str
    persona_name: str
    sessions_count: int
    average_score: float | None
    success_count: int
    fail_count: int
    completed_missions: int
    total_missions: int
    weekly_xp: int
    persona_trait_trend: TraitTrend | None


class Dashboard(Json):
    """``deep_insight``: null while analysis is off."""

    user: UserView
    wallet: WalletSums
    level: LevelProgress
    streak: Streak
    stats: StatsView
    latest: Latest | None
    averages: Averages
    recent_sessions: tuple[SessionItem, ...]
    categories: tuple[CategoryRow, ...]
    personas: tuple[PersonaRow, ...]
    deep_insight: DeepInsight | None


def dashboard(shelf: Shelf, found: Stored) -> Dashboard:
    """The answer, from what is stored alone: equal rows give equal bytes."""
    latest = found.latest
    return Dashboard(
        user=UserView(**found.user),
        wallet=WalletSums(
            xp=found.wallet.xp, lifetime_xp=found.wallet.xp, coins=found.wallet.coins, gems=found.wallet.gems
        ),
        level=level_progress(found.wallet.xp),
        streak=streak(found.streak_days, found.today),
        stats=_stats(found),
        latest=None if latest is None else Latest(latest.session_id, breakdown(latest.turns)),
        averages=_averages(found),
        recent_sessions=tuple(session_item(row) for row in found.recent),
        categories=category_rows(shelf, found),
        personas=persona_rows(shelf, found),
        deep_insight=_deep_insight(found),
    )


def _stats(found: Stored) -> StatsView:
    stats = found.stats
    counting = stats["success_count"] + stats["fail_count"]
    analysis = found.user["analysis_enabled"]
    return StatsView(
        sessions_count=counting,
        success_count=stats["success_count"],
        fail_count=stats["fail_count"],
        aborted_count=stats["aborted_count"],
        average_score=_mean_of_points(stats["score_sum"], counting),
        average_message_score=_mean(stats["message_score_sum"], counting),
        last_session_at=iso_or_none(stats["last_session_at"]),
        is_deep_insight_unlocked=stats["is_deep_insight_unlocked"] if analysis else None,
        deep_insight_unlocked_at=iso_or_none(stats["deep_insight_unlocked_at"]) if analysis else None,
        last_updated_at=iso_or_none(stats["last_updated_at"]),
    )


def _averages(found: Stored) -> Averages:
    counting = found.stats["success_count"] + found.stats["fail_count"]
    means = {trait: _mean(found.stats[f"{trait}_sum"], counting) for trait in TRAIT_COLUMNS}
    return Averages(**means, charisma_index=_mean(found.stats["charisma_sum"], counting))


def _deep_insight(found: Stored) -> DeepInsight | None:
    if not found.user["analysis_enabled"]:
        return None
    stats = found.stats
    _, needs = deep_insight(
        sessions=stats["success_count"] + stats["fail_count"],
        categories=sum(c["category_key"] != "" and _counting(c) > 0 for c in found.categories),
        score_sum=stats["score_sum"],
        already=stats["is_deep_insight_unlocked"],
    )
    return shown(needs, iso_or_none(stats["deep_insight_unlocked_at"]))


def category_rows(shelf: Shelf, found: Stored) -> tuple[CategoryRow, ...]:
    """A row for every category that the user may see, in their order, also where nothing happened yet."""
    adult = found.user["age_band"] == "ADULT"
    visible = [c for c in shelf.categories.values() if adult or c.audience == "ALL"]
    visible.sort(key=lambda category: (category.order, category.code))
    return tuple(_category_row(shelf, found, category) for category in visible)


def _category_row(shelf: Shelf, found: Stored, category: Category) -> CategoryRow:
    counts = _counts(found.categories, "category_key", category.code)
    weeks = _of(found.weeks, "category_key", category.code)
    missions = mission_count(shelf, category.code, found.progress)
    status = category_status(
        shelf, category.code, found.progress.completed, found.progress.categories.get(category.code)
    )
    return CategoryRow(
        category_key=category.code,
        category_name=category.label,
        sessions_count=_counting(counts),
        average_score=_mean_of_points(counts["score_sum"], _counting(counts)),
        success_count=counts["success_count"],
        fail_count=counts["fail_count"],
        completed_missions=missions.completed,
        total_missions=missions.total,
        is_completed=status == "COMPLETED",
        weekly_xp=_weekly_xp(weeks, found.monday),
        category_trait_trend=_trend(weeks, found),
        category_gate_success_rate=gate_success(_of(found.gates, "category_key", category.code)),
    )


def persona_rows(shelf: Shelf, found: Stored) -> tuple[PersonaRow, ...]:
    """A row for every persona that the user may see: the active ones, and those talked with before."""
    adult = found.user["age_band"] == "ADULT"
    met = {row["persona_key"] for row in found.personas}
    return tuple(
        _persona_row(shelf, found, code, persona.name)
        for code, (_, persona) in sorted(shelf.personas.items())
        if (adult or persona.audience == "ALL") and (persona.active or code in met)
    )


def _persona_row(shelf: Shelf, found: Stored, code: str, name: str) -> PersonaRow:
    counts = _counts(found.personas, "persona_key", code)
    weeks = _of(found.weeks, "persona_key", code)
    missions = [p for p in shelf.templates.values() if p.template.active and p.template.persona == code]
    return PersonaRow(
        persona_key=code,
        persona_name=name,
        sessions_count=_counting(counts),
        average_score=_mean_of_points(counts["score_sum"], _counting(counts)),
        success_count=counts["success_count"],
        fail_count=counts["fail_count"],
        completed_missions=sum(p.id in found.progress.completed for p in missions),
        total_missions=len(missions),
        weekly_xp=_weekly_xp(weeks, found.monday),
        persona_trait_trend=_trend(weeks, found),
    )


def gate_success(gates: Rows) -> GateSuccess:
    """The gates of one category, together and each, by key."""
    passed = sum(gate["passed"] for gate in gates)
    evaluated = sum(gate["evaluated"] for gate in gates)
    return GateSuccess(
        passed=passed,
        evaluated=evaluated,
        rate=_rate(passed, evaluated) if evaluated else None,
        gates=tuple(
            GateRate(g["gate_key"], g["passed"], g["evaluated"], _rate(g["passed"], g["evaluated"]))
            for g in sorted(gates, key=lambda gate: str(gate["gate_key"]))
            if g["evaluated"]
        ),
    )


def trait_trend(weeks: Rows, monday: date) -> TraitTrend | None:
    """How the six traits moved: the mean of the ``TREND_WEEKS`` weeks up to that of ``monday``, less the mean of
    as many before, rounded half up once from the exact difference. None below ``TREND_SESSIONS`` counting
    sessions on either side."""
    border = monday - timedelta(weeks=TREND_WEEKS - 1)
    now = _Side.of(week for week in weeks if border <= week["week_start"] <= monday)
    before = _Side.of(week for week in weeks if border - timedelta(weeks=TREND_WEEKS) <= week["week_start"] < border)
    if min(now.sessions, before.sessions) < TREND_SESSIONS:
        return None
    moved = (
        half_up(late * before.sessions - early * now.sessions, now.sessions * before.sessions)
        for late, early in zip(now.sums, before.sums, strict=True)
    )
    return TraitTrend(*(decimals(hundredths) for hundredths in moved))


class _Side(msgspec.Struct, frozen=True):
    """One side of a trend: its counting sessions, and the sums of their traits in hundredths."""

    sessions: int
    sums: tuple[int, ...]

    @classmethod
    def of(cls, weeks: Iterable[dict[str, Any]]) -> "_Side":
        rows = list(weeks)
        return cls(
            sum(_counting(row) for row in rows),
            tuple(sum(row[f"{trait}_sum"] for row in rows) for trait in TRAIT_COLUMNS),
        )


def _trend(weeks: Rows, found: Stored) -> TraitTrend | None:
    return trait_trend(weeks, found.monday) if found.user["analysis_enabled"] else None


def _weekly_xp(weeks: Rows, monday: date) -> int:
    return sum(week["xp_sum"] for week in weeks if week["week_start"] == monday)


def _of(rows: Rows, column: str, key: str) -> Rows:
    return [row for row in rows if row[column] == key]


def _counts(rows: Sequence[dict[str, Any]], column: str, key: str) -> dict[str, Any]:
    nothing = {"success_count": 0, "fail_count": 0, "score_sum": 0}
    return next((row for row in rows if row[column] == key), nothing)


def _counting(row: dict[str, Any]) -> int:
    return int(row["success_count"] + row["fail_count"])


def _mean(hundredths: int, count: int) -> float | None:
    """The mean of values that were summed in hundredths."""
    return decimals(half_up(hundredths, count)) if count else None


def _mean_of_points(points: int, count: int) -> float | None:
    """The mean of values that were summed in whole points."""
    return decimals(mean_hundredths(points, count)) if count else None


def _rate(passed: int, evaluated: int) -> float:
    return decimals(mean_against(passed, evaluated, 1))


class StatsController(Controller):
    path = "/v1/stats"
    tags = ("stats",)
    dependencies = SIGNED_IN
    security = BEARER

    @get(
        "/dashboard",
        summary="The dashboard: everything about the user at one moment",
        responses=failures("token_invalid"),
    )
    async def stats_dashboard(
        self, principal: NamedDependency[Principal], services: NamedDependency[Services]
    ) -> Dashboard:
        async with services.database.read() as connection:
            found = await stored(connection, principal.user_id, datetime.now(UTC))
        return dashboard(services.shelf, found)
