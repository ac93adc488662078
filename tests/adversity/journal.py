"""What the fleet wrote down: one fact a line, appended in the order in which it became known.

A fact is a letter and its fields, parted by tabs::

    U user canary         a learner was made
    B user session        a session was begun
    T session item        a turn was sent for the first time
    A session item seq    it was acknowledged: ``conversation.item.done`` came with this seq
    X session item        it was refused for good (``session_ended``): it must never be stored
    E session seq digest  a durable event came, of these bytes
    S session digest      a summary came over REST, of these bytes
    V text                something was seen that may never be

The fleet's processes are not what is killed, so the file is not synchronized.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import msgspec

DIGEST_BYTES = 12  # 96 bits: two different frames of one place are never taken for the same


def digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest()


class Journal:
    """The writing end. ``note`` once a fact; ``close`` in the end."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8", buffering=1 << 16)
        self.violations = 0

    def note(self, letter: str, *fields: object) -> None:
        self._file.write("\t".join((letter, *map(str, fields))) + "\n")

    def violation(self, text: str) -> None:
        self.violations += 1
        self.note("V", text.replace("\n", " ").replace("\t", " "))
        self._file.flush()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Told(msgspec.Struct):
    """What was told of one session. ``sent``, ``refused``: item ids; ``acknowledged``: seq by item id; ``events``:
    digest by seq; ``summaries``: digests of the summary as REST gave it."""

    user: str
    sent: set[str] = msgspec.field(default_factory=set)
    refused: set[str] = msgspec.field(default_factory=set)
    acknowledged: dict[str, int] = msgspec.field(default_factory=dict)
    events: dict[int, str] = msgspec.field(default_factory=dict)
    summaries: set[str] = msgspec.field(default_factory=set)


class Testimony(msgspec.Struct):
    """All journals together: canaries by user, sessions by id, and what should not have been seen."""

    canaries: dict[str, str] = msgspec.field(default_factory=dict)
    sessions: dict[str, Told] = msgspec.field(default_factory=dict)
    violations: list[str] = msgspec.field(default_factory=list)

    def _take(self, letter: str, fields: list[str]) -> None:
        if letter == "V":
            self.violations.append(fields[0])
        elif letter == "U":
            self.canaries[fields[0]] = fields[1]
        elif letter == "B":
            self.sessions.setdefault(fields[1], Told(fields[0]))
        else:
            self._take_of(self.sessions[fields[0]], letter, fields)

    def _take_of(self, told: Told, letter: str, fields: list[str]) -> None:
        if letter == "E":
            self._once(told.events, int(fields[1]), fields[2], fields)
        elif letter == "T":
            told.sent.add(fields[1])
        elif letter == "A":
            self._once(told.acknowledged, fields[1], int(fields[2]), fields)
        elif letter == "X":
            told.refused.add(fields[1])
        elif letter == "S":
            told.summaries.add(fields[1])
        else:
            raise ValueError(f"no such fact: {letter}")

    def _once(self, facts: dict[Any, Any], key: Any, value: Any, fields: list[str]) -> None:
        if facts.setdefault(key, value) != value:
            self.violations.append(f"told twice, and not the same: {fields}, before {facts[key]}")


def read(paths: Iterable[Path]) -> Testimony:
    """Every fact of these journals."""
    testimony = Testimony()
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                letter, *fields = line.rstrip("\n").split("\t")
                testimony._take(letter, fields)
    return testimony
