"""Cuts a turn into the clauses in which the learner states something of themself, in their own words and in earnest.

Left out: quotations, what others say or think, questions, suppositions, jokes, and orders to the machine. Losing a
true statement costs little (it will come up again); storing a false one is what a persona must never do.
"""

import re
from typing import NamedTuple

from realtime.memory.commands import ORDER_IN, TAKEOVER_IN
from realtime.memory.turn import Turn, veil


class Clause(NamedTuple):
    """``view[start:end]`` states something. ``hedged``: with a "maybe" or "I think" about it."""

    start: int
    end: int
    hedged: bool


_PERSON = r"(?:i|i'm|im|i've|ive|i'd|i'll|my|you|you're|your|he|he's|she|she's|we|we're|they|they're|it|it's)"
_ASKING = (
    r"(?:(?:do|does|did|are|is|am|was|were|can|could|would|will|should|have|has|don't|isn't|aren't|doesn't)"
    r"\s(?:you|your|i|he|she|we|they|it|that|this|there|my|the|anyone|people)"
    r"|(?:what|who|where|when|whom|whose|which)(?!\sa\b)(?:'s|s)?"
    r"|why|how(?:'s|\s(?:do|does|did|are|is|can|could|would|come|about|many|much|old|long|often|was|were|far))"
    r"|and\syou|(?:you|yourself|yours)(?=\W*$))"
)

# In front of what follows stands what each of its alternatives begins with: nearly every place is ruled out by it.
_SENTENCE_END = re.compile(r"(?=[.!?…\n;])(?:[.!?…]{1,8}(?=\s|$|[\"”')\x00])|[\n;]|\.\.|[!?])")
_ABBREVIATION = re.compile(r"\b(?:st|dr|mr|mrs|ms|prof|vs)$")
_CUT = re.compile(
    rf"""
  (?=[\s,:()\[\]—–|])(?:
    \s{{0,2}},\s{{0,3}}(?=(?:(?:and|but|so|or|also|well)\s)?(?:{_PERSON}|{_ASKING}|that|this|there|nice|btw)\b)
  | \s{{0,2}}[:()\[\]—–|]\s{{0,2}} | \s-{{1,3}}\s
  | \s{{1,2}}(?=(?:and|or|so)\s{_PERSON}(?![\w']))
  | ,?\s(?=(?:but|because|cause|cuz|although|though|however|while|whereas|unless|until|if|when|who|which|whose|
      where|why|since|nice\sto|pleased\sto|good\sto|by\sthe\sway|btw|anyway)\b)
  | \s(?=(?:do|are|have|can|would|did|is|were|what|where|how|what's|how's|whats)\s(?:you|your|about)\b)
  )""",
    re.VERBOSE,
)
_QUESTION = re.compile(rf"\W{{0,4}}(?:(?:and|so|but|or|well|hey|oh|wait|hmm|ok|okay)\W{{1,3}})?{_ASKING}\b")
_ANEW = re.compile(r"\W{0,3}(?:(?:yes|no|well|so|oh|anyway)\W{1,3})?(?:i|i'm|im|i've|ive|my|we|we're)\b")
_RESET = re.compile(r"\W{0,3}(?:but|anyway|however|btw|by the way)\b")

# From here to the end of the sentence the words are supposed, reported or past, unless a "but" turns back.
_VEIL = veil(
    r"""
  \b(?:
    if(?!\s(?:i'?m|i\sam|we'?re)\s(?:being\s)?honest|\syou\s(?:must|want\sto)\sknow)\b
  | (?:wish|imagine|pretend|pretending|supposing|whether|would|wouldn't|should|might)\b
  | could\b(?!\slive\so) | couldn't\b(?!\slive\swithout)
  | (?<!i\s)suppose\b | let'?s\ssay\b | (?<!to\s)(?<!must\s)(?<!will\s)says?\b
  | said\b(?!\s(?:it|that)\swrong)
  | (?:goes|went)\s(?:to\sme|to\sus|like|all|i|i'm|im)\b | (?:i'm|im|he's|she's|they're|was|were|be)\slike\b
  | (?:told|tells|telling|asked|asks|claims?|claimed|thinks|thought|believes|insists|jokes|joked)\b
  | (?:wrote|texted)\b
  | tell\s(?:people|everyone|everybody|them|him|her|myself)\b
  | (?:they|people|everyone|you|others|friends|parents|folks|we)\s(?:all\s|always\s)?(?:think|call|believe|assume)\b
  | (?:don't|dont|do\snot|didn't|never|can't)\s(?:think|believe|claim|mean)\b
  | (?:like|love|want|prefer)\sto\s(?:think|believe|pretend)\b | doubt\b | not\s(?:that|true|like|as\sif)\b
  | (?:he|she|they|mum|mom|dad|friend|brother|sister)(?:\s(?:was|is|were|are)|'s|'re)\slike\b
  | as\s(?:if|though)\b | like\s(?:i|im|i'm|i've)\b | used\sto\b
  | (?:when|whenever|once|until|before|after|by\sthe\stime)\s(?:i|i'm|im|you)\b
  | in\s(?:another|my\s(?:next|past|other))\slife\b | (?:dreamt|dreamed|dream\sthat|dreams?\swhere)\b
  | (?:lyrics?|the\ssong\sgoes|the\squote|as\sthey\ssay|quote)\b | what\si\b | who\si\b
  )""",
    """
    goes went
    if wish imagine pretend pretending supposing whether would wouldn could couldn should might suppose say says
    said told tells telling asked asks claim claims claimed thinks thought believes insists jokes joked wrote texted
    tell think call believe assume mean doubt not like though used when whenever once until before after time
    life dreamt dreamed dream dreams lyric lyrics song quote what who
    """,
)
# The whole sentence is not meant, or is somebody else's.
_SENTENCE_VEIL = veil(
    r"""
    ,\s?(?:he|she|they|you|my\s\w{1,20}|\w{1,20})\s(?:said|says|told\sme|goes|claims)\W{0,3}$
  | ,\s?(?:said|says|quoth)\s(?:he|she|they|the|my|an?|\w{1,20}\W{0,3}$)
  | \boh,?\s(?:great|joy|sure|yay|brilliant|fantastic)\b
  | \bsure,\s(?:because|cause|and)\b
  | \bas\sif\b | (?<!\w)/s\b | \bsaid\sno\s?(?:one|body)\b | \b(?:totally|definitely|so)\snot\b | \bin\smy\sdreams\b
  | \b(?:lol|haha)\s(?:not|no)\b | ,\s?not\sreally\W{0,3}$ | ,\snot\W{0,3}$ | \bobviously\snot\b
  | \b(?:role\s?play(?:ing)?|in\scharacter|for\sexample|e\.g|hypothetically)\b | \bwhat\s(?:an?\s)?(?:joy|treat)\b
    """,
    """
    said says told goes claims quoth oh sure if no not dreams lol haha role roleplay roleplaying character example
    g hypothetically joy treat ~/s
    """,
)
# Said in delight that is none.
_SARCASM_VEIL = veil(
    r"""
    (?<![\w,]\s)(?<!\w)(?:(?:oh|ah|wow)\W{1,2})?(?:wonderful|brilliant|fantastic|lovely|perfect|great|superb|marvellous|terrific)
      [,!.].{0,40}?\bi\s(?:just|so|really|do|absolutely)\s(?:love|enjoy|adore)\b
  | \bhow\si\s(?:just\s)?(?:love|adore|enjoy)\b | \boh,?\s(?:(?:yes|yeah),?\s)?i\s(?:just|so|live)\b
  | \b(?:lucky\sme|can't\syou\stell|living\sthe\sdream|just\swhat\si\sneeded|story\sof\smy\slife)\b
    """,
    """
    wonderful brilliant fantastic lovely perfect great superb marvellous terrific how oh lucky tell dream needed story
    """,
    too="love adore enjoy just so live lucky can living what of",
)
# Of a story, a film, a part that is played.
_FICTION_VEIL = veil(
    r"""
    \b(?:in|for|during)\s(?:this|the|that|our|my|your|a)\s(?:\w{1,15}\s)?(?:scene|exercise|story|film|movie|book|novel|poem|series
      |role|dream|sketch|scenario|sitcom|episode|fairy\stale|script|simulation)\b(?!\s(?:club|industry|shop|business))
  | \bthe\s(?:story|film|book|song|poem|novel|episode|play|scene|joke|email|message|sign|caption|headline|letter|note)
      \s(?:starts|begins|goes|opens|reads|is\sabout|ends)\b
    """,
    """
    scene exercise story film movie book novel poem series role dream sketch scenario sitcom episode fairy script
    simulation song play joke email message sign caption headline letter note
    """,
    too="in for during starts begins goes opens reads about ends",
)
_PART_VEIL = veil(r"\b(?:i'll|let\sme|i\swill|you)\s(?:be|play)\s(?:the|an?|your)\b", "be play", too="the a an your")
_SENTENCE_VEILS = (_SENTENCE_VEIL, _SARCASM_VEIL, _FICTION_VEIL, _PART_VEIL)
# After these nothing in the turn can be taken at its word.
_TURN_VEIL = veil(
    r"\byeah,?\s(?:right|sure)\b(?!\s(?:now|here|there))|\b(?:just|only|i'?m|am)\s(?:kidding|joking"
    r"|messing)\b(?!\sabout\sin)"
    r"|(?<!\w)(?:jk|j/k)\b|\bsarcas(?:m|tic)\b|(?<!\w)/s(?!\w)",
    "yeah kidding joking messing jk sarcasm sarcastic ~/",
    flags=0,
)
_HEDGE = veil(
    r"\b(?:i\s(?:think|guess|suppose|reckon)|maybe|perhaps|probably|possibly|kinda|kind of|sorta|sort of)\b",
    "think guess suppose reckon maybe perhaps probably possibly kinda kind sorta sort",
    flags=0,
)


def clauses(turn: Turn, *, enough: int = 1_000) -> tuple[Clause, ...]:
    """The learner's own earnest statements, in order, without overlap, of the sentences until there are ``enough``.
    Empty when the turn gives orders."""
    low = turn.low
    if TAKEOVER_IN.search(turn, 0, len(low)) or _TURN_VEIL.search(turn, 0, len(low)):
        return ()
    found: list[Clause] = []
    veils = [veil for veil in _SENTENCE_VEILS if turn.may & veil.bit]
    for start, end, asks in _sentences(low):
        if ORDER_IN.search(turn, start, end) or any(veil.search(turn, start, end) for veil in veils):
            continue
        found.extend(_statements(turn, _cut(low, start, end), asks))
        if len(found) >= enough:
            break
    return tuple(found)


def _sentences(low: str) -> list[tuple[int, int, bool]]:
    """Start, end, and whether it ends as a question."""
    found: list[tuple[int, int, bool]] = []
    start = 0
    for mark in _SENTENCE_END.finditer(low):
        if mark.group() == "." and _ABBREVIATION.search(low, max(start, mark.start() - 6), mark.start()):
            continue
        found.append((start, mark.start(), "?" in mark.group()))
        start = mark.end()
    found.append((start, len(low), False))
    return [(first, last, asks) for first, last, asks in found if last > first]


def _cut(low: str, start: int, end: int) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    at = start
    for mark in _CUT.finditer(low, start, end):
        if mark.start() > at:
            pieces.append((at, mark.start()))
        at = mark.end()
    if end > at:
        pieces.append((at, end))
    return pieces


def _statements(turn: Turn, pieces: list[tuple[int, int]], asks: bool) -> list[Clause]:
    """The pieces before the question and outside every veil. A question mark with no question part covers all."""
    said: list[Clause] = []
    low = turn.low
    veiled = False
    asked = False
    for start, end in pieces:
        if _QUESTION.match(low, start, end):
            asked = veiled = True
            if asks:
                break
            continue
        if _RESET.match(low, start, end) or (
            asked and _ANEW.match(low, start, end) and "," in low[start - 4 : start]
        ):
            veiled = False
        if veiled:
            continue
        veil = _VEIL.search(turn, start, end)
        last = veil.start() if veil else end
        veiled = veil is not None
        if last > start:
            said.append(Clause(start, last, _HEDGE.search(turn, start, last) is not None))
    return said if asked or not asks else []
