"""What a turn costs in the two minds that read it: ``python -m bench.minds``.

Microseconds of one processor a line, by kind of line: ``first`` is the one time a line is read in a talk (its median
over the lines, words and lines not yet remembered), ``again`` the least of five more, which a busy machine disturbs
less. Nothing is written but the table.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from bench.lines import lines
from realtime.memory import RuleExtractor
from realtime.minds import TurnContext
from realtime.scoring import RuleScorer
from tests.golden.corpus import long_texts, said

REPEATS: Final = 5
SHORTEST: Final = 5  # words of a line that counts as typical
LONGEST: Final = 25
RECENT: Final = 3  # of the learner's own lines that a turn is compared with


class Cost(NamedTuple):
    """Of one mind on one kind of line, in microseconds."""

    mind: str
    kind: str
    lines: int
    first: float
    again: float
    worst: float


def talk() -> list[TurnContext]:
    """One long talk: every typical line in turn, behind a persona's line, with the three lines before it."""
    typical = [line for line in (*lines(), *said()) if SHORTEST <= len(line.split()) <= LONGEST]
    return [
        TurnContext(
            text=line,
            persona_line=typical[(7 * turn + 1) % len(typical)],
            recent_lines=tuple(typical[max(0, turn - RECENT) : turn]),
            recent_scores=(60, 70, 80),
            turn_index=turn + 1,
        )
        for turn, line in enumerate(typical)
    ]


def spent(work: Callable[[TurnContext], object], turn: TurnContext) -> float:
    began = time.perf_counter_ns()
    work(turn)
    return (time.perf_counter_ns() - began) / 1_000


def measure(mind: str, kind: str, turns: list[TurnContext], work: Callable[[TurnContext], object]) -> Cost:
    first = [spent(work, turn) for turn in turns]
    again = [min(spent(work, turn) for _ in range(REPEATS)) for turn in turns]
    return Cost(mind, kind, len(turns), statistics.median(first), statistics.median(again), max(again))


def costs() -> Iterator[Cost]:
    scorer, extractor = RuleScorer(), RuleExtractor()

    def extract(turn: TurnContext) -> bool:
        return bool(extractor.extract(turn.text, turn.persona_line, {}, ()))

    turns = talk()
    long = [TurnContext(text=text, persona_line="How are you?", recent_lines=(text,)) for text in long_texts()]
    yield measure("scorer", "typical", turns, scorer.score)
    yield measure("scorer", "2,000 code points", long, scorer.score)
    taught = {turn.text for turn in turns if extractor.extract(turn.text, None, {}, ())}
    yield measure("extractor", "teaches nothing", [turn for turn in turns if turn.text not in taught], extract)
    yield measure("extractor", "teaches", [turn for turn in turns if turn.text in taught], extract)
    yield measure("extractor", "2,000 code points", long, extract)


def main() -> None:
    print(f"{'mind':10} {'kind':18} {'lines':>6} {'first µs':>9} {'again µs':>9} {'dearest µs':>10}")
    for cost in costs():
        print(f"{cost.mind:10} {cost.kind:18} {cost.lines:6} {cost.first:9.1f} {cost.again:9.1f} {cost.worst:10.1f}")


if __name__ == "__main__":
    main()
