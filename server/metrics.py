"""``/metrics``: what this process counts of its work, in Prometheus' text format. Read at every scrape, kept nowhere.

Not open to the world. With ``SOCIALGYM_METRICS_TOKEN`` a scrape shows it as its bearer token, from wherever it comes.
Without, only this machine may scrape, and not through a proxy: one that runs here would let everybody in. To anyone
else there is no such page.
"""

import hmac
from collections.abc import Iterator

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from realtime.counts import Counts, Distribution
from realtime.errors import AppError
from server.services import Services
from server.settings import is_loopback
from storage.checks import CHECKS

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def metrics_route(token: str | None) -> HTTPRouteHandler:
    """The handler of ``/metrics``; ``token``: see above."""

    @get("/metrics", include_in_schema=False, sync_to_thread=False)
    def metrics(request: Request[None, None, State], services: NamedDependency[Services]) -> Response[bytes]:
        if not _may_scrape(request, token):
            raise AppError("not_found")
        return Response(exposition(services), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return metrics


def _may_scrape(request: "Request[None, None, State]", token: str | None) -> bool:
    if token is not None:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    client = request.client
    return (
        client is not None and is_loopback(client.host) and not any(header in request.headers for header in FORWARDED)
    )


def exposition(services: Services) -> bytes:
    """All metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Process(services))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Process(Collector):
    """The numbers of ``Counts``, what the engine holds now, and what the reconciler found last."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        yield from _counted(self._services.engine.counts)
        yield from self._held()
        yield from self._reconciled()

    def _held(self) -> Iterator[Metric]:
        engine = self._services.engine
        yield GaugeMetricFamily("socialgym_sockets", "Open sockets.", len(engine.connections))
        yield GaugeMetricFamily("socialgym_sessions_held", "Sessions in memory here.", len(engine.held_sessions))
        yield GaugeMetricFamily("socialgym_draining", "1 while the server goes down.", int(engine.draining))
        bus = engine.peers.bus
        yield GaugeMetricFamily(
            "socialgym_bus_healthy", "1 while messages between processes get through.", bus.healthy
        )
        yield CounterMetricFamily(
            "socialgym_bus_reconnects", "Connections of the bus that were lost and found again.", bus.reconnects
        )

    def _reconciled(self) -> Iterator[Metric]:
        standing = self._services.auditor.standing
        found = GaugeMetricFamily(
            "socialgym_reconciler_violations", "What does not hold, by check, as of the last run.", labels=["check"]
        )
        for check in CHECKS:
            found.add_metric([check.name], sum(1 for one in standing.violations if one.check == check.name))
        yield found
        until = standing.covered_until
        yield GaugeMetricFamily(
            "socialgym_reconciler_covered_until_seconds",
            "Unix time up to which every change was looked at; 0 before the first run.",
            0.0 if until is None else until.timestamp(),
        )


def _counted(counts: Counts) -> Iterator[Metric]:
    for name, about, value in (
        ("turns", "Turns of learners committed here.", counts.turns),
        ("missed_steps", "Steps that found the session's head moved, and were made again.", counts.missed_steps),
        ("finalizations", "Ends brought to their summary here, repeated ones included.", counts.finalizations),
        ("finalize_failures", "Finalizations that failed here.", counts.finalize_failures),
        ("reconciliations", "Runs of the reconciler made here.", counts.reconciliations),
    ):
        yield CounterMetricFamily(f"socialgym_{name}", about, value)
    for name, about, distribution in (
        ("acknowledgement_seconds", "From a turn's arrival to its acknowledgement.", counts.acknowledgement),
        ("batch_steps", "Steps committed together.", counts.batch_steps),
        ("batch_seconds", "Until a batch's COMMIT returned.", counts.batch_seconds),
    ):
        yield _histogram(f"socialgym_{name}", about, distribution)


def _histogram(name: str, about: str, distribution: Distribution) -> Metric:
    buckets, below = [], 0
    bounds = [*(str(float(bound)) for bound in distribution.bounds), "+Inf"]
    for bound, within in zip(bounds, distribution.within, strict=True):
        below += within
        buckets.append((bound, below))
    return HistogramMetricFamily(name, about, buckets=buckets, sum_value=distribution.total)
