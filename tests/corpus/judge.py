"""The scorer before the coach's corpus: how often it agrees, and whether its evidence is what moves it.

``python -m tests.corpus.judge tuning`` prints the rates (whole, order, moves, stays, gains_nothing; by category and
by sort), every failure with its numbers, and the rate at which evidence that is taken out takes its trait along. For
``held`` it prints rates alone, never a line: see the README.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from realtime.domain import Evidence, TraitName, TurnScore
from realtime.minds import TurnContext
from realtime.scoring import RuleScorer
from realtime.scoring.tables import load
from storage.catalogue.model import Intent

Half = Literal["tuning", "held"]
HALVES: Final[tuple[Half, ...]] = ("tuning", "held")
STAYS_WITHIN: Final = 5  # points of a trait; the README's tolerance
GAINS_AT_MOST: Final = 2  # points of score that an addition without worth may bring
_RECENT: Final = 3  # of the learner's lines the engine hands on
_HERE: Final = Path(__file__).parent
# The corpus names an objective in words; the scorer is told the intents that lead a mission of its kind onward.
_WANTED: Final[dict[str, tuple[Intent, ...]]] = {
    "hold the boundary": ("SETS_LIMIT", "HOLDS_FIRM", "DECLINES", "OFFERS_ALTERNATIVE"),
    "agree on a date": ("PROPOSES", "AGREES"),
    "get the number": ("PROPOSES", "ASKS_QUESTION"),
}
# Words that no rule reads: as many as are taken out; four where a rule is about the whole of a sentence or a turn,
# which is a matter of its length.
_NEUTRAL: Final = ("over", "there", "about", "around")
_WHOLE: Final = frozenset(name for name, rule in load().weights.rule.items() if rule.whole)


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trait: TraitName
    direction: Literal["up", "down"]


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As the README defines it; ``above`` and ``below`` of a comparison, ``line`` and ``variant`` of the other."""

    id: str
    category: str
    kind: Literal["comparison", "gains_nothing"]
    sort: str
    situation: str
    goal: str | None
    persona_line: str | None
    earlier: list[str]
    turn: int
    why: str
    above: str = ""
    below: str = ""
    by_at_least: int = 1
    moves: list[Move] = []
    stays: list[TraitName] = []
    line: str = ""
    variant: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What holds of an item; ``said`` tells in numbers what does not."""

    item: Item
    order: bool = True
    moves: tuple[bool, ...] = ()
    stays: tuple[bool, ...] = ()
    gains_nothing: bool = True
    said: str = ""

    @property
    def whole(self) -> bool:
        return self.order and self.gains_nothing and all(self.moves) and all(self.stays)


class Share(msgspec.Struct):
    """``held`` of ``tried``."""

    held: int = 0
    tried: int = 0

    def add(self, holds: bool) -> None:
        self.held += holds
        self.tried += 1

    @property
    def rate(self) -> float:
        return self.held / self.tried if self.tried else 1.0

    def __str__(self) -> str:
        return f"{self.held}/{self.tried} = {100 * self.rate:.1f} %"


@cache
def items(half: Half) -> tuple[Item, ...]:
    raw = (_HERE / f"comparisons_{half}.json").read_bytes()
    return tuple(msgspec.convert(json.loads(raw), list[Item]))


def context_of(scorer: RuleScorer, item: Item, text: str) -> TurnContext:
    """The turn as the engine hands it to the scorer: behind the earlier lines, with the scores those were given.
    Raises ``KeyError`` for an objective nobody knows."""
    wanted = _WANTED[item.goal] if item.goal else ()
    scores: list[int] = []
    for turn, said in enumerate(item.earlier, 1):
        before = TurnContext(
            text=said,
            persona_line=None,
            recent_lines=tuple(item.earlier[: turn - 1][-_RECENT:]),
            recent_scores=tuple(scores[-_RECENT:]),
            turn_index=turn,
            goal=item.goal,
            wanted=wanted,
        )
        scores.append(scorer.score(before).score)
    return TurnContext(
        text=text,
        persona_line=item.persona_line,
        recent_lines=tuple(item.earlier[-_RECENT:]),
        recent_scores=tuple(scores[-_RECENT:]),
        turn_index=item.turn,
        goal=item.goal,
        wanted=wanted,
    )


def judge(scorer: RuleScorer, item: Item) -> Verdict:
    def scored(text: str) -> TurnScore:
        return scorer.score(context_of(scorer, item, text))

    if item.kind == "gains_nothing":
        line, variant = scored(item.line).score, scored(item.variant).score
        holds = variant <= line + GAINS_AT_MOST
        return Verdict(item, gains_nothing=holds, said="" if holds else f"gains {line} -> {variant}")
    above, below = scored(item.above), scored(item.below)
    order = above.score - below.score >= item.by_at_least
    said = [] if order else [f"order {above.score} : {below.score}, by {item.by_at_least}"]
    moves: list[bool] = []
    for move in item.moves:
        high, low = above.traits.get(move.trait), below.traits.get(move.trait)
        moves.append(high > low if move.direction == "up" else high < low)
        said += [] if moves[-1] else [f"{move.trait} {move.direction} {high} : {low}"]
    stays: list[bool] = []
    for trait in item.stays:
        one, other = above.traits.get(trait), below.traits.get(trait)
        stays.append(abs(one - other) <= STAYS_WITHIN)
        said += [] if stays[-1] else [f"{trait} stays {one} : {other}"]
    return Verdict(item, order=order, moves=tuple(moves), stays=tuple(stays), said="; ".join(said))


def rates(verdicts: list[Verdict]) -> dict[str, Share]:
    """By what is asked: ``whole``, ``order``, ``moves``, ``stays``, ``gains_nothing``; whole items also by category
    and sort."""
    out: defaultdict[str, Share] = defaultdict(Share)
    for verdict in verdicts:
        item = verdict.item
        out["whole"].add(verdict.whole)
        if item.kind == "comparison":
            out["order"].add(verdict.order)
            for name, holds in (("moves", verdict.moves), ("stays", verdict.stays)):
                for one in holds:
                    out[name].add(one)
        else:
            out["gains_nothing"].add(verdict.gains_nothing)
        out[f"category {item.category}"].add(verdict.whole)
        out[f"sort {item.sort}"].add(verdict.whole)
    return dict(out)


def lines_of(item: Item) -> tuple[str, ...]:
    return tuple(line for line in (item.above, item.below, item.line, item.variant) if line)


def without(text: str, evidence: Evidence) -> str:
    """The text with neutral words where the evidence stands."""
    count = max(1, len(text[evidence.start : evidence.end].split()))
    if evidence.rule in _WHOLE:
        count = len(_NEUTRAL)
    words = " ".join(_NEUTRAL[place % len(_NEUTRAL)] for place in range(count))
    return text[: evidence.start] + words + text[evidence.end :]


def taken_out(scorer: RuleScorer, item: Item) -> Iterator[tuple[str, Evidence, bool]]:
    """Each line's evidence, and whether its trait falls back towards the base (by a point or more, or no longer by
    this rule) when neutral words stand in its place."""
    for text in lines_of(item):
        full = scorer.score(context_of(scorer, item, text))
        for evidence in full.evidence:
            less = scorer.score(context_of(scorer, item, without(text, evidence)))
            now, then = full.traits.get(evidence.trait), less.traits.get(evidence.trait)
            back = then < now if evidence.effect > 0 else then > now
            gone = all(e.rule != evidence.rule for e in less.evidence)
            yield text, evidence, back or gone


def ablation(scorer: RuleScorer, half: Half) -> Share:
    """How much of the half's evidence is what moved its trait."""
    out = Share()
    for item in items(half):
        for _text, _evidence, moved in taken_out(scorer, item):
            out.add(moved)
    return out


def main(half: Half) -> None:
    scorer = RuleScorer()
    verdicts = [judge(scorer, item) for item in items(half)]
    print(f"{half}, scorer {scorer.version}, weights {load().weights.version}")
    for name, share in sorted(rates(verdicts).items(), key=lambda row: (" " in row[0], row[0])):
        print(f"  {name:24} {share}")
    print(f"  {'evidence taken out':24} {ablation(scorer, half)}")
    if half == "tuning":  # of the other half no line is ever shown
        for verdict in verdicts:
            if not verdict.whole:
                print(f"{verdict.item.id} [{verdict.item.sort}]: {verdict.said}")


if __name__ == "__main__":
    chosen = [half for half in HALVES if sys.argv[1:] == [half]]
    if not chosen:
        sys.exit("usage: python -m tests.corpus.judge tuning|held")
    main(chosen[0])
