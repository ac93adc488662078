"""``python -m bench``: the whole benchmark, a part of it, or the long run."""

import argparse
import sys
from pathlib import Path

import msgspec
import uvloop

from bench import measures, recording, report, throughput
from bench.candidates import (
    Candidate,
    ceiling,
    node,
    node_in_one,
    node_is_ready,
    node_version,
    orm,
    orm_is_ready,
    ours,
    ours_sampled,
    running,
)
from bench.drive import drive, warmed
from bench.load import raise_open_files
from bench.machine import machine
from bench.report import Report, Work
from bench.soak import soak
from bench.stage import Stage, stage

PARTS = ("turns", "half", "idle", "late", "finalizing", "resuming")


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured."""

    rounds: int = 3
    seconds: float = 5.0
    sockets: tuple[int, ...] = (64, 256)
    ours: tuple[int, ...] = (1, 2, 4)
    peers: tuple[int, ...] = (1, 2)
    half: tuple[str, ...] = ("ours", "node")
    idle: int = 5_000
    idle_seconds: float = 60.0
    late: int = 990  # a session has at most 1,000 turns
    lengths: tuple[int, ...] = (10, 50, 200)
    ends: int = 40
    resumes: int = 300


QUICK = Extent(
    rounds=1,
    seconds=2.0,
    sockets=(64,),
    ours=(1, 2),
    peers=(1,),
    half=("ours",),
    idle=500,
    idle_seconds=5.0,
    late=300,
    lengths=(10, 50),
    ends=10,
    resumes=50,
)


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    raise_open_files()  # the servers inherit it
    with stage(arguments.directory, arguments.patience) as ready:
        sys.exit(uvloop.run(arguments.run(ready, arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--directory", type=Path, help="where the database is made (its disk pays for each fsync)")
    parser.add_argument(
        "--patience", type=float, default=5.0, help="seconds to wait before each run for other work to end (5)"
    )
    parser.add_argument("--quick", action="store_true", help="a little of everything, in under two minutes")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (3)")
    parser.add_argument("--seconds", type=float, help="of each measured run (5)")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part; may be given again")
    parser.add_argument("--name", help="of the files in bench/results (latest)")
    parser.set_defaults(run=_whole)
    commands = parser.add_subparsers(metavar="command")
    long = commands.add_parser("soak", help="many idle sockets and some that talk, for minutes")
    long.add_argument("--minutes", type=float, default=10.0)
    long.add_argument("--idle", type=int, default=5_000)
    long.add_argument("--talking", type=int, default=500)
    long.add_argument("--pause", type=float, default=4.0, help="seconds between two lines of a socket, on average")
    long.set_defaults(run=_soak)
    profile = commands.add_parser("profile", help="our server under load, sampled: where its CPU goes")
    profile.add_argument("out", type=Path)
    profile.add_argument("--sockets", type=int, default=64)
    profile.set_defaults(run=_profile)
    return parser


def tell(text: str) -> None:
    print(text, flush=True)


async def _whole(ready: Stage, arguments: argparse.Namespace) -> int:
    extent = QUICK if arguments.quick else Extent()
    if arguments.rounds:
        extent = msgspec.structs.replace(extent, rounds=arguments.rounds)
    if arguments.seconds:
        extent = msgspec.structs.replace(extent, seconds=arguments.seconds)
    parts = arguments.only or list(PARTS)
    made, candidates = await _prepared(ready, extent)
    if "turns" in parts or "half" in parts:
        await _turns(ready, made, candidates, extent, half="half" in parts)
    if "idle" in parts:
        made.idle = await measures.idle(ready, connections=extent.idle, seconds=extent.idle_seconds)
        tell(f"idle: {made.idle.rss_each} KiB of RSS a connection, kernel objects {made.idle.slab_each} KiB")
    if "late" in parts:
        made.late = await measures.late_turns(ready, talks=16, stretch=30, length=extent.late)
        tell(f"late turns: {[each.acknowledgement.p50 for each in made.late]} ms")
    if "finalizing" in parts:
        made.finalizing = await measures.finalizing(ready, lengths=list(extent.lengths), ends=extent.ends)
        tell(f"ends: {[(each.turns, each.wait.p50) for each in made.finalizing]} (turns, ms)")
    if "resuming" in parts:
        made.resuming = await measures.resuming(ready, missed=300, resumes=extent.resumes, together=[1, 16])
        tell(f"resumes: {[(each.together, each.wait.p99) for each in made.resuming]} (at once, p99 ms)")
    path = report.save(made, arguments.name or ("quick" if arguments.quick else "latest"))
    tell(f"\n{report.markdown(made)}\nwritten to {path}")
    return 1 if _failed(made) else 0


async def _prepared(ready: Stage, extent: Extent) -> tuple[Report, list[Candidate]]:
    """Record our answers for the peers, and choose who runs."""
    async with running(ours(1), ready) as server:
        token = (await server.tokens(1))[0]
        turns = await recording.record(f"ws{server.servers[0].url[4:]}{server.path}", token)
    recording.save(turns, ready.turns)
    missing = node_is_ready()
    peers = [ceiling]
    for make, said, why in (
        (orm, "FastAPI", orm_is_ready()),
        (node, "Node", missing),
        (node_in_one, "second Node", missing),
    ):
        if why is None:
            peers.append(make)
        else:
            tell(f"the {said} peer is left out: {why}")
    candidates: list[Candidate] = []
    for processes in sorted({*extent.ours, *extent.peers}):
        if processes in extent.peers:
            candidates += [make(processes) for make in peers]
        if processes in extent.ours:
            candidates.append(ours(processes))
    events = [event for turn in turns for event in turn.events]
    work = Work(len(turns), len(events) / len(turns), sum(event.size for event in events) / len(turns))
    return Report(machine=await machine(ready, missing or node_version()), work=work), candidates


async def _turns(ready: Stage, made: Report, candidates: list[Candidate], extent: Extent, *, half: bool) -> None:
    sockets = list(extent.sockets)
    made.runs = await throughput.rounds(
        ready, candidates, sockets, number=extent.rounds, seconds=extent.seconds, tell=tell
    )
    if not half:
        return
    by_name = {candidate.name: candidate for candidate in candidates}
    wanted = []
    for count in sockets:
        for family in extent.half:
            name = throughput.best(made.runs, family, count)
            if name is not None:
                wanted.append((by_name[name], count, throughput.peak(made.runs, name, count)))
    made.half = await throughput.half_peak(ready, wanted, number=extent.rounds, seconds=extent.seconds, tell=tell)


def _failed(made: Report) -> bool:
    """Whether anything that was measured of ours went wrong."""
    errors = [run.outcome.errors for run in [*made.runs, *made.half] if run.candidate.startswith("ours")]
    return any(errors) or (made.idle is not None and bool(made.idle.errors))


async def _soak(ready: Stage, arguments: argparse.Namespace) -> int:
    made, _ = await _prepared(ready, QUICK)
    made.soak = await soak(
        ready,
        minutes=arguments.minutes,
        idle=arguments.idle,
        talking=arguments.talking,
        pause=arguments.pause,
    )
    path = report.save(made, arguments.name or "soak")
    tell(f"\n{report.markdown(made)}\nwritten to {path}")
    return 1 if made.soak.errors else 0


async def _profile(ready: Stage, arguments: argparse.Namespace) -> int:
    out = arguments.out.resolve()
    async with running(ours_sampled(out), ready) as server:
        await warmed(server, ready, seconds=2.0, sockets=arguments.sockets)
        outcome = await drive(
            server,
            ready,
            connected=server.reset_samples,
            sockets=arguments.sockets,
            spares=arguments.sockets,
            seconds=arguments.seconds or 8.0,
        )
    tell(f"{outcome.turns_per_second} turns/s; the samples are in {out}")
    return 0
