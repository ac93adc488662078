"""The tip of a turn: one true sentence that quotes the learner and names one change for the next line."""

from realtime.domain import Evidence, Pattern
from realtime.minds import TurnContext
from realtime.scoring.reading import Reading, Span
from realtime.scoring.signals import Found
from realtime.scoring.tables import Tip
from realtime.scoring.traits import quote

_ENOUGH_ACKNOWLEDGED = ("thanks", "appreciation", "empathy", "compliment", "calm", "good_wish", "feeling_named")


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
        out["short_back"] = reading.span(*reading.hits["ask_back"][0])
    if shares and heard is not None and heard.stems and "picks_up" not in found:
        out["not_heard"] = shares[0]
    definite = {"concrete", "example", "reason"} & reading.hits.keys() or {"number", "names_self"} & found.keys()
    if shares and not definite:
        out["no_detail"] = shares[-1]
    if shares and not any(cue in reading.hits for cue in _ENOUGH_ACKNOWLEDGED) and "warm_word" not in found:
        out["no_warmth"] = shares[0]
    return out


def choose(
    context: TurnContext,
    reading: Reading,
    found: Found,
    evidence: tuple[Evidence, ...],
    patterns: dict[Pattern, Span],
    tips: tuple[Tip, ...],
) -> str | None:
    """The first tip that is true of this turn and was not given before; None when there is none."""
    places: dict[str, Span] = {}
    for item in evidence:
        places.setdefault(f"rule:{item.rule}", (item.start, item.end))
    for name, span in patterns.items():
        places[f"pattern:{name}"] = span
    for gap, span in gaps(reading, found).items():
        places[f"gap:{gap}"] = span
    given = frozenset(context.given_tips)
    for tip in tips:
        at = places.get(tip.on)
        if at is None:
            continue
        said = quote(context.text, *at)
        for turn in range(len(tip.say)):
            line = tip.say[(context.turn_index + turn) % len(tip.say)].replace("{q}", said)
            if line not in given:
                return line
    return None
