"""What the learner tells about, as anybody who listens would take it up: words that belong to no persona, in one of
three manners. Topics are data (``data/topics.json``), the most telling first."""

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from realtime.persona.choosing import Pool, asks, sentences
from realtime.persona.words import plainly
from storage.catalogue.model import Line, PersonaStyle

_DATA: Final = Path(__file__).parent / "data" / "topics.json"
Manner = Literal["GENTLE", "CHEERFUL", "BRIEF"]
_CHEERFUL: Final[frozenset[PersonaStyle]] = frozenset({"PLAYFUL", "FLIRTY", "CHAOTIC"})
_BRIEF: Final[frozenset[PersonaStyle]] = frozenset({"COLD", "DIRECT", "JUDGMENTAL", "CHALLENGING"})
# The learner's own, and nobody else's.
_OWN: Final = re.compile(r"\b(?:i|me|my|mine|we|our|us|myself)\b")
_YOURS: Final = re.compile(r"\b(?:you|your|yours|yourself)\b")
# Memory keys whose values stand for their topic: "Olive" is a cat.
_REMEMBERED: Final = {"pets": "pets", "people": "family"}


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, eq=False):
    """``heard``: words or phrases, plain and whole, of which one is enough."""

    code: str
    heard: tuple[str, ...]
    lines: dict[Manner, tuple[Line, ...]]


class Topics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    topics: tuple[Topic, ...]


@cache
def topics() -> tuple[Topic, ...]:
    return msgspec.json.decode(_DATA.read_bytes(), type=Topics).topics


def manner(style: PersonaStyle) -> Manner:
    if style in _CHEERFUL:
        return "CHEERFUL"
    return "BRIEF" if style in _BRIEF else "GENTLE"


def noticed(text: str | None, style: PersonaStyle, named: dict[str, str]) -> list[Pool]:
    """Lines on what the learner has just told of themselves; the first topic heard comes first. A question, or a
    sentence about the persona, tells nothing. ``named``: plain names that the persona knows, to their memory keys."""
    told = [plainly(sentence) for sentence in sentences(text or "") if not asks(sentence)]
    own = [sentence for sentence in told if _OWN.search(sentence) and not _YOURS.search(sentence)]
    called = {
        _REMEMBERED[key.partition(".")[0]]
        for name, key in named.items()
        if key.partition(".")[0] in _REMEMBERED and any(_holds(sentence, name) for sentence in told)
    }
    return [
        Pool(f"topic:{topic.code}", topic.lines[manner(style)])
        for topic in topics()
        if topic.code in called or any(map(_heard(topic).search, own))
    ]


def _holds(sentence: str, term: str) -> bool:
    return f" {term} " in f" {sentence} "


@cache
def _heard(topic: Topic) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, topic.heard))})\b")
