"""Statements: clauses in which the learner tells something of their own."""

from bisect import bisect_left, bisect_right
from typing import Final

import msgspec

from realtime.scoring.cues import opens_clause
from realtime.scoring.questions import Question
from realtime.scoring.reading import Reading
from realtime.scoring.stems import Stems
from realtime.scoring.text import places_of

_SELF: Final = frozenset({"i", "my", "we", "our", "mine"})
_SHORT_WAY: Final = 16  # terms: most clauses are shorter

# "I'm sorry to hear that" begins with I and tells nothing of oneself.
_NOT_OWN_NEWS: Final = frozenset({"idle_self", "empathy", "apology", "hedge"})


class Statement(msgspec.Struct, frozen=True, gc=False):
    """Terms ``first`` up to ``last`` (exclusive); ``content``: its different content words, 2 for two or more."""

    first: int
    last: int
    content: int


def find_statements(reading: Reading, questions: list[Question], stems: Stems) -> list[Statement]:
    """Clauses that begin with I, we or my and tell something; not those inside a question."""
    parsed, out = reading.parsed, list[Statement]()
    terms, clauses = parsed.terms, parsed.clause_starts
    places = places_of(_SELF, terms)
    if not places:
        return out
    idle = not _NOT_OWN_NEWS.isdisjoint(reading.hits)
    contents, bounds = _Contents(terms, stems), list[int]()
    for at in places:
        if (at not in clauses and not opens_clause(parsed, at)) or at in reading.echoed:
            continue
        number = parsed.sentence_of[at]
        if number in reading.skipped or (idle and _idle(reading, at)):
            continue
        if questions and any(q.first < at and parsed.sentence_of[q.first] == number for q in questions):
            continue
        last = _clause_end(at, parsed.sentences[number].last, clauses, bounds)
        content = contents.count(at + 1, last) if last - at > 2 else 0
        if content:
            out.append(Statement(at, last, content))
    return out


def _clause_end(at: int, end: int, clauses: set[int], bounds: list[int]) -> int:
    """Where the clause of this term ends, in a sentence that ends at ``end``. A short way is walked; for a long one
    the ``bounds`` are put in order once."""
    for last in range(at + 1, min(end, at + _SHORT_WAY)):
        if last in clauses:
            return last
    if end <= at + _SHORT_WAY:
        return end
    if not bounds:
        bounds += sorted(clauses)
    following = bisect_right(bounds, at)
    return min(end, bounds[following]) if following < len(bounds) else end


class _Contents:
    """How many content words stand where. A short way is walked; for long ones the places are found once: many
    statements in one sentence cost no more than it is long."""

    def __init__(self, terms: list[str], stems: Stems) -> None:
        self._terms = terms
        self._stems = stems
        self._places: list[int] | None = None
        self._other: list[int] = []  # for each, the next one that holds another word

    def count(self, first: int, last: int) -> int:
        """How many different ones, as far as two: more than that are not told apart."""
        if last - first > _SHORT_WAY:
            return self._looked_up(first, last)
        terms, stems, one = self._terms, self._stems, ""
        for at in range(first, last):
            term = terms[at]
            if stems[term] and term != one:
                if one:
                    return 2
                one = term
        return 1 if one else 0

    def _find(self) -> list[int]:
        terms = self._terms
        places = [at for at, term in enumerate(terms) if self._stems[term]]
        self._other = [0] * len(places)
        other = len(places)
        for index in range(len(places) - 1, -1, -1):
            if index + 1 < len(places) and terms[places[index]] != terms[places[index + 1]]:
                other = index + 1
            self._other[index] = other
        return places

    def _looked_up(self, first: int, last: int) -> int:
        if self._places is None:
            self._places = self._find()
        index = bisect_left(self._places, first)
        if index == len(self._places) or self._places[index] >= last:
            return 0
        other = self._other[index]
        return 2 if other < len(self._places) and self._places[other] < last else 1


def _idle(reading: Reading, at: int) -> bool:
    """Whether a phrase that tells nothing of oneself begins at this term."""
    hits = reading.hits
    return any(hit.first == at for cue in _NOT_OWN_NEWS if cue in hits for hit in hits[cue])
