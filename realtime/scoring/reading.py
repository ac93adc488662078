"""One turn as the rules see it: what is read, what is left out, and what stands in the persona's last line.

Left out of every rule that can earn something ("not read"): a sentence said before in the same turn, a sentence
that speaks to the scorer, and what only gives the persona its own words back.
"""

import re
from typing import Final, NamedTuple

from realtime.scoring.cues import CueIndex, Hits
from realtime.scoring.tables import Words
from realtime.scoring.text import Parsed, parse, words_of

Span = tuple[int, int]

_RUN: Final = 4  # terms in a row that two lines share before it counts as an echo and not as chance
_ECHO_MIN: Final = 3  # a whole short line of the persona given back counts from this many terms on
_SAME_SHARE: Final = 0.65  # of the shorter line's runs of three: said again, with a word changed
_SHORT: Final = 3  # terms of a question that names nobody and is still put to the other
_US: Final = frozenset({"you", "your", "yours", "yourself", "i", "me", "my", "we", "us", "our"})
_SENTENCE_END: Final = re.compile(r"(?<=[.!?\u2026\n])")
_COUNTS: Final = re.compile(r"\bhow (?:many|much|long|old|often|far)\b|\bwhen\b|\bwhat (?:time|number|year|age)\b")
_NONE: Final[frozenset[int]] = frozenset()


class Heard(NamedTuple):
    """The persona's last line: its terms, the stems of its content words, and whether it asks. ``about_you``: a
    question of it may be answered with anything about oneself; ``counts``: it asks for a number or a time."""

    terms: list[str]
    stems: frozenset[str]
    asks: bool
    about_you: bool
    counts: bool


class Reading(NamedTuple):
    """``echoed``: terms inside an echo. ``skipped``: sentences not read. ``hits``: cues of what is read;
    ``all_hits``: cues of everything (harm is never overlooked)."""

    parsed: Parsed
    heard: Heard | None
    echoed: frozenset[int]
    skipped: frozenset[int]
    hits: Hits
    all_hits: Hits

    def span(self, first: int, last: int) -> Span:
        """Where the terms ``first`` up to ``last`` (exclusive) stand in the text."""
        return self.parsed.starts[first], self.parsed.ends[last - 1]


def stem(word: str) -> str:
    """A rough stem, good enough to see that "painting" takes up "paint". Never longer than the word."""
    size = len(word)
    if size > 5 and word.endswith("ing"):
        word = word[:-3]
    elif size > 4 and word.endswith(("ed", "es")):
        word = word[:-2]
    elif size > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def is_content(term: str, words: Words) -> bool:
    """Carries a subject: no word of grammar; three letters, a number, or of a script other than Latin."""
    return term not in words.stop and (len(term) > 2 or not term.isascii() or term.isdigit())


def hear(line: str, terms: list[str], asks: bool, words: Words) -> Heard:
    """The persona's line, once read. A question is about the learner when it names them or the two ("you", "we",
    "am I"), or is too short to name anybody ("Any plans?"); a request without a mark always is."""
    stems = frozenset(stem(term) for term in terms if is_content(term, words))
    questions = [words_of(said) for said in _SENTENCE_END.split(line) if said[-1:] == "?"] if asks else []
    about_you = asks and (
        not questions or any(len(asked) <= _SHORT or not _US.isdisjoint(asked) for asked in questions)
    )
    counts = any(_COUNTS.search(" ".join(asked)) for asked in questions)
    return Heard(terms, stems, asks, about_you, counts)


def read(text: str, heard: Heard | None, index: CueIndex, words: Words) -> Reading:
    """Parses a turn, finds its cues, and decides what is not read."""
    parsed = parse(text)
    all_hits = index.find(parsed)
    echoed = _echo(parsed, heard) if heard is not None else _NONE
    skipped = _not_read(parsed, all_hits, echoed)
    hits = index.find(parsed, skipped) if skipped else all_hits
    if echoed:
        own = {name: [hit for hit in found if hit.first not in echoed] for name, found in hits.items()}
        hits = {name: found for name, found in own.items() if found}
    return Reading(parsed, heard, echoed, skipped, hits, all_hits)


def _echo(parsed: Parsed, heard: Heard) -> frozenset[int]:
    """Terms that stand in a run of four or more shared with the persona's line, or in its whole short line."""
    theirs, mine = heard.terms, parsed.terms
    if len(theirs) < _ECHO_MIN or len(mine) < _ECHO_MIN:
        return _NONE
    run = min(_RUN, len(theirs))
    known = {tuple(theirs[i : i + run]) for i in range(len(theirs) - run + 1)}
    found: set[int] = set()
    for i in range(len(mine) - run + 1):
        if tuple(mine[i : i + run]) in known:
            found.update(range(i, i + run))
    return frozenset(found) if found else _NONE


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


def repeats(parsed: Parsed, recent_lines: tuple[str, ...]) -> bool:
    """Whether one of the learner's last lines is said again: the same words, or nearly all the same runs of
    three. Lines of fewer than three words ("Yes.") may come twice."""
    mine = parsed.terms
    if len(mine) < _ECHO_MIN or not recent_lines:
        return False
    runs = set(zip(mine, mine[1:], mine[2:], strict=False))
    for line in recent_lines:
        theirs = words_of(line)
        if theirs == mine:
            return True
        other = set(zip(theirs, theirs[1:], theirs[2:], strict=False))
        shorter = min(len(runs), len(other))
        if shorter > 2 and len(runs & other) >= _SAME_SHARE * shorter:
            return True
    return False


def gives_back(reading: Reading, words: Words) -> bool:
    """Whether the turn is mostly the persona's own line ("How are you?" may go back and forth)."""
    if reading.heard is None or " ".join(reading.heard.terms) in words.reciprocal:
        return False
    return bool(reading.echoed) and len(reading.echoed) * 2 >= len(reading.parsed.terms)
