"""What lies ahead of the learner: plans and events."""

from collections.abc import Iterator

from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.dates import DATE
from realtime.memory.lexicon import LEXICON
from realtime.memory.matching import (
    ADVERBS,
    AM_WORDS,
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
_GOING = rule(
    rf"{I_AM}{ADVERBS}(?P<v>{any_of(LEXICON.plan_verbs)}|gonna)\s",
    {verb.split()[0] for verb in LEXICON.plan_verbs} | {"gonna"},
    too=AM_WORDS,
)
_PLAN = rule(
    rf"(?:{I_AM}{ADVERBS}planning\s(?:on\s|to\s|(?=an?\s|my\s|our\s))|{I_DO}{ADVERBS}plan\s(?:on|to)\s|\bmy\splan\sis\sto\s)",
    "plan planning",
)
_HAVE = rule(
    rf"{I_HAVE}(?:also\s)?(?:an?|my|the|some)\s|\bthere's\smy\s|\bit's\smy\s(?=\w+(?:\s\w+)?\s(?:on|next|this|tomorrow|in)\b)",
    _EVENT_WORDS,
    too=("my", *HAVE_WORDS),
    behind=True,
)
_MY_EVENT = rule(
    rf"\bmy\s(?P<what>(?:[\w'-]{{2,20}}\s){{0,2}}?(?:{any_of(LEXICON.event_nouns)}))(?:\sis|'s)\s(?=\S)",
    _EVENT_WORDS,
    too="my",
)
BITS = bits_of(_GOING, _PLAN, _HAVE, _MY_EVENT)  # without one of them nothing lies ahead


def found(turn: Turn, clause: Clause) -> Iterator[Found]:
    """Every plan and event of the clause. A plan for "you" or a manner of speech ("going to be honest") is none."""
    for match in matches(_GOING, turn, clause):
        start = match.start("v")
        kept = _rest(turn, match.end(), clause.end)
        if kept and _is_journey(turn, said(turn, match, "v").lower(), kept, match.end(), clause.end):
            yield from _plan(turn, clause, match.start(), start, kept)
    for match in matches(_PLAN, turn, clause):
        kept = _rest(turn, match.end(), clause.end)
        if kept:
            yield from _plan(turn, clause, begin(turn, match), match.end(), kept)
    for match in matches(_HAVE, turn, clause):
        yield from _event(turn, clause, match.start(), match.end())
    for match in matches(_MY_EVENT, turn, clause):
        date = DATE.match(turn.view, match.end(), clause.end)
        if date:
            what = turn.text[match.start("what") : match.end("what")]
            value = f"{what} {turn.text[date.start() : date.end()]}"
            key = f"events.{slug_of(said(turn, match, 'what').lower().split())}"
            yield Found("set", key, value, sure(EXPLICIT, clause), match.start(), date.end())


def _rest(turn: Turn, at: int, end: int) -> list[Word]:
    """The words of the plan; none when it is about the listener, or nothing one would call a plan."""
    kept = list(phrases.words(turn.view, at, end, MAX_PLAN_WORDS))
    for index, word in enumerate(kept):
        if word.low in ("because", "so", "but", "if", "lol", "haha", "though", "i", "i'm"):
            kept = kept[:index]
            break
    if not kept or kept[0].low in LEXICON.not_plans or any(w.low in ("you", "your", "u") for w in kept):
        return []
    return kept


def _is_journey(turn: Turn, verb: str, kept: list[Word], at: int, end: int) -> bool:
    """Plain "going to" counts with a named place or a date, since it also serves as a future tense."""
    head = kept[1] if kept[0].low in ("the", "a", "my") and len(kept) > 1 else kept[0]
    dated = DATE.search(turn.view, at, kept[-1].end) is not None
    named = phrases.capital(turn.view, head) and head.low not in LEXICON.not_places
    if verb in ("starting", "running", "taking", "getting", "visiting"):
        return dated and (verb == "visiting" or head is not kept[0] or named)
    return dated or (named and verb != "gonna")


def _plan(turn: Turn, clause: Clause, start: int, value_start: int, kept: list[Word]) -> Iterator[Found]:
    slug = _slug([word.low for word in _undated(turn, kept)])
    if slug:
        value = turn.text[value_start : kept[-1].end]
        yield Found("set", f"plans.{slug}", value, sure(STATED, clause), start, kept[-1].end)


def _undated(turn: Turn, kept: list[Word]) -> list[Word]:
    date = DATE.search(turn.view, kept[0].start, kept[-1].end)
    return [word for word in kept if date is None or word.end <= date.start() or word.start >= date.end()]


def _slug(low: list[str]) -> str:
    return slug_of(word for word in low if word not in LEXICON.slug_fillers)


def _event(turn: Turn, clause: Clause, start: int, at: int) -> Iterator[Found]:
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
    date = DATE.search(turn.view, kept[-1].end, min(clause.end, kept[-1].end + 80))
    if date is None:
        dated_only = kept[-1].low in LEXICON.event_nouns_dated_only
        if dated_only or not phrases.ends_phrase(turn.view, kept[-1].end, clause.end):
            return
    elif not all(part.isspace() or part.isalnum() for part in turn.view[kept[-1].end : date.start()]):
        return
    end = date.end() if date else kept[-1].end
    value = turn.text[kept[0].start : end]
    if any(word.low in ("you", "your") for word in phrases.words(turn.view, kept[0].start, end, 20)):
        return
    slug = slug_of(word.low for word in kept)
    yield Found("set", f"events.{slug}", value, sure(EXPLICIT if date else STATED, clause), start, end)
