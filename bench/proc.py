"""What the kernel says of processes and of the machine (Linux; /proc)."""

import asyncio
import os
import platform
import time
from pathlib import Path

import msgspec

LOOK = 0.5  # seconds over which the machine is looked at
CALM = 0.1  # share of all cores: below it nothing else is at work
_TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and its children: for PostgreSQL the postmaster and its backends."""
    numbers = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid, *(number for number in numbers if _stat(number, 1) == str(pid))]


def _stat(pid: int, field: int) -> str | None:
    """A field after the command's name (0: state, 1: parent, 11: user ticks, 12: system ticks); None: it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[field]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of the processes that are still there."""
    total = 0
    for pid in pids:
        user, system = _stat(pid, 11), _stat(pid, 12)
        if user is not None and system is not None:
            total += int(user) + int(system)
    return total / _TICK


def family_cpu(pids: list[int]) -> float:
    """CPU seconds of the processes with their children, the reaped ones (waited for) included."""
    total = cpu_seconds([member for pid in pids for member in family(pid)])
    for pid in pids:
        user, system = _stat(pid, 13), _stat(pid, 14)
        if user is not None and system is not None:
            total += (int(user) + int(system)) / _TICK
    return total


def busy_seconds() -> float:
    """What the whole machine has worked: every state of its cores but idle, waiting for a disk, and stolen."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq = (int(word) for word in words[:7])
    return (user + nice + system + irq + softirq) / _TICK


async def calm(patience: float) -> bool:
    """Wait until the machine is nearly idle, at most ``patience`` seconds; whether it is."""
    deadline = time.monotonic() + patience
    while True:
        before, begin = busy_seconds(), time.monotonic()
        await asyncio.sleep(LOOK)
        share = (busy_seconds() - before) / (time.monotonic() - begin) / (os.cpu_count() or 1)
        if share < CALM or time.monotonic() >= deadline:
            return share < CALM


def precise_cpu_seconds(pids: list[int]) -> float:
    """Like ``cpu_seconds``, to the microsecond: from the scheduler's own counts, of all threads."""
    total = 0
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(path.read_text().split()[0])
            except OSError:
                continue  # the thread is gone
    return total / 1e9


class Memory(msgspec.Struct, frozen=True):
    """Of one process, in KiB. ``private`` is what would be free if it ended."""

    rss: int
    private: int


def memory(pid: int) -> Memory:
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        fields[name] = int(value.split()[0])
    return Memory(fields["Rss"], fields["Private_Clean"] + fields["Private_Dirty"])


class KernelSockets(msgspec.Struct, frozen=True):
    """Of the whole machine: TCP sockets in use, and the KiB of their buffers (pages that TCP has charged)."""

    sockets: int
    buffers: int


def kernel_sockets() -> KernelSockets:
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        words = line.split()
        if words[0] == "TCP:":
            pairs = dict(zip(words[1::2], words[2::2], strict=True))
            return KernelSockets(int(pairs["inuse"]), int(pairs["mem"]) * os.sysconf("SC_PAGE_SIZE") // 1024)
    return KernelSockets(0, 0)


def slab() -> int:
    """KiB of kernel objects (socket structures among them) on the whole machine."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Slab:"):
            return int(line.split()[1])
    return 0


def load_average() -> float:
    """Of the last minute: tasks that ran or wanted to."""
    return os.getloadavg()[0]


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def file_system(path: Path) -> str:
    """The type of the file system that holds ``path``: on tmpfs an fsync costs nothing."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        inside = str(path.resolve()).startswith(mount.rstrip("/") + "/") or mount == "/"
        if inside and len(mount) >= len(best):
            best, kind = mount, found
    return kind
