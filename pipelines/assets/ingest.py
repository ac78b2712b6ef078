"""The layers raw and parsed: one step that reads what changed.

Belongs here: their assets, and what an ingest tells of itself. Does not belong here: how it
reads (warehouse/ingest.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from pipelines.assets.sources import sources_of
from pipelines.assets.tables import lake_asset, made
from pipelines.checks import check_specs
from warehouse.build import Build
from warehouse.contracts import Table, lake_tables


def ingest_step() -> dg.AssetsDefinition:
    """All tables of raw and parsed; sources are read once for all of them."""
    tables = lake_tables()

    @dg.multi_asset(
        name="ingest",
        specs=[lake_asset(table, _deps(table)) for table in tables.values()],
        check_specs=[spec for table in tables.values() for spec in check_specs(table)],
        can_subset=False,
        description="Read what changed, commit it to the lake, load it into the new build.",
    )
    def ingest(build: dg.ResourceParam[Build]) -> Iterator[dg.MaterializeResult]:
        build.ingest()
        for name in tables:
            parts = build.manifest.parts.get(name, {}).values()
            numbers = {"bytes": sum(part.bytes for part in parts), "parts": len(parts)}
            yield made(build, name, numbers | (_reading(build) if name == "raw_sources" else {}))

    return ingest


def _deps(table: Table) -> list[str]:
    """Rows of parsed are lines of raw; rows of raw are what lies outside."""
    return ["raw_lines"] if table.layer == "parsed" else sources_of(table)


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
