"""What the learner asked the persona, read from the text alone: which of its facts, about the learner's own
self, or something it can't answer; and whether a line would ask again what was just answered."""

import re
from functools import lru_cache
from typing import Literal

import msgspec

from realtime.persona import question_forms as forms
from realtime.persona.choosing import asks, sentences
from realtime.persona.words import plainly
from storage.catalogue.model import Fact, Persona

# A stem of at least four letters may go on by four more ("travel", "travelling"); a shorter one is a word.
STEM_LETTERS, STEM_TAIL = 4, 4
# Content words two questions share, of the smaller one's, to be the same question.
SAME_QUESTION = 0.6
# Memory keys that the facts' own words ask for, under the same name.
LEARNER_KEYS = frozenset({"name", "age", "job", "home", "origin", "study"})

_SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can could did do does for from had has have how i if in into is it its"
        " me mine my of on or so some that the their them then there they this to too was we were what when where"
        " which who why will with would you your yours us not like much many really ever about",
    )
)


_Kind = Literal["ELSEWHERE", "MADE_OF", "BACK", "LEARNER", "ASKS"]


class Asked(msgspec.Struct, frozen=True):
    """``facts``: those that answer, in the order asked, each once. ``unknown``: a question to the persona that none
    of its facts answers, and that is more than a small check ("are you sure?") or about today. ``about_learner``:
    what does the persona know of them? ``made_of``: is it a person or a machine? ``elsewhere``: talk about anything
    else, please. ``turned_back``: "and you?", whatever it was about."""

    facts: tuple[Fact, ...] = ()
    unknown: bool = False
    about_learner: bool = False
    made_of: bool = False
    elsewhere: bool = False
    turned_back: bool = False


def listen(text: str | None, persona_line: str | None, facts: tuple[Fact, ...]) -> Asked:
    """What ``text`` asks. "And you?" asks what the learner spoke of, else what the persona had asked or told."""
    said = [part for sentence in sentences(text or "") for part in _apart(sentence)]
    told = _told(persona_line, facts)
    found: dict[str, Fact] = {}
    kinds: set[_Kind] = set()
    unknown = False
    for sentence in said:
        plain = plainly(sentence)
        kind = _kind(sentence, plain)
        fact = None
        if kind == "BACK":
            own = " ".join(plainly(other) for other in said if other != sentence)
            own = f"{own} {forms.TURNED_BACK.split(plain, maxsplit=1)[0]}"
            fact = _spoken_of(own, facts) or fact_for(plainly(_question_of(persona_line)), facts) or told
        elif kind == "ASKS":
            fact = fact_for(plain, facts) or (told if forms.TAKES_UP.search(plain) else None)
            unknown = unknown or (fact is None and _to_think_about(plain))
        if kind is not None:
            kinds.add(kind)
        if fact is not None:
            found.setdefault(fact.key, fact)
    return Asked(
        facts=tuple(found.values()),
        unknown=unknown,
        about_learner="LEARNER" in kinds,
        made_of="MADE_OF" in kinds,
        elsewhere="ELSEWHERE" in kinds,
        turned_back="BACK" in kinds,
    )


def _kind(sentence: str, plain: str) -> _Kind | None:
    """What a sentence asks for; None of a statement, an offer or a small check."""
    if forms.ELSEWHERE.search(plain):
        return "ELSEWHERE"
    if not _is_question(sentence, plain) or forms.OFFER.match(plain):
        return None
    if forms.TAG.search(plain) and not forms.OPENS_QUESTION.match(forms.TAG.sub("", plain)):
        return None
    if forms.MADE_OF.search(plain):
        return "MADE_OF"
    if forms.CHECK.search(plain):
        return None
    if forms.TURNED_BACK.search(plain):
        return "BACK"
    return "LEARNER" if _asks_about_learner(plain) else "ASKS"


def _apart(sentence: str) -> list[str]:
    """Two questions in one sentence, each for itself."""
    parts = forms.AND_ASKS.split(sentence) if asks(sentence) else [sentence]
    return [
        f"{part}?" if not asks(part) and forms.OPENS_QUESTION.match(plainly(part)) and len(parts) > 1 else part
        for part in parts
    ]


def _told(persona_line: str | None, facts: tuple[Fact, ...]) -> Fact | None:
    """The fact that the persona's last line told, by its first sentence."""
    if not persona_line:
        return None
    return next((fact for fact in facts if any(sentences(line)[0] in persona_line for line in fact.lines)), None)


def _spoken_of(plain: str, facts: tuple[Fact, ...]) -> Fact | None:
    """The fact of the persona's that the learner's own statement is about."""
    if forms.STATES_AGE.search(plain):
        return next((fact for fact in facts if fact.key == "age"), None)
    return fact_for(plain, facts)


def _to_think_about(plain: str) -> bool:
    return forms.PERSONA.search(plain) is not None and forms.AT_HAND.search(plain) is None


def fact_for(plain: str, facts: tuple[Fact, ...]) -> Fact | None:
    """The fact whose longest asking phrase the text holds; the first of equals."""
    best, length = None, 0
    for fact in facts:
        held = max((len(match[0]) for match in _asking(fact.asked_by).finditer(plain)), default=0)
        if held > length:
            best, length = fact, held
    return best


def closest(text: str | None, lines: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``lines`` that share a word of some weight with a question in ``text``."""
    asked = _stems(" ".join(sentence for sentence in sentences(text or "") if asks(sentence)))
    return tuple(line for line, stems in _line_stems(lines) if asked & stems)


@lru_cache(maxsize=1024)
def _line_stems(lines: tuple[str, ...]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Of the persona's own lines alone: nothing that a learner said is kept."""
    return tuple((line, _stems(line)) for line in lines)


def _stems(text: str) -> frozenset[str]:
    words = (word for word in _content(plainly(text)) if len(word) >= STEM_LETTERS)
    return frozenset(word[: STEM_LETTERS + 1].removesuffix("s") for word in words)


def asks_again(line: str, persona: Persona, persona_line: str | None, known: frozenset[str]) -> bool:
    """Whether ``line`` ends by asking what ``persona_line`` asked, or what is ``known`` of the learner
    (memory keys)."""
    if not asks(line):
        return False
    mine, before = plainly(_question_of(line)), plainly(_question_of(persona_line))
    topic = fact_for(mine, persona.facts)
    if topic is not None and topic.key in known & LEARNER_KEYS:
        return True
    if not before:
        return False
    if topic is not None and topic == fact_for(before, persona.facts):
        return True
    one, other = _content(mine), _content(before)
    smaller = min(len(one), len(other))
    return mine == before or (smaller > 0 and len(one & other) >= SAME_QUESTION * smaller)


@lru_cache(maxsize=1024)
def _asking(terms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_term(term) for term in sorted(terms, key=len, reverse=True)) or r"(?!)")


def _term(term: str) -> str:
    words = term.split()
    tail = rf"\w{{0,{STEM_TAIL}}}" if len(words[-1]) >= STEM_LETTERS else ""
    return r"\b" + r"\s+".join(map(re.escape, words)) + tail + r"\b"


def _is_question(sentence: str, plain: str) -> bool:
    if asks(sentence):
        return True
    if forms.STATES.match(plain):
        return False
    if forms.REQUEST.match(plain) or forms.MADE_OF.search(plain):
        return True
    return forms.OPENS_QUESTION.match(plain) is not None and forms.PERSONA.search(plain) is not None


def _asks_about_learner(plain: str) -> bool:
    """About the learner ("what is my name", "do you remember my dog"), not about the persona."""
    rest = re.sub(
        r"\bcan i (?:ask|know)\b|\bmay i ask\b", " ", forms.FOR_ME.sub(" ", forms.REMEMBERS.sub(" ", plain))
    )
    return forms.LEARNER.search(rest) is not None and (
        forms.PERSONA.search(rest) is None or forms.REMEMBERS.search(plain) is not None
    )


def _question_of(line: str | None) -> str:
    """The closing question of a line, or nothing."""
    return sentences(line)[-1] if line and asks(line) else ""


def _content(plain: str) -> set[str]:
    return set(plain.split()) - _SMALL_WORDS
