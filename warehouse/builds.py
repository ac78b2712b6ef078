"""Published builds: where they lie, which one is live, what it holds.

Belongs here: the folder of builds, as readers see it. Does not belong here: making a
build (publish.py); this module loads no DuckDB, so that it can answer at once.

    lake/builds/<id>.partial/    being built; swept when a build starts
    lake/builds/<id>/            warehouse.duckdb, build.json, <layer>/<table>.parquet of the models
    lake/current                 a link to the build that readers open

A reader that has a build open keeps it whole, even after it was pruned.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from warehouse.lake import Lake

DATABASE = "warehouse.duckdb"


class BuildRecord(msgspec.Struct):
    """build.json: what a published build holds and what it was made of."""

    id: str
    generation: int
    code: str
    created_at: str
    seconds: float = 0.0
    rows: dict[str, int] = {}
    warnings: list[str] = []
    privacy: str = "standard"


def current_build(lake: Lake) -> BuildRecord | None:
    """The live build, or None where nothing (whole) is published."""
    return read_build(lake.root / "current")


def read_build(folder: Path) -> BuildRecord | None:
    """The record of a build's folder, or None if it is not whole."""
    try:
        record = msgspec.json.decode((folder / "build.json").read_bytes(), type=BuildRecord)
    except (OSError, msgspec.MsgspecError):
        return None
    return record if (folder / DATABASE).is_file() else None


def all_builds(lake: Lake) -> list[BuildRecord]:
    """The builds that are kept, newest first; what is not whole is left out."""
    found = []
    for path in (lake.root / "builds").glob("*/build.json"):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=BuildRecord))
        except (OSError, msgspec.MsgspecError):
            continue
    return sorted(found, key=lambda record: record.created_at, reverse=True)


def database_path(lake: Lake) -> Path:
    """The file that readers open; it changes with every build."""
    return lake.root / "current" / DATABASE


def sweep_partial(lake: Lake) -> None:
    """Remove build folders that a killed build left."""
    for path in (lake.root / "builds").glob("*.partial"):
        shutil.rmtree(path, ignore_errors=True)
