"""The reconciler: every check of ``storage.checks`` over one snapshot of the database.

It reads and judges; it repairs nothing. Production, the command and the tests ask it in the same way. The only writer
of ``reconciliation``, the one row by which the processes of a database share the runs and their outcome.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.checks import CHECKS, Check
from storage.database import Database, execute, row, rows

MOST = 100  # violations of one check that a report names: enough to see what is wrong, whatever went wrong
DATA_EXCEPTIONS = "22"  # the class of SQLSTATE in which PostgreSQL says that it can't take a value
# A transaction stamps its rows with its beginning and shows them at its end: what is seen only after the last look
# may be stamped earlier than it. No transaction of ours lasts a tenth of this.
OVERLAP = timedelta(minutes=10)
LOCK_KEY = 0x50C1A168  # one run at a time on a database; the number before it is that of migrations
QUARANTINED_AFTER = 5  # failed finalizations, where the caller does not say


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not hold. ``check``: the name of one of ``CHECKS``; ``user_id`` and ``session_id``: whose,
    where it is somebody's. ``detail`` holds no word of what a person said."""

    check: str
    user_id: UUID | None
    session_id: UUID | None
    detail: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one run found.

    at: the database's time of the snapshot. since: what was looked at had changed after this (None: everything).
    violations: by check, at most ``most`` of each. cut: the names of checks that found more than that.
    """

    at: datetime
    since: datetime | None
    violations: tuple[Violation, ...]
    cut: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.violations

    @property
    def complete(self) -> bool:
        """Whether every violation found is named, and can be looked at again by its name."""
        return not self.cut and all(violation.user_id is not None for violation in self.violations)

    @property
    def counts(self) -> dict[str, int]:
        """Violations by check; every check is named, those without any with 0."""
        found = Counter(violation.check for violation in self.violations)
        return {check.name: found[check.name] for check in CHECKS}


async def reconcile(
    connection: AsyncConnection,
    *,
    since: datetime | None = None,
    again: Sequence[Violation] = (),
    attempts: int = QUARANTINED_AFTER,
    most: int = MOST,
) -> Report:
    """Ask every check, over everything or over what has changed since ``since`` and what ``again`` names.

    ``connection`` is at one snapshot (``Database.read``), so that what is committed meanwhile contradicts nothing.
    ``since`` is earlier than the last look by ``OVERLAP``. ``attempts``: failed finalizations that quarantine.
    """
    now = await row(connection, "SELECT now() AS at")
    assert now is not None
    named = [(violation.user_id, violation.session_id) for violation in again if violation.user_id is not None]
    parameters = {
        "since": since,
        "users": [user_id for user_id, _ in named],
        "sessions": [session_id for _, session_id in named],
        "attempts": attempts,
        "most": most + 1,
    }
    found: list[Violation] = []
    cut: list[str] = []
    for check in CHECKS:
        statement = check.everything if since is None else check.changed
        said = await _ask(connection, check, statement, parameters)
        found.extend(said[:most])
        if len(said) > most:
            cut.append(check.name)
    return Report(at=now["at"], since=since, violations=tuple(found), cut=tuple(cut))


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs so far have left. ``covered_until``: what changed before was found right or is in ``violations``;
    None: no run was ever finished."""

    covered_until: datetime | None = None
    violations: tuple[Violation, ...] = ()


async def standing(connection: AsyncConnection) -> Standing:
    """What the last run left, of whichever process it was."""
    found = await row(connection, "SELECT covered_until, violations FROM reconciliation WHERE id = 1")
    if found is None:
        return Standing()
    violations = msgspec.json.decode(found["violations"], type=tuple[Violation, ...])
    return Standing(covered_until=found["covered_until"], violations=violations)


async def next_run(database: Database, *, every: float, attempts: int) -> Report | None:
    """Look at what has changed since the last run, and at what that found; None when another process is at it, or
    began a run less than ``every`` seconds ago, whose outcome serves all.

    The first run of a database looks at everything. What is found stays on the list until it is found right, so a
    standing violation keeps runs from nothing and costs them nothing.
    """
    async with database.transaction() as connection:
        claimed = await execute(
            connection,
            """INSERT INTO reconciliation (id, claimed_at) VALUES (1, now())
               ON CONFLICT (id) DO UPDATE SET claimed_at = now(), updated_at = now()
               WHERE reconciliation.claimed_at <= now() - make_interval(secs => :every)""",
            every=every,
        )
    if not claimed:
        return None
    async with database.read() as connection:
        # Held until this run's transaction ends, however it ends: one that takes minutes is not begun a second time.
        alone = await row(connection, "SELECT pg_try_advisory_xact_lock(:key) AS held", key=LOCK_KEY)
        if alone is None or not alone["held"]:
            return None
        last = await standing(connection)
        since = None if last.covered_until is None else last.covered_until - OVERLAP
        report = await reconcile(connection, since=since, again=last.violations, attempts=attempts)
    await _keep(database, report)
    return report


async def _keep(database: Database, report: Report) -> None:
    """Store the outcome, unless a later run stored its own. After an incomplete one the next looks as far back."""
    async with database.transaction() as connection:
        await execute(
            connection,
            """UPDATE reconciliation SET violations = :violations, updated_at = now(),
                   covered_until = CASE WHEN :complete THEN :at ELSE covered_until END
               WHERE id = 1 AND (covered_until IS NULL OR covered_until < :at)""",
            violations=msgspec.json.encode(report.violations).decode(),
            complete=report.complete,
            at=report.at,
        )


async def _ask(
    connection: AsyncConnection, check: Check, statement: str, parameters: dict[str, Any]
) -> list[Violation]:
    """The check's violations. Stored values that can't even be read (a summary that is no JSON) are one, and keep
    the other checks from nothing."""
    limited = f"{statement}\nLIMIT :most"
    given = {name: value for name, value in parameters.items() if f":{name}" in limited}
    try:
        async with connection.begin_nested():
            said = await rows(connection, limited, **given)
    except DBAPIError as error:
        if not _state(error).startswith(DATA_EXCEPTIONS):
            raise
        # The driver's own words would quote the value.
        said = [{"user_id": None, "session_id": None, "detail": f"a stored value can't be read ({_state(error)})"}]
    return [Violation(check=check.name, **violation) for violation in said]


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
