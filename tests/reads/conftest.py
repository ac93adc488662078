"""One database with the shipped catalogue for the tests of the reads of a worker, users in it, and the routes."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide

from realtime.assembly import built_in_engine
from realtime.limits import Limits
from server.auth.tokens import Tokens
from server.problems import EXCEPTION_HANDLERS
from server.routes.catalogue import CatalogueController
from server.routes.health import HealthController
from server.routes.history import HistoryController
from server.routes.road import RoadController
from server.routes.stats import StatsController
from server.routes.wallet import WalletController
from server.services import Services
from storage.catalogue.loader import load
from storage.catalogue.store import Shelf, publish
from storage.database import Database
from tests.conftest import new_database
from tests.reads.rows import User, add_user


@pytest.fixture(scope="session")
async def database(postgres: str, template_database: str) -> AsyncIterator[Database]:
    async with new_database(postgres, template_database) as dsn:
        made = Database(dsn)
        yield made
        await made.close()


@pytest.fixture(scope="session")
async def shelf(database: Database) -> Shelf:
    async with database.transaction() as connection:
        return await publish(connection, load())


@pytest.fixture
async def adult(database: Database) -> User:
    return await add_user(database, age_band="ADULT", time_zone="Europe/Berlin")


@pytest.fixture
async def minor(database: Database) -> User:
    return await add_user(database, age_band="16_17", time_zone="Asia/Jerusalem")


def services_of(database: Database, shelf: Shelf) -> Services:
    """What the reads use is real; they touch none of the rest."""
    engine = built_in_engine(database, shelf, Limits())
    real = {
        "database": database,
        "shelf": shelf,
        "engine": engine,
        "tokens": Tokens(SECRET),
        "limits": Limits(),
    }
    return Services(**{**dict.fromkeys(Services.__struct_fields__), **cast(Any, real)})


SECRET = b"a key for tests alone, long enough to sign with"


def app_of(services: Services) -> Litestar:
    return Litestar(
        route_handlers=[
            CatalogueController,
            HealthController,
            HistoryController,
            RoadController,
            StatsController,
            WalletController,
        ],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        logging_config=None,
    )


class Api:
    """The routes as a user sees them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.app = app_of(services)

    async def get(self, path: str, user: User | None, **query: Any) -> httpx.Response:
        headers = {}
        if user is not None:
            headers["Authorization"] = f"Bearer {self.services.tokens.access(user.id, 1)}"
        transport = httpx.ASGITransport(app=cast(Any, self.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(f"/v1{path}", headers=headers, params=query)

    async def items(self, path: str, user: User, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.get(path, user, **query)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert set(body) == {"items", "nextCursor"}
            found += body["items"]
            if body["nextCursor"] is None:
                return found
            query["cursor"] = body["nextCursor"]


@pytest.fixture
def api(database: Database, shelf: Shelf) -> Api:
    return Api(services_of(database, shelf))
