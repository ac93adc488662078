"""Bare answers to the persona's own question: "What's your name?" - "Tal." Less sure than a statement."""

import re
from functools import lru_cache

from realtime.memory import about, phrases, tastes, work
from realtime.memory.clauses import Clause
from realtime.memory.dates import NUMBER, number_of
from realtime.memory.lexicon import LANGUAGES, LEXICON, topic_of
from realtime.memory.matching import ANSWERED, I_AM, Found, any_of, sure
from realtime.memory.phrases import Span
from realtime.memory.turn import WORD, Turn, low_of

_LOOKED_AT = 600  # code points at the end of the persona's line: questions come last
MAX_ANSWER_WORDS = 6  # beyond that it is talk, and the statements' rules read it


def _any_case(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE | re.VERBOSE)


def _any(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WHAT = r"\bwhat(?:'s|\sis|s|\swas)\s"
_KIND = r"(?:kinds?\sof\s|sorts?\sof\s|types?\sof\s)?"
_LIKED = r"(?:\s\w+){0,3}?\s(?:do\syou|are\syou|you|gets\syou|makes\syou)\b"
_KIN = frozenset(kind for kind in LEXICON.had_relations if not kind.endswith("s"))
# Key, words of which every match holds one, and the question. "?" in front: what was asked for is read from the line.
QUESTIONS: tuple[tuple[str, frozenset[str], re.Pattern[str]], ...] = (
    (
        "name",
        _any("name who call"),
        _any_case(
            rf"{_WHAT}your\s(?:first\s)?name\b|\bwho\sare\syou\b|\bwhat\s(?:do|should|can|may|shall|must)\s(?:i|we"
            rf"|people|they|friends)\scall\syou\b|\byour\sname\s(?:is|was)\b|\bwho\sam\si\s(?:talking"
            rf"|speaking)\sto\b|\b(?:got|have|catch|get|know)\syour\sname\b|\bwho's\s(?:this|there|that)\b"
        ),
    ),
    (
        "age",
        _any("old age"),
        _any_case(r"\bhow\sold\sare\syou\b|\bwhat(?:'s|\sis)\syour\sage\b|\bhow\sold\b(?=\W*$)"),
    ),
    (
        "study",
        _any("study studying major course degree subject reading"),
        _any_case(
            rf"\bwhat\s(?:do\syou\sstudy|are\syou\s(?:studying|reading)|did\syou\sstudy)\b|{_WHAT}your\s(?:major"
            rf"|degree|course|subject)\b|\bwhich\s(?:course|subject|degree)\b"
        ),
    ),
    (
        "job",
        _any("do job work living line"),
        _any_case(
            rf"\bwhat\sdo\syou\sdo\b(?!\s(?:for\sfun|in\syour|on\s|when|after|at\sthe|to\s|outside|with))"
            rf"|{_WHAT}your\s(?:job|line\sof\swork|profession)\b|\bwhat\s(?:kind\sof\s|sort\sof\s)?work\s(?:do"
            rf"|are)\syou\b|\bwhere\sdo\syou\swork\b|\bwhat\s(?:are\syou|do\syou\sdo)\sfor\sa\sliving\b"
            rf"|\bline\sof\swork\b"
        ),
    ),
    (
        "home",
        _any("live living based home place flat house"),
        _any_case(
            r"\b(?:where|which\s(?:city|town|part))(?:\s\w+){0,3}?\s(?:do\syou|are\syou|you)\s(?:\w+\s)?(?:live"
            r"|living|based)\b|\bwhere(?:'s|\sis)\s(?:home|your\s(?:place|flat|house))\b"
        ),
    ),
    (
        "origin",
        _any("from grow born accent originally"),
        _any_case(
            r"\bwhere(?:\sare\syou|'re\syou|\sdo\syou\scome|'s\sthat\saccent|\sis\sthat\saccent|'s\sit|\sis\sit"
            r"|'s\syour\saccent|\sis\syour\sfamily|'s\syour\sfamily)\s(?:\w+\s)?from\b"
            r"|\bwhere\s(?:did\syou\sgrow\sup|were\syou\sborn)\b|\bwhere\syou(?:'re|\sare)\sfrom\b"
        ),
    ),
    (
        "languages",
        _any("language languages"),
        _any_case(
            r"\b(?:what|which|how\smany)(?:\s\w+)?\slanguages?\b|\blanguages?\sdo\syou\b|\b(?:any"
            r"|other)\slanguages?\b"
        ),
    ),
    (
        "likes.music",
        _any("music band singer song listen listening"),
        _any_case(
            rf"\bwhat\s{_KIND}music{_LIKED}|\bfavou?rite\s(?:music|band|singer|song)\b|\b(?:what|who)\s(?:are\syou"
            rf"|do\syou|have\syou\sbeen)\s(?:\w+\s)?listen"
        ),
    ),
    (
        "likes.food",
        _any("food dish meal eat cuisine eating"),
        _any_case(
            rf"\bwhat\s{_KIND}(?:food|dish|cuisine){_LIKED}|\bfavou?rite\s(?:food|dish|meal|thing\sto\seat)\b"
            rf"|\bwhat\sdo\syou\s(?:like|love)\s(?:to\seat|eating)\b"
        ),
    ),
    (
        "likes.film",
        _any("film films movie movies series show shows watch watching"),
        _any_case(
            rf"\bwhat\s{_KIND}(?:films?|movies?|series|shows?){_LIKED}|\bfavou?rite\s(?:film|movie|series|show)\b"
            rf"|\bwhat\sdo\syou\s(?:like|love)\s(?:to\swatch|watching)\b"
        ),
    ),
    (
        "likes.sport",
        _any("sport sports exercise"),
        _any_case(
            rf"\bwhat\s{_KIND}(?:sports?|exercise){_LIKED}|\bfavou?rite\ssport\b|\bdo\syou\s(?:do"
            rf"|play)\sany\ssports?\b"
        ),
    ),
    (
        "likes.hobby",
        _any("fun time hobby hobbies weekends weekend evenings relax unwind work days re"),
        _any_case(
            r"\bwhat\s(?:do\syou\s(?:like\sto\s|usually\s)?do|are\syou\sinto)\s(?:for\sfun|in\syour\s(?:free"
            r"|spare)\stime|at\s(?:the\s)?weekends?|on\s(?:the\s|your\s)?(?:weekends?|days\soff)"
            r"|in\sthe\sevenings|to\s(?:relax|unwind)|outside\s(?:of\s)?work|when\syou're\snot)\b|\b(?:your|any"
            r"|got\sany)\s(?:hobby|hobbies)\b"
        ),
    ),
    (
        "dislikes",
        _any("stand hate dislike bear avoid"),
        _any_case(
            r"\b(?:what|anything|any\s\w+|something|which\s\w+|is\sthere\s\w+(?:\s\w+)?)(?:\s(?:that|do|can|food"
            r"|music))?\s(?:you\s(?:can't\sstand|cannot\sstand|hate|really\shate|dislike|don't\slike|can't\sbear"
            r"|avoid)|(?:do\s)?you\s(?:really\s)?(?:hate|dislike))\b"
        ),
    ),
    (
        "?like",
        _any("like love enjoy into fan keen"),
        _any_case(
            r"\b(?:do\syou\s(?:like|love|enjoy)|are\syou\s(?:into|a\sfan\sof|keen\son))\s(?P<v>[\w' -]{3,40})(?=\?|,)"
        ),
    ),
    (
        "?pets",
        _any("pet pets animals animal dog cat dogs cats"),
        _any_case(
            r"\b(?:have\syou\sgot|do\syou\shave|got|any|have\syou)\s(?:any\s|an?\s)?(?:pets?|animals?|dogs?|cats?)\b"
        ),
    ),
    (
        "?people",
        _any("siblings brothers sisters brother sister kids children flatmates family live"),
        _any_case(
            r"\b(?:any|have|got)\s(?:any\s|a\s)?(?:siblings|brothers|sisters|brother|sister|kids|children"
            r"|flatmates|family)\b|\bwho\sdo\syou\slive\swith\b"
        ),
    ),
    *(
        (
            f"pets.{LEXICON.pets[word]}",
            _any(word),
            _any_case(
                rf"{_WHAT}your\s(?:\w+\s)?{re.escape(word)}(?:'s\s(?:name|called)|\scalled)\b|\bwhat(?:'s|\sis"
                rf"|\sdo\syou\scall|\sdid\syou\scall)\s(?:his|her|its|the|your)\s(?:name"
                rf"|{re.escape(word)})\b.{{0,20}}\b{re.escape(word)}\b|\bname\sof\syour\s{re.escape(word)}\b"
            ),
        )
        for word in sorted(kind for kind in LEXICON.pets if kind.isalpha() and not kind.endswith("s"))
    ),
    *(
        (
            f"people.{LEXICON.relations[word]}",
            _any(word),
            _any_case(rf"{_WHAT}your\s(?:\w+\s)?{word}(?:'s\s(?:name|called)|\scalled)\b|\bname\sof\syour\s{word}\b"),
        )
        for word in sorted(
            _KIN | {"mum", "mother", "dad", "father", "boss", "friend", "flatmate", "teacher", "coach"}
        )
        if word in LEXICON.relations and word.isascii() and word.isalpha()
    ),
)
_LEAD = re.compile(
    r"(?:\W{0,3}\b(?:oh|well|hm+|um+|uh|so|it's|its|it\sis|that's|just|mostly|mainly|probably|i'd\ssay|definitely"
    r"|my\sname|in|from|his\sname\sis"
    r"|her\sname\sis|he's|she's|he's\scalled|she's\scalled|hi|hey|hello|near|around|yes|yeah|sure|originally"
    r"|currently|at\sthe\smoment|only"
    r"|honestly|easy|always|anything\swith|maybe|guess|i\sguess|they're|we're|i'm|im|for\sme|these\sdays"
    r"|right\snow|now)\b\s{0,2},?){0,4}\s{0,3}",
    re.IGNORECASE,
)
_I_AM = _any_case(I_AM)
_STATE_OF_MIND = re.compile(r"ing$|\w{4}ed$", re.IGNORECASE)  # "I'm exhausted" answers nothing
_ARTICLE = _any_case(r"an?\s")
_TAIL = re.compile(r"\W*$")
_NAME_TAIL = _any_case(
    r"\s(?:is\s(?:fine|ok|okay|good|great|my\sname|enough)|will\sdo|works|please|but\s.{1,40}|actually|here"
    r"|,.{1,60})\W*$"
)
_ASKING = re.compile(r"[^.!?\n]{1,300}\?")
_YEARS = re.compile(rf"({NUMBER})(?:\s(?:years?\sold|yo))?", re.IGNORECASE)
_YES = re.compile(
    r"\W{0,3}(?:(?:oh|well|haha|um|uh|hmm|of course)\W{1,3})?(?:yes|yeah|yep|yup|sure|very much|a lot|absolutely"
    r"|definitely|"
    r"love (?:them|it)|i (?:do|am)|of course|adore (?:them|it)|totally)\b(?!\W{1,3}(?:but|no|well|and no|right))"
)
_NO = re.compile(
    r"\W{0,3}(?:(?:oh|well|haha|um|uh|hmm|god|ugh)\W{1,3})?(?:no|nope|nah"
    r"|god no)\W{1,3}(?:i\s)?(?:(?:really\s)?(?:hate|can't stand|don't like|"
    r"dislike|detest)\s(?:them|it)|never liked (?:them|it))\b"
)
_PET = re.compile(
    rf"(?:(?:an?|the|one|two|three|four|five|my|our|some|several|just"
    rf"|only)\s)?(?:\w{{2,12}}\s)?(?P<kind>{any_of(LEXICON.pets)})(?!\w)"
    r"(?P<called>,?\s(?:called|named)\s|,\s|\s)?",
)
_KINSFOLK = re.compile(
    rf"(?P<what>(?:an?|one|two|three|four|five|six|my|our|some"
    rf"|several)\s(?:\w{{2,12}}\s)?(?P<kind>{any_of(LEXICON.relations)}))(?!\w)(?P<called>,?\s(?:called|named)\s"
    rf"|,\s|\s)?"
)
_IN_PLACE = re.compile(r"\b(?:in|outside|near|of)\s(?=[^\W\d_])", re.IGNORECASE)


def asked(persona_line: str | None) -> str | None:
    """The one key that the persona's line asks for; None when it asks for none, or for several."""
    if not persona_line or "?" not in persona_line:
        return None
    return _key(persona_line[-_LOOKED_AT:])


@lru_cache(maxsize=512)  # a script's lines come again and again
def _key(said: str) -> str | None:
    asking = " ".join(_ASKING.findall(said.replace("’", "'")))
    words = frozenset(WORD.findall(low_of(asking)))
    keys: dict[str, re.Match[str]] = {}
    for key, needs, pattern in QUESTIONS:
        if not needs.isdisjoint(words) and (match := pattern.search(asking)):
            keys.setdefault(key, match)
    if len(keys) != 1:
        return None
    ((key, match),) = keys.items()
    return f"?like {match['v']}" if key == "?like" else key


def forget_lines() -> None:
    """Drop the persona's lines that are remembered: they may say back what a learner told."""
    _key.cache_clear()


def found(turn: Turn, clause: Clause, key: str) -> list[Found]:
    """The clause read as an answer to that key: whole, short and plausible, else nothing."""
    if key.startswith("?"):
        return _of_its_kind(turn, clause, key)
    lead = _LEAD.match(turn.view, clause.start, clause.end)
    start = lead.end() if lead else clause.start
    tail = _TAIL.search(turn.view, start, clause.end)
    end = tail.start() if tail else clause.end
    if key == "name" and (polite := _NAME_TAIL.search(turn.view, start, len(turn.view))):
        end = min(end, polite.start())
    kept = list(phrases.words(turn.view, start, end, MAX_ANSWER_WORDS + 1))
    loose = key.startswith(("likes.", "dislikes")) or key in ("languages", "home", "origin", "study", "job")
    if not kept or len(kept) > MAX_ANSWER_WORDS or (kept[-1].end != end and not loose):
        return []
    if turn.view[start:end].lower() in LEXICON.evasions or kept[0].low in LEXICON.evasions:
        return []
    confidence = sure(ANSWERED, clause)
    return [
        Found("set", found_key, value, confidence, span.start, span.end)
        for found_key, value, span in _values(turn, key, start, end)
    ]


def _of_its_kind(turn: Turn, clause: Clause, key: str) -> list[Found]:
    """Answers whose key stands in the answer ("a greyhound called Blue") or in the question ("Do you like dogs?")."""
    low, confidence = turn.low, sure(ANSWERED, clause)
    if key.startswith("?like"):
        thing = key[6:].strip()
        said = _YES.match(low, clause.start, clause.end) or _NO.match(low, clause.start, clause.end)
        spans = phrases.things(thing, 0, len(thing))
        if said is None or len(spans) != 1 or spans[0].end != len(thing):
            return []
        side = "likes" if _YES.match(low, clause.start, clause.end) else "dislikes"
        start = clause.start + len(said[0]) - len(said[0].lstrip(" ,.!-"))
        return [Found("set", f"{side}.{topic_of(thing.lower().split())}", thing, confidence, start, said.end())]
    told: list[Found] = []
    pattern, family = (_PET, LEXICON.pets) if key == "?pets" else (_KINSFOLK, LEXICON.relations)
    for match in pattern.finditer(low, clause.start, clause.end):
        if re.search(r"\b(?:no|not|never|had|don't|used|allergic|want|wish)\b", low[clause.start : match.start()]):
            continue
        path = f"{'pets' if key == '?pets' else 'people'}.{family[match['kind']]}"
        called = match["called"] or ""
        names = phrases.names(turn.view, match.end(), clause.end, lower="called" in called or "named" in called)
        told.extend(
            Found("set", path, turn.text[span.start : span.end], confidence, match.start(), span.end)
            for span in names
        )
        if not names and phrases.ends_phrase(turn.view, match.end("kind"), clause.end):
            value = turn.text[match.start() : match.end("kind")]
            lead = re.match(r"(?:just|only|my|our)\s", value, re.IGNORECASE)
            first = match.start() + (lead.end() if lead else 0)
            told.append(Found("set", path, value[first - match.start() :], confidence, first, match.end("kind")))
    return told


def _values(turn: Turn, key: str, start: int, end: int) -> list[tuple[str, str, Span]]:
    if key == "languages":
        return [(key, LANGUAGES[turn.view[s:e].lower()], Span(s, e)) for s, e in about.spoken(turn.view, start, end)]
    if key.startswith(("likes.", "dislikes")):
        side, _, default = key.partition(".")
        read = [(tastes.read(turn, span), span) for span in phrases.things(turn.view, start, end)]
        return [
            (f"{side}.{default or topic if topic == 'other' else topic}", value, span)
            for (value, topic), span in read
            if topic != "other" or turn.view[span.start].isupper() or (default == "hobby" and value.endswith("ing"))
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
        return _somewhere(turn, start, end)
    if key == "job":
        article = _ARTICLE.match(turn.view, start, end)
        span = work.job(turn.view, article.end() if article else start, end)
        return span if span and phrases.ends_phrase(turn.view, span.end, end) else None
    if key == "study":
        items = phrases.things(turn.view, start, end)
        span = items[0] if len(items) == 1 else None
        return span if span and turn.view[span.end : span.end + 1] in ("", ",", ".", "!") else None
    i_am = _I_AM.match(turn.view, start, end) if key == "name" else None
    span = phrases.name(turn.view, i_am.end() if i_am else start, end, lower=True)
    if span and i_am and _STATE_OF_MIND.search(turn.view, span.start, span.end):
        return None
    return span if span and span.end == end else None


def _somewhere(turn: Turn, start: int, end: int) -> Span | None:
    """A place by name, or one told by a place near it ("a village outside Tirana")."""
    span = phrases.place(turn.view, start, end)
    if span and phrases.ends_phrase(turn.view, span.end, end, LEXICON.place_stops):
        rest = next(phrases.words(turn.view, span.end, end, 1), None)
        if span.end == end or (rest is None and turn.view[span.start].isupper()):
            return span
    for near in _IN_PLACE.finditer(turn.view, start, end):
        inner = phrases.place(turn.view, near.end(), end)
        if inner and turn.view[inner.start].isupper():
            first = (
                start
                if turn.view[start : near.start()].count(",") == 0 and near.group()[:2].lower() != "in"
                else inner.start
            )
            return Span(first, inner.end)
    return None
