"""The rule-based memory extractor: the learner's words in, proposed writes out.

Pure, deterministic, and linear in the length of the text: every repetition in its patterns is bounded, and no two
of them compete for the same characters. It prefers to miss a fact to inventing one.
"""

from realtime.domain import MemoryCandidate, MemoryEntry, Moment
from realtime.memory import about, ahead, answers, corrections, others, tastes, work
from realtime.memory.clauses import Clause, clauses
from realtime.memory.commands import holds_order_word, reads_as_instruction
from realtime.memory.dates import DATED, event_parts
from realtime.memory.matching import Found
from realtime.memory.rules import clean_value
from realtime.memory.turn import Turn, forget_words, read, teachable
from realtime.memory.vocabulary import MAX_VALUE_CHARS, holds, is_known_key

_REVISING = work.LEFT_BITS | tastes.OVER_BITS  # they take away what is known
ANSWERING = 2  # clauses of a turn that may be an answer
MAX_WRITES = 8  # of one turn
_ARTICLES = ("a ", "an ", "the ")


class RuleExtractor:
    """The ``MemoryExtractor`` of ``realtime.minds`` by rules and word lists, without a model."""

    def extract(
        self,
        text: str,
        persona_line: str | None,
        known: dict[str, MemoryEntry],
        recalled: tuple[str, ...],
        moment: Moment | None = None,
    ) -> tuple[MemoryCandidate, ...]:
        """At most ``MAX_WRITES`` proposed writes in the order of their spans; ``quote == text[start:end]``.

        A removal stands before the write that replaces it. What ``known`` already holds and what the persona has
        just recalled is not proposed again (a change of mind about it is).
        """
        turn, teaches = teachable(read(text))
        key = answers.asked(persona_line)
        corrects = bool(known) and corrections.may_be(turn, known)
        revises = corrects or (bool(known) and turn.may & _REVISING != 0)
        if key is None and not teaches and not revises:
            return ()
        stated = clauses(turn) if teaches or revises else clauses(turn, enough=ANSWERING)
        everything: list[Found] = []
        for clause in stated if teaches or revises else ():
            everything += _statements(turn, clause, known, persona_line, moment)
        everything += _answer(turn, stated, key, everything)
        for clause in stated if corrects else ():
            everything += list(corrections.found(turn, clause, known, everything))
        everything.sort(key=lambda item: (item.start, item.end, item.op != "remove"))
        return _chosen(turn, _settled(everything), known, recalled)

    def forget(self) -> None:
        answers.forget_lines()
        forget_words()


def _statements(
    turn: Turn,
    clause: Clause,
    known: dict[str, MemoryEntry],
    persona_line: str | None,
    moment: Moment | None,
) -> list[Found]:
    found, may = list(about.found(turn, clause)), turn.may
    if known and may & _REVISING:
        found += work.left(turn, clause, known)
        found += tastes.given_up(turn, clause, known)
    if may & tastes.BITS:
        found += tastes.found(turn, clause, known, persona_line)
    if may & others.BITS:
        found += others.found(turn, clause, known)
    if may & ahead.BITS:
        found += ahead.found(turn, clause, moment)
    return found


def _answer(turn: Turn, stated: tuple[Clause, ...], key: str | None, found: list[Found]) -> list[Found]:
    """The first clause that answers the persona's question, unless a statement has answered it already."""
    if key is None or any(item.key == key for item in found):
        return []
    for clause in stated[:ANSWERING]:
        if any(clause.start <= item.start < clause.end for item in found):
            continue
        if answer := answers.found(turn, clause, key):
            return answer
    return []


def _settled(found: list[Found]) -> list[Found]:
    """Without what the same turn says better: "a dog" that is then called Rex, an old job where a new one is told."""
    named = {item.key for item in found if item.op == "set" and not others.is_nameless(item.value)}
    kept: list[Found] = []
    for item in found:
        people = item.key.startswith(("people.", "pets."))
        if people and item.op == "set" and item.key in named and others.is_nameless(item.value):
            continue
        if item.op == "remove" and item.key in named and holds(item.key) == "single":
            continue
        kept.append(item)
    return kept


def _chosen(
    turn: Turn, found: list[Found], known: dict[str, MemoryEntry], recalled: tuple[str, ...]
) -> tuple[MemoryCandidate, ...]:
    said_back = {_bare(value) for value in recalled}
    leaving = {(item.start, _bare(item.value)) for item in found if item.op == "remove"}
    chosen: list[MemoryCandidate] = []
    seen: set[tuple[str, str, str]] = set()
    for item in found:
        value = clean_value(item.value)
        bare = _bare(value)
        once = (item.op, item.key, bare)
        turns = (item.start, bare) in leaving
        if once in seen or not _storable(item.key, value) or (bare in said_back and not turns):
            continue
        held = _holds(known.get(item.key), value)
        if held if item.op == "set" else item.key == "languages" and not held:
            continue
        seen.add(once)
        quote = turn.text[item.start : item.end]
        chosen.append(
            MemoryCandidate(
                op=item.op,
                key=item.key,
                value=value,
                confidence=item.confidence,
                start=item.start,
                end=item.end,
                quote=quote,
            )
        )
    return tuple(chosen[:MAX_WRITES])


def _storable(key: str, value: str) -> bool:
    fits = 0 < len(value) <= MAX_VALUE_CHARS and is_known_key(key)
    return fits and not reads_as_instruction(value) and not holds_order_word(value)


def _holds(entry: MemoryEntry | None, value: str) -> bool:
    """Whether the key holds the value already; of a plan or an event also with a day that this one lacks."""
    if entry is None:
        return False
    dated = entry.key.startswith(DATED)
    return any(
        item.value.casefold() == value.casefold()
        or (dated and event_parts(item.value)["what"].casefold() == value.casefold())
        for item in entry.items
    )


def _bare(value: str) -> str:
    low = event_parts(value)["what"].casefold()
    return next((low[len(article) :] for article in _ARTICLES if low.startswith(article)), low)
