"""What is measured: our server and the peers, each started as processes on a database of its own."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import httpx
import msgspec
import uuid_utils.compat

from bench.peers.common import HEALTH, sign
from bench.servers import Server, free_port
from bench.stage import Stage

SCHEMA = Path(__file__).with_name("peers") / "schema.sql"
NODE = Path(__file__).with_name("peers") / "node"
SIGNING_UP = 16  # guests made at once
MODEL = "persona:MAYA_PLAYFUL"  # free play: no mission ends the session, every turn has the same work
OUR_COMMAND = [sys.executable, "-m", "server", "serve"]


class Running(msgspec.Struct, frozen=True):
    """A started candidate. ``path``: what a socket asks for to begin a session."""

    servers: list[Server]
    dsn: str
    path: str
    tokens: Callable[[int], Awaitable[list[str]]]

    @property
    def pids(self) -> list[int]:
        return [server.pid for server in self.servers]

    def reset_samples(self) -> None:
        """Of a server under the sampling profiler: forget what was sampled so far."""
        for pid in self.pids:
            os.kill(pid, signal.SIGUSR1)


class Candidate(msgspec.Struct, frozen=True):
    """``title`` stands in the table; ``command`` starts one process of a peer, None: our server. ``wrapper``: what
    our server is run under, a profiler."""

    name: str
    title: str
    processes: int
    command: list[str] | None = None
    wrapper: list[str] = []


def ours(processes: int) -> Candidate:
    return Candidate(f"ours-{processes}", "socialgym", processes)


def ours_sampled(out: Path) -> Candidate:
    """One process under the sampling profiler, whose report is written to ``out`` at its end."""
    wrapper = [sys.executable, "-m", "bench.sampling", str(out)]
    return Candidate("ours-sampled", "socialgym, sampled", 1, wrapper=wrapper)


def ceiling(processes: int = 1) -> Candidate:
    command = [sys.executable, "-m", "bench.peers.ceiling"]
    return Candidate(f"ceiling-{processes}", "(a) ceiling: bare sockets, COPY in batches", processes, command)


def orm(processes: int = 1) -> Candidate:
    command = [sys.executable, "-m", "bench.peers.orm"]
    return Candidate(f"orm-{processes}", "(b) FastAPI, SQLAlchemy ORM, a commit per turn", processes, command)


def node(processes: int = 1) -> Candidate:
    title = "(c) Node, ws and pg, a transaction per turn"
    return Candidate(f"node-{processes}", title, processes, ["node", str(NODE / "server.js"), "transaction"])


def node_in_one(processes: int = 1) -> Candidate:
    """The same with all of a turn in one statement: the least that a commit per turn can cost."""
    title = "(c') Node, ws and pg, one statement per turn"
    return Candidate(f"nodeone-{processes}", title, processes, ["node", str(NODE / "server.js"), "statement"])


def node_is_ready() -> str | None:
    """Install what the Node peer needs, once; None, or why it can't be run."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        return "node or npm is not installed"
    if (NODE / "node_modules" / "pg").is_dir():
        return None
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True)  # noqa: S603 - nothing of it is input
    return None if done.returncode == 0 else f"npm install failed: {done.stderr.strip()[-200:]}"


def orm_is_ready() -> str | None:
    """None, or why the ORM peer can't be run."""
    return None if find_spec("fastapi") is not None else "fastapi is not installed (the extra named dev)"


def node_version() -> str:
    """Of the installed one."""
    node_ = shutil.which("node") or "node"
    done = subprocess.run([node_, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip().lstrip("v")


@asynccontextmanager
async def running(candidate: Candidate, stage: Stage) -> AsyncIterator[Running]:
    """The candidate, started on a fresh database and ended in order."""
    start = _our_servers if candidate.command is None else _peers
    async with stage.cluster.database() as dsn, AsyncExitStack() as stack:
        yield await start(stack, candidate, dsn, stage)


async def _our_servers(stack: AsyncExitStack, candidate: Candidate, dsn: str, stage: Stage) -> Running:
    """``socialgym serve``, as many times as the candidate has processes, on one database with one key; several of
    them have a Valkey between them, as in production."""
    secret = secrets.token_hex(32)
    servers = []
    for number in range(candidate.processes):
        port = free_port()
        environment = {
            "SOCIALGYM_PORT": str(port),
            "SOCIALGYM_DATA_DIR": str(stage.scratch / f"data-{number}"),
            "SOCIALGYM_SECRET_KEY": secret,
            "SOCIALGYM_RATE_LIMITS": "off",
            "DATABASE_URL": dsn,
            "REDIS_URL": stage.redis_url if candidate.processes > 1 else "",
        }
        command = [*candidate.wrapper, "server", "serve"] if candidate.wrapper else OUR_COMMAND
        log = stage.scratch / f"{candidate.name}-{number}.log"
        server = Server(command, environment, "/v1/health/ready", log, port)
        servers.append(await stack.enter_async_context(server))
    return Running(servers, dsn, f"/v1/realtime?model={MODEL}", partial(guests, servers[0].url))


async def guests(url: str, number: int) -> list[str]:
    """Access tokens of new guests."""
    gate = asyncio.Semaphore(SIGNING_UP)
    limits = httpx.Limits(max_connections=SIGNING_UP)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as http:

        async def one() -> str:
            async with gate:
                answer = await http.post("/v1/auth/guest", json={})
            answer.raise_for_status()
            return str(answer.json()["accessToken"])

        return await asyncio.gather(*(one() for _ in range(number)))


async def _peers(stack: AsyncExitStack, candidate: Candidate, dsn: str, stage: Stage) -> Running:
    secret = secrets.token_hex(32)
    connection = await asyncpg.connect(dsn)
    await connection.execute(SCHEMA.read_text())
    await connection.close()
    servers = []
    assert candidate.command is not None
    for number in range(candidate.processes):
        port = free_port()
        environment = {
            "BENCH_PORT": str(port),
            "BENCH_SECRET": secret,
            "BENCH_TURNS": str(stage.turns),
            "DATABASE_URL": dsn,
        }
        log = stage.scratch / f"{candidate.name}-{number}.log"
        server = Server(candidate.command, environment, HEALTH, log, port)
        servers.append(await stack.enter_async_context(server))
    return Running(servers, dsn, "/v1/realtime", partial(_signed, secret))


async def _signed(secret: str, number: int) -> list[str]:
    return [sign(uuid_utils.compat.uuid7(), secret) for _ in range(number)]
