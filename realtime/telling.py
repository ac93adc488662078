"""What the end of a session says to a person, from ``telling.json``: chosen by what happened, never at random.

The texts hold the learner's own words in ``{quote}`` alone: where the quote is taken out, all of them are.
"""

import json
from importlib import resources
from typing import Any, Literal

import msgspec

from realtime.core import mood as moods
from realtime.core.endings import Ending, EndReasonCode
from realtime.core.facts import Tally, Terms
from realtime.core.gates import GateKey
from realtime.domain import Evidence, MoodSnapshot, Pattern, Strike, TraitName

Turn = dict[str, Any]  # a learner's turn as it is stored
Shape = Literal["NO_TURNS", "ENOUGH_TURNS", "RECOVERED", "CLIMBED", "FELL"]
Standing = Literal["CLOSE", "NARROW", "WELL_ABOVE", "HALFWAY"]
Harm = Literal["INSULT", "BOUNDARY", "THREAT", "SLUR", "SEXUAL_MINOR"]
Ended = Literal["IDLE", "GRACE", "REPLACED", "AGE", "ADMIN"]
Circumstance = Shape | Standing | Harm | Ended
Other = Literal[
    "SHORT", "NO_QUESTION", "HEARD", "TIMER", "OBJECTIVE", "ANGER", "BEGIN", "MORE_LINES", "STAY", "AGAIN", "HARDER"
]
NextKey = Strike | Pattern | TraitName | Other
Best = Literal["worked", "best", "least"]

# Points of the mean: a person would call this close, and this a comfortable margin.
CLOSE, COMFORTABLE = 3, 8
# Points between the means of the first and the last half that are heard as a change.
CHANGE = 8
# Words a turn, on average: under this there is nothing to answer.
SHORT_WORDS = 5
HALFWAY = 50
# Points that a trait lost in all the talk: more than one weak word costs.
LOST = 10


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines that may be said where all of ``when`` holds."""

    say: tuple[str, ...]
    when: tuple[Circumstance, ...] = ()


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. Every table is whole: each end reason, gate and thing to try has its text."""

    about: str
    reasons: dict[EndReasonCode, tuple[Said, ...]]
    worked: dict[TraitName, str]
    best: dict[Best, str]
    misses: dict[GateKey, str]
    kept: dict[Literal["nothing", "paid", "unpaid"], str]
    next: dict[str, tuple[str, ...]]


def _load() -> Texts:
    raw = resources.files(__package__).joinpath("telling.json").read_text("utf-8")
    return msgspec.convert(json.loads(raw), Texts)


TEXTS = _load()


def reason(ending: Ending, terms: Terms, tally: Tally, turns: list[Turn]) -> str:
    """Why it ended, in one or two sentences."""
    here = circumstances(ending, terms, tally, turns)
    said = next(said for said in TEXTS.reasons[ending.end_reason_code] if here.issuperset(said.when))
    return _one_of(said.say, tally)


def circumstances(ending: Ending, terms: Terms, tally: Tally, turns: list[Turn]) -> frozenset[Circumstance]:
    """What was true of the session, as far as a text may ask."""
    strikes = {turn["strike"] for turn in turns}
    over = tally.score_sum - terms.success_threshold * tally.turns  # in points of the sum, exactly
    drift = _drift([turn["score"] for turn in turns])
    holds: dict[Circumstance, bool] = {
        "NO_TURNS": not turns,
        "ENOUGH_TURNS": tally.turns >= terms.min_messages,
        "RECOVERED": moods.arc(_moods(turns)) == "RECOVERY_ARC",
        "CLIMBED": drift >= CHANGE,
        "FELL": drift <= -CHANGE,
        "CLOSE": bool(turns) and -CLOSE * tally.turns <= over < 0,
        "NARROW": bool(turns) and 0 <= over < CLOSE * tally.turns,
        "WELL_ABOVE": bool(turns) and over >= COMFORTABLE * tally.turns,
        "HALFWAY": tally.progress >= HALFWAY,
        "INSULT": "INSULT" in strikes,
        "BOUNDARY": "BOUNDARY_CROSSED" in strikes,
        "THREAT": tally.disqualified == "THREAT",
        "SLUR": tally.disqualified == "SLUR",
        "SEXUAL_MINOR": tally.disqualified == "SEXUAL_MINOR",
    }
    cause = ending.end_reason_meta["cause"]
    causes: tuple[Circumstance, ...] = ("IDLE", "GRACE", "REPLACED", "AGE", "ADMIN")
    return frozenset(
        [name for name, true in holds.items() if true] + [name for name in causes if name == cause],
    )


def to_try(ending: Ending, terms: Terms, tally: Tally, turns: list[Turn]) -> str | None:
    """One thing to try next; None where nothing fits (a line that ended the talk for good reason)."""
    key = next_key(ending, terms, tally, turns)
    return None if key is None else _one_of(TEXTS.next[key], tally)


def next_key(ending: Ending, terms: Terms, tally: Tally, turns: list[Turn]) -> NextKey | None:
    """Which thing to try: what the end itself asks for, else the habit that was seen most often."""
    code = ending.end_reason_code
    if code == "ABORT_DISQUALIFIED":
        return "ANGER" if tally.disqualified == "THREAT" else None
    if code == "ABORT_SYSTEM_ERROR":
        return "AGAIN"
    if code == "FAIL_TIMER_EXPIRED":
        return "TIMER"
    if code == "FAIL_OBJECTIVE":
        return "OBJECTIVE"
    if code == "ABORT_USER_EXIT":
        if not turns:
            return "BEGIN"
        return "MORE_LINES" if tally.turns < terms.min_messages else "STAY"
    return habit(turns) or ("HARDER" if ending.status == "SUCCESS" else "HEARD")


def habit(turns: list[Turn]) -> NextKey | None:
    """What stood in the way most often: hard words before all, then the pattern of most turns, lines too short to
    answer, a talk without one question, and the trait that lost most. Ties fall to the first of each list."""
    strikes = [turn["strike"] for turn in turns]
    hard: tuple[Strike, ...] = ("INSULT", "BOUNDARY_CROSSED")
    for strike in hard:
        if strike in strikes:
            return strike
    seen: dict[Pattern, int] = {}
    for turn in turns:
        for pattern in msgspec.json.decode(turn["patterns"], type=list[Pattern]):
            seen[pattern] = seen.get(pattern, 0) + 1
    if seen:
        return max(seen, key=seen.__getitem__)
    if sum(turn["total_words"] for turn in turns) < SHORT_WORDS * len(turns):
        return "SHORT"
    if turns and not any("?" in turn["text"] or not turn["text"] for turn in turns):  # a blanked one may have asked
        return "NO_QUESTION"
    return _weakest(turns)


def _weakest(turns: list[Turn]) -> TraitName | None:
    """The trait that lost most by what was said; None when none lost enough to speak of."""
    lost: dict[TraitName, int] = {}
    for turn in turns:
        for evidence in msgspec.json.decode(turn["evidence"], type=list[Evidence]):
            if evidence.effect < 0 and evidence.trait != "dominance":
                lost[evidence.trait] = lost.get(evidence.trait, 0) + evidence.effect
    most = min(lost, key=lambda trait: lost[trait], default=None)
    return most if most is not None and lost[most] <= -LOST else None


def _moods(turns: list[Turn]) -> list[MoodSnapshot]:
    return [msgspec.json.decode(turn["mood"], type=MoodSnapshot) for turn in turns]


def _drift(scores: list[int]) -> float:
    """Mean of the last half less the mean of the first (the middle one of an odd number is in neither); 0 for fewer
    than two."""
    half = len(scores) // 2
    return (sum(scores[-half:]) - sum(scores[:half])) / half if half else 0.0


def _one_of(lines: tuple[str, ...], tally: Tally) -> str:
    """Of lines that all fit, the one that the stored scores choose: the same session always says the same."""
    return lines[tally.score_sum % len(lines)]
