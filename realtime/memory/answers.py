"""Bare answers to the persona's own question: "What's your name?" - "Tal." Less sure than a statement."""

import re
from functools import lru_cache

from realtime.memory import about, phrases, tastes
from realtime.memory.clauses import Clause
from realtime.memory.dates import NUMBER, number_of
from realtime.memory.lexicon import LANGUAGES, LEXICON
from realtime.memory.matching import ANSWERED, I_AM, Found, sure
from realtime.memory.phrases import Span
from realtime.memory.turn import WORD, Turn, low_of

_LOOKED_AT = 600  # code points at the end of the persona's line: questions come last
MAX_ANSWER_WORDS = 6  # beyond that it is talk, and the statements' rules read it


def _any_case(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE | re.VERBOSE)


def _any(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WHAT = r"\bwhat(?:'s|\sis|s)\s"
_KIND = r"(?:kinds?\sof\s|sorts?\sof\s|types?\sof\s)?"
_LIKED = r"\s(?:do\syou|are\syou|you)\b"
# Key, words of which every match holds one, and the question.
QUESTIONS: tuple[tuple[str, frozenset[str], re.Pattern[str]], ...] = (
    (
        "name",
        _any("name who call"),
        _any_case(
            rf"{_WHAT}your\s(?:first\s)?name\b|\bwho\sare\syou\b|\bwhat\s(?:do|should|can|may)\s(?:i|we|people|they)\scall\syou\b|\byour\sname\s(?:is|was)\b|\bwho\sam\si\s(?:talking|speaking)\sto\b"
        ),
    ),
    ("age", _any("old age"), _any_case(r"\bhow\sold\sare\syou\b|\bwhat(?:'s|\sis)\syour\sage\b")),
    (
        "study",
        _any("study studying major"),
        _any_case(
            r"\bwhat\s(?:do\syou\sstudy|are\syou\sstudying|did\syou\sstudy)\b|\bwhat(?:'s|\sis)\syour\smajor\b"
        ),
    ),
    (
        "job",
        _any("do job work"),
        _any_case(
            r"\bwhat\sdo\syou\sdo\b(?!\s(?:for\sfun|in\syour|on\s|when|after|at\sthe))|\bwhat(?:'s|\sis)\syour\sjob\b|\bwhat\s(?:kind\sof\s)?work\sdo\syou\b"
        ),
    ),
    ("home", _any("live living based"), _any_case(r"\bwhere\sdo\syou\slive\b|\bwhere\sare\syou\s(?:living|based)\b")),
    (
        "origin",
        _any("from grow"),
        _any_case(r"\bwhere(?:\sare\syou|'re\syou)\s(?:originally\s)?from\b|\bwhere\sdid\syou\sgrow\sup\b"),
    ),
    ("languages", _any("language languages"), _any_case(r"\b(?:what|which|how\smany)\slanguages?\sdo\syou\sspeak\b")),
    (
        "likes.music",
        _any("music band singer song"),
        _any_case(rf"\bwhat\s{_KIND}music{_LIKED}|\bfavou?rite\s(?:music|band|singer|song)\b"),
    ),
    (
        "likes.food",
        _any("food dish meal"),
        _any_case(rf"\bwhat\s{_KIND}food{_LIKED}|\bfavou?rite\s(?:food|dish|meal)\b"),
    ),
    (
        "likes.film",
        _any("film films movie movies series"),
        _any_case(rf"\bwhat\s{_KIND}(?:films?|movies?){_LIKED}|\bfavou?rite\s(?:film|movie|series)\b"),
    ),
    ("likes.sport", _any("sport sports"), _any_case(rf"\bwhat\s{_KIND}sports?{_LIKED}|\bfavou?rite\ssport\b")),
    (
        "likes.hobby",
        _any("fun time hobby hobbies"),
        _any_case(r"\bwhat\sdo\syou\sdo\s(?:for\sfun|in\syour\s(?:free|spare)\stime)\b|\byour\shobb(?:y|ies)\b"),
    ),
    *(
        (
            f"pets.{kind}",
            _any(word),
            _any_case(
                rf"{_WHAT}your\s{re.escape(word)}(?:'s\s(?:name|called)|\scalled)\b|\bwhat(?:'s|\sis)\s(?:his|her|its|the)\sname\b.{{0,20}}\b{re.escape(word)}\b"
            ),
        )
        for word, kind in (("dog", "dog"), ("cat", "cat"))
    ),
    *(
        (f"people.{word}", _any(word), _any_case(rf"{_WHAT}your\s{word}(?:'s\s(?:name|called)|\scalled)\b"))
        for word in ("sister", "brother", "wife", "husband", "daughter", "son", "girlfriend", "boyfriend")
    ),
)
_LEAD = re.compile(
    r"(?:\W{0,3}\b(?:oh|well|hm+|um+|uh|so|it's|its|it\sis|that's|just|mostly|mainly|probably|i'd\ssay|definitely|my\sname|in|from|his\sname\sis"
    r"|her\sname\sis|he's|she's|he's\scalled|she's\scalled|hi|hey|hello)\b\s{0,2},?){0,4}\s{0,3}",
    re.IGNORECASE,
)
_I_AM = _any_case(I_AM)
_STATE_OF_MIND = re.compile(r"ing$|\w{4}ed$", re.IGNORECASE)  # "I'm exhausted" answers nothing
_ARTICLE = _any_case(r"an?\s")
_TAIL = re.compile(r"\W*$")
_ASKING = re.compile(r"[^.!?\n]{1,300}\?")
_YEARS = re.compile(rf"({NUMBER})(?:\s(?:years?\sold|yo))?", re.IGNORECASE)


def asked(persona_line: str | None) -> str | None:
    """The one key that the persona's line asks for; None when it asks for none, or for several."""
    if not persona_line or "?" not in persona_line:
        return None
    return _key(persona_line[-_LOOKED_AT:])


@lru_cache(maxsize=512)  # a script's lines come again and again
def _key(said: str) -> str | None:
    asking = " ".join(_ASKING.findall(said.replace("’", "'")))
    words = frozenset(WORD.findall(low_of(asking)))
    keys = [key for key, needs, pattern in QUESTIONS if not needs.isdisjoint(words) and pattern.search(asking)]
    return keys[0] if len(keys) == 1 else None


def forget_lines() -> None:
    """Drop the persona's lines that are remembered: they may say back what a learner told."""
    _key.cache_clear()


def found(turn: Turn, clause: Clause, key: str) -> list[Found]:
    """The clause read as an answer to that key: whole, short and plausible, else nothing."""
    lead = _LEAD.match(turn.view, clause.start, clause.end)
    start = lead.end() if lead else clause.start
    tail = _TAIL.search(turn.view, start, clause.end)
    end = tail.start() if tail else clause.end
    kept = list(phrases.words(turn.view, start, end, MAX_ANSWER_WORDS + 1))
    listed = key.startswith("likes.") or key == "languages"
    if not kept or len(kept) > MAX_ANSWER_WORDS or (kept[-1].end != end and not listed and key != "home"):
        return []
    if turn.view[start:end].lower() in LEXICON.evasions or kept[0].low in LEXICON.evasions:
        return []
    confidence = sure(ANSWERED, clause)
    return [
        Found("set", found_key, value, confidence, span.start, span.end)
        for found_key, value, span in _values(turn, key, start, end)
    ]


def _values(turn: Turn, key: str, start: int, end: int) -> list[tuple[str, str, Span]]:
    if key == "languages":
        return [(key, LANGUAGES[turn.view[s:e].lower()], Span(s, e)) for s, e in about.spoken(turn.view, start, end)]
    if key.startswith("likes."):
        read = [(tastes.read(turn, span), span) for span in phrases.things(turn.view, start, end)]
        return [
            (key if topic == "other" else f"likes.{topic}", value, span)
            for (value, topic), span in read
            if topic != "other" or turn.view[span.start].isupper()
        ]
    if key == "age":
        match = _YEARS.fullmatch(turn.view, start, end)
        years = number_of(match[1]) if match else None
        return [(key, str(years), Span(start, end))] if years in about.AGES else []
    span = _one(turn, key, start, end)
    return [(key, turn.text[span.start : span.end], span)] if span else []


def _one(turn: Turn, key: str, start: int, end: int) -> Span | None:
    """The value when it fills the answer to its end."""
    if key in ("home", "origin"):
        span = phrases.place(turn.view, start, end)
    elif key == "job":
        article = _ARTICLE.match(turn.view, start, end)
        span = about.job(turn.view, article.end() if article else start, end)
    elif key == "study":
        items = phrases.things(turn.view, start, end)
        span = items[0] if len(items) == 1 else None
    else:
        i_am = _I_AM.match(turn.view, start, end) if key == "name" else None
        span = phrases.name(turn.view, i_am.end() if i_am else start, end, lower=True)
        if span and i_am and _STATE_OF_MIND.search(turn.view, span.start, span.end):
            return None
    return span if span and span.end == end else None
