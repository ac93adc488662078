"""Connections cut at any point: nobody sees another's bytes, and nothing is left behind."""

import asyncio
import random

import asyncpg
import pytest

from server.app import services_of
from storage.database import POOL_SIZE
from tests.adversity.torn import cut_many, owners_of
from tests.durability.talk import eventually
from tests.support import Learner, RunningServer

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else

OWN_CONNECTIONS = 4  # beside the pool: the writer's, and what else the process keeps for itself


async def test_cut_anywhere(server: RunningServer, dsn: str) -> None:
    dice = random.Random(51)
    owners = await owners_of(server.url, dice, 8)
    torn = await cut_many([server.port], owners, dice, 400, at_once=8)
    assert torn.cuts == 400
    assert torn.received > 100_000
    assert not torn.foreign
    pool = services_of(server.app).database.engine.pool
    await eventually(lambda: not server.engine.connections, "every socket was let go")
    await eventually(lambda: pool.checkedout() == 0, "every connection is back in the pool")  # type: ignore[attr-defined]

    database = await asyncpg.connect(dsn)
    try:
        stored = await database.fetch("SELECT user_id, text FROM turn WHERE role = 'user'")
        here = "datname = current_database() AND pid <> pg_backend_pid()"
        held = await database.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {here}")
        stuck = await database.fetchval(
            f"SELECT count(*) FROM pg_stat_activity WHERE {here} AND state LIKE 'idle in transaction%'"
        )
    finally:
        await database.close()
    canaries = {owner.user_id: owner.canary for owner in owners}
    assert len(stored) > 50
    assert {record["text"] for record in stored} <= torn.said, "whole, or not at all"
    assert all(canaries[str(record["user_id"])] in record["text"] for record in stored)
    assert stuck == 0
    assert held <= POOL_SIZE + OWN_CONNECTIONS
    await _talks_on(server, owners[0].token, owners[0].session_id)


async def _talks_on(server: RunningServer, token: str, session_id: str) -> None:
    """The session whose sockets were cut is as good as new."""
    learner = Learner(server.url, {"accessToken": token, "refreshToken": "", "user": {"id": ""}})
    async with learner.connect(session_id=session_id, last_seq=0) as wire:
        resumed = await wire.next()
        await wire.until(lambda frame: frame.get("seq") == resumed["head_seq"])
        scored = asyncio.create_task(wire.turn("Here I am again, after all of that."))
        assert (await scored)["seq"] > resumed["head_seq"]
        await wire.send("session.end")
        assert await wire.closed() == 1000
