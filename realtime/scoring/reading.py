"""One turn as the rules see it: what is read, what is left out, and what stands in the persona's last line.

Left out of every rule that can earn something ("not read"): a sentence said before in the same turn, a sentence
that speaks to the scorer, and what only gives the persona its own words back.
"""

import re
from typing import Final

import msgspec

from realtime.scoring.cues import CueIndex, Hit, Hits
from realtime.scoring.stems import Stems
from realtime.scoring.tables import Words
from realtime.scoring.text import Parsed, parse, words_of

Span = tuple[int, int]

_RUN: Final = 4  # terms in a row that two lines share before it counts as an echo and not as chance
_SAME_SHARE: Final = 0.65  # of the shorter line's runs of three: said again, with a word changed
_SHORT: Final = 3  # terms of a question that names nobody and is still put to the other
_US: Final = frozenset({"you", "your", "yours", "yourself", "i", "me", "my", "we", "us", "our"})
_SENTENCE_END: Final = re.compile(r"(?<=[.!?\u2026\n])")
_COUNTS: Final = re.compile(r"\bhow (?:many|much|long|old|often|far)\b|\bwhen\b|\bwhat (?:time|number|year|age)\b")
_OPEN: Final = frozenset({"what", "which", "where", "who", "when", "whose", "why", "how"})
_NONE: Final[frozenset[int]] = frozenset()
_NO_STEM: Final = frozenset({""})


Run = tuple[str, ...]


class Heard(msgspec.Struct, frozen=True, gc=False):
    """The persona's last line: its terms, the stems of its content words, and whether it asks. ``about_you``: a
    question of it may be answered with anything about oneself; ``counts``: it asks for a number or a time.
    ``runs``: its runs of three. ``moods``: groups of ``data/heard.json`` found in it (a loss, a complaint, a no).
    ``opens``: it asks what, where or how, or to be told; ``closed``: its questions ask for a yes or no."""

    terms: list[str]
    runs: frozenset[Run]
    stems: frozenset[str]
    asks: bool
    about_you: bool
    counts: bool
    moods: frozenset[str]
    opens: bool
    closed: bool


class Reading(msgspec.Struct, frozen=True, gc=False):
    """``runs``: every three terms in a row. ``echoed``: terms inside an echo. ``skipped``: sentences not read.
    ``hits``: cues of what is read; ``all_hits``: cues of everything (harm is never overlooked)."""

    parsed: Parsed
    heard: Heard | None
    runs: frozenset[Run]
    echoed: frozenset[int]
    skipped: frozenset[int]
    hits: Hits
    all_hits: Hits

    def span(self, first: int, last: int) -> Span:
        """Where the terms ``first`` up to ``last`` (exclusive) stand in the text."""
        return self.parsed.starts[first], self.parsed.ends[last - 1]

    def span_of(self, hit: Hit) -> Span:
        return self.parsed.starts[hit.first], self.parsed.ends[hit.last - 1]


_KEPT_LINES: Final = 1_024  # of the learners' own, some kilobytes each: in each of three turns it is looked at again
_KEPT_CHARS: Final = 400  # a longer line is read anew


class Lines(dict[str, tuple[list[str], frozenset[Run]]]):
    """``lines[text]``: its terms and its runs of three. Remembered, in bounded room."""

    def __missing__(self, text: str) -> tuple[list[str], frozenset[Run]]:
        terms = words_of(text)
        return self.keep(text, terms, _runs(terms))

    def keep(self, text: str, terms: list[str], runs: frozenset[Run]) -> tuple[list[str], frozenset[Run]]:
        if len(text) <= _KEPT_CHARS:
            if len(self) >= _KEPT_LINES:
                self.clear()
            self[text] = terms, runs
        return terms, runs


_LINES: Final = Lines()


def forget_lines() -> None:
    """Drop the lines that are remembered."""
    _LINES.clear()


def hear(line: str, terms: list[str], moods: frozenset[str], stems: Stems) -> Heard:
    """The persona's line, once read. A question is about the learner when it names them or the two ("you", "we",
    "am I"), or is too short to name anybody ("Any plans?"); a request without a mark always is."""
    asks = "?" in line or "request" in moods
    taken = frozenset(map(stems.__getitem__, terms)) - _NO_STEM
    asked_in = [said for said in _SENTENCE_END.split(line) if said[-1:] == "?"] if asks else []
    questions = [terms if said == line else words_of(said) for said in asked_in]
    about_you = asks and (
        not questions or any(len(asked) <= _SHORT or not _US.isdisjoint(asked) for asked in questions)
    )
    counts = any(_COUNTS.search(" ".join(asked)) for asked in questions)
    opens = asks and (not questions or any(not _OPEN.isdisjoint(asked) for asked in questions))
    return Heard(terms, _runs(terms), taken, asks, about_you, counts, moods, opens, asks and not opens)


def _runs(terms: list[str]) -> frozenset[Run]:
    """Every three terms in a row."""
    return frozenset(zip(terms, terms[1:], terms[2:], strict=False))


def read(text: str, heard: Heard | None, index: CueIndex, words: Words) -> Reading:
    """Parses a turn, finds its cues, and decides what is not read."""
    parsed = parse(text)
    all_hits = index.find(parsed)
    runs = _runs(parsed.terms)
    _LINES.keep(text, parsed.terms, runs)
    # Whatever is an echo shares a run of three with the line.
    echoed = _NONE if heard is None or runs.isdisjoint(heard.runs) else _echo(parsed.terms, heard.terms)
    whole = "to_scorer" not in all_hits and len(parsed.sentences) < 2 and not echoed
    skipped = _NONE if whole else _not_read(parsed, all_hits, echoed)
    hits = index.find(parsed, skipped) if skipped else all_hits
    if echoed:
        own = {
            name: [hit for hit in found if hit.first not in echoed and hit.last - 1 not in echoed]
            for name, found in hits.items()
        }
        hits = {name: found for name, found in own.items() if found}
    return Reading(parsed, heard, runs, echoed, skipped, hits, all_hits)


def _echo(mine: list[str], theirs: list[str]) -> frozenset[int]:
    """Terms that stand in a run of four or more shared with the persona's line, or in its whole short line."""
    run = min(_RUN, len(theirs))
    known = {tuple(theirs[i : i + run]) for i in range(len(theirs) - run + 1)}
    found: set[int] = set()
    for i in range(len(mine) - run + 1):
        if tuple(mine[i : i + run]) in known:
            found.update(range(i, i + run))
    return frozenset(found)


def _not_read(parsed: Parsed, hits: Hits, echoed: frozenset[int]) -> frozenset[int]:
    skipped = {parsed.sentence_of[hit.first] for hit in hits.get("to_scorer", ())}
    if len(parsed.sentences) > 1:
        seen: set[tuple[str, ...]] = set()
        for number, sentence in enumerate(parsed.sentences):
            said = tuple(parsed.terms[sentence.first : sentence.last])
            if said in seen:
                skipped.add(number)
            seen.add(said)
    if echoed:
        for number, sentence in enumerate(parsed.sentences):
            size = sentence.last - sentence.first
            back = sum(1 for i in range(sentence.first, sentence.last) if i in echoed)
            if back * 5 >= size * 4:
                skipped.add(number)
    return frozenset(skipped) if skipped else _NONE


def repeats(reading: Reading, recent_lines: tuple[str, ...]) -> bool:
    """Whether one of the learner's last lines is said again: the same words, or nearly all the same runs of
    three. Lines of fewer than three words ("Yes.") may come twice."""
    mine, runs = reading.parsed.terms, reading.runs
    if not runs:
        return False
    for line in recent_lines:
        theirs, other = _LINES[line]
        if theirs == mine:
            return True
        shorter = min(len(runs), len(other))
        if shorter > 2 and not runs.isdisjoint(other) and len(runs & other) >= _SAME_SHARE * shorter:
            return True
    return False


def gives_back(reading: Reading, words: Words) -> bool:
    """Whether the turn is mostly the persona's own line ("How are you?" may go back and forth)."""
    echoed, heard = reading.echoed, reading.heard
    if heard is None or len(echoed) * 2 < len(reading.parsed.terms) or not echoed:
        return False
    return " ".join(heard.terms) not in words.reciprocal
