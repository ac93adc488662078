"""The gates of a session: conditions looked at when it ends, each with its reason and its numbers.

All comparisons are of whole numbers (``sum >= threshold * count``), never of a rounded mean.
"""

from typing import Literal

from realtime.core.facts import Tally, Terms
from realtime.core.numbers import decimals, mean_against
from realtime.domain import Json

GateKey = Literal[
    "GATE_MIN_MESSAGES",
    "GATE_SUCCESS_THRESHOLD",
    "GATE_FAIL_FLOOR",
    "GATE_DISQUALIFIED",
    "GATE_OBJECTIVE_PROGRESS",
]
GateReason = Literal[
    "ENOUGH_MESSAGES",
    "TOO_FEW_MESSAGES",
    "THRESHOLD_REACHED",
    "BELOW_THRESHOLD",
    "ABOVE_FLOOR",
    "NOT_ABOVE_FLOOR",
    "NO_TURNS",
    "NOTHING_DISQUALIFYING",
    "DISQUALIFYING_TURN",
    "PROGRESS_REACHED",
    "PROGRESS_TOO_LOW",
]
OBJECTIVE_PROGRESS = 50  # percent of the mission that its objective gate asks for
Context = dict[str, int | float | str | None]


class GateResult(Json):
    """One gate of one session. ``context`` always holds ``have`` and ``need``, and on the gates of the mean
    the exact ``scoreSum`` and ``turns`` beside them (``have`` is then the mean to two decimals, null of no
    turns). GATE_DISQUALIFIED counts disqualifying turns (``need`` is none) and names the first's
    ``disqualifier``."""

    gate_key: GateKey
    passed: bool
    reason_code: GateReason
    context: Context


def evaluate(terms: Terms, tally: Tally) -> tuple[GateResult, ...]:
    """Every gate of the session, in the order of ``GateKey``; free play has the first, second and fourth.

    Without a turn the gates of the mean fail: there is no mean that could reach anything.
    """
    if not terms.mission:
        return _min_messages(terms, tally), _success_threshold(terms, tally), _disqualified(tally)
    return (
        _min_messages(terms, tally),
        _success_threshold(terms, tally),
        _fail_floor(terms, tally),
        _disqualified(tally),
        _objective_progress(tally),
    )


def failed(results: tuple[GateResult, ...]) -> frozenset[GateKey]:
    """The gates that did not pass."""
    return frozenset(result.gate_key for result in results if not result.passed)


def _min_messages(terms: Terms, tally: Tally) -> GateResult:
    passed = tally.turns >= terms.min_messages
    return GateResult(
        gate_key="GATE_MIN_MESSAGES",
        passed=passed,
        reason_code="ENOUGH_MESSAGES" if passed else "TOO_FEW_MESSAGES",
        context={"have": tally.turns, "need": terms.min_messages},
    )


def _success_threshold(terms: Terms, tally: Tally) -> GateResult:
    passed = tally.turns > 0 and tally.score_sum >= terms.success_threshold * tally.turns
    short: GateReason = "BELOW_THRESHOLD" if tally.turns else "NO_TURNS"
    return GateResult(
        gate_key="GATE_SUCCESS_THRESHOLD",
        passed=passed,
        reason_code="THRESHOLD_REACHED" if passed else short,
        context=_mean_context(tally, terms.success_threshold),
    )


def _fail_floor(terms: Terms, tally: Tally) -> GateResult:
    """Strict: a mean that stands exactly on the fail threshold has not passed it."""
    passed = tally.turns > 0 and tally.score_sum > terms.fail_threshold * tally.turns
    short: GateReason = "NOT_ABOVE_FLOOR" if tally.turns else "NO_TURNS"
    return GateResult(
        gate_key="GATE_FAIL_FLOOR",
        passed=passed,
        reason_code="ABOVE_FLOOR" if passed else short,
        context=_mean_context(tally, terms.fail_threshold),
    )


def _disqualified(tally: Tally) -> GateResult:
    passed = tally.disqualified is None
    return GateResult(
        gate_key="GATE_DISQUALIFIED",
        passed=passed,
        reason_code="NOTHING_DISQUALIFYING" if passed else "DISQUALIFYING_TURN",
        context={"have": 0 if passed else 1, "need": 0, "disqualifier": tally.disqualified},
    )


def _objective_progress(tally: Tally) -> GateResult:
    passed = tally.progress >= OBJECTIVE_PROGRESS
    return GateResult(
        gate_key="GATE_OBJECTIVE_PROGRESS",
        passed=passed,
        reason_code="PROGRESS_REACHED" if passed else "PROGRESS_TOO_LOW",
        context={"have": tally.progress, "need": OBJECTIVE_PROGRESS},
    )


def _mean_context(tally: Tally, need: int) -> Context:
    mean = decimals(mean_against(tally.score_sum, tally.turns, need)) if tally.turns else None
    return {"have": mean, "need": need, "scoreSum": tally.score_sum, "turns": tally.turns}
