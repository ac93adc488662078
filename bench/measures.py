"""What is measured of our server alone: idle connections, the cost of a late turn, the end, the resume."""

import asyncio
import time

import httpx
import msgspec

from bench.candidates import Running, ours, running
from bench.drive import analyse, drive
from bench.plan import Latency, Outcome, latency_of
from bench.proc import family, kernel_sockets, memory, precise_cpu_seconds, slab
from bench.speaking import Session, Speaker, resume, sessions
from bench.stage import Stage

SETTLING = 5.0  # seconds after the last connect until memory is read: replays and first leases are done
WARMING = 200  # connections opened and closed before: code paths, caches and pools are there


class Idle(msgspec.Struct, frozen=True):
    """Of ``connections`` authenticated sockets, each on an open session of its own, that say nothing.

    ``rss_before`` and ``rss_after`` in KiB; ``rss_each``, ``private_each`` KiB of the server's process a connection.
    Of the kernel, told apart, for both ends of a connection, as both are here: ``slab_each`` KiB of its objects and
    ``buffers_each`` KiB of TCP buffers. ``cpu_percent``: of one core, for all of them, pings, heartbeats and leases
    included, over ``seconds``.
    """

    connections: int
    rss_before: int
    rss_after: int
    rss_each: float
    private_each: float
    slab_each: float
    buffers_each: float
    cpu_percent: float
    seconds: float
    errors: dict[str, int]


class _Footprint(msgspec.Struct, frozen=True):
    """KiB: of the process, and of the kernel for the whole machine."""

    rss: int
    private: int
    slab: int
    buffers: int


def _footprint(pid: int) -> _Footprint:
    own = memory(pid)
    return _Footprint(own.rss, own.private, slab(), kernel_sockets().buffers)


async def idle(stage: Stage, *, connections: int, seconds: float) -> Idle:
    """Open the connections on a server that has served some before, and look at what they take."""
    async with running(ours(1), stage) as server:
        pid = server.pids[0]
        tokens = await server.tokens(connections)  # before anything is measured: signing up leaves its traces, too
        await drive(server, stage, sockets=0, idle=WARMING, warm_seconds=0, seconds=0.1, run="warm")
        await asyncio.sleep(SETTLING)
        before = _footprint(pid)
        holding = await _holding(server, stage, tokens, SETTLING + seconds + 1)
        await asyncio.sleep(SETTLING)
        after = _footprint(pid)
        spent = precise_cpu_seconds([pid])
        await asyncio.sleep(seconds)
        spent = precise_cpu_seconds([pid]) - spent
        outcome = await holding

    def each(name: str) -> float:
        return float(round((getattr(after, name) - getattr(before, name)) / connections, 2))

    return Idle(
        connections=connections,
        rss_before=before.rss,
        rss_after=after.rss,
        rss_each=each("rss"),
        private_each=each("private"),
        slab_each=each("slab"),
        buffers_each=each("buffers"),
        cpu_percent=round(100 * spent / seconds, 2),
        seconds=seconds,
        errors=outcome.errors,
    )


async def _holding(server: Running, stage: Stage, tokens: list[str], seconds: float) -> "asyncio.Task[Outcome]":
    """A generator that holds an idle connection for each token, all open now, for so long."""
    opened = asyncio.Event()
    holding = asyncio.create_task(
        drive(
            server,
            stage,
            connected=opened.set,
            sockets=0,
            tokens=tokens,
            idle=len(tokens),
            warm_seconds=0,
            seconds=seconds,
            patience=60,
        )
    )
    opening = asyncio.create_task(opened.wait())
    await asyncio.wait({holding, opening}, return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()
    if holding.done():
        await holding  # it failed, and this says how
    return holding


class Stretch(msgspec.Struct, frozen=True):
    """Turns ``first`` to ``last`` of sessions, said one at a time. Milliseconds; CPU a turn."""

    first: int
    last: int
    turns: int
    acknowledgement: Latency
    server_cpu: float
    postgres_cpu: float


async def late_turns(stage: Stage, *, talks: int, stretch: int, length: int) -> list[Stretch]:
    """The first ``stretch`` turns of ``talks`` sessions, and those before turn ``length``: after a warm-up with
    sessions of its own, one turn at a time over all, so that no turn waits for another."""
    async with running(ours(1), stage) as server:
        tokens = await server.tokens(2 * talks)
        warming = [await Speaker.connect(server, at, tokens[at]) for at in range(talks)]
        await _stretch(stage, server, warming, 1, stretch)
        await analyse(server)
        speakers = [await Speaker.connect(server, at, tokens[talks + at]) for at in range(talks)]
        early = await _stretch(stage, server, speakers, 1, stretch)
        await asyncio.gather(*(_say(speaker, length - 2 * stretch) for speaker in speakers))
        await analyse(server)
        late = await _stretch(stage, server, speakers, length - stretch + 1, length)
        for speaker in [*warming, *speakers]:
            speaker.talker.leave()
    return [early, late]


async def _say(speaker: Speaker, turns: int) -> None:
    for _ in range(turns):
        await speaker.say()


async def _stretch(stage: Stage, server: Running, speakers: list[Speaker], first: int, last: int) -> Stretch:
    waits = []
    database = family(stage.cluster.pid)
    before = precise_cpu_seconds(server.pids), precise_cpu_seconds(database)
    for _ in range(first, last + 1):
        waits += [await speaker.say() for speaker in speakers]
    after = precise_cpu_seconds(server.pids), precise_cpu_seconds(database)
    cpu = [round((now - then) / len(waits) * 1e3, 3) for now, then in zip(after, before, strict=True)]
    return Stretch(first, last, len(waits), latency_of(waits), server_cpu=cpu[0], postgres_cpu=cpu[1])


class Finalizing(msgspec.Struct, frozen=True):
    """Sessions of ``turns`` turns ended by REST, one at a time (``wait``: until the summary is there) and then many
    at once (``each_second``). Milliseconds; CPU an end."""

    turns: int
    ends: int
    wait: Latency
    server_cpu: float
    postgres_cpu: float
    each_second: float


async def finalizing(stage: Stage, *, lengths: list[int], ends: int) -> list[Finalizing]:
    """Of sessions of each length: half of ``ends`` one at a time, half at once."""
    found = []
    async with running(ours(1), stage) as server:
        await _ends(stage, server, await sessions(server, 4, 5))
        for turns in lengths:
            made = await sessions(server, 2 * ends, turns)
            await analyse(server)
            found.append(await _ends(stage, server, made))
    return found


async def _ends(stage: Stage, server: Running, made: list[Session]) -> Finalizing:
    alone, crowd = made[::2], made[1::2]
    async with httpx.AsyncClient(base_url=server.servers[0].url, timeout=60) as http:

        async def end(session: Session) -> float:
            begin = time.perf_counter()
            headers = {"Authorization": f"Bearer {session.token}"}
            answer = await http.post(f"/v1/sessions/{session.id}/end", headers=headers)
            answer.raise_for_status()
            return time.perf_counter() - begin

        database = family(stage.cluster.pid)
        before = precise_cpu_seconds(server.pids), precise_cpu_seconds(database)
        waits = [await end(session) for session in alone]
        after = precise_cpu_seconds(server.pids), precise_cpu_seconds(database)
        begin = time.perf_counter()
        await asyncio.gather(*(end(session) for session in crowd))
        rate = len(crowd) / (time.perf_counter() - begin)
    cpu = [round((now - then) / len(waits) * 1e3, 2) for now, then in zip(after, before, strict=True)]
    return Finalizing(made[0].turns, len(waits), latency_of(waits), cpu[0], cpu[1], round(rate, 1))


class Resume(msgspec.Struct, frozen=True):
    """Coming back to ``missed`` events, from the TCP connect to the last of them; ``together`` at once."""

    missed: int
    resumes: int
    together: int
    wait: Latency


async def resuming(stage: Stage, *, missed: int, resumes: int, together: list[int]) -> list[Resume]:
    """On an otherwise idle server, ``together`` clients at a time."""
    found = []
    async with running(ours(1), stage) as server:
        made = await sessions(server, max(together), missed // 3 + 1)
        heads = await _heads(server, made)
        await asyncio.gather(*(resume(server, s, heads[s.id] - missed, missed) for s in made))  # warm
        for crowd in together:
            waits: list[float] = []
            while len(waits) < resumes:
                some = made[:crowd]
                waits += await asyncio.gather(*(resume(server, s, heads[s.id] - missed, missed) for s in some))
            found.append(Resume(missed, len(waits), crowd, latency_of(waits)))
    return found


async def _heads(server: Running, made: list[Session]) -> dict[str, int]:
    """The head of each session. Raises ``ValueError`` when one has fewer events than are to be missed."""
    heads = {}
    async with httpx.AsyncClient(base_url=server.servers[0].url, timeout=30) as http:
        for session in made:
            headers = {"Authorization": f"Bearer {session.token}"}
            answer = await http.get(f"/v1/sessions/{session.id}/events", params={"after": 0}, headers=headers)
            answer.raise_for_status()
            heads[session.id] = int(answer.json()["headSeq"])
    return heads
