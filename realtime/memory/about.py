"""Who the learner is: name, age, job, home, origin, study, languages."""

from collections.abc import Callable, Iterator
from typing import Final

from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.dates import NUMBER, NUMBER_WORDS, number_of
from realtime.memory.lexicon import LANGUAGES, LEXICON
from realtime.memory.matching import (
    ADVERBS,
    AM_WORDS,
    DO_WORDS,
    EXPLICIT,
    I_AM,
    I_DO,
    IMPLIED,
    STATED,
    Found,
    any_of,
    begin,
    matches,
    said,
    sure,
)
from realtime.memory.phrases import Span, Word
from realtime.memory.turn import DIGIT, Turn, bits_of, part, pieces, rule

AGES = range(5, 111)  # years: below a child does not type, above is a joke

_NAMED = rule(
    r"\b(?:my\s(?:(?:first|full|real)\s)?name(?:\sis|'s|s)|the\sname(?:'s|\sis)|(?:i'm|i\sam|im)\scalled)\s",
    "name names called",
    too=("my", "the", *AM_WORDS),
)
_CALLED = rule(
    r"(?:\b(?:you\scan|please|just|everyone\scalls|people\scall|friends\scall)\s|^|\W)call(?:s)?\sme\s|\bi\sgo\sby\s",
    "call calls by",
)
# A capital, or any letter of which that cannot be said here.
_I_AM_CAPITAL = I_AM.replace("(?:i'm", "(?i:i'm") + r"\s{0,3}(?![a-z])[^\W\d_]"
_I_AM_NAME = rule(I_AM, AM_WORDS, cased=_I_AM_CAPITAL)
_THEN_AGE = part(rf",\s(?:and\s)?(?P<n>{NUMBER})(?:\syears\sold)?(?=\W{{0,3}}(?:$|,|and\b|from\b))(?!\.\d)")
_THEN_FROM = part(r",?\s(?:and\s)?from\s")
_THEN_JOB = part(r",\s(?:and\s)?an?\s")
_NAME_ENDS = frozenset(("and", "from", "by", "btw", "nice", "but", "a", "an", "the", "with", "here", "in"))
_NUMBERS = (*NUMBER_WORDS, DIGIT)
_AGE = rule(
    rf"{I_AM}{ADVERBS}(?P<about>(?:almost|nearly|about|around)\s)?(?P<n>{NUMBER})(?P<unit>\s?(?:years?\sold|years?\sof\sage|yrs?\sold|yo|y/o))?(?![\w%°'])",
    (*_NUMBERS, *(word + unit for word in NUMBER_WORDS for unit in ("year", "years", "yr", "yrs", "yo", "y"))),
    too=AM_WORDS,
)
_AGE_ADJECTIVE = rule(rf"{I_AM}{ADVERBS}an?\s(?P<n>{NUMBER})[\s-]years?[\s-]old\b", _NUMBERS, too=AM_WORDS)
_TURNED = rule(rf"(?:\bi\s(?:just\s|recently\s)?turned|\bmy\sage\sis)\s(?P<n>{NUMBER})(?![\w%])", "turned age")
_DECADE = rule(
    rf"{I_AM}{ADVERBS}in\smy\s(?P<v>(?:early\s|mid[\s-]|late\s)?(?:teens|twenties|thirties|forties|fifties|sixties|seventies|eighties))\b",
    ("teens", *(f"{ten}ies" for ten in ("twent", "thirt", "fort", "fift", "sixt", "sevent", "eight"))),
)
_AGE_ENDS = frozenset(("and", "from", "now", "today", "but", "btw", "this", "already", "by", "years"))
_WORK_AS = rule(
    rf"(?:{I_DO}{ADVERBS}work|{I_AM}{ADVERBS}working|\bi've\sbeen\sworking)\sas\s|\bmy\s(?:job|profession|occupation)\sis\s(?:being\s)?(?=an?\s)",
    "work working job profession occupation",
    too="as my",
)
_I_AM_A = rule(rf"{I_AM}{ADVERBS}(?P<article>(?:an?|the)\s)?", pieces(LEXICON.jobs), too=AM_WORDS, behind=True)
_YEARS_OLD = part(rf"{NUMBER}[\s-]years?[\s-]old\s")
_WORK_IN = rule(
    rf"(?:{I_DO}{ADVERBS}work|{I_AM}{ADVERBS}working|{I_AM}{ADVERBS})(?:\s)?(?P<v>in\s(?=\w))",
    pieces(LEXICON.fields),
    too=("work", "working", *AM_WORDS),
    behind=True,
)
_WORK_AT = rule(
    rf"(?:{I_DO}{ADVERBS}work|{I_AM}{ADVERBS}working)\s(?=(?:at|for|in\san?)\s)", "work working", too="at for in"
)
_STATE = rule(
    rf"{I_AM}{ADVERBS}(?P<v>{any_of(LEXICON.work_states)})(?![\w-])", pieces(LEXICON.work_states), too=AM_WORDS
)
_LIVE = rule(
    rf"(?:(?:{I_DO}{ADVERBS}live|{I_AM}{ADVERBS}living)(?:\s(?!in\b|near\b|with\s?out)\w{{1,15}}){{0,4}}?\s(?:in\s|(?=near\s))"
    rf"|{I_AM}{ADVERBS}based\s(?:in|near)\s|\bi\slive\shere\sin\s)",
    "live living based",
)
_MOVED = rule(r"(?:\bi\s(?:just\s|recently\s)?|\bi've\s(?:just\s|recently\s)?)moved\s(?:here\s)?to\s", "moved")
_LIVED = rule(r"\bi'?ve\s(?:been\sliving|lived)\sin\s(?=[\w\s'-]{1,60}\sfor\s)", "living lived")
_FROM = rule(
    rf"(?:{I_AM}{ADVERBS}from|{I_DO}{ADVERBS}come\s{ADVERBS}from"
    rf"|{I_DO}{ADVERBS}grew\sup\s(?:near|in)|\bi\swas\s{ADVERBS}(?:born|raised|brought\sup)(?:\sand\s(?:raised|bred))?\sin)\s",
    "from grew born raised brought",
    too=("come", "grew", "was", *AM_WORDS),
)
_STUDY = rule(
    rf"(?:{I_DO}{ADVERBS}(?:study|studied|major\sin)|{I_AM}{ADVERBS}(?:studying|majoring\sin|reading\sfor)|\bmy\s(?:major|degree)\sis(?:\sin)?"
    rf"|{I_AM}{ADVERBS}doing\s(?=an?\s(?:phd|master's|masters|degree|bachelor's|ba|ma|bsc|msc|mba)\b))\s?",
    "~stud major majoring reading degree doing",
    too=("my", *AM_WORDS, *DO_WORDS),
)
_LEARNING = rule(rf"{I_AM}{ADVERBS}learning\s", "learning", too=AM_WORDS)
_STUDENT = rule(rf"{I_AM}{ADVERBS}an?\s(?P<v>(?:[\w-]{{2,20}}\s){{0,3}}?student)\b", "student", too=AM_WORDS)
_NOT_STUDIED = LEXICON.not_things | {"for", "at", "hard", "too", "every", "all", "here", "there", "with", "in", "on"}
_SPEAK = rule(
    rf"(?:{I_DO}{ADVERBS}speak|{I_AM}{ADVERBS}fluent\sin|\bmy\s(?:native\slanguage|mother\stongue|first\slanguage)\sis)\s",
    "speak fluent language tongue",
)
_NO_SPEECH = rule(rf"\bi\s(?:don't|dont|do\snot|can't|no\slonger)\s{ADVERBS}speak\s", "speak")


def found(turn: Turn, clause: Clause) -> Iterator[Found]:
    """Every statement of the clause about the learner's own person."""
    for bits, find in _KINDS:
        if turn.may & bits:
            yield from find(turn, clause)


def _set(turn: Turn, clause: Clause, key: str, start: int, span: Span, confidence: float) -> Found:
    value = turn.text[span.start : span.end]
    return Found("set", key, value, sure(confidence, clause), start, span.end)


def _names(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_NAMED, turn, clause):
        span = phrases.name(turn.view, match.end(), clause.end, lower=True)
        if span:
            yield _set(turn, clause, "name", match.start(), span, EXPLICIT)
    for match in matches(_CALLED, turn, clause):
        span = phrases.name(turn.view, match.end(), clause.end, lower=False)
        if span:
            start = match.start()
            while not turn.view[start].isalnum():
                start += 1
            yield _set(turn, clause, "name", start, span, STATED)
    for match in matches(_I_AM_NAME, turn, clause):
        span = phrases.name(turn.view, match.end(), clause.end, lower=False)
        if span and phrases.ends_phrase(turn.view, span.end, clause.end, _NAME_ENDS):
            yield _set(turn, clause, "name", match.start(), span, STATED)
            yield from _introduction(turn, clause, match.start(), span.end)


def _introduction(turn: Turn, clause: Clause, start: int, at: int) -> Iterator[Found]:
    """What goes on after "I'm Tal" or "I'm 25": ", a nurse", " from Haifa"."""
    for _ in range(3):
        age = _THEN_AGE.match(turn.low, at, clause.end)
        origin = _THEN_FROM.match(turn.low, at, clause.end)
        work = _THEN_JOB.match(turn.low, at, clause.end)
        span: Span | None = None
        if age and (years := number_of(said(turn, age, "n"))) in AGES:
            at = age.end()
            yield Found("set", "age", str(years), sure(STATED, clause), start, at)
        elif origin:
            span = phrases.place(turn.view, origin.end(), clause.end)
        elif work:
            span = job(turn.view, work.end(), clause.end)
        if span:
            at = span.end
            yield _set(turn, clause, "origin" if origin else "job", start, span, STATED)
        elif not age:
            return


def _ages(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_DECADE, turn, clause):
        yield _set(turn, clause, "age", match.start(), Span(*match.span("v")), IMPLIED)
    for pattern in (_AGE, _AGE_ADJECTIVE, _TURNED):
        for match in matches(pattern, turn, clause):
            years = number_of(said(turn, match, "n"))
            if years is None or years not in AGES:
                continue
            complete = pattern is _AGE_ADJECTIVE or phrases.ends_phrase(turn.view, match.end(), clause.end, _AGE_ENDS)
            if not complete or (pattern is _AGE and not match["unit"] and _measured(turn, match.end())):
                continue
            about = said(turn, match, "about") if pattern is _AGE else ""
            value = f"{about.strip().lower()} {years}" if about else str(years)
            confidence = sure(IMPLIED if about else EXPLICIT, clause)
            yield Found("set", "age", value, confidence, match.start(), match.end())
            if pattern is _AGE:
                yield from _introduction(turn, clause, match.start(), match.end())


def _measured(turn: Turn, at: int) -> bool:
    """True where the number goes on as a score, a time or a measure ("7/10", "10:30", "5.5", "90+")."""
    return turn.view[at : at + 1] in ("/", ":", "$", "+", "€", "£", '"') or (
        turn.view[at : at + 1] in (".", ",", "-") and turn.view[at + 1 : at + 2].isdigit()
    )


def _jobs(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_WORK_AS, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 7))
        if kept and kept[0].low in ("a", "an", "the"):
            span = _until_stop(kept[1:], 5)
        else:
            span = job(turn.view, match.end(), clause.end)
        if span:
            yield _set(turn, clause, "job", begin(turn, match), span, EXPLICIT)
    for match in matches(_I_AM_A, turn, clause):
        aged = _YEARS_OLD.match(turn.low, match.end(), clause.end) if match["article"] else None
        span = job(turn.view, aged.end() if aged else match.end(), clause.end)
        if span:
            confidence = EXPLICIT if match["article"] else IMPLIED
            yield _set(turn, clause, "job", match.start(), span, confidence)
            yield from _introduction(turn, clause, match.start(), span.end)
    for match in matches(_STATE, turn, clause):
        if phrases.ends_phrase(turn.view, match.end(), clause.end):
            yield _set(turn, clause, "job", match.start(), Span(*match.span("v")), STATED)


def job(view: str, at: int, end: int) -> Span | None:
    """A noun phrase whose head is a profession ("senior software engineer"); None for "a terrible cook"."""
    kept: list[Word] = []
    for word in phrases.words(view, at, end, 5):
        if word.low in LEXICON.stops or word.low in LEXICON.evaluative:
            return None
        kept.append(word)
        profession = word.low in LEXICON.jobs or " ".join(each.low for each in kept[-2:]) in LEXICON.jobs
        if profession and phrases.ends_phrase(view, word.end, end):
            return Span(kept[0].start, word.end)
    return None


def _workplaces(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_WORK_IN, turn, clause):
        kept = [word for word in phrases.words(turn.view, match.end(), clause.end, 3) if word.low != "the"]
        for size in (2, 1):
            if len(kept) >= size and " ".join(word.low for word in kept[:size]) in LEXICON.fields:
                last = kept[size - 1].end
                if phrases.ends_phrase(turn.view, last, clause.end):
                    field = Span(match.start("v"), last)
                    yield _set(turn, clause, "job", begin(turn, match), field, STATED)
                    break
    for match in matches(_WORK_AT, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 7))
        if kept and kept[0].low == "in" and not any(word.low in LEXICON.workplaces for word in kept[2:5]):
            continue
        if len(kept) < 2 or any(word.low in LEXICON.not_workplaces for word in kept[1:3]):
            continue
        if kept[1].low not in ("a", "an", "the") and not phrases.capital(turn.view, kept[1]):
            continue
        span = _until_stop(kept[1:], 5)
        if span and span.end > kept[1].end - (kept[1].low not in ("a", "an", "the")):
            whole = Span(kept[0].start, span.end)
            yield _set(turn, clause, "job", begin(turn, match), whole, STATED)


def _until_stop(kept: list[Word], limit: int) -> Span | None:
    """The words before the first function word, if the first may begin a thing at all."""
    chosen: list[Word] = []
    for word in kept[:limit]:
        if word.low in LEXICON.stops:
            break
        chosen.append(word)
    articles = ("a", "an", "the")
    head = next((word for word in chosen if word.low not in articles), None)
    if head is None or head.low in LEXICON.not_things:
        return None
    return Span(chosen[0].start, chosen[-1].end)


def _places(turn: Turn, clause: Clause) -> Iterator[Found]:
    for pattern, key, confidence in (
        (_LIVE, "home", EXPLICIT),
        (_MOVED, "home", IMPLIED),
        (_LIVED, "home", IMPLIED),
        (_FROM, "origin", EXPLICIT),
    ):
        for match in matches(pattern, turn, clause):
            near = turn.view[match.end() : match.end() + 5].lower() == "near "
            span = phrases.place(turn.view, match.end() + 5 * near, clause.end)
            if span is None or turn.view[span.start : span.end].lower() in LEXICON.fields:
                continue
            if pattern is _MOVED and not turn.view[span.start].isupper():
                continue
            span = Span(match.end(), span.end) if near else span
            yield _set(turn, clause, key, begin(turn, match), span, confidence)


def _studies(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_STUDY, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 6))
        if kept and kept[0].low in ("a", "an"):
            span = _degree(kept[1:])
        else:
            span = None if not kept or kept[0].low in _NOT_STUDIED else _until_stop(kept, 4)
        if span:
            yield _set(turn, clause, "study", begin(turn, match), span, EXPLICIT)
    for match in matches(_LEARNING, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 1))
        if kept and kept[0].low in LANGUAGES:
            span = Span(kept[0].start, kept[0].end)
            yield _set(turn, clause, "study", match.start(), span, IMPLIED)
    for match in matches(_STUDENT, turn, clause):
        if phrases.ends_phrase(turn.view, match.end(), clause.end):
            yield _set(turn, clause, "study", match.start(), Span(*match.span("v")), STATED)


def _degree(kept: list[Word]) -> Span | None:
    """ "PhD in physics": the words up to a function word other than the one "in"."""
    chosen = kept[:1]
    for word in kept[1:5]:
        if word.low in LEXICON.stops and not (word.low == "in" and len(chosen) <= 2):
            break
        chosen.append(word)
    return Span(chosen[0].start, chosen[-1].end) if chosen else None


def _languages(turn: Turn, clause: Clause) -> Iterator[Found]:
    for pattern, op in ((_SPEAK, "set"), (_NO_SPEECH, "remove")):
        for match in matches(pattern, turn, clause):
            for start, end in spoken(turn.view, match.end(), clause.end):
                value = LANGUAGES[turn.view[start:end].lower()]
                confidence = sure(EXPLICIT, clause)
                first = begin(turn, match)
                if op == "set":
                    yield Found("set", "languages", value, confidence, first, end)
                else:
                    yield Found("remove", "languages", value, confidence, first, end)


def spoken(view: str, at: int, end: int) -> list[Span]:
    """The languages of a list ("fluent Spanish, a little Hebrew and English"), up to the first other word."""
    fill = ("a", "little", "bit", "of", "some", "fluent", "good", "basic", "and", "both", "also", "or", "native")
    found: list[Span] = []
    while len(found) < phrases.MAX_ITEMS:
        before = at
        for word in phrases.words(view, at, end, 12):
            if word.low in LANGUAGES:
                found.append(Span(word.start, word.end))
            elif word.low not in fill:
                return found
            at = word.end
        while at < end and view[at] in ", /&":
            at += 1
        if at == before:
            break
    return found


# What there may be to say of a person, in this order, and by which patterns it is found.
_KINDS: Final[tuple[tuple[int, Callable[[Turn, Clause], Iterator[Found]]], ...]] = (
    (bits_of(_NAMED, _CALLED, _I_AM_NAME), _names),
    (bits_of(_DECADE, _AGE, _AGE_ADJECTIVE, _TURNED), _ages),
    (bits_of(_WORK_AS, _I_AM_A, _STATE), _jobs),
    (bits_of(_WORK_IN, _WORK_AT), _workplaces),
    (bits_of(_LIVE, _MOVED, _LIVED, _FROM), _places),
    (bits_of(_STUDY, _LEARNING, _STUDENT), _studies),
    (bits_of(_SPEAK, _NO_SPEECH), _languages),
)
