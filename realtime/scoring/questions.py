"""Questions are known by their shape: a question word or an auxiliary in front of its subject. One question mark
helps a statement about "you" to be one; a string of marks helps nothing.
"""

from bisect import bisect_left
from typing import Final

import msgspec

from realtime.scoring.cues import Hit, opens_clause
from realtime.scoring.reading import Reading
from realtime.scoring.tables import Tables, Words
from realtime.scoring.text import Sentence, places_of

_YOU: Final = frozenset({"you", "your", "yours", "yourself"})


class Question(msgspec.Struct, frozen=True, gc=False):
    """It begins at term ``first``, in a sentence that ends at ``last``; ``short``: only hands back."""

    first: int
    last: int
    to_you: bool
    short: bool


_NO_HITS: Final[dict[int, Hit]] = {}


def find_questions(reading: Reading, tables: Tables) -> list[Question]:
    """At most one question of each sentence that is read; an invitation ("tell me more") counts as one."""
    out: list[Question] = []
    parsed, hits, words = reading.parsed, reading.hits, tables.words
    invited = {parsed.sentence_of[hit.first]: hit for hit in hits["invites"]} if "invites" in hits else _NO_HITS
    shorts = {parsed.sentence_of[hit.first]: hit for hit in hits["ask_back"]} if "ask_back" in hits else _NO_HITS
    opening = places_of(tables.asks, parsed.terms)
    for number, sentence in enumerate(parsed.sentences):
        if number in reading.skipped:
            continue
        once = sentence.asks_once
        found = _shaped(reading, sentence, once, opening, words) if opening else None
        back = shorts.get(number)
        if back is not None and (once or back.last - back.first > 1) and (found is None or found.first >= back.first):
            found = Question(back.first, sentence.last, True, back.last == sentence.last)
        if found is None and once:
            echoes = not reading.echoed.isdisjoint(range(sentence.first, sentence.last))
            found = None if echoes else _marked(parsed.terms, sentence, words)
        if found is None and number in invited:
            found = Question(invited[number].first, sentence.last, True, False)
        if found is not None:
            out.append(found)
    return out


def _shaped(reading: Reading, sentence: Sentence, once: bool, opening: list[int], words: Words) -> Question | None:
    """``once``: the sentence is closed by one question mark. ``opening``: the words of the turn that may ask."""
    parsed = reading.parsed
    terms = parsed.terms
    for at in opening[bisect_left(opening, sentence.first) : bisect_left(opening, sentence.last - 1)]:
        if at not in parsed.clause_starts and not opens_clause(parsed, at):
            continue
        if terms[at] in words.asking:
            asks = _asks(terms, at, sentence, words)
        else:
            after = terms[at + 1]
            asks = after in words.pronouns or (once and at == sentence.first and after != "not")
            # Without a mark "is it" asks only where the sentence begins: "that, is it ..." goes on telling.
            asks = asks and (once or at <= sentence.first + 1)
        if asks and at not in reading.echoed:
            rest = terms[at : sentence.last]
            if (
                at > sentence.first
                and len(rest) < 4
                and rest[-1] in words.pronouns
                and terms[at] in words.auxiliaries
            ):
                return Question(at, sentence.last, False, True)  # "isn't it?" hangs on a statement
            if len(rest) >= 3 or once:
                return Question(at, sentence.last, not _YOU.isdisjoint(rest), " ".join(rest) in words.reciprocal)
    return None


def _asks(terms: list[str], at: int, sentence: Sentence, words: Words) -> bool:
    """A question word, then (soon) an auxiliary; without a mark also a subject behind it."""
    for k in range(at + 1, min(at + 6, sentence.last)):
        if terms[k] in words.auxiliaries:
            subject = k + 1 < sentence.last and terms[k + 1] in words.pronouns
            return subject or sentence.asks_once
        if k == at + 1 and terms[k] in words.pronouns:
            return sentence.asks_once and terms[at] == "how"  # "how you doing?", but not "what I like"
    return sentence.asks_once and terms[at + 1] not in ("a", "an")


def _marked(terms: list[str], sentence: Sentence, words: Words) -> Question | None:
    first, last = sentence.first, sentence.last
    if last - first == 1:
        alone = terms[first] in words.asking or terms[first] == "really"
        return Question(first, last, False, True) if alone else None
    rest = terms[first:last]
    if terms[first] in _YOU or terms[first] in ("any", "want", "ready") or rest[-1] in _YOU:
        return Question(first, last, not _YOU.isdisjoint(rest), last - first < 3)
    return None
