"""Rows as arrays: one parameter a column, unnested by the statement (a few microseconds a row)."""

from collections.abc import Iterable
from typing import Any


class Columns:
    """A relation given as parameters. ``columns``: (name, PostgreSQL type) pairs, in the order of the values."""

    def __init__(self, name: str, columns: tuple[tuple[str, str], ...]) -> None:
        self.name = name
        self.columns = columns

    @property
    def names(self) -> str:
        return ", ".join(name for name, _ in self.columns)

    def array(self, first: int, name: str) -> str:
        """The parameter of one column, where the first column's is ``$first``."""
        for at, (column, kind) in enumerate(self.columns):
            if column == name:
                return f"${first + at}::{kind}[]"
        raise KeyError(name)

    def cte(self, first: int, *, ordinal: str | None = None) -> str:
        """``name(columns) AS (SELECT * FROM unnest($first, ...))``. ``ordinal``: a last column with the row's number,
        from 1."""
        arrays = ", ".join(f"${first + at}::{kind}[]" for at, (_, kind) in enumerate(self.columns))
        if ordinal is None:
            return f"{self.name}({self.names}) AS (SELECT * FROM unnest({arrays}))"
        return f"{self.name}({self.names}, {ordinal}) AS (SELECT * FROM unnest({arrays}) WITH ORDINALITY)"

    def transpose(self, rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
        """One list a column; empty lists for no rows."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        return columns or [[] for _ in self.columns]
