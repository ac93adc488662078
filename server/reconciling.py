"""``socialgym reconcile``: the reconciler's checks from the command line, beside a running server or without one."""

import argparse
from datetime import UTC, datetime

import msgspec

from realtime.core.times import iso
from realtime.limits import DEFAULT
from storage.checks import CHECKS
from storage.database import Database, row
from storage.errors import DatabaseUnsafe
from storage.reconciler import Report, reconcile

MOST = 10_000  # violations of one check that are told: more than a person reads, less than fills a memory


def time_of(text: str) -> datetime:
    """An argument like ``2026-11-21T08:00Z``; a time without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 2026-11-21T08:00Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


async def check(dsn: str, *, since: datetime | None, as_json: bool) -> int:
    """Ask every check, over everything or what has changed since, and tell what does not hold. 1: something doesn't.

    It reads one snapshot and changes nothing. Raises ``DatabaseUnavailable``, and ``DatabaseUnsafe`` for a database
    that no server was ever started on.
    """
    database = Database(dsn)
    try:
        await database.check(unsafe=True)  # it only reads: nothing can be lost
        async with database.read() as connection:
            there = await row(connection, "SELECT to_regclass('practice_session') IS NOT NULL AS made")
            if there is None or not there["made"]:
                raise DatabaseUnsafe("there is nothing to reconcile: no server was started on this database yet.")
            report = await reconcile(connection, since=since, attempts=DEFAULT.finalize_attempts, most=MOST)
    finally:
        await database.close()
    print(_json(report) if as_json else _text(report))
    return 0 if report.clean else 1


def _json(report: Report) -> str:
    said = {
        "at": iso(report.at),
        "since": None if report.since is None else iso(report.since),
        "clean": report.clean,
        "counts": report.counts,
        "cut": report.cut,
        "violations": report.violations,
    }
    return msgspec.json.encode(said).decode()


def _text(report: Report) -> str:
    about = {check.name: check.about for check in CHECKS}
    lines: list[str] = []
    for name, found in report.counts.items():
        if found:
            lines.append(f'{name}: {found}{" and more" if name in report.cut else ""} against "{about[name]}"')
            lines += [
                f"  user {one.user_id or '-'} session {one.session_id or '-'}: {one.detail}"
                for one in report.violations
                if one.check == name
            ]
    over = "everything" if report.since is None else f"what has changed since {iso(report.since)}"
    verdict = "all hold" if report.clean else f"{len(report.violations)} violations"
    return "\n".join([*lines, f"{len(CHECKS)} checks over {over}, as of {iso(report.at)}: {verdict}."])
