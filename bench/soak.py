"""The long run: many sockets that are idle and some that talk, for minutes; memory over time, and errors."""

import asyncio
import statistics
from functools import partial

import httpx
import msgspec

from bench.candidates import SIGNING_UP, Running, ours, running
from bench.drive import drive
from bench.plan import Latency
from bench.proc import memory
from bench.stage import Stage

SAMPLES = 60  # of the memory, over the run
SECRET_SECONDS = 600  # the longest time that a client secret may wait for its first connect


class Soak(msgspec.Struct, frozen=True):
    """``rss``: KiB of the server, every ``every`` seconds from the start of talking. ``growth``: KiB a minute over
    the second half (least squares). ``cpu_percent``: of one core."""

    minutes: float
    idle: int
    talking: int
    rate: float
    turns: int
    acknowledgement: Latency
    cpu_percent: float
    every: float
    rss: list[int]
    growth: float
    errors: dict[str, int]


async def soak(stage: Stage, *, minutes: float, idle: int, talking: int, pause: float) -> Soak:
    """``idle`` sockets that say nothing and ``talking`` ones that say a line every ``pause`` seconds on average, all
    with client secrets: a socket that was opened with one lives as long as its session."""
    every, rate = minutes * 60 / SAMPLES, talking / pause
    rss: list[int] = []
    sampling: list[asyncio.Task[None]] = []
    async with running(ours(1), stage) as server:

        def connected() -> None:
            sampling.append(asyncio.create_task(_sample(server.pids[0], every, rss)))

        outcome = await drive(
            msgspec.structs.replace(server, path="/v1/realtime", tokens=partial(_secrets, server)),
            stage,
            connected=connected,
            sockets=talking,
            idle=idle,
            rate=rate,
            warm_seconds=1,
            seconds=minutes * 60,
            patience=60,
        )
        for task in sampling:
            task.cancel()
    half = rss[len(rss) // 2 :]
    slope = statistics.linear_regression(range(len(half)), half).slope if len(half) > 1 else 0.0
    return Soak(
        minutes=minutes,
        idle=idle,
        talking=talking,
        rate=rate,
        turns=outcome.turns,
        acknowledgement=outcome.acknowledgement,
        cpu_percent=round(100 * outcome.cpu["server"] / outcome.seconds, 1),
        every=every,
        rss=rss,
        growth=round(slope * 60 / every, 1),
        errors=outcome.errors,
    )


async def _sample(pid: int, every: float, into: list[int]) -> None:
    while True:
        into.append(memory(pid).rss)
        await asyncio.sleep(every)


async def _secrets(server: Running, number: int) -> list[str]:
    """Client secrets of so many new guests."""
    tokens = await server.tokens(number)
    session = {"type": "realtime", "model": server.path.partition("model=")[2]}
    body = {"expires_after": {"anchor": "created_at", "seconds": SECRET_SECONDS}, "session": session}
    gate = asyncio.Semaphore(SIGNING_UP)
    async with httpx.AsyncClient(base_url=server.servers[0].url, timeout=60) as http:

        async def one(token: str) -> str:
            async with gate:
                headers = {"Authorization": f"Bearer {token}"}
                answer = await http.post("/v1/realtime/client_secrets", json=body, headers=headers)
            answer.raise_for_status()
            return str(answer.json()["value"])

        return await asyncio.gather(*(one(token) for token in tokens))
