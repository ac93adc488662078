"""The Litestar application: services made once in the lifespan, routes by feature, errors as problems."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components
from litestar.types import Message, Scope

from realtime.assembly import built_in_engine
from realtime.auditing import Auditor
from realtime.bus import Bus
from realtime.bus.places import Calls
from realtime.commands import Commands
from realtime.delivery import Connection
from realtime.engine import Engine
from realtime.errors import AppError
from realtime.housekeeping import Housekeeping
from realtime.limits import Limits
from server.auth.door import by_token, expire_at
from server.auth.passwords import Passwords
from server.auth.principal import BEARER_SCHEME
from server.auth.tokens import Tokens
from server.metrics import metrics_route
from server.problems import EXCEPTION_HANDLERS, JsonRequest
from server.rates import Rates
from server.routes import ROUTES
from server.services import Services
from server.settings import Settings
from server.shared import Shared
from server.socket import openai_realtime, realtime
from storage.catalogue.loader import load
from storage.catalogue.model import Catalogue
from storage.catalogue.store import Shelf, publish
from storage.database import Database
from storage.migrate import migrate
from storage.sessions import void_replies

log = structlog.get_logger("socialgym.server")
VERSION = "0.1.0"
TYPING_PACE_MS = 18  # between the pieces of a scripted reply: about as fast as one reads


def make_app(
    settings: Settings,
    dsn: str,
    *,
    limits: Limits | None = None,
    catalogue: Catalogue | None = None,
    pace_ms: int = TYPING_PACE_MS,
    bus: Bus | None = None,
) -> Litestar:
    """The application on the database at ``dsn``. Everything is started and checked in its lifespan. ``bus``: instead
    of the one that the settings name."""
    limits = limits or Limits(enforced=settings.rate_limits)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        database = Database(dsn)
        try:
            shelf = await _prepared(database, settings, catalogue or load())
            shared = Shared.of(settings, limits)
            engine = built_in_engine(
                database, shelf, limits, pace_ms=pace_ms, bus=bus or shared.bus, places=shared.places
            )
            app.state.services = _services(settings, database, engine, limits, shared.calls)
            async with _running(engine, app.state.services, shared):
                yield
        finally:
            await database.close()

    return Litestar(
        route_handlers=[realtime, openai_realtime, metrics_route(settings.metrics_token), *ROUTES],
        lifespan=[lifespan],
        dependencies={"services": Provide(_provide_services, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[_guard_answer],
        request_class=JsonRequest,
        openapi_config=_document(),
        request_max_body_size=256 * 1024,
        logging_config=None,
    )


async def _prepared(database: Database, settings: Settings, catalogue: Catalogue) -> Shelf:
    """The database checked and migrated, with the catalogue in it. Raises ``DatabaseUnsafe``."""
    await database.check(unsafe=settings.unsafe_db)
    await migrate(database.engine)
    await database.check_append_only()
    async with database.transaction() as connection:
        shelf = await publish(connection, catalogue)
        if settings.redis_url is None:
            # The only process on this database: whoever claimed a reply is gone.
            await void_replies(connection)
    return shelf


@asynccontextmanager
async def _running(engine: Engine, services: Services, shared: Shared) -> AsyncIterator[None]:
    """The engine with its housekeeping, started and, whatever happens, ended in order."""
    async with AsyncExitStack() as started:
        started.callback(services.passwords.close)
        started.push_async_callback(shared.close)
        started.push_async_callback(services.rates.close)
        # What is started is ended also when the start of the next thing fails: a half-started process must not stay.
        engine.start()
        started.push_async_callback(engine.close)
        await engine.peers.start()
        housekeeping = Housekeeping(engine)
        started.push_async_callback(housekeeping.close)
        await housekeeping.start()
        services.auditor.start()
        started.push_async_callback(services.auditor.close)
        yield


def _document() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="socialgym",
        version=VERSION,
        path="/schema",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(security_schemes={**BEARER_SCHEME}),
    )


async def _guard_answer(message: Message, scope: Scope) -> None:
    """Headers of every HTTP answer: its type is what it says it is, and what is a user's stays in no cache."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        headers["X-Content-Type-Options"] = "nosniff"
        if scope["path"].startswith("/v1/"):
            headers["Cache-Control"] = "no-store"


def services_of(app: Litestar) -> Services:
    """The services of a started application."""
    services: Services = app.state.services
    return services


def _provide_services(state: State) -> Services:
    services: Services = state.services
    return services


def _services(
    settings: Settings, database: Database, engine: Engine, limits: Limits, calls: Calls | None
) -> Services:
    tokens = Tokens(settings.secret_key)

    async def refresh(connection: Connection, token: str) -> None:
        """``session.refresh_token``: a new access token of the same user."""
        admission = await by_token(services, token)
        if admission.user.id != connection.user_id or admission.expires_at is None:
            raise AppError("token_invalid", "The token is another user's.")
        if connection.token_expires_at is not None:
            expire_at(connection, admission.expires_at)

    services = Services(
        database=database,
        shelf=engine.shelf,
        engine=engine,
        tokens=tokens,
        passwords=Passwords(),
        rates=Rates(limits, calls),
        limits=limits,
        commands=Commands(engine, refresh),
        auditor=Auditor(database, engine.counts, attempts=limits.finalize_attempts),
        allowed_origins=settings.allowed_origins,
    )
    return services
