"""What the rules share: the turn they read, what they find, how sure they are, and the grammar of "I"."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from realtime.memory.clauses import Clause

# How sure a rule is of what it read. Our own grades: 0.9 and above are explicit statements.
EXPLICIT = 0.95  # names the fact: "my name is"
STATED = 0.9  # says it plainly: "I love"
IMPLIED = 0.75  # lets it be understood: "I play the guitar"
ANSWERED = 0.7  # a bare answer to the persona's question
HEDGED = 0.6  # with a "maybe" or "I think" about it

_ADVERB = (
    r"really|just|also|actually|currently|still|now|absolutely|do|totally|truly|always|mostly|honestly|"
    r"personally|both|only|so|quite|pretty|very|super|too|secretly|particularly|especially|simply|definitely|"
    r"genuinely|originally|basically|mainly|kinda|probably|maybe|usually|often|myself|already|proudly|all"
)
ADVERBS = rf"(?:(?:{_ADVERB})\s{{1,3}}){{0,3}}"
I_AM = r"(?<![\w'\-])(?:i'm|im|i\s{1,3}am)\s{1,3}"
# "I", or the "and" that carries it on: "I live in Haifa and work as a nurse".
I_DO = r"(?:(?<![\w'\-])i\s{1,3}|(?<=\sand)\s{1,3})"
I_HAVE = r"(?:(?<![\w'\-])(?:i\s{1,3}have(?:\s{1,3}got)?|i'?ve\s{1,3}got|i\s{1,3}(?:own|got))\s{1,3})"

_LEAD_OUT = re.compile(
    r"\b(?:not|never|nobody|no\sone|than|as|how|why|neither|nor|except|without|hardly|don't|didn't|can't|isn't)\b",
    re.I,
)
_NO_LEAD_OUT = re.compile(
    r"\b(?:not\s(?:gonna|going\sto)\slie|can't\slie|don't\sworry|as\swell|why\snot|not\sto\sbrag)\b", re.I
)
_FIRST_PERSON = re.compile(r"\W{0,4}(?:\w{1,12}\W{1,3}){0,3}?(?:i|i'm|im|i've|ive|my\sname(?:'s)?)\b", re.I)
_OTHERS = re.compile(r"\b(?:he|she|they|you|we|who|it)\b", re.I)


class Turn(NamedTuple):
    """``view`` is as long as ``text`` (see ``clauses.view_of``): matched in the one, quoted from the other."""

    text: str
    view: str


class Found(NamedTuple):
    """A write that a rule proposes: ``text[start:end]`` is its evidence."""

    op: Literal["set", "remove"]
    key: str
    value: str
    confidence: float
    start: int
    end: int


def matches(pattern: re.Pattern[str], turn: Turn, clause: Clause) -> Iterator[re.Match[str]]:
    """The matches whose clause so far neither turns them round ("not that I ...") nor gives "and" another subject."""
    for found in pattern.finditer(turn.view, clause.start, clause.end):
        before = turn.view[clause.start : found.start()]
        if _LEAD_OUT.search(_NO_LEAD_OUT.sub("", before)):
            continue
        if before.lower().endswith("and") and (not _FIRST_PERSON.match(before) or _OTHERS.search(before)):
            continue
        yield found


def begin(turn: Turn, found: re.Match[str]) -> int:
    """Where the match's first word begins: an elided "I" leaves a space in front."""
    at = found.start()
    while turn.view[at].isspace():
        at += 1
    return at


def sure(confidence: float, clause: Clause) -> float:
    return min(confidence, HEDGED) if clause.hedged else confidence


def any_of(phrases: Iterable[str]) -> str:
    """An alternation of the phrases for a verbose pattern, longest first, so that "guinea pig" comes before "pig"."""
    return "|".join(re.escape(each) for each in sorted(phrases, key=lambda each: (-len(each), each)))


def rule(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE | re.VERBOSE)
