"""One real server for the REST tests of a module, and people who use it."""

from collections.abc import AsyncIterator

import pytest

from realtime.limits import Limits
from tests.conftest import new_database
from tests.support import Learner, RunningServer, running_server


@pytest.fixture(scope="module")
async def server(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningServer]:
    async with (
        new_database(postgres, template_database) as dsn,
        running_server(dsn, tmp_path_factory.mktemp("rest"), limits=Limits(enforced=False)) as running,
    ):
        yield running


@pytest.fixture
async def learner(server: RunningServer) -> Learner:
    """Somebody new."""
    return await server.learner()
