"""The long form of the fault tests: ``python -m tests.adversity.chaos``, about an hour on two cores.

``--part`` chooses (several times for several): ``kills`` (server processes killed and PostgreSQL crashed under load),
``rolling`` (restarts of all servers, one after the other), ``finalizers`` (16 at once for each session), ``cuts``
(connections cut at any point), ``valkey`` (erased, paused, killed). Each part has a cluster of four servers of its
own, prints what it did, and fails with what the checker found. The seed is printed; the same one draws the same
moments, as far as the machine plays along.
"""

import argparse
import asyncio
import random
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from storage.database import POOL_SIZE
from tests.adversity.campaign import Load, kills_and_crashes, under_load, until, valkey_faults
from tests.adversity.checker import Checker, Verdict
from tests.adversity.cluster import Cluster
from tests.adversity.duels import Duels
from tests.adversity.torn import cut_many, owners_of
from tests.adversity.world import Habits

SERVERS = 4
CALLERS = 16
SETTLE_SECONDS = 180.0
OWN_CONNECTIONS = 6  # of a server beside its pool
PROGRESS_SECONDS = 15.0
BUSY = Habits(window=6, turns=30.0, follow=0.1)


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything. ``rate``: turns a second that the fleets try; ``fleets``: their processes."""

    kills: int
    crashes: int
    turns: int
    rollings: int
    sessions: int
    cuts: int
    rounds: int
    learners: int
    rate: float
    fleets: int
    kill_seconds: float
    replay_every: int


class Result(msgspec.Struct):
    """A part's line in the table."""

    part: str
    seconds: float
    did: str
    verdict: Verdict


Part = Callable[[Cluster, Scale, int], Awaitable[tuple[str, Verdict]]]


async def kills(cluster: Cluster, scale: Scale, seed: int) -> tuple[str, Verdict]:
    dice = random.Random(seed)
    async with _load(cluster, scale, seed, "kills") as load:
        # As long as the kills take, the crashes are spread over.
        spread = scale.kills * scale.kill_seconds / SERVERS / max(1, scale.crashes) * 0.8
        took = await kills_and_crashes(
            load,
            dice,
            kills=scale.kills,
            crashed=scale.crashes,
            kill_seconds=scale.kill_seconds,
            crash_seconds=spread,
        )
        await until(load, scale.turns, patience=3_600)
        verdict = await load.judged(patience=SETTLE_SECONDS, replay_every=scale.replay_every)
    slowest = max(took, default=0.0)
    return f"{scale.kills} kills, {len(took)} crashes (slowest recovery {slowest:.1f} s)", verdict


async def rolling(cluster: Cluster, scale: Scale, seed: int) -> tuple[str, Verdict]:
    # What a drain does to sockets is asked here, not what the machine can carry.
    gentle = msgspec.structs.replace(scale, rate=min(scale.rate, 100.0))
    async with _load(cluster, gentle, seed, "rolling") as load:
        for _ in range(scale.rollings):
            await cluster.restart_rolling()
        moved = load.count("closed 1012")
        verdict = await load.judged(patience=SETTLE_SECONDS, replay_every=scale.replay_every)
    return f"{scale.rollings} x {SERVERS} restarts, {moved} sockets moved", verdict


async def finalizers(cluster: Cluster, scale: Scale, seed: int) -> tuple[str, Verdict]:
    journal = cluster.folder / "duels.journal"
    async with Duels(cluster, journal, seed) as duels:
        await duels.finalizers(scale.sessions, CALLERS)
    verdict = await Checker(cluster, [journal]).check(replay_every=scale.replay_every)
    return f"{CALLERS} x {scale.sessions} finalizers", verdict


async def cuts(cluster: Cluster, scale: Scale, seed: int) -> tuple[str, Verdict]:
    dice = random.Random(seed)
    async with _load(cluster, msgspec.structs.replace(scale, learners=12, rate=30.0, fleets=1), seed, "cuts") as load:
        owners = await owners_of(cluster.nodes[0].url, dice, 60)
        torn = await cut_many([node.port for node in cluster.nodes], owners, dice, scale.cuts, at_once=24)
        found = [*torn.foreign, *await _left_behind(cluster)]
        verdict = await load.judged(patience=SETTLE_SECONDS, replay_every=scale.replay_every)
    verdict.wrong += found
    return f"{torn.cuts} cuts, {torn.received / 1e6:.1f} MB received", verdict


async def _left_behind(cluster: Cluster) -> list[str]:
    """Connections to PostgreSQL that cut sockets have left."""
    await asyncio.sleep(3)  # for what was under way when the last one was cut
    wrong = []
    async with cluster.database() as database:
        found = await database.fetch(
            """SELECT state, count(*) AS count, max(now() - state_change) AS since FROM pg_stat_activity
               WHERE application_name LIKE 'socialgym%' GROUP BY state"""
        )
    for record in found:
        if record["state"].startswith("idle in transaction") and record["since"].total_seconds() > 2:
            wrong.append(f"transactions left open: {dict(record)}")
    held = sum(record["count"] for record in found)
    if held > SERVERS * (POOL_SIZE + OWN_CONNECTIONS):
        wrong.append(f"{held} connections to PostgreSQL")
    return wrong


async def valkey(cluster: Cluster, scale: Scale, seed: int) -> tuple[str, Verdict]:
    async with _load(cluster, scale, seed, "valkey", Habits(window=4, follow=0.5)) as load:
        await valkey_faults(load, random.Random(seed), rounds=scale.rounds, seconds=2.0)
        await load.more(500)
        verdict = await load.judged(patience=SETTLE_SECONDS, replay_every=scale.replay_every)
    return f"{scale.rounds} x erased, paused, killed", verdict


PARTS: dict[str, Part] = {
    "kills": kills,
    "rolling": rolling,
    "finalizers": finalizers,
    "cuts": cuts,
    "valkey": valkey,
}


# --- running -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _load(cluster: Cluster, scale: Scale, seed: int, name: str, habits: Habits = BUSY) -> AsyncIterator[Load]:
    """``under_load`` at this scale, with a line of figures from time to time."""

    async def tell() -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            spent = time.monotonic() - began
            violations = sum(fleet.figures.violations for fleet in load.fleets)
            print(f"  {name}: {spent:.0f} s, {load.acknowledged} acknowledged, {violations} wrong", flush=True)

    async with under_load(
        cluster, learners=scale.learners, rate=scale.rate, seed=seed, fleets=scale.fleets, habits=habits
    ) as load:
        telling = asyncio.create_task(tell())
        try:
            yield load
        finally:
            telling.cancel()


async def _run(name: str, scale: Scale, seed: int) -> Result:
    print(f"{name}: seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix=f"socialgym-chaos-{name}-"))
    folder.chmod(0o711)  # PostgreSQL runs as another account when we are root
    began = time.monotonic()
    try:
        async with Cluster(folder, SERVERS) as cluster:
            did, verdict = await PARTS[name](cluster, scale, seed)
    except Exception:
        print(f"  what it left is in {folder}", flush=True)
        traceback.print_exc()
        return Result(name, time.monotonic() - began, "failed", Verdict(wrong=["see above"]))
    if verdict.wrong:
        print(f"  what it left is in {folder}", *verdict.wrong[:20], sep="\n  ", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(name, time.monotonic() - began, did, verdict)


def _table(results: list[Result]) -> str:
    head = (
        "part",
        "seconds",
        "sessions",
        "acknowledged",
        "lost",
        "doubled",
        "drift",
        "slowest end s",
        "replayed",
        "",
    )
    rows = [
        (
            result.part,
            f"{result.seconds:.0f}",
            *map(str, (result.verdict.sessions, result.verdict.acknowledged, result.verdict.lost)),
            *map(str, (result.verdict.doubled, result.verdict.drift)),
            f"{result.verdict.slowest_finalization:.2f}",
            str(result.verdict.replayed),
            f"{result.did}{'' if not result.verdict.wrong else f'; {len(result.verdict.wrong)} WRONG'}",
        )
        for result in results
    ]
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows))
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="The long form of the fault tests.")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this one (may be said again)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    for name, default, about in (
        ("kills", 200, "SIGKILLs of server processes"),
        ("crashes", 20, "crashes of PostgreSQL among them"),
        ("turns", 100_000, "acknowledged turns, at least, in the part with kills"),
        ("rollings", 50, "rolling restarts of all servers"),
        ("sessions", 2_000, "sessions that 16 finalizers end at once"),
        ("cuts", 20_000, "connections cut at any point"),
        ("rounds", 12, "of Valkey erased, paused and killed"),
        ("learners", 64, "that talk meanwhile"),
        ("fleets", 1, "processes that they are in"),
        ("replay-every", 1, "which sessions are read again over REST and a socket afterwards"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=about)
    parser.add_argument("--rate", type=float, default=250.0, help="turns a second that they try")
    parser.add_argument("--kill-seconds", type=float, default=9.0, help="about how long each server lives")
    return parser.parse_args()


async def main() -> int:
    """0 when every promise was kept."""
    given = vars(_arguments())
    parts, seed = given.pop("part") or list(PARTS), given.pop("seed")
    scale = msgspec.convert(given, Scale)
    results = []
    for name in parts:
        results.append(await _run(name, scale, seed))
        print(_table(results[-1:]), flush=True)
    print(f"\n{_table(results)}\nseed {seed}")
    return 1 if any(result.verdict.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
