"""Lines through a parser, as rows by column name.

Belongs here: what tests of several parsers share. Does not belong here: assertions.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from warehouse.contracts import lake_tables
from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, SourceKind

Row = dict[str, Any]
KEY = bytes(range(32))


def parse(
    kind: SourceKind, content: bytes, mode: str = "standard", cuts: list[int] | None = None
) -> dict[str, list[Row]]:
    """Rows of the complete lines of `content`, by table; `cuts` are numbers of lines after
    which the parser is called anew."""
    parser = kind.parser(Privacy(mode, KEY))
    rows: Rows = {table: [] for table in kind.tables}
    lines = content.split(b"\n")[:-1]
    bounds = [0, *sorted(set(cuts or []) & set(range(1, len(lines)))), len(lines)]
    offset = 0
    for start, end in pairwise(bounds):
        part = lines[start:end]
        parser.parse(part, start + 1, offset, rows)
        offset += sum(len(line) + 1 for line in part)
    return named(rows)


def parse_whole(kind: SourceKind, path: Path, mode: str = "standard") -> dict[str, list[Row]]:
    """Rows of a file that is read as a whole, by table."""
    rows: Rows = {table: [] for table in kind.tables}
    lines = kind.parser(Privacy(mode, KEY)).parse_file(str(path), rows)
    assert lines == len(rows["raw_lines"])
    return named(rows)


def named(rows: Rows) -> dict[str, list[Row]]:
    """Row tuples by the names of the contract's columns; texts as str, however given."""
    tables = lake_tables()
    found: dict[str, list[Row]] = {}
    for table, tuples in rows.items():
        names = [column.name for column in tables[table].columns if column.name != "source_id"]
        found[table] = [dict(zip(names, map(_text, values), strict=True)) for values in tuples]
    return found


def _text(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def texts_of(rows: dict[str, list[Row]]) -> list[str]:
    """Every string anywhere in the rows, lists included."""
    found = []
    for table in rows.values():
        for row in table:
            for value in row.values():
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, str):
                        found.append(one)
    return found


def checked(rows: dict[str, list[Row]]) -> None:
    """Rows hold what their contract says: never-NULL columns, and types that Arrow takes."""
    from warehouse.parsing import to_batch

    for name, table in rows.items():
        contract = lake_tables()[name]
        required = {column.name for column in contract.columns if not column.nullable}
        for row in table:
            missing = [c for c in required & row.keys() if row[c] is None]
            assert not missing, (name, missing)
        if table:
            to_batch([tuple(r.values()) for r in table], ["s"] * len(table), contract.arrow_schema)
