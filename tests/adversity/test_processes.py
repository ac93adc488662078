"""Server processes killed, paused and replaced while learners talk on all of them."""

import asyncio
import random

import pytest

from tests.adversity.campaign import Deaths, under_load
from tests.adversity.cluster import Cluster
from tests.adversity.world import Habits

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else


async def test_killed_at_any_moment(cluster: Cluster) -> None:
    async with under_load(cluster, seed=11) as load:
        deaths = Deaths(cluster, random.Random(11), wanted=8, seconds=2.5)
        await deaths.run()
        await load.more(100)
        verdict = await load.settled()
    assert deaths.done == 8
    assert verdict.acknowledged > 500
    assert (verdict.lost, verdict.doubled) == (0, 0)


async def test_paused_while_others_take_over(cluster: Cluster) -> None:
    """A process that comes to itself finds that its sessions went on elsewhere, and writes nothing over them."""
    async with under_load(cluster, seed=12, habits=Habits(patience=1.0)) as load:
        for node in (*cluster.nodes, cluster.nodes[0]):
            await cluster.pause(node, 2.5)
            await asyncio.sleep(0.5)
        given_up = load.count("stuck sockets")
        verdict = await load.settled()
    assert given_up > 0, "learners left the paused process"
    assert verdict.acknowledged > 300


async def test_replaced_one_after_the_other(cluster: Cluster) -> None:
    async with under_load(cluster, seed=13) as load:
        before = {node.pid for node in cluster.nodes}
        await cluster.restart_rolling()
        await load.more(100)
        drained = load.count("closed 1012")
        verdict = await load.settled()
    assert before.isdisjoint(node.pid for node in cluster.nodes)
    assert drained > 0, "sockets were told to go elsewhere"
    assert verdict.acknowledged > 300
