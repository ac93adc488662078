"""Signals: what phrases alone cannot say. Each is a list of spans of the learner's text; not found, it is absent."""

import re
from bisect import bisect_left, bisect_right
from typing import Final

import msgspec

from realtime.scoring.cues import opens_clause
from realtime.scoring.harm import Harm
from realtime.scoring.questions import Question, find_questions
from realtime.scoring.reading import Heard, Reading, Span
from realtime.scoring.stems import Stems, stem
from realtime.scoring.tables import Tables
from realtime.scoring.text import CAPITALS, DIGIT, SIGN, places_of

Found = dict[str, list[Span]]

_LAUGH: Final = re.compile("[\U0001f602\U0001f923\U0001f606\U0001f605\U0001f639]|(?<!\\S)[:;xX]-?D(?!\\S)")
_WARM: Final = re.compile(
    "[\u2764\u2665\U0001f60a\U0001f642\U0001f917\U0001f970\U0001f49b-\U0001f49c\U0001f64f]|(?<!\\S)[:;]-?\\)"
)
_MARKS: Final = re.compile(r"!{2,}|(?:\?!|!\?)[?!]*|\?{3,}")
_FACE: Final = re.compile(r"[:;xX]-?[D)]")
_DIGITS: Final = re.compile(r"\d")
_CAPITALS: Final = re.compile("[A-Z][A-Z][A-Z]")  # in every shouted word of ASCII
_SELF: Final = frozenset({"i", "my", "we", "our", "mine"})
_MATTER: Final = frozenset({"it", "there", "he", "she", "they"})  # speak of what was asked after
_NOT: Final = frozenset({"not", "never", "no"})
_BACK: Final = frozenset({"that", "it", "this", "there", "then"})
_LONG_SENTENCE: Final = 35  # words; plain-language guides advise 15 to 20 on average and 25 at most
_SHORT_WAY: Final = 16  # terms: most clauses are shorter
_HEAD: Final = 4  # terms shown of a statement or question: its beginning
_PEOPLES: Final = ("ish", "ese", "ican", "rian", "lian", "sian")


# "I'm sorry to hear that" begins with I and tells nothing of oneself.
_NOT_OWN_NEWS: Final = frozenset({"idle_self", "empathy", "apology", "hedge"})


class Statement(msgspec.Struct, frozen=True, gc=False):
    """Terms ``first`` up to ``last`` (exclusive); ``content``: its different content words, 2 for two or more."""

    first: int
    last: int
    content: int


def find_statements(reading: Reading, questions: list[Question], stems: Stems) -> list[Statement]:
    """Clauses that begin with I, we or my and tell something; not those inside a question."""
    parsed, out = reading.parsed, list[Statement]()
    terms, clauses = parsed.terms, parsed.clause_starts
    places = places_of(_SELF, terms)
    if not places:
        return out
    bounds = sorted(clauses)
    idle = not _NOT_OWN_NEWS.isdisjoint(reading.hits)
    contents = _Contents(terms, stems)
    for at in places:
        if (at not in clauses and not opens_clause(parsed, at)) or at in reading.echoed:
            continue
        number = parsed.sentence_of[at]
        if number in reading.skipped or (idle and _idle(reading, at)):
            continue
        if questions and any(q.first < at and parsed.sentence_of[q.first] == number for q in questions):
            continue
        end, following = parsed.sentences[number].last, bisect_right(bounds, at)
        last = min(end, bounds[following]) if following < len(bounds) else end
        content = contents.count(at + 1, last) if last - at > 2 else 0
        if content:
            out.append(Statement(at, last, content))
    return out


class _Contents:
    """How many content words stand where. A short way is walked; for long ones the places are found once: many
    statements in one sentence cost no more than it is long."""

    def __init__(self, terms: list[str], stems: Stems) -> None:
        self._terms = terms
        self._stems = stems
        self._places: list[int] | None = None
        self._other: list[int] = []  # for each, the next one that holds another word

    def count(self, first: int, last: int) -> int:
        """How many different ones, as far as two: more than that are not told apart."""
        if last - first > _SHORT_WAY:
            return self._looked_up(first, last)
        terms, stems, one = self._terms, self._stems, ""
        for at in range(first, last):
            term = terms[at]
            if stems[term] and term != one:
                if one:
                    return 2
                one = term
        return 1 if one else 0

    def _find(self) -> list[int]:
        terms = self._terms
        places = [at for at, term in enumerate(terms) if self._stems[term]]
        self._other = [0] * len(places)
        other = len(places)
        for index in range(len(places) - 1, -1, -1):
            if index + 1 < len(places) and terms[places[index]] != terms[places[index + 1]]:
                other = index + 1
            self._other[index] = other
        return places

    def _looked_up(self, first: int, last: int) -> int:
        if self._places is None:
            self._places = self._find()
        index = bisect_left(self._places, first)
        if index == len(self._places) or self._places[index] >= last:
            return 0
        other = self._other[index]
        return 2 if other < len(self._places) and self._places[other] < last else 1


def _idle(reading: Reading, at: int) -> bool:
    """Whether a phrase that tells nothing of oneself begins at this term."""
    hits = reading.hits
    return any(hit.first == at for cue in _NOT_OWN_NEWS if cue in hits for hit in hits[cue])


def find_signals(reading: Reading, harm: Harm, tables: Tables) -> tuple[Found, list[Question]]:
    """Every signal of this turn, by name; those not found are absent."""
    stems = tables.stems
    questions = find_questions(reading, tables)
    statements = find_statements(reading, questions, stems)
    found: Found = {}
    if questions:
        _asked(reading, questions, found)
    if statements:
        _told(reading, statements, found)
    if harm.insults or harm.boundaries or harm.dangers:
        _put(found, "insult", harm.insults)
        _put(found, "boundary", harm.boundaries)
        _put(found, "danger", harm.dangers)
    _names_self(reading, tables, found)
    if "holds_firm" in reading.hits:
        _holds_firm(reading, found)
    if statements:
        _plain(reading, statements, found)
    heard = reading.heard
    if heard is not None:
        _listening(reading, heard, questions, stems, found)
        if heard.asks:
            _answers(reading, heard, found, tables)
    _words(reading, tables, harm, found)
    _form(reading, tables, found)
    return found, questions


def _asked(reading: Reading, questions: list[Question], found: Found) -> None:
    starts, ends = reading.parsed.starts, reading.parsed.ends
    question: list[Span] = []
    interest: list[Span] = []
    asks: list[Span] = []
    for q in questions:
        first, last = q.first, q.last
        start = starts[first]
        head = (start, ends[(first + _HEAD if first + _HEAD < last else last - 1)])
        if not q.short:
            question.append(head)
        if q.to_you:
            interest.append(head)
        asks.append((start, ends[last - 1]))
    _put(found, "question", question)
    _put(found, "interest", interest)
    found["asks"] = asks


def _told(reading: Reading, statements: list[Statement], found: Found) -> None:
    starts, ends = reading.parsed.starts, reading.parsed.ends
    found["told"] = told = []
    found["shares"] = shares = []
    detail: list[Span] = []
    for s in statements:
        start, last = starts[s.first], s.last
        told.append((start, ends[last - 1]))
        shares.append((start, ends[min(s.first + _HEAD, last) - 1]))
        if s.content > 1:
            detail.append((start, ends[min(s.first + _HEAD + 2, last) - 1]))
    _put(found, "detail", detail)


def _put(found: Found, name: str, spans: list[Span]) -> None:
    """A signal that is not there is not there by name either."""
    if spans:
        found[name] = spans


def _plain(reading: Reading, statements: list[Statement], found: Found) -> None:
    """Plain: without a hedge in the same sentence."""
    of, hits = reading.parsed.sentence_of, reading.hits
    if "hedge" not in hits and "put_down" not in hits:
        found["statement"] = found["shares"]
        return
    unsure = {of[hit.first] for cue in ("hedge", "put_down") if cue in hits for hit in hits[cue]}
    _put(
        found,
        "statement",
        [span for s, span in zip(statements, found["shares"], strict=True) if of[s.first] not in unsure],
    )


def _listening(reading: Reading, heard: Heard, questions: list[Question], stems: Stems, found: Found) -> None:
    parsed, taken = reading.parsed, heard.stems
    terms = parsed.terms
    if taken and not taken.isdisjoint(map(stems.__getitem__, terms)):
        for at, term in enumerate(terms):
            if stems[term] in taken and at not in reading.echoed and parsed.sentence_of[at] not in reading.skipped:
                found["picks_up"] = found["follows_up"] = [reading.span(at, at + 1)]
                return
    for q in questions:
        if not q.short and not _BACK.isdisjoint(terms[q.first : q.last]):
            found["follows_up"] = [reading.span(q.first, min(q.first + _HEAD + 1, q.last))]
            return


_ANSWER_CUES: Final = (
    "limit",
    "polite_no",
    "decline",
    "alternative",
    "strength",
    "reason",
    "example",
    "owns",
    "apology",
    "repair",
)
_YES_OR_NO: Final = frozenset({"yes", "no", "not", "sure"})
_SELF_CUES: Final = ("elided_self", "wellbeing", "feeling_named")
_REFERS: Final = frozenset({"it", "that", "there", "them", "those", "they", "one"})  # take up what was asked after


def _answers(reading: Reading, heard: Heard, found: Found, tables: Tables) -> None:
    """Only where the persona asked: something said of the matter, a word of the question, a number where one was
    asked for; of oneself only to a question that is about the learner, or with yes or no in front."""
    hits = reading.hits
    yes_or_no = not _YES_OR_NO.isdisjoint(reading.parsed.terms[:1])
    personal = heard.about_you or yes_or_no or "agreement" in hits or "decline" in hits
    spans = found.get("shares", [])[:1] if personal else _referring(reading, heard, found)
    spans = spans or _tells(reading, tables)
    if not spans:
        cues = (*_ANSWER_CUES, *_SELF_CUES) if personal else _ANSWER_CUES
        spans = [reading.span_of(hits[cue][0]) for cue in cues if cue in hits][:1]
    if not spans and "picks_up" in found and "question" not in found:
        spans = found["picks_up"]
    if not spans and heard.counts:
        spans = _numbers(reading)
    _put(found, "answers", spans)


def _referring(reading: Reading, heard: Heard, found: Found) -> list[Span]:
    """The first statement of one's own that takes up the matter: a word of the question, or "it", "there"."""
    parsed, stems = reading.parsed, heard.stems
    for whole, head in zip(found.get("told", ()), found.get("shares", ()), strict=True):
        said = (t for t, a in zip(parsed.terms, parsed.starts, strict=True) if whole[0] <= a < whole[1])
        if any(term in _REFERS or stem(term) in stems for term in said):
            return [head]
    return []


def _numbers(reading: Reading) -> list[Span]:
    """The first number that is read."""
    parsed = reading.parsed
    for at, term in enumerate(parsed.terms):
        if term[0].isdigit() and parsed.sentence_of[at] not in reading.skipped:
            return [reading.span(at, at + 1)]
    return []


def _tells(reading: Reading, tables: Tables) -> list[Span]:
    """A clause that begins with "it is", "she was" and the like, and says something with a content word."""
    parsed, terms = reading.parsed, reading.parsed.terms
    if _MATTER.isdisjoint(terms):
        return []
    for at in sorted(parsed.clause_starts):
        if at + 2 < len(terms) and terms[at] in _MATTER and terms[at + 1] in tables.words.auxiliaries:
            number = parsed.sentence_of[at]
            rest = terms[at + 2 : parsed.sentences[number].last]
            read = number not in reading.skipped and at not in reading.echoed
            if read and any(tables.stems[term] for term in rest):
                return [reading.span(at, min(at + _HEAD, parsed.sentences[number].last))]
    return []


def _holds_firm(reading: Reading, found: Found) -> None:
    hits = reading.hits
    if "limit" in hits or "polite_no" in hits or "decline" in hits:
        found["holds_firm"] = [reading.span_of(hits["holds_firm"][0])]


def _names_self(reading: Reading, tables: Tables, found: Found) -> None:
    """ "I'm Tal": a capitalised word behind "I am" that is no known word and no people's name."""
    parsed = reading.parsed
    terms = parsed.terms
    if "am" not in terms:
        return
    for at in range(len(terms) - 2):
        if terms[at] == "i" and terms[at + 1] == "am" and parsed.sentence_of[at] == parsed.sentence_of[at + 2]:
            name, raw = terms[at + 2], parsed.text[parsed.starts[at + 2]]
            known = name in tables.words.stop or name in tables.warm or name in tables.harsh
            if raw.isupper() and len(name) > 1 and not known and not name.endswith(_PEOPLES):
                found["names_self"] = [reading.span(at, at + 3)]
                return


def _words(reading: Reading, tables: Tables, harm: Harm, found: Found) -> None:
    """VADER's lexicon as one input: the first clearly warm word, and a harsh one said of the other."""
    parsed = reading.parsed
    terms = parsed.terms
    for at in places_of(tables.marked, terms):
        term = terms[at]
        if term in tables.warm and "warm_word" not in found:
            near = terms[max(0, at - 3) : at]
            if parsed.sentence_of[at] not in reading.skipped and _NOT.isdisjoint(near):
                found["warm_word"] = [reading.span(at, at + 1)]
        elif term in tables.harsh and not harm.insults and "harsh_word" not in found and at > 1:
            near = terms[max(0, at - 3) : at]
            addressed = any(near[i : i + 2] == ["you", "are"] for i in range(len(near) - 1))
            if addressed and "not" not in near and not _framed(reading, at):
                found["harsh_word"] = [reading.span(at, at + 1)]


def _framed(reading: Reading, at: int) -> bool:
    """Whether the clause up to this term opened with understanding ("I see why you are angry")."""
    clauses = reading.parsed.clause_starts
    return any(
        hit.first <= at and clauses.isdisjoint(range(hit.first + 1, at + 1))
        for hit in reading.hits.get("empathic_frame", ())
    )


def _form(reading: Reading, tables: Tables, found: Found) -> None:
    parsed, text = reading.parsed, reading.parsed.text
    plain, may_hold = text.isascii(), parsed.may_hold
    if parsed.total_words > _LONG_SENTENCE:
        read = [s for n, s in enumerate(parsed.sentences) if n not in reading.skipped]
        _put(found, "long_sentence", [reading.span(s.first, s.last) for s in read if s.words > _LONG_SENTENCE])
    if 0 < parsed.total_words <= 2 and "question" not in found and "answers" not in found:
        found["flat"] = [reading.span(0, len(parsed.terms))]
    if may_hold & DIGIT and parsed.total_words > 1 and _DIGITS.search(text):  # a number alone makes no line concrete
        _put(found, "number", _numbers(reading))
    if may_hold & SIGN:
        _signs(text, plain, found)
    if may_hold & CAPITALS and (not plain or _CAPITALS.search(text)):
        loud = [(a, b) for a, b in _capitals(reading) if text[a:b] not in tables.words.acronyms]
        if len(loud) > 1:
            found["shouting"] = loud


def _signs(text: str, plain: bool, found: Found) -> None:
    """Strings of marks, and faces."""
    if "!!" in text or "?!" in text or "!?" in text or "???" in text:  # one is in every string of marks
        _sign("marks", _MARKS, text, found)
    if not plain or (("D" in text or ")" in text) and _FACE.search(text)):
        _sign("laugh_sign", _LAUGH, text, found)
        _sign("warm_sign", _WARM, text, found)


def _sign(name: str, pattern: re.Pattern[str], text: str, found: Found) -> None:
    sign = pattern.search(text)
    if sign:
        found[name] = [sign.span()]


def _capitals(reading: Reading) -> list[Span]:
    """Words of three letters or more, all capitals."""
    parsed, text = reading.parsed, reading.parsed.text
    out: list[Span] = []
    for a, b in zip(parsed.starts, parsed.ends, strict=True):
        if b - a > 2 and text[a:b].isupper() and text[a:b].isalpha() and (not out or out[-1][0] != a):
            out.append((a, b))
    return out
