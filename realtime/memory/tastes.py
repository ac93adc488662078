"""What the learner likes and dislikes, and what they no longer do."""

from collections.abc import Iterator

from realtime.domain import MemoryEntry
from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.lexicon import LEXICON, topic_of
from realtime.memory.matching import (
    ADVERBS,
    AM_WORDS,
    DO_WORDS,
    I_AM,
    I_DO,
    IMPLIED,
    STATED,
    Found,
    begin,
    matches,
    said,
    sure,
)
from realtime.memory.phrases import Span
from realtime.memory.turn import Turn, bits_of, part, rule

_DO_NOT = r"(?:don't|dont|do\snot)\s"
_LIKE = rule(
    rf"(?:{I_DO}{ADVERBS}(?:love|like|enjoy|adore|prefer)"
    rf"|{I_AM}{ADVERBS}(?:a\s(?:big\s|huge\s|massive\s)?(?:fan|lover)\sof|into|crazy\sabout|obsessed\swith|passionate\sabout|keen\son|fond\sof))\s",
    "love like enjoy adore prefer fan lover into crazy obsessed passionate keen fond",
    too=(*AM_WORDS, *DO_WORDS),
)
_FAVOURITE = rule(
    r"\bmy\s(?:all[\s-]time\s)?favou?rite\s(?:kind\sof\s|type\sof\s)?(?:music|band|singer|food|dish|drink|film|movie|show|series|sport|place|city|country|hobby|book|thing)"
    r"\s(?:is|are)\s(?:probably\s|definitely\s)?",
    "favourite favorite",
)
_DISLIKE = rule(
    rf"(?:{I_DO}{ADVERBS}(?:hate|dislike|detest|loathe|can't\sstand|cannot\sstand|cant\sstand|can't\sbear|can't\stake)"
    rf"|{I_DO}{ADVERBS}{_DO_NOT}{ADVERBS}(?:like|enjoy|care\sfor)"
    rf"|{I_AM}{ADVERBS}not\s{ADVERBS}(?:into|a\s(?:big\s|huge\s)?fan\sof|big\son|keen\son|fond\sof))\s",
    "hate dislike detest loathe stand bear take like enjoy care into fan big keen fond",
    too="hate dislike detest loathe can cannot cant don dont not",
)
_NO_LONGER = rule(
    rf"{I_DO}{ADVERBS}(?:no\slonger\s{ADVERBS}(?:like|love|enjoy)|stopped\sliking|have\sgone\soff)\s|\bi've\sgone\soff\s",
    "longer stopped gone",
)
_END_OF_HATE = rule(
    rf"{I_DO}{ADVERBS}(?:no\slonger\s{ADVERBS}(?:hate|dislike)|{_DO_NOT}{ADVERBS}(?:hate|dislike)(?=[\w\s'-]{{1,60}}\bany\s?more\b))\s",
    "hate dislike",
)
_ANY_MORE = part(r"\s(?:any\s?more|any\slonger)\b")
_PLAY = rule(rf"{I_DO}{ADVERBS}play\s", "play", too=DO_WORDS)
BITS = bits_of(_LIKE, _FAVOURITE, _DISLIKE, _NO_LONGER, _END_OF_HATE, _PLAY)  # without one of them there is no taste
_TOPIC_OF_NOUN = {
    **dict.fromkeys(("music", "band", "singer"), "music"),
    **dict.fromkeys(("food", "dish", "drink"), "food"),
    **dict.fromkeys(("film", "movie", "show", "series"), "film"),
    **dict.fromkeys(("place", "city", "country"), "travel"),
    **dict.fromkeys(("hobby", "book"), "hobby"),
    "sport": "sport",
}


def found(turn: Turn, clause: Clause, known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """Every taste of the clause. A taste that turns leaves the old list as it enters the new one."""
    for match in matches(_LIKE, turn, clause):
        for span in phrases.things(turn.view, match.end(), clause.end):
            value, topic = read(turn, span)
            if value.lower() not in LEXICON.unlovable:
                yield from _turned(turn, clause, begin(turn, match), span.end, value, topic, known, likes=True)
    for match in matches(_FAVOURITE, turn, clause):
        for span in phrases.things(turn.view, match.end(), clause.end):
            value, topic = read(turn, span)
            noun = next((word for word in _TOPIC_OF_NOUN if word in said(turn, match).lower()), None)
            topic = _TOPIC_OF_NOUN[noun] if noun and topic == "other" else topic
            yield from _turned(turn, clause, match.start(), span.end, value, topic, known, likes=True)
    for match in matches(_PLAY, turn, clause):
        for span in phrases.things(turn.view, match.end(), clause.end):
            value, topic = read(turn, span)
            if topic in ("sport", "hobby"):
                confidence = sure(IMPLIED, clause)
                yield Found("set", f"likes.{topic}", value, confidence, begin(turn, match), span.end)
    yield from _dislikes(turn, clause, known)


def _dislikes(turn: Turn, clause: Clause, known: dict[str, MemoryEntry]) -> Iterator[Found]:
    for pattern in (_DISLIKE, _NO_LONGER):
        for match in matches(pattern, turn, clause):
            spans = phrases.things(turn.view, match.end(), clause.end)
            ending = _ANY_MORE.match(turn.low, spans[-1].end, clause.end) if spans else None
            over = ending is not None or pattern is _NO_LONGER
            for span in spans:
                value, topic = read(turn, span)
                end = ending.end() if ending else span.end
                yield from _turned(turn, clause, begin(turn, match), end, value, topic, known, likes=False, over=over)
    for match in matches(_END_OF_HATE, turn, clause):
        for span in phrases.things(turn.view, match.end(), clause.end):
            value, topic = read(turn, span)
            key = _where(known, "dislikes", value) or f"dislikes.{topic}"
            yield Found("remove", key, value, sure(STATED, clause), begin(turn, match), span.end)


def _turned(
    turn: Turn,
    clause: Clause,
    start: int,
    end: int,
    value: str,
    topic: str,
    known: dict[str, MemoryEntry],
    *,
    likes: bool,
    over: bool = False,
) -> Iterator[Found]:
    """The new taste, and before it the removal of the old one when it is known or was said to be over."""
    now, then = ("likes", "dislikes") if likes else ("dislikes", "likes")
    old = _where(known, then, value)
    confidence = sure(STATED, clause)
    if old or over:
        yield Found("remove", old or f"{then}.{topic}", value, confidence, start, end)
    yield Found("set", f"{now}.{topic}", value, confidence, start, end)


def _where(known: dict[str, MemoryEntry], side: str, value: str) -> str | None:
    """The list of that side that holds the value, so that a removal meets it wherever it was put."""
    for key in sorted(known):
        if key.startswith(f"{side}.") and any(i.value.casefold() == value.casefold() for i in known[key].items):
            return key
    return None


def read(turn: Turn, span: Span) -> tuple[str, str]:
    """Value and topic of a thing: "listening to jazz" is jazz, "to cook" is cooking."""
    value = turn.text[span.start : span.end]
    low = turn.view[span.start : span.end].lower()
    if low.startswith("to "):
        value = LEXICON.infinitives.get(low[3:], value)
    for lead in (*LEXICON.lead_ins, "all kinds of", "a lot of", "lots of", "some", "all"):
        if low.startswith(f"{lead} "):
            rest = low[len(lead) + 1 :]
            if lead not in LEXICON.lead_ins or topic_of(rest.split()) != "other":
                value = value[len(lead) + 1 :]
            break
    return value, topic_of(value.lower().split())
