"""What the learner asked the persona, read from the text alone: which of its facts, about the learner's own
self, or something it can't answer; and whether a line would ask again what was just answered."""

import re
from functools import lru_cache

import msgspec

from realtime.persona.choosing import asks, sentences
from storage.catalogue.model import Fact, Persona

# A stem of at least four letters may go on by four more ("travel", "travelling"); a shorter one is a word.
STEM_LETTERS, STEM_TAIL = 4, 4
# Content words two questions share, of the smaller one's, to be the same question.
SAME_QUESTION = 0.6
# Memory keys that the facts' own words ask for, under the same name.
LEARNER_KEYS = frozenset({"name", "age", "job", "home", "origin", "study"})

_OPENS_QUESTION = re.compile(
    r"^(?:(?:so|and|but|well|hey|hi|hello|ok|okay|oh|um|please)\b[, ]*)*"
    r"(?:what|where|who|when|why|how|which|whose|do you|does your|did you|are you|were you|have you|has your"
    r"|can you|could you|is your|was your|tell me|i wonder|i would love to (?:know|hear))\b"
)
_OFFER = re.compile(
    r"^(?:(?:so|and|but|well|hey|ok|okay|oh)\b[, ]*)*"
    r"(?:(?:can|could|may|shall|should) (?:i|we)\b(?! (?:ask|know))|would you (?:like|want|mind|be up)"
    r"|do you (?:want|fancy) (?:to|a|some)\b(?! (?:know|tell))|are you free|want to\b|let us\b"
    r"|(?:what|how|where|when) (?:can|could|should|shall|may) (?:i|we)\b(?!.*\b(?:ask|know)\b)|what if\b"
    r"|is there (?:anything|something|any way)\b|(?:would|does|is) (?:it|that|this) "
    r"(?:be |sound |work |help |all )?(?:ok|okay|fine|alright|right|if|for you|help)\b(?!.*\b(?:ask|know)\b)"
    r"|(?:how|what) about (?:we|a|an|some|this|that|next|going|\w+ing)\b)"
)
_TURNED_BACK = re.compile(
    r"(?:^(?:so )?|\b(?:and |but )?(?:how about|what about|and) )(?:you|yours|yourself)(?: then| though)?$"
)
_TAG = re.compile(r"\b(?:you know|right|is it not|are you sure|do you think so|you see|remember)$")
# Small checks, and questions about this very day: nothing that one would have to look up in oneself.
_AT_HAND = re.compile(
    r"\b(?:today|tonight|now|at the moment|this (?:morning|afternoon|evening)|lately|earlier)\b"
    r"|^(?:(?:so|and|but|hey|ok|okay|oh)\b ?)*(?:are you (?:still )?(?:(?:here|there)\b|(?:with me|listening|awake|ok"
    r"|okay|all right|alright|ready|sure|busy|serious|kidding|joking)(?: now)?$)"
    r"|(?:can|do|did|could) you (?:hear me|see me|get (?:it|me|that)|understand(?: me| that)?|follow(?: me)?"
    r"|believe (?:me|that|it|this)|mean (?:it|that|me)|see what i mean|mind)$"
    r"|(?:will|can|could|would) you (?:please |ever )?(?:forgive|wait|give me|let me|hold on)\b)"
)
_REMEMBERS = re.compile(
    r"\b(?:do|did|can|could) you (?:still |even )?(?:remember|recall|know|guess)\b|\byou (?:remember|recall)\b"
)
_LEARNER = re.compile(r"\b(?:i|my|me|mine|myself)\b")
_PERSONA = re.compile(r"\b(?:you|your|yours|yourself|u)\b")
_SHORT_FORMS = (
    ("let's", "let us"),
    ("n't", " not"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'d", " would"),
    ("'m", " am"),
    ("'s", " is"),
)
_SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can could did do does for from had has have how i if in into is it its"
        " me mine my of on or so some that the their them then there they this to too was we were what when where"
        " which who why will with would you your yours us not",
    )
)


class Asked(msgspec.Struct, frozen=True):
    """``facts``: those that answer, in the order asked, each once. ``unknown``: a question to the persona that none
    of its facts answers, and that is more than a small check ("are you sure?") or about today. ``about_learner``:
    what does the persona know of them?"""

    facts: tuple[Fact, ...] = ()
    unknown: bool = False
    about_learner: bool = False


def listen(text: str | None, persona_line: str | None, facts: tuple[Fact, ...]) -> Asked:
    """What ``text`` asks. "And you?" asks what the learner spoke of, else what the persona had asked."""
    found: list[Fact] = []
    unknown = about_learner = False
    said = sentences(text or "")
    for sentence in said:
        plain = _plain(sentence)
        if not _is_question(sentence, plain) or _OFFER.match(plain):
            continue
        if _TAG.search(plain) and not _OPENS_QUESTION.match(_TAG.sub("", plain)):
            continue
        turned_back = _TURNED_BACK.search(plain)
        if turned_back:
            own = [_plain(other) for other in said if other != sentence]
            fact = fact_for(" ".join([*own, plain[: turned_back.start()]]), facts)
            fact = fact or fact_for(_plain(_question_of(persona_line)), facts)
        elif _asks_about_learner(plain):
            about_learner = True
            continue
        else:
            fact = fact_for(plain, facts)
            unknown = unknown or (fact is None and _to_think_about(plain))
        if fact is not None and fact not in found:
            found.append(fact)
    return Asked(facts=tuple(found), unknown=unknown, about_learner=about_learner)


def _to_think_about(plain: str) -> bool:
    return _PERSONA.search(plain) is not None and _AT_HAND.search(plain) is None


def fact_for(plain: str, facts: tuple[Fact, ...]) -> Fact | None:
    """The fact whose longest asking phrase the text holds; the first of equals."""
    best, length = None, 0
    for fact in facts:
        held = max((len(match[0]) for match in _asking(fact.asked_by).finditer(plain)), default=0)
        if held > length:
            best, length = fact, held
    return best


def asks_again(line: str, persona: Persona, persona_line: str | None, known: frozenset[str]) -> bool:
    """Whether ``line`` ends by asking what ``persona_line`` asked, or what is ``known`` of the learner
    (memory keys)."""
    if not asks(line):
        return False
    mine, before = _plain(_question_of(line)), _plain(_question_of(persona_line))
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


def _plain(text: str) -> str:
    """Lower-case words alone, short forms written out."""
    plain = text.casefold().replace("’", "'")
    for short, full in _SHORT_FORMS:
        plain = plain.replace(short, full)
    return " ".join(re.findall(r"\w+", plain))


def _is_question(sentence: str, plain: str) -> bool:
    if asks(sentence):
        return True
    return _OPENS_QUESTION.match(plain) is not None and _PERSONA.search(plain) is not None


def _asks_about_learner(plain: str) -> bool:
    """About the learner ("what is my name", "do you remember my dog"), not about the persona."""
    rest = re.sub(r"\btell me\b|\bcan i (?:ask|know)\b|\bmay i ask\b", " ", _REMEMBERS.sub(" ", plain))
    return _LEARNER.search(rest) is not None and (
        _PERSONA.search(rest) is None or _REMEMBERS.search(plain) is not None
    )


def _question_of(line: str | None) -> str:
    """The closing question of a line, or nothing."""
    return sentences(line)[-1] if line and asks(line) else ""


def _content(plain: str) -> set[str]:
    return set(plain.split()) - _SMALL_WORDS
