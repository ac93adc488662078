"""The people and pets in the learner's life."""

import re
from collections.abc import Iterator

from realtime.domain import MemoryEntry
from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.lexicon import LEXICON
from realtime.memory.matching import EXPLICIT, HAVE_WORDS, I_HAVE, STATED, Found, any_of, begin, matches, sure
from realtime.memory.phrases import Span
from realtime.memory.turn import Turn, bits_of, part, pieces, rule

_KINDS = LEXICON.relations | LEXICON.pets
_KIND_WORDS = pieces(_KINDS)
_KIND = rf"(?P<kind>{any_of(_KINDS)})"
_MODIFIERS = (
    r"(?:(?:older|younger|little|big|elder|eldest|youngest|oldest|best|twin|late|dear|old|new|ex|baby|two|three"
    r"|four|five|lovely|"
    r"middle|only|closest|good|great|great-|grown|grown-up|teenage|poor|crazy|rescue|black|white|ginger|fat|lazy"
    r"|first|other|few|"
    r"next[\s-]door|one|pet|tiny|small|beloved|favourite|former|current|long-time)"
    r"[\s-]){0,3}"
)
_CALLED = (
    r",?\s(?:who\sis\s|who's\s|whose\sname\sis\s|her\sname\sis\s|his\sname\sis\s|their\snames\sare\s|(?:he|she"
    r"|it)(?:'s|\sis)\s)?"
    r"(?:called|named|is\scalled|is\snamed|are\scalled|are\snamed|goes\sby)\s|,?\s(?:who\sis\s|whose\sname\sis\s"
    r"|(?:his|her|its)\sname(?:\sis|'s)\s)"
)
_MY = rule(
    rf"\b(?:my|our)\s{_MODIFIERS}{_KIND}(?P<called>{_CALLED}|'?s?\snames?\s(?:is|are)\s|'s\s(?:called|named|name's"
    rf"|name)\s|,\s(?=[^\W\d_])|\s?(?:[:(]|\s-)\s?|\s)",
    _KIND_WORDS | {f"{kind}s" for kind in _KIND_WORDS},
    too="my our",
)
_HAVE = rule(
    rf"{I_HAVE}(?:also\s|just\s)?(?P<what>(?:(?:an?|one|two|three|four|five|six|some|several|the"
    rf"|only)\s)?{_MODIFIERS}"
    rf"(?P<kind>{any_of(LEXICON.had_relations | frozenset(LEXICON.pets))}))\b"
    rf"(?P<called>{_CALLED}|,\s(?=[^\W\d_])|\s?(?:[:(]|\s-)\s?|\s)?",
    _KIND_WORDS,
    too=HAVE_WORDS,
)
_NAMED_SO = rule(
    r"\b(?:(?:his|her|its|their)\snames?(?:'s|\sis|\sare)|(?:he|she|it|they)(?:'s|'re|\sis|\sare|s)\s(?:called|named)"
    r"|(?:we|i)\s(?:called|named)\s(?:him|her|it|them))\s",
    "name names called named",
    too="his her its their he she it they hes shes him them",
)
_IS_MY = rule(
    rf"\b(?P<name>[^\W\d_]{{2,20}})(?:,|\sis|'s)\smy\s{_MODIFIERS}{_KIND}\b(?!')",
    _KIND_WORDS,
    too="my",
)
BITS = bits_of(_MY, _HAVE, _NAMED_SO, _IS_MY)  # without one of them there is nobody
_AND_A = part(rf"\sand\s(?P<what>(?:an?|one|two|three|four)\s{_KIND})\b")
_MENTIONED = part(rf"\b(?:my|our|an?|the|two|three)\s{_MODIFIERS}{_KIND}\b(?!')")
_NO_PET = part(r"\s(?:in\smy\sthroat|to\sfry|allergy|person|lover|phobia)\b")
_LOOKED_BACK = 120  # code points: the pet of the sentence before, not of the story before that
_UNNAMED = re.compile(r"(?:an?|one|two|three|four|five|six|some|several|the|only)\s|\w+s$", re.IGNORECASE)


def found(turn: Turn, clause: Clause, known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """Everyone whom the clause names as the learner's own, or says that they have."""
    for match in matches(_MY, turn, clause):
        plain = match["called"].strip(" ,:(-") == ""
        for span in _names_after(turn, clause, match, lower=not plain):
            yield from _named(turn, clause, match, span, known)
    for match in matches(_HAVE, turn, clause):
        if _NO_PET.match(turn.low, match.end("what")):
            continue
        called = match["called"] or ""
        plain = called.strip(" ,:(-") == ""
        spans = _names_after(turn, clause, match, lower=not plain)
        for span in spans:
            yield from _named(turn, clause, match, span, known)
        if not spans and phrases.ends_phrase(turn.view, match.end("what"), clause.end):
            yield from _nameless(turn, clause, match, match.start(), known)
            yield from _and_another(turn, clause, match, known)
    for match in matches(_IS_MY, turn, clause):
        whole = phrases.name(turn.view, match.start("name"), match.end("name"), lower=False)
        if whole and whole.end == match.end("name"):
            yield from _named(turn, clause, match, whole, known)
    for match in matches(_NAMED_SO, turn, clause):
        mentioned = _last_mentioned(turn, match.start())
        if mentioned:
            for span in phrases.names(turn.view, match.end(), clause.end, lower=True):
                yield from _called(turn, clause, _key(mentioned), match.start(), span, known)


def _names_after(turn: Turn, clause: Clause, match: re.Match[str], *, lower: bool) -> list[Span]:
    """The names behind the relation; a colon or a bracket between them ends the clause, and not the phrase."""
    if match["called"]:
        return phrases.names(turn.view, match.end(), clause.end, lower=lower)
    at = match.end()
    if at < clause.end:
        return []
    gap = re.compile(r"\s?(?:[:(]|[-–—]\s)\s?").match(turn.view, at)
    return phrases.names(turn.view, gap.end(), min(len(turn.view), gap.end() + 60), lower=False) if gap else []


def _last_mentioned(turn: Turn, at: int) -> re.Match[str] | None:
    mentioned = list(_MENTIONED.finditer(turn.low, max(0, at - _LOOKED_BACK), at))
    return mentioned[-1] if mentioned else None


def _nameless(
    turn: Turn, clause: Clause, match: re.Match[str], start: int, known: dict[str, MemoryEntry]
) -> Iterator[Found]:
    """ "a dog", where nothing is known of one."""
    key = _key(match)
    held = known.get(key)
    if not (held and held.items) and _UNNAMED.search(match["what"]):
        value = turn.text[match.start("what") : match.end("what")]
        yield Found("set", key, value, sure(STATED, clause), start, match.end("what"))


def _and_another(turn: Turn, clause: Clause, match: re.Match[str], known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """The cat of "I have a dog and a cat"."""
    second = _AND_A.match(turn.low, match.end("what"), clause.end)
    if second and phrases.ends_phrase(turn.view, second.end(), clause.end):
        yield from _nameless(turn, clause, second, match.start(), known)


def _key(match: re.Match[str]) -> str:
    kind = match["kind"]
    return f"people.{LEXICON.relations[kind]}" if kind in LEXICON.relations else f"pets.{LEXICON.pets[kind]}"


def _named(
    turn: Turn, clause: Clause, match: re.Match[str], span: Span, known: dict[str, MemoryEntry]
) -> Iterator[Found]:
    yield from _called(turn, clause, _key(match), begin(turn, match), span, known)


def _called(
    turn: Turn, clause: Clause, key: str, start: int, span: Span, known: dict[str, MemoryEntry]
) -> Iterator[Found]:
    """The name, and before it the removal of the "a dog" that stood for it while it had none."""
    held = known.get(key)
    for item in held.items if held else ():
        if is_nameless(item.value) and item.value.lower().startswith(("a ", "an ", "one ")):
            yield Found("remove", key, item.value, STATED, start, span.end)
    value = turn.text[span.start : span.end]
    yield Found("set", key, value, sure(EXPLICIT, clause), start, span.end)


def is_nameless(value: str) -> bool:
    """Whether the value stands for somebody without a name ("a dog", "two brothers")."""
    return _UNNAMED.match(value) is not None and value[:1].islower()
