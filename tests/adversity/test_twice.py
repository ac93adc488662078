"""The client that says everything twice: to two processes, over two transports, again and again."""

from pathlib import Path
from uuid import UUID

import pytest

from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn
from realtime.limits import Limits
from tests.adversity.campaign import under_load
from tests.adversity.cluster import Cluster
from tests.adversity.world import Habits
from tests.durability.talk import decoded
from tests.support import Learner, running_server

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else

REMEMBERED = "I work as a nurse, mostly nights."
FREE = "persona:MAYA_PLAYFUL"


def turn(at: str) -> LearnerTurn:
    return LearnerTurn(item_id="twice", text=REMEMBERED, kind="text", body_hash=body_hash("text", REMEMBERED), at=at)


async def test_the_process_that_was_second_answers_with_the_first_ones_bytes(dsn: str, tmp_path: Path) -> None:
    """Both carry the same turn out at the same head; their events differ in when they were made."""
    limits = Limits(enforced=False)
    one = running_server(dsn, tmp_path / "one", limits=limits)
    two = running_server(dsn, tmp_path / "two", limits=limits)
    async with one as first, two as second:
        learner = await Learner.guest(first.url)
        made = await learner.post("/v1/sessions", json={"model": FREE})
        key = (UUID(learner.user_id), UUID(made["id"]))
        for server in (first, second):
            await server.engine.hold(*key)
        said = await first.engine.turn(*key, turn("2026-01-01T00:00:00.000Z"))
        again = await second.engine.turn(*key, turn("2026-01-01T00:00:09.000Z"))
        log = await learner.get(f"/v1/sessions/{made['id']}/events")
    assert any(event.type == "memory.created" for event in said.events)
    assert again.events == said.events
    assert again.replayed
    assert len(log["events"]) == said.events[-1].seq, "nothing was written the second time"


async def test_everything_twice(cluster: Cluster) -> None:
    async with under_load(cluster, seed=31, habits=Habits(repeat=0.9, rest=0.6, follow=0.5)) as load:
        await load.more(800)
        verdict = await load.settled()
    assert verdict.acknowledged > 800


async def test_a_repeated_turn_does_not_overtake_what_the_socket_has_missed(dsn: str, tmp_path: Path) -> None:
    """The socket's process learns by the repetition that another one stored the turn: the events come in order."""
    limits = Limits(enforced=False)
    one = running_server(dsn, tmp_path / "one", limits=limits)
    two = running_server(dsn, tmp_path / "two", limits=limits)
    async with one as first, two as second:
        learner = await Learner.guest(first.url)
        made = await learner.post("/v1/sessions", json={"model": FREE})
        path = f"/v1/sessions/{made['id']}"
        there = Learner(second.url, {"accessToken": learner.token, "refreshToken": "", "user": {"id": ""}})
        async with there.connect(session_id=made["id"], last_seq=0) as wire:
            await wire.turn("Hello there.", "zero")
            seen = wire.durable[-1]
            await learner.post(f"{path}/turns", json={"id": "before", "text": "I was here before you."})
            await learner.post(f"{path}/turns", json={"id": "twice", "text": REMEMBERED})
            await wire.say(REMEMBERED, "twice")
            await wire.until(lambda frame: frame.get("item", {}).get("id") == "twice")
            await wire.drained()
        seqs = [decoded(frame)["seq"] for frame in wire.durable]
        began = decoded(seen)["seq"]
        first_time = [seq for at, seq in enumerate(seqs) if seq not in seqs[:at]]
        assert first_time == list(range(1, max(seqs) + 1))
        assert max(seqs) > began + 5, "both turns came"
