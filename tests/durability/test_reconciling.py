"""The reconciler at work: in a running server, on its health page and metrics, and from the command line."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from realtime import auditing
from realtime.counts import Counts, Distribution
from server.app import services_of
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from tests.durability.talk import LINES, MISSION, eventually
from tests.support import Learner, RunningServer, ServerProcess

A_COIN_MORE = "UPDATE user_wallet SET coins = coins + 1, updated_at = now() WHERE user_id = $1"
A_COIN_LESS = "UPDATE user_wallet SET coins = coins - 1, updated_at = now() WHERE user_id = $1"
TOKEN = "a token for scrapers, long enough it is".replace(" ", "-")


@pytest.fixture
async def sql(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def played(url: str) -> UUID:
    """A learner with a session that ended and was paid."""
    learner = await Learner.guest(url)
    made = await learner.post("/v1/sessions", json={"model": MISSION})
    for line in LINES[:2]:
        await learner.post(f"/v1/sessions/{made['id']}/turns", json={"text": line})
    await learner.post(f"/v1/sessions/{made['id']}/end")
    return UUID(learner.user_id)


async def ready(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/v1/health/ready")
    assert answer.status_code == 200, "one user's books keep nobody from the server"
    body: dict[str, Any] = answer.json()
    return body


async def scraped(url: str, **headers: str) -> dict[tuple[str, str], float]:
    """Every sample, by name and the value of its one label (or '')."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/metrics", headers=headers)
    answer.raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_a_violation_is_shown_and_goes_when_it_is_right_again(
    server: RunningServer, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user_id = await played(server.url)
    auditor = services_of(server.app).auditor
    await auditor.run()
    before = await ready(server.url)
    assert (before["status"], before["violations"]) == ("ok", {})
    assert before["reconciledUntil"] is not None
    await sql.execute(A_COIN_MORE, user_id)
    await auditor.run()
    wrong = await ready(server.url)
    assert (wrong["status"], wrong["violations"]) == ("ok", {"balances": 1, "wallet": 1})
    assert str(user_id) not in str(wrong), "it is open to everyone"
    metrics = await scraped(server.url)
    assert metrics["socialgym_reconciler_violations", "wallet"] == 1
    assert metrics["socialgym_reconciler_violations", "log"] == 0
    await sql.execute(A_COIN_LESS, user_id)
    await auditor.run()
    assert (await ready(server.url))["violations"] == {}
    assert (await scraped(server.url))["socialgym_reconciler_violations", "wallet"] == 0


async def test_it_runs_by_itself(
    serve: Callable[..., Any], sql: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start over what is there, then again and again; the loop that failed goes on."""
    async with serve() as server:
        user_id = await played(server.url)
    await sql.execute("DELETE FROM reconciliation")
    await sql.execute(A_COIN_MORE, user_id)
    monkeypatch.setattr(auditing, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(auditing, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(auditing, "REST_TIMES", 0)
    async with serve() as server:

        async def shows(violations: dict[str, int]) -> bool:
            return bool((await ready(server.url))["violations"] == violations)

        await eventually(lambda: shows({"balances": 1, "wallet": 1}), "it is found at the start")
        await sql.execute("ALTER TABLE reconciliation RENAME TO elsewhere")
        await asyncio.sleep(0.5)
        await sql.execute("ALTER TABLE elsewhere RENAME TO reconciliation")
        await sql.execute(A_COIN_LESS, user_id)
        await eventually(lambda: shows({}), "it is seen to be right again")


async def test_a_violation_is_logged_once(server: RunningServer, sql: "asyncpg.Connection[asyncpg.Record]") -> None:
    user_id = await played(server.url)
    auditor = services_of(server.app).auditor
    await auditor.run()
    with capture_logs() as logged:
        await sql.execute(A_COIN_MORE, user_id)
        for _ in range(3):
            await auditor.run()
        await sql.execute(A_COIN_LESS, user_id)
        await auditor.run()
    said = [(entry["event"], entry["check"], entry["log_level"]) for entry in logged if "check" in entry]
    assert said == [
        ("reconciler.violation", "wallet", "error"),
        ("reconciler.violation", "balances", "error"),
        ("reconciler.right_again", "balances", "info"),
        ("reconciler.right_again", "wallet", "info"),
    ]
    assert {entry["user_id"] for entry in logged if "check" in entry} == {str(user_id)}


async def test_the_end_of_the_process_does_not_wait_for_a_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only reads; what was cut off is made again."""
    begun = asyncio.Event()

    async def endless(*_: Any, **__: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(auditing, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(auditing, "next_run", endless)
    auditor = auditing.Auditor(database, Counts(), attempts=5)
    auditor.start()
    async with asyncio.timeout(10):
        await begun.wait()
        await auditor.close()


# --- metrics ------------------------------------------------------------------------------------------------------


async def test_what_the_server_does_is_counted(server: RunningServer) -> None:
    before = await scraped(server.url)
    learner = await server.learner()
    async with learner.connect(MISSION) as wire:
        for line in LINES[:3]:
            await wire.turn(line)
        during = await scraped(server.url)
        await wire.send("session.end")
        await wire.until("session.summary")
    assert (before["socialgym_sockets", ""], during["socialgym_sockets", ""]) == (0, 1)
    assert during["socialgym_sessions_held", ""] == 1
    after = await scraped(server.url)

    def grown(name: str) -> float:
        return after[f"socialgym_{name}", ""] - before[f"socialgym_{name}", ""]

    assert grown("finalizations_total") >= 1
    assert grown("finalize_failures_total") == 0
    assert after["socialgym_sockets", ""] == 0
    assert after["process_resident_memory_bytes", ""] > 0


async def test_numbers_come_out_as_they_went_in(server: RunningServer) -> None:
    counts = server.engine.counts
    counts.turns, counts.missed_steps = 12_345, 6
    counts.batch_steps = Distribution((1, 2, 4))
    for steps in (1, 2, 2, 3, 4, 9):
        counts.batch_steps.add(steps)
    async with httpx.AsyncClient() as http:
        said = (await http.get(f"{server.url}/metrics")).text.splitlines()
    assert "socialgym_turns_total 12345.0" in said
    assert "socialgym_missed_steps_total 6.0" in said
    assert [line for line in said if line.startswith("socialgym_batch_steps_")] == [
        'socialgym_batch_steps_bucket{le="1.0"} 1.0',
        'socialgym_batch_steps_bucket{le="2.0"} 3.0',
        'socialgym_batch_steps_bucket{le="4.0"} 5.0',
        'socialgym_batch_steps_bucket{le="+Inf"} 6.0',
        "socialgym_batch_steps_count 6.0",
        "socialgym_batch_steps_sum 21.0",
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
    ],
)
async def test_metrics_are_not_for_whoever_comes_through_a_proxy(
    server: RunningServer, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{server.url}/metrics", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_metrics_with_a_token(serve: Callable[..., Any]) -> None:
    async with serve(metrics_token=TOKEN) as server:
        for headers in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": TOKEN}):
            async with httpx.AsyncClient() as http:
                assert (await http.get(f"{server.url}/metrics", headers=headers)).status_code == 404
        shown = await scraped(server.url, Authorization=f"Bearer {TOKEN}", **{"X-Forwarded-For": "203.0.113.7"})
        assert shown["socialgym_draining", ""] == 0


# --- the command line ---------------------------------------------------------------------------------------------


async def test_the_command(process: ServerProcess) -> None:
    """Beside the running server, and by the address of its database."""
    user_id = await played(process.url)
    running = EmbeddedPostgres.attach(process.data_dir)
    assert running is not None
    code, said = await process.command("reconcile")
    assert (code, said.endswith("all hold.\n")) == (0, True), said
    connection = await asyncpg.connect(running.dsn)
    await connection.execute(A_COIN_MORE, user_id)
    try:
        code, said = await process.command("reconcile")
        assert code == 1
        assert f"user {user_id} session -: the wallet has" in said
        assert said.endswith("2 violations.\n")
        code, said = await process.command("reconcile", "--json", "--since", "2026-01-01T00:00Z")
        report = msgspec.json.decode(said)
        assert (code, report["clean"], report["since"]) == (1, False, "2026-01-01T00:00:00.000Z")
        assert {one["check"] for one in report["violations"]} == {"wallet", "balances"}
        assert {one["user_id"] for one in report["violations"]} == {str(user_id)}
        elsewhere = ServerProcess(process.data_dir.parent / "elsewhere", DATABASE_URL=running.dsn)
        assert (await elsewhere.command("reconcile"))[0] == 1
    finally:
        await connection.execute(A_COIN_LESS, user_id)
        await connection.close()
    assert (await elsewhere.command("reconcile"))[0] == 0


async def test_the_command_refuses_what_it_can_not_ask(process: ServerProcess) -> None:
    code, said = await process.command("reconcile", "--since", "yesterday")
    assert (code, "not a time like" in said) == (2, True)
    running = EmbeddedPostgres.attach(process.data_dir)
    assert running is not None
    admin = await asyncpg.connect(running.dsn)
    await admin.execute("CREATE DATABASE nothing_in_it")
    await admin.close()
    empty = ServerProcess(
        process.data_dir.parent / "empty", DATABASE_URL=running.dsn.rsplit("/", 1)[0] + "/nothing_in_it"
    )
    code, said = await empty.command("reconcile")
    assert (code, said.startswith("socialgym: there is nothing to reconcile")) == (1, True), said
