"""Everything that would make two runs of one seed differ, replaced for as long as universes run: ids, clocks, jitter;
and the log, of which only what went wrong is kept."""

import asyncio
import random
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import asyncpg
import uuid_utils
import uuid_utils.compat

from realtime.errors import AppError

EPOCH = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)  # a Wednesday, far from midnight

# What a process may fail with when its connections break; all else that is logged as an error is one.
EXPECTED = (
    OSError,
    TimeoutError,
    asyncio.CancelledError,
    asyncpg.PostgresConnectionError,
    asyncpg.TransactionRollbackError,
    AppError,
)

TOLD_BEFORE = ("a session could not be ended or told so",)  # what failed below it has logged its own error


class Clock:
    """Virtual time as the modules that ask for it see it."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = lambda: 0.0

    def datetime(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now())


class Ids:
    """UUIDs of version 7, counted."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> uuid.UUID:
        self.count += 1
        mixed = self.count * 0x9E3779B97F4A7C15 & 0x3FFFFFFFFFFFFFFF
        return uuid.UUID(int=(0x019500000000 + self.count) << 80 | 7 << 76 | 2 << 62 | mixed)


CLOCK = Clock()
IDS = Ids()
ERRORS: list[tuple[str, str]] = []  # (what the log said, the exception) since the last ``begin``


class _Datetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return CLOCK.datetime().astimezone(tz)


def begin(seed: int, now: Callable[[], float]) -> None:
    """A universe begins."""
    random.seed(seed)
    CLOCK.now = now
    IDS.count = 0
    ERRORS.clear()


class Log:
    """In the place of a module's logger: keeps what is an error and can't come from a connection that broke."""

    def debug(self, event: str, **entry: Any) -> None:
        pass

    info = warning = debug

    def error(self, event: str, **entry: Any) -> None:
        error = entry.get("exc_info")
        if event not in TOLD_BEFORE and not isinstance(error, EXPECTED):
            ERRORS.append((event, repr(error) if error is not None else str(entry.get("error", ""))))


@contextmanager
def determined() -> Iterator[None]:
    """Replace them; and put all back."""
    changed: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, value: Any) -> None:
        changed.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    for name, module in list(sys.modules.items()):
        if not name.startswith("realtime."):
            continue
        if getattr(module, "datetime", None) is datetime:
            replace(module, "datetime", _Datetime)
        if hasattr(getattr(module, "log", None), "bind"):
            replace(module, "log", Log())
    for owner in (uuid_utils, uuid_utils.compat):
        replace(owner, "uuid7", IDS.next)
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
        for owner, name, value in reversed(changed):
            setattr(owner, name, value)
