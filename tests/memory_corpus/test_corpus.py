"""The corpus is what its README says, the judge counts as it says, and the tuning half keeps its rates."""

from collections import Counter

import pytest

from realtime.domain import MemoryCandidate, MemoryEntry, Moment
from realtime.memory.vocabulary import is_known_key
from tests.memory_corpus.judge import (
    HALVES,
    Expected,
    Item,
    by_key,
    by_sort,
    false_writes,
    items_of,
    judged,
    main,
    rates,
    report,
)

PRECISION, RECALL = 0.95, 0.8  # the README's aim
SILENT = 110  # lines of a half with no expected write


class Told:
    """An extractor that writes what it was told to, whatever the line."""

    def __init__(self, *writes: tuple[str, str, str]) -> None:
        self._writes = writes

    def extract(
        self,
        text: str,
        persona_line: str | None,
        known: dict[str, MemoryEntry],
        recalled: tuple[str, ...],
        moment: Moment | None = None,
    ) -> tuple[MemoryCandidate, ...]:
        return tuple(
            MemoryCandidate(
                op="remove" if op == "remove" else "set",
                key=key,
                value=value,
                confidence=0.9,
                start=0,
                end=1,
                quote="x",
            )
            for op, key, value in self._writes
        )

    def forget(self) -> None:
        """It keeps nothing."""


def item(*expect: Expected, may: tuple[Expected, ...] = (), **fields: dict[str, list[object]]) -> Item:
    known = fields.get("known", {})
    return Item(id="w-x-1", sort="x", text="x", persona_line=None, known=known, expect=list(expect), may=list(may))


HOME = Expected(op="set", key="home", values=["Haifa", "a flat in Haifa"])
EXAM = Expected(op="set", key="events.*", values=["exam"], word="exam", date="2026-03-13")
OPEN = Expected(op="set", key="events.*", values=["exam"], word="exam", date=None)
FREE = Expected(op="set", key="plans.*", values=["going to Rome"], word="rome")


@pytest.mark.parametrize(
    ("expect", "may", "writes", "counts"),
    [
        ((HOME,), (), [("set", "home", "haifa.")], (1, 0, 1)),
        ((HOME,), (), [("set", "home", "flat in Haifa")], (1, 0, 1)),
        ((HOME,), (), [("set", "home", "Haifa"), ("set", "home", "a flat in Haifa")], (1, 0, 1)),
        ((HOME,), (), [("remove", "home", "Haifa")], (0, 1, 1)),
        ((HOME,), (), [("set", "origin", "Haifa")], (0, 1, 1)),
        ((HOME,), (), [], (0, 0, 1)),
        ((), (HOME,), [("set", "home", "Haifa")], (0, 0, 0)),
        ((), (), [("set", "home", "Haifa")], (0, 1, 0)),
        ((EXAM,), (), [("set", "events.exam", "chemistry exam (2026-03-13)")], (1, 0, 1)),
        ((EXAM,), (), [("set", "events.exam", "exam (2026-03-14)")], (0, 1, 1)),
        ((EXAM,), (), [("set", "events.exam", "exam")], (0, 1, 1)),
        ((EXAM,), (), [("set", "plans.exam", "exam (2026-03-13)")], (0, 1, 1)),
        ((OPEN,), (), [("set", "events.exam", "exam (2026-03-13)")], (0, 1, 1)),
        ((FREE,), (), [("set", "plans.rome", "a week in Rome (2026-05)")], (1, 0, 1)),
    ],
)
def test_a_write_is_right_wrong_or_left_out(
    expect: tuple[Expected, ...],
    may: tuple[Expected, ...],
    writes: list[tuple[str, str, str]],
    counts: tuple[int, int, int],
) -> None:
    rate = rates(judged([item(*expect, may=may)], Told(*writes)))
    assert (rate.right, rate.wrong, rate.expected) == counts


def test_what_is_known_already_is_left_out() -> None:
    verdicts = judged([item(known={"home": ["Haifa"]})], Told(("set", "home", "haifa")))
    assert rates(verdicts).wrong == 0
    assert rates(judged([item(known={"home": ["Haifa"]})], Told(("set", "home", "Jaffa")))).wrong == 1


def test_rates_are_told_by_key_and_by_sort() -> None:
    verdicts = judged([item(HOME), item()], Told(("set", "home", "Haifa")))
    assert (by_key(verdicts)["home"].right, by_key(verdicts)["home"].wrong) == (1, 1)
    assert by_sort(verdicts)["x"].precision == 0.5
    assert false_writes(verdicts) == (1, 1)
    assert "w-x-1" in report(verdicts, lines=True)
    assert "w-x-1" not in report(verdicts, lines=False)


@pytest.mark.parametrize("half", HALVES)
def test_a_half_has_as_many_lines_with_writes_as_without_and_only_known_keys(half: str) -> None:
    lines = items_of("tuning" if half == "tuning" else "held")
    assert len({line.id for line in lines}) == len(lines) == 2 * SILENT
    assert Counter(bool(line.expect) for line in lines) == {True: SILENT, False: SILENT}
    for expected in (each for line in lines for each in (*line.expect, *line.may)):
        assert is_known_key(expected.key.replace("*", "x"))
        assert expected.values


def test_the_halves_share_no_line() -> None:
    one, other = ({line.text for line in items_of(half)} for half in HALVES)
    assert not one & other


def test_the_tuning_half_keeps_its_rates() -> None:
    verdicts = judged(items_of("tuning"))
    rate = rates(verdicts)
    assert rate.precision >= PRECISION, report(verdicts, lines=True)
    assert rate.recall >= RECALL, report(verdicts, lines=True)


def test_another_half_than_the_two_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["both"]) == 2
    assert "tuning or held" in capsys.readouterr().err
