"""Hooks and patterns of a turn. A pattern comes with the span of words that shows it.

Hooks are thresholds on traits and scores; patterns are habits worth noticing, never a gain.
"""

from collections.abc import Callable
from typing import Final

from realtime.domain import Hook, Pattern, Traits
from realtime.minds import TurnContext
from realtime.scoring.answers import Found
from realtime.scoring.reading import Reading, Span

Limits = dict[str, int]
Test = Callable[[Reading, Found, Traits, Limits], Span | None]


def _first(reading: Reading, *cues: str) -> Span | None:
    spans = [reading.span_of(reading.hits[cue][0]) for cue in cues if cue in reading.hits]
    return min(spans) if spans else None


def _whole(reading: Reading) -> Span | None:
    return reading.span(0, len(reading.parsed.terms)) if reading.parsed.terms else None


def _overexplaining(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    """Long, and with many statements of one's own and no question in it."""
    long = reading.parsed.total_words > limits["overexplaining_words"]
    many = len(found.get("shares", ())) >= limits["overexplaining_statements"]
    return _whole(reading) if long and (many or "question" not in found) else None


def _underexplaining(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    """The persona asked, and got a word or two that neither answer with content nor ask."""
    asked = reading.heard is not None and reading.heard.asks
    few = 0 < reading.parsed.total_words <= limits["underexplaining_words"]
    return _whole(reading) if asked and few and not {"question", "interest", "answers"} & found.keys() else None


def _filler_words(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    hits = reading.hits.get("filler", [])
    dense = len(hits) * 100 >= limits["filler_per_hundred"] * reading.parsed.total_words
    return reading.span_of(hits[0]) if len(hits) >= limits["filler_hits"] and dense else None


def _low_confidence(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    if traits.confidence >= limits["low_confidence_below"]:
        return None
    return _first(reading, "hedge", "apologetic_opening", "put_down", "over_apology")


def _unclear(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    if traits.clarity >= limits["unclear_below"]:
        return None
    longest = found.get("long_sentence")
    return longest[0] if longest else _first(reading, "vague", "filler")


def _too_formal(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    enough = len(reading.hits.get("formal", ())) >= limits["formal_hits"]
    return _first(reading, "formal") if enough else None


def _too_casual(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    enough = len(reading.hits.get("casual", ())) >= limits["casual_hits"]
    return _first(reading, "casual") if enough else None


def _emotional_distance(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    cold = traits.emotional_warmth < limits["distance_warmth_below"]
    return _first(reading, "distance", "rude") if cold or "distance" in reading.hits else None


def _dominance_issue(reading: Reading, found: Found, traits: Traits, limits: Limits) -> Span | None:
    if traits.dominance > limits["dominance_above"]:
        for signal in ("insult", "boundary"):
            if signal in found:
                return found[signal][0]
        return _first(reading, "my_way", "command", "you_must", "pressure", "interrupt")
    if traits.dominance < limits["dominance_below"]:
        return _first(reading, "submission", "permission", "apologetic_opening")
    return None


PATTERNS: Final[tuple[tuple[Pattern, Test], ...]] = (
    ("OVEREXPLAINING", _overexplaining),
    ("UNDEREXPLAINING", _underexplaining),
    ("FILLER_WORDS", _filler_words),
    ("LOW_CONFIDENCE", _low_confidence),
    ("UNCLEAR", _unclear),
    ("TOO_FORMAL", _too_formal),
    ("TOO_CASUAL", _too_casual),
    ("EMOTIONAL_DISTANCE", _emotional_distance),
    ("DOMINANCE_ISSUE", _dominance_issue),
)


# Every pattern but those of length rests on one of these.
_CUE_NAMES: Final = """
filler hedge apologetic_opening put_down over_apology vague formal casual distance rude my_way command you_must
pressure interrupt submission permission
"""
_CUES: Final = frozenset(_CUE_NAMES.split())
_SIGNALS: Final = frozenset({"long_sentence", "insult", "boundary"})


def find_patterns(reading: Reading, found: Found, traits: Traits, limits: Limits) -> dict[Pattern, Span]:
    """The patterns this turn shows, each with its span, in the order of the table."""
    out: dict[Pattern, Span] = {}
    usual = limits["underexplaining_words"] < reading.parsed.total_words <= limits["overexplaining_words"]
    if usual and _CUES.isdisjoint(reading.hits) and _SIGNALS.isdisjoint(found):
        return out
    for name, test in PATTERNS:
        span = test(reading, found, traits, limits)
        if span is not None:
            out[name] = span
    return out


def find_hooks(context: TurnContext, traits: Traits, score: int, at: Limits) -> tuple[Hook, ...]:
    """The hooks of the practice rules, from traits, this score and the learner's last three."""
    out: list[Hook] = []
    last = context.recent_scores
    if traits.confidence >= at["CONFIDENT_TONE"]:
        out.append("CONFIDENT_TONE")
    if traits.humor >= at["HIGH_HUMOR"]:
        out.append("HIGH_HUMOR")
    if traits.emotional_warmth >= at["EMOTIONAL_WARMTH"]:
        out.append("EMOTIONAL_WARMTH")
    if traits.clarity >= at["CLEAR_COMMUNICATION"]:
        out.append("CLEAR_COMMUNICATION")
    high = at["CHARISMATIC"]
    if (traits.confidence >= high) + (traits.humor >= high) + (traits.emotional_warmth >= high) >= 2:
        out.append("CHARISMATIC")
    if context.turn_index == 1 and score >= at["STRONG_OPENER"]:
        out.append("STRONG_OPENER")
    if last and last[-1] < at["RECOVERY_FROM_BELOW"] and score >= at["RECOVERY_MOMENT"]:
        out.append("RECOVERY_MOMENT")
    if len(last) >= 2 and min(score, *last[-2:]) >= at["CONSISTENT_PERFORMANCE"]:
        out.append("CONSISTENT_PERFORMANCE")
    return tuple(out)
