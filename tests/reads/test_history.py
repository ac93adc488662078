"""The history of sessions."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from storage.catalogue.store import Shelf
from storage.database import Database
from storage.schema.statistics import mission_progress
from storage.wallet import Entry, book, lock
from tests.reads.conftest import Api
from tests.reads.rows import User, add_session, add_turns, insert

START = datetime(2026, 2, 1, 9, 30, 15, 123456, tzinfo=UTC)


def scored(*scores: int) -> list[dict[str, int]]:
    return [{"score": score, "xp": 4} for score in scores]


async def pay_xp(database: Database, user: User, *entries: tuple[str, str, str, int]) -> None:
    async with database.transaction() as connection:
        before = await lock(connection, user.id)
        booked = [
            Entry(source_kind=s, source_id=i, kind=k, currency="XP", amount=a)  # type: ignore[arg-type]
            for s, i, k, a in entries
        ]
        await book(connection, user.id, before, booked)


async def won(database: Database, user: User, template_id: UUID, session_id: UUID) -> None:
    row = {"user_id": user.id, "template_id": template_id, "status": "COMPLETED", "completed_session_id": session_id}
    await insert(database, mission_progress, row)


async def test_a_won_mission_shows_its_score_and_all_that_it_paid(
    api: Api, database: Database, shelf: Shelf, adult: User
) -> None:
    ended = START + timedelta(minutes=7)
    session = await add_session(
        database,
        shelf,
        adult,
        created_at=START,
        template_code="OPENERS_CAFE_HELLO",
        status="SUCCESS",
        ended_at=ended,
        end_reason_code="SUCCESS_OBJECTIVE",
        cause="RULE",
        user_seq=1,
    )
    await add_turns(database, adult, session, scored(80, 81, 80, 81))
    mission = shelf.template("OPENERS_CAFE_HELLO")
    await won(database, adult, mission.id, session)
    await pay_xp(
        database,
        adult,
        ("SESSION", str(session), "SESSION_REWARD", 16),
        ("TEMPLATE", str(mission.id), "MISSION_BONUS", 40),
        ("BADGE", "FIRST_WIN:1", "BADGE_TIER", 50),
    )
    (item,) = (await api.get("/sessions", adult)).json()["items"]
    assert item == {
        "id": str(session),
        "status": "SUCCESS",
        "aiMode": "MISSION",
        "channel": "TEXT",
        "templateCode": "OPENERS_CAFE_HELLO",
        "title": mission.template.title,
        "personaKey": mission.template.persona,
        "categoryKey": "OPENERS",
        "difficulty": "EASY",
        "startedAt": "2026-02-01T09:30:15.123Z",
        "endedAt": "2026-02-01T09:37:15.123Z",
        "endReasonCode": "SUCCESS_OBJECTIVE",
        "finalScore": 81,  # 80.5, half up
        "messageCount": 4,
        "xp": 56,
    }


async def test_a_second_win_pays_no_bonus(api: Api, database: Database, shelf: Shelf, adult: User) -> None:
    wins: list[UUID] = []
    for day in range(2):
        wins.append(
            await add_session(
                database,
                shelf,
                adult,
                created_at=START + timedelta(days=day),
                template_code="OPENERS_CAFE_HELLO",
                status="SUCCESS",
            )
        )
    mission = shelf.template("OPENERS_CAFE_HELLO")
    await won(database, adult, mission.id, wins[0])
    await pay_xp(
        database,
        adult,
        ("SESSION", str(wins[0]), "SESSION_REWARD", 16),
        ("TEMPLATE", str(mission.id), "MISSION_BONUS", 40),
        ("SESSION", str(wins[1]), "SESSION_REWARD", 20),
    )
    assert [item["xp"] for item in await api.items("/sessions", adult)] == [20, 56]


async def test_free_play_and_open_sessions(api: Api, database: Database, shelf: Shelf, adult: User) -> None:
    ended = await add_session(
        database, shelf, adult, created_at=START, status="ABORTED", ended_at=START, end_reason_code="ABORT_USER_EXIT"
    )
    running = await add_session(database, shelf, adult, created_at=START + timedelta(hours=1))
    await add_turns(database, adult, running, scored(90, 40))
    open_one, aborted = (await api.get("/sessions", adult)).json()["items"]
    assert (aborted["id"], aborted["finalScore"], aborted["messageCount"]) == (str(ended), None, 0)
    free = ("FREEPLAY", None, None, None, None)
    assert tuple(aborted[k] for k in ("aiMode", "templateCode", "title", "categoryKey", "difficulty")) == free
    assert (open_one["status"], open_one["finalScore"], open_one["messageCount"]) == ("IN_PROGRESS", None, 2)
    assert (open_one["endedAt"], open_one["xp"]) == (None, 0)


@pytest.mark.parametrize("limit", [1, 2, 4, 7])
async def test_pages_miss_nothing_and_repeat_nothing(
    api: Api, database: Database, shelf: Shelf, adult: User, minor: User, limit: int
) -> None:
    # Three of one moment, so that the id decides, and one a microsecond later.
    times = [START, START, START, START + timedelta(microseconds=1), START - timedelta(days=1), START]
    made = [(at, str(await add_session(database, shelf, adult, created_at=at))) for at in times]
    await add_session(database, shelf, minor, created_at=START)
    found = [item["id"] for item in await api.items("/sessions", adult, limit=limit)]
    assert found == [session for _, session in sorted(made, reverse=True)]


async def test_filters_look_at_the_terms_played(api: Api, database: Database, shelf: Shelf, adult: User) -> None:
    cafe, party = "OPENERS_CAFE_HELLO", "SMALL_TALK_PARTY_KITCHEN"
    for n, code in enumerate((cafe, party, None)):
        await add_session(database, shelf, adult, created_at=START + timedelta(hours=n), template_code=code)

    async def kept(**query: str) -> list[str | None]:
        return [item["templateCode"] for item in await api.items("/sessions", adult, **query)]

    assert await kept() == [None, party, cafe]
    assert await kept(category="SMALL_TALK") == [party]
    assert await kept(difficulty="EASY") == [cafe]
    assert await kept(persona="NOA_CALM") == [None]
    config = shelf.template(cafe).template.mission_config_v1
    other = shelf.template(party).template.mission_config_v1
    for name, mine, theirs in (
        ("style", config.style.ai_style_key, other.style.ai_style_key),
        ("objective", config.objective.kind, other.objective.kind),
        ("dynamicType", config.dynamics.mode, other.dynamics.mode),
        ("locationTag", config.dynamics.location_tag, other.dynamics.location_tag),
    ):
        assert await kept(**{name: mine}) == [party, cafe][mine != theirs :]
