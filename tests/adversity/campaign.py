"""Load, faults and judgement put together: what the tests do in small, and the long form in large.

Every part runs on a cluster under the load of fleets, draws its moments from one seeded source, and ends with
``settled``: all is healed, every learner brings its affairs to an end, and the checker compares.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from tests.adversity.checker import Checker, Verdict
from tests.adversity.cluster import CRASHES, Cluster, Node
from tests.adversity.fleet import FleetProcess, Orders
from tests.adversity.world import Habits

PATIENCE = 120.0
LAST_ONE_DIES = 0.01  # the chance, twice a second, that the only server that is up may be killed too


class Load:
    """The fleets on one cluster, under way."""

    def __init__(self, cluster: Cluster, fleets: list[FleetProcess]) -> None:
        self.cluster = cluster
        self.fleets = fleets

    @property
    def acknowledged(self) -> int:
        return sum(fleet.figures.acknowledged for fleet in self.fleets)

    def count(self, name: str) -> int:
        return sum(fleet.figures.counts.get(name, 0) for fleet in self.fleets)

    async def more(self, turns: int, patience: float = PATIENCE) -> None:
        """Wait until so many further turns were acknowledged: the learners can talk."""
        wanted = self.acknowledged + turns
        async with asyncio.timeout(patience):
            while self.acknowledged < wanted:
                self.require_running()
                await asyncio.sleep(0.05)

    def require_running(self) -> None:
        """Fails when a fleet has ended: nobody would talk any more."""
        for fleet in self.fleets:
            fleet.require_running()

    async def judged(self, *, patience: float = PATIENCE, replay_every: int = 1) -> Verdict:
        """Heal, settle, and check."""
        await self.cluster.heal()
        await asyncio.gather(*(fleet.settle(patience) for fleet in self.fleets))
        checker = Checker(self.cluster, [fleet.journal for fleet in self.fleets])
        return await checker.check(replay_every=replay_every)

    async def settled(self) -> Verdict:
        """``judged``, and fails when a promise was broken."""
        return (await self.judged()).require()


@asynccontextmanager
async def under_load(
    cluster: Cluster,
    *,
    learners: int = 16,
    rate: float = 100.0,
    seed: int = 0,
    fleets: int = 1,
    habits: Habits | None = None,
) -> AsyncIterator[Load]:
    """Learners talk for as long as the block runs; they have begun when it begins. ``learners`` and ``rate`` (turns a
    second) are those of all fleets together."""
    dice = random.Random(seed)
    cluster.publish()
    orders = [
        Orders(
            name=f"fleet-{cluster.next_number()}",
            learners=max(1, learners // fleets),
            rate=rate / fleets,
            seed=dice.getrandbits(32),
            habits=habits or Habits(),
        )
        for _ in range(fleets)
    ]
    load = Load(cluster, [FleetProcess(cluster.folder, order) for order in orders])
    try:
        await load.more(learners)
        yield load
    finally:
        for fleet in load.fleets:
            fleet.kill()


# --- faults ------------------------------------------------------------------------------------------------------


class Deaths:
    """Every server dies by SIGKILL about every ``seconds``, each by itself, and is started again at once: sometimes
    none is down, sometimes several are, rarely all."""

    def __init__(self, cluster: Cluster, dice: random.Random, wanted: int, seconds: float) -> None:
        self._cluster = cluster
        self._dice = dice
        self._wanted = wanted
        self._seconds = seconds
        self.done = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as dying:
            for node in self._cluster.nodes:
                dying.create_task(self._die(node))

    async def _die(self, node: Node) -> None:
        while True:
            await asyncio.sleep(min(self._dice.expovariate(1 / self._seconds), 3 * self._seconds))
            while self._cluster.alive < 2 and self._dice.random() > LAST_ONE_DIES:
                await asyncio.sleep(0.5)
            if self.done >= self._wanted:
                return
            self.done += 1
            await self._cluster.kill(node)


async def crashes(load: Load, dice: random.Random, wanted: int, seconds: float) -> list[float]:
    """PostgreSQL crashes about every ``seconds``, in every way in turn; seconds that each recovery took."""
    took = []
    for number in range(wanted):
        await asyncio.sleep(dice.uniform(0.5, 1.5) * seconds)
        load.require_running()
        took.append(await load.cluster.crash_postgres(CRASHES[number % len(CRASHES)], dice))
    return took


async def kills_and_crashes(
    load: Load, dice: random.Random, *, kills: int, crashed: int, kill_seconds: float, crash_seconds: float
) -> list[float]:
    """Both at once, until both are done; the recoveries of PostgreSQL in seconds."""
    deaths = Deaths(load.cluster, dice, kills, kill_seconds)
    _, took = await asyncio.gather(deaths.run(), crashes(load, dice, crashed, crash_seconds))
    assert deaths.done == kills
    return took


async def until(load: Load, turns: int, patience: float) -> None:
    """Wait until the fleets have so many turns acknowledged in all."""
    deadline = time.monotonic() + patience
    while (now := load.acknowledged) < turns:
        assert time.monotonic() < deadline, f"{now} of {turns} turns were acknowledged in time"
        load.require_running()
        await asyncio.sleep(0.2)


async def valkey_faults(load: Load, dice: random.Random, *, rounds: int, seconds: float) -> None:
    """Each round: Valkey is erased, stands still, and is killed, about ``seconds`` apart and for as long."""
    for _ in range(rounds):
        faults: list[Callable[[], Awaitable[None]]] = [
            load.cluster.erase_valkey,
            partial(load.cluster.pause_valkey, dice.uniform(0.5, 2) * seconds),
            partial(load.cluster.kill_valkey, dice.uniform(0.5, 2) * seconds),
        ]
        for fault in dice.sample(faults, len(faults)):
            await asyncio.sleep(dice.uniform(0.5, 1.5) * seconds)
            await fault()
