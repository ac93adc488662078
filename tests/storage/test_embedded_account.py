"""The account that PostgreSQL runs as: every way to it, the least rights on each, and clear refusals."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from storage import embedded_cluster, embedded_user
from storage.embedded import EmbeddedError, EmbeddedPostgres
from storage.embedded_user import Account
from tests.storage.test_embedded import answer, child, open_dir, query, started

__all__ = ["open_dir"]

#: A number that no password file lists.
NAMELESS = 54321

#: linux/capability.h
CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, SETGID, SETUID, SETPCAP = 0, 1, 2, 6, 7, 8


def status_of(pid: int | str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def uid_of(pid: int) -> int:
    return int(status_of(pid)["Uid"].split()[0])


def capabilities_of(pid: int | str) -> set[int]:
    bits = int(status_of(pid)["CapEff"], 16)
    return {bit for bit in range(64) if bits >> bit & 1}


OWN = capabilities_of("self") if embedded_user.LINUX and os.geteuid() == 0 else set()
as_root = pytest.mark.skipif(
    not {CHOWN, DAC_OVERRIDE, SETGID, SETUID, SETPCAP} <= OWN, reason="only a root with its usual rights on Linux"
)
#: The least that looks into a closed folder; many containers have the wider one only.
READER = DAC_READ_SEARCH if DAC_READ_SEARCH in OWN else DAC_OVERRIDE

#: Starts, leaves a trace of its visit, and reports who PostgreSQL was, what it might do, and all visits so far.
VISIT = """
server = EmbeddedPostgres.start(data_dir, fsync=False)
query(server.dsn, "CREATE TABLE IF NOT EXISTS visit (number int)")
query(server.dsn, "INSERT INTO visit VALUES (1)")
status = dict(l.split(":\\t", 1) for l in Path(f"/proc/{server.pid}/status").read_text().splitlines() if ":\\t" in l)
owner = (data_dir / "postgres").stat().st_uid
visits = query(server.dsn, "SELECT count(*) FROM visit")
server.stop()
print(json.dumps([int(status["Uid"].split()[0]), owner, int(status["CapEff"], 16), visits]))
"""

#: The interpreter may lie where only a capability reaches it; from here on the child has a plain user's rights.
UNARMED = """
from storage import embedded_user
embedded_user._set_capabilities(effective=(), inheritable=())
"""

#: Reports the clear text of a refused start.
REFUSED = """
try:
    EmbeddedPostgres.start(data_dir)
except EmbeddedError as refusal:
    print(json.dumps(str(refusal)))
"""


def nobody() -> int:
    return pwd.getpwnam("nobody").pw_uid


def namespaces_work() -> bool:
    script = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x10000000) != 0)"
    return subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# ---- as root ---------------------------------------------------------------------------------------------------


@as_root
def test_root_uses_nobody_with_no_capability_where_the_way_is_open(open_dir: Path) -> None:
    assert answer(child(VISIT, open_dir / "data")) == [nobody(), nobody(), 0, 1]


@as_root
def test_root_in_a_closed_folder_lends_the_right_to_read_and_opens_nothing(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with started(closed / "data") as server:
        assert uid_of(server.pid) == nobody()
        assert capabilities_of(server.pid) == {READER}
        assert query(server.dsn, "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed.stat().st_uid == 0


@pytest.fixture
def closed_binaries(open_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The binaries in a clone that root keeps to itself."""
    package = embedded_cluster._binaries().parent
    copy = open_dir / "closed" / package.name
    for folder in (package / "pginstall18", package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, copy.parent / folder.relative_to(package.parent), symlinks=True)
    (open_dir / "closed").chmod(0o700)
    monkeypatch.setattr(embedded_cluster, "_binaries", lambda: copy / "pginstall18")
    return open_dir / "closed"


@as_root
def test_binaries_in_a_folder_closed_by_root_are_executed(open_dir: Path, closed_binaries: Path) -> None:
    with started(open_dir / "data") as server:
        assert uid_of(server.pid) == nobody()
        assert capabilities_of(server.pid) == {READER}
        assert query(server.dsn, "SELECT 1") == 1
    assert closed_binaries.stat().st_mode & 0o777 == 0o700


@as_root
def test_binaries_that_only_root_may_execute_are_executed(open_dir: Path, closed_binaries: Path) -> None:
    for path in closed_binaries.rglob("*"):  # what an installation under umask 077 may leave
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    with started(open_dir / "data") as server:
        assert uid_of(server.pid) == nobody()
        assert capabilities_of(server.pid) == {READER, DAC_OVERRIDE}
        assert query(server.dsn, "SELECT 1") == 1


@as_root
def test_root_of_a_container_without_the_right_to_read_all_lends_the_wider_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    seen = answer(child(VISIT, tmp_path / "data", without=(DAC_READ_SEARCH,)))
    assert seen == [nobody(), nobody(), 1 << DAC_OVERRIDE, 1]


@as_root
def test_root_that_cannot_reach_and_may_lend_nothing_is_told_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    without = (DAC_READ_SEARCH, DAC_OVERRIDE)
    refusal = answer(child(REFUSED, tmp_path / "data", without=without))
    assert "cannot reach" in refusal
    assert str(tmp_path / "data" / "postgres.log") in refusal


@as_root
@pytest.mark.skipif(not namespaces_work(), reason="no user namespaces here")
def test_root_that_cannot_change_its_identity_uses_a_namespace(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    data = tmp_path / "data"
    assert answer(child(VISIT, data, without=(SETUID,))) == [0, 0, 0, 1]
    # The same data with all rights again, and back.
    assert answer(child(VISIT, data))[:2] == [nobody(), nobody()]
    assert answer(child(VISIT, data, without=(SETUID,))) == [0, 0, 0, 3]


@as_root
def test_a_data_directory_passes_between_root_and_its_owner(open_dir: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    data = open_dir / "data"
    assert answer(child(VISIT, data))[:2] == [nobody(), nobody()]
    os.chown(data, daemon.pw_uid, daemon.pw_gid)
    assert answer(child(VISIT, data)) == [daemon.pw_uid, daemon.pw_uid, 0, 2]
    owner = Account(daemon.pw_uid, daemon.pw_gid, "setuid")
    assert answer(child(VISIT, data, account=owner)) == [daemon.pw_uid, daemon.pw_uid, 0, 3]
    assert answer(child(VISIT, data)) == [daemon.pw_uid, daemon.pw_uid, 0, 4]


@as_root
def test_an_owner_without_a_name_is_served_all_the_same(open_dir: Path) -> None:
    with pytest.raises(KeyError):
        pwd.getpwuid(NAMELESS)
    os.chown(open_dir, NAMELESS, NAMELESS)
    assert answer(child(VISIT, open_dir)) == [NAMELESS, NAMELESS, 0, 1]
    (open_dir / "postgres.json").unlink()  # setting a new password needs a name as well
    assert answer(child(VISIT, open_dir)) == [NAMELESS, NAMELESS, 0, 2]


# ---- as another user -------------------------------------------------------------------------------------------


@as_root
def test_a_user_who_is_not_root_starts_it_as_himself(open_dir: Path) -> None:
    user = Account(nobody(), nobody(), "setuid")
    os.chown(open_dir, user.uid, user.gid)
    open_dir.chmod(0o700)
    assert answer(child(VISIT, open_dir / "data", account=user)) == [user.uid, user.uid, 0, 1]
    assert answer(child(VISIT, open_dir / "data", account=user)) == [user.uid, user.uid, 0, 2]


@as_root
@pytest.mark.skipif(not namespaces_work(), reason="no user namespaces here")
def test_a_user_without_a_name_starts_it_as_himself(open_dir: Path) -> None:
    os.chown(open_dir, NAMELESS, NAMELESS)
    user = Account(NAMELESS, NAMELESS, "setuid")
    assert answer(child(VISIT, open_dir / "data", account=user)) == [NAMELESS, NAMELESS, 0, 1]


@as_root
def test_a_foreign_cluster_or_folder_is_refused_in_clear_words(open_dir: Path) -> None:
    daemon = Account(1, 1, "setuid")
    refusal = answer(child(UNARMED + REFUSED, open_dir / "data", account=daemon))
    assert f"cannot use {open_dir}/data" in refusal
    assert "Permission denied" in refusal
    data = open_dir / "data"
    assert answer(child(VISIT, data))[1] == nobody()
    data.chmod(0o777)
    for name in ("postgres.lock", "postgres.log", "postgres.json"):
        os.chown(data / name, daemon.uid, daemon.gid)
    refusal = answer(child(UNARMED + REFUSED, data, account=daemon))
    assert f"belongs to user {nobody()}" in refusal
    assert "start as" in refusal


# ---- refusals for everyone -------------------------------------------------------------------------------------


def test_two_servers_on_one_data_directory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_cluster, "LOCK_WAIT_S", 0.1)
    with started(tmp_path) as server:
        with pytest.raises(EmbeddedError, match=f"in use by another server .process {os.getpid()}."):
            EmbeddedPostgres.start(tmp_path)
        assert query(server.dsn, "SELECT 1") == 1


def test_a_start_outside_the_main_thread_is_refused(tmp_path: Path) -> None:
    refusals: list[str] = []

    def run() -> None:
        try:
            EmbeddedPostgres.start(tmp_path)
        except EmbeddedError as refusal:
            refusals.append(str(refusal))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert refusals == ["the embedded PostgreSQL must be started from the main thread"]


def test_what_is_no_usable_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"cannot use .*file"):
        EmbeddedPostgres.start(tmp_path / "file")
    with started(tmp_path / "old"):
        pass
    (tmp_path / "old" / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match="of PostgreSQL 15; this is PostgreSQL 18"):
        EmbeddedPostgres.start(tmp_path / "old")


def test_a_damaged_cluster_is_named_with_its_reason_and_log(tmp_path: Path) -> None:
    with started(tmp_path):
        pass
    (tmp_path / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedError, match=r"(?s)ended while starting.*pg_control.*postgres\.log"):
        EmbeddedPostgres.start(tmp_path)


def test_a_link_in_place_of_the_log_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postgres.log").symlink_to(target)
    with pytest.raises(EmbeddedError):
        EmbeddedPostgres.start(tmp_path / "data")
    assert not target.exists()


def test_the_binaries_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match="set DATABASE_URL"):
        EmbeddedPostgres.start(tmp_path)


def test_the_capability_ladder_starts_with_none(tmp_path: Path) -> None:
    assert next(embedded_user._capability_ladder([(str(tmp_path), os.R_OK)])) == ()
