"""Slow and hostile peers, while honest learners talk on the same servers and must not notice."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.adversity.campaign import Load, under_load
from tests.adversity.cluster import Cluster, Node
from tests.adversity.hostile import ATTACKS, Peer, attack, silence
from tests.adversity.lines import FREE
from tests.adversity.torn import owners_of
from tests.adversity.wires import item_frame
from tests.adversity.world import Habits
from tests.durability.talk import eventually
from tests.support import Learner, RunningServer

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else

#: Limits as in production, but for those that count what one address or learner may begin.
STRICT = {
    "guests_per_hour": 100_000,
    "sessions_per_hour": 100_000,
    "client_secrets_per_minute": 100_000,
    "sessions_per_user": 20,
    "sockets_per_user": 40,
}
CALM = Habits(tear=0.0, turns=12, window=2)
GROWTH = 80 * 1024  # KiB of RSS that an hour's worth of attacks may leave, most of it the allocator's
REPEATS = 2_000  # of one turn: more bytes of answers than the kernel's buffers and the queue hold together
OTHER_TURNS = 8  # meanwhile; few, so that the repeated answer stays at hand and the server is quick with it
SLOW_SECONDS = 30.0


@pytest.fixture(scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    folder = tmp_path_factory.mktemp("strict")
    async with Cluster(folder, 2, limits=STRICT, SOCIALGYM_RATE_LIMITS="on") as cluster:
        yield cluster


def memory_of(node: Node) -> int:
    """RSS in KiB."""
    status = Path(f"/proc/{node.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def require_unnoticed(load: Load) -> None:
    assert load.count("stuck sockets") == 0
    closes = {name for fleet in load.fleets for name in fleet.figures.counts if name.startswith("closed")}
    assert closes <= {"closed 1000"}


async def test_hostile_peers(strict: Cluster) -> None:
    dice = random.Random(61)
    async with under_load(strict, learners=12, rate=60, seed=61, habits=CALM) as load:
        owners = await owners_of(strict.nodes[0].url, dice, len(ATTACKS))
        before = [memory_of(node) for node in strict.nodes]
        for node in strict.nodes:
            calls = [attack(node.port, owner, dice, how) for owner, how in zip(owners, ATTACKS, strict=True)]
            await asyncio.gather(silence(node.port, dice, 60, 1.0), *calls)
        await load.more(60)
        require_unnoticed(load)
        after = [memory_of(node) for node in strict.nodes]
        verdict = await load.settled()
    assert verdict.acknowledged > 100
    assert all(now - then < GROWTH for then, now in zip(before, after, strict=True)), (before, after)


async def test_a_slow_reader(server: RunningServer) -> None:
    """Its own second device, and everyone else, goes on; it is let go, comes back and has missed nothing."""
    dice = random.Random(62)
    (owner,) = await owners_of(server.url, dice, 1)
    slow = await Peer.on_session(server.port, owner, dice, buffer=32_768)
    await eventually(lambda: len(server.engine.connections) == 1, "the slow one has joined")
    (held,) = server.engine.connections
    stranger = await server.learner()
    learner = Learner(server.url, {"accessToken": owner.token, "refreshToken": "", "user": {"id": owner.user_id}})
    one, two = learner.connect(session_id=owner.session_id, last_seq=0), stranger.connect(FREE)
    async with one as other, two as elsewhere:
        asking = asyncio.create_task(_ask_again_and_again(slow))
        for number in range(OTHER_TURNS):
            await other.turn(f"I go on while another device of mine sleeps, {number}.")
            await elsewhere.turn(f"Nobody here notices, {number}.")
        await eventually(lambda: held.closed, "a queue that is full closes the socket", SLOW_SECONDS)
        assert await slow.closed(SLOW_SECONDS)
        assert slow.close_code in (None, 1013), "told so, if it read in time"
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        slow.drop()
        async with learner.connect(session_id=owner.session_id, last_seq=0) as again:
            resumed = await again.next()
            await again.until(lambda frame: frame.get("seq") == resumed["head_seq"])
            assert again.durable[: len(other.durable)] == other.durable


async def _ask_again_and_again(slow: Peer) -> None:
    """Have the same answer sent over and over, and read nothing."""
    frame = item_frame("again", "The same line, again and again. " * 60).encode()
    with suppress(OSError):  # it is let go in the middle
        for _ in range(REPEATS):
            await slow.frame(frame)
