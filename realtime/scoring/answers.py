"""How a turn takes up the persona's line: a word of it, a question asked on, the answer to what was asked."""

from bisect import bisect_left
from typing import Final

from realtime.scoring.questions import Question
from realtime.scoring.reading import Heard, Reading, Span
from realtime.scoring.stems import Stems, stem
from realtime.scoring.tables import Tables

Found = dict[str, list[Span]]

LONG_SENTENCE: Final = 35  # words; plain-language guides advise 15 to 20 on average and 25 at most
HEAD: Final = 4  # terms shown of a statement or question: its beginning
_SHOWN: Final = 4  # words of a kind that are looked at: no rule counts more
_MATTER: Final = frozenset({"it", "there", "he", "she", "they"})  # speak of what was asked after
_BACK: Final = frozenset({"that", "it", "this", "there", "then"})


def put(found: Found, name: str, spans: list[Span]) -> None:
    """A signal that is not there is not there by name either."""
    if spans:
        found[name] = spans


_BLURS: Final = ("hedge", "vague", "stock", "stiff", "excuse", "put_down")
_BLURRING: Final = frozenset(_BLURS)


def blurred(reading: Reading) -> set[int]:
    """Sentences in which a word takes back, leaves open, or could be anybody's; and those that run on."""
    parsed, hits = reading.parsed, reading.hits
    if _BLURRING.isdisjoint(hits):
        out: set[int] = set()
    else:
        out = {parsed.sentence_of[hit.first] for cue in _BLURS if cue in hits for hit in hits[cue]}
    if parsed.total_words > LONG_SENTENCE:
        out |= {n for n, sentence in enumerate(parsed.sentences) if sentence.words > LONG_SENTENCE}
    return out


def listening(reading: Reading, heard: Heard, questions: list[Question], stems: Stems, found: Found) -> None:
    parsed, taken = reading.parsed, heard.stems
    terms = parsed.terms
    if taken and not taken.isdisjoint(map(stems.__getitem__, terms)):
        at_words = [at for at, term in enumerate(terms) if stems[term] in taken]
        if reading.echoed or reading.skipped:
            at_words = [
                at for at in at_words if at not in reading.echoed and parsed.sentence_of[at] not in reading.skipped
            ]
        if at_words:
            found["picks_up"] = found["follows_up"] = [reading.span(at, at + 1) for at in at_words[:_SHOWN]]
            return
    for q in questions:
        if not q.short and not _BACK.isdisjoint(terms[q.first : q.last]):
            found["follows_up"] = [reading.span(q.first, min(q.first + HEAD + 1, q.last))]
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


def find_answer(reading: Reading, heard: Heard, found: Found, tables: Tables) -> None:
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
        spans = numbers(reading)
    if not spans:
        spans = _fragment(reading, heard, tables)
    put(found, "answers", spans)
    if spans and not _blurs_at(reading, spans[0][0]):
        found["to_point"] = spans


def _blurs_at(reading: Reading, start: int) -> bool:
    parsed = reading.parsed
    return parsed.sentence_of[bisect_left(parsed.starts, start)] in blurred(reading)


_NO_FRAGMENT: Final = frozenset(
    {"idle_self", "greeting", "apology", "appreciation", "compliment", "laugh", "vague", "hedge", "filler"}
)
_NAMES_IT: Final = frozenset({
    "to", "at", "in", "on", "with", "from", "near", "by", "for", "after", "before", "between", "mostly",
    "usually", "every", "only", "since", "a", "an", "one", "monday", "tuesday", "wednesday", "thursday",
    "friday", "saturday", "sunday", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "tomorrow", "tonight", "mine", "both", "neither",
})  # fmt: skip
_OURS: Final = frozenset({"my", "our", "we", "they", "he", "she", "us"})
_FRAGMENT: Final = 16  # terms; an answer that needs no sentence is short


def _fragment(reading: Reading, heard: Heard, tables: Tables) -> list[Span]:
    """A short first sentence that names something ("To Leeds, by bus.") behind a question that asks what or where;
    behind one for a yes or no, that word and then something said of us or them."""
    parsed = reading.parsed
    if 0 in reading.skipped or not parsed.sentences or not _NO_FRAGMENT.isdisjoint(reading.hits):
        return []
    first, terms, stems = parsed.sentences[0], parsed.terms, tables.stems
    if heard.closed and terms[0] not in _NAMES_IT:
        if terms[0] not in _YES_OR_NO or _OURS.isdisjoint(terms):
            return []
        read = [at for at in range(1, len(terms)) if parsed.sentence_of[at] not in reading.skipped]
        content = [at for at in read if stems[terms[at]]]
        return [reading.span(content[0], content[0] + 1)] if len(content) > 1 else []
    said = terms[first.first : first.last]
    if first.mark != "." or first.words > _FRAGMENT:
        return []
    if not (said[0] in _NAMES_IT or said[0].endswith("ing")) or not any(map(stems.__getitem__, said)):
        return []
    return [reading.span(first.first, first.last)]


def _referring(reading: Reading, heard: Heard, found: Found) -> list[Span]:
    """The first statement of one's own that takes up the matter: a word of the question, or "it", "there"."""
    parsed, stems = reading.parsed, heard.stems
    for whole, head in zip(found.get("told", ()), found.get("shares", ()), strict=True):
        said = (t for t, a in zip(parsed.terms, parsed.starts, strict=True) if whole[0] <= a < whole[1])
        if any(term in _REFERS or stem(term) in stems for term in said):
            return [head]
    return []


def numbers(reading: Reading) -> list[Span]:
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
                return [reading.span(at, min(at + HEAD, parsed.sentences[number].last))]
    return []
