"""SQL models: finding them, reading their headers, ordering them by what they refer to.

Belongs here: everything between a file in sql/ and a table in a DuckDB connection.
Does not belong here: what a model computes (sql/), column meanings (contracts/), and
where tables end up (publish.py).

A model is sql/<layer>/<table>.sql: a leading block comment with YAML (see Header), then
exactly one SELECT. References are found by DuckDB's own parser. A macro file in sql/macros/
holds CREATE OR REPLACE TEMP MACRO statements and runs before all models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from warehouse.contracts import LAYERS, Table, lake_tables, model_table
from warehouse.headers import Coverage, Header, ModelError, Places, read_model

__all__ = ["Coverage", "Header", "Model", "ModelError", "load_models", "run_macros", "run_model"]

# Where internal models lie: in memory, beside the database that is built, for all its sessions.
INTERNAL = "memory.main"
MODEL_LAYERS = ("session", "derived", "summary")


class ModelMemoryError(ModelError):
    """A model needs more memory than DuckDB may take."""


@dataclass(frozen=True)
class Model:
    """One model: its contract, its SELECT, and the tables that it reads."""

    path: Path
    table: Table
    header: Header
    select: str
    references: frozenset[str]
    places: Places = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def order_by(self) -> str:
        return ", ".join(self.header.sort or self.header.key)


def load_models(folder: Path, known: Mapping[str, Iterable[str]] | None = None) -> list[Model]:
    """All models below `folder`, each after those that it refers to.

    `known` is what each refers to, where that was found in the very same files before: DuckDB
    takes 2 ms to parse one. Raises ModelError for a file that is not a model, an unknown or
    forbidden reference, a cycle, two models of one name, or an undeclared column.
    """
    connection = None if known else duckdb.connect()
    models: dict[str, Model] = {}
    for layer in MODEL_LAYERS:
        for path in sorted((folder / layer).glob("*.sql")):
            model = _read(path, layer, known or {}, connection)
            if model.name in models or model.name in lake_tables():
                raise ModelError(f"{path}: there is another table named {model.name}")
            models[model.name] = model
    for model in models.values():
        _check_references(model, models)
    try:
        order = list(
            TopologicalSorter(
                {name: sorted(m.references & models.keys()) for name, m in models.items()}
            ).static_order()
        )
    except CycleError as error:
        circle = error.args[1]  # each is read by the next
        where = "; ".join(
            f"{_place_of(models[name], read)} reads {read}" for read, name in pairwise(circle)
        )
        raise ModelError(f"models refer to each other in a circle: {where}") from None
    # layer by layer, so that a layer can be run as a whole
    ordered = [models[name] for name in order]
    return [m for layer in MODEL_LAYERS for m in ordered if m.table.layer == layer]


def _read(
    path: Path,
    layer: str,
    known: Mapping[str, Iterable[str]],
    connection: duckdb.DuckDBPyConnection | None,
) -> Model:
    header, select, places = read_model(path)
    references = frozenset(
        known[path.stem] if connection is None else _references(select, places, connection)
    )
    table = model_table(
        path.stem, layer, header.description, header.grain, header.key, header.columns
    )
    return Model(path, table, header, select, references, places)


def _references(
    select: str, places: Places, connection: duckdb.DuckDBPyConnection
) -> dict[str, int]:
    """Tables that a SELECT reads, each with the line that names it first."""
    (text,) = connection.execute(
        "SELECT json_serialize_sql(?, skip_default := true)", [select]
    ).fetchone() or ("",)
    tree = msgspec.json.decode(text)
    if tree["error"] or len(tree["statements"]) != 1:
        raise _no_select(select, places, connection, tree.get("error_message", ""))
    offsets: dict[str, int] = {}
    _collect(tree["statements"], frozenset(), offsets)
    content = select.encode()
    return {name: content[:offset].count(b"\n") for name, offset in offsets.items()}


def _no_select(
    select: str, places: Places, connection: duckdb.DuckDBPyConnection, told: str
) -> ModelError:
    """Why a model's text is not exactly one SELECT, and where."""
    try:
        statements = connection.extract_statements(select)
    except duckdb.Error as error:
        return _told(error, places)
    if len(statements) == 1:
        return ModelError(f"{places.select()}: a model is exactly one SELECT; DuckDB says: {told}")
    line = statements[0].query.count("\n") if statements else 0
    return ModelError(
        f"{places.select(line)}: a model is exactly one SELECT; this has "
        f"{len(statements)} statements"
    )


def _collect(node: Any, common: frozenset[str], found: dict[str, int]) -> None:
    """Names and offsets of the tables below a node; `common` holds the CTE names in scope."""
    if isinstance(node, list):
        for item in node:
            _collect(item, common, found)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        name = ".".join(node["qualified_name"]["path"])
        if name not in common:
            found.setdefault(name, node["query_location"])
    ctes = node.get("cte_map", {}).get("map", []) if isinstance(node.get("cte_map"), dict) else []
    for entry in ctes:
        name, body = entry["key"], entry["value"]
        is_recursive = body.get("query_node", {}).get("type") == "RECURSIVE_CTE_NODE"
        _collect(body, common | {name} if is_recursive else common, found)
        common = common | {name}
    for key, value in node.items():
        if key != "cte_map":
            _collect(value, common, found)


def _check_references(model: Model, models: dict[str, Model]) -> None:
    level = LAYERS.index(model.table.layer)
    for name in sorted(model.references):
        if name in models:
            other = models[name].table.layer
        elif name in lake_tables():
            other = lake_tables()[name].layer
        else:
            raise ModelError(f"{_place_of(model, name)}: there is no table named {name}")
        if LAYERS.index(other) > level:
            raise ModelError(
                f"{_place_of(model, name)}: {name} belongs to the layer {other}, above this "
                f"model's layer {model.table.layer}"
            )


def _place_of(model: Model, reference: str) -> str:
    """`<file>, line <n>` where a model names a table."""
    with duckdb.connect() as connection:
        return model.places.select(_references(model.select, model.places, connection)[reference])


_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


def _told(error: duckdb.Error, places: Places) -> ModelError:
    """DuckDB's error, with the file's line instead of the statement's."""
    found = _LINE.search(str(error))
    where = places.select(int(found.group(1)) - 1) if found else str(places.path)
    told = f"{where}: {_without_line(error)}"
    if isinstance(error, duckdb.OutOfMemoryException):
        return ModelMemoryError(f"{told}\nthe setting memory_limit allows more")
    return ModelError(told)


def _without_line(error: duckdb.Error) -> str:
    """The error's text; what it quotes stays above the mark below it."""
    return _LINE.sub(lambda found: " " * len(found.group()), str(error))


# --- running --------------------------------------------------------------------------------------


def run_macros(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros of sql/macros for this connection."""
    for path in sorted((folder / "macros").glob("*.sql")):
        try:
            connection.execute(path.read_text(encoding="utf-8"))
        except duckdb.Error as error:
            found = _LINE.search(str(error))
            where = f"{path}, line {found.group(1)}" if found else str(path)
            raise ModelError(f"{where}: {_without_line(error)}") from None


def run_model(model: Model, connection: duckdb.DuckDBPyConnection) -> int:
    """Create the model's table, sorted; returns its rows. Raises ModelError.

    The SELECT's columns must be the declared ones: same names, order and types.
    """
    if model.header.internal:
        create = f"CREATE TABLE {INTERNAL}.{model.name} AS {model.select}"
    else:
        create = (
            f"CREATE TABLE {model.name} AS SELECT * FROM ({model.select}\n) "
            f"ORDER BY {model.order_by}"
        )
    try:  # statements begin in the SELECT's first line, so that errors name the right one
        # all of the answer is fetched, which ends the transaction: other sessions see the table
        ((rows,),) = connection.execute(create).fetchall()
    except duckdb.Error as error:
        with suppress(duckdb.Error):  # a sort column that is missing is an undeclared one
            _check_columns(model, connection.query(model.select))
        raise _told(error, model.places) from None
    _check_columns(model, connection.table(model.name))
    return int(rows)


def digest(model: Model, connection: duckdb.DuckDBPyConnection) -> str:
    """What the rows of a model's table come to, in any order; 5 ns a value.

    Equal digests: equal rows. (Of two tables that differ, one in 2^64 pairs has the same.)
    """
    columns = ", ".join(f'"{name}"' for name in model.header.columns)
    (found,) = connection.execute(f"SELECT sum(hash({columns})) FROM {model.name}").fetchone() or (
        0,
    )
    return str(found)


def _check_columns(model: Model, relation: duckdb.DuckDBPyRelation) -> None:
    """Raise ModelError unless a table or SELECT has the columns that the header declares."""
    described = [
        (name, str(type_)) for name, type_ in zip(relation.columns, relation.types, strict=True)
    ]
    declared = [(column.name, column.type) for column in model.table.columns]
    if described == declared:
        return
    types = dict(described)
    for index, (name, wanted) in enumerate(declared):
        place = model.places.entry("columns", index)
        if name not in types:
            raise ModelError(f"{place}: the header declares {name}, the SELECT lacks it")
        if types[name] != wanted:
            raise ModelError(f"{place}: {name} is {types[name]}; its contract says {wanted}")
    for name in types:
        if name not in model.header.columns:
            raise ModelError(
                f"{model.places.entry('columns')}: the SELECT has {name}, the header does not "
                "declare it"
            )
    raise ModelError(
        f"{model.places.entry('columns')}: the SELECT's columns are in another order: "
        + ", ".join(name for name, _ in described)
    )


def create_empty(
    tables: Iterable[Table], connection: duckdb.DuckDBPyConnection, not_null: bool = True
) -> None:
    """Create tables as their contracts say (published columns only), without rows."""
    for table in tables:
        columns = ", ".join(
            f'"{c.name}" {c.type}{" NOT NULL" if not_null and not c.nullable else ""}'
            for c in table.published
        )
        connection.execute(f"CREATE TABLE {table.name} ({columns})")


def comment(tables: Iterable[Table], connection: duckdb.DuckDBPyConnection) -> None:
    """COMMENT ON tables and their columns, from the contracts.

    A statement costs 0.3 ms and a warehouse has 2,400 comments: those that stand already are
    left alone, and the others go in one text.
    """
    standing = {
        (table, column): text
        for table, column, text in connection.execute(
            "SELECT table_name, NULL, comment FROM duckdb_tables() "
            "WHERE database_name = current_database() UNION ALL "
            "SELECT table_name, column_name, comment FROM duckdb_columns() "
            "WHERE database_name = current_database()"
        ).fetchall()
    }
    statements = []
    for table in tables:
        text = f"{table.description}. {table.grain[:1].upper()}{table.grain[1:]}."
        if standing[table.name, None] != text:
            statements.append(f"COMMENT ON TABLE {table.name} IS {_quoted(text)}")
        statements += [
            f'COMMENT ON COLUMN {table.name}."{column.name}" IS {_quoted(column.comment)}'
            for column in table.published
            if standing[table.name, column.name] != column.comment
        ]
    if statements:
        # one commit instead of one each; a third of what is left is setting up the optimizer
        connection.execute("PRAGMA disable_optimizer")
        connection.execute(f"BEGIN; {'; '.join(statements)}; COMMIT")
        connection.execute("PRAGMA enable_optimizer")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
