"""The tip of a turn: one true sentence that quotes the learner and names one change for the next line."""

from typing import Final

from realtime.domain import Evidence, Pattern
from realtime.minds import TurnContext
from realtime.scoring.answers import Found
from realtime.scoring.reading import Reading, Span
from realtime.scoring.tables import Tip
from realtime.scoring.traits import quote

_DEFINITE: Final = frozenset({"concrete", "example", "reason"})
_ENOUGH_ACKNOWLEDGED: Final = frozenset(
    {"thanks", "appreciation", "empathy", "compliment", "calm", "good_wish", "feeling_named"}
)


def gaps(reading: Reading, found: Found) -> dict[str, Span]:
    """What the turn lacks, with the words that show it. Nothing is said of a text that could not be read."""
    heard = reading.heard
    out: dict[str, Span] = {}
    if "flat" in found:
        if heard is not None and heard.asks:
            out["flat"] = found["flat"][0]
        return out
    shares, questions = found.get("told"), found.get("question")
    closed = "interest" in found or "limit" in reading.hits or "farewell" in reading.hits
    if shares and not questions and not closed:
        out["no_question"] = shares[-1]
    alone = len(reading.parsed.sentences) == 1 and "answers" not in found
    if questions and not shares and alone and heard is not None and heard.asks:
        out["only_question"] = found["asks"][0]
    if not questions and "interest" in found and "ask_back" in reading.hits:
        out["short_back"] = reading.span_of(reading.hits["ask_back"][0])
    if shares and heard is not None and heard.stems and "picks_up" not in found:
        out["not_heard"] = shares[0]
    hits = reading.hits
    if shares and _DEFINITE.isdisjoint(hits) and "number" not in found and "names_self" not in found:
        out["no_detail"] = shares[-1]
    if shares and "warm_word" not in found and _ENOUGH_ACKNOWLEDGED.isdisjoint(hits):
        out["no_warmth"] = shares[0]
    return out


Order = dict[str, dict[str, tuple[int, ...]]]  # by kind and name: the places in the file of the tips on it


def in_order(tips: tuple[Tip, ...]) -> Order:
    """Where the tips on each rule, pattern and gap stand."""
    out: Order = {"rule": {}, "pattern": {}, "gap": {}}
    for place, tip in enumerate(tips):
        kind, _, name = tip.on.partition(":")
        out[kind][name] = (*out[kind].get(name, ()), place)
    return out


def choose(
    context: TurnContext,
    reading: Reading,
    found: Found,
    evidence: tuple[Evidence, ...],
    patterns: dict[Pattern, Span],
    tips: tuple[Tip, ...],
    order: Order,
) -> str | None:
    """The first tip that is true of this turn and was not given before; None when there is none."""
    places: dict[int, Span] = {}
    on = order["rule"]
    for item in evidence:
        for place in on.get(item.rule, ()):
            places.setdefault(place, (item.start, item.end))
    for kind, spans in (("pattern", patterns), ("gap", gaps(reading, found))):
        for name, span in spans.items():
            for place in order[kind].get(name, ()):
                places[place] = span
    for place in sorted(places):
        said = quote(context.text, *places[place])
        lines = tips[place].say
        for turn in range(len(lines)):
            line = lines[(context.turn_index + turn) % len(lines)].replace("{q}", said)
            if line not in context.given_tips:
                return line
    return None
