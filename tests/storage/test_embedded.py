"""The embedded PostgreSQL with real processes: its life, its death with its parent, and every way to its account."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from storage import embedded_cluster, embedded_user
from storage.embedded import EmbeddedError, EmbeddedPostgres
from storage.embedded_user import Account

REPOSITORY = Path(__file__).resolve().parents[2]
on_linux = pytest.mark.skipif(not embedded_user.LINUX, reason="reads /proc")


def query(dsn: str, statement: str, *arguments: object) -> Any:
    """The first column of the statement's first row."""

    async def run() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()

    return asyncio.run(run())


@contextlib.contextmanager
def started(data_dir: Path, *, fsync: bool = False) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres.start(data_dir, fsync=fsync)
    try:
        yield server
    finally:
        server.stop()


def processes() -> dict[int, int]:
    """The parent of each living process. Backends have sessions of their own: only the parent tells whose."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    return parents


def family_of(pid: int) -> set[int]:
    family = {pid} | {child for child, parent in processes().items() if parent == pid}
    assert len(family) > 3, "a postmaster has its checkpointer, writers and sessions"
    return family


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


PREAMBLE = f"""
import asyncio, ctypes, json, os, signal, sys, time
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
import asyncpg
from storage.embedded import EmbeddedError, EmbeddedPostgres
def query(dsn, statement):
    async def run():
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()
    return asyncio.run(run())
data_dir = Path(sys.argv[1])
"""


def child(
    script: str, data_dir: Path, *, account: Account | None = None, without: tuple[int, ...] = ()
) -> subprocess.Popen[str]:
    """A Python process that runs the script on data_dir: as another account, or as a root that lacks some
    capabilities."""
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(script), str(data_dir)]
    if without:
        drop = f"import ctypes, os, sys; c = ctypes.CDLL(None); [c.prctl(24, b, 0, 0, 0) for b in {without}]"
        command = [sys.executable, "-c", f"{drop}; os.execv(sys.argv[1], sys.argv[1:])", *command]
    if account is not None:
        reach = [(Path(sys.executable).resolve(), os.X_OK), (Path(asyncpg.__file__), os.R_OK)]
        reach += [(Path(embedded_user.__file__), os.R_OK)]
        command = embedded_user.command_line(account, reach, command)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/")


def answer(process: subprocess.Popen[str], seconds: float = 60) -> Any:
    """What the child printed, as JSON, when it has ended well."""
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    return json.loads(output)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A folder that every user can pass through (those of pytest are closed to all but their owner)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


# ---- a life ----------------------------------------------------------------------------------------------------


def test_data_survives_stop_and_start(tmp_path: Path) -> None:
    with started(tmp_path / "data", fsync=True) as server:
        query(server.dsn, "CREATE TABLE kept AS SELECT 'kept — gehört'::text AS word")
        first = server.dsn
    with pytest.raises(OSError):
        query(first, "SELECT 1")
    with started(tmp_path / "data", fsync=True) as server:
        assert query(server.dsn, "SELECT word FROM kept") == "kept — gehört"


def test_a_cluster_has_the_settings_that_the_product_relies_on(tmp_path: Path) -> None:
    expected = {
        "server_encoding": "UTF8", "TimeZone": "UTC", "listen_addresses": "127.0.0.1", "data_checksums": "on",
        "password_encryption": "scram-sha-256", "unix_socket_directories": "",
    }  # fmt: skip
    durable = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "on")
    for fsync, switches in ((True, durable), (False, dict.fromkeys(durable, "off"))):
        with started(tmp_path, fsync=fsync) as server:
            got = {name: query(server.dsn, "SELECT current_setting($1)", name) for name in expected | switches}
            assert got == expected | switches
            assert query(server.dsn, "SELECT upper('é') || version()").startswith("ÉPostgreSQL 18")


def test_the_dsn_serves_sqlalchemy(tmp_path: Path) -> None:
    async def ask(dsn: str) -> object:
        engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://"))
        async with engine.connect() as connection:
            value = await connection.scalar(sqlalchemy.text("SELECT current_user || '@' || current_database()"))
        await engine.dispose()
        return value

    with started(tmp_path) as server:
        assert asyncio.run(ask(server.dsn)) == "socialgym@socialgym"


def test_start_inside_a_running_loop(tmp_path: Path) -> None:
    async def run() -> bool:
        with started(tmp_path):
            return True

    assert asyncio.run(run())


def test_the_password_is_asked_for_kept_private_and_set_anew_when_lost(tmp_path: Path) -> None:
    record = tmp_path / "postgres.json"
    with started(tmp_path) as server:
        query(server.dsn, "CREATE TABLE kept AS SELECT 1 AS one")
        assert record.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "postgres").stat().st_mode & 0o777 == 0o700
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(server.dsn.replace("socialgym:", "socialgym:x"), "SELECT 1")
    old = json.loads(record.read_text())["password"]
    record.unlink()
    with started(tmp_path) as server:
        assert query(server.dsn, "SELECT one FROM kept") == 1
        assert old not in server.dsn
    record.write_text(json.dumps({"password": old}))
    with pytest.raises(EmbeddedError, match=r"remove that file"):
        EmbeddedPostgres.start(tmp_path)


def test_the_database_is_made_when_missing(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        query(server.dsn.rsplit("/", 1)[0] + "/postgres", "DROP DATABASE socialgym WITH (FORCE)")
    with started(tmp_path) as server:
        assert query(server.dsn, "SELECT current_database()") == "socialgym"


def test_the_log_repeats_no_data_and_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    with started(tmp_path) as server:
        query(server.dsn, "CREATE TABLE person (mail text UNIQUE)")
        query(server.dsn, "INSERT INTO person VALUES ('maya@example.org')")
        with pytest.raises(asyncpg.UniqueViolationError):
            query(server.dsn, "INSERT INTO person VALUES ('maya@example.org')")
    assert "duplicate key" in log.read_text()
    assert "maya" not in log.read_text()
    with log.open("a") as stream:
        stream.write("x" * embedded_cluster.LOG_LIMIT)
    with started(tmp_path):
        assert log.stat().st_size < 100_000
    assert (tmp_path / "postgres.log.1").stat().st_size > embedded_cluster.LOG_LIMIT


def test_attach_finds_the_server_of_another_process(tmp_path: Path) -> None:
    look = """
    found = EmbeddedPostgres.attach(data_dir)
    value = query(found.dsn, "SELECT word FROM shared")
    found.stop()
    print(json.dumps([found.pid, value]))
    """
    assert EmbeddedPostgres.attach(tmp_path) is None
    with started(tmp_path) as server:
        query(server.dsn, "CREATE TABLE shared AS SELECT 'seen' AS word")
        (tmp_path / "alias").symlink_to(tmp_path)
        for spelling in (tmp_path, tmp_path / "alias"):
            assert answer(child(look, spelling)) == [server.pid, "seen"]
        assert query(server.dsn, "SELECT 1") == 1, "stop() of an attached server must leave it running"
    assert EmbeddedPostgres.attach(tmp_path) is None


# ---- a death ---------------------------------------------------------------------------------------------------

WRITER = """
server = EmbeddedPostgres.start(data_dir)
async def write():
    connection = await asyncpg.connect(server.dsn)
    await connection.execute("CREATE TABLE turn (number int PRIMARY KEY, text text)")
    print(server.pid, flush=True)
    for number in range(10**9):
        await connection.execute("INSERT INTO turn VALUES ($1, repeat('word ', 200))", number)
        print(number, flush=True)
asyncio.run(write())
"""


@on_linux
def test_sigkill_of_the_parent_leaves_no_orphan_and_no_lost_commit(tmp_path: Path) -> None:
    with child(WRITER, tmp_path) as writer:
        assert writer.stdout is not None
        pid = int(writer.stdout.readline())
        for line in writer.stdout:
            if int(line) == 200:
                break
        family = family_of(pid)
        writer.kill()
        rest = writer.stdout.read().splitlines()
    # A commit that was acknowledged and printed; the last line may be torn.
    last = int(rest[-2]) if len(rest) > 1 else 200
    with started(tmp_path, fsync=True) as server:  # at once: while the old one may still be on its way out
        assert wait_until(lambda: family.isdisjoint(processes()), 5)
        assert query(server.dsn, "SELECT count(*) FROM turn WHERE number <= $1", last) == last + 1
        assert query(server.dsn, "SELECT bool_and(length(text) = 1000) FROM turn")


@on_linux
def test_no_process_is_left_within_five_seconds_without_a_next_start(tmp_path: Path) -> None:
    with child(WRITER, tmp_path) as writer:
        assert writer.stdout is not None
        pid = int(writer.stdout.readline())
        family = family_of(pid)
        writer.kill()
    assert wait_until(lambda: family.isdisjoint(processes()), 5)


@on_linux
def test_a_first_start_killed_half_way_is_done_again(tmp_path: Path) -> None:
    with child("EmbeddedPostgres.start(data_dir)", tmp_path) as first:
        assert wait_until(lambda: any(tmp_path.glob("postgres.new-*/base")), 30)
        first.kill()
    assert not (tmp_path / "postgres").exists()
    with started(tmp_path) as server:
        assert query(server.dsn, "SELECT 1") == 1


def test_an_exit_without_stop_is_a_clean_shutdown(tmp_path: Path) -> None:
    assert answer(child("print(EmbeddedPostgres.start(data_dir).pid)", tmp_path)) > 0
    assert (tmp_path / "postgres.log").read_text().rstrip().endswith("database system is shut down")


def test_an_interrupt_from_the_terminal_reaches_the_parent_only(tmp_path: Path) -> None:
    script = """
    os.setsid()
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    server = EmbeddedPostgres.start(data_dir, fsync=False)
    os.killpg(0, signal.SIGINT)
    time.sleep(0.3)
    print(json.dumps([heard, query(server.dsn, "SELECT 1")]))
    """
    assert answer(child(script, tmp_path)) == [[1], 1]


def test_an_orphan_is_ended_by_the_next_start(tmp_path: Path) -> None:
    first = EmbeddedPostgres.start(tmp_path, fsync=False)
    query(first.dsn, "CREATE TABLE kept AS SELECT 7 AS seven")
    assert first._owned is not None
    lock = first._owned._lock
    assert lock is not None
    os.close(lock)  # what the kernel does when a parent dies
    first._owned._lock = None
    with started(tmp_path) as second:
        assert first._owned._process.wait(1) == 0
        assert query(second.dsn, "SELECT seven FROM kept") == 7


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(tmp_path: Path) -> None:
    with started(tmp_path):
        lines = (tmp_path / "postgres" / "postmaster.pid").read_text().splitlines()
    account = embedded_user.choose_account(tmp_path, tmp_path / "postgres")
    command = embedded_user.command_line(account, [], ["/bin/sleep", "60"])
    with subprocess.Popen(command) as stranger:
        assert wait_until(lambda: "sleep" in " ".join(embedded_cluster._command_of(stranger.pid)[:1]), 5)
        for left_over in ("\n".join([str(stranger.pid), *lines[1:], ""]), ""):
            (tmp_path / "postgres" / "postmaster.pid").write_text(left_over)
            assert EmbeddedPostgres.attach(tmp_path) is None
            with started(tmp_path) as server:
                assert query(server.dsn, "SELECT 1") == 1
        assert stranger.poll() is None, "the stranger must not be signalled"
        stranger.kill()
