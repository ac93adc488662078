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
I_HAVE = (
    r"(?:(?<![\w'\-])(?:i\s{1,3}have(?:\s{1,3}got)?|i'?ve\s{1,3}got|i've(?=\s{1,3}an?\s)|i\s{1,3}(?:own|got))\s{1,3})"
)

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
    turned: int | None = None  # looked up once, when first needed: a search for each match would not be linear
    other = clause.end
    for found in pattern.finditer(turn.view, clause.start, clause.end):
        if turned is None:
            turned = _turned(turn.view, clause)
            subject = _OTHERS.search(turn.view, clause.start, clause.end)
            other = subject.start() if subject else clause.end
        if found.start() >= turned:
            return
        elided = turn.view[max(clause.start, found.start() - 3) : found.start()].lower() == "and"
        if elided and (other < found.start() or not _FIRST_PERSON.match(turn.view, clause.start, found.start())):
            continue
        yield found


def _turned(view: str, clause: Clause) -> int:
    """Where the first negation or comparison begins that is no manner of speech; the clause's end without one."""
    at = clause.start
    while turning := _LEAD_OUT.search(view, at, clause.end):
        manner = _NO_LEAD_OUT.match(view, turning.start(), clause.end)
        if manner is None:
            return turning.start()
        at = manner.end()
    return clause.end


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
