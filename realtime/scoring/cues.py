"""Cues: named groups of phrases from ``data/*.json``, found in a turn in one pass.

How a phrase is written: terms parted by spaces; ``a/b`` either one, ``(a)`` with or without it, ``*`` any one
term; ``^`` at the front: only at the beginning of a clause, ``^^``: of the whole text; ``$`` at the end: only
where the sentence ends. A phrase never reaches across the end of a sentence. A group with ``negatable`` does not
count behind "not", "never" or "no" ("I'm not sorry"); nor where a phrase of its ``spared`` stands ("up to you" in
"make it up to you").
"""

from itertools import product
from typing import Any, Final, NamedTuple

import msgspec

from realtime.scoring.text import Parsed

_CLAUSE: Final = 1
_TEXT: Final = 2
_END: Final = 4
_TERMINAL: Final = ""  # no term is empty, so this key is free in every node
_SPARED: Final = "!"  # behind the name of a group: what spares its phrases
_NEGATIONS: Final = frozenset({"not", "never", "no", "nor", "without"})
_REACH: Final = 3  # terms in front of a phrase in which a negation still governs it

Node = dict[str, Any]
Hits = dict[str, list["Hit"]]


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cue as its data file says it; ``about`` explains it to a reader."""

    about: str
    phrases: tuple[str, ...]
    negatable: bool = False
    spared: tuple[str, ...] = ()


class Hit(NamedTuple):
    """Terms ``first`` up to ``last`` (exclusive) of the parsed text."""

    first: int
    last: int


def variants(phrase: str) -> tuple[int, list[tuple[str, ...]]]:
    """The flags of a phrase and every sequence of terms it stands for."""
    flags = 0
    body = phrase
    if body.startswith("^^"):
        flags, body = _TEXT, body[2:]
    elif body.startswith("^"):
        flags, body = _CLAUSE, body[1:]
    if body.endswith("$"):
        flags, body = flags | _END, body[:-1]
    options: list[list[str]] = []
    for part in body.split():
        optional = part.startswith("(") and part.endswith(")")
        choices = (part[1:-1] if optional else part).split("/")
        options.append([*choices, ""] if optional else choices)
    out = [tuple(term for term in chosen if term) for chosen in product(*options)]
    if not out or any(not terms or terms[0] == "*" for terms in out):
        raise ValueError(f"phrase {phrase!r} must begin with a word")
    return flags, out


class CueIndex:
    """All groups of several files as one trie over terms. Matching costs one step a term and phrase in reach."""

    def __init__(self, groups: dict[str, Group]) -> None:
        self._root: Node = {}
        self._sparing = tuple(name for name, group in groups.items() if group.spared)
        self._negatable = frozenset(name for name, group in groups.items() if group.negatable)
        self.names = frozenset(groups)
        for name, group in groups.items():
            for phrase in group.phrases:
                self._add(name, phrase)
            for phrase in group.spared:
                self._add(name + _SPARED, phrase)

    def _add(self, name: str, phrase: str) -> None:
        flags, sequences = variants(phrase)
        for terms in sequences:
            node = self._root
            for term in terms:
                node = node.setdefault(term, {})
            ends = node.setdefault(_TERMINAL, [])
            if (name, flags) not in ends:
                ends.append((name, flags))

    def find(self, parsed: Parsed, skipped: frozenset[int] = frozenset()) -> Hits:
        """Hits by group, in order, of one group never overlapping (the longest from each place). Sentences
        named in ``skipped`` are not read."""
        terms, hits = parsed.terms, Hits()
        root = self._root
        for number, sentence in enumerate(parsed.sentences):
            if number in skipped:
                continue
            last = sentence.last
            for at in range(sentence.first, last):
                node = root.get(terms[at])
                if node is not None:
                    self._walk(parsed, node, at, last, hits)
        for name in self._sparing:
            self._spare(name, hits)
        return hits

    @staticmethod
    def _spare(name: str, hits: Hits) -> None:
        """Takes out the hits of a group that a sparing phrase overlaps."""
        spared = hits.pop(name + _SPARED, None)
        if spared is None or name not in hits:
            return
        found = hits.pop(name)
        kept = [h for h in found if not any(s.first < h.last and h.first < s.last for s in spared)]
        if kept:
            hits[name] = kept

    def _walk(self, parsed: Parsed, node: Node, at: int, last: int, hits: Hits) -> None:
        terms = parsed.terms
        open_nodes = [(node, at + 1)]
        while open_nodes:
            node, upto = open_nodes.pop()
            ends = node.get(_TERMINAL)
            if ends is not None:
                for name, flags in ends:
                    if not flags or self._placed(parsed, flags, at, upto, last):
                        self._keep(parsed, name, at, upto, hits)
            if upto < last:
                following = node.get(terms[upto])
                if following is not None:
                    open_nodes.append((following, upto + 1))
                following = node.get("*")
                if following is not None:
                    open_nodes.append((following, upto + 1))

    @staticmethod
    def _placed(parsed: Parsed, flags: int, at: int, upto: int, last: int) -> bool:
        if flags & _TEXT and at != 0:
            return False
        if flags & _CLAUSE and at not in parsed.clause_starts and not opens_clause(parsed, at):
            return False
        return not (flags & _END and upto != last)

    def _keep(self, parsed: Parsed, name: str, at: int, upto: int, hits: Hits) -> None:
        if name in self._negatable and negated(parsed, at):
            return
        found = hits.get(name)
        if found is None:
            hits[name] = [Hit(at, upto)]
        elif found[-1].first == at:
            if upto > found[-1].last:
                found[-1] = Hit(at, upto)
        elif found[-1].last <= at:
            found.append(Hit(at, upto))


_LINKS: Final = frozenset(
    {
        "and",
        "but",
        "so",
        "or",
        "well",
        "oh",
        "because",
        "now",
        "then",
        "usually",
        "sometimes",
        "lately",
        "actually",
        "finally",
        "also",
        "hey",
        "yes",
        "no",
        "okay",
        "honestly",
    }
)


def opens_clause(parsed: Parsed, at: int) -> bool:
    """Whether only a linking word stands between this term and the beginning of its clause (or sentence)."""
    before = at - 1
    if before < 0 or parsed.sentence_of[before] != parsed.sentence_of[at]:
        return True
    return parsed.terms[before] in _LINKS


def negated(parsed: Parsed, at: int) -> bool:
    """Whether "not", "never" or "no" stands within three terms in front, in the same clause."""
    terms, clauses = parsed.terms, parsed.clause_starts
    for back in range(at - 1, max(-1, at - 1 - _REACH), -1):
        if back + 1 in clauses:
            return False
        if terms[back] in _NEGATIONS:
            return True
    return False
