"""One database for the account tests of a worker, and the routes on it without a socket in between."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components

from realtime.auditing import Auditor
from realtime.commands import Commands
from realtime.engine import Engine
from realtime.limits import Limits
from server.auth.passwords import Passwords
from server.auth.principal import BEARER_SCHEME
from server.auth.tokens import Tokens
from server.problems import EXCEPTION_HANDLERS
from server.rates import Rates
from server.routes.auth import AccountController, OpenController
from server.routes.client_secrets import ClientSecretController
from server.services import Services
from storage.catalogue.store import Shelf
from storage.database import Database
from tests.conftest import new_database

KEY = b"a secret key for tests, 32 bytes long or more"


@pytest.fixture(scope="session")
async def database(postgres: str, template_database: str) -> AsyncIterator[Database]:
    async with new_database(postgres, template_database) as dsn:
        made = Database(dsn)
        yield made
        await made.close()


class EngineProbe:
    """Stands where the engine stands; remembers whose sockets it was told to close."""

    def __init__(self) -> None:
        self.told: list[UUID] = []

    async def revoked(self, user_id: UUID) -> None:
        self.told.append(user_id)


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    made.close()


Serve = Callable[[Limits], AbstractAsyncContextManager[tuple[httpx.AsyncClient, Services]]]


@pytest.fixture(scope="session")
def serve(database: Database, passwords: Passwords) -> Serve:
    """The routes with the given limits, and a client of them."""

    @asynccontextmanager
    async def opened(limits: Limits) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
        services = Services(
            database=database,
            shelf=Shelf({}, {}, {}, ""),
            engine=cast(Engine, EngineProbe()),
            tokens=Tokens(KEY),
            passwords=passwords,
            rates=Rates(limits),
            limits=limits,
            commands=cast(Commands, None),  # of sockets: no route here has one
            auditor=cast(Auditor, None),
            allowed_origins=frozenset(),
        )
        app = Litestar(
            [OpenController, AccountController, ClientSecretController],
            dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
            exception_handlers=EXCEPTION_HANDLERS,
            logging_config=None,
            openapi_config=OpenAPIConfig(
                "accounts", "1", components=Components(security_schemes={**BEARER_SCHEME}), render_plugins=[]
            ),
        )
        transport = httpx.ASGITransport(cast(Any, app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client, services

    return opened


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(Limits(enforced=False)) as (made, _):
        yield made


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['accessToken']}"}
