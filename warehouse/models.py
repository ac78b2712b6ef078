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
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from warehouse.contracts import LAYERS, ContractError, Table, lake_tables, model_table
from warehouse.errors import RollhouseError

MODEL_LAYERS = ("session", "derived", "summary")

_HEADER = re.compile(r"\s*/\*(.*?)\*/", re.DOTALL)


class ModelError(RollhouseError):
    """A model is wrong; the message names file, line and what to change."""


class Coverage(BaseModel):
    """A value and its denominators: 0 <= covered <= total, value NULL iff covered = 0."""

    model_config = ConfigDict(extra="forbid")

    value: str
    covered: str
    total: str


class Header(BaseModel):
    """What a model says of itself.

    An `internal` model is a step on the way: not published, sorted, checked or documented.
    """

    model_config = ConfigDict(extra="forbid")

    description: str
    grain: str
    key: list[str]
    columns: list[str]
    scope: Literal["session", "family", "global"]
    sort: list[str] = []
    coverage: list[Coverage] = []
    internal: bool = False


@dataclass(frozen=True)
class Model:
    """One model: its contract, its SELECT, and the tables that it reads."""

    path: Path
    table: Table
    header: Header
    select: str
    references: frozenset[str]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def order_by(self) -> str:
        return ", ".join(self.header.sort or self.header.key)


def load_models(folder: Path) -> list[Model]:
    """All models below `folder`, each after those that it refers to.

    Raises ModelError for a file that is not a model, an unknown or forbidden reference, a
    cycle, two models of one name, or an undeclared column.
    """
    connection = duckdb.connect()
    models: dict[str, Model] = {}
    for layer in MODEL_LAYERS:
        for path in sorted((folder / layer).glob("*.sql")):
            model = _read(path, layer, connection)
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
        cycle = error.args[1]
        where = "; ".join(
            f"{models[name].path} reads {cycle[i + 1]}" for i, name in enumerate(cycle[:-1])
        )
        raise ModelError(f"models refer to each other in a circle: {where}") from None
    # layer by layer, so that a layer can be run as a whole
    ordered = [models[name] for name in order]
    return [m for layer in MODEL_LAYERS for m in ordered if m.table.layer == layer]


def _read(path: Path, layer: str, connection: duckdb.DuckDBPyConnection) -> Model:
    text = path.read_text(encoding="utf-8")
    match = _HEADER.match(text)
    if match is None:
        raise ModelError(f"{path}, line 1: a model begins with a comment /* ... */ that holds YAML")
    try:
        header = Header.model_validate(yaml.safe_load(match.group(1)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ModelError(f"{path}, line {line}: the header is not YAML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'header'}: {e['msg']}" for e in error.errors()
        )
        raise ModelError(f"{path}, header: {problems}") from None
    select = text[match.end() :].strip().removesuffix(";").rstrip()
    # pad with the header's lines, so that DuckDB's line numbers are the file's
    padded = "\n" * text[: text.index(select)].count("\n") + select if select else ""
    references = _references(path, padded, connection)
    try:
        table = model_table(
            path.stem, layer, header.description, header.grain, header.key, header.columns
        )
    except ContractError as error:
        raise ModelError(f"{path}, header: {error}") from None
    for coverage in header.coverage:
        for name in (coverage.value, coverage.covered, coverage.total):
            if name not in header.columns:
                raise ModelError(f"{path}, header: coverage names {name}, which is no column")
    return Model(path, table, header, select, references)


def _references(path: Path, select: str, connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    try:
        count = len(connection.extract_statements(select))
        if count != 1:
            raise ModelError(f"{path}: a model is exactly one SELECT; this has {count} statements")
        (text,) = connection.execute("SELECT json_serialize_sql(?)", [select]).fetchone() or ("",)
    except duckdb.Error as error:
        raise ModelError(f"{path}{_line_of(error)}: {error}") from None
    tree = msgspec.json.decode(text)
    if tree.get("error"):
        message = tree.get("error_message", "it is not a SELECT")
        raise ModelError(f"{path}: a model is exactly one SELECT; DuckDB says: {message}")
    found: set[str] = set()
    _collect(tree["statements"], frozenset(), found)
    return frozenset(found)


def _collect(node: Any, common: frozenset[str], found: set[str]) -> None:
    """Names of the tables below a node; `common` holds the CTE names in scope."""
    if isinstance(node, list):
        for item in node:
            _collect(item, common, found)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        name = node["table_name"]
        if name not in common:
            found.add(name)
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
        line = _line_naming(model.path, name)
        if name in models:
            other = models[name].table.layer
        elif name in lake_tables():
            other = lake_tables()[name].layer
        else:
            raise ModelError(f"{model.path}, line {line}: there is no table named {name}")
        if LAYERS.index(other) > level:
            raise ModelError(
                f"{model.path}, line {line}: {name} belongs to the layer {other}, above this "
                f"model's layer {model.table.layer}"
            )


def _line_naming(path: Path, name: str) -> int:
    pattern = re.compile(rf"\b(?:FROM|JOIN)\s+\"?{re.escape(name)}\b", re.IGNORECASE)
    text = path.read_text(encoding="utf-8")
    found = pattern.search(text)
    return text[: found.start()].count("\n") + 1 if found else 1


def _line_of(error: duckdb.Error) -> str:
    line = re.search(r"LINE (\d+):", str(error))
    return f", line {line.group(1)}" if line else ""


# --- running --------------------------------------------------------------------------------------


def run_macros(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros of sql/macros for this connection."""
    for path in sorted((folder / "macros").glob("*.sql")):
        try:
            connection.execute(path.read_text(encoding="utf-8"))
        except duckdb.Error as error:
            raise ModelError(f"{path}{_line_of(error)}: {error}") from None


def run_model(model: Model, connection: duckdb.DuckDBPyConnection) -> int:
    """Create the model's table, sorted; returns its rows. Raises ModelError.

    The SELECT's columns must be the declared ones: same names, order and types.
    """
    try:
        described = connection.execute(f"DESCRIBE {model.select}").fetchall()
        _check_columns(model, [(row[0], row[1]) for row in described])
        if model.header.internal:
            connection.execute(f"CREATE TEMP TABLE {model.name} AS {model.select}")
        else:
            connection.execute(
                f"CREATE TABLE {model.name} AS SELECT * FROM (\n{model.select}\n) "
                f"ORDER BY {model.order_by}"
            )
    except duckdb.Error as error:
        raise ModelError(f"{model.path}{_line_of(error)}: {error}") from None
    (rows,) = connection.execute(f"SELECT count(*) FROM {model.name}").fetchone() or (0,)
    return int(rows)


def _check_columns(model: Model, described: list[tuple[str, str]]) -> None:
    declared = [(column.name, column.type) for column in model.table.columns]
    if described == declared:
        return
    names = [name for name, _ in described]
    for name, wanted in declared:
        if name not in names:
            raise ModelError(f"{model.path}: the header declares {name}, the SELECT lacks it")
        actual = dict(described)[name]
        if actual != wanted:
            raise ModelError(f"{model.path}: {name} is {actual}; its contract says {wanted}")
    declared_names = [name for name, _ in declared]
    for name in names:
        if name not in declared_names:
            raise ModelError(f"{model.path}: the SELECT has {name}, the header does not declare it")
    raise ModelError(f"{model.path}: the SELECT's columns are in another order than the header's")


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


def comment(table: Table, connection: duckdb.DuckDBPyConnection) -> None:
    """COMMENT ON the table and its columns, from the contract."""
    connection.execute(
        f"COMMENT ON TABLE {table.name} IS {_quoted(f'{table.description}. {table.grain}.')}"
    )
    for column in table.published:
        connection.execute(
            f'COMMENT ON COLUMN {table.name}."{column.name}" IS {_quoted(column.comment)}'
        )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
