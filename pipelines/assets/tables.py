"""How a table looks in Dagster: its asset, and what each making of it came to.

Belongs here: everything that follows from a contract or a model's header. Does not belong
here: which step makes the table.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from pipelines.checks import check_results
from warehouse import resources
from warehouse.build import Build
from warehouse.contracts import Table
from warehouse.models import Model


def lake_asset(table: Table, deps: Iterable[str], kinds: set[str]) -> dg.AssetSpec:
    """The asset of a table of the layers raw and parsed."""
    return dg.AssetSpec(
        table.name,
        deps=sorted(deps),
        group_name=table.layer,
        description=_description(table),
        kinds=kinds,
        metadata={"dagster/table_name": table.name, "dagster/column_schema": column_schema(table)},
    )


def model_asset(model: Model) -> dg.AssetSpec:
    """The asset of a SQL model. Its code version says which SQL a materialization rests on."""
    file = model.path.relative_to(resources.sql_folder().parent).as_posix()
    sql = model.select.strip()
    is_internal = model.header.internal
    place = {} if is_internal else {"dagster/table_name": model.name}
    return dg.AssetSpec(
        model.name,
        deps=sorted(model.references),
        group_name=model.table.layer,
        description=_description(model.table, *(["Not published."] if is_internal else [])),
        kinds={"sql", "duckdb"},
        tags={"internal": ""} if is_internal else {},
        code_version=hashlib.blake2b(sql.encode(), digest_size=8).hexdigest(),
        metadata={
            **place,
            "dagster/column_schema": column_schema(model.table),
            "dagster/code_references": _code_reference(str(model.path), file),
            "file": file,
            "sql": dg.MarkdownMetadataValue(f"```sql\n{sql}\n```"),
        },
    )


def _code_reference(path: str, label: str) -> dg.CodeReferencesMetadataValue:
    """A link that opens the file in an editor. Dagster calls these beta, users need not hear it."""
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        reference = dg.LocalFileCodeReference(file_path=path, label=label)
        return dg.CodeReferencesMetadataValue(code_references=[reference])


def column_schema(table: Table) -> dg.TableSchema:
    """The published columns, as their contract describes them."""
    key = ", ".join(table.key)
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.type,
                column.comment,
                dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.key == (column.name,)
                ),
                tags={"key": ""} if column.name in table.key else {},
            )
            for column in table.published
        ],
        dg.TableConstraints([f"key: {key}"]),
    )


def made(
    build: Build, table: str, metadata: Mapping[str, Any] | None = None
) -> dg.MaterializeResult:
    """The materialization of a table that a build has made, and its checks."""
    stats = build.stats(table)
    return dg.MaterializeResult(
        table,
        metadata={
            "dagster/row_count": stats.rows,
            "seconds": round(stats.seconds, 3),
            "taken over": stats.is_kept,
            **(metadata or {}),
        },
        check_results=list(check_results(build, table)),
    )


def _description(table: Table, *remarks: str) -> str:
    facts = [f"Grain: {table.grain}.", f"Key: {', '.join(table.key)}.", *remarks]
    return f"{table.description.removesuffix('.')}.\n\n{' '.join(facts)}"
