"""What the learner does for a living, and what they study."""

from collections.abc import Iterator

from realtime.domain import MemoryEntry
from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.dates import NUMBER
from realtime.memory.lexicon import LANGUAGES, LEXICON
from realtime.memory.matching import (
    ADVERBS,
    AM_WORDS,
    DO_WORDS,
    ELIDED,
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
    stated,
    sure,
)
from realtime.memory.phrases import Span, Word
from realtime.memory.turn import Turn, bits_of, part, pieces, rule, veil

_WORK_AS = rule(
    rf"(?:(?:{I_DO}|{ELIDED}){ADVERBS}work|(?:{I_AM}|{ELIDED}){ADVERBS}working|\bi've\sbeen\sworking"
    rf"|\bi\s(?:just\s|recently\s)?(?:started|got\san?\s(?:new\s)?job)"
    r"|\bi'm\sstarting|\bi'm\straining|\bi\sretrained|\bemployed)\s(?:\w{1,10}\s)?as\s"
    r"|\bmy\s(?:day\s|new\s)?(?:job|profession|occupation|trade)\sis\s(?:being\s|as\s)?(?=an?\s)",
    "work working job profession occupation trade started starting training retrained employed",
    too="as my",
)
_I_AM_A = rule(
    rf"(?:{I_AM}|\bi've\s(?:just\s)?(?:been|become|got\spromoted\sto)\s|\bi\s(?:just\s)?became\s|\bpromoted\sto\s"
    rf"|\bto\sbecome\s){ADVERBS}(?P<article>(?:an?|the|your\slocal)\s)?",
    pieces(LEXICON.jobs),
    too=("been", "become", "became", "promoted", *AM_WORDS),
    behind=True,
)
_YEARS_OLD = part(rf"{NUMBER}[\s-]years?[\s-]old\s")
_TRADE = (
    r"(?:teach(?:ing)?|repair(?:ing)?|sell(?:ing)?|design(?:ing)?|translat(?:e|ing)|install(?:ing)?"
    r"|deliver(?:ing)?|import(?:ing)?"
    r"|nurse|tune|breed|train|coach|groom|interpret|edit|programme?|conduct|direct|manufactur(?:e|ing))"
)
_TRADES = (
    "teach teaching repair repairing sell selling design designing translate translating install installing deliver "
    "delivering import importing nurse tune breed train coach groom interpret edit program programme conduct direct "
    "manufacture manufacturing"
)
_BY_TRADE = rule(
    rf"(?:{I_DO}{ADVERBS}(?=(?P<v>{_TRADE})\s)|{I_AM}{ADVERBS}(?=(?P<v2>(?:teach|repair|sell|design|translat"
    rf"|install|deliver)ing)\s))",
    _TRADES,
    too=(*AM_WORDS, *DO_WORDS),
)
_DRIVE = rule(
    rf"{I_DO}{ADVERBS}(?P<v>drive\s(?:an?|the)\s(?:\w{{2,12}}\s){{0,2}}?(?:bus|taxi|cab|lorry|truck|van|tram|train"
    rf"|ambulance|forklift|coach|tractor|digger|uber|minibus|crane))\b",
    "drive",
)
_RUN = rule(
    rf"(?:{I_DO}|{I_AM}){ADVERBS}(?P<v>(?:co-)?(?:run|running|own|manage|managing|opened)\s(?:an?|the|my\sown"
    rf"|our\sown|my|our|my\sparents')\s(?:[\w'-]{{2,15}}\s){{0,3}}?(?:{any_of(LEXICON.workplaces)}|business|farm"
    rf"|practice|team|charity|blog|stall|kiosk|café|gallery|gym|nursery|brewery|vineyard|barbershop"
    rf"|dental\spractice|hostel|guesthouse|surgery|kennels?|stables?|workshop|food\struck|florist's|butcher's"
    rf"|branch|department))(?![\w-])",
    "run running own manage managing opened",
)
_FOR_A_LIVING = rule(
    rf"{I_DO}{ADVERBS}(?P<v>[\w'-]{{2,15}}(?:\s[\w'-]{{2,15}}){{0,5}}?)\s(?:for\sa\sliving|professionally)\b",
    "living professionally",
    too=DO_WORDS,
)
_WORK_IN = rule(
    rf"(?:(?:{I_DO}|{ELIDED}){ADVERBS}work|(?:{I_AM}|{ELIDED}){ADVERBS}working|{I_AM}{ADVERBS}|\bmy\sjob(?:\sis"
    rf"|'s)|\bi've\s(?:been|worked))(?:\s)?(?P<v>in\s(?=\w))",
    pieces(LEXICON.fields),
    too="in",
    behind=True,
)
_WORK_AT = rule(
    rf"(?:(?:{I_DO}|{ELIDED}){ADVERBS}work|(?:{I_AM}|{ELIDED}){ADVERBS}(?:working|employed)"
    rf"|\bi've\s(?:been\sworking|worked)|\bi\s(?:just\s)?(?:got\sa\s(?:new\s)?job|started))"
    r"(?:\s(?:nights|days|shifts|part\stime|part-time|full\stime|full-time|weekends|over))?\s(?=(?:at|for"
    r"|in\san?)\s)",
    "work working worked employed job started",
    too="at for in",
)
_STATE = rule(
    rf"{I_AM}{ADVERBS}(?P<v>{any_of(LEXICON.work_states)})(?![\w-])", pieces(LEXICON.work_states), too=AM_WORDS
)
_LEFT = veil(
    rf"(?:{I_DO}|\b(?:i|we)'ve\s|{ELIDED}){ADVERBS}(?:quit|left|lost|gave\sup|given\sup|packed\sin|resigned\sfrom"
    rf"|retired\sfrom|was\smade\sredundant|got\smade\sredundant"
    r"|was\slaid\soff|got\slaid\soff|got\sfired|was\sfired|got\sthe\ssack|handed\sin\smy\snotice|don't\swork"
    r"|no\slonger\swork|stopped\sworking|stopped\steaching|stopped\snursing|stopped\sdriving)\b"
    rf"|{I_AM}(?:not\s|no\slonger\s)(?:working\s)?",
    "quit left lost gave given packed resigned retired redundant laid fired sack notice work stopped not longer",
)
_OVER = part(r"[^.!?\n]{0,60}?\b(?:any\s?more|any\slonger|now|job|work|notice|redundant|laid|fired|sack)\b")
_STUDY = rule(
    rf"(?:(?:{I_DO}|\bi've\s){ADVERBS}(?:study|studied|major\sin|majored\sin|graduated\sin)|(?:{I_AM}"
    rf"|{ELIDED}){ADVERBS}(?:studying|majoring\sin|reading\sfor)"
    r"|\bmy\s(?:major|degree|masters|master's|bachelor's|phd|doctorate|course)(?:\sis|\swas|'s)(?:\sin|\son|\sabout)?"
    r"|\b(?:i\shave|i've\sgot|i\sdid|i\sgot|i've)\s(?=an?\s(?:phd|master's|masters|degree|bachelor's|ba|ma|bsc"
    r"|msc|mba|doctorate)\b)"
    rf"|{I_AM}{ADVERBS}(?:doing|taking|finishing|working\son|starting)\s(?=(?:an?\s|my\s)(?:phd|master's|masters"
    rf"|degree|bachelor's|bachelors|ba|ma|bsc|msc|mba|doctorate|diploma|a-levels|course|apprenticeship)\b))\s?",
    "study studied studying major majored majoring graduated reading degree masters master bachelor bachelors phd "
    "doctorate course doing taking finishing working starting ba ma bsc msc mba",
)
_AT_UNI = rule(
    rf"(?:\bat\s(?:uni|university|college|school)\s{I_DO}{ADVERBS}(?:do|study|take)\s|{I_DO}{ADVERBS}(?:do|study"
    rf"|take)\s(?=[\w\s]{{2,40}}?\sat\s(?:uni|university|college)\b))",
    "uni university college school",
    too="do study take",
)
_CLASSES = rule(
    rf"(?:(?:{I_AM}|{I_DO}|\bi've\s(?:just\s)?){ADVERBS}(?:taking|take|doing|do|started|attending|on)|\bi\sgo\sto"
    rf"|\bi'm\sin)\s(?:an?\s|my\s|some\s)?(?:evening\s|night\s|online\s|weekly\s|part-time\s)?(?:class(?:es)?"
    rf"|courses?|lessons|night\sschool)\s(?:in|on)\s",
    "class classes course courses lessons school",
)
_YEAR_OF = rule(
    r"\b(?:(?:first|second|third|fourth|final|last|1st|2nd|3rd|4th)[\s-]year|year\s(?:one|two|three|1|2"
    r"|3))\s(?:of|doing|studying|in)\s(?:my\s|an?\s)?(?!uni|college|school|university|marriage|my|a\b|the|being"
    r"|work|job|here|this)",
    "year",
)
_LEARNING = rule(
    rf"(?:(?:{I_AM}|\bi've\sbeen\s|{ELIDED}){ADVERBS}(?:learning|studying)|{I_DO}{ADVERBS}learn)\s",
    "learning studying learn",
)
_STUDENT = rule(
    rf"(?:{I_AM}|\bas\s){ADVERBS}an?\s(?P<v>(?:[\w'-]{{2,20}}\s){{0,3}}?student)\b", "student", too=("as", *AM_WORDS)
)
_NOT_STUDIED = LEXICON.not_things | {
    *(
        "for",
        "at",
        "hard",
        "too",
        "every",
        "all",
        "here",
        "there",
        "with",
        "in",
        "on",
        "harder",
        "tonight",
        "french class",
    ),
    *("from", "full", "part", "abroad", "again", "online", "late", "really", "so", "there", "currently", "together"),
}
JOB_BITS = bits_of(_WORK_AS, _I_AM_A, _STATE, _BY_TRADE, _DRIVE, _RUN, _FOR_A_LIVING)
PLACE_BITS = bits_of(_WORK_IN, _WORK_AT)
STUDY_BITS = bits_of(_STUDY, _LEARNING, _STUDENT, _AT_UNI, _CLASSES, _YEAR_OF)
LEFT_BITS = bits_of(_LEFT)
_ROLE_SUFFIXES = (
    "smith",
    "keeper",
    "wright",
    "monger",
    "ologist",
    "ographer",
    "ician",
    "therapist",
    "worker",
    "maker",
)


def jobs(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_WORK_AS, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 7))
        if kept and kept[0].low in ("a", "an", "the"):
            span = _until_stop(kept[1:], 5)
        else:
            span = job(turn.view, match.end(), clause.end)
        if span:
            yield stated(turn, clause, "job", begin(turn, match), span, EXPLICIT)
    for match in matches(_I_AM_A, turn, clause):
        aged = _YEARS_OLD.match(turn.low, match.end(), clause.end) if match["article"] else None
        span = job(turn.view, aged.end() if aged else match.end(), clause.end)
        if span:
            confidence = EXPLICIT if match["article"] else IMPLIED
            yield stated(turn, clause, "job", begin(turn, match), span, confidence)
            yield from _and_from(turn, clause, match.start(), span.end)
    for match in matches(_STATE, turn, clause):
        if phrases.ends_phrase(turn.view, match.end(), clause.end):
            yield stated(turn, clause, "job", begin(turn, match), Span(*match.span("v")), STATED)
    yield from _trades(turn, clause)


def _and_from(turn: Turn, clause: Clause, start: int, at: int) -> Iterator[Found]:
    """The place of "I'm a nurse from Leeds"."""
    lead = next(phrases.words(turn.view, at, clause.end, 1), None)
    span = phrases.place(turn.view, lead.end, clause.end) if lead and lead.low == "from" else None
    if span:
        yield stated(turn, clause, "origin", start, span, STATED)


def _trades(turn: Turn, clause: Clause) -> Iterator[Found]:
    """What one does for a living, said as doing it: "I teach maths", "I run a little bakery"."""
    for match in matches(_BY_TRADE, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 5))
        object_ = _until_stop(kept[1:], 3)
        if object_ and kept[1].low not in ("to", "myself", "how", "too"):
            yield stated(turn, clause, "job", begin(turn, match), Span(kept[0].start, object_.end), IMPLIED)
    for pattern in (_DRIVE, _RUN, _FOR_A_LIVING):
        for match in matches(pattern, turn, clause):
            yield stated(turn, clause, "job", begin(turn, match), Span(*match.span("v")), STATED)


def job(view: str, at: int, end: int) -> Span | None:
    """A noun phrase whose head is a profession ("senior software engineer"); None for "a terrible cook"."""
    kept: list[Word] = []
    for word in phrases.words(view, at, end, 5):
        if (word.low in LEXICON.stops and word.low not in ("at",)) or word.low in LEXICON.evaluative:
            return None
        kept.append(word)
        if is_profession(kept) and phrases.ends_phrase(view, word.end, end):
            return Span(kept[0].start, word.end)
    return None


def is_profession(kept: list[Word]) -> bool:
    tails = (" ".join(word.low for word in kept[-size:]) for size in (1, 2, 3, 4) if size <= len(kept))
    return kept[-1].low.endswith(_ROLE_SUFFIXES) or any(tail in LEXICON.jobs for tail in tails)


def workplaces(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_WORK_IN, turn, clause):
        kept = [word for word in phrases.words(turn.view, match.end(), clause.end, 4) if word.low != "the"]
        for size in (3, 2, 1):
            if len(kept) >= size and " ".join(word.low for word in kept[:size]) in LEXICON.fields:
                last = kept[size - 1].end
                if phrases.ends_phrase(turn.view, last, clause.end):
                    yield stated(turn, clause, "job", begin(turn, match), Span(match.start("v"), last), STATED)
                    break
    for match in matches(_WORK_AT, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 7))
        if kept and kept[0].low == "in" and not any(word.low in LEXICON.workplaces for word in kept[2:5]):
            continue
        if len(kept) < 2 or any(word.low in LEXICON.not_workplaces for word in kept[1:3]):
            continue
        plain = kept[1].low not in ("a", "an", "the", "my")
        if plain and not phrases.capital(turn.view, kept[1]):
            continue
        if "started" in said(turn, match) and not any(word.low in LEXICON.workplaces for word in kept[1:5]):
            continue
        span = _until_stop(kept[1:], 5)
        if span and span.end > kept[1].end - plain:
            yield stated(turn, clause, "job", begin(turn, match), Span(kept[0].start, span.end), STATED)


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


def studies(turn: Turn, clause: Clause) -> Iterator[Found]:
    for match in matches(_STUDY, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 6))
        if kept and kept[0].low in ("a", "an", "my"):
            span = _degree(kept[1:])
        else:
            span = None if not kept or kept[0].low in _NOT_STUDIED else _until_stop(kept, 4)
        if span and span.end > match.end():
            yield stated(turn, clause, "study", begin(turn, match), span, EXPLICIT)
    for pattern in (_AT_UNI, _CLASSES, _YEAR_OF):
        for match in matches(pattern, turn, clause):
            kept = list(phrases.words(turn.view, match.end(), clause.end, 5))
            span = None if not kept or kept[0].low in _NOT_STUDIED else _until_stop(kept, 4)
            if span:
                yield stated(turn, clause, "study", begin(turn, match), span, STATED)
    for match in matches(_LEARNING, turn, clause):
        kept = list(phrases.words(turn.view, match.end(), clause.end, 1))
        if kept and kept[0].low in LANGUAGES:
            span = Span(kept[0].start, kept[0].end)
            yield stated(turn, clause, "study", begin(turn, match), span, IMPLIED)
    for match in matches(_STUDENT, turn, clause):
        if phrases.ends_phrase(turn.view, match.end(), clause.end):
            yield stated(turn, clause, "study", begin(turn, match), Span(*match.span("v")), STATED)


def _degree(kept: list[Word]) -> Span | None:
    """ "PhD in physics": the words up to a function word other than the one "in"."""
    chosen = kept[:1]
    for word in kept[1:5]:
        if word.low in LEXICON.stops and not (word.low in ("in", "on", "of") and len(chosen) <= 2):
            break
        chosen.append(word)
    while chosen and chosen[-1].low in ("in", "on", "of"):
        chosen.pop()
    return Span(chosen[0].start, chosen[-1].end) if chosen else None


def left(turn: Turn, clause: Clause, known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """The job that is known and over: "I quit teaching", "I don't work at the bank any more"."""
    held = known.get("job")
    if held is None or not held.items:
        return
    value = held.items[-1].value
    for match in _LEFT.pattern.finditer(turn.low, clause.start, clause.end):
        rest = turn.low[match.end() : clause.end]
        over = _OVER.match(said(turn, match).lower() + rest) is not None
        if _names_it(rest, value) or (over and "not" not in match[0].split()):
            yield Found("remove", "job", value, sure(STATED, clause), begin(turn, match), clause.end)
            return


def _names_it(rest: str, value: str) -> bool:
    """Whether a word of the job, or what one does in it, is among the words ("teaching" of a teacher)."""
    stems = {word[:5] for word in value.lower().split() if len(word) > 3}
    return any(word[:5] in stems for word in rest.split())
