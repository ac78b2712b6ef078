"""What a build takes over from the live one, so that a small change costs little.

Belongs here: which build can be continued, and what its file tells of each table. Does not
belong here: changing the file (publish.py), or which models are made anew (build.py).

Nothing is taken over but what the same code made of the same parts: a table of the layers
raw and parsed is told by the names of its parts, which never name two contents (but where a lake
was put back to an older state: a build of a later generation is not continued); a model's
table is that of the same SELECT over tables that hold the same rows: they were taken over,
or made anew and came to the same digest. So a build that continues another holds the rows
that one from the beginning would.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from warehouse.builds import DATABASE, BuildRecord, current_build
from warehouse.checks import Check
from warehouse.lake import Lake, Manifest

TABLES = "tables.json"
# After so many builds all tables are made anew: rows that were replaced leave gaps in the file.
MOST_CONTINUED = 30


class Made(msgspec.Struct, array_like=True):
    """One table of a build, published or internal: its rows, and how its checks came out.

    `digest` tells the rows of a model that others read.
    """

    rows: int
    checks: list[Check]
    digest: str | None = None


class Tables(msgspec.Struct):
    """tables.json: what a build's tables were made of (table -> key -> part), and came to.

    `references` is what each model reads. `continued` counts the builds since all tables were
    made anew.
    """

    parts: dict[str, dict[str, str]]
    made: dict[str, Made]
    continued: int = 0
    references: dict[str, list[str]] = {}


class Carryover:
    """The live build, as far as the next one can continue it."""

    def __init__(self, folder: Path, tables: Tables) -> None:
        self.folder = folder
        self.tables = tables

    @property
    def database(self) -> Path:
        return self.folder / DATABASE

    def parts(self, table: str) -> dict[str, str]:
        """The parts that a table of the lake was loaded from, by key."""
        return self.tables.parts.get(table, {})


def part_names(manifest: Manifest, table: str) -> dict[str, str]:
    """The live parts of a table by key; a name stands for what the part holds."""
    return {key: part.path for key, part in manifest.parts.get(table, {}).items()}


def find_carryover(lake: Lake, code: str, privacy: str, generation: int) -> Carryover | None:
    """The live build, if the same code made it under the same privacy; None if not.

    `generation` is what the lake had before this build: what a build of a later one was made of is
    not what this build's parts of the same names hold.
    """
    record: BuildRecord | None = current_build(lake)
    if record is None or record.code != code or record.privacy != privacy:
        return None
    if record.generation > generation:
        return None
    folder = lake.root / "builds" / record.id
    try:
        tables = msgspec.json.decode((folder / TABLES).read_bytes(), type=Tables)
    except (OSError, msgspec.MsgspecError):
        return None
    return Carryover(folder, tables) if tables.continued < MOST_CONTINUED else None
