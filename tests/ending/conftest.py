"""One server a module, with the small catalogue: every test brings a learner of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import uuid_utils

from realtime.limits import Limits
from tests.conftest import with_name
from tests.ending.play import catalogue
from tests.support import RunningServer, running_server


class Arena:
    """A running server and a plain connection to its database."""

    def __init__(self, server: RunningServer, database: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.server = server
        self.database = database
        self.engine = server.engine
        self.learner = server.learner


@pytest.fixture(scope="module")
async def arena(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Arena]:
    name = f"ending_{uuid_utils.uuid7().hex}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    directory: Path = tmp_path_factory.mktemp("ending")
    address, limits = with_name(postgres, name), Limits(enforced=False)
    async with running_server(address, directory, limits=limits, catalogue=catalogue()) as server:
        plain = await asyncpg.connect(address)
        try:
            yield Arena(server, plain)
        finally:
            await plain.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
