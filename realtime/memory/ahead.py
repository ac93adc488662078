"""What lies ahead of the learner, and what happened to them: plans and events, each with the day it falls on."""

import re
from collections.abc import Iterator
from datetime import date

from realtime.domain import Moment
from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.dates import DATE, day_meant, event_value
from realtime.memory.lexicon import LEXICON
from realtime.memory.matching import (
    ADVERBS,
    ELIDED,
    EXPLICIT,
    HAVE_WORDS,
    I_AM,
    I_DO,
    I_HAVE,
    STATED,
    Found,
    any_of,
    begin,
    matches,
    said,
    sure,
)
from realtime.memory.phrases import Word
from realtime.memory.turn import Turn, bits_of, pieces, rule
from realtime.memory.vocabulary import slug_of

MAX_PLAN_WORDS = 12  # a longer one is a story, and is cut there

_EVENT_WORDS = pieces(LEXICON.event_nouns)
_WE_ARE = rf"(?:{I_AM}|(?<![\w'\-])(?:we're|we\sare)\s{{1,3}})"
_GOING = rule(
    rf"{_WE_ARE}{ADVERBS}(?P<v>{any_of(LEXICON.plan_verbs)}|gonna)\s",
    {verb.split()[0] for verb in LEXICON.plan_verbs} | {"gonna"},
)
_PLAN = rule(
    rf"(?:{_WE_ARE}{ADVERBS}(?:planning|hoping|saving(?:\sup)?|thinking|training|aiming|intending|preparing|about"
    rf"|determined|signed\sup|enrolled|booked)\s(?:on\s|to\s|for\s|of\s|in\s|(?=an?\s|my\s|our\s))"
    rf"|{I_DO}{ADVERBS}(?:plan|intend|hope|aim)\s(?:on\s|to\s|(?=an?\s))|\bmy\s(?:plan|dream|goal|aim"
    rf"|new\syear's\sresolution)\sis\sto\s|\bi've\sdecided\sto\s"
    rf"|(?:\b(?:i|we)(?:'ve)?\s|{ELIDED})(?:just\s|finally\s|already\s)?(?:signed\sup|enrolled|registered|applied"
    rf"|booked|got\stickets|bought\stickets)\s(?:for\s|to\s|on\s|in\s)?)",
    "plan planning hoping saving thinking training aiming intending preparing about determined signed "
    "enrolled booked intend hope aim dream goal resolution decided registered applied tickets",
)
_WISH = (
    r"(?:learn|open|start|buy|move|visit|travel|go|run|climb|write|build|study|apply|adopt|retire|renovate|paint"
    r"|take|quit|change|"
    r"finish|become|train|sail|hike|walk|cycle|get|teach|do|see|publish|record|join|set|return|swim|drive|fly)"
)
_WANT = rule(
    rf"(?:\b(?:i|we|\w{{2,15}}\sand\s(?:i|me)|me\sand\s\w{{2,15}})\s(?:really\s|both\s|also\s|just\s"
    rf"|still\s)?want\s|\b(?:i|we)\s(?:start|begin|leave)\s)(?P<v>to\s{_WISH}\s)",
    "want start begin leave",
    too="to",
)
_WE_GO = rule(
    r"\b(?:on\s\w{3,6}day|this\s\w{3,8}|next\s\w{3,8}|tomorrow)(?:\s\w{2,10}){0,3}?\s(?:i|we|i'll|we'll|i\swill"
    r"|we\swill)\s(?:go|start|travel|fly|drive|begin|move|visit|meet|take|leave)\s(?P<v>(?:and|to)\s)?",
    "go start travel fly drive begin move visit meet take leave",
    too="on this next tomorrow",
)
_HAVE = rule(
    rf"(?:{I_HAVE}(?:also\s|got\s)?(?:an?|my|our|the|some)\s|{I_HAVE}(?=(?:\w{{2,12}}\s){{0,2}}(?:exams|finals"
    rf"|interviews)\b)|\bthere's\s(?:my|our|an?)\s"
    rf"|\bit(?:'s|\sis)\s(?:my|our)\s(?=(?:\w+\s){{1,3}}(?:on|next|this|tomorrow|in|today|tonight)\b))",
    _EVENT_WORDS,
    too=("my", "our", "there", "exams", "finals", "interviews", *HAVE_WORDS),
    behind=True,
)
_BARE_EVENT = rule(
    rf"{ELIDED}(?=(?:\w{{3,15}}\s){{1,3}}(?:on\s\w{{3,6}}day|tomorrow|today|tonight|next\s\w{{3,6}}"
    rf"|this\s\w{{3,9}}|in\s\w+\s(?:days|weeks))\b)",
    _EVENT_WORDS,
    too="tomorrow today tonight next this in on",
    behind=True,
)
_MY_EVENT = rule(
    rf"\b(?:my|our)\s(?P<what>(?:[\w'-]{{2,20}}\s){{0,2}}?(?:{any_of(LEXICON.event_nouns)}))(?:\sis|'s|\sstarts"
    rf"|\scomes\sup)\s(?=\S)",
    _EVENT_WORDS,
    too="my our",
)
_THEIRS = r"(?:my|our)\s(?:[\w'-]{2,12}\s){0,1}?[\w'-]{2,14}(?:\s[A-Za-z][\w'-]{1,14})?"
_HAPPENED = rule(
    rf"(?P<v>(?:(?:\b(?:i|we)\s|\b(?:i've|we've)\s|{ELIDED})(?:(?:just|finally|recently|only)\s)?(?:(?:got|was"
    rf"|were|been)\s(?:made\sredundant|laid\soff|fired|sacked|promoted|engaged|married|divorced|dumped|robbed"
    rf"|burgled|accepted\s(?:in)?to\s\w{{3,20}})"
    r"|got\sthe\s(?:job|keys|flat|visa|promotion|results?)|broke\sup|split\sup|(?:passed|failed)\s(?:my|the"
    r"|all\smy)\s[\w\s]{3,24}?(?:test|exams?|viva|finals?|course|driving\stest)|lost\s(?:my|our)\s\w{3,14}"
    r"|broke\s(?:my|a)\s(?:leg|arm|ankle|wrist|foot|toe|finger|collarbone|elbow|nose|hip)|had\s(?:a\sbaby"
    r"|an\soperation|surgery|a\scar\saccident|an\saccident|a\smiscarriage)|(?:retired|graduated"
    r"|adopted\s\w[\w\s]{2,16}))"
    rf"|\b{_THEIRS}\s(?:has\s|have\s|just\s|recently\s)?(?:died|passed\saway|got\smarried|got\sengaged|was\sborn"
    rf"|were\sborn|had\sa\sbaby|graduated|(?:is|are)\sgetting\smarried|(?:is|are)\shaving\sa\sbaby|left\sme"
    rf"|started\s(?:school|nursery|university|uni))"
    r"|\b(?:we're|we\sare|i'm|i\sam)\s(?:getting\smarried|having\sa\sbaby|expecting\sa\sbaby"
    r"|getting\sdivorced)))(?!\w)",
    "redundant laid fired sacked promoted engaged married divorced dumped robbed burgled accepted got broke "
    "split passed failed lost had retired graduated adopted died born having expecting left started",
)
BITS = bits_of(
    _GOING, _PLAN, _WANT, _WE_GO, _HAVE, _BARE_EVENT, _MY_EVENT, _HAPPENED
)  # without one of them nothing lies ahead
_OVER_NOW = re.compile(r"\b(?:was|were|had|got|did|went|last|ago|yesterday)\b")
_ONE_DAY = re.compile(r"\s?\b(?:one\sday|some\s?day|eventually|at\ssome\spoint|soon)$", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?\n]")
_NEAR = re.compile(
    r"[\w\s,'-]{0,50}?\b(?:it|that|which|they)(?:'s|\sis|\sstarts?|\sbegins?|\sare)?\s(?:already\s|only\s)?",
    re.IGNORECASE,
)


def found(turn: Turn, clause: Clause, moment: Moment | None) -> Iterator[Found]:
    """Every plan and event of the clause. A plan for "you" or a manner of speech ("going to be honest") is none."""
    today = moment.day() if moment else None
    for match in matches(_GOING, turn, clause):
        kept = _rest(turn, match.end(), clause.end, weak=True)
        if kept and _is_journey(turn, said(turn, match, "v").lower(), kept, match.end(), clause):
            yield from _plan(turn, clause, match.start(), match.start("v"), kept, today)
    for match in matches(_PLAN, turn, clause):
        if kept := _rest(turn, match.end(), clause.end, weak=False):
            yield from _plan(turn, clause, begin(turn, match), match.end(), kept, today)
    for match in matches(_WANT, turn, clause):
        kept = _rest(turn, match.start("v"), clause.end, weak=True)
        if len(kept) > 2 and (kept[0].low != "get" or kept[1].low in ("a", "an", "married", "into")):
            yield from _plan(turn, clause, begin(turn, match), kept[kept[0].low == "to"].start, kept, today)
    for match in matches(_WE_GO, turn, clause):
        at = match.end() if match["v"] else match.start() + said(turn, match).rstrip().rfind(" ") + 1
        if kept := _rest(turn, at, clause.end, weak=False):
            yield from _plan(turn, clause, match.start(), at, kept, today)
    yield from _events(turn, clause, today)


def _events(turn: Turn, clause: Clause, today: date | None) -> Iterator[Found]:
    for pattern in (_HAVE, _BARE_EVENT):
        for match in matches(pattern, turn, clause):
            yield from _event(turn, clause, match.start(), match.end(), today)
    for match in matches(_MY_EVENT, turn, clause):
        dated = DATE.match(turn.view, match.end(), clause.end)
        if dated:
            what = turn.text[match.start("what") : match.end("what")]
            key = f"events.{slug_of(said(turn, match, 'what').lower().split())}"
            value = _dated(what, dated, today, past=False)
            yield Found("set", key, value, sure(EXPLICIT, clause), match.start(), dated.end())
    for match in matches(_HAPPENED, turn, clause):
        start = begin(turn, match)
        what = re.sub(
            r"^(?:i|we|i've|we've|i'm|we're|i\sam|we\sare)\s+",
            "",
            turn.text[start : match.end()],
            flags=re.IGNORECASE,
        )
        ahead = re.search(r"\b(?:is|are|i'm|we're|am)\s(?:getting|having|expecting)", match[0]) is not None
        dated = DATE.search(turn.view, match.end(), min(len(turn.view), match.end() + 40))
        dated = dated if dated and turn.view[match.end() : dated.start()].strip() == "" else None
        told = [word for word in what.lower().split() if word not in LEXICON.slug_fillers]
        key = f"events.{slug_of(told or what.lower().split())}"
        value = _dated(what, dated, today, past=not ahead)
        yield Found("set", key, value, sure(STATED, clause), start, dated.end() if dated else match.end())


def _dated(what: str, found: re.Match[str] | None, today: date | None, *, past: bool) -> str:
    """The value: with the day where it can be told, else with the date as it was said."""
    if found is None:
        return what
    stamp = (
        day_meant(found, today, past=past or _OVER_NOW.search(found.group().lower()) is not None) if today else None
    )
    return event_value(what, stamp) if stamp else f"{what} {found.group()}"


def _rest(turn: Turn, at: int, end: int, *, weak: bool) -> list[Word]:
    """The words of the plan; none when it is about the listener, or (``weak``) nothing one would call a plan."""
    kept = list(phrases.words(turn.view, at, end, MAX_PLAN_WORDS))
    for index, word in enumerate(kept):
        if word.low in ("because", "so", "but", "if", "lol", "haha", "though", "i", "i'm"):
            kept = kept[:index]
            break
    if not kept or any(w.low in ("you", "your", "u") for w in kept):
        return []
    head = kept[kept[0].low == "to"] if len(kept) > 1 else kept[0]
    return [] if head.low in (LEXICON.not_plans if weak else _NEVER) else kept


_NEVER = frozenset(
    [
        "you",
        "your",
        "yours",
        "kill",
        "die",
        "bed",
        "hell",
        "cry",
        "pretend",
        "ignore",
        "be",
        "it",
        "that",
        "this",
        "say",
        "tell",
        "ask",
    ]
)


def _is_journey(turn: Turn, verb: str, kept: list[Word], at: int, clause: Clause) -> bool:
    """Plain "going to" counts with a named place or a date, since it also serves as a future tense."""
    head = kept[1] if kept[0].low in ("the", "a", "my") and len(kept) > 1 else kept[0]
    dated = DATE.search(turn.view, clause.start, kept[-1].end) is not None
    named = phrases.capital(turn.view, head) and head.low not in LEXICON.not_places
    if verb in ("visiting", "flying to", "moving to", "travelling to", "traveling to", "heading to", "off to"):
        return dated or named
    if not verb.endswith((" to", "for", "gonna")):
        return dated and (head is not kept[0] or named or len(kept) > 2 or verb in ("getting married", "retiring"))
    if verb == "gonna":
        return dated and len(kept) > 2
    return dated or named


def _plan(
    turn: Turn, clause: Clause, start: int, value_start: int, kept: list[Word], today: date | None
) -> Iterator[Found]:
    last = kept[-1].end
    dated = DATE.search(turn.view, kept[0].start, last)
    words = [word for word in kept if dated is None or word.end <= dated.start() or word.start >= dated.end()]
    slug = slug_of(word.low for word in words if word.low not in LEXICON.slug_fillers)
    if not slug or (dated and dated.start() <= kept[0].start):
        return
    what = turn.text[value_start:last]
    if dated:
        what = f"{turn.text[value_start : dated.start()].rstrip()} {turn.text[dated.end() : last].lstrip()}".strip()
        what = re.sub(r"\s+(?:and|from|on|in|by|at|to|for)$", "", what)
    else:
        dated = _elsewhere(turn, clause, start, last)
    what = _ONE_DAY.sub("", what)
    if what:
        value = _dated(what, dated, today, past=False)
        yield Found("set", f"plans.{slug}", value, sure(STATED, clause), start, last)


def _elsewhere(turn: Turn, clause: Clause, start: int, last: int) -> re.Match[str] | None:
    """A date in front of the plan ("tomorrow I start"), or said of it right behind ("it starts on the 23rd")."""
    near = _NEAR.match(turn.view, last)
    if near and _SENTENCE.search(turn.view, last, near.end()) is None:
        behind = DATE.match(turn.view, near.end())
        if behind:
            return behind
    return DATE.search(turn.view, clause.start, last)


def _event(turn: Turn, clause: Clause, start: int, at: int, today: date | None) -> Iterator[Found]:
    """Up to four words that end in an event, perhaps where or with whom, then the date ("an exam on Friday")."""
    kept: list[Word] = []
    for word in phrases.words(turn.view, at, clause.end, 4):
        if word.low in LEXICON.stops:
            return
        kept.append(word)
        if word.low in LEXICON.event_nouns:
            break
    else:
        return
    following = next(phrases.words(turn.view, kept[-1].end, clause.end, 1), None)
    if following and following.low in LEXICON.event_nouns:
        kept.append(following)
    date_ = DATE.search(turn.view, kept[-1].end, min(clause.end, kept[-1].end + 80))
    last = kept[-1].end
    if date_ is None:
        date_ = DATE.search(turn.view, clause.start, kept[0].start)
        dated_only = kept[-1].low in LEXICON.event_nouns_dated_only or start == at
        if date_ is None and (dated_only or not phrases.ends_phrase(turn.view, last, clause.end)):
            return
        end = last
    elif not all(part.isspace() or part.isalnum() for part in turn.view[last : date_.start()]):
        return
    else:
        end, last = date_.end(), date_.start()
    what = turn.text[kept[0].start : last].rstrip()
    if any(word.low in ("you", "your") for word in phrases.words(turn.view, kept[0].start, end, 20)):
        return
    slug = slug_of(word.low for word in kept)
    value = _dated(what, date_, today, past=False)
    yield Found("set", f"events.{slug}", value, sure(EXPLICIT if date_ else STATED, clause), start, end)
