"""What a player hears in the persona's line: the kind of its question, and a word worth taking up.

It is read from the text alone, as a person would skim it; nothing here knows a template, a node or a persona.
"""

import re
from itertools import takewhile
from typing import Literal

import msgspec

Kind = Literal[
    "NAME", "ASKS_BACK", "WEAKNESS", "STRENGTH", "EXAMPLE", "MONEY", "FEELING", "PLAN", "OFFER", "CHOICE", "WHY",
    "WHERE", "WHEN", "AMOUNT", "HOW_ARE", "HOW", "WHO", "WHAT", "YES_NO", "TELL", "AND_YOU", "NAMES_SELF", "NONE",
]  # fmt: skip

_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_TELL = re.compile(
    r"\b(?:tell me|walk me through|talk me through|describe|introduce yourself|explain|convince me|say something"
    r"|go on|i wonder|i'd love to hear|your turn|name (?:one|a)|give me an? )\b"
)
# The first that is found names the question. The rows go from what is asked about to how it is asked.
_ROWS: tuple[tuple[Kind, str], ...] = (
    (
        "NAME",
        r"\byour name\b|\bcall you\b|\bwho are you\b|\bwho am i\b|\bhave we met\b|\bintroduce yourself\b"
        r"|\bwho you are\b|\babout yourself\b",
    ),
    ("ASKS_BACK", r"\bquestions? (?:for|of) (?:me|us|your own)\b|\bask (?:me|us)\b|\bwant to know\b"),
    ("WEAKNESS", r"\bweak\w*|\bnot good at\b|\bbad at\b|\bfail\w*|\bmistakes?\b|\bgo(?:es)? wrong\b|\bwent wrong\b"),
    ("EXAMPLE", r"\bexamples?\b|\ba time (?:when|that|you)\b|\blast time\b|\bthe story\b|\bsituation\b"),
    ("STRENGTH", r"\bstrengths?\b|\bgood at\b|\bbring (?:to|us|here)\b|\bwhy you\b|\bproud of\b|\bbest at\b"),
    ("MONEY", r"\bsalary\b|\bmoney\b|\bpay\b|\bwages?\b|\bwhat (?:number|figure)\b|\bbudget\b|\bpaid\b"),
    ("FEELING", r"\bhow (?:do|did|would|does) (?:you|it|that) feel\b|\bare you (?:ok|okay|all right|alright)\b"),
    ("AND_YOU", r"^(?:and |so |well |but )*(?:what about |how about )?(?:you|yours|yourself)\??$"),
    (
        "PLAN",
        r"\bwhat time\b|\bwhich day\b|\b(?:when|where) (?:do|shall|should|could|can|would|will|are) we\b"
        r"|\bwhere and when\b|\bwhen and where\b|\bwhat suits\b|\bwhen suits\b|\bwhat(?:'s| is) the plan\b"
        r"|\bwhen are you\b|\bwhat (?:do|shall|should|could|can|would|will) we\b|\bhow (?:shall|should|do) we\b",
    ),
    (
        "OFFER",
        r"^(?:(?:so|and|but|well|then|or)[, ]+)*(?:shall we|shall i|are you in|are you free|want to|fancy|deal"
        r"|would you (?:like|want|come|do|take|help|be)|do you want|will you|can you|could you|come with|promise"
        r"|friends|(?:is|does|would|will) that (?:be |sound |work |suit |a |all )?(?:ok|okay|right|fair|you|deal|for)"
        r"|how about|what about|can i|could i|may i|okay|all right|right)\b"
        r"|\bwhat do you say\b|\bare you in\b|\bsound (?:good|fair)\b|,? (?:would|will) you\?$|\bshall we\b",
    ),
    ("CHOICE", r"\w ?,? or (?!are|is|do|did|have|was|what)\w"),
    ("WHY", r"\bwhy\b|\bwhat made you\b|\bhow come\b|\bwhat brings\b|\bwhat brought\b|\bthe reason\b"),
    ("AMOUNT", r"\bhow (?:many|much|long|often|old|far|big|late)\b"),
    ("WHERE", r"\bwhere\b"),
    ("WHEN", r"\bwhen\b(?! you| i)"),
    ("HOW_ARE", r"\bhow (?:are|is|was|were|has|have) (?:you|it|things|the|your)\b|\bhow's\b|\bhow did it go\b"),
    ("HOW", r"\bhow\b"),
    ("WHO", r"\bwho(?:se)?\b"),
    ("WHAT", r"\bwhat\b|\bwhich\b"),
)
_KINDS = tuple((kind, re.compile(pattern)) for kind, pattern in _ROWS)

_TOPIC = re.compile(r"\b(?:the|a|an|your|my|our)\s+(?=((?:[^\W\d_]+ ?){1,3})(?![\w'-]))")
_NO_NOUN = re.compile(r"^..?$|(?:ly|ing|ed|est)$")
_NAMES_SELF = re.compile(
    r"\b(?:I'm|I am|My name is|my name's) [A-Z][a-z]+\b|^[A-Z][a-z]+, by the way\b|\. [A-Z][a-z]+, by the way"
)
# Where a noun phrase ends, and what is too pale to be taken up.
_ENDS_WORDS = """
and or but is are was were be been am in on at to for from with of by that which who it i you we they he she
as so if than then when where while because has have had do does did can could will would should must may might
not no just only even too very really about into out up down off over under after before again there here today
now all my your our his her their its this these those the a an me us them him what how why one still never ever
says said say goes went go comes came come makes made make got get gets looks like going without through behind
beside between against next near around away back yet also always anyway instead please
"""
_ENDS = frozenset(_ENDS_WORDS.split())
_PALE_WORDS = """
time times way ways thing things lot lots bit word words minute minutes moment day days week weeks month months
year years other others same one ones kind sort side end rest hand person people man woman place part point
whole first second last next little good bad big small few more most next own such much many half two three
four five six seven eight nine ten monday tuesday wednesday thursday friday saturday sunday question answer
reason idea fact case matter something anything nothing everything somebody anybody nobody best least morning
evening night afternoon tonight tomorrow yesterday hour hours while course pleasure sorry right left new old
nice kind fine sure head face eye eyes name mood start talk chance yes honest real true better worse less
favour fault problem truth line lines middle ago top bet odd use go try say look ask mind turn
thought lovely long short large great wrong warm cold quick easy hard
"""
_PALE = frozenset(_PALE_WORDS.split())


# Said by somebody who would like to be asked for more of the other's company.
_HINTS = re.compile(
    r"\bnumbers?\b|\bmy phone\b|\binstagram\b|\b(?:my|a) page\b|\bfind (?:you|me) again\b|\bsee (?:you|me) again\b"
    r"|\b(?:we|you) (?:do|go) (?:so|on from)\b|\bhappens to us\b|\bask me something\b|\bthe right question\b"
    r"|\blaugh with you again\b|\banother song some time\b|\b(?:something you wanted|wanted) to (?:say|ask)\b"
)


class Heard(msgspec.Struct, frozen=True):
    """``kind``: of the last question, TELL for a request without one, NONE where nothing was asked. ``topic``: a
    word of the line that can be spoken of with "the" in front; None if there is none. ``hints``: the other would
    like to be asked for a number, a page, or to meet again."""

    kind: Kind
    topic: str | None
    hints: bool


def listen(line: str) -> Heard:
    plain = line.casefold().replace("’", "'")
    questions = [s.strip() for s in _SENTENCE.findall(plain) if s.strip().endswith("?")]
    kind = _kind(questions[-1]) if questions else _request(plain)
    if kind == "NONE" and _NAMES_SELF.search(line.replace("’", "'")):
        kind = "NAMES_SELF"
    return Heard(kind, _topic(plain), _HINTS.search(plain) is not None)


def _kind(question: str) -> Kind:
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), "YES_NO")


def _request(plain: str) -> Kind:
    if not _TELL.search(plain):
        return "NONE"
    kind = _kind(plain)
    return kind if kind in ("NAME", "WEAKNESS", "EXAMPLE", "STRENGTH", "WHY", "PLAN", "MONEY") else "TELL"


def _topic(plain: str) -> str | None:
    """The noun of the last noun phrase worth it: one that is of a single word when the pale ones are left out. Of
    two words nobody knows, without a dictionary, which is the noun ("the dog slept", "a loud trumpet")."""
    for match in reversed(list(_TOPIC.finditer(plain))):
        words = list(takewhile(lambda word: word not in _ENDS, str(match[1]).split()))
        telling = [word for word in words if word not in _PALE]
        if len(telling) == 1 and telling == words[-1:] and not _NO_NOUN.search(telling[0]):
            return telling[0]
    return None
