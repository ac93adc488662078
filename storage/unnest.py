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

    def cte(self, first: int) -> str:
        """``name(columns) AS (SELECT * FROM unnest($first, ...))``."""
        arrays = ", ".join(f"${first + at}::{kind}[]" for at, (_, kind) in enumerate(self.columns))
        return f"{self.name}({self.names}) AS (SELECT * FROM unnest({arrays}))"

    def transpose(self, rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
        """One list a column; empty lists for no rows."""
        columns: list[list[Any]] = [[] for _ in self.columns]
        for row in rows:
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        return columns
