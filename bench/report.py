"""The figures as Markdown and as JSON."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.machine import Machine
from bench.measures import Finalizing, Idle, Resume, Stretch
from bench.plan import Latency
from bench.soak import Soak
from bench.throughput import Run, best, cost, peak, ratio, select

RESULTS = Path(__file__).with_name("results")
PEERS = {
    "ceiling": "the ceiling (a)",
    "orm": "FastAPI, SQLAlchemy's ORM, a commit per turn (b)",
    "node": "Node, `ws` and `pg`, a transaction per turn (c)",
    "nodeone": "Node, all of a turn in one statement (c')",
}


class Work(msgspec.Struct, frozen=True):
    """What a turn is, for every candidate: means over the recorded lines."""

    lines: int
    events_per_turn: float
    bytes_per_turn: float


class Report(msgspec.Struct, kw_only=True):
    """Everything that was measured; a part that was not is empty or None."""

    at: str = msgspec.field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    machine: Machine
    work: Work
    runs: list[Run] = []
    half: list[Run] = []
    idle: Idle | None = None
    late: list[Stretch] = []
    finalizing: list[Finalizing] = []
    resuming: list[Resume] = []
    soak: Soak | None = None


def save(report: Report, name: str) -> Path:
    """Write ``results/<name>.json`` and ``.md``; the path of the latter."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    path.write_text(markdown(report))
    return path


def markdown(report: Report) -> str:
    parts = [f"# Benchmark, {report.at}", "", *_machine(report)]
    if report.runs:
        parts += ["", "## Turns, closed loop", "", *_throughput(report.runs), "", *_ratios(report.runs)]
    if report.half:
        parts += ["", "## Latency at half the peak, open loop", "", *_half(report.half)]
    if report.idle is not None:
        parts += ["", "## An idle connection", "", *_idle(report.idle)]
    if report.late:
        parts += ["", "## A turn early and late in a session", "", *_late(report.late)]
    if report.finalizing:
        parts += ["", "## The end of a session", "", *_finalizing(report.finalizing)]
    if report.resuming:
        parts += ["", "## Coming back", "", *_resuming(report.resuming)]
    if report.soak is not None:
        parts += ["", "## A long run", "", *_soak(report.soak)]
    return "\n".join(parts) + "\n"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _machine(report: Report) -> list[str]:
    machine, work = report.machine, report.work
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    postgres = ", ".join(f"{name} {value}" for name, value in machine.postgres.items() if name != "server_version")
    return [
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB; Linux {machine.kernel}, "
        f"{machine.file_system}; Python {machine.python}; Node {machine.node}; "
        f"PostgreSQL {machine.postgres['server_version']} ({postgres}); {packages}. "
        f"Load average before: {machine.load_before}.",
        "",
        "Server, PostgreSQL and the load generator share these cores. Every candidate does the same work: one token "
        "at the connect, then per turn the turn's row and its events are stored and the same frames are sent "
        f"({work.lines} lines, {work.events_per_turn:.2f} events and {work.bytes_per_turn:,.0f} bytes of events a "
        "turn). Ours scores every turn and extracts memory, fences, and keeps the session's head; the peers' scorer "
        "is a stub that costs nothing: the answer that ours gave to the same line, looked up by its text; they have "
        "no head, no idempotency and no other feature. A turn counts when its acknowledgement and then its score "
        "came. Each run has a fresh database, warmed up and analysed. What was acknowledged is compared with what "
        "is stored. *Others* is what else worked on the machine meanwhile.",
    ]


def _throughput(runs: list[Run]) -> list[str]:
    names = dict.fromkeys(run.candidate for run in runs)
    rows = [_row(select(runs, name, sockets)) for sockets in sorted({run.sockets for run in runs}) for name in names]
    head = ["candidate", "processes", "sockets", "turns/s", "lowest to highest", *_LATENCIES]
    return table([*head, *_CPU, "others, CPU s", "errors"], rows)


_LATENCIES = ["ack p50 ms", "ack p99 ms", "score p99 ms"]
_CPU = ["server µs/turn", "PostgreSQL µs/turn", "generator µs/turn"]


def _row(runs: list[Run]) -> list[str]:
    first = runs[0]
    rates = sorted(run.outcome.turns_per_second for run in runs)
    return [
        first.title,
        str(first.processes),
        str(first.sockets),
        f"**{_median(rates):,.0f}**",
        f"{rates[0]:,.0f} to {rates[-1]:,.0f}",
        *_latencies(runs),
        *(_per_turn(runs, name) for name in ("server", "postgres", "generator")),
        f"{_median([run.outcome.cpu.get('others', 0.0) for run in runs]):.1f}",
        _errors([run.outcome.errors for run in runs]),
    ]


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _latencies(runs: list[Run]) -> list[str]:
    return [
        f"{_median([run.outcome.acknowledgement.p50 for run in runs]):.1f}",
        f"{_median([run.outcome.acknowledgement.p99 for run in runs]):.1f}",
        f"{_median([run.outcome.score.p99 for run in runs]):.1f}",
    ]


def _per_turn(runs: list[Run], name: str) -> str:
    found = [run.outcome.cpu[name] / run.outcome.turns * 1e6 for run in runs if run.outcome.turns]
    return f"{_median(found):.0f}" if found else "-"


def _errors(all_errors: list[dict[str, int]]) -> str:
    total: dict[str, int] = {}
    for errors in all_errors:
        for kind, number in errors.items():
            total[kind] = total.get(kind, 0) + number
    return ", ".join(f"{kind}: {number}" for kind, number in total.items()) or "0"


def _ratios(runs: list[Run]) -> list[str]:
    """Ours against the peers, each with the number of processes that is best for it, within the rounds."""
    rows = []
    for sockets in sorted({run.sockets for run in runs}):
        mine = best(runs, "ours", sockets)
        if mine is None:
            continue
        for family, said in PEERS.items():
            for other in dict.fromkeys([best(runs, family, sockets), f"{family}-1"]):
                found = None if other is None else ratio(runs, mine, other, sockets)
                if other is not None and found is not None:
                    rows.append(
                        [
                            f"ours ({_processes(mine)}) / {said} ({_processes(other)})",
                            str(sockets),
                            f"**{found:.2f}**",
                            f"{peak(runs, mine, sockets):,.0f} / {peak(runs, other, sockets):,.0f}",
                            f"{cost(runs, mine, sockets):.0f} / {cost(runs, other, sockets):.0f}",
                        ]
                    )
    said_first = (
        "Medians of the ratios within a round; each side with the number of processes that is best for it (and "
    )
    return [
        said_first + "against the peer with one process, if another number is better for it).",
        "",
        *table(["ratio", "sockets", "median", "medians, turns/s", "CPU of server and PostgreSQL, µs a turn"], rows),
    ]


def _processes(name: str) -> str:
    number = name.rpartition("-")[2]
    return "1 process" if number == "1" else f"{number} processes"


def _half(runs: list[Run]) -> list[str]:
    rows = []
    for sockets in sorted({run.sockets for run in runs}):
        for name in dict.fromkeys(run.candidate for run in runs):
            found = select(runs, name, sockets)
            if found:
                asked = f"{found[0].rate or 0:,.0f}"
                rate = _median([run.outcome.turns_per_second for run in found])
                rows.append(
                    [
                        *(found[0].title, str(found[0].processes), str(sockets), asked, f"{rate:,.0f}"),
                        *_latencies(found),
                        f"{_median([run.outcome.cpu.get('others', 0.0) for run in found]):.1f}",
                        _errors([run.outcome.errors for run in found]),
                    ]
                )
    head = ["candidate", "processes", "sockets", "asked turns/s", "done turns/s", *_LATENCIES]
    return ["A turn's latency counts from when it was due.", "", *table([*head, "others, CPU s", "errors"], rows)]


_KERNEL = ["kernel objects, both ends, KiB", "TCP buffers, KiB"]


def _idle(idle: Idle) -> list[str]:
    return table(
        [
            "connections",
            "RSS a connection, KiB",
            "private, KiB",
            *_KERNEL,
            "CPU of a core",
            "errors",
        ],
        [
            [
                f"{idle.connections:,}",
                f"**{idle.rss_each:.1f}**",
                f"{idle.private_each:.1f}",
                f"{idle.slab_each:.1f}",
                f"{idle.buffers_each:.1f}",
                f"{idle.cpu_percent:.1f} % for all, over {idle.seconds:.0f} s",
                _errors([idle.errors]),
            ]
        ],
    )


def _wait(latency: Latency) -> list[str]:
    return [f"{latency.p50:.2f}", f"{latency.p99:.2f}", f"{latency.worst:.2f}"]


_WAIT = ["p50 ms", "p99 ms", "worst ms"]


def _late(stretches: list[Stretch]) -> list[str]:
    head = ["turns of a session", "measured", *_WAIT, "server CPU ms", "PostgreSQL CPU ms"]
    return table(
        head,
        [
            [
                *(f"{each.first} to {each.last}", str(each.turns), *_wait(each.acknowledgement)),
                *(f"{each.server_cpu:.3f}", f"{each.postgres_cpu:.3f}"),
            ]
            for each in stretches
        ],
    )


def _finalizing(measured: list[Finalizing]) -> list[str]:
    head = ["turns", "ends", *_WAIT, "server CPU ms", "PostgreSQL CPU ms", "ends/s, many at once"]
    return [
        "By REST, from the request to the summary; one at a time, and then as many at once.",
        "",
        *table(
            head,
            [
                [
                    *(str(each.turns), str(each.ends), *_wait(each.wait)),
                    *(f"{each.server_cpu:.2f}", f"{each.postgres_cpu:.2f}", f"{each.each_second:.0f}"),
                ]
                for each in measured
            ],
        ),
    ]


def _resuming(measured: list[Resume]) -> list[str]:
    return [
        "From the TCP connect to the last missed event.",
        "",
        *table(
            ["missed events", "at once", "resumes", *_WAIT],
            [[str(each.missed), str(each.together), str(each.resumes), *_wait(each.wait)] for each in measured],
        ),
    ]


def _soak(soak: Soak) -> list[str]:
    first, last = (soak.rss[0], soak.rss[-1]) if soak.rss else (0, 0)
    rows = [
        ["idle sockets", f"{soak.idle:,}"],
        ["talking sockets", f"{soak.talking:,}, {soak.rate:g} turns/s together"],
        ["minutes", f"{soak.minutes:g}"],
        ["turns", f"{soak.turns:,}"],
        ["acknowledgement p50, p99, worst", " / ".join(_wait(soak.acknowledgement)) + " ms"],
        ["CPU of a core", f"{soak.cpu_percent:.1f} %"],
        ["RSS first, last, highest", f"{first:,}, {last:,}, {max(soak.rss, default=0):,} KiB"],
        ["growth over the second half", f"{soak.growth:+,.1f} KiB a minute"],
        ["errors", _errors([soak.errors])],
    ]
    return table(["", ""], rows)
