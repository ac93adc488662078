"""What the figures were measured on."""

import os
import platform
import sys
from importlib.metadata import version

import msgspec

from bench.proc import cpu_model, file_system, load_average
from bench.stage import Stage

PACKAGES = ("uvicorn", "uvloop", "websockets", "asyncpg", "sqlalchemy", "fastapi", "litestar", "msgspec")


class Machine(msgspec.Struct, frozen=True):
    """``node``: its version, or why the Node peer did not run."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    packages: dict[str, str]
    node: str
    postgres: dict[str, str]
    file_system: str
    load_before: float


async def machine(stage: Stage, node: str) -> Machine:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages / 2**30, 1),
        kernel=platform.release(),
        python=sys.version.split()[0],
        packages={name: version(name) for name in PACKAGES},
        node=node,
        postgres=await stage.cluster.settings(),
        file_system=file_system(stage.scratch),
        load_before=round(load_average(), 2),
    )
