"""What the learner likes and dislikes, and what they no longer do."""

import re
from collections.abc import Iterator

from realtime.domain import MemoryEntry
from realtime.memory import phrases
from realtime.memory.clauses import Clause
from realtime.memory.lexicon import LEXICON, topic_of
from realtime.memory.matching import (
    ADVERBS,
    AM_WORDS,
    DO_WORDS,
    ELIDED,
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
from realtime.memory.turn import Turn, bits_of, part, rule, veil

_DO_NOT = r"(?:don't|dont|don’t|do\snot|didn't|never)\s"
_MUCH = r"(?:\s(?:very\smuch|a\slot|so\smuch|really))?"
_FOND = (
    r"(?:(?:a\s)?(?:big\s|huge\s|massive\s|total\s|real\s|lifelong\s|secret\s)?(?:fan|lover)\sof"
    r"|(?:a\s)?(?:total\s|real\s)?sucker\sfor"
    r"|(?:big\s)?into|(?:crazy|mad|nuts|passionate)\sabout|obsessed\swith|keen\son|fond\sof|hooked\son"
    r"|addicted\sto|partial\sto|loving|in\slove\swith)"
)
_FOND_WORDS = "fan lover sucker into crazy mad nuts obsessed passionate keen fond hooked addicted partial loving"
_LIKE = rule(
    rf"(?:{I_DO}{ADVERBS}(?:love|like|enjoy|adore|prefer|dig){_MUCH}"
    rf"|(?:{I_AM}|\bi've\s(?:always\s|recently\s)?been\s|\bi\s(?:got|get)\s){ADVERBS}{_FOND}"
    r"|\bi\s(?:have|'ve)\s(?:got\s)?a\s(?:real\s|bit\sof\sa\s)?(?:soft\sspot|weakness|thing|passion)\sfor"
    r"|\bi\scan(?:not|'t|t)\sget\senough\sof|\bi\scould\slive\so(?:n|ff)|\bcouldn't\slive\swithout|\b(?:nothing"
    r"|you\scan't)\sbeats?|\bi\sswear\sby"
    r"|\bi've\s(?:come\sround\sto|grown\sto\s(?:love|like)|learn(?:ed|t)\sto\s(?:love|like)|started\sto\s(?:love"
    r"|like)|warmed\sto))\s",
    f"love like enjoy adore prefer dig {_FOND_WORDS} spot weakness thing passion enough live beat beats swear come "
    "grown learned learnt started warmed",
)
_LIKE_BARE = rule(
    rf"{ELIDED}(?:love|adore|(?:big|huge|massive)\s(?:fan|lover)\sof|obsessed\swith|(?:mad|crazy)\sabout)\s",
    "love adore fan lover obsessed mad crazy",
)
_NOUN = (
    r"(?:music|bands?|singers?|artists?|foods?|dish(?:es)?|meals?|drinks?|snacks?|desserts?|films?|movies?|shows?"
    r"|series|sports?|teams?|"
    r"places?|city|country|hobby|hobbies|books?|games?|pastimes?|thing|things|genre|cuisine|animals?|season"
    r"|colour|color|subject)"
)
_FAVOURITE = rule(
    rf"\bmy\s(?:absolute\s|all[\s-]time\s|current\s|biggest\s)?(?:favou?rite\s(?:kind\sof\s|type\sof\s"
    rf"|sort\sof\s)?{_NOUN}|favou?rite|(?:main\s|only\s|new\s|big\s|biggest\s)?(?:hobby|hobbies|pastime"
    rf"|guilty\spleasure|comfort\sfood|passion))"
    r"(?:\s(?:to\s\w{2,10}|ever|of\sall\stime|right\snow|at\sthe\smoment))?(?:\s(?:is|are|it's|its|has\sto\sbe"
    r"|must\sbe)|'s)\s(?:probably\s|definitely\s|still\s|always\s|just\s|also\s)?",
    "favourite favorite hobby hobbies pastime pleasure food passion",
)
_IS_MINE = rule(
    r"\s(?:is|are|was)\s(?:still\s|definitely\s|just\s|probably\s|really\s|always\s)?(?:my\s(?:absolute\s"
    r"|all[\s-]time\s|total\s|big\s|new\s|main\s)?(?:favou?rites?|thing|passion|jam|guilty\spleasure"
    r"|comfort\sfood|happy\splace|hobby|weakness|drug|therapy)"
    r"|the\sbest|where\si'm\shappiest|everything\sto\sme|my\slife)(?!\w)",
    "favourite favourites favorite favorites thing passion jam pleasure food place hobby weakness drug "
    "therapy best life happiest everything",
)
_NOT_MINE = rule(
    r"\s(?:(?:isn't|aren't|is\snot|are\snot|isnt|arent|just\sisn't|just\saren't)\s(?:really\s|just\s)?(?:for\sme"
    r"|my\s(?:thing|cup\sof\stea|jam|scene|kind\sof\sthing))"
    r"|(?:really\s|just\s)?(?:bores?|terrif(?:y|ies)|disgusts?|annoys?|irritates?|scares?)\sme|(?:makes?"
    r"|drives?)\sme\s(?:sick|ill|cringe|gag|mad|crazy|nauseous|angry|sleepy)"
    r"|gives?\sme\s(?:the\screeps|a\sheadache|headaches|the\sick|nightmares)|tastes?\s(?:of|like)\s(?:soap"
    r"|nothing|mud|dirt|feet|socks|soil|cardboard)"
    r"|(?:is|are)\s(?:really\s|so\s|just\s)?(?:not\smy|disgusting|unbearable|the\sworst|torture"
    r"|hell\sfor\sme))(?!\w)",
    "me my tastes taste disgusting unbearable worst torture",
    too="isn aren isnt arent not bore bores terrify terrifies disgust disgusts annoy annoys irritate irritates scare "
    "scares make makes drive drives give gives taste tastes disgusting unbearable worst torture hell",
)
_FIND = rule(
    rf"{I_DO}{ADVERBS}find\s(?P<v>[\w' -]{{2,40}}?)\s(?:really\s|so\s|absolutely\s|a\sbit\s|very\s|too\s|pretty\s"
    rf"|quite\s|completely\s|utterly\s)?"
    r"(?:(?P<bad>unbearable|boring|dull|awful|tedious|annoying|disgusting|overrated|terrible|horrible|unwatchable"
    r"|gross|stressful|exhausting|revolting|depressing|pointless|scary|cringe)"
    r"|relaxing|calming|fascinating|soothing|wonderful|therapeutic|amazing|beautiful|brilliant)(?!\w)",
    "find",
)
_ABLE = r"(?:can't|cannot|cant|can’t|couldn't)"
_HATE = (
    rf"(?:hate|dislike|detest|loathe|despise|{_ABLE}\s(?:really\s)?(?:stand|bear|take|abide|deal\swith|do"
    rf"|cope\swith|stomach)"
    rf"|{_DO_NOT}{ADVERBS}(?:(?:really\s|even\s|particularly\s)?(?:like|liked|enjoy|care\sfor|cared\sfor"
    rf"|get\son\swith)))"
)
_NOT_FOND = (
    r"(?:not\s(?:really\s|exactly\s|much\sof\s|that\s|so\s|too\s|very\s|at\sall\s|particularly\s"
    r"|even\s)?(?:a\s)?(?:big\s|huge\s|massive\s|great\s)?"
    r"(?:fan\sof|into|big\son|keen\son|fond\sof|mad\sabout|crazy\sabout)|no\sfan\sof|allergic\sto\sthe\sidea\sof)"
)
_DISLIKE = rule(
    rf"(?:(?:{I_DO}|{ELIDED}){ADVERBS}{_HATE}{_MUCH}(?:\sthe\s(?:smell|taste|sound|idea|sight)\sof)?|(?:{I_AM}"
    rf"|{ELIDED}){ADVERBS}{_NOT_FOND}|\bi've\snever\s(?:really\s)?(?:liked|enjoyed|been\s(?:into|a\sfan\sof"
    rf"|keen\son)))\s",
    "hate dislike detest loathe despise stand bear take abide deal do cope stomach like liked enjoy enjoyed "
    "care cared get into fan big keen fond mad crazy allergic",
    too="hate dislike detest loathe despise cannot cant t dont not never no allergic",
)
_TRIED = rule(
    r"\bi\s(?:once\s)?tried\s(?P<v>[\w' -]{2,40}?)\s(?:once\s|once\sor\stwice\s|a\sfew\stimes\s)?(?:and"
    r"|but)\s(?:i\s)?(?:really\s|just\s|absolutely\s)?(?:hated|couldn't\sstand|didn't\s(?:like|enjoy)|loathed)",
    "tried",
)
_NO_LONGER = rule(
    rf"(?:{I_DO}{ADVERBS}(?:no\slonger\s{ADVERBS}(?:like|love|enjoy)|stopped\s(?:liking|loving|enjoying)"
    rf"|(?:have\sgone|went)\s(?:right\s|completely\s|totally\s|really\s|a\sbit\s)?off|fell\sout\sof\slove\swith)"
    r"|\b(?:i've|i)\s(?:just\s|really\s)?(?:gone|went)\s(?:right\s|completely\s|totally\s|really\s|a\sbit\s)?off"
    r"|\bi've\sfallen\sout\sof\slove\swith"
    rf"|{I_AM}(?:completely\s|totally\s)?(?:over|done\swith|bored\sof|sick\sof"
    rf"|tired\sof)(?=\s[\w\s]{{2,40}}\b(?:now|any\s?more|these\sdays)\b))\s",
    "longer stopped gone went fell fallen over done bored sick tired",
)
_END_OF_HATE = rule(
    rf"(?:{I_DO}{ADVERBS}(?:no\slonger\s{ADVERBS}(?:hate|dislike|mind)|{_DO_NOT}{ADVERBS}(?:hate|dislike"
    rf"|mind)(?=[\w\s'-]{{1,60}}\bany\s?more\b)))\s",
    "hate dislike mind",
)
_GAVE_UP = veil(
    rf"(?:{I_DO}|\bi've\s|{ELIDED}){ADVERBS}(?:gave\sup|given\sup|quit|stopped|packed\sin|no\slonger\s(?:do|play"
    rf"|go)|don't\s(?:do|play|go)(?=[\w\s'-]{{1,50}}\bany\s?more\b))\s",
    "gave given quit stopped packed longer do play go",
)
_ANY_MORE = part(r"\s(?:at\sall\s)?(?:any\s?more|any\slonger|now|these\sdays)\b")
_USED_TO = part(
    r"\bused\sto\s(?:really\s|absolutely\s)?(?:hate|love|like|enjoy|dislike|adore|play|can't\sstand|do"
    r"|be\s(?:\w{1,10}\s)?into)\s"
)
_PLAY = rule(
    rf"(?:{I_DO}|\bi've\s|{I_AM}){ADVERBS}(?:play|do(?:\s(?:a\slot\sof|a\sbit\sof|lots\sof|some|loads\sof))?"
    rf"|taken\sup|took\sup|got(?:ten)?\sinto|started"
    r"|(?:watch|listen\sto|read)\s(?:a\slot\sof|lots\sof|loads\sof|so\smuch|too\smuch|mostly|only|mainly)"
    r"|listen\sto|go(?=\s\w{2,14}ing\b)"
    r"|(?:learning|teaching\smyself)(?:\sto\splay)?|spend\s(?:\w{1,12}\s){1,5}?(?=\w{3,14}ing\b)"
    r"|(?=(?:collect|practise|practice|grow|sing\sin|volunteer|dance)\s\w))\b\s?",
    "play do taken took got gotten started watch listen read go learning teaching spend collect practise practice "
    "grow sing volunteer dance",
    too=("ve", *DO_WORDS, *AM_WORDS),
)
_SPARE_TIME = rule(
    r"\b(?:in\smy\s(?:free|spare)\stime|at\s(?:the\s)?weekends?|on\s(?:my\s)?(?:weekends|sundays|saturdays"
    r"|evenings)|for\sfun|to\srelax|to\sunwind)\s(?:i\s)(?:mostly\s|usually\s|mainly\s|just\s|like\sto\s"
    r"|love\sto\s|go\s)?(?=(?P<v>[a-z]{3,14})\b)",
    "free spare weekends weekend sundays saturdays evenings fun relax unwind",
)
BITS = bits_of(
    *(_LIKE, _LIKE_BARE, _FAVOURITE, _IS_MINE, _NOT_MINE, _FIND, _DISLIKE, _TRIED, _NO_LONGER, _END_OF_HATE),
    *(_PLAY, _SPARE_TIME),
)  # without one of them there is no taste
OVER_BITS = bits_of(_GAVE_UP)  # without it nothing known is given up
_TOPIC_OF_NOUN = {
    **dict.fromkeys(("music", "band", "singer", "artist", "genre"), "music"),
    **dict.fromkeys(("food", "dish", "drink", "meal", "snack", "dessert", "cuisine"), "food"),
    **dict.fromkeys(("film", "movie", "show", "series"), "film"),
    **dict.fromkeys(("place", "city", "country"), "travel"),
    **dict.fromkeys(("hobby", "hobbies", "book", "pastime"), "hobby"),
    "sport": "sport",
    "team": "sport",
}
_IT = frozenset(("it", "them", "that", "those"))
_SENSE = re.compile(r"the (?:smell|taste|sound|sight|idea|thought)", re.IGNORECASE)
_LEADS = re.compile(
    r"\W*(?:(?:yeah|yes|no|oh|well|and|but|so|honestly|tbh|just|ok|haha|um|uh|actually|also|for\sme|to\sme"
    r"|personally|sorry|her|his|their)\b\W*)*",
    re.IGNORECASE,
)


def found(turn: Turn, clause: Clause, known: dict[str, MemoryEntry], persona_line: str | None) -> Iterator[Found]:
    """Every taste of the clause. A taste that turns leaves the old list as it enters the new one."""
    meant = _Meant(turn, known, persona_line)
    for pattern in (_LIKE, _LIKE_BARE):
        for match in matches(pattern, turn, clause):
            for value, topic, end in meant.things(match.end(), clause.end):
                if value.lower() not in LEXICON.unlovable:
                    yield from _turned(turn, clause, begin(turn, match), end, value, topic, known, likes=True)
    for match in matches(_FAVOURITE, turn, clause):
        noun = next((word for word in _TOPIC_OF_NOUN if word in said(turn, match).lower()), None)
        for value, topic, end in meant.things(match.end(), clause.end):
            named = _TOPIC_OF_NOUN[noun] if noun and topic == "other" else topic
            yield from _turned(turn, clause, match.start(), end, value, named, known, likes=True)
    for pattern, likes in ((_IS_MINE, True), (_NOT_MINE, False)):
        for match in matches(pattern, turn, clause):
            for value, topic, _ in _subject(turn, clause, match.start()):
                noun = next((word for word in _TOPIC_OF_NOUN if likes and word in said(turn, match).lower()), None)
                named = _TOPIC_OF_NOUN[noun] if noun and topic == "other" else topic
                if topic != "other" or (likes and "my" in match[0]) or (not likes and "my" in match[0].split()):
                    start = _LEADS.match(turn.view, clause.start, match.start())
                    first = start.end() if start else clause.start
                    yield from _turned(turn, clause, first, match.end(), value, named, known, likes=likes)
    yield from _done(turn, clause, known)
    yield from _dislikes(turn, clause, known, meant)


def _subject(turn: Turn, clause: Clause, end: int) -> list[tuple[str, str, int]]:
    """The things that the clause begins with, when there is nothing between them and ``end``."""
    lead = _LEADS.match(turn.view, clause.start, end)
    spans = phrases.things(turn.view, lead.end() if lead else clause.start, end)
    return [(*read(turn, span), span.end) for span in spans] if spans and spans[-1].end == end else []


def _done(turn: Turn, clause: Clause, known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """What one does of one's own will: "I play tennis", "I do a lot of pottery"."""
    for match in matches(_PLAY, turn, clause):
        for span in phrases.things(turn.view, match.end(), clause.end):
            value, topic = read(turn, span)
            doing = topic in ("sport", "hobby") or (topic in ("music", "film") and _consumes(match[0]))
            if doing and not ("learning" in match[0] and topic != "hobby"):
                confidence = sure(IMPLIED, clause)
                yield Found("set", f"likes.{topic}", value, confidence, begin(turn, match), span.end)
    for match in matches(_SPARE_TIME, turn, clause):
        value = LEXICON.infinitives.get(match["v"], "")
        if value:
            topic = topic_of([value])
            yield Found("set", f"likes.{topic}", value, sure(IMPLIED, clause), begin(turn, match), match.end("v"))


def given_up(turn: Turn, clause: Clause, known: dict[str, MemoryEntry]) -> Iterator[Found]:
    """What is known to be liked, and is done no more."""
    for match in matches(_GAVE_UP, turn, clause):
        for span in phrases.things(turn.view, match.end(), clause.end):
            value, _ = read(turn, span)
            old = _where(known, "likes", value)
            if old:
                yield Found("remove", old, value, sure(STATED, clause), begin(turn, match), span.end)


def _consumes(match: str) -> bool:
    return any(verb in match for verb in ("watch", "listen", "read", "collect", "sing"))


def _dislikes(turn: Turn, clause: Clause, known: dict[str, MemoryEntry], meant: "_Meant") -> Iterator[Found]:
    for pattern in (_DISLIKE, _NO_LONGER):
        for match in matches(pattern, turn, clause):
            things = [each for each in meant.things(match.end(), clause.end) if not _SENSE.fullmatch(each[0])]
            ending = _ANY_MORE.match(turn.low, things[-1][2], clause.end) if things else None
            over = ending is not None or pattern is _NO_LONGER
            for value, topic, end in things:
                last = ending.end() if ending else end
                yield from _turned(
                    turn, clause, begin(turn, match), last, value, topic, known, likes=False, over=over
                )
    for pattern in (_FIND, _TRIED):
        for match in matches(pattern, turn, clause):
            likes = pattern is _FIND and not match["bad"]
            spans = phrases.things(turn.view, match.start("v"), match.end("v"))
            for span in spans if spans and spans[-1].end == match.end("v") else []:
                value, topic = read(turn, span)
                yield from _turned(turn, clause, begin(turn, match), match.end(), value, topic, known, likes=likes)
    for match in matches(_END_OF_HATE, turn, clause):
        for span in phrases.things(turn.view, match.end(), clause.end):
            value, topic = read(turn, span)
            key = _where(known, "dislikes", value) or f"dislikes.{topic}"
            yield Found("remove", key, value, sure(STATED, clause), begin(turn, match), span.end)


class _Meant:
    """Reads what a verb of liking is about, and what its "it" means: the one taste the talk has just named."""

    def __init__(self, turn: Turn, known: dict[str, MemoryEntry], persona_line: str | None) -> None:
        self._turn = turn
        self._known = known
        self._line = persona_line

    def things(self, at: int, end: int) -> list[tuple[str, str, int]]:
        """Value, topic and end of each."""
        spans = phrases.things(self._turn.view, at, end)
        if spans:
            return [(*read(self._turn, span), span.end) for span in spans]
        word = next(phrases.words(self._turn.view, at, end, 1), None)
        if word is None or word.low not in _IT or not phrases.ends_phrase(self._turn.view, word.end, end):
            return []
        value = self._antecedent(word.start)
        return [(value, topic_of(value.lower().split()), word.end)] if value else []

    def _antecedent(self, at: int) -> str | None:
        before = list(_USED_TO.finditer(self._turn.low, 0, at))[-1:]
        if before:
            spans = phrases.things(self._turn.view, before[0].end(), at)
            return read(self._turn, spans[0])[0] if len(spans) == 1 else None
        said = f"{self._line or ''}\n{self._turn.view[:at]}".lower()
        tastes = [key for key in self._known if key.startswith(("likes.", "dislikes."))]
        named = {item.value for key in tastes for item in self._known[key].items if item.value.lower() in said}
        return named.pop() if len(named) == 1 else None


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
        topic = old.partition(".")[2] if old and topic == "other" else topic
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
    for lead in (*LEXICON.lead_ins, "all kinds of", "a lot of", "lots of", "some", "all", "a good", "a"):
        if low.startswith(f"{lead} "):
            rest = low[len(lead) + 1 :]
            if lead not in LEXICON.lead_ins or topic_of(rest.split()) != "other":
                value = value[len(lead) + 1 :]
            break
    return value, topic_of(value.lower().split())
