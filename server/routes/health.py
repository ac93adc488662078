"""``/health``: whether the process lives, and whether it can serve. Open to everyone; they say nothing of users."""

import asyncio
from typing import Literal

import structlog
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy.exc import SQLAlchemyError

from realtime.domain import Json
from server.services import Services
from storage.errors import StorageError
from storage.reads.sessions import quarantined

READY_SECONDS = 2.0  # a probe that waits longer than a load balancer does tells nothing

log = structlog.get_logger("server.health")


class Live(Json):
    status: Literal["ok"] = "ok"


class Ready(Json):
    """``quarantined``: sessions whose finalization failed too often and that wait for a person (they don't make
    the server unready); null when the database was not asked."""

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "unreachable"]
    quarantined: int | None


class HealthController(Controller):
    path = "/v1/health"
    tags = ("health",)

    @get("/live", summary="Whether the process answers")
    async def live(self) -> Live:
        return Live()

    @get(
        "/ready",
        summary="Whether the server can serve: its database answers",
        responses={
            503: ResponseSpec(
                Ready,
                description="The database does not answer, or the server is going down.",
                generate_examples=False,
            )
        },
    )
    async def ready(self, services: NamedDependency[Services]) -> Response[Ready]:
        if services.engine.draining:
            return Response(Ready(status="unavailable", database="ok", quarantined=None), status_code=503)
        try:
            # A probe cut off here loses its connection: SQLAlchemy invalidates one whose statement was cancelled.
            async with asyncio.timeout(READY_SECONDS), services.database.read() as connection:
                waiting = await quarantined(connection, services.limits.finalize_attempts)
        except (OSError, TimeoutError, SQLAlchemyError, StorageError) as error:
            log.warning("health.unready", error=type(error).__name__)
            return Response(Ready(status="unavailable", database="unreachable", quarantined=None), status_code=503)
        return Response(Ready(status="ok", database="ok", quarantined=waiting))
