"""Every table and column once: type, unit, meaning, and what NULL means.

Belongs here: the registry that joins the domains' contracts and answers questions about
them. Arrow schemas, COMMENT ON, Dagster column schemas and docs/data-dictionary.md all
come from it. Does not belong here: reading or computing anything.

A new domain adds a module with `COLUMNS` and `TABLES` and is named in `_DOMAINS`. Where its
tables use a name with a meaning of their own, its `LOCAL_COLUMNS` say it by table.
"""

from __future__ import annotations

from functools import cache

from warehouse.contracts import (
    analytics,
    app_server,
    codex,
    codex_state,
    common,
    derived_goals,
    ledger,
    models,
    status,
    streams,
)
from warehouse.contracts.base import LAYERS, Column, ContractError, Table, columns_of

__all__ = [
    "LAYERS",
    "Column",
    "ContractError",
    "Table",
    "lake_tables",
    "meanings",
    "model_table",
    "vocabulary",
]

_DOMAINS = (
    common,
    codex,
    codex_state,
    models,
    app_server,
    analytics,
    status,
    streams,
    ledger,
    derived_goals,
)


@cache
def vocabulary() -> dict[str, Column]:
    """All described columns by name. Raises ContractError for one described twice."""
    found: dict[str, Column] = {}
    for domain in _DOMAINS:
        for column in domain.COLUMNS:
            if column.name in found:
                raise ContractError(f"column {column.name!r} is described twice")
            found[column.name] = column
    return found


@cache
def meanings(table: str) -> dict[str, Column]:
    """What column names mean in a table: the common vocabulary, and what is local to it."""
    local = {
        column.name: column
        for domain in _DOMAINS
        for column in getattr(domain, "LOCAL_COLUMNS", {}).get(table, ())
    }
    return vocabulary() | local if local else vocabulary()


@cache
def lake_tables() -> dict[str, Table]:
    """The tables of the layers raw and parsed, in the order in which they are published."""
    tables: dict[str, Table] = {}
    for domain in _DOMAINS:
        for name, layer, description, grain, key, columns, lake_only in getattr(
            domain, "TABLES", ()
        ):
            if name in tables:
                raise ContractError(f"table {name!r} is described twice")
            tables[name] = Table(
                name,
                layer,
                description,
                grain,
                key,
                columns_of(meanings(name), columns),
                frozenset(lake_only),
            )
    return tables


def model_table(
    name: str, layer: str, description: str, grain: str, key: list[str], columns: list[str]
) -> Table:
    """The contract of a SQL model from what its header says.

    Raises ContractError for a column that no contract describes.
    """
    return Table(name, layer, description, grain, tuple(key), columns_of(meanings(name), columns))
