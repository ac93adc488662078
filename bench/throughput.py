"""Turns per second and latencies of every candidate, side by side in interleaved rounds.

A round runs each candidate once, in the same order, on a fresh database. Ratios are computed within a round, so that
a machine that is slower for a while is slower for both sides; what is reported is the median over the rounds.
"""

import statistics
from collections.abc import Callable, Iterable

import msgspec

from bench.candidates import Candidate, running
from bench.drive import drive, warmed
from bench.plan import Outcome
from bench.proc import load_average
from bench.stage import Stage


class Run(msgspec.Struct, frozen=True):
    """One candidate once. ``rate``: None in a closed loop, else the turns a second that were asked for. ``load``:
    the machine's load average before it."""

    round: int
    candidate: str
    title: str
    processes: int
    sockets: int
    rate: float | None
    load: float
    outcome: Outcome


Tell = Callable[[str], None]


async def rounds(
    stage: Stage, candidates: list[Candidate], sockets: list[int], *, number: int, seconds: float, tell: Tell
) -> list[Run]:
    """Closed loops: how much each candidate can do."""
    made = []
    for round_ in range(1, number + 1):
        for candidate in candidates:
            async with running(candidate, stage) as started:
                await warmed(started, stage, seconds=1.0, sockets=min(sockets))
                for count in sockets:
                    load = load_average()
                    outcome = await drive(
                        started, stage, sockets=count, spares=count, seconds=seconds, run=f"{round_}-{count}"
                    )
                    made.append(_run(round_, candidate, count, None, load, outcome))
                    tell(_line(made[-1]))
    return made


async def half_peak(
    stage: Stage, wanted: Iterable[tuple[Candidate, int, float]], *, number: int, seconds: float, tell: Tell
) -> list[Run]:
    """Open loops: the latency of (candidate, sockets) at half of its median peak, which is given."""
    made = []
    some = list(wanted)
    for round_ in range(1, number + 1):
        for candidate, count, peak in some:
            async with running(candidate, stage) as started:
                await warmed(started, stage, seconds=1.0, sockets=count)
                load, rate = load_average(), round(peak / 2, 1)
                outcome = await drive(
                    started, stage, sockets=count, spares=count, seconds=seconds, rate=rate, run=f"half-{round_}"
                )
                made.append(_run(round_, candidate, count, rate, load, outcome))
                tell(_line(made[-1]))
    return made


def _run(round_: int, candidate: Candidate, sockets: int, rate: float | None, load: float, outcome: Outcome) -> Run:
    return Run(round_, candidate.name, candidate.title, candidate.processes, sockets, rate, round(load, 2), outcome)


def _line(run: Run) -> str:
    outcome = run.outcome
    asked = "" if run.rate is None else f" of {run.rate:g} asked"
    errors = f"  errors {outcome.errors}" if outcome.errors else ""
    return (
        f"round {run.round}  {run.candidate:10} {run.sockets:4} sockets"
        f"  {outcome.turns_per_second:9.1f} turns/s{asked}"
        f"  ack p50 {outcome.acknowledgement.p50:.1f} p99 {outcome.acknowledgement.p99:.1f} ms"
        f"  others {outcome.cpu.get('others', 0.0):.1f} CPU s{errors}"
    )


def select(runs: Iterable[Run], candidate: str, sockets: int) -> list[Run]:
    return [run for run in runs if run.candidate == candidate and run.sockets == sockets]


def peak(runs: list[Run], candidate: str, sockets: int) -> float:
    """The median of its turns a second; 0 when it did not run."""
    found = [run.outcome.turns_per_second for run in select(runs, candidate, sockets)]
    return statistics.median(found) if found else 0.0


def cost(runs: list[Run], candidate: str, sockets: int) -> float:
    """Microseconds of CPU a turn, of the server's processes and PostgreSQL's together (median). Other work on the
    machine hardly changes it, so it tells candidates apart where turns a second do not."""
    found = [
        (run.outcome.cpu["server"] + run.outcome.cpu["postgres"]) / run.outcome.turns * 1e6
        for run in select(runs, candidate, sockets)
        if run.outcome.turns
    ]
    return statistics.median(found) if found else 0.0


def best(runs: list[Run], family: str, sockets: int) -> str | None:
    """The number of processes that is best for a family of candidates (``ours``, ``orm`` ...), by median."""
    names = {run.candidate for run in runs if run.candidate.split("-")[0] == family and run.sockets == sockets}
    return max(names, key=lambda name: peak(runs, name, sockets)) if names else None


def ratio(runs: list[Run], candidate: str, other: str, sockets: int) -> float | None:
    """The median over the rounds of candidate / other within a round."""
    ours = {run.round: run.outcome.turns_per_second for run in select(runs, candidate, sockets)}
    theirs = {run.round: run.outcome.turns_per_second for run in select(runs, other, sockets)}
    found = [ours[round_] / theirs[round_] for round_ in ours.keys() & theirs.keys() if theirs[round_]]
    return round(statistics.median(found), 3) if found else None
