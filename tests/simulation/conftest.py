"""The stores that the contract is tested on: PostgreSQL and the one in memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import uuid_utils.compat

from storage.accounts import create_user
from storage.catalogue.loader import load
from storage.catalogue.store import Shelf, publish
from storage.database import Database
from storage.store import Store, sql_store
from tests.conftest import new_database
from tests.simulation.base import Base
from tests.simulation.minds import shelf
from tests.simulation.stands import Stand
from tests.simulation.store import add_user, memory_store
from tests.simulation.wire import Instant, MemoryDatabase, Nobody


@pytest.fixture(scope="module")
async def postgresql(postgres: str, template_database: str) -> AsyncIterator[tuple[Database, Shelf]]:
    async with new_database(postgres, template_database) as dsn:
        database = Database(dsn)
        async with database.transaction() as connection:
            published = await publish(connection, load())
        yield database, published
        await database.close()


@pytest.fixture
async def sql_stand(postgresql: tuple[Database, Shelf]) -> Stand:
    database, published = postgresql
    async with database.transaction() as connection:
        user_id = await create_user(connection, time_zone="UTC", age_band="ADULT", analysis_enabled=True)
    return Stand(sql_store(database), published, user_id)


@pytest.fixture
def memory_stand() -> Stand:
    base = Base(lambda: datetime.now(UTC))
    user_id = uuid_utils.compat.uuid7()
    add_user(base, user_id)
    store: Store = memory_store(MemoryDatabase(base, Instant(), Nobody()))
    return Stand(store, shelf(), user_id)


@pytest.fixture(params=["sql", "memory"])
def stand(request: pytest.FixtureRequest) -> Stand:
    found: Stand = request.getfixturevalue(f"{request.param}_stand")
    return found
