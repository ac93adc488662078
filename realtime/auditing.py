"""The reconciler in production: a run shortly after the start and about every minute, in a task of the process.

A run looks at what has changed since the last one, whichever process made that; of many processes one makes it and
all know its outcome. A violation is logged by the process that finds it, once, and stands until it is found right.
Nothing is repaired and nobody is kept from anything: a user's books may be wrong, the others' turns go on.
"""

import asyncio

import structlog

from realtime.counts import Counts
from realtime.jitter import jittered
from realtime.tasks import Tasks
from storage.database import Database
from storage.reconciler import Standing, Violation, next_run, standing

log = structlog.get_logger("socialgym.reconciler")
EVERY_SECONDS = 60.0
FIRST_SECONDS = 2.0  # the first run waits until the process has begun to serve
REST_TIMES = 10  # a run is followed by ten times its own length without one, if that is more than the minute
STOP_SECONDS = 1.0  # a run under way is cut off at the end of the process: it only reads, and is made again


class Auditor:
    """Owns the loop. ``standing``: the outcome of the last run of any process, as of this one's last look."""

    def __init__(self, database: Database, counts: Counts, *, attempts: int) -> None:
        self._database = database
        self._counts = counts
        self._attempts = attempts
        self._tasks = Tasks()
        self._loop: asyncio.Task[None] | None = None
        self.standing = Standing()

    def start(self) -> None:
        self._loop = asyncio.create_task(self._forever(), name="reconciler")

    async def close(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._tasks.close(patience=STOP_SECONDS)

    async def _forever(self) -> None:
        wait, every = FIRST_SECONDS, FIRST_SECONDS
        while True:
            await asyncio.sleep(jittered(wait))
            began = asyncio.get_running_loop().time()
            try:
                await self._tasks.run(self.run(every=every), "reconcile")
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.error("reconciler.failed", exc_info=error)
            lasted = asyncio.get_running_loop().time() - began
            wait = max(EVERY_SECONDS, REST_TIMES * lasted)
            every = wait / 2  # half: jitter must not make a run late by a whole round

    async def run(self, *, every: float = 0.0) -> None:
        """One run, unless another process began one less than ``every`` seconds ago; then its outcome."""
        async with self._database.read() as connection:
            before = await standing(connection)
        report = await next_run(self._database, every=every, attempts=self._attempts)
        if report is not None:
            self._counts.reconciliations += 1
            self._tell(before.violations, report.violations)
            for name in report.cut:
                log.error("reconciler.more", check=name)
        async with self._database.read() as connection:
            self.standing = await standing(connection)

    def _tell(self, before: tuple[Violation, ...], now: tuple[Violation, ...]) -> None:
        """Log what is new, and what is right again. Details may change while the thing stays the same."""
        known = {_what(violation) for violation in before}
        for violation in now:
            if _what(violation) not in known:
                log.error(
                    "reconciler.violation",
                    check=violation.check,
                    user_id=str(violation.user_id),
                    session_id=str(violation.session_id),
                    detail=violation.detail,
                )
        left = {_what(violation) for violation in now}
        for check, user_id, session_id in sorted(known - left, key=str):
            log.info("reconciler.right_again", check=check, user_id=str(user_id), session_id=str(session_id))


def _what(violation: Violation) -> tuple[str, object, object]:
    return violation.check, violation.user_id, violation.session_id
