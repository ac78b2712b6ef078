"""The published warehouse: a DuckDB file built beside the live one and swapped in.

Belongs here: the build folder, loading the lake into native tables, running models there,
comments, the swap, pruning. Does not belong here: where builds lie (builds.py), or
deciding whether to build (build.py).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec

from warehouse.builds import DATABASE, BuildRecord, read_build
from warehouse.contracts import Table, lake_tables
from warehouse.errors import RollhouseError
from warehouse.lake import Lake, Manifest, sync_folder, write_durably
from warehouse.models import Model, comment, create_empty, run_macros, run_model

# The oldest DuckDB clients that can open the published file.
STORAGE_VERSION = "v1.4.0"


class PublishError(RollhouseError):
    """A build cannot be published; the message says why."""


@dataclass(frozen=True, slots=True)
class TableStats:
    """What making one table came to."""

    rows: int
    seconds: float


class Publication:
    """A build in the making. Use as a context manager: what is not published is removed."""

    def __init__(
        self, lake: Lake, manifest: Manifest, memory_limit: str, threads: int, timezone: str
    ) -> None:
        self._lake = lake
        self._manifest = manifest
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
        self.id = f"{manifest.generation}-{stamp}"
        self._folder = lake.root / "builds" / f"{self.id}.partial"
        self._options: dict[str, str | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "threads": threads,
        }
        self._timezone = timezone
        self._rows: dict[str, int] = {}
        self._started = time.perf_counter()
        self.connection: duckdb.DuckDBPyConnection

    def __enter__(self) -> Publication:
        self._folder.mkdir(parents=True, mode=0o700)
        self.connection = duckdb.connect(
            config={**self._options, "temp_directory": str(self._folder / "spill")}
        )
        run = self.connection.execute
        run("SET TimeZone = 'UTC'")
        # without a log: a killed build is thrown away, and the checkpoint writes all at once
        run(
            f"ATTACH '{_escaped(self._folder / DATABASE)}' AS published "
            f"(STORAGE_VERSION '{STORAGE_VERSION}', RECOVERY_MODE no_wal_writes)"
        )
        run("USE published")
        run(f"SET VARIABLE timezone = '{self._timezone}'")
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def load(self, table: Table) -> TableStats:
        """A table of the layers raw and parsed: its live parts as a native table."""
        started = time.perf_counter()
        create_empty([table], self.connection)
        rows = 0
        files = self._lake.part_files(self._manifest, table.name)
        if files:
            columns = ", ".join(f'"{column.name}"' for column in table.published)
            listed = ", ".join(f"'{_escaped(file)}'" for file in files)
            try:
                rows = self._insert(
                    f"INSERT INTO {table.name} SELECT {columns} FROM "
                    f"read_parquet([{listed}], hive_partitioning = FALSE)"
                )
            except duckdb.Error as error:
                raise PublishError(
                    f"{table.name} cannot be loaded from the lake: {error}"
                ) from None
        return self._made(table.name, rows, started)

    def load_frame(self, table: Table, frame: object) -> TableStats:
        """A table that is made once per build rather than parsed, such as prices."""
        started = time.perf_counter()
        create_empty([table], self.connection)
        self.connection.register("frame", frame)
        rows = self._insert(f"INSERT INTO {table.name} BY NAME SELECT * FROM frame")
        self.connection.unregister("frame")
        return self._made(table.name, rows, started)

    def _insert(self, statement: str) -> int:
        """Run an INSERT; DuckDB answers with the rows that it inserted."""
        (rows,) = self.connection.execute(statement).fetchone() or (0,)
        return int(rows)

    def run_macros(self, sql_folder: Path) -> None:
        run_macros(sql_folder, self.connection)

    def run(self, model: Model) -> TableStats:
        """A model's table, and its Parquet copy for readers without DuckDB."""
        started = time.perf_counter()
        rows = run_model(model, self.connection)
        if model.header.internal:
            return TableStats(rows, time.perf_counter() - started)
        folder = self._folder / model.table.layer
        folder.mkdir(exist_ok=True)
        target = _escaped(folder / f"{model.name}.parquet")
        self.connection.execute(
            f"COPY {model.name} TO '{target}' "
            "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"  # higher ones gain nothing
        )
        return self._made(model.name, rows, started)

    def _made(self, name: str, rows: int, started: float) -> TableStats:
        self._rows[name] = rows
        return TableStats(rows, time.perf_counter() - started)

    def publish(
        self, models: Iterable[Model], code: str, warnings: list[str], keep: int, privacy: str
    ) -> BuildRecord:
        """Comment, close, and swap the build in; then prune old ones."""
        tables = [*lake_tables().values(), *(model.table for model in models)]
        comment([table for table in tables if table.name in self._rows], self.connection)
        self.connection.execute("CHECKPOINT published")
        self.connection.close()
        shutil.rmtree(self._folder / "spill", ignore_errors=True)
        record = BuildRecord(
            self.id,
            self._manifest.generation,
            code,
            datetime.now(UTC).isoformat(timespec="seconds"),
            round(time.perf_counter() - self._started, 3),
            self._rows,
            warnings,
            privacy,
        )
        for path in self._folder.rglob("*"):
            if path.is_file():
                path.chmod(0o600)
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
        write_durably(self._folder / "build.json", msgspec.json.encode(record))
        builds = self._folder.parent
        os.rename(self._folder, builds / self.id)
        sync_folder(builds)
        self._point_current()
        self._prune(keep, privacy)
        return record

    def _point_current(self) -> None:
        aside = self._lake.root / "current.aside"
        aside.unlink(missing_ok=True)
        aside.symlink_to(Path("builds") / self.id)
        os.replace(aside, self._lake.root / "current")
        sync_folder(self._lake.root)

    def _prune(self, keep: int, privacy: str) -> None:
        """Keep the last builds, but under strict privacy none that tells more than this one."""
        builds = self._folder.parent
        whole = sorted(
            (path for path in builds.iterdir() if not path.name.endswith(".partial")),
            key=lambda path: path.stat().st_mtime_ns,
        )
        for path in whole:
            is_old = path in whole[:-keep]
            if path.name != self.id and (is_old or (privacy == "strict" and _tells_more(path))):
                shutil.rmtree(path, ignore_errors=True)


def _tells_more(build: Path) -> bool:
    """Whether a build holds in clear what strict privacy hides."""
    record = read_build(build)
    return record is None or record.privacy != "strict"


def _escaped(path: Path | str) -> str:
    return str(path).replace("'", "''")
