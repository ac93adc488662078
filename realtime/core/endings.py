"""How a session ends: when its own rules end it, and what the end is called.

The end is a pure function of the cause, the terms and the stored turns: the first row of ``TABLE`` that
holds. Strikes, mood collapse, the limit and the objective are rules of missions alone.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from realtime.core.facts import LEARNER_LEFT, Cause, Tally, Terms, TurnFacts
from realtime.core.gates import GateKey, evaluate, failed
from realtime.domain import Amounts, Json

Status = Literal["SUCCESS", "FAIL", "ABORTED"]
EndReasonCode = Literal[
    "ABORT_SYSTEM_ERROR",
    "ABORT_DISQUALIFIED",
    "FAIL_TIMER_EXPIRED",
    "FAIL_TOO_MANY_STRIKES",
    "FAIL_GATE_SEQUENCE",
    "FAIL_MOOD_COLLAPSE",
    "FAIL_MAX_MESSAGES",
    "FAIL_OBJECTIVE",
    "SUCCESS_OBJECTIVE",
    "SUCCESS_GATE_SEQUENCE",
    "SUCCESS_SCORE_MILESTONE",
    "ABORT_USER_EXIT",
]
MAX_TURNS = 1000  # user turns of one session, of any kind; it then ends with cause AGE
COLLAPSE_BELOW = 25  # moodPercent under which a turn counts towards a collapse
COLLAPSE_RUN = 2  # such turns running
FULL_PROGRESS = 100
NOTHING = Amounts()


class Ending(Json):
    """What an end is called. ``end_reason_meta`` always has ``cause``; ``nearMiss`` is there, and true,
    only for a FAIL whose mean is above the fail threshold and below the success threshold, both exclusive:
    the floor gate passed and the success gate did not. (In free play the two are one, so there is none.)"""

    status: Status
    end_reason_code: EndReasonCode
    end_reason_meta: dict[str, str | bool]

    @property
    def counts(self) -> bool:
        """Whether the session enters the statistics as one played out, not only as aborted."""
        return self.status != "ABORTED"

    @property
    def pays_turns(self) -> bool:
        """Whether what its turns earned is paid: every end but a disqualification."""
        return self.end_reason_code != "ABORT_DISQUALIFIED"


def count(tally: Tally, facts: TurnFacts, *, paid: Amounts = NOTHING) -> Tally:
    """A new tally with one more turn in it, and with what that turn was paid; the given one is untouched."""
    low_run = tally.low_mood_run + 1 if facts.mood_percent < COLLAPSE_BELOW else 0
    return Tally(
        turns=tally.turns + 1,
        score_sum=tally.score_sum + facts.score,
        strikes=tally.strikes + (facts.strike is not None),
        progress=max(tally.progress, facts.progress),
        disqualified=tally.disqualified or facts.disqualified,
        low_mood_run=low_run,
        collapsed=tally.collapsed or low_run >= COLLAPSE_RUN,
        paid=tally.paid.plus(paid),
    )


def tally_of(facts: Iterable[TurnFacts]) -> Tally:
    """The tally of stored turns, given in the order they were said (a collapse depends on it)."""
    tally = Tally()
    for turn in facts:
        tally = count(tally, turn)
    return tally


def age_reached(turns: int) -> bool:
    """Whether a session of so many user turns must end with cause AGE."""
    return turns >= MAX_TURNS


def ends_now(terms: Terms, tally: Tally) -> bool:
    """Whether the session's own rules end it at this turn (cause RULE). Free play: only a
    disqualification."""
    if tally.disqualified is not None:
        return True
    if not terms.mission:
        return False
    if _struck_out(terms, tally) or tally.collapsed or _limit_reached(terms, tally):
        return True
    return tally.progress >= FULL_PROGRESS and not failed(evaluate(terms, tally))


def ending_of(cause: Cause, terms: Terms, tally: Tally) -> Ending:
    """The end of a session that ended for ``cause`` after these turns. Total: the last row always holds."""
    case = _Case(cause, terms, tally, failed(evaluate(terms, tally)))
    code = next(code for code, holds in TABLE if holds(case))
    status = _status(code)
    meta: dict[str, str | bool] = {"cause": cause}
    if status == "FAIL" and _between_thresholds(terms, tally):
        meta["nearMiss"] = True
    return Ending(status=status, end_reason_code=code, end_reason_meta=meta)


class _Case(msgspec.Struct, frozen=True):
    """One session as the table looks at it."""

    cause: Cause
    terms: Terms
    tally: Tally
    failed: frozenset[GateKey]

    @property
    def mission(self) -> bool:
        return self.terms.mission

    @property
    def left(self) -> bool:
        return self.cause in LEARNER_LEFT

    @property
    def limit_reached(self) -> bool:
        return _limit_reached(self.terms, self.tally)

    @property
    def enough_turns(self) -> bool:
        return "GATE_MIN_MESSAGES" not in self.failed


def _too_low_to_leave(case: _Case) -> bool:
    """Free play has no floor gate; there the one threshold is the floor."""
    floor: GateKey = "GATE_FAIL_FLOOR" if case.mission else "GATE_SUCCESS_THRESHOLD"
    return case.left and case.enough_turns and floor in case.failed


def _objective_alone_missed(case: _Case) -> bool:
    return case.limit_reached and case.failed == {"GATE_OBJECTIVE_PROGRESS"}


def _objective_won(case: _Case) -> bool:
    return case.mission and case.tally.progress >= FULL_PROGRESS and not case.failed


def _gates_won(case: _Case) -> bool:
    """Of missions alone: free play that passes its gates has a name of its own, one row below."""
    return case.mission and (case.limit_reached or case.left) and not case.failed


def _milestone_won(case: _Case) -> bool:
    return not case.mission and case.enough_turns and "GATE_SUCCESS_THRESHOLD" not in case.failed


TABLE: tuple[tuple[EndReasonCode, Callable[[_Case], bool]], ...] = (
    ("ABORT_SYSTEM_ERROR", lambda case: case.cause in ("ADMIN", "SYSTEM")),
    ("ABORT_DISQUALIFIED", lambda case: case.tally.disqualified is not None),
    ("FAIL_TIMER_EXPIRED", lambda case: case.cause == "TIMER"),
    ("FAIL_TOO_MANY_STRIKES", lambda case: _struck_out(case.terms, case.tally)),
    ("FAIL_GATE_SEQUENCE", _too_low_to_leave),
    ("FAIL_MOOD_COLLAPSE", lambda case: case.mission and case.tally.collapsed),
    ("FAIL_MAX_MESSAGES", lambda case: case.limit_reached and "GATE_SUCCESS_THRESHOLD" in case.failed),
    ("FAIL_OBJECTIVE", _objective_alone_missed),
    ("SUCCESS_OBJECTIVE", _objective_won),
    ("SUCCESS_GATE_SEQUENCE", _gates_won),
    ("SUCCESS_SCORE_MILESTONE", _milestone_won),
    ("ABORT_USER_EXIT", lambda case: True),
)


def _status(code: EndReasonCode) -> Status:
    if code.startswith("SUCCESS_"):
        return "SUCCESS"
    return "FAIL" if code.startswith("FAIL_") else "ABORTED"


def _struck_out(terms: Terms, tally: Tally) -> bool:
    return terms.mission and terms.max_strikes is not None and tally.strikes >= terms.max_strikes


def _limit_reached(terms: Terms, tally: Tally) -> bool:
    return terms.mission and terms.max_messages is not None and tally.turns >= terms.max_messages


def _between_thresholds(terms: Terms, tally: Tally) -> bool:
    """Without turns this is false of itself: nothing is above 0 * fail threshold."""
    return terms.fail_threshold * tally.turns < tally.score_sum < terms.success_threshold * tally.turns
