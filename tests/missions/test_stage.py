"""The stage is the engine: the same lines in a real one, on the store in memory, give the same talk and end."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
import uuid_utils.compat

from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn
from realtime.engine import Engine
from realtime.limits import Limits
from realtime.opening import Learner
from realtime.persona import ScriptedPersona
from storage.catalogue.loader import DATA
from storage.catalogue.model import Category
from storage.catalogue.store import PublishedTemplate, Shelf
from tests.missions.players import PLAYERS
from tests.missions.stage import MINDS, Mission, play, read_mission
from tests.simulation.base import Base
from tests.simulation.stands import AT
from tests.simulation.store import add_user, memory_store
from tests.simulation.wire import Instant, MemoryDatabase, Nobody

MISSION = read_mission("OPENERS_CAFE_HELLO")  # the first of its lane, so a new learner may play it


def shelf_of(mission: Mission) -> Shelf:
    """A catalogue with this mission alone."""
    categories = msgspec.json.decode((DATA / "categories.json").read_bytes(), type=tuple[Category, ...])
    template, persona = mission.template, mission.persona
    return Shelf(
        {category.code: category for category in categories},
        {persona.code: (UUID(int=1), persona)},
        {template.code: PublishedTemplate(UUID(int=2), UUID(int=3), template)},
        "of one mission",
    )


async def log_of_the_engine(session_id: UUID, lines: list[str]) -> list[dict[str, Any]]:
    """The durable events of a session in which the learner says these lines, each when the last is answered."""
    base = Base(lambda: datetime.now(UTC))
    user_id = uuid_utils.compat.uuid7()
    add_user(base, user_id)
    store = memory_store(MemoryDatabase(base, Instant(), Nobody()))
    engine = Engine(store, shelf_of(MISSION), MINDS, ScriptedPersona(), Limits(enforced=False))
    engine.start()
    learner = Learner(user_id=user_id, time_zone="UTC", minor=False, adult=True)
    await engine.create(learner, session_id, f"template:{MISSION.template.code}")
    for number, text in enumerate(lines, start=1):
        digest = body_hash("text", text)
        item = LearnerTurn(item_id=f"item_{number}", text=text, kind="text", body_hash=digest, at=AT)
        await engine.turn(user_id, session_id, item)
        await engine.answer(user_id, session_id, item.item_id)
    await engine.close()
    events = await engine.events(user_id, session_id, after=0, until=10_000, limit=10_000)
    return [{"type": event.type, **msgspec.json.decode(event.body)} for event in events]


@pytest.mark.parametrize("who", ["good", "bad", "rude"])
async def test_the_stage_tells_what_the_engine_tells(who: str) -> None:
    session_id = UUID(int=7)
    staged = play(MISSION, PLAYERS[who](MISSION.task, 7), session_id.int)
    log = await log_of_the_engine(session_id, [turn.text for turn in staged.turns])

    scored = [event for event in log if event["type"] == "turn.scored"]
    assert [event["score"] for event in scored] == [turn.score for turn in staged.turns]
    assert [event["mission"]["progressPct"] for event in scored] == [turn.progress for turn in staged.turns]
    assert [event["mood"]["percent"] for event in scored] == [turn.mood_percent for turn in staged.turns]

    said = [event["item"]["content"][0]["text"] for event in log if event["type"] == "conversation.item.done"]
    assert said == [staged.opening, *(line for turn in staged.turns for line in (turn.text, turn.reply))]

    outcome = log[-1]["summary"]["outcome"]
    assert (outcome["status"], outcome["endReasonCode"]) == (staged.ending.status, staged.ending.end_reason_code)
