"""Valkey erased, paused and killed while learners talk, some on two devices on two processes: it costs speed only."""

import asyncio
import random

import pytest

from tests.adversity.campaign import under_load, valkey_faults
from tests.adversity.cluster import Cluster
from tests.adversity.world import Habits

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else


async def test_erased_paused_and_killed(cluster: Cluster) -> None:
    async with under_load(cluster, seed=81, rate=150, habits=Habits(follow=0.6)) as load:
        await valkey_faults(load, random.Random(81), rounds=2, seconds=1.0)
        await load.more(200)
        verdict = await load.settled()
    assert verdict.acknowledged > 400


async def test_servers_start_and_talk_without_it(cluster: Cluster) -> None:
    async with under_load(cluster, seed=82, rate=100, habits=Habits(follow=0.6)) as load:
        away = asyncio.create_task(cluster.kill_valkey(down=6.0))
        await asyncio.sleep(0.2)
        await cluster.kill(cluster.nodes[0])
        await load.more(200)
        await away
        await load.more(100)
        verdict = await load.settled()
    assert verdict.acknowledged > 300
