"""How an end is told to a person: the message, one thing that worked, and the nearest miss in numbers. Pure."""

from typing import Any

import msgspec

from realtime.core.endings import Ending
from realtime.core.facts import Tally, Terms
from realtime.core.gates import GateResult
from realtime.domain import Evidence, Json

QUOTE_WORDS = 3  # fewer of a learner's words, quoted alone, say nothing
QUOTE = 140  # code points of a line that is quoted in the outcome


class Worked(Json):
    turn_index: int
    quote: str


class NearestMiss(Json):
    gate_key: str
    have: float | int
    need: float | int


class Outcome(Json):
    status: str
    is_success: bool
    end_reason_code: str
    end_reason_meta: dict[str, str | bool]
    success_threshold: int
    fail_threshold: int
    message: str
    worked: Worked | None
    nearest_miss: NearestMiss | None


MESSAGES: dict[str, str] = {
    "SUCCESS_OBJECTIVE": "You got there: the aim is reached, and the talk was good on the way.",
    "SUCCESS_GATE_SEQUENCE": "A good talk from start to finish; everything it asked of you is met.",
    "SUCCESS_SCORE_MILESTONE": "A good free talk: your lines held a solid average.",
    "FAIL_TIMER_EXPIRED": "The pause grew too long, and the moment passed.",
    "FAIL_TOO_MANY_STRIKES": "Too many lines went wrong, and the talk was over.",
    "FAIL_GATE_SEQUENCE": "You left while the talk stood low.",
    "FAIL_MOOD_COLLAPSE": "The mood fell too far to go on from there.",
    "FAIL_MAX_MESSAGES": "The talk ran its length, and the average stayed under the aim.",
    "FAIL_OBJECTIVE": "The talk itself was good; only its aim was left lying.",
    "ABORT_DISQUALIFIED": "The talk was ended because of a line that has no place here.",
    "ABORT_SYSTEM_ERROR": "The talk was ended from outside, not by you.",
    "ABORT_USER_EXIT": "You left before the talk was decided.",
}


def outcome_of(
    ending: Ending, terms: Terms, tally: Tally, gates: tuple[GateResult, ...], turns: list[dict[str, Any]]
) -> Outcome:
    """What the end summary says of the end."""
    failed = ending.status == "FAIL"
    worked = _worked(turns) if failed else None
    miss = _nearest_miss(gates) if failed else None
    return Outcome(
        status=ending.status,
        is_success=ending.status == "SUCCESS",
        end_reason_code=ending.end_reason_code,
        end_reason_meta=ending.end_reason_meta,
        success_threshold=terms.success_threshold,
        fail_threshold=terms.fail_threshold,
        message=_message(ending, tally, worked, miss),
        worked=worked,
        nearest_miss=miss,
    )


def _message(ending: Ending, tally: Tally, worked: Worked | None, miss: NearestMiss | None) -> str:
    parts = [MESSAGES[ending.end_reason_code]]
    if worked is not None:
        parts.append(f"What worked: “{worked.quote}”.")
    if miss is not None:
        parts.append(f"Nearest miss: {_named(miss.gate_key)} {miss.have:g} of {miss.need:g}.")
    if ending.status == "ABORTED":
        parts.append(_kept(ending, tally))
    return " ".join(parts)


def _kept(ending: Ending, tally: Tally) -> str:
    """What an aborted session leaves behind, plainly."""
    if tally.turns == 0:
        return "Nothing was said, so nothing was kept or paid; the talk counts for no statistics."
    lines = "line and its score are" if tally.turns == 1 else "lines and their scores are"
    if ending.pays_turns:
        return f"Your {tally.turns} {lines} kept, and what they earned is paid; the talk counts for no statistics."
    return f"Your {tally.turns} {lines} kept; what they earned is not paid, and the talk counts for no statistics."


_GATE_NAMES = {
    "GATE_MIN_MESSAGES": "messages,",
    "GATE_SUCCESS_THRESHOLD": "average score,",
    "GATE_FAIL_FLOOR": "average score (more than the floor),",
    "GATE_OBJECTIVE_PROGRESS": "progress towards the aim,",
}


def _named(gate_key: str) -> str:
    return _GATE_NAMES.get(gate_key, gate_key)


def _worked(turns: list[dict[str, Any]]) -> Worked | None:
    """The words with the strongest good effect; else the best line."""
    best: tuple[int, int, str] | None = None
    for turn in turns:
        for evidence in msgspec.json.decode(turn["evidence"], type=list[Evidence]):
            good = evidence.effect if evidence.trait != "dominance" else 0
            if good > 0 and (best is None or good > best[0]):
                best = (good, turn["turn_index"], _quote(turn["text"], evidence.start, evidence.end))
    if best is not None:
        return Worked(turn_index=best[1], quote=_short(best[2]))
    top = max(turns, key=lambda turn: (turn["score"], -turn["turn_index"]), default=None)
    return None if top is None else Worked(turn_index=top["turn_index"], quote=_short(top["text"]))


def _quote(text: str, start: int, end: int) -> str:
    """The span; where it is too short to be understood alone, the sentence that it stands in."""
    span = text[start:end]
    if len(span.split()) >= QUOTE_WORDS:
        return span
    begin = max(text.rfind(mark, 0, start) for mark in ".!?\n") + 1
    stops = [at for at in (text.find(mark, end) for mark in ".!?\n") if at >= 0]
    return text[begin : min(stops) if stops else len(text)].strip()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= QUOTE else text[: QUOTE - 1].rstrip() + "…"


def _nearest_miss(gates: tuple[GateResult, ...]) -> NearestMiss | None:
    """The failed gate that lacked the least, in proportion to what it asks."""
    misses: list[tuple[float, NearestMiss]] = []
    for gate in gates:
        have, need = gate.context.get("have"), gate.context.get("need")
        if gate.passed or not isinstance(have, int | float) or not isinstance(need, int | float) or need <= 0:
            continue
        misses.append(((need - have) / need, NearestMiss(gate_key=gate.gate_key, have=have, need=need)))
    return min(misses, key=lambda miss: miss[0])[1] if misses else None
