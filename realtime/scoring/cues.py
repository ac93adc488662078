"""Cues: named groups of phrases from ``data/*.json``, found in a turn in one pass.

How a phrase is written: terms parted by spaces; ``a/b`` either one, ``(a)`` with or without it, ``*`` any one
term; ``^`` at the front: only at the beginning of a clause, ``^^``: of the whole text; ``$`` at the end: only
where the sentence ends. A phrase never reaches across the end of a sentence. A group with ``negatable`` does not
count behind "not", "never" or "no" ("I'm not sorry"); nor where a phrase of its ``spared`` stands ("up to you" in
"make it up to you").
"""

from itertools import product
from typing import Final

import msgspec

from realtime.scoring.text import Parsed

_CLAUSE: Final = 1
_TEXT: Final = 2
_END: Final = 4
_SPARED: Final = "!"  # behind the name of a group: what spares its phrases
_NEGATIONS: Final = frozenset({"not", "never", "no", "nor", "without"})
_REACH: Final = 3  # terms in front of a phrase in which a negation still governs it

Hits = dict[str, list["Hit"]]


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cue as its data file says it; ``about`` explains it to a reader."""

    about: str
    phrases: tuple[str, ...]
    negatable: bool = False
    spared: tuple[str, ...] = ()


class Hit(msgspec.Struct, frozen=True, gc=False):
    """Terms ``first`` up to ``last`` (exclusive) of the parsed text."""

    first: int
    last: int


class Node(msgspec.Struct, gc=False):
    """What may follow the terms so far: the groups whose phrases end here with their flags, the node behind any one
    term, and the nodes by term."""

    ends: list[tuple[str, int]]
    any_term: "list[Node]"  # one at most
    nexts: "dict[str, Node]"

    def behind(self, term: str) -> "Node":
        """The node behind ``term``, made when missing; this one behind an empty term."""
        if not term:
            return self
        if term == "*":
            if not self.any_term:
                self.any_term.append(Node([], [], {}))
            return self.any_term[0]
        found = self.nexts.get(term)
        if found is None:
            found = self.nexts[term] = Node([], [], {})
        return found


def _parts(phrase: str) -> tuple[int, list[list[str]]]:
    """The flags of a phrase, and what may stand at each place; an empty term: nothing."""
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
    for choices in options:
        if "*" in choices:
            break
        if "" not in choices:
            return flags, options
    raise ValueError(f"phrase {phrase!r} must begin with a word")


def variants(phrase: str) -> tuple[int, list[tuple[str, ...]]]:
    """The flags of a phrase and every sequence of terms it stands for. Raises ``ValueError`` for one that could be
    empty or begin with any term."""
    flags, options = _parts(phrase)
    return flags, [tuple(term for term in chosen if term) for chosen in product(*options)]


class CueIndex:
    """All groups of several files as one trie over terms. Matching costs one step a term and phrase in reach."""

    def __init__(self, groups: dict[str, Group]) -> None:
        self._root = Node([], [], {})
        self._sparing = {name + _SPARED: name for name, group in groups.items() if group.spared}
        self._negatable = frozenset(name for name, group in groups.items() if group.negatable)
        self.names = frozenset(groups)
        for name, group in groups.items():
            for phrase in group.phrases:
                self._add(name, phrase)
            for phrase in group.spared:
                self._add(name + _SPARED, phrase)

    def _add(self, name: str, phrase: str) -> None:
        """Place by place, with all nodes that the terms so far lead to: a phrase may stand for thousands of
        sequences, which share nearly all of their beginnings."""
        flags, options = _parts(phrase)
        reached = [self._root]
        for choices in options:
            # By identity: "(so) (so)" leads to one node on two ways.
            onward = {id(node): node for at in reached for node in map(at.behind, choices)}
            reached = list(onward.values())
        for node in reached:
            if (name, flags) not in node.ends:
                node.ends.append((name, flags))

    def find(self, parsed: Parsed, skipped: frozenset[int] = frozenset()) -> Hits:
        """Hits by group, in order, of one group never overlapping (the longest from each place). Sentences
        named in ``skipped`` are not read."""
        terms, hits = parsed.terms, Hits()
        opening = self._root.nexts
        for number, sentence in enumerate(parsed.sentences):
            if number in skipped:
                continue
            at, last = sentence.first, sentence.last
            for term in terms[at:last]:
                upto = at + 1
                if term in opening:
                    node = opening[term]
                    if node.ends or node.any_term:
                        self._walk(parsed, node, at, upto, last, hits)
                    elif upto < last:  # most words that open a phrase are not followed by its second one
                        following = node.nexts.get(terms[upto])
                        if following is not None:
                            self._walk(parsed, following, at, upto + 1, last, hits)
                at = upto
        if not hits.keys().isdisjoint(self._sparing):
            # In the order they were found: who is put back comes last, and where a trait is full the order counts.
            for sparing in [name for name in hits if name in self._sparing]:
                self._spare(self._sparing[sparing], hits.pop(sparing), hits)
        return hits

    @staticmethod
    def _spare(name: str, spared: list["Hit"], hits: Hits) -> None:
        """Takes out the hits of a group that a sparing phrase overlaps."""
        if name not in hits:
            return
        found = hits.pop(name)
        kept = [h for h in found if not any(s.first < h.last and h.first < s.last for s in spared)]
        if kept:
            hits[name] = kept

    def _walk(self, parsed: Parsed, node: Node, at: int, upto: int, last: int, hits: Hits) -> None:
        """On from ``node``, which the terms ``at`` up to ``upto`` (exclusive) led to."""
        terms = parsed.terms
        left: list[tuple[Node, int]] | None = None  # ways not gone yet
        while True:
            if node.ends:
                for name, flags in node.ends:
                    if not flags or self._placed(parsed, flags, at, upto, last):
                        self._keep(parsed, name, at, upto, hits)
            if upto < last:
                following = node.nexts.get(terms[upto])
                if node.any_term:
                    if following is not None:
                        left = [*(left or ()), (following, upto + 1)]
                    following = node.any_term[0]
                if following is not None:
                    node, upto = following, upto + 1
                    continue
            if not left:
                return
            node, upto = left.pop()

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
