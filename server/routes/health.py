"""``/health``: whether the process lives, and whether it can serve. Open to everyone; they say nothing of users."""

import asyncio
from collections import Counter
from typing import Literal

import structlog
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy.exc import SQLAlchemyError

from realtime.core.times import iso
from realtime.domain import Json
from server.services import Services
from storage.errors import StorageError
from storage.reads.sessions import quarantined
from storage.reconciler import standing

READY_SECONDS = 2.0  # a probe that waits longer than a load balancer does tells nothing

log = structlog.get_logger("server.health")


class Live(Json):
    status: Literal["ok"] = "ok"


class Ready(Json):
    """``quarantined``: sessions whose finalization failed too often and that wait for a person. ``violations``: what
    the reconciler found not to hold, by check; ``reconciledUntil``: the time up to which all that changed was looked
    at, null before the first run. Null when the database was not asked.

    Neither makes the server unready. They are of the database, the same for every process: a fleet that left its load
    balancer for one user's wrong books would leave everyone without a server, and mend nothing.
    """

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "unreachable"]
    quarantined: int | None = None
    violations: dict[str, int] | None = None
    reconciled_until: str | None = None


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
            return Response(Ready(status="unavailable", database="ok"), status_code=503)
        try:
            # A probe cut off here loses its connection: SQLAlchemy invalidates one whose statement was cancelled.
            async with asyncio.timeout(READY_SECONDS), services.database.read() as connection:
                waiting = await quarantined(connection, services.limits.finalize_attempts)
                books = await standing(connection)
        except (OSError, TimeoutError, SQLAlchemyError, StorageError) as error:
            log.warning("health.unready", error=type(error).__name__)
            return Response(Ready(status="unavailable", database="unreachable"), status_code=503)
        return Response(
            Ready(
                status="ok",
                database="ok",
                quarantined=waiting,
                violations=dict(sorted(Counter(violation.check for violation in books.violations).items())),
                reconciled_until=None if books.covered_until is None else iso(books.covered_until),
            )
        )
