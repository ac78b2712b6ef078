"""Counting a Codex home with the real parser and the real models.

Belongs here: from a folder of rollouts to the tables of the accounting. Does not belong
here: assertions, and making rollouts (families.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb

from tests.helpers import Warehouse
from warehouse import resources
from warehouse.contracts import lake_tables
from warehouse.models import Model, create_empty, load_models, run_macros, run_model
from warehouse.pricing import rates_table

TOKENS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
)

Sums = dict[str, dict[str | None, dict[str, int]]]


@cache
def _models(wanted: tuple[str, ...]) -> list[Model]:
    """The wanted models and all that they read, in order."""
    models = load_models(resources.sql_folder())
    needed = set(wanted)
    for model in reversed(models):
        if model.name in needed:
            needed |= model.references
    return [model for model in models if model.name in needed]


@cache
def _rates() -> object:
    return rates_table(None)


@contextmanager
def counted(
    warehouse: Warehouse, *tables: str, rates: object = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the models' `tables` over what the warehouse's lake holds."""
    models = _models(tables)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET VARIABLE timezone = 'UTC'")
        run_macros(resources.sql_folder(), connection)
        needed = {name for model in models for name in model.references}
        for name in sorted(needed & lake_tables().keys()):
            create_empty([lake_tables()[name]], connection)
            frame = (rates or _rates()) if name == "rates" else warehouse.table(name)
            connection.register("frame", frame)
            columns = ", ".join(f'"{c.name}"' for c in lake_tables()[name].published)
            connection.execute(f"INSERT INTO {name} SELECT {columns} FROM frame")
            connection.unregister("frame")
        for model in models:
            run_model(model, connection)
        yield connection


def count(home: Path, *codex_homes: Path) -> Warehouse:
    """A lake in `home` with all rollouts below the Codex homes."""
    warehouse = Warehouse(home, codex_homes)
    warehouse.sync(jobs=0)
    return warehouse


def sums(connection: duckdb.DuckDBPyConnection) -> Sums:
    """Per thread and model: responses and tokens, without fields that no row has."""
    fields = ", ".join(f"CAST(sum({name}) AS BIGINT)" for name in TOKENS)
    found: Sums = {}
    for session_id, model, responses, *values in connection.execute(
        f"SELECT session_id, model, count(*), {fields} FROM usage GROUP BY session_id, model"
    ).fetchall():
        told = {name: v for name, v in zip(TOKENS, values, strict=True) if v is not None}
        found.setdefault(session_id, {})[model] = {"responses": responses, **told}
    return found
