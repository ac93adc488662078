"""The load generator: ``python -m bench.load``, a process of its own.

It reads a ``Plan`` (one line of JSON) from standard input, opens the connections, writes ``{"connected": n}``, waits
for a second line, talks, and writes an ``Outcome``. The same generator drives every candidate.
"""

import asyncio
import gc
import os
import resource
import sys
import time
from collections import deque

import msgspec
import uvloop

from bench.frames import Handshake
from bench.plan import Outcome, Plan, latency_of
from bench.proc import busy_seconds, family_cpu
from bench.talker import Talker, Tally

CONNECTING = 64  # handshakes under way at once
TICK = 0.001  # seconds between looks at what is due in an open loop
PORTS_AN_ADDRESS = 20_000  # connections from one loopback address before the next is taken


class Generator:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self.talkers: list[Talker] = []
        self._spares: deque[Talker] = deque()
        self._free: deque[Talker] = deque()
        self._due: deque[float] = deque()
        self._talking = False
        self._idlers: list[Talker] = []

    async def connect(self) -> int:
        """Open every connection of the plan; how many are open."""
        gate = asyncio.Semaphore(CONNECTING)
        made = await asyncio.gather(*(self._open(at, gate) for at in range(len(self.plan.tokens))))
        self.talkers = made[: self.plan.sockets]
        self._spares.extend(made[self.plan.sockets : self.plan.sockets + self.plan.spares])
        self._idlers = made[self.plan.sockets + self.plan.spares :]
        return len(made)

    async def _open(self, at: int, gate: asyncio.Semaphore) -> Talker:
        plan = self.plan
        place = plan.places[at % len(plan.places)]
        handshake = Handshake(place.host, place.port, plan.path, plan.tokens[at])
        source = (f"127.0.0.{1 + at // PORTS_AN_ADDRESS}", 0) if place.host == "127.0.0.1" else None
        async with gate:
            _, talker = await asyncio.get_running_loop().create_connection(
                lambda: Talker(self.tally, handshake, f"{plan.run}-{at}", at * 7, self._on_free),
                place.host,
                place.port,
                local_addr=source,
            )
            async with asyncio.timeout(plan.patience):
                await talker.ready
        return talker

    async def run(self) -> Outcome:
        """Warm up, measure, and wait for the turns under way."""
        plan, tally = self.plan, self.tally
        self._talking = True
        begin = time.perf_counter()
        tally.opens = begin + plan.warm_seconds
        tally.closes = tally.opens + plan.seconds
        pacer = None
        if plan.rate is None:
            for talker in self.talkers:
                talker.say()
        else:
            self._free.extend(self.talkers)
            pacer = asyncio.create_task(self._pace(plan.rate, begin))
        await asyncio.sleep(tally.opens - time.perf_counter())
        before = self._cpu()
        await asyncio.sleep(tally.closes - time.perf_counter())
        cpu = {name: round(spent - before[name], 3) for name, spent in self._cpu().items()}
        self._talking = False
        if pacer is not None:
            await pacer
        await self._settle()
        return self._outcome(cpu)

    def _outcome(self, cpu: dict[str, float]) -> Outcome:
        tally, plan = self.tally, self.plan
        return Outcome(
            turns=len(tally.scores),
            seconds=plan.seconds,
            turns_per_second=round(len(tally.scores) / plan.seconds, 1),
            acknowledgement=latency_of(tally.acknowledgements),
            score=latency_of(tally.scores),
            acknowledged_ever=tally.acknowledged_ever,
            bytes_received=tally.bytes_received,
            cpu=cpu,
            errors=dict(tally.errors),
        )

    def _on_free(self, talker: Talker) -> None:
        if talker.turns >= self.plan.turns_per_socket and self._spares:
            spare = self._spares.popleft()
            self.talkers[self.talkers.index(talker)] = spare
            talker.leave()
            talker = spare
        if not self._talking:
            return
        if self.plan.rate is None:
            talker.say()
        elif self._due:
            talker.say(self._due.popleft())
        else:
            self._free.append(talker)

    async def _pace(self, rate: float, begin: float) -> None:
        """Start turns when they are due, on sockets that are free; a turn that finds none waits, and its latency
        counts from when it was due."""
        started = 0
        while self._talking:
            due = int((time.perf_counter() - begin) * rate)
            for number in range(started, due):
                at = begin + number / rate
                while self._free and self._free[0].lost:
                    self._free.popleft()
                if self._free:
                    self._free.popleft().say(at)
                else:
                    self._due.append(at)
            started = due
            await asyncio.sleep(TICK)

    async def _settle(self) -> None:
        """Wait for what was asked; what is not answered in time is an error. Then close every connection."""
        deadline = time.perf_counter() + self.plan.patience
        while any(talker.busy for talker in self.talkers) and time.perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # an event set by every turn would cost the measured loop
        if self._due and self.plan.rate is not None:
            self.tally.errors["never started"] += len(self._due)
        for talker in [*self.talkers, *self._spares, *self._idlers]:
            talker.leave()
        await asyncio.sleep(0.1)  # let the closes out, and count the turns that were still under way

    def _cpu(self) -> dict[str, float]:
        spent = {name: family_cpu(pids) for name, pids in self.plan.watch.items()}
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent["generator"] = used.ru_utime + used.ru_stime
        return {**spent, "others": busy_seconds() - sum(spent.values())}


def raise_open_files() -> None:
    """As many open files as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _main() -> None:
    raise_open_files()
    loop = asyncio.get_running_loop()
    plan = msgspec.json.decode(await loop.run_in_executor(None, sys.stdin.buffer.readline), type=Plan)
    generator = Generator(plan)
    connected = await generator.connect()
    gc.collect()
    gc.disable()  # a turn leaves no cycles, and a collection would be measured as the server's latency
    _answer({"connected": connected})
    await loop.run_in_executor(None, sys.stdin.buffer.readline)
    _answer(await generator.run())


def _answer(value: object) -> None:
    os.write(1, msgspec.json.encode(value) + b"\n")


if __name__ == "__main__":
    uvloop.run(_main())
