"""Rows written by column name, given on in the order of the contract.

Belongs here: the step from names to tuples, for kinds with many wide and sparse tables.
Does not belong here: what the values are, and the one table of a kind that is so frequent
that its tuples are written directly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from warehouse.contracts import lake_tables
from warehouse.sources.base import Rows


class NamedRows:
    """Adds rows to `rows`, which the engine hands in with every call of a parser."""

    def __init__(self, tables: Iterable[str]) -> None:
        contracts = lake_tables()
        self._columns = {
            name: tuple(c.name for c in contracts[name].columns if c.name != "source_id")
            for name in tables
        }
        self._names = {name: frozenset(columns) for name, columns in self._columns.items()}
        self.rows: Rows = {}

    def add(self, table: str, *parts: Mapping[str, object]) -> None:
        """Append one row; columns that no part names are NULL.

        Raises KeyError for a name that is no column of the table: a mistake in the parser.
        """
        values: dict[str, object] = {}
        for part in parts:
            values.update(part)
        if not values.keys() <= self._names[table]:
            raise KeyError(f"{table} has no column {sorted(values.keys() - self._names[table])}")
        self.rows[table].append(tuple(map(values.get, self._columns[table])))
