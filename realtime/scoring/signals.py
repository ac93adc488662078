"""Signals: what phrases alone cannot say. Each is a list of spans of the learner's text; not found, it is absent."""

import re
from typing import Final

from realtime.scoring.answers import HEAD, LONG_SENTENCE, Found, blurred, find_answer, listening, numbers, put
from realtime.scoring.harm import Harm
from realtime.scoring.questions import Question, find_questions
from realtime.scoring.reading import Reading, Span
from realtime.scoring.statements import Statement, find_statements
from realtime.scoring.tables import Tables
from realtime.scoring.text import CAPITALS, DIGIT, NAME, SIGN, places_of

_LAUGH: Final = re.compile("[\U0001f602\U0001f923\U0001f606\U0001f605\U0001f639]|(?<!\\S)[:;xX]-?D(?!\\S)")
_WARM: Final = re.compile(
    "[\u2764\u2665\U0001f60a\U0001f642\U0001f917\U0001f970\U0001f49b-\U0001f49c\U0001f64f]|(?<!\\S)[:;]-?\\)"
)
_MARKS: Final = re.compile(r"!{2,}|(?:\?!|!\?)[?!]*|\?{3,}")
_FACE: Final = re.compile(r"[:;xX]-?[D)]")
_DIGITS: Final = re.compile(r"\d")
_CAPITALS: Final = re.compile("[A-Z][A-Z][A-Z]")  # in every shouted word of ASCII
_NOT: Final = frozenset({"not", "never", "no"})
_WINDING: Final = 25  # words: longer than the most that they advise, and not yet too long
_PEOPLES: Final = ("ish", "ese", "ican", "rian", "lian", "sian")


def find_signals(reading: Reading, harm: Harm, tables: Tables) -> tuple[Found, list[Question]]:
    """Every signal of this turn, by name; those not found are absent."""
    stems = tables.stems
    questions = find_questions(reading, tables)
    if questions and harm.insults:
        questions = [q for q in questions if not _insults(reading, q, harm)]
    statements = find_statements(reading, questions, stems)
    found: Found = {}
    if questions:
        _asked(reading, questions, found)
    if statements:
        _told(reading, statements, found)
    if harm.insults or harm.boundaries or harm.dangers:
        put(found, "insult", harm.insults)
        put(found, "boundary", harm.boundaries)
        put(found, "danger", harm.dangers)
    _names_self(reading, tables, found)
    if "holds_firm" in reading.hits:
        _holds_firm(reading, found)
    if statements:
        _plain(reading, statements, found)
    heard = reading.heard
    if heard is not None:
        listening(reading, heard, questions, stems, found)
        if heard.asks:
            find_answer(reading, heard, found, tables)
    terms = reading.parsed.terms
    if not tables.words.things.isdisjoint(terms):
        _mind_of_its_own(reading, tables, found)
    if heard is not None and not _HEAVY.isdisjoint(heard.moods):
        _misplaced(reading, found)
    _words(reading, tables, harm, found)
    _form(reading, tables, found)
    return found, questions


def _insults(reading: Reading, question: Question, harm: Harm) -> bool:
    """Whether the question is the insult: it asks nothing."""
    first, last = reading.span(question.first, question.last)
    return any(start < last and first < end for start, end in harm.insults)


_BETWEEN_MOST: Final = 4


def _mind_of_its_own(reading: Reading, tables: Tables, found: Found) -> None:
    """A thing of which something is said that only someone with a mind can do ("my knees complained")."""
    parsed, words = reading.parsed, tables.words
    terms = parsed.terms
    for at in places_of(words.things, terms):
        end = parsed.sentences[parsed.sentence_of[at]].last
        for on in range(at + 1, min(at + 2 + _BETWEEN_MOST, end)):
            if terms[on] in words.minds:
                if at not in reading.echoed and parsed.sentence_of[at] not in reading.skipped:
                    found.setdefault("personified", []).append(reading.span(at, on + 1))
                break
            if terms[on] not in words.between:
                break


_HEAVY: Final = frozenset({"grief", "grievance"})
_LIGHT: Final = ("brush_off", "laugh", "playful", "exaggeration", "simile")
_TAKES_IT_SERIOUSLY: Final = frozenset({"empathy", "apology", "owns", "repair", "support", "calm"})


def _misplaced(reading: Reading, found: Found) -> None:
    """A joke or a consolation in passing, where the other spoke of a loss or a hurt and nothing else takes it up."""
    hits = reading.hits
    if _TAKES_IT_SERIOUSLY.isdisjoint(hits):
        put(found, "misplaced", [reading.span_of(hits[cue][0]) for cue in _LIGHT if cue in hits][:1])


def _asked(reading: Reading, questions: list[Question], found: Found) -> None:
    starts, ends = reading.parsed.starts, reading.parsed.ends
    question: list[Span] = []
    interest: list[Span] = []
    asks: list[Span] = []
    for q in questions:
        first, last = q.first, q.last
        start = starts[first]
        head = (start, ends[(first + HEAD if first + HEAD < last else last - 1)])
        if not q.short:
            question.append(head)
            if "choice" not in found and "or" in reading.parsed.terms[first + 1 : last - 1]:
                found["choice"] = [_around_or(reading, first, last)]
        if q.to_you:
            interest.append(head)
        asks.append((start, ends[last - 1]))
    put(found, "question", question)
    put(found, "interest", interest)
    found["asks"] = asks


def _around_or(reading: Reading, first: int, last: int) -> Span:
    at = reading.parsed.terms.index("or", first + 1, last - 1)
    return reading.span(at - 1, at + 2)


def _told(reading: Reading, statements: list[Statement], found: Found) -> None:
    starts, ends = reading.parsed.starts, reading.parsed.ends
    found["told"] = told = []
    found["shares"] = shares = []
    detail: list[Span] = []
    of, unclear = reading.parsed.sentence_of, blurred(reading)
    for s in statements:
        start, last = starts[s.first], s.last
        told.append((start, ends[last - 1]))
        shares.append((start, ends[min(s.first + HEAD, last) - 1]))
        if s.content > 1 and of[s.first] not in unclear:
            detail.append((start, ends[min(s.first + HEAD + 2, last) - 1]))
    put(found, "detail", detail)


def _plain(reading: Reading, statements: list[Statement], found: Found) -> None:
    """Plain: without a hedge in the same sentence."""
    of, hits = reading.parsed.sentence_of, reading.hits
    if "hedge" not in hits and "put_down" not in hits:
        found["statement"] = found["shares"]
        return
    unsure = {of[hit.first] for cue in ("hedge", "put_down") if cue in hits for hit in hits[cue]}
    put(
        found,
        "statement",
        [span for s, span in zip(statements, found["shares"], strict=True) if of[s.first] not in unsure],
    )


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
    """VADER's lexicon as one input: clearly warm words, and a harsh one said of the other."""
    parsed = reading.parsed
    terms = parsed.terms
    for at in places_of(tables.marked, terms):
        term = terms[at]
        if term in tables.warm:
            near = terms[max(0, at - 3) : at]
            if parsed.sentence_of[at] not in reading.skipped and _NOT.isdisjoint(near):
                found.setdefault("warm_word", []).append(reading.span(at, at + 1))
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
    if parsed.total_words > _WINDING:
        read = [s for n, s in enumerate(parsed.sentences) if n not in reading.skipped and s.words > _WINDING]
        put(found, "long_sentence", [reading.span(s.first, s.last) for s in read if s.words > LONG_SENTENCE])
        put(found, "winding", [reading.span(s.first, s.last) for s in read if s.words <= LONG_SENTENCE])
    if 0 < parsed.total_words <= 2 and "question" not in found and "answers" not in found:
        found["flat"] = [reading.span(0, len(parsed.terms))]
    if may_hold & DIGIT and parsed.total_words > 1 and _DIGITS.search(text):  # a number alone makes no line concrete
        put(found, "number", numbers(reading))
    if may_hold & SIGN:
        _signs(text, plain, found)
    if may_hold & CAPITALS and (not plain or _CAPITALS.search(text)):
        loud = [(a, b) for a, b in _capitals(reading) if text[a:b] not in tables.words.acronyms]
        if len(loud) > 1:
            found["shouting"] = [(loud[0][0], loud[-1][1])]
    elif may_hold & NAME:
        _name(reading, found)  # in what is no shout


def _name(reading: Reading, found: Found) -> None:
    """Words with a capital inside a sentence: a place, a person, a day."""
    parsed = reading.parsed
    text, starts, ends = parsed.text, parsed.starts, parsed.ends
    firsts = {sentence.first for sentence in parsed.sentences}
    places = [at for at, start in enumerate(starts) if text[start].isupper() and at not in firsts]
    spans = [
        (starts[at], ends[at]) for at in places if _readable(reading, at) and _is_name(text[starts[at] : ends[at]])
    ]
    put(found, "name", spans)


def _readable(reading: Reading, at: int) -> bool:
    return at not in reading.echoed and reading.parsed.sentence_of[at] not in reading.skipped


def _is_name(word: str) -> bool:
    return len(word) > 2 and word[1:].islower() and word.isalpha()


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
