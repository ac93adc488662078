"""The extractor before the memory corpus: what it writes, against what a good listener would have noted.

``python -m tests.memory_corpus.judge tuning`` prints the rates by key and by sort, and every line it missed or wrote
wrongly. For ``held`` it prints rates alone, never a line: see the README.
"""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from realtime.domain import MemoryCandidate, MemoryEntry, MemorySource, Moment, RememberedItem
from realtime.memory import RuleExtractor
from realtime.memory.dates import event_parts, event_value
from realtime.minds import MemoryExtractor

Half = Literal["tuning", "held"]
HALVES: Final[tuple[Half, ...]] = ("tuning", "held")
TODAY: Final = "2026-03-10"  # of a line that names no day; the README's Tuesday
_HERE: Final = Path(__file__).parent
_ARTICLES: Final = ("a ", "an ", "the ")
_SLUGGED: Final = ("plans", "events")


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A write as the README defines it. ``date`` UNSET is not judged; None: no date may be written."""

    op: Literal["set", "remove"]
    key: str
    values: list[str]
    word: str | None = None
    date: str | None | msgspec.UnsetType = msgspec.UNSET


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    sort: str
    text: str
    persona_line: str | None
    known: dict[str, list[Any]]
    expect: list[Expected]
    may: list[Expected]
    today: str = TODAY
    why: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """``wrong``: writes that match nothing; ``missed``: what was expected and not found; ``found``: the rest."""

    item: Item
    wrong: tuple[MemoryCandidate, ...]
    missed: tuple[Expected, ...]
    found: tuple[Expected, ...]


class Rates(msgspec.Struct):
    right: int = 0
    wrong: int = 0
    expected: int = 0

    @property
    def precision(self) -> float:
        """1 where nothing was written."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.expected if self.expected else 1.0


def items_of(half: Half) -> list[Item]:
    return read_items(_HERE / f"{half}.json")


def read_items(path: Path) -> list[Item]:
    return msgspec.json.decode(path.read_bytes(), type=list[Item])


def judged(items: list[Item], extractor: MemoryExtractor | None = None) -> list[Verdict]:
    reader = RuleExtractor() if extractor is None else extractor
    return [_verdict(item, reader) for item in items]


def _verdict(item: Item, extractor: MemoryExtractor) -> Verdict:
    known = {key: _entry(key, values) for key, values in item.known.items()}
    moment = Moment(at=f"{item.today}T12:00:00.000Z", zone="UTC")
    made = extractor.extract(item.text, item.persona_line, known, _recalled(item, known), moment)
    left, wrong, found = list(item.expect), [], []
    for write in made:
        meant = next((expected for expected in left if _matches(write, expected)), None)
        if meant is not None:
            left.remove(meant)
            found.append(meant)
        elif not any(_matches(write, each) for each in (*item.expect, *item.may)) and not _repeats(write, known):
            wrong.append(write)
    return Verdict(item, tuple(wrong), tuple(left), tuple(found))


def _entry(key: str, values: list[Any]) -> MemoryEntry:
    source = MemorySource(item_id="before", start=None, end=None, quote=None)
    items = tuple(
        RememberedItem(value=_text(value), confidence=0.9, source=source, written_at=f"{TODAY}T00:00:00.000Z")
        for value in values
    )
    return MemoryEntry(key=key, items=items, version=len(items))


def _text(value: Any) -> str:
    """A known value as it is stored: plans and events are {what, date} in the corpus."""
    if not isinstance(value, dict):
        return str(value)
    stamp = value.get("date")
    return event_value(str(value["what"]), str(stamp) if stamp else None)


def _recalled(item: Item, known: dict[str, MemoryEntry]) -> tuple[str, ...]:
    """What the persona said back of what it knows: the session's state holds it when the extractor is asked."""
    line = (item.persona_line or "").casefold()
    values = [each.value for entry in known.values() for each in entry.items]
    return tuple(value for value in values if value.casefold() in line)


def _repeats(write: MemoryCandidate, known: dict[str, MemoryEntry]) -> bool:
    entry = known.get(write.key)
    return write.op == "set" and entry is not None and any(_same(each.value, write.value) for each in entry.items)


def _matches(write: MemoryCandidate, expected: Expected) -> bool:
    if write.op != expected.op:
        return False
    family = write.key.partition(".")[0]
    if family not in _SLUGGED:
        return write.key == expected.key and any(_same(write.value, value) for value in expected.values)
    if expected.key not in (write.key, f"{family}.*"):
        return False
    parts = event_parts(write.value)
    what = parts["what"]
    named = any(_same(what, value) for value in expected.values)
    worded = expected.word is not None and expected.word.casefold() in what.casefold()
    return (named or worded) and _dated(parts.get("date"), expected.date)


def _dated(written: str | None, expected: str | None | msgspec.UnsetType) -> bool:
    if isinstance(expected, msgspec.UnsetType):
        return True
    return written == expected if expected is None or _is_day(expected) else True


def _is_day(stamp: str) -> bool:
    try:
        date.fromisoformat(stamp)
    except ValueError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    return _bare(one) == _bare(other)


def _bare(value: str) -> str:
    low = " ".join(value.casefold().replace("’", "'").split()).rstrip(" .,;:!?")
    return next((low[len(article) :] for article in _ARTICLES if low.startswith(article)), low)


def rates(verdicts: list[Verdict]) -> Rates:
    total = Rates()
    for verdict in verdicts:
        total.right += len(verdict.found)
        total.wrong += len(verdict.wrong)
        total.expected += len(verdict.item.expect)
    return total


def by_key(verdicts: list[Verdict]) -> dict[str, Rates]:
    """By the key's family: the name before the dot, for tastes the side of it."""
    told: dict[str, Rates] = {}
    for verdict in verdicts:
        for counted, field in ((verdict.found, "right"), (verdict.wrong, "wrong"), (verdict.item.expect, "expected")):
            for key in (each.key.partition(".")[0] for each in counted):
                held = told.setdefault(key, Rates())
                setattr(held, field, getattr(held, field) + 1)
    return dict(sorted(told.items()))


def by_sort(verdicts: list[Verdict]) -> dict[str, Rates]:
    sorts = sorted({verdict.item.sort for verdict in verdicts})
    return {sort: rates([verdict for verdict in verdicts if verdict.item.sort == sort]) for sort in sorts}


def false_writes(verdicts: list[Verdict]) -> tuple[int, int]:
    """Wrong writes on the lines with none expected, and how many lines those are."""
    silent = [verdict for verdict in verdicts if not verdict.item.expect]
    return sum(len(verdict.wrong) for verdict in silent), len(silent)


def _line(name: str, rate: Rates) -> str:
    counts = f"{rate.right:4} right {rate.wrong:3} wrong of {rate.expected:4}"
    return f"{name:18} precision {rate.precision:6.3f}  recall {rate.recall:6.3f}  {counts}"


def report(verdicts: list[Verdict], *, lines: bool) -> str:
    wrong, silent = false_writes(verdicts)
    told = [_line("all", rates(verdicts)), f"{wrong} wrong writes on the {silent} lines with none", "", "by key"]
    told += [_line(f"  {name}", rate) for name, rate in by_key(verdicts).items()]
    told += ["", "by sort"] + [_line(f"  {name}", rate) for name, rate in by_sort(verdicts).items()]
    if lines:
        told += ["", *(_failure(verdict) for verdict in verdicts if verdict.wrong or verdict.missed)]
    return "\n".join(told)


def _failure(verdict: Verdict) -> str:
    item = verdict.item
    said = [f"{item.id}: {item.text}"]
    if item.persona_line:
        said.append(f"    after: {item.persona_line}")
    if item.known:
        said.append(f"    known: {json.dumps(item.known, ensure_ascii=False)}")
    said += [f"    wrong: {each.op} {each.key} = {each.value}" for each in verdict.wrong]
    said += [
        f"    missed: {each.op} {each.key} = {'|'.join(each.values)} {each.word or ''}" for each in verdict.missed
    ]
    return "\n".join(said)


def main(arguments: list[str]) -> int:
    half = next((half for half in HALVES if arguments == [half]), None)
    if half is None:
        print("say which half: tuning or held", file=sys.stderr)
        return 2
    print(report(judged(items_of(half)), lines=half == "tuning"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
