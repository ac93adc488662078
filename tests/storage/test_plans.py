"""Keys that can be spread: every statement of a request is within one user, and finds its rows by an index that
begins with the user; and the reconciler's run over what has changed reads no table from end to end.

The statements are those that a server really made; they are explained on tables of many users.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
import sqlalchemy
from sqlalchemy import text

from realtime.limits import Limits
from storage.append import STATEMENT
from storage.checks import CHECKS
from storage.database import Database
from storage.reconciler import reconcile
from storage.schema import metadata
from tests.conftest import new_database
from tests.ending.play import catalogue
from tests.storage.books import MAYA, play_all
from tests.support import RunningServer, running_server

USERS = 1_500
# Tables of one row a user or more. ``user_email`` is the one that is found by address.
GROWN = {name for name, table in metadata.tables.items() if "user_id" in table.columns} - {"user_email"}
# Loops of the process look at all users, each by an index of its own; so do an operator's health page and scrapes.
LOOPS = ("sweeper", "relay", "prune", "reconcile", "revocation", "leases", "presence")


class Filled:
    def __init__(self, dsn: str, directory: Path) -> None:
        self.dsn = dsn
        self.directory = directory


@pytest.fixture(scope="module")
async def filled(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Filled]:
    """The rows of a learner who played, for many users."""
    directory = tmp_path_factory.mktemp("plans")
    async with new_database(postgres, template_database) as dsn:
        await play_all(dsn, directory)
        connection = await asyncpg.connect(dsn)
        await connection.execute("DELETE FROM reconciliation")
        for statement in _copies():
            await connection.execute(statement)
        await connection.execute("ANALYZE")
        await connection.close()
        yield Filled(dsn, directory)


def _copies() -> Iterator[str]:
    """Every row of every table of users again and again, with ids of its own."""
    names = [table.name for table in metadata.sorted_tables if table.name in GROWN | {"app_user"}]
    for name in names:
        columns = [column for column in metadata.tables[name].columns if column.identity is None]
        kept = {"template_id", "template_version_id", "persona_id"}  # of the catalogue, which all share
        values = [
            f"md5({column.name}::text || n)::uuid"
            if isinstance(column.type, sqlalchemy.Uuid) and column.name not in kept
            else "CASE WHEN source_kind = 'SESSION' THEN md5(source_id || n)::uuid::text ELSE source_id END"
            if (name, column.name) == ("wallet_ledger", "source_id")
            else column.name
            for column in columns
        ]
        yield (
            f"INSERT INTO {name} ({', '.join(column.name for column in columns)}) "
            f"SELECT {', '.join(values)} FROM {name}, generate_series(1, {USERS}) AS n"
        )


# --- what a plan does ---------------------------------------------------------------------------------------------


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


async def _indexes(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, tuple[str, str]]:
    """The table and the first column of every index."""
    found = await connection.fetch(
        """SELECT c.relname AS index, t.relname AS table, a.attname AS first FROM pg_index i
           JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"""
    )
    return {record["index"]: (record["table"], record["first"]) for record in found}


def _faults(plan: dict[str, Any], indexes: dict[str, tuple[str, str]]) -> list[str]:
    """Where the plan reads a table of users from end to end, or by another key than the user's."""
    faults = []
    for node in _nodes(plan):
        kind = node["Node Type"]
        if kind == "Seq Scan" and node.get("Relation Name") in GROWN | {"app_user"}:
            faults.append(f"{kind} of {node['Relation Name']}")
        if "Index Name" in node:
            table, first = indexes[node["Index Name"]]
            key = "id" if table == "app_user" else "user_id"
            if table in GROWN | {"app_user"} and (first != key or key not in node.get("Index Cond", "")):
                faults.append(f"{kind} of {table} by {node['Index Name']}: {node.get('Index Cond')}")
    return faults


async def _explained(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: str, arguments: tuple[Any, ...]
) -> dict[str, Any]:
    said = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *arguments)
    plan: dict[str, Any] = msgspec.json.decode(said)[0]["Plan"]
    return plan


# --- the requests ---------------------------------------------------------------------------------------------------


class Heard:
    """The statements that requests made, each with its last arguments."""

    def __init__(self) -> None:
        self.statements: dict[str, tuple[Any, ...]] = {}

    def hear(self, statement: str, arguments: tuple[Any, ...]) -> None:
        task = asyncio.current_task()
        if task is None or task.get_name() not in LOOPS:
            self.statements[statement] = tuple(arguments)

    @contextmanager
    def listening(self, database: Database) -> Iterator[None]:
        """To the pool's connections."""

        def on_pool(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
            self.hear(statement, parameters)

        engine = database.engine.sync_engine
        sqlalchemy.event.listen(engine, "before_cursor_execute", on_pool)
        yield
        sqlalchemy.event.remove(engine, "before_cursor_execute", on_pool)


async def _ask_everything(server: RunningServer) -> None:
    """Every way in: accounts, sessions over REST and socket, memory, forgetting, reads, coming back."""
    learner = await server.learner()
    for path in ("/v1/missions/road", "/v1/templates", "/v1/personas", "/v1/wallet/me", "/v1/wallet/ledger"):
        await learner.get(path)
    async with learner.connect("template:STRAIGHT") as wire:
        await wire.turn("Hi, I'm Tal. I love the music they play here. What are you reading?", "one")
        await wire.reply()
        await wire.turn("Hi, I'm Tal. I love the music they play here. What are you reading?", "one")
        await wire.turn("I walk here on Sundays because the light is so good. What do you order?", "two")
        session_id = _session_of(wire.frames)
    async with learner.connect(session_id=session_id, last_seq=1) as wire:
        await wire.send("session.end")
        await wire.until("session.summary")
    await learner.get(f"/v1/sessions/{session_id}/summary")
    async with learner.connect(MAYA) as wire:
        await wire.turn("My name is Talmadge, and I love hiking. I work as a nurse.")
        await wire.send("memory.forget", key="name", withTurns=True)
        await wire.until("memory.forgotten")
    made = await learner.post("/v1/sessions", json={"model": MAYA})
    headers = {"Idempotency-Key": "once"}
    await learner.post(f"/v1/sessions/{made['id']}/turns", json={"text": "Hello."}, headers=headers)
    await learner.get(f"/v1/sessions/{made['id']}/events?after=0")
    await learner.post(f"/v1/sessions/{made['id']}/end")
    await learner.get("/v1/sessions")
    await learner.get("/v1/stats/dashboard")
    assert (await learner.call("DELETE", f"/v1/sessions/{made['id']}")).is_success
    await learner.post("/v1/auth/refresh", json={"refreshToken": learner.refresh_token})


def _session_of(frames: list[str]) -> str:
    return next(
        str(frame["session_id"]) for frame in map(msgspec.json.decode, frames) if frame["type"] == "session.created"
    )


async def test_a_request_stays_within_its_user(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    writes: list[tuple[Any, ...]] = []

    class Recorded(Database):
        async def raw(self) -> "asyncpg.Connection[asyncpg.Record]":
            made = await super().raw()
            made.add_query_logger(lambda query: writes.append((query.query, query.args)))
            return made

    monkeypatch.setattr("server.app.Database", Recorded)
    limits = Limits(enforced=False)
    async with running_server(filled.dsn, filled.directory, limits=limits, catalogue=catalogue()) as server:
        with heard.listening(_database_of(server)):
            await _ask_everything(server)
    asked = {s: a for s, a in heard.statements.items() if any(name in s for name in GROWN)}
    assert len(asked) > 60, "that was not everything"
    batches = [arguments for query, arguments in writes if query == STATEMENT]
    assert batches, "the writer was not heard"
    database = Database(filled.dsn)
    connection, writer = await database._connect("explains"), await database.raw()
    indexes = await _indexes(connection)
    faults: dict[str, list[str]] = {}
    for statement, arguments in asked.items():
        if statement.startswith("SELECT socialgym_"):  # a function that redacts: its first argument is the user
            assert isinstance(arguments[0], UUID), statement
        elif "user_id" not in statement:
            faults[statement] = ["it does not name the user"]
        elif found := _faults(await _explained(connection, statement, arguments), indexes):
            faults[statement] = found
    for arguments in batches:
        if found := _faults(await _explained(writer, STATEMENT, arguments), indexes):
            faults[STATEMENT] = found
    await connection.close()
    await writer.close()
    await database.close()
    assert faults == {}


def _database_of(server: RunningServer) -> Database:
    database = server.engine.database
    assert isinstance(database, Database)
    return database


async def test_a_statement_that_looks_at_every_user_would_be_seen(filled: Filled) -> None:
    connection = await asyncpg.connect(filled.dsn)
    indexes = await _indexes(connection)
    for statement in (
        "SELECT 1 FROM turn WHERE item_id = 'one'",
        "SELECT count(*) FROM finalization",
        "SELECT 1 FROM wallet_ledger WHERE created_at > now()",
        "UPDATE practice_session SET reply_id = NULL WHERE persona_id = gen_random_uuid()",
    ):
        assert _faults(await _explained(connection, statement, ()), indexes), statement
    await connection.close()


# --- the reconciler -----------------------------------------------------------------------------------------------


async def test_what_has_changed_is_found_by_indexes(filled: Filled) -> None:
    """Every check, at a time at which a few users have done something; with nothing found before."""
    connection, database = await asyncpg.connect(filled.dsn), Database(filled.dsn)
    since = await connection.fetchval("SELECT now()") + timedelta(seconds=1)
    large = {"turn", "session_event", "practice_session", "finalization", "session_summary", "wallet_ledger"}
    for check in CHECKS:
        clause = text(check.changed).compile(dialect=database.engine.dialect)
        given = {"since": since, "users": [], "sessions": [], "attempts": 5}
        arguments = tuple(given[name] for name in clause.positiontup or ())
        plan = await _explained(connection, str(clause), arguments)
        scanned = {n["Relation Name"] for n in _nodes(plan) if n["Node Type"] == "Seq Scan" and "Relation Name" in n}
        assert scanned & large == set(), check.name
    await connection.close()
    await database.close()


async def test_what_has_changed_costs_what_has_changed(filled: Filled) -> None:
    """Four times as much of it about four times as much, also while PostgreSQL's statistics know nothing of it."""
    connection, database = await asyncpg.connect(filled.dsn), Database(filled.dsn)
    blocks = []
    for users in (100, 400):
        since = await connection.fetchval("SELECT clock_timestamp()")
        for table in ("session_summary", "user_wallet"):
            await connection.execute(
                f"""UPDATE {table} SET updated_at = now()
                    WHERE user_id IN (SELECT id FROM app_user ORDER BY id LIMIT $1)""",
                users,
            )
        blocks.append(0)
        for check in CHECKS:
            clause = text(check.changed).compile(dialect=database.engine.dialect)
            given = {"since": since, "users": [], "sessions": [], "attempts": 5}
            said = await connection.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {clause}", *(given[n] for n in clause.positiontup or ())
            )
            plan = msgspec.json.decode(said)[0]["Plan"]
            blocks[-1] += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    await connection.close()
    await database.close()
    assert blocks[1] < 6 * blocks[0], blocks


async def test_the_books_of_many_are_right(filled: Filled) -> None:
    """The same as for one: and a run over nothing new costs nothing of them."""
    database = Database(filled.dsn)
    loop = asyncio.get_running_loop()
    async with database.read() as connection:
        began = loop.time()
        everything = await reconcile(connection)
        in_full = loop.time() - began
        began = loop.time()
        lately = await reconcile(connection, since=everything.at + timedelta(hours=1))
        little = loop.time() - began
    await database.close()
    assert (everything.violations, lately.violations) == ((), ())
    assert little < in_full / 2, (little, in_full)
