"""How an end is told to a person: the message, one thing that worked, and the nearest miss in numbers. Pure."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from realtime.core.endings import FULL_PROGRESS, Ending
from realtime.core.facts import Tally, Terms
from realtime.core.gates import GateResult
from realtime.domain import Evidence, Json, TraitName
from realtime.telling import TEXTS, Best, reason, to_try

QUOTE_WORDS = 3  # fewer of a learner's words, quoted alone, say nothing
QUOTE = 140  # code points of a line that is quoted in the outcome
# Not inside a number, and once for a row of marks: a text of marks alone costs no more than any other.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)]*+(?=\s|\Z)|\n")
_SPOKEN_END = (".", "!", "?", "…")


class Worked(Json):
    """``quote`` is a piece of the turn's text exactly as it was sent."""

    turn_index: int
    quote: str


class NearestMiss(Json):
    """``have`` of ``need``, as the gate counts. Where every gate passed and the session failed all the same (the
    clock, strikes, a collapse), what was missing is the aim itself: GATE_OBJECTIVE_PROGRESS, of 100."""

    gate_key: str
    have: float | int
    need: float | int


class Outcome(Json):
    """``worked``: of a success or a fail in which something was said; ``nearest_miss``: of a fail. ``message`` is
    for people."""

    status: str
    is_success: bool
    end_reason_code: str
    end_reason_meta: dict[str, str | bool]
    success_threshold: int
    fail_threshold: int
    message: str
    worked: Worked | None
    nearest_miss: NearestMiss | None


class Moment(msgspec.Struct, frozen=True):
    """The learner's best moment. ``kind``: how it may be spoken of; ``trait``: what it showed most, if anything."""

    turn_index: int
    score: int
    quote: str
    cut: bool
    kind: Best
    trait: TraitName | None = None


def outcome_of(
    ending: Ending, terms: Terms, tally: Tally, gates: tuple[GateResult, ...], turns: list[dict[str, Any]]
) -> Outcome:
    """What the end summary says of the end."""
    best = None if ending.status == "ABORTED" else best_moment(turns)
    miss = _nearest_miss(gates, tally) if ending.status == "FAIL" else None
    said = [reason(ending, terms, tally, turns)]
    if best is not None:
        said.append(_told(best))
    if miss is not None:
        said.append(_counted(miss, gates))
    if ending.status == "ABORTED":
        said.append(_kept(ending, turns))
    advice = to_try(ending, terms, tally, turns)
    if advice is not None:
        said.append(advice)
    return Outcome(
        status=ending.status,
        is_success=ending.status == "SUCCESS",
        end_reason_code=ending.end_reason_code,
        end_reason_meta=ending.end_reason_meta,
        success_threshold=terms.success_threshold,
        fail_threshold=terms.fail_threshold,
        message=" ".join(said),
        worked=None if best is None else Worked(turn_index=best.turn_index, quote=best.quote),
        nearest_miss=miss,
    )


# --- what worked -------------------------------------------------------------------------------------------------


def best_moment(turns: list[dict[str, Any]]) -> Moment | None:
    """The sentence that gained most by its evidence (what it lost taken off), never out of a turn that was a strike;
    of equals the one in the better turn, then the earlier. Without any gain, the best line; where all were hurtful,
    the least bad one. None without a turn that still has its text (a forgetting may have taken it)."""
    turns = [turn for turn in turns if turn["text"].strip()]
    fair = [turn for turn in turns if turn["strike"] is None and turn["disqualified"] is None]
    found = [moment for turn in fair for moment in _moments(turn)]
    if found:
        return max(found, key=lambda each: (each[0], each[1].score, -each[1].turn_index))[1]
    mild = fair or [turn for turn in turns if turn["strike"] == "LOW_SCORE" and turn["disqualified"] is None]
    top = max(mild or turns, key=lambda turn: (turn["score"], -turn["turn_index"]), default=None)
    if top is None:
        return None
    quote, cut = _cut(top["text"].strip())
    return Moment(top["turn_index"], top["score"], quote, cut, "best" if mild else "least")


def _moments(turn: dict[str, Any]) -> list[tuple[int, Moment]]:
    """The sentences of a turn that gained anything, with how much. (Dominance has no good end.)"""
    text: str = turn["text"]
    evidence = [
        each for each in msgspec.json.decode(turn["evidence"], type=list[Evidence]) if each.trait != "dominance"
    ]
    made: list[tuple[int, Moment]] = []
    for start, end in _sentences(text):
        inside = [each for each in evidence if start <= each.start < end]
        gain = sum(each.effect for each in inside)
        if gain > 0:
            strongest = max(inside, key=lambda each: each.effect)
            quote, cut = _quote(text, text[start:end].strip(), strongest)
            made.append((gain, Moment(turn["turn_index"], turn["score"], quote, cut, "worked", strongest.trait)))
    return made


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each, without a gap between them."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def _quote(text: str, sentence: str, strongest: Evidence) -> tuple[str, bool]:
    """The sentence; of one that is too long to quote its strongest words, of a very short one the whole turn."""
    span = text[strongest.start : strongest.end].strip()
    whole = text.strip()
    if len(sentence) > QUOTE and len(span) <= QUOTE and len(span.split()) >= QUOTE_WORDS:
        return span, False
    if len(sentence.split()) < QUOTE_WORDS and len(whole) <= QUOTE:
        return whole, False
    return _cut(sentence)


def _cut(text: str) -> tuple[str, bool]:
    """At most ``QUOTE`` code points from the beginning, between words where there are any; whether some are gone."""
    if len(text) <= QUOTE:
        return text, False
    head, _, _ = text[: QUOTE + 1].rpartition(" ")
    return (head.rstrip() or text[:QUOTE]), True


def _told(moment: Moment) -> str:
    quote = f"“{moment.quote}…”" if moment.cut else f"“{moment.quote}”"
    if not moment.quote.endswith(_SPOKEN_END) and not moment.cut:
        quote += "."
    why = "" if moment.trait is None else TEXTS.worked[moment.trait]
    return TEXTS.best[moment.kind].format(quote=quote, why=why, score=moment.score)


# --- what was missing ----------------------------------------------------------------------------------------------


def _nearest_miss(gates: tuple[GateResult, ...], tally: Tally) -> NearestMiss:
    """The failed gate that lacked the least, in proportion to what it asks."""
    misses: list[tuple[float, NearestMiss]] = []
    for gate in gates:
        have, need = gate.context.get("have"), gate.context.get("need")
        if gate.passed or not isinstance(have, int | float) or not isinstance(need, int | float) or need <= 0:
            continue
        misses.append(((need - have) / need, NearestMiss(gate_key=gate.gate_key, have=have, need=need)))
    if not misses:
        return NearestMiss(gate_key="GATE_OBJECTIVE_PROGRESS", have=tally.progress, need=FULL_PROGRESS)
    return min(misses, key=lambda miss: miss[0])[1]


def _counted(miss: NearestMiss, gates: tuple[GateResult, ...]) -> str:
    """The miss in words: on a mean also the points that were missing, all turns together."""
    gate = next(gate for gate in gates if gate.gate_key == miss.gate_key)
    total, turns = gate.context.get("scoreSum"), gate.context.get("turns")
    lack, over = "", ""
    if isinstance(total, int) and isinstance(turns, int):
        floor = gate.gate_key == "GATE_FAIL_FLOOR"  # to be passed, not reached
        lack = _number(int(miss.need) * turns - total + int(floor), "point")
        over = _number(turns, "line")
    return TEXTS.misses[gate.gate_key].format(have=f"{miss.have:g}", need=f"{miss.need:g}", lack=lack, turns=over)


# --- what was kept -------------------------------------------------------------------------------------------------


def _kept(ending: Ending, turns: list[dict[str, Any]]) -> str:
    """What an aborted session leaves behind, plainly."""
    if not turns:
        return TEXTS.kept["nothing"]
    one = len(turns) == 1
    parts = [("xp", "XP", "XP"), ("coins", "coin", "coins"), ("gems", "gem", "gems")]
    sums = [(sum(turn[name] for turn in turns), one_name, many) for name, one_name, many in parts]
    return TEXTS.kept["paid" if ending.pays_turns else "unpaid"].format(
        lines=f"your {_number(len(turns), 'line')}",
        scores="its score" if one else "their scores",
        them="it" if one else "them",
        earned=_joined([_number(n, name, many) for n, name, many in sums if n]) or "which is nothing",
    )


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _joined(words: list[str]) -> str:
    return ", ".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"
