"""What a turn costs in the two minds that read it, by its length: ``python -m bench.minds``.

Microseconds of one processor a line. ``first``: the one time a line is read in a talk, its words known and it itself
not yet; its median and its 99th percentile over the lines. ``again``: the least of five more, which a busy machine
disturbs less. The last column is the scorer's budget where the practice rules set one. The table is printed
and written to ``bench/results/minds.md``.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Final, NamedTuple

from bench.lines import lines
from bench.proc import cpu_model
from bench.report import RESULTS, table
from realtime.memory import RuleExtractor
from realtime.minds import TurnContext
from realtime.scoring import RuleScorer
from tests.golden.corpus import long_texts, said

REPEATS: Final = 5
RECENT: Final = 3  # of the learner's own lines that a turn is compared with
LENGTHS: Final = (5, 10, 15, 25, 50, 100)  # words
LINES: Final = 400  # of each length
BUDGET: Final = {("scorer", 15): 100}  # microseconds (the practice rules)


class Cost(NamedTuple):
    """Of one mind on lines of one length, in microseconds. ``budget``: what it may cost, if anything says so."""

    mind: str
    length: str
    lines: int
    first: float
    first_p99: float
    again: float
    again_p99: float
    budget: int | None


def of_length(words: int) -> list[str]:
    """``LINES`` different lines of ``words`` words: what learners say, one after another, cut where it is full."""
    supply = cycle([word for line in (*lines(), *said()) for word in line.split()])
    return [" ".join(islice(supply, words)) for _ in range(LINES)]


def talk(texts: list[str]) -> list[TurnContext]:
    """One long talk: the lines in turn, behind a persona's line, with the three lines before each."""
    asked = lines()
    return [
        TurnContext(
            text=text,
            persona_line=asked[(7 * turn + 1) % len(asked)],
            recent_lines=tuple(texts[max(0, turn - RECENT) : turn]),
            recent_scores=(60, 70, 80),
            turn_index=turn + 1,
        )
        for turn, text in enumerate(texts)
    ]


def spent(work: Callable[[TurnContext], object], turn: TurnContext) -> float:
    began = time.perf_counter_ns()
    work(turn)
    return (time.perf_counter_ns() - began) / 1_000


def measure(
    mind: str, length: str, turns: list[TurnContext], work: Callable[[TurnContext], object], words: int
) -> Cost:
    first = sorted(spent(work, turn) for turn in turns)
    again = sorted(min(spent(work, turn) for _ in range(REPEATS)) for turn in turns)
    at = max(0, -(-99 * len(turns) // 100) - 1)
    return Cost(
        mind,
        length,
        len(turns),
        statistics.median(first),
        first[at],
        statistics.median(again),
        again[at],
        BUDGET.get((mind, words)),
    )


def costs() -> Iterator[Cost]:
    scorer, extractor = RuleScorer(), RuleExtractor()

    def extract(turn: TurnContext) -> object:
        return extractor.extract(turn.text, turn.persona_line, {}, ())

    talks = {words: talk(of_length(words)) for words in LENGTHS}
    long = [TurnContext(text=text, persona_line="How are you?", recent_lines=(text,)) for text in long_texts()]
    minds: tuple[tuple[str, Callable[[TurnContext], object]], ...] = (
        ("scorer", scorer.score),
        ("extractor", extract),
    )
    for mind, work in minds:
        for turns in talks.values():  # every word is known before anything is measured
            for turn in turns:
                work(turn)
        for words, turns in talks.items():
            scorer.forget()
            extractor.forget()
            yield measure(mind, f"{words} words", turns, work, words)
        yield measure(mind, "2,000 code points", long, work, 0)


def markdown(measured: list[Cost]) -> str:
    head = ["mind", "a turn of", "lines", "first, median", "first, p99", "again, median", "again, p99", "budget"]
    rows = [
        [
            cost.mind,
            cost.length,
            str(cost.lines),
            *(f"{value:.1f}" for value in (cost.first, cost.first_p99, cost.again, cost.again_p99)),
            "" if cost.budget is None else str(cost.budget),
        ]
        for cost in measured
    ]
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return "\n".join(
        [f"# What a turn costs in the minds, {at}", "", f"{cpu_model()}; microseconds.", "", *table(head, rows)]
    )


def main() -> None:
    text = markdown(list(costs())) + "\n"
    (RESULTS / "minds.md").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
