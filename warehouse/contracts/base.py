"""What a column and a table are, and how their types map to Arrow.

Belongs here: the `Column` and `Table` shapes and conversions of their types.
Does not belong here: any actual column or table (one module a domain beside this one).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from warehouse.errors import RollhouseError

if TYPE_CHECKING:
    import pyarrow as pa

LAYERS = ("raw", "parsed", "session", "derived", "summary")

# What strict privacy makes of a column that says where something is.
HASHED = "hashed"
DROPPED = "dropped"
_STRICT = {HASHED: " Its keyed hash under strict privacy.", DROPPED: " NULL under strict privacy."}


# What a domain says of each of its tables: name, layer, description, grain, key, columns, and
# the columns that stay in the lake.
Tables = tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]


class ContractError(RollhouseError):
    """A contract contradicts itself or another one."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column, described once for all tables that carry it.

    `type` is a DuckDB type. `null` says what NULL means; empty means that the column is
    never NULL. `unit` is empty where the value has none. `strict` says what strict privacy
    makes of a path, branch or host: HASHED or DROPPED.
    """

    name: str
    type: str
    meaning: str
    null: str = ""
    unit: str = ""
    strict: str = ""

    def __post_init__(self) -> None:
        if self.strict and self.strict not in _STRICT:
            raise ContractError(f"column {self.name} has an unknown strict: {self.strict}")

    @property
    def nullable(self) -> bool:
        return bool(self.null)

    @property
    def comment(self) -> str:
        """One sentence for COMMENT ON, the Dagster UI and the data dictionary."""
        end = "" if self.meaning.endswith("...") else "."
        unit = f" Unit: {self.unit}." if self.unit else ""
        null = f" NULL: {self.null}." if self.null else ""
        return f"{self.meaning}{end}{unit}{null}{_STRICT.get(self.strict, '')}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its layer, grain, key and columns, in storage order.

    `lake_only` names columns that stay in the Parquet lake and are not published.
    """

    name: str
    layer: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    lake_only: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ContractError(f"table {self.name} names a column twice")
        if missing := [name for name in self.key if name not in names]:
            raise ContractError(f"key of {self.name} is not among its columns: {missing}")
        if self.layer not in LAYERS:
            raise ContractError(f"table {self.name} has an unknown layer: {self.layer}")

    @property
    def published(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.name not in self.lake_only)

    @property
    def arrow_schema(self) -> pa.Schema:
        return _arrow_schema(self)


def columns_of(vocabulary: dict[str, Column], names: Iterable[str]) -> tuple[Column, ...]:
    """The named columns; raises ContractError for a name that nothing describes."""
    found = []
    for name in names:
        if name not in vocabulary:
            raise ContractError(f"column {name!r} is not described in any contract")
        found.append(vocabulary[name])
    return tuple(found)


@cache
def arrow_type(duckdb_type: str) -> pa.DataType:
    """The Arrow type of a DuckDB type name, such as `BIGINT` or `VARCHAR[]`."""
    import pyarrow as pa

    if duckdb_type.endswith("[]"):
        return pa.list_(arrow_type(duckdb_type[:-2]))
    if duckdb_type.startswith("DECIMAL("):
        precision, scale = duckdb_type[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    simple = {
        "VARCHAR": pa.string(),
        "BOOLEAN": pa.bool_(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "UBIGINT": pa.uint64(),
        "DOUBLE": pa.float64(),
        "DATE": pa.date32(),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    }
    if duckdb_type not in simple:
        raise ContractError(f"no Arrow type is known for {duckdb_type}")
    return simple[duckdb_type]


@cache
def _arrow_schema(table: Table) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [pa.field(c.name, arrow_type(c.type), nullable=c.nullable) for c in table.columns]
    )
