"""The six traits: each rule of the weights table that found its source moves one of them, with its span.

Invariant: a trait is its base plus the sum of the effects of its evidence, and lies in 0..100 (an effect that
would pass an end is cut short there).
"""

from bisect import bisect_left
from typing import Final, NamedTuple

from realtime.domain import TRAIT_NAMES, Evidence, TraitName, Traits
from realtime.scoring.cues import Hit
from realtime.scoring.reading import Reading, Span
from realtime.scoring.signals import Found
from realtime.scoring.tables import Rule, Weights

_SHORT_TURN: Final = 8  # words; in a longer turn evidence covers at most half, unless it is about the whole
_QUOTE: Final = 60  # characters of a quote in a note or tip; a longer one is cut at a word, with an ellipsis
_PLACE: Final[dict[TraitName, int]] = {name: place for place, name in enumerate(TRAIT_NAMES)}


class Prepared(NamedTuple):
    """A rule ready for the turn: its source split, its trait's place."""

    name: str
    rule: Rule
    is_cue: bool
    source: str
    place: int


Rules = tuple[dict[str, list[Prepared]], dict[str, list[Prepared]]]


def prepare(weights: Weights) -> Rules:
    """Rules by source, in the table's order: those found by cues, those found by signals."""
    out: Rules = ({}, {})
    for name, rule in weights.rule.items():
        kind, _, source = rule.source.partition(":")
        row = Prepared(name, rule, kind == "cue", source, _PLACE[rule.trait])
        out[0 if row.is_cue else 1].setdefault(source, []).append(row)
    return out


def quote(text: str, start: int, end: int) -> str:
    """``text[start:end]`` on one line, cut at a word when it is long. Always begins as the text does there."""
    said = text[start:end]
    if len(said) > _QUOTE:
        cut = said.rfind(" ", 1, _QUOTE)
        said = said[: cut if cut > 0 else _QUOTE].rstrip(" ,;:-") + "…"
    return " ".join(said.split()) if said.isprintable() is False else said


def trimmed(reading: Reading, start: int, end: int, whole: bool) -> Span:
    """The span, cut back at word ends to half of a turn of more than eight words: of its words, and of its
    characters. (A single word that is longer than half of the text is cut inside.)"""
    parsed = reading.parsed
    total = parsed.total_words
    if whole or total <= _SHORT_TURN:
        return start, end
    limit = start + len(parsed.text) // 2
    first = bisect_left(parsed.starts, start)
    if end <= limit and 2 * (bisect_left(parsed.starts, end) - first) <= total:
        return start, end
    word_ends = list(dict.fromkeys(parsed.ends[first:]))[: total // 2]
    fitting = [at for at in word_ends if at <= min(limit, end)]
    return start, (fitting[-1] if fitting else min(limit, end))


def weigh(reading: Reading, found: Found, rules: Rules, base: list[int]) -> tuple[Traits, tuple[Evidence, ...]]:
    """Traits, and the evidence by its place in the text."""
    values = list(base)
    out: list[Evidence] = []
    for cue, hits in reading.hits.items():
        for row in rules[0].get(cue, ()):
            _apply(reading, row, hits, values, out)
    for signal, spans in found.items():
        for row in rules[1].get(signal, ()):
            _apply(reading, row, spans, values, out)
    out.sort(key=_order)
    return Traits.of(values), tuple(out)


def _order(item: Evidence) -> tuple[int, int, int, str]:
    return item.start, item.end, _PLACE[item.trait], item.rule


def _apply(
    reading: Reading,
    row: Prepared,
    finds: "list[Hit] | list[Span]",
    values: list[int],
    out: list[Evidence],
) -> None:
    rule, text = row.rule, reading.parsed.text
    seen: set[str] = set()
    for find in finds:
        start, end = reading.span(*find) if row.is_cue else find
        form = text[start:end].lower()
        if form in seen:
            continue  # the same words again say nothing new
        effect = rule.again if seen else rule.effect
        before = values[row.place]
        after = min(100, max(0, before + effect))
        seen.add(form)
        if after != before:
            values[row.place] = after
            start, end = trimmed(reading, start, end, rule.whole)
            note = rule.note.replace("{q}", quote(text, start, end))
            out.append(Evidence(rule.trait, after - before, start, end, row.name, note))
        if len(seen) >= rule.finds:
            return
