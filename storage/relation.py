"""Rows as one parameter: an array of a composite type, which the statement unnests.

An array a column instead, which needs no types, costs the driver a look at every value, and PostgreSQL a function
scan a column: a sixth more of what it takes to store a turn.
"""


class Relation:
    """Rows that a statement is given. ``columns``: (name, PostgreSQL type) pairs, in the order of the values.

    ``type``: the composite type with these columns, which a migration made. Such a type never changes: processes of
    two versions write at once while one is rolled out. Rows of another shape get a type of another name.
    """

    def __init__(self, name: str, type: str, columns: tuple[tuple[str, str], ...]) -> None:
        self.name = name
        self.type = type
        self.columns = columns

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def cte(self, parameter: int, *, ordinal: str | None = None) -> str:
        """``name(columns) AS (SELECT * FROM unnest($parameter))``. ``ordinal``: a last column with the row's number,
        from 1."""
        array = f"unnest(${parameter}::{self.type}[])"
        if ordinal is None:
            return f"{self.name} AS (SELECT * FROM {array})"
        return f"{self.name}({', '.join((*self.names, ordinal))}) AS (SELECT * FROM {array} WITH ORDINALITY)"
