"""The people and pets in the learner's life."""

import re
from collections.abc import Iterator

from realtime.domain import MemoryEntry
from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.lexicon import LEXICON
from realtime.memory.matching import EXPLICIT, HAVE_WORDS, I_HAVE, STATED, Found, any_of, matches, sure
from realtime.memory.turn import Turn, bits_of, part, pieces, rule

_KINDS = LEXICON.relations | LEXICON.pets
_KIND_WORDS = pieces(_KINDS)
_KIND = rf"(?P<kind>{any_of(_KINDS)})"
_MODIFIERS = (
    r"(?:(?:older|younger|little|big|elder|eldest|youngest|oldest|best|twin|late|dear|old|new|ex|baby|two|three|four)"
    r"[\s-]){0,2}"
)
_CALLED = r",?\s(?:who\sis\s|who's\s|whose\sname\sis\s)?(?:called|named|is\scalled|is\snamed|are\scalled)\s"
_MY = rule(
    rf"\bmy\s{_MODIFIERS}{_KIND}(?P<called>{_CALLED}|'?s?\snames?\s(?:is|are)\s|'s\s(?:called|named|name's)\s|,\s(?=[^\W\d_])|\s)",
    _KIND_WORDS | {f"{kind}s" for kind in _KIND_WORDS},
    too="my",
)
_HAVE = rule(
    rf"{I_HAVE}(?:also\s)?(?P<what>(?:(?:an?|one|two|three|four|five|six|some|several)\s)?{_MODIFIERS}"
    rf"(?P<kind>{any_of(LEXICON.had_relations | frozenset(LEXICON.pets))}))\b"
    rf"(?P<called>{_CALLED}|,\s(?=[^\W\d_])|\s)?",
    _KIND_WORDS,
    too=HAVE_WORDS,
)
BITS = bits_of(_MY, _HAVE)  # without one of them there is nobody
_AND_A = part(rf"\sand\s(?P<what>(?:an?|one|two|three|four)\s{_KIND})\b")
_UNNAMED = re.compile(r"(?:an?|one|two|three|four|five|six|some|several)\s|\w+s$", re.IGNORECASE)


def found(turn: Turn, clause: Clause, known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """Everyone whom the clause names as the learner's own, or says that they have."""
    for match in matches(_MY, turn, clause):
        plain = match["called"].strip(" ,") == ""
        for span in phrases.names(turn.view, match.end(), clause.end, lower=not plain):
            yield from _named(turn, clause, match, span, known)
    for match in matches(_HAVE, turn, clause):
        called = match["called"] or ""
        plain = called.strip(" ,") == ""
        spans = phrases.names(turn.view, match.end(), clause.end, lower=not plain) if called else []
        for span in spans:
            yield from _named(turn, clause, match, span, known)
        if not spans and phrases.ends_phrase(turn.view, match.end("what"), clause.end):
            key = _key(match)
            held = known.get(key)
            if not (held and held.items) and _UNNAMED.search(match["what"]):
                value = turn.text[match.start("what") : match.end("what")]
                yield Found("set", key, value, sure(STATED, clause), match.start(), match.end("what"))
            yield from _and_another(turn, clause, match, known)


def _and_another(turn: Turn, clause: Clause, match: re.Match[str], known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """The cat of "I have a dog and a cat"."""
    second = _AND_A.match(turn.low, match.end("what"), clause.end)
    if second and phrases.ends_phrase(turn.view, second.end(), clause.end):
        key = _key(second)
        held = known.get(key)
        if not (held and held.items):
            value = turn.text[second.start("what") : second.end("what")]
            yield Found("set", key, value, sure(STATED, clause), match.start(), second.end("what"))


def _key(match: re.Match[str]) -> str:
    kind = match["kind"]
    return f"people.{LEXICON.relations[kind]}" if kind in LEXICON.relations else f"pets.{LEXICON.pets[kind]}"


def _named(
    turn: Turn, clause: Clause, match: re.Match[str], span: phrases.Span, known: dict[str, MemoryEntry]
) -> Iterator[Found]:
    """The name, and before it the removal of the "a dog" that stood for it while it had none."""
    key = _key(match)
    held = known.get(key)
    for item in held.items if held else ():
        if _UNNAMED.match(item.value) and item.value.lower().startswith(("a ", "an ", "one ")):
            yield Found("remove", key, item.value, STATED, match.start(), span.end)
    value = turn.text[span.start : span.end]
    yield Found("set", key, value, sure(EXPLICIT, clause), match.start(), span.end)
