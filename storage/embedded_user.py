"""Which account the embedded PostgreSQL runs as, and the small program that becomes it.

PostgreSQL refuses to run as root. This file has two halves that must agree:

* imported, it chooses an :class:`Account` for a data directory and gives a folder to it;
* run as a script (``python -I -S embedded_user.py PLAN PROGRAM ARG...``), it turns into that account, ties its
  life to the process that started it, and executes PROGRAM in its own place, so that the process id stays.

A script rather than ``preexec_fn``: Python code between fork and exec can deadlock when other threads exist, and
warns from 3.12 on. It costs about 20 ms. It must import nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import pwd
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

#: How the account is reached from the present one.
#: ``stay``: it is the present one. ``setuid``: root gives up its identity. ``namespace``: a user namespace in which
#: the present user carries another number; files keep their owner. The last is for a root that may not change
#: its identity or the owner of a file (a container that maps one user only, a share that ignores chown), and for
#: a user without an entry in the password file, whom initdb refuses.
Switch = Literal["stay", "setuid", "namespace"]

# linux/prctl.h, linux/capability.h, linux/sched.h
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 4
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWUSER = 0x10000000
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAP_SETGID = 6
_CAP_SETUID = 7
_CAP_SETPCAP = 8

#: Sent by the kernel to PostgreSQL when its parent dies. SIGQUIT is the "immediate" shutdown: it ends within
#: milliseconds, however slow the disk (the postmaster kills what is left after 5 s), and the next start replays the
#: write-ahead log. SIGINT would write a shutdown checkpoint first, whose length nothing bounds.
DEATH_SIGNAL = signal.SIGQUIT

#: Exit status of the script when it could not execute the program (the shell's "found but cannot be executed").
CANNOT_EXECUTE = 126

LINUX = sys.platform.startswith("linux")


@dataclasses.dataclass(frozen=True)
class Account:
    """A user that PostgreSQL runs as: its numbers as the process will see them, and the way to it."""

    uid: int
    gid: int
    switch: Switch

    @property
    def disk_ids(self) -> tuple[int, int]:
        """The owner and group, as the present process sees them, of the files that this account owns."""
        return (self.uid, self.gid) if self.switch == "setuid" else (os.geteuid(), os.getegid())


def choose_account(data_dir: Path, cluster: Path) -> Account:
    """The account for the cluster folder inside data_dir (which exists).

    Not root: the present user. Root: the owner of data_dir, else the owner of an existing cluster, else ``nobody``;
    where root cannot become that user or cannot give it files, a user namespace. Raises OSError.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), "stay")
    status = data_dir.stat()
    if status.st_uid == 0 and cluster.exists():
        status = cluster.stat()
    uid, gid = (status.st_uid, status.st_gid) if status.st_uid != 0 else _nobody()
    if _can_become(uid, gid, data_dir):
        return Account(uid, gid, "setuid")
    return _namespace_account()


def named_account(account: Account) -> Account:
    """The account to run initdb and single-user mode as: those insist on an entry in the password file."""
    if _is_named(account.uid):
        return account
    if account.switch == "setuid":
        return Account(*_nobody(), "setuid")
    return _namespace_account()


def give(folder: Path, account: Account) -> None:
    """Make the account the owner of folder and all in it, unless it owns folder already. Links are not followed."""
    uid, gid = account.disk_ids
    if folder.lstat().st_uid == uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            os.chown(os.path.join(parent, name), uid, gid, follow_symlinks=False)
    # Last: an interrupted walk leaves the old owner on top, and the next start walks again.
    os.chown(folder, uid, gid, follow_symlinks=False)


def command_line(account: Account, reach: Sequence[tuple[Path, int]], command: Sequence[str]) -> list[str]:
    """The arguments that run command as account, as a child of this process and not outliving it.

    reach: paths with the os.access mode that the command needs; where the account lacks one, and root may, the
    command is given the capability to look past file permissions (reading only, if that is enough).
    """
    plan = {**dataclasses.asdict(account), "parent": os.getpid(), "reach": [(str(p), m) for p, m in reach]}
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), json.dumps(plan), *command]


def _is_named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534  # the kernel's overflow user, which is what "nobody" is where the name exists
    return entry.pw_uid, entry.pw_gid


def _namespace_account() -> Account:
    # Not the overflow user: inside a namespace every foreign file seems to belong to that one.
    for entry in pwd.getpwall():
        if entry.pw_uid not in (0, 65534):
            return Account(entry.pw_uid, entry.pw_gid, "namespace")
    return Account(*_nobody(), "namespace")


def _can_become(uid: int, gid: int, folder: Path) -> bool:
    """True when this process may take the identity, and a file in folder can be given to it."""
    if LINUX and not {_CAP_SETUID, _CAP_SETGID} <= _capabilities("CapEff"):
        return False
    handle, name = tempfile.mkstemp(prefix=".owner-", dir=folder)
    try:
        os.fchown(handle, uid, gid)
        return os.fstat(handle).st_uid == uid
    except OSError:
        return False
    finally:
        os.close(handle)
        os.unlink(name)


def _capabilities(kind: str) -> set[int]:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == kind:
            bits = int(value, 16)
            return {bit for bit in range(64) if bits >> bit & 1}
    return set()


# ---- the script ------------------------------------------------------------------------------------------------


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library that answers 0 on success; OSError otherwise."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _call("prctl", ctypes.c_int(option), *padded)


def _become(account: Account) -> None:
    if account.switch == "setuid":
        if LINUX:
            _prctl(_PR_SET_KEEPCAPS, 1)  # what may be needed to reach the files; execve drops the rest
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)
    elif account.switch == "namespace":
        outer_uid, outer_gid = os.geteuid(), os.getegid()
        _call("unshare", ctypes.c_int(_CLONE_NEWUSER))
        for name, text in (
            ("setgroups", "deny"),  # the kernel's condition for writing gid_map oneself
            ("uid_map", f"{account.uid} {outer_uid} 1"),
            ("gid_map", f"{account.gid} {outer_gid} 1"),
        ):
            Path("/proc/self", name).write_text(text)


def _inherit(capabilities: Sequence[int]) -> None:
    """Make exactly these capabilities survive execve; they must be permitted now."""
    # Kernels before 4.3 have no ambient set; there is nothing to clear there.
    with contextlib.suppress(OSError):
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    if not capabilities:
        return  # execve by a user other than root drops all that is not ambient
    if _CAP_SETPCAP in _capabilities("CapPrm"):
        # Otherwise access(2), by which PostgreSQL looks for its own files, ignores capabilities.
        _set_capabilities(effective=(_CAP_SETPCAP,), inheritable=())
        with contextlib.suppress(OSError):  # not in every sandbox; only closed binaries need it
            _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    _set_capabilities(effective=capabilities, inheritable=capabilities)
    for bit in capabilities:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, bit)


def _set_capabilities(*, effective: Sequence[int], inheritable: Sequence[int]) -> None:
    """Set two of the sets of this process; the permitted set stays."""
    words = (_CapData * 2)()
    for bit in _capabilities("CapPrm"):
        words[bit // 32].permitted |= 1 << bit % 32
    for bit in effective:
        words[bit // 32].effective |= 1 << bit % 32
    for bit in inheritable:
        words[bit // 32].inheritable |= 1 << bit % 32
    _call("capset", ctypes.byref(_CapHeader(_CAPABILITY_VERSION_3, 0)), words)


def _capability_ladder(reach: Sequence[tuple[str, int]]) -> Iterator[tuple[int, ...]]:
    """Sets of capabilities to try, the least first.

    Containers commonly permit DAC_OVERRIDE and not DAC_READ_SEARCH; executing a file that only its owner may
    execute needs DAC_OVERRIDE everywhere.
    """
    # os.access asks for the real user without capabilities, which is the question here.
    missing = [path for path, mode in reach if not os.access(path, mode)]
    if not missing:
        yield ()
        return
    permitted = _capabilities("CapPrm")
    for rung in ((_CAP_DAC_READ_SEARCH,), (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE), (_CAP_DAC_OVERRIDE,)):
        if permitted.issuperset(rung):
            yield rung
    raise PermissionError(f"this user cannot reach {missing[0]}")


def _tie_to_parent(parent: int) -> None:
    # After every change of identity or capabilities: those clear the signal. execve keeps it.
    _prctl(_PR_SET_PDEATHSIG, DEATH_SIGNAL)
    if os.getppid() != parent:
        raise ProcessLookupError("the process that asked for it has ended")


def _execute(plan: str, command: list[str]) -> None:
    """Become the account of the plan and execute the command; returns never, raises OSError."""
    fields = json.loads(plan)
    account = Account(fields["uid"], fields["gid"], fields["switch"])
    os.umask(0o077)
    _become(account)
    if not LINUX:
        os.execv(command[0], command)  # noqa: S606 - a command of our own making, no shell
    for rung in _capability_ladder(fields["reach"]):
        _inherit(rung)
        _tie_to_parent(fields["parent"])
        with contextlib.suppress(PermissionError):
            os.execv(command[0], command)  # noqa: S606 - a command of our own making, no shell


if __name__ == "__main__":
    try:
        _execute(sys.argv[1], sys.argv[2:])
    except OSError as problem:
        advice = "start the server as an ordinary user with a data directory of its own, or set DATABASE_URL"
        print(f"FATAL:  cannot run {sys.argv[2]} as user {os.geteuid()}: {problem}; {advice}", file=sys.stderr)
    raise SystemExit(CANNOT_EXECUTE)
