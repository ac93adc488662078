"""The six traits: each rule of the weights table that found its source moves one of them, with its span.

Invariant: a trait is its base plus the sum of the effects of its evidence, and lies in 0..100 (an effect that
would pass an end is cut short there).
"""

from bisect import bisect_left
from typing import Final, NamedTuple

from realtime.domain import TRAIT_NAMES, Evidence, TraitName, Traits
from realtime.scoring.reading import Reading, Span
from realtime.scoring.signals import Found
from realtime.scoring.tables import Weights

_SHORT_TURN: Final = 8  # words; in a longer turn evidence covers at most half, unless it is about the whole
_QUOTE: Final = 60  # characters of a quote in a note or tip; a longer one is cut at a word, with an ellipsis
_PLACE: Final[dict[TraitName, int]] = {name: place for place, name in enumerate(TRAIT_NAMES)}


class Prepared(NamedTuple):
    """A rule ready for the turn: what of it is asked for each find, and the place of its trait."""

    name: str
    place: int
    effect: int
    again: int
    finds: int
    whole: bool
    note: str


Rules = tuple[dict[str, list[Prepared]], dict[str, list[Prepared]]]
# Of one piece of evidence: start, end, its trait's place, rule, effect and note. So they sort by their place in the
# text; no two agree in the first four.
Row = tuple[int, int, int, str, int, str]


def prepare(weights: Weights) -> Rules:
    """Rules by source, in the table's order: those found by cues, those found by signals."""
    out: Rules = ({}, {})
    for name, rule in weights.rule.items():
        kind, _, source = rule.source.partition(":")
        row = Prepared(name, _PLACE[rule.trait], rule.effect, rule.again, rule.finds, rule.whole, rule.note)
        out[kind != "cue"].setdefault(source, []).append(row)
    return out


def quote(text: str, start: int, end: int) -> str:
    """``text[start:end]`` on one line, cut at a word when it is long. Always begins as the text does there."""
    said = text[start:end]
    if len(said) > _QUOTE:
        cut = said.rfind(" ", 1, _QUOTE)
        said = said[: cut if cut > 0 else _QUOTE].rstrip(" ,;:-") + "…"
    return said if said.isprintable() else " ".join(said.split())


def trimmed(reading: Reading, start: int, end: int) -> int:
    """The span's end, cut back at word ends to half of the turn: of its words, and of its characters. (A single
    word that is longer than half of the text is cut inside.)"""
    parsed = reading.parsed
    total = parsed.total_words
    limit = start + len(parsed.text) // 2
    first = bisect_left(parsed.starts, start)
    if end <= limit and 2 * (bisect_left(parsed.starts, end) - first) <= total:
        return end
    word_ends = list(dict.fromkeys(parsed.ends[first:]))[: total // 2]
    fitting = [at for at in word_ends if at <= min(limit, end)]
    return fitting[-1] if fitting else min(limit, end)


def weigh(reading: Reading, found: Found, rules: Rules, base: list[int]) -> tuple[Traits, tuple[Evidence, ...]]:
    """Traits, and the evidence by its place in the text."""
    values = list(base)
    rows: list[Row] = []
    by_cue, by_signal = rules
    starts, ends = reading.parsed.starts, reading.parsed.ends
    for cue, hits in reading.hits.items():
        if cue in by_cue:
            spans = [(starts[first], ends[last - 1]) for first, last in hits]
            for prepared in by_cue[cue]:
                _apply(reading, prepared, spans, values, rows)
    for signal, spans in found.items():
        for prepared in by_signal.get(signal, ()):
            _apply(reading, prepared, spans, values, rows)
    if len(rows) > 1:
        rows.sort()
    evidence = [
        Evidence(TRAIT_NAMES[p], effect, start, end, name, note) for start, end, p, name, effect, note in rows
    ]
    return Traits.of(values), tuple(evidence)


def _apply(reading: Reading, prepared: Prepared, spans: list[Span], values: list[int], rows: list[Row]) -> None:
    name, place, effect, again, left, whole, note = prepared
    parsed = reading.parsed
    text = parsed.text
    seen: list[str] = []
    compared = left > 1 and len(spans) > 1  # else there is no second find to tell from the first
    for start, end in spans:
        if compared:
            form = text[start:end].lower()
            if form in seen:
                continue  # the same words again say nothing new
            seen.append(form)
        before = values[place]
        after = min(100, max(0, before + effect))
        if after != before:
            values[place] = after
            if not whole and parsed.total_words > _SHORT_TURN:
                end = trimmed(reading, start, end)
            rows.append((start, end, place, name, after - before, note.replace("{q}", quote(text, start, end))))
        left -= 1
        if not left:
            return
        effect = again
