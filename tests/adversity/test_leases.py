"""A process that stands still for longer than every lease, claim and time-out, and then goes on as if nothing was."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.adversity.campaign import under_load
from tests.adversity.cluster import Cluster
from tests.adversity.world import Habits

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else

#: Seconds. All that another process waits for is over within three of them.
SHORT = {
    "attach_seconds": 0.4,
    "attach_lease_seconds": 1.0,
    "grace_seconds": 1.0,
    "idle_seconds": 2.0,
    "reply_seconds": 1.5,
    "closing_seconds": 1.0,
    "sweep_seconds": 0.3,
    "heartbeat_seconds": 1.0,
}
STANDSTILL = 5.0


@pytest.fixture(scope="module")
async def brief(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path_factory.mktemp("brief"), 2, limits=SHORT) as cluster:
        yield cluster


async def test_stopped_beyond_every_time_out(brief: Cluster) -> None:
    """Some learners wait for it, and find their sessions ended by another process; what it held was not stored."""
    async with under_load(brief, seed=71, rate=100, habits=Habits(patience=20.0, turns=80, reply=0.1)) as load:
        for node in brief.nodes:
            await brief.pause(node, STANDSTILL)
            await asyncio.sleep(0.5)
        await load.more(50)
        verdict = await load.settled()
        async with brief.database() as database:
            left = await database.fetchval("SELECT count(*) FROM practice_session WHERE cause IN ('IDLE', 'GRACE')")
    assert left > 0, "the other process ended what the stopped one held"
    assert verdict.acknowledged > 100
