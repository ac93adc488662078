"""Running the load generator against a started candidate."""

from collections.abc import Callable

import asyncpg
import msgspec

from bench.candidates import Running
from bench.database import count
from bench.plan import Outcome, Place, Plan
from bench.proc import calm
from bench.servers import python_process
from bench.stage import Stage


class GeneratorError(Exception):
    """The generator ended without an answer; what it wrote on standard error is above this."""


async def drive(
    running: Running, stage: Stage, *, connected: Callable[[], None] | None = None, **plan: object
) -> Outcome:
    """Run the generator on ``plan`` (fields of ``Plan``; without tokens: those of new users).

    ``connected`` is called when every connection is open, before anything is said. What was acknowledged is compared
    with what is stored: a difference is the error ``stored minus acknowledged`` (below zero: turns were lost).
    """
    wanted = sum(int(str(plan.get(name, 0))) for name in ("sockets", "spares", "idle"))
    whole = msgspec.convert(
        {
            "places": [Place("127.0.0.1", server.port) for server in running.servers],
            "path": running.path,
            "tokens": plan.get("tokens") or await running.tokens(wanted),
            "watch": {"server": running.pids, "postgres": [stage.cluster.pid]},
            **plan,
        },
        Plan,
    )
    before = await count(running.dsn, _TURNS)
    await calm(stage.patience)
    outcome = await generate(whole, connected)
    stored = await count(running.dsn, _TURNS) - before
    if stored != outcome.acknowledged_ever:
        errors = {**outcome.errors, "stored minus acknowledged": stored - outcome.acknowledged_ever}
        outcome = msgspec.structs.replace(outcome, errors=errors)
    return outcome


# The opening line of a persona is a turn, too; it has no score.
_TURNS = "SELECT count(*) FROM turn WHERE score IS NOT NULL"


async def generate(plan: Plan, connected: Callable[[], None] | None = None) -> Outcome:
    """Run the generator, in its own process."""
    async with python_process("bench.load") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        if not await process.stdout.readline():
            raise GeneratorError("the load generator could not connect")
        if connected is not None:
            connected()
        process.stdin.write(b"go\n")
        answer = await process.stdout.readline()
        if not answer:
            raise GeneratorError("the load generator ended early")
        return msgspec.json.decode(answer, type=Outcome)


async def warmed(running: Running, stage: Stage, *, seconds: float, sockets: int) -> None:
    """Talk for a while with sockets of its own, then bring the planner's statistics up to date, as autovacuum does
    within a minute of a new database: what is measured after it is the steady state."""
    await drive(running, stage, sockets=sockets, warm_seconds=0, seconds=seconds, run="warm")
    await analyse(running)


async def analyse(running: Running) -> None:
    connection = await asyncpg.connect(running.dsn)
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
