"""Servers that the tests of the wire share. Each test has a learner of its own, so they don't meet."""

from collections.abc import AsyncIterator

import pytest

from realtime.limits import Limits
from storage.database import Database
from tests.conftest import new_database
from tests.support import Learner, RunningServer, Wire, running_server

PACE_MS = 60  # between the words of a reply: long enough to act while it is under way


@pytest.fixture(scope="package")
async def house_dsn(postgres: str, template_database: str) -> AsyncIterator[str]:
    async with new_database(postgres, template_database) as dsn:
        yield dsn


@pytest.fixture(scope="package")
async def house(house_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    """A server whose replies come at once, with limits of rate and number lifted."""
    directory = tmp_path_factory.mktemp("house")
    async with running_server(house_dsn, directory, limits=Limits(enforced=False)) as running:
        yield running


@pytest.fixture(scope="package")
async def house_database(house_dsn: str) -> AsyncIterator[Database]:
    """The database of ``house``."""
    made = Database(house_dsn)
    yield made
    await made.close()


@pytest.fixture(scope="package")
async def slow_house(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningServer]:
    """A server whose persona speaks a word every ``PACE_MS``."""
    async with new_database(postgres, template_database) as dsn:
        directory = tmp_path_factory.mktemp("slow")
        async with running_server(dsn, directory, limits=Limits(enforced=False), pace_ms=PACE_MS) as running:
            yield running


@pytest.fixture
async def learner(house: RunningServer) -> Learner:
    return await house.learner()


@pytest.fixture
async def talk(learner: Learner) -> AsyncIterator[Wire]:
    """A socket in free play, its opening read."""
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        yield wire


async def opened(wire: Wire) -> str:
    """Read the opening of a session that begins here: ``session.created`` and the greeting. The session's id."""
    created = await wire.next()
    assert created["type"] == "session.created", created
    await wire.until("conversation.item.done")
    return str(created["session"]["id"])
