"""The published warehouse: a DuckDB file built beside the live one and swapped in.

Belongs here: the build folder, loading the lake into native tables, running models there,
comments, the swap, pruning; and taking tables over from the live build (carryover.py says
which can be). Does not belong here: where builds lie (builds.py), or deciding whether to
build (build.py).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec

from warehouse.builds import DATABASE, BuildRecord, read_build
from warehouse.carryover import TABLES, Carryover, Made, Tables, part_names
from warehouse.checks import Check
from warehouse.contracts import Table, lake_tables
from warehouse.errors import RollhouseError
from warehouse.lake import Lake, Manifest, day_of, sync_folder, write_durably
from warehouse.models import (
    INTERNAL,
    Model,
    ModelMemoryError,
    comment,
    create_empty,
    digest,
    run_macros,
    run_model,
)

# The oldest DuckDB clients that can open the published file.
STORAGE_VERSION = "v1.4.0"

# Of the Parquet copies. Higher levels gain nothing; of more than 1,000 values, a dictionary costs
# more than it saves, in time and in space.
COPY_OPTIONS = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 1000"

# Queries on tables of up to so many rows leave further threads idle: DuckDB shares tables out by
# row groups of 122,880. Several such queries at a time do not.
LARGE_ROWS = 1_000_000
# How DuckDB's error begins where a block of a file does not have its checksum.
_DAMAGED = "Corrupt database file"
# What one of several queries at a time, and each thread of a query on large tables, needs.
QUERY_BYTES = 64_000_000
THREAD_BYTES = 256_000_000


class PublishError(RollhouseError):
    """A build cannot be published; the message says why."""


@dataclass(frozen=True, slots=True)
class TableStats:
    """What making one table came to.

    `is_kept`: it was taken over from the live build. `digest`: see carryover.Made.
    """

    rows: int
    seconds: float
    is_kept: bool = False
    digest: str | None = None


class Publication:
    """A build in the making. Use as a context manager: what is not published is removed.

    With a carryover it begins as a copy of the live build's file.
    """

    def __init__(
        self,
        lake: Lake,
        manifest: Manifest,
        memory: int,
        jobs: int,
        timezone: str,
        carryover: Carryover | None = None,
        accepted_threads: Iterable[str] = (),
        is_limit_fixed: bool = True,
    ) -> None:
        self._lake = lake
        self._manifest = manifest
        self._carryover = carryover
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
        self.id = f"{manifest.generation}-{stamp}"
        self._folder = lake.root / "builds" / f"{self.id}.partial"
        self._memory = memory
        self._is_limit_fixed = is_limit_fixed
        self._session_count, threads = _parallelism(jobs, self._memory, _longest(manifest))
        self._options: dict[str, str | int | float | list[str]] = {
            "memory_limit": f"{self._memory}B",
            "threads": threads,
        }
        self._timezone = timezone
        self._accepted_threads = list(accepted_threads)
        self._stats: dict[str, TableStats] = {}
        self._started = time.perf_counter()
        self.sessions: list[duckdb.DuckDBPyConnection]

    def __enter__(self) -> Publication:
        self._folder.mkdir(parents=True, mode=0o700)
        first = duckdb.connect(
            config={**self._options, "temp_directory": str(self._folder / "spill")}
        )
        self.sessions = [first]
        if self._carryover is not None:
            try:
                shutil.copyfile(self._carryover.database, self._folder / DATABASE)
                self._attach()
                # the days whose parts hold a source's rows, before raw_sources is replaced
                first.execute(
                    f"CREATE TABLE {INTERNAL}.loaded AS "
                    "SELECT source_id, day FROM published.raw_sources"
                )
            except (OSError, duckdb.Error):  # damaged, or of another DuckDB: all is made anew
                self._detach()
                self._carryover = None
        if self._carryover is None:
            self._attach()
        self.sessions += [first.cursor() for _ in range(1, self._session_count)]
        for session in self.sessions:
            session.execute("SET TimeZone = 'UTC'")
            session.execute(f"SET search_path = 'published.main,{INTERNAL}'")
            session.execute(f"SET VARIABLE timezone = '{self._timezone}'")
            session.execute("SET VARIABLE accepted_threads = ?", [self._accepted_threads])
        return self

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The first session, for what is done alone."""
        return self.sessions[0]

    def _attach(self) -> None:
        # without a log: a killed build is thrown away, and the checkpoint writes all at once
        self.connection.execute(
            f"ATTACH '{_escaped(self._folder / DATABASE)}' AS published "
            f"(STORAGE_VERSION '{STORAGE_VERSION}', RECOVERY_MODE no_wal_writes)"
        )

    def _detach(self) -> None:
        self.connection.execute("DETACH DATABASE IF EXISTS published")
        (self._folder / DATABASE).unlink(missing_ok=True)

    def _close(self) -> None:
        for session in reversed(self.sessions):
            session.close()

    def __exit__(self, *_: object) -> None:
        self._close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def load(self, table: Table, session: duckdb.DuckDBPyConnection) -> TableStats:
        """A table of the layers raw and parsed: its live parts as a native table.

        Of a table that was taken over, only the rows of other parts are replaced.
        """
        stale = self._stale_parts(table.name) if self.can_keep(table.name) else None
        if stale == set():
            return self.keep(table)
        started = time.perf_counter()
        try:
            rows = None if stale is None else self._refresh(table, stale, session)
            if rows is None:
                rows = self._with_room(lambda: self._load_whole(table, session))
        except duckdb.Error as error:
            raise PublishError(f"{table.name} cannot be loaded from the lake: {error}") from None
        return self._made(table.name, rows, started)

    def _stale_parts(self, table: str) -> set[str]:
        """The parts (by key) to load anew: from the first on that is not that of the lake.

        The later ones too, since rows stand in the order of parts; and with a part all of its
        day, since only a source's day is known of loaded rows.
        """
        assert self._carryover is not None
        before, now = self._carryover.parts(table), part_names(self._manifest, table)
        keys = before.keys() | now.keys()
        first = min((key for key in keys if before.get(key) != now.get(key)), default=None)
        if first is None:
            return set()
        if first in before:
            first = day_of(first)
        return {key for key in keys if key >= first}

    def _refresh(
        self, table: Table, stale: set[str], session: duckdb.DuckDBPyConnection
    ) -> int | None:
        """Replace the stale parts of a table; its rows, or None if it is to be loaded whole."""
        assert self._carryover is not None
        before = self._carryover.parts(table.name).keys()
        if stale >= before:
            return None
        if loaded := stale & before:
            days = ", ".join(f"DATE '{day}'" for day in sorted({day_of(key) for key in loaded}))
            session.execute(
                f"DELETE FROM {table.name} "
                f"WHERE source_id IN (SELECT source_id FROM loaded WHERE day IN ({days}))"
            )
        self._insert_parts(table, session, sorted(stale))
        ((rows,),) = session.execute(f"SELECT count(*) FROM {table.name}").fetchall()
        return int(rows) if rows == self._manifest.rows(table.name) else None

    def _load_whole(self, table: Table, session: duckdb.DuckDBPyConnection) -> int:
        _make_empty(table, session)
        return self._insert_parts(table, session, sorted(part_names(self._manifest, table.name)))

    def _insert_parts(
        self, table: Table, session: duckdb.DuckDBPyConnection, keys: Iterable[str]
    ) -> int:
        """Add the rows of some parts; how many there are."""
        files = self._lake.part_files(self._manifest, table.name, keys)
        if not files:
            return 0
        listed = ", ".join(f"'{_escaped(file)}'" for file in files)
        columns = ", ".join(f'"{column.name}"' for column in table.published)
        try:
            return _insert(
                session,
                f"INSERT INTO {table.name} SELECT {columns} FROM "
                f"read_parquet([{listed}], hive_partitioning = FALSE)",
            )
        except duckdb.Error:
            # rows of sources that are gone may lie in parts of an older contract: what that did
            # not know is NULL. Slower, since the schema of every part is read first
            names = ", ".join(f"'{column.name}'" for column in table.published)
            return _insert(
                session,
                f"INSERT INTO {table.name} BY NAME "
                f"SELECT COLUMNS(lambda name: name IN ({names})) FROM "
                f"read_parquet([{listed}], union_by_name = TRUE, hive_partitioning = FALSE)",
            )

    def load_frame(
        self, table: Table, frame: object, session: duckdb.DuckDBPyConnection
    ) -> TableStats:
        """A table that is made once per build rather than parsed, such as prices."""
        started = time.perf_counter()
        _make_empty(table, session)
        session.register("frame", frame)
        rows = _insert(session, f"INSERT INTO {table.name} BY NAME SELECT * FROM frame")
        session.unregister("frame")
        return self._made(table.name, rows, started)

    def run_macros(self, sql_folder: Path) -> None:
        for session in self.sessions:
            run_macros(sql_folder, session)

    def run(
        self, model: Model, session: duckdb.DuckDBPyConnection, is_read: bool = False
    ) -> TableStats:
        """A model's table, and its Parquet copy for readers without DuckDB.

        `is_read`: other models read it, so the next build must know whether it changed.
        """
        started = time.perf_counter()
        if self._carryover is not None and not model.header.internal:
            session.execute(f"DROP TABLE IF EXISTS {model.name}")
        rows = self._with_room(lambda: run_model(model, session))
        if not model.header.internal:
            self._write_copy(model.table, session)
        return self._made(
            model.name, rows, started, found=digest(model, session) if is_read else None
        )

    def _with_room(self, make: Callable[[], int]) -> int:
        """Make a table; with more memory, if DuckDB cannot within its limit.

        Some operators cannot go on from the disk. A limit that the user set stays.
        """
        while True:
            try:
                return make()
            except (duckdb.OutOfMemoryException, ModelMemoryError):
                if not self._allow_more():
                    raise

    def _allow_more(self) -> bool:
        """Half as much memory again, up to half of the machine's; whether that could be."""
        more = self._memory * 3 // 2
        if (
            self._is_limit_fixed
            or more > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
        ):
            return False
        self._memory = more
        self.connection.execute(f"SET memory_limit = '{more}B'")
        return True

    def keep(self, table: Table, copied_by: duckdb.DuckDBPyConnection | None = None) -> TableStats:
        """A table as it was taken over, and its Parquet copy if it is a model's (`copied_by`)."""
        assert self._carryover is not None
        started = time.perf_counter()
        if copied_by is not None:
            target = self._copy_of(table)
            source = self._carryover.folder / target.relative_to(self._folder)
            try:
                os.link(source, target)
            except FileNotFoundError:  # somebody removed it
                self._write_copy(table, copied_by)
            except OSError:  # a filesystem without links
                shutil.copyfile(source, target)
        made = self.carried(table.name)
        return self._made(table.name, made.rows, started, is_kept=True, found=made.digest)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Where tables are made and read: a file's fault is told from that of a query.

        Files may be damaged, of what was taken over, or have no room.
        """
        try:
            yield
        except (duckdb.Error, RollhouseError) as error:
            if self._carryover is not None and _DAMAGED in str(error):
                raise PublishError(
                    f"{self._carryover.database}, the live build that this one continues, is "
                    "damaged; `rollhouse build --verify` makes all tables anew"
                ) from None
            if isinstance(error, duckdb.IOException):
                raise PublishError(f"the build cannot be written: {error}") from None
            raise

    def can_keep(self, table: str) -> bool:
        """Whether a table lies in the file that was taken over."""
        return self._carryover is not None and table in self._carryover.tables.made

    def carried(self, table: str) -> Made:
        """What is known of a table that was taken over."""
        assert self._carryover is not None
        return self._carryover.tables.made[table]

    def _copy_of(self, table: Table) -> Path:
        folder = self._folder / table.layer
        folder.mkdir(exist_ok=True)
        return folder / f"{table.name}.parquet"

    def _write_copy(self, table: Table, session: duckdb.DuckDBPyConnection) -> None:
        target = self._copy_of(table)
        session.execute(f"COPY {table.name} TO '{_escaped(target)}' ({COPY_OPTIONS})")

    def _made(
        self,
        name: str,
        rows: int,
        started: float,
        is_kept: bool = False,
        found: str | None = None,
    ) -> TableStats:
        seconds = time.perf_counter() - started
        stats = self._stats[name] = TableStats(rows, seconds, is_kept, found)
        return stats

    def publish(
        self,
        models: Iterable[Model],
        code: str,
        checks: Mapping[str, list[Check]],
        keep: int,
        privacy: str,
    ) -> BuildRecord:
        """Comment, close, and swap the build in; then prune old ones.

        `checks` by table; those that failed are the build's warnings.
        """
        models = list(models)
        tables = [*lake_tables().values(), *(m.table for m in models if not m.header.internal)]
        published = [table for table in tables if table.name in self._stats]
        with self.working():
            comment(published, self.connection)
            for session in self.sessions[1:]:
                session.close()  # with what they read last
            self.connection.execute("CHECKPOINT published")
        self._close()
        shutil.rmtree(self._folder / "spill", ignore_errors=True)
        record = BuildRecord(
            self.id,
            self._manifest.generation,
            code,
            datetime.now(UTC).isoformat(timespec="seconds"),
            round(time.perf_counter() - self._started, 3),
            {table.name: self._stats[table.name].rows for table in published},
            [
                f"{c.table}: {c.description}"
                for found in checks.values()
                for c in found
                if not c.passed
            ],
            privacy,
        )
        made = Tables(
            {name: part_names(self._manifest, name) for name in self._manifest.parts},
            {
                name: Made(stats.rows, checks.get(name, []), stats.digest)
                for name, stats in self._stats.items()
            },
            0 if self._carryover is None else self._carryover.tables.continued + 1,
            {model.name: sorted(model.references) for model in models},
        )
        (self._folder / TABLES).write_bytes(msgspec.json.encode(made))
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
        live = self._lake.root / "current"
        if live.is_dir() and not live.is_symlink():  # the home was copied by what follows links
            shutil.rmtree(live)
        os.replace(aside, live)
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


def _make_empty(table: Table, session: duckdb.DuckDBPyConnection) -> None:
    """A table without rows, in place of one that was taken over."""
    session.execute(f"DROP TABLE IF EXISTS {table.name}")
    create_empty([table], session)


def _insert(session: duckdb.DuckDBPyConnection, statement: str) -> int:
    """Run an INSERT; DuckDB answers with the rows that it inserted."""
    ((rows,),) = session.execute(statement).fetchall()
    return int(rows)


def _tells_more(build: Path) -> bool:
    """Whether a build holds in clear what strict privacy hides."""
    record = read_build(build)
    return record is None or record.privacy != "strict"


def _parallelism(jobs: int, memory: int, rows: int) -> tuple[int, int]:
    """(queries at a time, threads of each) for tables of up to so many rows."""
    if rows < LARGE_ROWS:
        return max(1, min(jobs, memory // QUERY_BYTES)), 1
    return 1, max(1, min(jobs, memory // THREAD_BYTES))


def _longest(manifest: Manifest) -> int:
    """Rows of the lake's longest table."""
    return max(map(manifest.rows, manifest.parts), default=0)


def _escaped(path: Path | str) -> str:
    return str(path).replace("'", "''")
