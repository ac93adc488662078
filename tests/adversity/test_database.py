"""PostgreSQL crashed, killed, and its backends ended, while learners talk."""

import asyncio
import random

import pytest

from tests.adversity.campaign import under_load
from tests.adversity.cluster import CRASHES, Cluster, Crash

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else


@pytest.mark.parametrize("how", CRASHES)
async def test_crashes(cluster: Cluster, how: Crash) -> None:
    dice = random.Random(21)
    async with under_load(cluster, seed=21, rate=150) as load:
        for _ in range(2):
            await load.more(150)
            await cluster.crash_postgres(how, dice)
        await load.more(150)
        verdict = await load.settled()
    assert verdict.acknowledged > 450


async def test_backends_are_ended(cluster: Cluster) -> None:
    async with under_load(cluster, seed=22, rate=150) as load:
        ended = 0
        for _ in range(12):
            await asyncio.sleep(0.3)
            ended += await cluster.end_backends()
        await load.more(100)
        verdict = await load.settled()
    assert ended >= 12
    assert verdict.acknowledged > 200
