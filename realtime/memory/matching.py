"""What the rules share: what they find, how sure they are, and the grammar of "I"."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from realtime.memory.clauses import Clause
from realtime.memory.phrases import Span
from realtime.memory.turn import Rule, Turn, veil

# How sure a rule is of what it read. Our own grades: 0.9 and above are explicit statements.
EXPLICIT = 0.95  # names the fact: "my name is"
STATED = 0.9  # says it plainly: "I love"
IMPLIED = 0.75  # lets it be understood: "I play the guitar"
ANSWERED = 0.7  # a bare answer to the persona's question
HEDGED = 0.6  # with a "maybe" or "I think" about it

_ADVERB = (
    r"really|just|also|actually|currently|still|now|absolutely|do|totally|truly|always|mostly|honestly|"
    r"personally|both|only|so|quite|pretty|very|super|too|secretly|particularly|especially|simply|definitely|"
    r"genuinely|originally|basically|mainly|kinda|probably|maybe|usually|often|myself|already|proudly|all|lately|recently|mainly|mostly|these\s{1,3}days|at\s{1,3}the\s{1,3}moment|only"
)
ADVERBS = rf"(?:(?:{_ADVERB})\s{{1,3}}){{0,3}}"
I_AM = r"\b(?<![\w'\-])(?:i'm|im|i\s{1,3}am)\s{1,3}"
# "I", or the "and" that carries it on: "I live in Haifa and work as a nurse".
I_DO = r"(?:\b(?:(?<![\w'\-])(?:i|we)\s{1,3}|(?<=\sand\s)))"
# Where "I" is left out: "love climbing", "yeah, hate it". In front of it stands a sign, or nothing.
ELIDED = r"\b(?<![\w'\-])(?<![\w'\-]\s)"
I_HAVE = (
    r"(?:\b(?<![\w'\-])(?:(?:i|we)\s{1,3}(?:also\s)?have(?:\s{1,3}got)?|(?:i|we)'?ve\s{1,3}(?:also\s)?got"
    r"|(?:i|we)'ve(?=\s{1,3}an?\s)|(?:i|we)\s{1,3}(?:own|got))\s{1,3})"
)

# Of what these begin with, for what a pattern needs ``too``.
AM_WORDS = ("im", "m", "am")  # one of them is in every ``I_AM``
DO_WORDS = ("i", "we", "and")  # in every ``I_DO``
HAVE_WORDS = ("have", "ve", "ive", "weve", "got", "own")  # in every ``I_HAVE``

_LEAD_OUT = veil(
    r"\b(?:not|never|nobody|no\sone|than|as|how|why|neither|nor|except|without|hardly|don't|didn't|can't|isn't)\b",
    "not never nobody no than as how why neither nor except without hardly don didn can isn",
)
_NO_LEAD_OUT = re.compile(
    r"\b(?:not\s(?:gonna|going\sto)\slie|can't\slie|don't\sworry|as\swell|why\snot|not\sto\sbrag)\b"
)
_FIRST_PERSON = re.compile(r"\W{0,4}(?:\w{1,12}\W{1,3}){0,3}?(?:i|i'm|im|i've|ive|my\sname(?:'s)?)\b")
_OWN = re.compile(r"(?:i|i'm|im|i've|ive|my|our|we|we're|we've)\b")
_OTHERS = re.compile(r"\b(?:he|she|they|you|we|who|it)\b")


class Found(NamedTuple):
    """A write that a rule proposes: ``text[start:end]`` is its evidence."""

    op: Literal["set", "remove"]
    key: str
    value: str
    confidence: float
    start: int
    end: int


def matches(rule: Rule, turn: Turn, clause: Clause) -> Iterable[re.Match[str]]:
    """The matches whose clause so far neither turns them round ("not that I ...") nor gives "and" another subject."""
    return _matches(rule.pattern, turn, clause) if turn.may & rule.bit else ()


def _matches(pattern: re.Pattern[str], turn: Turn, clause: Clause) -> Iterator[re.Match[str]]:
    low = turn.low
    turned: int | None = None  # looked up once, when first needed: a search for each match would not be linear
    other: int | None = None  # likewise
    for found in pattern.finditer(low, clause.start, clause.end):
        if turned is None:
            turned = _turned(turn, clause)
        if found.start() > turned:
            return
        if low[max(clause.start, found.start() - 4) : found.start()] == "and " and not _OWN.match(low, found.start()):
            if other is None:
                subject = _OTHERS.search(low, clause.start, clause.end)
                other = subject.start() if subject else clause.end
            if other < found.start() or not _FIRST_PERSON.match(low, clause.start, found.start()):
                continue
        yield found


def _turned(turn: Turn, clause: Clause) -> int:
    """Where the first negation or comparison begins that is no manner of speech; the clause's end without one."""
    at = clause.start
    while turning := _LEAD_OUT.search(turn, at, clause.end):
        manner = _NO_LEAD_OUT.match(turn.low, turning.start(), clause.end)
        if manner is None:
            return turning.start()
        at = manner.end()
    return clause.end


def said(turn: Turn, found: re.Match[str], group: str | int = 0) -> str:
    """The words of the match as the learner wrote them."""
    return turn.view[found.start(group) : found.end(group)]


def begin(turn: Turn, found: re.Match[str]) -> int:
    """Where the match's first word begins: an elided "I" leaves a space in front."""
    at = found.start()
    while turn.view[at].isspace():
        at += 1
    return at


def sure(confidence: float, clause: Clause) -> float:
    return min(confidence, HEDGED) if clause.hedged else confidence


def stated(turn: Turn, clause: Clause, key: str, start: int, span: Span, confidence: float) -> Found:
    """The learner's words of ``span`` as the value of the key; the evidence begins at ``start``."""
    return Found("set", key, turn.text[span.start : span.end], sure(confidence, clause), start, span.end)


def any_of(phrases: Iterable[str]) -> str:
    """An alternation of the phrases for a verbose pattern, longest first, so that "guinea pig" comes before "pig"."""
    return "|".join(re.escape(each) for each in sorted(phrases, key=lambda each: (-len(each), each)))
