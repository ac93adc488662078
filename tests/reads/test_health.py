"""Health."""

from datetime import UTC, datetime
from typing import Any

from realtime.limits import Limits
from storage.catalogue.store import Shelf
from storage.database import Database
from tests.conftest import with_name
from tests.reads.conftest import Api, services_of
from tests.reads.rows import User, add_session

NOW = datetime(2026, 2, 1, tzinfo=UTC)


async def test_live_asks_nobody(api: Api) -> None:
    answer = await api.get("/health/live", None)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_counts_the_quarantine(api: Api, database: Database, shelf: Shelf, adult: User) -> None:
    async def quarantined() -> int:
        answer = await api.get("/health/ready", None)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["status"], body["database"]) == ("ok", "ok")
        return int(body["quarantined"])

    before = await quarantined()
    attempts = Limits().finalize_attempts
    for failures in (attempts - 1, attempts, attempts + 1):
        more: dict[str, Any] = {"status": "FINALIZING", "ended_at": NOW, "finalize_failures": failures}
        await add_session(database, shelf, adult, created_at=NOW, **more)
    await add_session(database, shelf, adult, created_at=NOW, status="FAIL", finalize_failures=attempts)
    assert await quarantined() == before + 2


async def test_without_a_database_it_is_not_ready(postgres: str, shelf: Shelf) -> None:
    nowhere = Database(with_name(postgres, "there_is_no_such_database"))
    api = Api(services_of(nowhere, shelf))
    try:
        answer = await api.get("/health/ready", None)
        assert answer.status_code == 503
        nothing = dict.fromkeys(("quarantined", "violations", "reconciledUntil"))
        assert answer.json() == {"status": "unavailable", "database": "unreachable", **nothing}
        assert (await api.get("/health/live", None)).status_code == 200
    finally:
        await nowhere.close()
