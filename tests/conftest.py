"""Shared by all tests: a PostgreSQL and a Valkey of the worker's own, a fresh database for each test that asks, real
servers, and in which order modules are taken."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import uuid_utils
from xdist.scheduler import LoadScopeScheduling

from realtime.limits import Limits
from server.embedded_valkey import EmbeddedValkey
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from tests.bus.valkeys import cluster_of
from tests.support import RunningServer, running_server

TEMPLATE = "socialgym_template"
#: What takes longest comes first: a long module that is begun last keeps one worker while the others have ended.
LONGEST_FIRST = ("adversity", "simulation", "cluster", "durability", "rest", "wire", "ending", "storage", "reads")
#: A folder that one worker takes whole: its cluster is started once, and the faults of one test are not those of
#: another, which would wait for the same two cores.
ONE_WORKER = ("adversity",)


def _folder(nodeid: str) -> str:
    return nodeid.removeprefix("tests/").partition("/")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    at = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: at.get(_folder(item.nodeid), len(at)))


class InPieces(LoadScopeScheduling):  # type: ignore[misc]
    """What a worker takes in one piece: a module, or a class, or all of ``ONE_WORKER``."""

    def _split_scope(self, nodeid: str) -> str:
        folder = _folder(nodeid)
        return folder if folder in ONE_WORKER else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return InPieces(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of this worker's PostgreSQL (fsync off: durability has tests of its own, with it on)."""
    started = EmbeddedPostgres.start(tmp_path_factory.mktemp("postgres"), fsync=False)
    yield started.dsn
    started.stop()


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedValkey]:
    started = EmbeddedValkey.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def triple() -> Iterator[list[EmbeddedValkey]]:
    with cluster_of(3) as nodes:
        yield nodes


def with_name(dsn: str, name: str) -> str:
    return dsn.rsplit("/", 1)[0] + "/" + name


@pytest.fixture(scope="session")
async def template_database(postgres: str) -> str:
    """A migrated database that others are copied from."""
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE DATABASE {TEMPLATE}")
    await admin.close()
    database = Database(with_name(postgres, TEMPLATE))
    await migrate(database.engine)
    await database.close()
    return TEMPLATE


@asynccontextmanager
async def new_database(postgres: str, template: str) -> AsyncIterator[str]:
    """The address of a database copied from ``template``, dropped in the end. ``template0``: an empty one."""
    name = f"test_{uuid_utils.uuid7().hex}"
    admin = await asyncpg.connect(postgres)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield with_name(postgres, name)
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def dsn(postgres: str, template_database: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    async with new_database(postgres, template_database) as made:
        yield made


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    made = Database(dsn)
    yield made
    await made.close()


@pytest.fixture
async def server(dsn: str, tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A real server in this process, with limits of rate and number lifted."""
    async with running_server(dsn, tmp_path, limits=Limits(enforced=False)) as running:
        yield running


@pytest.fixture
def serve(dsn: str, tmp_path: Path) -> Callable[..., Any]:
    """Like ``server``, for tests that choose limits, catalogue or pace: ``async with serve(pace_ms=5) as s``."""

    def start(**options: Any) -> Any:
        return running_server(dsn, tmp_path, **options)

    return start
