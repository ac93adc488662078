"""The learner puts right what the persona remembers: "it's Marek, not Marc"."""

import re
from collections.abc import Iterator

from realtime.domain import MemoryEntry
from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.dates import number_of
from realtime.memory.lexicon import LANGUAGES, LEXICON
from realtime.memory.matching import STATED, Found, sure
from realtime.memory.turn import Turn, bits_of, veil
from realtime.memory.vocabulary import holds

_VALUE = r"(?P<x>[\w'-]{1,20}(?:\s[\w'-]{1,20}){0,3}?)"
_NOT = veil(
    rf"(?:\b(?:it's|its|it\sis|that's|i\ssaid|i\smeant|i\smean|called|named|in|to|actually|no|from|an?|i'm|im"
    rf"|i\sam|is|a\smatter\sof)\s|(?<![\w'\-])(?<![\w'\-]\s)){_VALUE}(?:,|\sand|\s-)?\snot\s(?:in\s|from\s|an?\s"
    rf"|the\s|as\s)?(?P<y>\w[\w' -]{{0,40}})",
    "not",
)
_RATHER = veil(
    rf"\bnot\s(?:in\s|from\s|an?\s|the\s)?(?P<y>\w[\w' -]{{0,40}}?)(?:,\sbut|,|\sbut|\sany\s?more,)\s(?:it's\s"
    rf"|its\s|i'm\s|i\smeant\s|i\smean\s)?(?:in\s|from\s|an?\s)?{_VALUE}(?!\s?\w)",
    "not",
)
BITS = bits_of(_NOT, _RATHER)


def may_be(turn: Turn, known: dict[str, MemoryEntry]) -> bool:
    """Whether the turn has a "not" and something that is known: without them it puts nothing right."""
    return turn.may & BITS != 0 and any(
        item.value.lower() in turn.low for entry in known.values() for item in entry.items
    )


def found(turn: Turn, clause: Clause, known: dict[str, MemoryEntry], told: list[Found]) -> Iterator[Found]:
    """What replaces a known value that the learner says is not so. ``told``: what the other rules found in the turn;
    where they found the right value already, only the wrong one has to go."""
    for pattern in (_NOT, _RATHER):
        if not turn.may & pattern.bit:
            continue
        for match in pattern.pattern.finditer(turn.low, clause.start, clause.end):
            held = _denied(match["y"], known)
            if held is None:
                continue
            key, wrong = held
            start, end = match.span("x")
            right = any(item.key == key and item.op == "set" for item in told)
            if not right and not _fits(turn, key, start, end):
                continue
            if holds(key) == "list":
                yield Found("remove", key, wrong, sure(STATED, clause), match.start(), match.end())
            if not right:
                value = turn.text[start:end]
                years = number_of(value) if key == "age" else None
                yield Found("set", key, str(years) if years else value, sure(STATED, clause), start, match.end())


def _denied(said: str, known: dict[str, MemoryEntry]) -> tuple[str, str] | None:
    """The known value that the words after "not" begin with: its key and itself."""
    for key in sorted(known):
        for item in known[key].items:
            low = item.value.lower()
            if said.startswith(low) and not said[len(low) : len(low) + 1].isalnum():
                return key, item.value
    return None


def _fits(turn: Turn, key: str, start: int, end: int) -> bool:
    """Whether the words can be a value of that key at all."""
    kept = list(phrases.words(turn.view, start, end, 4))
    if not kept or kept[0].low in LEXICON.not_things or any(word.low in LEXICON.stops for word in kept):
        return False
    if key == "age":
        return number_of(turn.view[start:end]) is not None
    if key == "languages":
        return turn.low[start:end] in LANGUAGES
    if key == "name" or key.startswith(("people.", "pets.")):
        return phrases.name(turn.view, start, end, lower=len(kept) == 1) is not None
    return not re.search(r"\d", turn.view[start:end])
