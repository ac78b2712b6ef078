"""The published warehouse: the file that readers open.

Belongs here: its asset. Does not belong here: how a build is swapped in (warehouse/publish.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from warehouse.build import Build
from warehouse.builds import database_path


def publish_step(tables: Sequence[str]) -> dg.AssetsDefinition:
    """`warehouse_file`, once all tables are made and no blocking check has failed."""

    @dg.asset(
        name="warehouse_file",
        group_name="publish",
        deps=list(tables),
        kinds={"duckdb"},
        description=(
            "warehouse.duckdb: all tables, sorted and commented, swapped in beside the running "
            "readers.\n\nQuery it with `rollhouse query` or open it read-only."
        ),
    )
    def warehouse_file(build: dg.ResourceParam[Build]) -> dg.MaterializeResult:
        record = build.publish()
        file = database_path(build.lake)
        return dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(str(file)),
                "bytes": file.stat().st_size,
                "build": record.id,
                "generation": record.generation,
                "seconds": record.seconds,
                "tables": len(record.rows),
                "rows": sum(record.rows.values()),
                "warnings": record.warnings,
            }
        )

    return warehouse_file
