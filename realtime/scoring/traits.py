"""The six traits: each rule of the weights table that found its source moves one of them, with its span.

Invariant: a trait is its base plus the sum of the effects of its evidence, and lies in 0..100 (an effect that
would pass an end is cut short there).
"""

from bisect import bisect_left
from typing import Final

import msgspec

from realtime.domain import TRAIT_NAMES, Evidence, TraitName, Traits
from realtime.scoring.answers import Found
from realtime.scoring.reading import Reading, Span
from realtime.scoring.tables import Weights
from realtime.scoring.text import Parsed

_SHORT_TURN: Final = 8  # words; in a longer turn evidence covers at most half, unless it is about the whole
_QUOTE: Final = 60  # characters of a quote in a note or tip; a longer one is cut at a word, with an ellipsis
_PLACE: Final[dict[TraitName, int]] = {name: place for place, name in enumerate(TRAIT_NAMES)}
# By the bits of their places: the traits, in their order.
_MOVED: Final[list[tuple[TraitName, ...]]] = [
    tuple(name for name, place in _PLACE.items() if moved >> place & 1) for moved in range(1 << len(_PLACE))
]


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A rule ready for the turn: what of it is asked for each find, and the place of its trait."""

    name: str
    place: int
    effect: int
    again: int
    finds: int
    whole: bool
    opens: str
    closes: str


class Source(msgspec.Struct, frozen=True, gc=False):
    """The rules of one cue or signal. ``most``: finds that any of them counts; ``whole``: they are about all of
    it."""

    rules: list[Prepared]
    most: int
    whole: bool


Rules = tuple[dict[str, Source], dict[str, Source]]
# Of one piece of evidence: start, end, its trait's place, rule, effect and note. So they sort by their place in the
# text; no two agree in the first four.
Row = tuple[int, int, int, str, int, str]


def prepare(weights: Weights) -> Rules:
    """Rules by source, in the table's order: those found by cues, those found by signals. Raises ``ValueError`` when
    only some rules of a source are about the whole of it."""
    rows: tuple[dict[str, list[Prepared]], dict[str, list[Prepared]]] = ({}, {})
    for name, rule in weights.rule.items():
        kind, _, source = rule.source.partition(":")
        row = Prepared(
            name, _PLACE[rule.trait], rule.effect, rule.again, rule.finds, rule.whole, *_parted(name, rule.note)
        )
        same = rows[kind != "cue"].setdefault(source, [])
        same.append(row)
        if same[0].whole != rule.whole:
            raise ValueError(f"weights.toml: {name!r} and {same[0].name!r} must both say `whole`, or neither")
    cues, signals = (
        {name: Source(same, max(row.finds for row in same), same[0].whole) for name, same in by_name.items()}
        for by_name in rows
    )
    return cues, signals


def _parted(name: str, note: str) -> tuple[str, str]:
    """What of a note stands before the quoted words and after them."""
    opens, quoted, closes = note.partition("{q}")
    if not quoted or "{q}" in closes:
        raise ValueError(f"weights.toml: the note of {name!r} must quote the words once")
    return opens, closes


def quote(text: str, start: int, end: int) -> str:
    """``text[start:end]`` on one line, cut at a word when it is long. Always begins as the text does there."""
    said = text[start:end]
    if len(said) > _QUOTE:
        cut = said.rfind(" ", 1, _QUOTE)
        said = said[: cut if cut > 0 else _QUOTE].rstrip(" ,;:-") + "…"
    return said if said.isprintable() else " ".join(said.split())


def trimmed(parsed: Parsed, start: int, end: int) -> int:
    """The span's end, cut back at word ends to half of the turn: of its words, and of its characters. (A single
    word that is longer than half of the text is cut inside.)"""
    total = parsed.total_words
    limit = start + len(parsed.text) // 2
    first = bisect_left(parsed.starts, start)
    if end <= limit and 2 * (bisect_left(parsed.starts, end) - first) <= total:
        return end
    word_ends = list(dict.fromkeys(parsed.ends[first:]))[: total // 2]
    fitting = [at for at in word_ends if at <= min(limit, end)]
    return fitting[-1] if fitting else min(limit, end)


def weigh(
    reading: Reading, found: Found, rules: Rules, base: list[int]
) -> tuple[Traits, tuple[Evidence, ...], tuple[TraitName, ...]]:
    """Traits, the evidence by its place in the text, and the traits that it moved."""
    values = list(base)
    rows = _rows(reading.parsed, _sources(reading, found, rules), values)
    if len(rows) > 1:
        rows.sort()
    moved = 0
    for row in rows:
        moved |= 1 << row[2]
    names = TRAIT_NAMES
    evidence = [Evidence(names[row[2]], row[4], row[0], row[1], row[3], row[5]) for row in rows]
    return Traits.of(values), tuple(evidence), _MOVED[moved]


def _sources(reading: Reading, found: Found, rules: Rules) -> list[tuple[Source, list[Span]]]:
    """The rules of each cue and signal that was found, with its spans."""
    by_cue, by_signal = rules
    starts, ends = reading.parsed.starts, reading.parsed.ends
    out: list[tuple[Source, list[Span]]] = []
    for cue, hits in reading.hits.items():
        if cue in by_cue:
            out.append((by_cue[cue], [(starts[hit.first], ends[hit.last - 1]) for hit in hits]))
    for signal, spans in found.items():
        if signal in by_signal:
            out.append((by_signal[signal], spans))
    return out


def _rows(parsed: Parsed, sources: list[tuple[Source, list[Span]]], values: list[int]) -> list[Row]:
    """The evidence of all rules, in the order in which they move the ``values``."""
    text, printable = parsed.text, parsed.text.isprintable()
    # A span of this many characters at most holds no more than half of the words, nor of the characters.
    short = min(len(text) // 2, 2 * (parsed.total_words // 2)) if parsed.total_words > _SHORT_TURN else len(text)
    rows: list[Row] = []
    for source, spans in sources:
        if len(spans) > 1:
            spans = _different(text, spans, source.most)
        shown: list[tuple[int, int, str]] = []  # the finds as evidence shows them
        for start, end in spans:
            if end - start > short and not source.whole:
                end = trimmed(parsed, start, end)
            said = text[start:end]
            if not printable or len(said) > _QUOTE:
                said = quote(text, start, end)
            shown.append((start, end, said))
        for rule in source.rules:
            place, effect, left = rule.place, rule.effect, rule.finds
            for start, end, said in shown:
                before = values[place]
                after = before + effect
                if not 0 <= after <= 100:
                    after = min(100, max(0, after))
                if after != before:
                    values[place] = after
                    rows.append((start, end, place, rule.name, after - before, f"{rule.opens}{said}{rule.closes}"))
                left -= 1
                if not left:
                    break
                effect = rule.again
    return rows


def _different(text: str, spans: list[Span], most: int) -> list[Span]:
    """The first ``most`` spans that differ in their words: the same words again say nothing new."""
    out: list[Span] = []
    seen: list[str] = []
    for start, end in spans:
        form = text[start:end].lower()
        if form not in seen:
            seen.append(form)
            out.append((start, end))
            if len(out) == most:
                break
    return out
