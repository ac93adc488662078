"""Reads the phrase that follows a matched verb: a place, a list of things, a name. Offsets are of the whole view."""

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

from realtime.memory.lexicon import LANGUAGES, LEXICON

MAX_ITEMS = 6  # of one list; a turn stores at most eight writes in all
MAX_ITEM_WORDS = 5

_WORD = re.compile(r"\s{0,3}([^\W_]+(?:['&\-][^\W_]+)*)")
_LINK = re.compile(
    r"(?:\s(?:lately|recently|too|mostly|mainly|sometimes))?\s{0,2}(?:,\s{0,2}(?:and|or)?\b|/|&|\b(?:and|or)\b)\s{0,3}",
    re.IGNORECASE,
)
_PLACE_LINKS = frozenset(("de", "of", "la", "le", "el", "upon", "da", "do", "del", "near", "the", "on", "and"))
_PLACE_PART = re.compile(r"\s{0,2},\s{1,2}(?=[^\W\d_])")
_NO_DWELLINGS = LEXICON.not_places - LEXICON.dwellings
TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "prof", "professor", "auntie", "uncle", "granny"))
_DETERMINERS = frozenset(("the", "a", "an", "my", "our"))


class Word(NamedTuple):
    start: int
    end: int
    low: str


class Span(NamedTuple):
    start: int
    end: int


def words(view: str, at: int, end: int, limit: int) -> Iterator[Word]:
    """Up to ``limit`` words from ``at``, separated by spaces alone: any other sign ends the run."""
    for _ in range(limit):
        found = _WORD.match(view, at, end)
        if found is None:
            return
        start, at = found.span(1)
        yield Word(start, at, found[1].lower())


def ends_phrase(view: str, at: int, end: int, stops: Container[str] = LEXICON.stops) -> bool:
    """True where the noun phrase that ends at ``at`` is complete: end of clause, a sign, or a function word."""
    following = next(words(view, at, end, 1), None)
    return following is None or following.low in stops


def capital(view: str, word: Word) -> bool:
    """True when the word is written as a name: a capital, and not the whole word shouted in a shouted text."""
    return view[word.start].isupper() and (word.end - word.start == 1 or not view[word.start : word.end].isupper())


def place(view: str, at: int, end: int) -> Span | None:
    """A place after "in" or "from"; None when the phrase is no place ("time to time", "my head", "1990")."""
    found = list(words(view, at, end, 8))
    lead = 0
    while lead < len(found) and found[lead].low in _DETERMINERS:
        lead += 1
    if lead == len(found):
        return None
    span: Span | None
    if capital(view, found[lead]):
        span = _named_place(view, found, lead, end)
    else:
        for index, word in enumerate(found[lead:], lead):
            if word.low == "in" and index > lead:
                dwelling = all(each.low not in _NO_DWELLINGS for each in found[lead:index])
                return place(view, word.end, end) if dwelling else None
        span = _plain_place(found, lead)
    if span is None or any(char.isdigit() for char in view[span.start : span.end]):
        return None
    inside = [word.low for word in words(view, span.start, span.end, 8)]
    if any(word in LEXICON.not_places for word in inside) or inside[0] in LEXICON.place_stops:
        return None
    return span


def _named_place(view: str, found: list[Word], lead: int, end: int) -> Span:
    last = lead
    for index in range(lead + 1, len(found)):
        word = found[index]
        if capital(view, word):
            if word.low in LEXICON.place_stops:
                break
            last = index
        elif word.low not in _PLACE_LINKS or word.low == "and":
            break
    stop = found[last].end
    comma = _PLACE_PART.match(view, stop, end)
    if comma:
        after = list(words(view, comma.end(), end, 3))
        part = [word for word in after if capital(view, word)]
        if (
            part
            and part[0] is after[0]
            and ends_phrase(view, part[-1].end, end)
            and part[0].low not in LEXICON.not_names
        ):
            stop = part[-1].end
    return Span(found[0 if found[0].low == "the" else lead].start, stop)


def _plain_place(found: list[Word], lead: int) -> Span | None:
    kept: list[Word] = []
    for word in found[lead : lead + 4]:
        if word.low in LEXICON.place_stops:
            break
        kept.append(word)
    while kept and kept[-1].low in _PLACE_LINKS:
        kept.pop()
    return Span(found[0].start, kept[-1].end) if kept else None


def things(view: str, at: int, end: int) -> list[Span]:
    """The items of a list of liked or disliked things, in order. Ends at the first one that is no thing."""
    found: list[Span] = []
    while len(found) < MAX_ITEMS:
        item = _thing(view, at, end)
        if item is None:
            break
        found.append(item)
        link = _LINK.match(view, item.end, end)
        if link is None:
            break
        at = link.end()
    return found


def _thing(view: str, at: int, end: int) -> Span | None:
    kept: list[Word] = []
    for word in words(view, at, end, MAX_ITEM_WORDS + 2):
        joint = word.low == "and" and _is_joint(view, kept, word, end)
        if word.low in ("a", "an") and kept:  # "films a lot"
            break
        inner_to = word.low == "to" and kept and kept[-1].low in ("listening", "going", "travelling")
        inner_to = inner_to or (word.low == "by" and len(kept) == 1 and kept[0].low.endswith("ing"))
        if word.low in LEXICON.stops and not joint and not inner_to and not (word.low == "to" and not kept):
            break
        kept.append(word)
    if not kept or len(kept) > MAX_ITEM_WORDS:
        return None
    content = [word for word in kept if word.low not in ("the", "a", "an", "all", "some", "any")]
    if not content:
        return None
    if content[0].low == "to":
        usable = len(content) == 2 and content[1].low in LEXICON.infinitives
    else:
        usable = content[0].low not in LEXICON.not_things and content[-1].low not in LEXICON.not_things
    return Span(kept[0].start, kept[-1].end) if usable else None


def _is_joint(view: str, kept: list[Word], word: Word, end: int) -> bool:
    after = next(words(view, word.end, end, 1), None)
    return bool(kept) and after is not None and f"{kept[-1].low} and {after.low}" in LEXICON.joined


def name(view: str, at: int, end: int, *, lower: bool) -> Span | None:
    """A person's (or an animal's) name: a run of capitalised words with particles between, at most four.

    In small letters a single word will do that is a well-known given name, or any word where the sentence says
    plainly that a name comes (``lower``).
    """
    found = list(words(view, at, end, 4))
    if len(found) > 1 and found[0].low in TITLES and capital(view, found[1]) and _may_name(view, found[1]):
        return Span(found[0].start, found[1].end)
    if not found or not _may_name(view, found[0]):
        return None
    if not capital(view, found[0]):
        return Span(found[0].start, found[0].end) if lower or found[0].low in LEXICON.given_names else None
    last = 0
    for index in range(1, len(found)):
        if capital(view, found[index]) and _may_name(view, found[index]):
            last = index
        elif found[index].low not in LEXICON.name_particles:
            break
    return Span(found[0].start, found[last].end)


def names(view: str, at: int, end: int, *, lower: bool) -> list[Span]:
    """One name or a list of them ("Tom and Mia")."""
    found: list[Span] = []
    while len(found) < MAX_ITEMS:
        one = name(view, at, end, lower=lower and not found)
        if one is None:
            break
        found.append(one)
        link = _LINK.match(view, one.end, end)
        if link is None:
            break
        at = link.end()
    return found


def _may_name(view: str, word: Word) -> bool:
    text = view[word.start : word.end]
    return (
        word.low not in LEXICON.not_names
        and word.low not in LEXICON.nationalities
        and word.low not in LANGUAGES
        and not any(char.isdigit() for char in text)
        and not word.low.endswith(("n't", "'s", "'re", "'ll", "'d", "'ve", "'m"))
        and (len(text) > 1 or text.isupper())
    )
