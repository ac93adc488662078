"""The dashboard: every number of it computed a second time, in exact fractions, from the sessions themselves."""

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import update

from realtime.core.numbers import mean_hundredths, mean_whole
from server.routes.stats import dashboard, gate_success, trait_trend
from storage.catalogue.store import Shelf
from storage.database import Database
from storage.reads.statistics import stored
from storage.schema.accounts import app_user
from storage.schema.statistics import mission_progress, user_stats
from storage.statistics import Fact, add_streak_day, record
from storage.wallet import Entry, book, lock
from tests.reads.conftest import Api
from tests.reads.rows import TRAITS, User, add_session, add_turns, add_user, insert

NOW = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)  # Thursday, 12 March, in Berlin
ZONE = "Europe/Berlin"
MONDAY = date(2026, 3, 9)
MISSIONS = ("OPENERS_CAFE_HELLO", "OPENERS_BOOKSHOP", "SMALL_TALK_NEW_COLLEAGUE", "RECOVERY_FORGOT_BIRTHDAY", None)
CAMEL = dict(
    zip(TRAITS, ("confidence", "clarity", "humor", "tensionControl", "emotionalWarmth", "dominance"), strict=True)
)


class Played(msgspec.Struct, frozen=True):
    id: UUID
    status: str
    category: str
    persona: str
    day: date
    ended_at: datetime
    turns: list[dict[str, int]]
    xp: int
    gates: tuple[tuple[str, bool], ...]

    @property
    def counts(self) -> bool:
        return self.status != "ABORTED"

    @property
    def week(self) -> date:
        return self.day - timedelta(days=self.day.weekday())

    def hundredths(self, column: str) -> int:
        """A session's mean is rounded to hundredths once, as the finalizer stores it."""
        return half_up(Fraction(100 * sum(t[column] for t in self.turns), len(self.turns)))

    @property
    def final_score(self) -> int:
        return half_up(Fraction(sum(t["score"] for t in self.turns), len(self.turns)))


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def mean(values: Iterable[int], *, unit: int = 1) -> float | None:
    """To hundredths; ``unit`` 100 for values that are hundredths already."""
    all_values = list(values)
    return half_up(Fraction(100 * sum(all_values), unit * len(all_values))) / 100 if all_values else None


def a_turn(draw: random.Random) -> dict[str, int]:
    columns = {name: draw.randint(0, 100) for name in (*TRAITS, "charisma_index", "score")}
    return {**columns, "filler_words": draw.randint(0, 3), "total_words": draw.randint(4, 30), "xp": 4}


async def play(database: Database, shelf: Shelf, user: User, draw: random.Random, n: int) -> Played:
    """A session as the finalizer leaves it, on a drawn day of the last ten weeks."""
    ended = NOW - timedelta(days=draw.randint(0, 70), minutes=draw.randint(0, 1200))
    code, status = draw.choice(MISSIONS), draw.choice(("SUCCESS", "SUCCESS", "FAIL", "ABORTED"))
    mission = None if code is None else shelf.template(code).template
    persona = "NOA_CALM" if mission is None else mission.persona
    more: dict[str, Any] = {
        "status": status,
        "ended_at": ended,
        "end_reason_code": "-",
        "cause": "CLIENT",
        "user_seq": n,
    }
    created = ended - timedelta(minutes=5)
    session = await add_session(database, shelf, user, created_at=created, template_code=code, **more)
    made = Played(
        id=session,
        status=status,
        category="" if mission is None else mission.category,
        persona=persona,
        day=ended.astimezone(ZoneInfo(user.time_zone)).date(),
        ended_at=ended,
        turns=[a_turn(draw) for _ in range(draw.randint(1, 5))],
        xp=draw.randint(1, 60),
        gates=tuple((gate, draw.random() < 0.6) for gate in ("GATE_MIN_MESSAGES", "GATE_SUCCESS_THRESHOLD")),
    )
    await add_turns(database, user, session, made.turns)
    return made


async def finalize(database: Database, user: User, played: Played) -> None:
    """Into the totals by their own writer, and into the ledger."""
    scores = [turn["score"] for turn in played.turns]
    fact = Fact(
        user_id=user.id,
        status=played.status,
        category_key=played.category,
        persona_key=played.persona,
        local_date=played.day,
        ended_at=played.ended_at,
        final_score=mean_whole(sum(scores), len(scores)),
        message_score=mean_hundredths(sum(scores), len(scores)),
        traits=tuple(played.hundredths(trait) for trait in TRAITS),
        charisma=played.hundredths("charisma_index"),
        xp=played.xp,
        gates=played.gates,
    )
    reward = Entry(
        source_kind="SESSION", source_id=str(played.id), kind="SESSION_REWARD", currency="XP", amount=played.xp
    )
    async with database.transaction() as connection:
        await record(connection, fact, None)
        await book(connection, user.id, await lock(connection, user.id), [reward])
        if played.counts:
            await add_streak_day(connection, user.id, played.day)


async def read(database: Database, shelf: Shelf, user: User, now: datetime = NOW) -> dict[str, Any]:
    """The dashboard as JSON says it."""
    async with database.read() as connection:
        made = dashboard(shelf, await stored(connection, user.id, now))
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return decoded


@pytest.fixture(scope="module")
async def practised(database: Database, shelf: Shelf) -> tuple[User, list[Played]]:
    """An adult of forty sessions over ten weeks, another user's sessions beside them."""
    draw = random.Random(20260312)
    user = await add_user(database, age_band="ADULT", time_zone=ZONE, email="practised@example.org")
    other = await add_user(database, age_band="ADULT", time_zone=ZONE)
    played = [await play(database, shelf, user, draw, n) for n in range(1, 41)]
    for one in played:
        await finalize(database, user, one)
    await finalize(database, other, await play(database, shelf, other, draw, 1))
    for code in ("OPENERS_CAFE_HELLO", "OPENERS_BOOKSHOP", "SMALL_TALK_NEW_COLLEAGUE"):
        row = {"user_id": user.id, "template_id": shelf.template(code).id, "status": "COMPLETED"}
        await insert(database, mission_progress, row)
    return user, played


async def test_totals(database: Database, shelf: Shelf, practised: tuple[User, list[Played]]) -> None:
    user, played = practised
    body = await read(database, shelf, user)
    counting = [p for p in played if p.counts]
    xp = sum(p.xp for p in played)
    level = max(n for n in range(1, 100) if 50 * n * (n - 1) <= xp)
    account = {"tier": "FREE", "timeZone": ZONE, "ageBand": "ADULT", "analysisEnabled": True}
    assert body["user"] == {"id": str(user.id), "email": "practised@example.org", **account}
    assert body["wallet"] == {"xp": xp, "lifetimeXp": xp, "coins": 0, "gems": 0}
    assert body["level"] == {
        "level": level,
        "xpIntoLevel": xp - 50 * level * (level - 1),
        "xpForNextLevel": 100 * level,
    }
    stats = body["stats"]
    assert stats.pop("lastSessionAt")[:19] == max(p.ended_at for p in played).isoformat()[:19]
    assert stats.pop("lastUpdatedAt")[:19] == played[-1].ended_at.isoformat()[:19]
    assert stats == {
        "sessionsCount": len(counting),
        "successCount": sum(p.status == "SUCCESS" for p in played),
        "failCount": sum(p.status == "FAIL" for p in played),
        "abortedCount": sum(p.status == "ABORTED" for p in played),
        "averageScore": mean(p.final_score for p in counting),
        "averageMessageScore": mean((p.hundredths("score") for p in counting), unit=100),
        "isDeepInsightUnlocked": False,
        "deepInsightUnlockedAt": None,
    }
    averages = {CAMEL[t]: mean((p.hundredths(t) for p in counting), unit=100) for t in TRAITS}
    assert body["averages"] == averages | {
        "charismaIndex": mean((p.hundredths("charisma_index") for p in counting), unit=100)
    }


async def test_latest_and_recent(database: Database, shelf: Shelf, practised: tuple[User, list[Played]]) -> None:
    user, played = practised
    body = await read(database, shelf, user)
    newest = sorted(played, key=lambda p: p.ended_at, reverse=True)
    last = newest[0]
    assert [s["id"] for s in body["recentSessions"]] == [str(p.id) for p in newest[:5]]
    assert [s["finalScore"] for s in body["recentSessions"]] == [p.final_score for p in newest[:5]]
    assert [s["xp"] for s in body["recentSessions"]] == [p.xp for p in newest[:5]]
    names = ("confidenceScore", "clarityScore", "humorScore", "tensionScore", "emotionalWarmth", "dominanceScore")
    whole = {
        name: half_up(Fraction(sum(t[column] for t in last.turns), len(last.turns)))
        for name, column in zip((*names, "charismaIndex"), (*TRAITS, "charisma_index"), strict=True)
    }
    words = {
        "fillerWordsCount": sum(t["filler_words"] for t in last.turns),
        "totalWords": sum(t["total_words"] for t in last.turns),
    }
    assert body["latest"] == {"sessionId": str(last.id), "scoreBreakdown": whole | words}


def trend_of(sessions: list[Played]) -> dict[str, float] | None:
    late = [p for p in sessions if p.counts and MONDAY - timedelta(weeks=3) <= p.week <= MONDAY]
    early = [p for p in sessions if p.counts and MONDAY - timedelta(weeks=7) <= p.week < MONDAY - timedelta(weeks=3)]
    if len(late) < 3 or len(early) < 3:
        return None
    moved = {}
    for trait in TRAITS:
        now = Fraction(sum(p.hundredths(trait) for p in late), len(late))
        before = Fraction(sum(p.hundredths(trait) for p in early), len(early))
        moved[CAMEL[trait]] = half_up(now - before) / 100
    return moved


def row_of(sessions: list[Played]) -> dict[str, Any]:
    counting = [p for p in sessions if p.counts]
    return {
        "sessionsCount": len(counting),
        "averageScore": mean(p.final_score for p in counting),
        "successCount": sum(p.status == "SUCCESS" for p in sessions),
        "failCount": sum(p.status == "FAIL" for p in sessions),
        "weeklyXp": sum(p.xp for p in sessions if p.week == MONDAY),
    }


async def test_category_rows(database: Database, shelf: Shelf, practised: tuple[User, list[Played]]) -> None:
    user, played = practised
    body = await read(database, shelf, user)
    assert [r["categoryKey"] for r in body["categories"]] == sorted(
        shelf.categories, key=lambda code: shelf.categories[code].order
    )
    done = {"OPENERS": 2, "SMALL_TALK": 1}
    for row in body["categories"]:
        code = row["categoryKey"]
        sessions = [p for p in played if p.category == code]
        gates = [gate for p in sessions if p.counts for gate in p.gates]
        rate = row.pop("categoryGateSuccessRate")
        assert (rate["passed"], rate["evaluated"]) == (sum(passed for _, passed in gates), len(gates))
        assert rate["rate"] == (mean(passed for _, passed in gates) if gates else None)
        for each in rate["gates"]:
            these = [passed for gate, passed in gates if gate == each["gateKey"]]
            assert (each["passed"], each["evaluated"], each["rate"]) == (sum(these), len(these), mean(these))
        assert {g["gateKey"] for g in rate["gates"]} == {gate for gate, _ in gates}
        assert row == row_of(sessions) | {
            "categoryKey": code,
            "categoryName": shelf.categories[code].label,
            "completedMissions": done.get(code, 0),
            "totalMissions": len(shelf.in_category(code)),
            "isCompleted": 0 < len(shelf.in_category(code)) == done.get(code, 0),
            "categoryTraitTrend": trend_of(sessions),
        }
    trends = [r["categoryTraitTrend"] for r in body["categories"]]
    assert any(trends), "the sessions drawn show a trend somewhere"
    assert sum(r["weeklyXp"] for r in body["categories"]) > 0


async def test_persona_rows(database: Database, shelf: Shelf, practised: tuple[User, list[Played]]) -> None:
    user, played = practised
    body = await read(database, shelf, user)
    templates = {t.template.code: t.template for t in shelf.templates.values()}
    done = {"OPENERS_CAFE_HELLO", "OPENERS_BOOKSHOP", "SMALL_TALK_NEW_COLLEAGUE"}
    assert [r["personaKey"] for r in body["personas"]] == sorted(shelf.personas)
    for row in body["personas"]:
        code = row["personaKey"]
        sessions = [p for p in played if p.persona == code]
        assert row == row_of(sessions) | {
            "personaKey": code,
            "personaName": shelf.personas[code][1].name,
            "completedMissions": sum(templates[c].persona == code for c in done),
            "totalMissions": sum(t.persona == code for t in templates.values()),
            "personaTraitTrend": trend_of(sessions),
        }


async def test_deep_insight_and_streak(
    database: Database, shelf: Shelf, practised: tuple[User, list[Played]]
) -> None:
    user, played = practised
    body = await read(database, shelf, user)
    counting = [p for p in played if p.counts]
    assert body["deepInsight"] == {
        "isUnlocked": False,
        "unlockedAt": None,
        "sessions": {"have": len(counting), "need": 10},
        "categories": {"have": len({p.category for p in counting} - {""}), "need": 2},
        "averageScore": {"have": mean(p.final_score for p in counting), "need": 60},
    }
    assert body["streak"]["lastActiveOn"] == max(p.day for p in counting).isoformat()
    active = {p.day for p in counting}
    assert body["streak"]["activeToday"] == (date(2026, 3, 12) in active)
    # Today is the user's: at this moment it is Thursday in Berlin and still Wednesday in New York.
    async with database.transaction() as connection:
        await connection.execute(
            update(app_user).where(app_user.c.id == user.id).values(time_zone="America/New_York")
        )
    try:
        west = await read(database, shelf, user)
        assert west["streak"]["activeToday"] == (date(2026, 3, 11) in active)
    finally:
        async with database.transaction() as connection:
            await connection.execute(update(app_user).where(app_user.c.id == user.id).values(time_zone=ZONE))


async def test_with_analysis_off_what_joins_sessions_is_hidden(
    database: Database, shelf: Shelf, practised: tuple[User, list[Played]]
) -> None:
    user, _ = practised
    shown = await read(database, shelf, user)
    async with database.transaction() as connection:
        await connection.execute(update(app_user).where(app_user.c.id == user.id).values(analysis_enabled=False))
    try:
        hidden = await read(database, shelf, user)
    finally:
        async with database.transaction() as connection:
            await connection.execute(update(app_user).where(app_user.c.id == user.id).values(analysis_enabled=True))
    assert hidden["deepInsight"] is None
    assert hidden["stats"]["isDeepInsightUnlocked"] is None
    assert all(row["categoryTraitTrend"] is None for row in hidden["categories"])
    assert all(row["personaTraitTrend"] is None for row in hidden["personas"])
    for kept in ("wallet", "level", "streak", "latest", "averages", "recentSessions"):
        assert hidden[kept] == shown[kept]


async def test_the_deep_insight_once_earned_is_shown_with_its_time(database: Database, shelf: Shelf) -> None:
    user = await add_user(database, age_band="UNKNOWN", time_zone="UTC")
    earned = {"is_deep_insight_unlocked": True, "deep_insight_unlocked_at": NOW}
    async with database.transaction() as connection:
        await connection.execute(update(user_stats).where(user_stats.c.user_id == user.id).values(**earned))
    body = await read(database, shelf, user)
    assert (body["deepInsight"]["isUnlocked"], body["deepInsight"]["unlockedAt"]) == (
        True,
        "2026-03-11T23:30:00.000Z",
    )
    assert body["stats"]["deepInsightUnlockedAt"] == "2026-03-11T23:30:00.000Z"


async def test_a_new_user_has_an_empty_dashboard(api: Api, shelf: Shelf, minor: User) -> None:
    answer = await api.get("/stats/dashboard", minor)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [
        *("user", "wallet", "level", "streak", "stats", "latest", "averages", "recentSessions", "categories"),
        *("personas", "deepInsight"),
    ]
    assert body["latest"] is None
    assert body["recentSessions"] == []
    assert set(body["averages"].values()) == {None}
    assert (body["stats"]["sessionsCount"], body["stats"]["averageScore"]) == (0, None)
    assert "FLIRTING" not in [row["categoryKey"] for row in body["categories"]]
    assert {row["categoryGateSuccessRate"]["rate"] for row in body["categories"]} == {None}


def week(monday: date, sessions: int, mean_points: int) -> dict[str, Any]:
    sums = {f"{trait}_sum": 100 * mean_points * sessions for trait in TRAITS}
    return {"week_start": monday, "success_count": sessions, "fail_count": 0, **sums}


@pytest.mark.parametrize(
    ("late", "early", "shown"), [(3, 3, True), (2, 9, False), (9, 2, False), (0, 9, False), (4, 3, True)]
)
def test_a_trend_needs_three_sessions_on_either_side(late: int, early: int, shown: bool) -> None:
    made = trait_trend([week(MONDAY, late, 70), week(MONDAY - timedelta(weeks=4), early, 75)], MONDAY)
    assert (made is not None) == shown
    if made is not None:
        assert made.confidence == -5.0


def test_a_trend_takes_four_weeks_on_either_side_and_no_more() -> None:
    inside = [week(MONDAY - timedelta(weeks=n), 3, 60 if n < 4 else 50) for n in range(8)]
    outside = [week(MONDAY - timedelta(weeks=8), 50, 0), week(MONDAY + timedelta(weeks=1), 50, 100)]
    made = trait_trend(inside + outside, MONDAY)
    assert made is not None
    assert made.dominance == 10.0


def test_a_rate_is_one_only_when_all_were_passed() -> None:
    made = gate_success([{"gate_key": "G", "passed": 999, "evaluated": 1000}])
    assert made.rate == made.gates[0].rate == 0.99
    assert gate_success([{"gate_key": "G", "passed": 3, "evaluated": 3}]).rate == 1.0
    assert gate_success([]).rate is None
