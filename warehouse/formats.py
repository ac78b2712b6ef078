"""The rows of a query as JSON, CSV, Parquet, or a table for people.

Belongs here: how values and rows are written. Does not belong here: running queries.

JSON and CSV are written row by row and Parquet batch by batch: a result may be larger than
memory. Only a table is held as a whole, and it is cut after TABLE_ROWS rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import msgspec

from warehouse.errors import RollhouseError
from warehouse.wording import printable

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]

TABLE_ROWS = 200
_BATCH = 5_000

_JSON = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class UnwritableError(RollhouseError):
    """The form has no way to write a value; the message says which and what to do."""


class Result:
    """Columns and, once, the rows of an executed statement, fetched as they are read."""

    def __init__(self, result: duckdb.DuckDBPyConnection) -> None:
        description = result.description or []
        self.columns = unique_names(column[0] for column in description)
        self.types = [str(column[1]) for column in description]
        self._result = result

    def __iter__(self) -> Iterator[Row]:
        while batch := self._result.fetchmany(_BATCH):
            yield from batch


def unique_names(names: Iterable[str]) -> list[str]:
    """The names; those that repeat an earlier one get a number."""
    found: dict[str, None] = {}
    for name in names:
        new, count = name, 0
        while new in found:
            count += 1
            new = f"{name}_{count}"
        found[new] = None
    return list(found)


def write_json(result: Result, out: TextIO) -> None:
    """An array of objects, one a line: decimals as exact numbers, times in ISO 8601."""
    nested = [index for index, type_ in enumerate(result.types) if type_ == "JSON"]
    separator = "\n"
    out.write("[")
    for row in result:
        record = dict(zip(result.columns, row, strict=True))
        for index in nested:
            if row[index] is not None:
                record[result.columns[index]] = msgspec.Raw(row[index].encode())
        out.write(separator + _JSON.encode(record).decode())
        separator = ",\n"
    out.write("\n]\n")


def write_csv(result: Result, out: TextIO) -> None:
    """RFC 4180 with a header; NULL is an empty field, an empty text is `""`."""
    out.write(",".join(map(_csv_field, result.columns)) + "\n")
    for row in result:
        out.write(",".join(map(_csv_field, row)) + "\n")


def _csv_field(value: object) -> str:
    if value is None:
        return ""
    text = as_text(value)
    if type(value) in _TEXT:  # no number or time has a comma or a quote
        return text
    if not text or _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_parquet(relation: duckdb.DuckDBPyRelation, out: BinaryIO) -> None:
    """Parquet with the types of the columns. Raises UnwritableError for one it has not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # an open reader would keep the connection open
    with relation.to_arrow_reader(_BATCH * 10) as reader:
        names = unique_names(reader.schema.names)
        schema = pa.schema(
            [field.with_name(name) for field, name in zip(reader.schema, names, strict=True)]
        )
        try:
            with pq.ParquetWriter(out, schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch.rename_columns(names))
        except pa.ArrowNotImplementedError as error:
            raise UnwritableError(
                f"Parquet cannot hold a column: {error}; cast it, say to VARCHAR"
            ) from None


def write_table(result: Result, out: TextIO) -> None:
    """For people: a table, or one block a row where the terminal is too narrow for it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = list(islice(result, TABLE_ROWS + 1))
    is_cut = len(rows) > TABLE_ROWS
    del rows[TABLE_ROWS:]
    # a pipe is as wide as the table; a terminal is not
    width = None if out.isatty() else 1_000_000
    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for index, name in enumerate(result.columns):
        is_number = _holds_numbers(row[index] for row in rows)
        table.add_column(Text(name), justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    unlimited = console.options.update(max_width=1_000_000)
    if console.measure(table, options=unlimited).maximum <= console.width:
        console.print(table)
    else:
        longest = max(map(len, result.columns))
        for number, row in enumerate(rows, start=1):
            console.print(f"row {number}", style="bold")
            for name, value in zip(result.columns, row, strict=True):
                console.print(f"  {name:<{longest}} ", _cell(value), soft_wrap=True)
    if is_cut:
        note = f"the first {TABLE_ROWS} rows; --format csv or json writes all"
    else:
        note = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    console.print(f"({note})", style="dim", soft_wrap=True)


def _cell(value: object) -> Any:
    from rich.text import Text

    return Text("NULL", style="dim") if value is None else Text(printable(as_text(value)))


def _holds_numbers(values: Iterable[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in known
    )


WRITERS = {"json": write_json, "csv": write_csv, "table": write_table}


_QUOTED = re.compile('[,"\r\n]')
_TEXT: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: str,
    Decimal: lambda value: format(value, "f"),
    datetime: lambda value: value.isoformat(" "),
    date: date.isoformat,
    time: time.isoformat,
    bytes: bytes.hex,
}


def as_text(value: object) -> str:
    """A value of DuckDB (not NULL) as people and readers of CSV expect it."""
    if isinstance(value, str):
        return value
    if convert := _TEXT.get(type(value)):
        return convert(value)
    if isinstance(value, list | tuple | dict):
        return _JSON.encode(value).decode()
    return str(value)
