"""The lines that learners say in the benchmark."""

from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("lines.txt")


@cache
def lines() -> tuple[str, ...]:
    """About two hundred lines of 5 to 25 words, in the order of the file."""
    read = FILE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in (raw.strip() for raw in read) if line and not line.startswith("#"))
