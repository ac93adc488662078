"""A process of many learners, and its handle.

``python -m tests.adversity.fleet <folder> <orders>`` plays until SIGTERM; then it *settles*: no new turn, every
unacknowledged one sent until it is answered, every session ended and its summary read; then it exits with 0. Orders
are JSON (``Orders``). It reads ``<folder>/nodes``, appends ``<folder>/<name>.journal`` and keeps the figures of
``<folder>/<name>.figures`` fresh.
"""

import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import uvloop

from tests.adversity.journal import Journal
from tests.adversity.learner import Learner
from tests.adversity.wires import REQUEST_SECONDS, Nodes, Transport
from tests.adversity.world import Habits, World
from tests.support import ROOT

FIGURES_SECONDS = 0.25


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """``rate``: turns a second of the whole process. ``seed``: of everything that it chooses."""

    name: str
    learners: int
    rate: float
    seed: int
    habits: Habits = msgspec.field(default_factory=Habits)


class Figures(msgspec.Struct, frozen=True):
    """``counts``: by name since the start. Latencies: milliseconds from first sending to acknowledgement, of the
    turns since the figures before. ``slowest_end``: seconds from asking to the summary, and the session."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)
    violations: int = 0
    median_ms: float = 0.0
    worst_ms: float = 0.0
    slowest_end: tuple[float, str] = (0.0, "")

    @property
    def acknowledged(self) -> int:
        return self.counts.get("acknowledged", 0)


class Pace:
    """Gives turns their places in time, ``rate`` a second; what was not used is not made up for."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate
        self._next = 0.0

    async def __call__(self) -> None:
        now = time.monotonic()
        self._next = max(self._next + self._gap, now)
        if self._next > now:
            await asyncio.sleep(self._next - now)


async def _play(folder: Path, orders: Orders) -> None:
    journal = Journal(folder / f"{orders.name}.journal")
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=40, keepalive_expiry=2)
    async with httpx.AsyncClient(timeout=REQUEST_SECONDS, transport=Transport(limits=limits)) as http:
        world = World(
            nodes=Nodes(folder / "nodes"),
            journal=journal,
            http=http,
            habits=orders.habits,
            dice=random.Random(orders.seed),
            turn_allowed=Pace(orders.rate),
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: setattr(world, "settling", True))
        telling = asyncio.create_task(_tell(folder / f"{orders.name}.figures", world))
        async with asyncio.TaskGroup() as places:
            for _ in range(orders.learners):
                places.create_task(_place(world))
        telling.cancel()
        _write_figures(folder / f"{orders.name}.figures", world)
    journal.close()


async def _place(world: World) -> None:
    """One learner after the other."""
    await asyncio.sleep(world.dice.uniform(0, 1))
    while not world.settling:
        await (await Learner.guest(world)).live()
        world.count("learners")


async def _tell(path: Path, world: World) -> None:
    """Keep the figures fresh, and end when the harness is gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(FIGURES_SECONDS)
        _write_figures(path, world)
    os._exit(1)


def _write_figures(path: Path, world: World) -> None:
    seen = world.latencies
    figures = Figures(
        dict(sorted(world.counts.items())),
        world.journal.violations,
        round(statistics.median(seen) * 1000, 1) if seen else 0.0,
        round(max(seen) * 1000, 1) if seen else 0.0,
        world.slowest_end,
    )
    seen.clear()
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(figures))
    draft.replace(path)


class FleetProcess:
    """A fleet in a process of its own."""

    def __init__(self, folder: Path, orders: Orders) -> None:
        self._folder = folder
        self._orders = orders
        self.log = folder / f"{orders.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.adversity.fleet", str(folder), msgspec.json.encode(orders).decode()],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    @property
    def journal(self) -> Path:
        return self._folder / f"{self._orders.name}.journal"

    @property
    def figures(self) -> Figures:
        try:
            return msgspec.json.decode((self._folder / f"{self._orders.name}.figures").read_bytes(), type=Figures)
        except FileNotFoundError:
            return Figures()

    def require_running(self) -> None:
        assert self.process.poll() is None, f"the fleet ended: {self.log.read_text()[-2000:]}"

    async def settle(self, patience: float = 60.0) -> Figures:
        """Have everything brought to its end; the last figures. Fails when something can't be settled."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.to_thread(self.process.wait, patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the fleet could not settle in {patience} s: {self.figures}") from None
        assert code == 0, f"the fleet failed: {self.log.read_text()[-2000:]}"
        return self.figures

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


if __name__ == "__main__":
    uvloop.run(_play(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Orders)))
