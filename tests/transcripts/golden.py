"""Golden sessions as files: reading, writing, and comparing a frame with what a file says of it.

The form is told for people in ``docs/transcripts/README.md``. A string that begins with ``$`` is a placeholder:
``$any`` stands for anything; every other one is bound to the value it first stands for, and must stand for an equal
value from then on.
"""

import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from tests.support import ROOT

DIRECTORY = ROOT / "docs" / "transcripts"
ANY = "$any"
DELTA = "response.output_text.delta"

_NAME = re.compile(r"\$[A-Za-z]\w*")


class Mismatch(AssertionError):
    """A frame is not what the golden session says; the message names the place and both values."""


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """``pace_ms``: the persona's pause before each word. ``texts``: what the persona said when the session was
    recorded, by placeholder, for readers only."""

    golden: str
    about: str
    pace_ms: int = 0
    texts: dict[str, str] = {}


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    method: str
    path: str
    json: dict[str, Any] | None = None


class Answer(msgspec.Struct, frozen=True):
    status: int
    json: Any


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happens. Exactly one of ``note``, ``connect``, ``frame``, ``drop``, ``close``, ``request`` and
    ``answer`` is set."""

    dir: Literal["client", "server"] | None = None
    conn: str | None = None
    note: str | None = None
    connect: dict[str, Any] | None = None
    frame: dict[str, Any] | None = None
    drop: bool = False
    close: int | None = None
    request: Request | None = None
    answer: Answer | None = None

    @property
    def is_delta(self) -> bool:
        return self.dir == "server" and self.frame is not None and self.frame["type"] == DELTA


class Golden(msgspec.Struct, frozen=True):
    header: Header
    lines: list[Line]

    @classmethod
    def read(cls, path: Path) -> "Golden":
        """Raises ``msgspec.ValidationError`` when a line has not the form."""
        first, *rest = path.read_bytes().splitlines()
        decoder = msgspec.json.Decoder(Line)
        return cls(msgspec.json.decode(first, type=Header), [decoder.decode(line) for line in rest])

    def write(self, path: Path) -> None:
        encoded = [msgspec.json.encode(part) for part in (self.header, *self.lines)]
        path.write_bytes(b"\n".join(encoded) + b"\n")


class Bindings:
    """What the placeholders of one session stand for."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def match(self, pattern: Any, value: Any, where: str = "frame") -> None:
        """Compare to the last field; numbers are equal only when they have the same type (1 is not 1.0, as
        the bytes differ). Raises ``Mismatch``."""
        if isinstance(pattern, str) and _NAME.fullmatch(pattern):
            if pattern != ANY:
                self._same(self.values.setdefault(pattern, value), value, f"{where} ({pattern})")
        elif isinstance(pattern, dict) and isinstance(value, dict):
            if pattern.keys() != value.keys():
                missing, new = sorted(pattern.keys() - value.keys()), sorted(value.keys() - pattern.keys())
                raise Mismatch(f"{where}: missing {missing}, not expected {new}")
            for key in pattern:
                self.match(pattern[key], value[key], f"{where}.{key}")
        elif isinstance(pattern, list) and isinstance(value, list):
            if len(pattern) != len(value):
                raise Mismatch(f"{where}: {len(pattern)} entries expected, {len(value)} came: {value!r}")
            for number, (expected, found) in enumerate(zip(pattern, value, strict=True)):
                self.match(expected, found, f"{where}[{number}]")
        else:
            self._same(pattern, value, where)

    @staticmethod
    def _same(expected: Any, found: Any, where: str) -> None:
        if type(expected) is not type(found) or expected != found:
            raise Mismatch(f"{where}: {expected!r} expected, {found!r} came")

    def fill(self, value: Any) -> Any:
        """What a client sends: placeholders, also inside a string (a path), replaced by what they stand for.
        Raises KeyError for one that nothing was bound to."""
        if isinstance(value, str):
            if _NAME.fullmatch(value):
                return self.values[value]
            return _NAME.sub(lambda found: str(self.values[found.group()]), value)
        if isinstance(value, dict):
            return {key: self.fill(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        return value
