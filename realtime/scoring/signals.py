"""Signals: what phrases alone cannot say. Each is a list of spans of the learner's text, empty when not found.

Questions are known by their shape (a question word or an auxiliary in front of its subject); one question mark
helps a statement about "you" to be one, a string of marks helps nothing.
"""

import re
from typing import Final, NamedTuple

from realtime.scoring.cues import opens_clause
from realtime.scoring.harm import Harm
from realtime.scoring.reading import Reading, Span, is_content, stem
from realtime.scoring.tables import Tables, Words
from realtime.scoring.text import Sentence

Found = dict[str, list[Span]]

_LAUGH: Final = re.compile("[\U0001f602\U0001f923\U0001f606\U0001f605\U0001f639]|(?<!\\S)[:;xX]-?D(?!\\S)")
_WARM: Final = re.compile(
    "[\u2764\u2665\U0001f60a\U0001f642\U0001f917\U0001f970\U0001f49b-\U0001f49c\U0001f64f]|(?<!\\S)[:;]-?\\)"
)
_MARKS: Final = re.compile(r"!{2,}|(?:\?!|!\?)[?!]*|\?{3,}")
_FACE: Final = re.compile(r"[:;xX]-?[D)]")
_SIGNS: Final = (("marks", _MARKS), ("laugh_sign", _LAUGH), ("warm_sign", _WARM))
_DIGITS: Final = re.compile(r"\d")
_SELF: Final = frozenset({"i", "my", "we", "our", "mine"})
_MATTER: Final = frozenset({"it", "there", "he", "she", "they"})  # speak of what was asked after
_YOU: Final = frozenset({"you", "your", "yours", "yourself"})
_BACK: Final = frozenset({"that", "it", "this", "there", "then"})
_LONG_SENTENCE: Final = 35  # words; plain-language guides advise 15 to 20 on average and 25 at most
_HEAD: Final = 4  # terms shown of a statement or question: its beginning
_PEOPLES: Final = ("ish", "ese", "ican", "rian", "lian", "sian")


class Question(NamedTuple):
    """It begins at term ``first``, in a sentence that ends at ``last``; ``short``: only hands back."""

    first: int
    last: int
    to_you: bool
    short: bool


def find_questions(reading: Reading, words: Words) -> list[Question]:
    """At most one question of each sentence that is read; an invitation ("tell me more") counts as one."""
    out: list[Question] = []
    parsed = reading.parsed
    invited = {parsed.sentence_of[hit.first]: hit for hit in reading.hits.get("invites", ())}
    shorts = {parsed.sentence_of[hit.first]: hit for hit in reading.hits.get("ask_back", ())}
    for number, sentence in enumerate(parsed.sentences):
        if number in reading.skipped:
            continue
        found = _shaped(reading, sentence, words)
        back = shorts.get(number)
        said = back is not None and (sentence.asks_once or back.last - back.first > 1)
        if back is not None and said and (found is None or found.first >= back.first):
            found = Question(back.first, sentence.last, True, back.last == sentence.last)
        echoes = not reading.echoed.isdisjoint(range(sentence.first, sentence.last))
        if found is None and sentence.asks_once and not echoes:
            found = _marked(parsed.terms, sentence, words)
        if found is None and number in invited:
            found = Question(invited[number].first, sentence.last, True, False)
        if found is not None:
            out.append(found)
    return out


def _shaped(reading: Reading, sentence: Sentence, words: Words) -> Question | None:
    parsed, terms = reading.parsed, reading.parsed.terms
    for at in range(sentence.first, sentence.last - 1):
        term = terms[at]
        if at in reading.echoed:
            continue
        if term in words.asking:
            asks = _asks(terms, at, sentence, words)
        elif term in words.auxiliaries:
            asks = terms[at + 1] in words.pronouns or (
                sentence.asks_once and at == sentence.first and terms[at + 1] != "not"
            )
            if asks and terms[at + 1] == "not":
                asks = False
        else:
            continue
        if asks and (at in parsed.clause_starts or opens_clause(parsed, at)):
            rest = terms[at : sentence.last]
            if len(rest) >= 3 or sentence.asks_once:
                return Question(at, sentence.last, not _YOU.isdisjoint(rest), " ".join(rest) in words.reciprocal)
    return None


def _asks(terms: list[str], at: int, sentence: Sentence, words: Words) -> bool:
    """A question word, then (soon) an auxiliary; without a mark also a subject behind it."""
    for k in range(at + 1, min(at + 6, sentence.last)):
        if terms[k] in words.auxiliaries:
            subject = k + 1 < sentence.last and terms[k + 1] in words.pronouns
            return subject or sentence.asks_once
        if k == at + 1 and terms[k] in words.pronouns:
            return sentence.asks_once and terms[at] == "how"  # "how you doing?", but not "what I like"
    return sentence.asks_once and terms[at + 1] not in ("a", "an")


def _marked(terms: list[str], sentence: Sentence, words: Words) -> Question | None:
    first, last = sentence.first, sentence.last
    if last - first == 1:
        alone = terms[first] in words.asking or terms[first] == "really"
        return Question(first, last, False, True) if alone else None
    rest = terms[first:last]
    if terms[first] in _YOU or terms[first] in ("any", "want", "ready") or rest[-1] in _YOU:
        return Question(first, last, not _YOU.isdisjoint(rest), last - first < 3)
    return None


# "I'm sorry to hear that" begins with I and tells nothing of oneself.
_NOT_OWN_NEWS: Final = ("idle_self", "empathy", "apology", "hedge")


class Statement(NamedTuple):
    first: int
    last: int
    content: int


def find_statements(reading: Reading, questions: list[Question], words: Words) -> list[Statement]:
    """Clauses that begin with I, we or my and tell something; not those inside a question."""
    parsed, terms, out = reading.parsed, reading.parsed.terms, list[Statement]()
    idle = {hit.first for cue in _NOT_OWN_NEWS for hit in reading.hits.get(cue, ())}
    asked = {parsed.sentence_of[q.first]: q.first for q in questions}
    for at, term in enumerate(terms):
        if term not in _SELF or at in idle or at in reading.echoed:
            continue
        number = parsed.sentence_of[at]
        if number in reading.skipped or at > asked.get(number, at):
            continue
        if at not in parsed.clause_starts and not opens_clause(parsed, at):
            continue
        last = at + 1
        end = parsed.sentences[number].last
        while last < end and last not in parsed.clause_starts:
            last += 1
        content = len({t for t in terms[at + 1 : last] if is_content(t, words)})
        if content and last - at > 2:
            out.append(Statement(at, last, content))
    return out


def find_signals(reading: Reading, harm: Harm, tables: Tables) -> tuple[Found, list[Question]]:
    """Every signal of this turn, by name; those not found are absent."""
    words = tables.words
    questions = find_questions(reading, words)
    statements = find_statements(reading, questions, words)
    found: Found = {
        "question": [reading.span(q.first, min(q.first + _HEAD + 1, q.last)) for q in questions if not q.short],
        "interest": [reading.span(q.first, min(q.first + _HEAD + 1, q.last)) for q in questions if q.to_you],
        "asks": [reading.span(q.first, q.last) for q in questions],
        "told": [reading.span(s.first, s.last) for s in statements],
        "shares": [reading.span(s.first, min(s.first + _HEAD, s.last)) for s in statements],
        "detail": [reading.span(s.first, min(s.first + _HEAD + 2, s.last)) for s in statements if s.content > 1],
        "insult": harm.insults,
        "boundary": harm.boundaries,
        "danger": harm.dangers,
        "names_self": _names_self(reading, tables),
        "holds_firm": _holds_firm(reading),
    }
    _statements(reading, statements, found)
    _listening(reading, questions, words, found)
    _answers(reading, found, words)
    _words(reading, tables, harm, found)
    _form(reading, tables, found)
    return {name: spans for name, spans in found.items() if spans}, questions


def _statements(reading: Reading, statements: list[Statement], found: Found) -> None:
    """Plain: without a hedge in the same sentence."""
    of = reading.parsed.sentence_of
    unsure = {of[hit.first] for hit in reading.hits.get("hedge", ())}
    unsure |= {of[hit.first] for hit in reading.hits.get("put_down", ())}
    found["statement"] = [
        reading.span(s.first, min(s.first + _HEAD, s.last)) for s in statements if of[s.first] not in unsure
    ]


def _listening(reading: Reading, questions: list[Question], words: Words, found: Found) -> None:
    heard = reading.heard
    if heard is None:
        return
    parsed, stems = reading.parsed, heard.stems
    for at, term in enumerate(parsed.terms):
        if term in words.stop or at in reading.echoed or parsed.sentence_of[at] in reading.skipped:
            continue
        if is_content(term, words) and stem(term) in stems:
            found["picks_up"] = found["follows_up"] = [reading.span(at, at + 1)]
            return
    for q in questions:
        if not q.short and not _BACK.isdisjoint(parsed.terms[q.first : q.last]):
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


def _answers(reading: Reading, found: Found, words: Words) -> None:
    """Only where the persona asked: something said of the matter, a word of the question, a number where one was
    asked for; of oneself only to a question that is about the learner, or with yes or no in front."""
    heard = reading.heard
    if heard is None or not heard.asks:
        return
    hits = reading.hits
    yes_or_no = not _YES_OR_NO.isdisjoint(reading.parsed.terms[:1])
    personal = heard.about_you or yes_or_no or "agreement" in hits or "decline" in hits
    spans = found["shares"][:1] if personal else _referring(reading, found)
    spans = spans or _tells(reading, words)
    if not spans:
        cues = (*_ANSWER_CUES, *_SELF_CUES) if personal else _ANSWER_CUES
        spans = [reading.span(*hits[cue][0]) for cue in cues if cue in hits][:1]
    if not spans and "picks_up" in found and not found["question"]:
        spans = found["picks_up"]
    if not spans and heard.counts:
        spans = _numbers(reading)
    found["answers"] = spans


def _referring(reading: Reading, found: Found) -> list[Span]:
    """The first statement of one's own that takes up the matter: a word of the question, or "it", "there"."""
    parsed, heard = reading.parsed, reading.heard
    stems = heard.stems if heard is not None else frozenset()
    for whole, head in zip(found["told"], found["shares"], strict=True):
        said = (t for t, a in zip(parsed.terms, parsed.starts, strict=True) if whole[0] <= a < whole[1])
        if any(term in _REFERS or stem(term) in stems for term in said):
            return [head]
    return []


def _numbers(reading: Reading) -> list[Span]:
    """The first number that is read."""
    parsed = reading.parsed
    return [
        (a, b)
        for t, a, b, n in zip(parsed.terms, parsed.starts, parsed.ends, parsed.sentence_of, strict=True)
        if t[0].isdigit() and n not in reading.skipped
    ][:1]


def _tells(reading: Reading, words: Words) -> list[Span]:
    """A clause that begins with "it is", "she was" and the like, and says something with a content word."""
    parsed, terms = reading.parsed, reading.parsed.terms
    for at in sorted(parsed.clause_starts):
        if at + 2 < len(terms) and terms[at] in _MATTER and terms[at + 1] in words.auxiliaries:
            number = parsed.sentence_of[at]
            rest = terms[at + 2 : parsed.sentences[number].last]
            read = number not in reading.skipped and at not in reading.echoed
            if read and any(is_content(term, words) for term in rest):
                return [reading.span(at, min(at + _HEAD, parsed.sentences[number].last))]
    return []


def _holds_firm(reading: Reading) -> list[Span]:
    hits = reading.hits
    if "holds_firm" in hits and ("limit" in hits or "polite_no" in hits or "decline" in hits):
        return [reading.span(*hits["holds_firm"][0])]
    return []


def _names_self(reading: Reading, tables: Tables) -> list[Span]:
    """ "I'm Tal": a capitalised word behind "I am" that is no known word and no people's name."""
    parsed = reading.parsed
    terms = parsed.terms
    for at in range(len(terms) - 2):
        if terms[at] == "i" and terms[at + 1] == "am" and parsed.sentence_of[at] == parsed.sentence_of[at + 2]:
            name, raw = terms[at + 2], parsed.text[parsed.starts[at + 2]]
            known = name in tables.words.stop or name in tables.warm or name in tables.harsh
            if raw.isupper() and len(name) > 1 and not known and not name.endswith(_PEOPLES):
                return [reading.span(at, at + 3)]
    return []


def _words(reading: Reading, tables: Tables, harm: Harm, found: Found) -> None:
    """VADER's lexicon as one input: the first clearly warm word, and a harsh one said of the other."""
    parsed = reading.parsed
    terms = parsed.terms
    for at, term in enumerate(terms):
        if term in tables.warm and "warm_word" not in found:
            near = terms[max(0, at - 3) : at]
            if parsed.sentence_of[at] not in reading.skipped and not {"not", "never", "no"} & set(near):
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
    read = [s for n, s in enumerate(parsed.sentences) if n not in reading.skipped]
    found["long_sentence"] = [reading.span(s.first, s.last) for s in read if s.words > _LONG_SENTENCE]
    if 0 < parsed.total_words <= 2 and not found["question"] and not found.get("answers"):
        found["flat"] = [reading.span(0, len(parsed.terms))]
    if _DIGITS.search(text) and parsed.total_words > 1:  # a number alone makes no line concrete
        found["number"] = _numbers(reading)
    for name, pattern in _SIGNS if not text.isascii() or _FACE.search(text) else _SIGNS[:1]:
        sign = pattern.search(text)
        if sign:
            found[name] = [sign.span()]
    if not text.islower():
        loud = [(a, b) for a, b in _capitals(reading) if text[a:b] not in tables.words.acronyms]
        found["shouting"] = loud if len(loud) > 1 else []


def _capitals(reading: Reading) -> list[Span]:
    """Words of three letters or more, all capitals."""
    parsed, text = reading.parsed, reading.parsed.text
    out: list[Span] = []
    for a, b in zip(parsed.starts, parsed.ends, strict=True):
        if b - a > 2 and text[a:b].isupper() and text[a:b].isalpha() and (not out or out[-1][0] != a):
            out.append((a, b))
    return out
