"""The product's source as the tests of the house read it."""

import ast
import functools
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from storage.schema import metadata
from tests.support import ROOT

PACKAGES = ("server", "realtime", "storage")
TABLES = frozenset(metadata.tables)

_WRITE = re.compile(
    r"\b(?:INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|COPY|TRUNCATE(?:\s+TABLE)?"
    r"|(?<!DO )(?<!FOR )(?<!NO KEY )UPDATE(?:\s+ONLY)?)\s+(\{\w*\}|[a-z_]+)"
)


def modules(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Source by path, relative to the repository."""
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in found}


@functools.cache
def committed() -> tuple[Path, ...]:
    """The files that are, or are about to be, in the repository: everything that is not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return tuple(path for path in paths if path.is_file())


def functions(source: str) -> Iterator[tuple[str, int]]:
    """(name, lines) of every function and method."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def texts(source: str) -> Iterator[str]:
    """Every string of a module that is not a docstring; in an f-string ``{name}`` stands for a value."""
    tree = ast.parse(source)
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))  # a docstring
        elif isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node) if isinstance(part, ast.Constant)}
            yield "".join(_part(part) for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    return f"{{{part.value.id}}}" if isinstance(part.value, ast.Name) else "{}"


def _handed_over(source: str) -> set[str]:
    """The strings that a module passes to functions by position."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    given = (argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant))
    return {value for value in given if isinstance(value, str)}


def written_tables(source: str) -> set[str]:
    """The tables that a module's SQL writes to. A name that an f-string leaves open may be any table's that the
    module passes to a function."""
    named = {target for text in texts(source) for target in _WRITE.findall(text)}
    left_open = any(name.startswith("{") for name in named)
    return {name for name in named | (_handed_over(source) if left_open else set()) if name in TABLES}


def writers() -> dict[str, set[str]]:
    """The modules that write each table."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, source in modules().items():
        for table in written_tables(source):
            found[table].add(path)
    return dict(found)
