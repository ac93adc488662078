"""The streak of active days, with freezes that cover single missed days."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from realtime.domain import Json

FREEZE_EVERY: Final = 7  # a freeze is earned when the streak reaches 7, 14, ...
MAX_FREEZES: Final = 3


class Streak(Json):
    """``current`` and ``longest`` in active days, ``freezes`` held 0..3, ``last_active_on`` an ISO date."""

    current: int
    longest: int
    freezes: int
    last_active_on: str | None
    active_today: bool


def streak(days: Iterable[date], today: date) -> Streak:
    """The streak as it stands on ``today``: a pure function of the set of active days and that date.

    - Order and repetition of ``days`` do not matter, nor when a day became known. Days after ``today``
      (which another time zone may have written) are left out.
    - Each active day adds one. A day is missed when it is over without activity; today is not over, so it
      neither breaks the streak nor takes a freeze.
    - Reaching 7, 14, ... earns a freeze, unless three are held; each streak earns anew.
    - Missed days are covered oldest first, one freeze each, by what is held on that day: a covered day
      keeps the streak and adds nothing to it. Never two running: the second missed day in a row breaks the
      streak, and the freeze that covered the first stays spent. A broken streak is 0 and takes no more
      freezes; those left are kept for the next one.
    """
    active = sorted({day for day in days if day <= today})
    run = _Run()
    for before, day in zip([None, *active], active, strict=False):
        if before is not None:
            run = _after_missed(run, (day - before).days - 1)
        run = _after_active(run)
    if active:
        run = _after_missed(run, (today - active[-1]).days - 1)
    return Streak(
        current=run.current,
        longest=run.longest,
        freezes=run.freezes,
        last_active_on=active[-1].isoformat() if active else None,
        active_today=bool(active) and active[-1] == today,
    )


class _Run(msgspec.Struct, frozen=True):
    current: int = 0
    longest: int = 0
    freezes: int = 0


def _after_active(run: _Run) -> _Run:
    current = run.current + 1
    earned = 1 if current % FREEZE_EVERY == 0 else 0
    return _Run(current, max(run.longest, current), min(MAX_FREEZES, run.freezes + earned))


def _after_missed(run: _Run, missed: int) -> _Run:
    """After ``missed`` days without activity that directly follow an active one (0 or below: none)."""
    if missed <= 0:
        return run
    if run.freezes == 0:
        return _Run(0, run.longest, 0)
    return _Run(run.current if missed == 1 else 0, run.longest, run.freezes - 1)
