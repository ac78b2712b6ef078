"""The layers raw and parsed: one step that reads what changed.

Belongs here: their assets, and what an ingest tells of itself. Does not belong here: how it
reads (warehouse/ingest.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from pipelines.assets.sources import PRICE_LIST, source_assets
from pipelines.assets.tables import lake_asset, made
from pipelines.checks import check_specs
from warehouse.build import Build
from warehouse.contracts import Table, lake_tables


def ingest_step() -> dg.AssetsDefinition:
    """All tables of raw and parsed; sources are read once for all of them."""
    tables = lake_tables()

    @dg.multi_asset(
        name="ingest",
        specs=[_asset(table) for table in tables.values()],
        check_specs=[spec for table in tables.values() for spec in check_specs(table)],
        can_subset=False,
        description="Read what changed, commit it to the lake, load it into the new build.",
    )
    def ingest(build: dg.ResourceParam[Build]) -> Iterator[dg.MaterializeResult]:
        build.ingest()
        for name in tables:
            numbers = _storage(build, name) | (_reading(build) if name == "raw_sources" else {})
            yield made(build, name, numbers)

    return ingest


def _asset(table: Table) -> dg.AssetSpec:
    """Rows of parsed are lines of raw; rows of raw are what lies outside."""
    if table.name == "rates":  # made anew for each build, and not kept in the lake
        return lake_asset(table, [PRICE_LIST], {"python"})
    deps = ["raw_lines"] if table.layer == "parsed" else source_assets()
    return lake_asset(table, deps, {"python", "parquet"})


def _storage(build: Build, table: str) -> dict[str, int]:
    """What the table's Parquet parts come to."""
    parts = build.manifest.parts.get(table, {}).values()
    return {"parquet bytes": sum(part.bytes for part in parts), "parquet files": len(parts)}


def _reading(build: Build) -> dict[str, int]:
    """What this run read; zeros tell a run that found the lake up to date."""
    done = build.ingested
    return {
        "files seen": build.plan.files,
        "sources read": done.sources_read if done else 0,
        "bytes parsed": done.bytes_parsed if done else 0,
        "lines parsed": done.lines_parsed if done else 0,
        "lines rejected": done.lines_rejected if done else 0,
        "files with problems": len(done.problems if done else build.plan.problems),
    }
