"""Who the learner is: name, age, home, origin, languages."""

from collections.abc import Callable, Iterator
from typing import Final, Literal

from realtime.memory import phrases, work
from realtime.memory.clauses import Clause
from realtime.memory.dates import NUMBER, NUMBER_WORDS, number_of
from realtime.memory.lexicon import LANGUAGES, LEXICON
from realtime.memory.matching import (
    ADVERBS,
    AM_WORDS,
    ELIDED,
    EXPLICIT,
    I_AM,
    I_DO,
    IMPLIED,
    STATED,
    Found,
    begin,
    matches,
    said,
    stated,
    sure,
)
from realtime.memory.phrases import Span
from realtime.memory.turn import DIGIT, Rule, Turn, bits_of, part, rule

AGES = range(5, 111)  # years: below a child does not type, above is a joke

_NAMED = rule(
    rf"(?:\bmy\s(?:(?:first|full|real)\s)?name(?:\sis|'s|s)|\bthe\sname(?:'s|\sis)|(?:i'm|i\sam"
    rf"|im)\s(?:also\s)?(?:called|named))\s{ADVERBS}",
    "name names called named",
    too=("my", "the", *AM_WORDS),
)
_CALLED = rule(
    r"(?:\b(?:you\scan|please|just|everyone|everybody|they|people|friends|family|mates)\s(?:all\s|just\s"
    r"|always\s)?|(?<![\w'\-])(?<![\w'\-]\s)|(?<=\sor\s)|(?<=\sso\s)|(?<=\sbut\s)|(?<=\sand\s))call(?:s|ed)?\sme\s"
    r"|\b(?:i\sgo|going)\sby\s",
    "call calls called by",
)
_THIS_IS = rule(
    r"\b(?:this\sis|it's|its|it\sis)\s(?=\w{2,20}\s(?:speaking|here|by\sthe\sway|btw|again)\b)",
    "speaking here way btw again",
    too="this it its",
)
_NAME_HERE = rule(rf"{ELIDED}(?=[^\W\d_]{{2,20}}\shere\b)", "here", too=LEXICON.given_names, behind=True)
# A capital, or any letter of which that cannot be said here.
_I_AM_CAPITAL = I_AM.replace("(?:i'm", "(?i:i'm") + r"\s{0,3}(?![a-z])[^\W\d_]"
_I_AM_NAME = rule(I_AM, AM_WORDS, cased=_I_AM_CAPITAL)
_I_AM_GIVEN = rule(I_AM, LEXICON.given_names, too=AM_WORDS, behind=True)
_THEN_AGE = part(rf",\s(?:and\s)?(?P<n>{NUMBER})(?:\syears\sold)?(?=\W{{0,3}}(?:$|,|and\b|from\b))(?!\.\d)")
_THEN_FROM = part(r",?\s(?:and\s)?(?:originally\s)?from\s")
_THEN_JOB = part(r",\s(?:and\s)?an?\s")
_NAME_ENDS = frozenset(
    (
        "and",
        "from",
        "by",
        "btw",
        "nice",
        "but",
        "a",
        "an",
        "the",
        "here",
        "in",
        "speaking",
        "again",
        "to",
        "who",
        "or",
    )
)
_NUMBERS = (*NUMBER_WORDS, DIGIT)
_AGE = rule(
    rf"{I_AM}{ADVERBS}(?P<about>(?:almost|nearly|about|around)\s)?(?P<n>{NUMBER})(?P<unit>\s?(?:years?\s(?:old"
    rf"|young)|years?\sof\sage|yrs?\sold|yo|y/o))?(?![\w%°'])",
    (*_NUMBERS, *(word + unit for word in NUMBER_WORDS for unit in ("year", "years", "yr", "yrs", "yo", "y"))),
    too=AM_WORDS,
)
_AGE_ADJECTIVE = rule(
    rf"(?:{I_AM}{ADVERBS}|\bas\s)an?\s(?P<n>{NUMBER})[\s-]years?[\s-]old\b", "old", too=("as", *AM_WORDS)
)
_TURNED = rule(
    rf"(?:(?:\bi\s|\bi've\s|{ELIDED}){ADVERBS}turned|\bmy\sage\sis|(?:\bi've\s|{I_AM}|{ELIDED})just\s(?:gone|hit"
    rf"|turned))\s(?P<n>{NUMBER})(?![\w%])",
    "turned age gone hit",
)
_DECADE = rule(
    rf"{I_AM}{ADVERBS}in\smy\s(?P<v>(?:early\s|mid[\s-]|late\s)?(?:teens|twenties|thirties|forties|fifties|sixties"
    rf"|seventies|eighties))\b",
    ("teens", *(f"{ten}ies" for ten in ("twent", "thirt", "fort", "fift", "sixt", "sevent", "eight"))),
)
_AGE_ENDS = frozenset(
    [
        "and",
        "from",
        "now",
        "today",
        "but",
        "btw",
        "this",
        "already",
        "by",
        "years",
        "not",
        "or",
        "still",
        "so",
        "just",
        "lol",
    ]
)
_TURNED_ENDS = _AGE_ENDS | {"last", "in", "on", "recently", "lately", "yesterday", "two", "three", "a", "the"}
_WE_ARE = r"(?<![\w'\-])(?:we're|we\sare)\s{1,3}"
_LIVE = rule(
    rf"(?:(?:{I_DO}{ADVERBS}live|(?:{I_AM}|{_WE_ARE}|{ELIDED}|been\s){ADVERBS}living)(?:\s(?!in\b|near\b"
    rf"|with\s?out)\w{{1,15}}){{0,4}}?\s(?:in\s|(?=(?:near|outside)\s))"
    rf"|(?:{I_AM}|{_WE_ARE}){ADVERBS}(?:based|settled)\s(?:in\s|(?=near\s))|\bi\slive\shere\sin\s)",
    "live living based settled",
)
_MY_PLACE = rule(
    r"(?:\b(?:my|our)\s(?:new\s|little\s|tiny\s|old\s)?(?:place|flat|apartment|house|studio|home)(?:\sis"
    r"|'s)\s(?:\w{1,12}\s){0,2}?(?:in\s|(?=near\s))"
    r"|\b(?:i|we)\s(?:\w{1,10}\s)?(?:share|rent|have|own|bought)\s(?:an?|the|our"
    r"|my)\s(?:\w{1,12}\s){0,2}?(?:place|flat|apartment|house|studio|room|cottage)\s(?:in\s|(?=near\s))"
    r"|\b(?:renting|sharing)\s(?:an?\s)?(?:\w{1,12}\s){0,2}?(?:in\s|(?=near\s)))",
    "place flat apartment house studio home room cottage renting sharing",
)
_MOVED = rule(
    rf"(?:\b(?:i|we)\s|\b(?:i|we)'ve\s|{ELIDED}){ADVERBS}(?:moved|relocated)\s(?:(?:here|back|over|out|down|up"
    rf"|away|house)\s){{0,2}}(?:from\s[\w'-]{{2,20}}(?:\s[\w'-]{{2,20}})?\s)?to\s",
    "moved relocated",
)
_LIVED = rule(
    r"\b(?:i|we)(?:'?ve)?\s(?:been\sliving|lived)\sin\s(?=[\w\s'-]{1,60}\s(?:for|since)\s)|\bhere\sin\s(?=\w)",
    "living lived here",
    too="in",
)
_FROM = rule(
    rf"(?:(?:{I_AM}|{_WE_ARE}|{ELIDED}){ADVERBS}(?:comes?\s)?from|{I_DO}{ADVERBS}(?:come|hail)\s{ADVERBS}from"
    rf"|(?:{I_DO}{ADVERBS}|{ELIDED})grew\sup\s(?:near|in)"
    rf"|(?:\b(?:i|we)\s(?:was|were)\s{ADVERBS}|{ELIDED})(?:born|raised|brought\sup)(?:\sand\s(?:raised|bred"
    rf"|grew\sup|brought\sup))?\sin)\s",
    "from grew born raised brought",
)
_FAMILY_FROM = rule(
    r"\bmy\s(?:family|people|folks|parents)(?:\sis|\sare|\scomes?"
    r"|'s)\s(?:originally\s)?from\s(?=[\w\s',]{2,60}?\b(?:so\sam\si|me\stoo|born\sthere|and\si)\b)",
    "from",
    too="family people folks parents",
)
_NATIONAL = rule(
    rf"{I_AM}{ADVERBS}(?:half\s)?(?P<v>{'|'.join(sorted(LEXICON.nationalities - {'south'}))})(?![\w-])",
    LEXICON.nationalities,
    too=AM_WORDS,
)
_SPEAK = rule(
    rf"(?:{I_DO}{ADVERBS}(?:can\s(?:also\s)?)?(?:speak|understand)|(?:{I_AM}|{ELIDED}){ADVERBS}(?:fluent"
    rf"|bilingual)\s(?:in\s|(?=\w))?|\b(?:i|we)\s(?:know|have)\s(?:some|a\slittle|a\sbit\sof|basic)"
    r"|\b(?:grew\sup|raised|brought\sup)\sspeaking|\b(?:i|we)(?:'ve)?\s(?:picked|picking)\sup\s(?:some\s"
    r"|a\slittle\s)?"
    r"|\b(?:i\scan\s)?get\sby\sin|\bmy\s(?:native\slanguage|mother\stongue|(?:first|second|third)\slanguage)\sis"
    r"|\bi\s(?:also\s)?use)\s{0,2}",
    "speak understand fluent bilingual language tongue know have speaking picked picking get use",
    too={name.lower() for name in LEXICON.languages},
    behind=True,
)
_MY_LANGUAGE = rule(
    rf"\bmy\s(?P<v>{'|'.join(sorted(name.lower() for name in LEXICON.languages))})\s(?:is|gets|isn't)\s(?!homework"
    rf"|teacher|class|friend)",
    {name.lower() for name in LEXICON.languages},
    too="my",
)
_IS_MY_LANGUAGE = rule(
    r"\b(?P<v>[a-z]{3,12})\sis\smy\s(?:native|first|second|third|mother|best|strongest)\s(?:language|tongue)\b",
    "language tongue",
)
_NO_SPEECH = rule(
    rf"\b(?:i|we)\s(?:don't|dont|do\snot|can't|no\slonger)\s{ADVERBS}speak\s",
    "speak",
)


def found(turn: Turn, clause: Clause) -> Iterator[Found]:
    """Every statement of the clause about the learner's own person."""
    for bits, find in _KINDS:
        if turn.may & bits:
            yield from find(turn, clause)


def _names(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_NAMED, turn, clause):
        span = phrases.name(turn.view, match.end(), clause.end, lower=True)
        if span:
            yield stated(turn, clause, "name", match.start(), span, EXPLICIT)
    for match in matches(_CALLED, turn, clause):
        span = phrases.name(turn.view, match.end(), clause.end, lower=False)
        if span:
            start = match.start()
            while not turn.view[start].isalnum():
                start += 1
            yield stated(turn, clause, "name", start, span, STATED)
    for pattern in (_THIS_IS, _NAME_HERE):
        for match in matches(pattern, turn, clause):
            span = phrases.name(turn.view, match.end(), clause.end, lower=False)
            if span and (pattern is _THIS_IS or span.start == _content(turn, clause)):
                yield stated(turn, clause, "name", begin(turn, match), span, STATED)
    yield from _i_am_names(turn, clause)


def _i_am_names(turn: Turn, clause: Clause) -> Iterator[Found]:
    pattern = _I_AM_NAME if turn.may & _I_AM_NAME.bit else _I_AM_GIVEN  # one pattern, found for two reasons
    for match in matches(pattern, turn, clause):
        span = phrases.name(turn.view, match.end(), clause.end, lower=False)
        if span and phrases.ends_phrase(turn.view, span.end, clause.end, _NAME_ENDS):
            yield stated(turn, clause, "name", match.start(), span, STATED)
            yield from _introduction(turn, clause, match.start(), span.end)


def _content(turn: Turn, clause: Clause) -> int:
    """Where the clause's first word begins."""
    first = next(phrases.words(turn.view, clause.start, clause.end, 1), None)
    return first.start if first else clause.start


def _introduction(turn: Turn, clause: Clause, start: int, at: int) -> Iterator[Found]:
    """What goes on after "I'm Tal" or "I'm 25": ", a nurse", " from Haifa"."""
    for _ in range(3):
        age = _THEN_AGE.match(turn.low, at, clause.end)
        origin = _THEN_FROM.match(turn.low, at, clause.end)
        job = _THEN_JOB.match(turn.low, at, clause.end)
        span: Span | None = None
        if age and (years := number_of(said(turn, age, "n"))) in AGES:
            at = age.end()
            yield Found("set", "age", str(years), sure(STATED, clause), start, at)
        elif origin:
            span = phrases.place(turn.view, origin.end(), clause.end)
        elif job:
            span = work.job(turn.view, job.end(), clause.end)
        if span:
            at = span.end
            yield stated(turn, clause, "origin" if origin else "job", start, span, STATED)
        elif not age:
            return


def _ages(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_DECADE, turn, clause):
        yield stated(turn, clause, "age", match.start(), Span(*match.span("v")), IMPLIED)
    for pattern in (_AGE, _AGE_ADJECTIVE, _TURNED):
        for match in matches(pattern, turn, clause):
            years = number_of(said(turn, match, "n"))
            if years is None or years not in AGES:
                continue
            complete = pattern is _AGE_ADJECTIVE or phrases.ends_phrase(
                turn.view, match.end(), clause.end, _TURNED_ENDS if pattern is _TURNED else _AGE_ENDS
            )
            if not complete or (pattern is _AGE and not match["unit"] and _measured(turn, match.end())):
                continue
            about = said(turn, match, "about") if pattern is _AGE else ""
            value = f"{about.strip().lower()} {years}" if about else str(years)
            confidence = sure(IMPLIED if about else EXPLICIT, clause)
            yield Found("set", "age", value, confidence, begin(turn, match), match.end())
            if pattern is _AGE:
                yield from _introduction(turn, clause, match.start(), match.end())


def _measured(turn: Turn, at: int) -> bool:
    """True where the number goes on as a score, a time or a measure ("7/10", "10:30", "5.5", "90+")."""
    return turn.view[at : at + 1] in ("/", ":", "$", "+", "€", "£", '"') or (
        turn.view[at : at + 1] in (".", ",", "-") and turn.view[at + 1 : at + 2].isdigit()
    )


def _places(turn: Turn, clause: Clause) -> Iterator[Found]:
    for pattern, key, confidence in (
        (_LIVE, "home", EXPLICIT),
        (_MY_PLACE, "home", STATED),
        (_MOVED, "home", IMPLIED),
        (_LIVED, "home", IMPLIED),
        (_FAMILY_FROM, "origin", IMPLIED),
        (_FROM, "origin", EXPLICIT),
    ):
        for match in matches(pattern, turn, clause):
            lead = next(phrases.words(turn.view, match.end(), clause.end, 1), None)
            near = lead is not None and lead.low in ("near", "outside")
            span = phrases.place(turn.view, lead.end if near and lead else match.end(), clause.end)
            if span is None or turn.view[span.start : span.end].lower() in LEXICON.fields:
                continue
            bare = pattern is _FROM and match[0].lstrip().startswith(("from", "originally"))
            if (bare or pattern in (_MOVED, _LIVED)) and not turn.view[span.start].isupper():
                continue
            span = Span(lead.start, span.end) if near and lead else span
            yield stated(turn, clause, key, begin(turn, match), span, confidence)
    for match in matches(_NATIONAL, turn, clause):
        if phrases.ends_phrase(turn.view, match.end(), clause.end):
            yield stated(turn, clause, "origin", match.start(), Span(*match.span("v")), IMPLIED)


def _languages(turn: Turn, clause: Clause) -> Iterator[Found]:
    sides: tuple[tuple[Rule, Literal["set", "remove"]], ...] = ((_SPEAK, "set"), (_NO_SPEECH, "remove"))
    for pattern, op in sides:
        for match in matches(pattern, turn, clause):
            for start, end in spoken(turn.view, match.end(), clause.end):
                value = LANGUAGES[turn.view[start:end].lower()]
                yield Found(op, "languages", value, sure(EXPLICIT, clause), begin(turn, match), end)
    for pattern in (_MY_LANGUAGE, _IS_MY_LANGUAGE):
        for match in matches(pattern, turn, clause):
            if match["v"] in LANGUAGES:
                value, end = LANGUAGES[match["v"]], match.end("v")
                yield Found("set", "languages", value, sure(STATED, clause), match.start(), end)


_FILL = frozenset(
    [
        "a",
        "little",
        "bit",
        "of",
        "some",
        "fluent",
        "good",
        "basic",
        "and",
        "both",
        "also",
        "or",
        "native",
        "bad",
        "very",
        "terrible",
        "awful",
        "broken",
        "decent",
        "conversational",
        "school",
        "any",
        "quite",
        "rusty",
        "not",
        "too",
        "so",
        "very",
        "much",
        "pretty",
        "fluently",
        "tiny",
        "only",
        "just",
        "mostly",
        "mainly",
        "my",
        "very",
        "really",
        "now",
    ]
)


def spoken(view: str, at: int, end: int) -> list[Span]:
    """The languages of a list ("fluent Spanish, a little Hebrew and English"), up to the first other word."""
    found: list[Span] = []
    while len(found) < phrases.MAX_ITEMS:
        before = at
        for word in phrases.words(view, at, end, 12):
            if word.low in LANGUAGES:
                found.append(Span(word.start, word.end))
            elif word.low not in _FILL:
                return found
            at = word.end
        while at < end and view[at] in ", /&":
            at += 1
        if at == before:
            break
    return found


# What there may be to say of a person, in this order, and by which patterns it is found.
_KINDS: Final[tuple[tuple[int, Callable[[Turn, Clause], Iterator[Found]]], ...]] = (
    (bits_of(_NAMED, _CALLED, _THIS_IS, _NAME_HERE, _I_AM_NAME, _I_AM_GIVEN), _names),
    (bits_of(_DECADE, _AGE, _AGE_ADJECTIVE, _TURNED), _ages),
    (work.JOB_BITS, work.jobs),
    (work.PLACE_BITS, work.workplaces),
    (bits_of(_LIVE, _MY_PLACE, _MOVED, _LIVED, _FAMILY_FROM, _FROM, _NATIONAL), _places),
    (work.STUDY_BITS, work.studies),
    (bits_of(_SPEAK, _NO_SPEECH, _MY_LANGUAGE, _IS_MY_LANGUAGE), _languages),
)
