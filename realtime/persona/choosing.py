"""Choosing lines: seeded, and never one that was said before in this session.

The choice is by the CRC-32 of seed, turn and pool name, so the same context gives the same line in every
process. Pools are tried in order; a pool with nothing fresh gives way to the next, and when all are empty the
caller may ``vary``: say an old line again, owning up to it.
"""

import re
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from realtime.persona.notes import Notes

Shape = Callable[[str], str | None]
Accept = Callable[[str], bool]
Narrow = Callable[[list[str]], list[str]]

# How people say a thing twice.
AGAIN = (
    "As I said: ",
    "I know I've said it before: ",
    "I keep coming back to this: ",
    "Stop me if you've heard this: ",
    "I'll say it once more: ",
    "It's still true: ",
    "Same as earlier, really: ",
    "I'm repeating myself, I know: ",
    "Where was I? Oh yes: ",
    "Let me go back to something: ",
)

_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


class Pool(NamedTuple):
    name: str
    lines: tuple[str, ...]


def as_is(line: str) -> str | None:
    return line


def anything(line: str) -> bool:
    return True


def everything(lines: list[str]) -> list[str]:
    return lines


def sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]


def asks(line: str) -> bool:
    """Whether the line ends by asking something."""
    return line.rstrip().endswith("?")


def without_question(line: str) -> str | None:
    """The line up to its closing questions; None if it is nothing but questions."""
    said = sentences(line)
    while said and said[-1].endswith("?"):
        said.pop()
    return " ".join(said) or None


def in_brief(line: str) -> str | None:
    """The line's first sentence that is no question."""
    return next((sentence for sentence in sentences(line) if not asks(sentence)), None)


class Chooser:
    """Chooses for one reply; every line it gives is marked as said in ``notes``."""

    def __init__(self, seed: int, kind: str, turn: int, notes: Notes, just_said: str | None) -> None:
        self._key = f"{seed}:{kind}:{turn}"
        self._turn = turn
        self._notes = notes
        self._just_said = (just_said or "").casefold()

    def number(self, name: str) -> int:
        """A number that depends on the seed, the turn and ``name`` alone, 0..2**32-1."""
        return zlib.crc32(f"{self._key}:{name}".encode())

    def chance(self, name: str, percent: float) -> bool:
        return self.number(name) % 10_000 < percent * 100

    def fresh(self, line: str) -> bool:
        return not self._notes.said(line) and line.casefold() not in self._just_said

    def choose(
        self,
        pools: Sequence[Pool],
        shape: Shape = as_is,
        accept: Accept = anything,
        narrow: Narrow = everything,
    ) -> str | None:
        """A fresh line that ``accept`` likes, of the first pool that has one; None when there is none.

        The line is given as ``shape`` cuts it (None: not sayable in this shape); ``narrow`` says which of
        several to choose among.
        """
        for pool in pools:
            sayable = self._sayable(pool, shape)
            lines = narrow([spoken for spoken in sayable if accept(spoken)])
            if lines:
                spoken = lines[self.number(pool.name) % len(lines)]
                self._notes.mark(sayable[spoken])
                self._notes.mark(spoken)
                return spoken
        return None

    def _sayable(self, pool: Pool, shape: Shape) -> dict[str, str]:
        """Fresh lines of the pool as they would be spoken, to their sources."""
        shaped = ((shape(line), line) for line in pool.lines if self.fresh(line))
        return {spoken: line for spoken, line in shaped if spoken is not None and self.fresh(spoken)}

    def vary(self, pool: Pool, shape: Shape = as_is) -> str:
        """A line of the pool once more, under an opening it did not have before; one that counts the turns
        when even those are used up. The pool is not empty."""
        start = self.number(f"again:{pool.name}")
        lines = [shape(line) or line for line in pool.lines]
        for i in range(len(AGAIN) * len(lines)):
            at = (start + i) % (len(AGAIN) * len(lines))
            spoken = AGAIN[at % len(AGAIN)] + lines[at // len(AGAIN)]
            if self.fresh(spoken):
                self._notes.mark(spoken)
                return spoken
        return f"That's {self._turn} things you've said to me, and still: {lines[start % len(lines)]}"
