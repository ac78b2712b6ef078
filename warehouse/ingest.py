"""The layers raw and parsed: a scan's plan becomes a committed generation of the lake.

Belongs here: cutting the plan into tasks, following their results, writing the registry
and raw_sources, committing. Does not belong here: how tasks do their work, and models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.contracts import lake_tables
from warehouse.lake import MOST_PARTS, Lake, Manifest, Part, Source, day_of, part_key
from warehouse.merging import MergeResult, MergeTask, Piece
from warehouse.parsing import ParseResult, ParseTask, Range, RangeResult
from warehouse.privacy import Privacy
from warehouse.reading import BLOCK_BYTES, add_sums
from warehouse.scanning import Plan, Work
from warehouse.sources.base import UNKNOWN_DAY, iso_us
from warehouse.workers import Result, Task, run_all

SPLIT_BYTES = 64 << 20  # plain files above this are read in ranges
TASK_BYTES = 96 << 20  # a task that is a whole bucket writes its parts itself
TASK_FILES = 2000
INLINE_BYTES = 12 << 20  # less than this is read faster here than by starting workers
CHANGED = "it changed while it was read"
UNSURE = 0  # the parser version of rows that do not stand: they are read anew next time

Progress = Callable[[int], None]


@dataclass(slots=True)
class Ingested:
    """What an ingest did, in numbers; `generation` is the live one afterwards."""

    generation: int
    sources_read: int = 0
    bytes_parsed: int = 0
    lines_parsed: int = 0
    lines_rejected: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


def ingest(
    lake: Lake,
    manifest: Manifest,
    plan: Plan,
    privacy: Privacy,
    jobs: int,
    progress: Progress = lambda _: None,
) -> Ingested:
    """Read what the plan names and commit it as the next generation. Needs the lock."""
    return _Ingest(lake, manifest, plan, privacy, progress).run(jobs)


@dataclass(slots=True)
class _Day:
    """What is known of one day's rows while its tasks run."""

    handed_out: int = 0
    open_tasks: int = 0
    is_complete: bool = False  # all its tasks were handed out
    drop: set[str] = field(default_factory=set)
    clear: set[str] = field(default_factory=set)  # sources whose rows told places so far
    results: list[ParseResult] = field(default_factory=list)


class _Ingest:
    def __init__(
        self, lake: Lake, manifest: Manifest, plan: Plan, privacy: Privacy, progress: Progress
    ) -> None:
        self._lake = lake
        self._old = manifest
        self._plan = plan
        self._privacy = privacy
        self._progress = progress
        self._new = Manifest(
            generation=manifest.generation + 1,
            parts={table: dict(days) for table, days in manifest.parts.items()},
        )
        self._outcome = Ingested(self._new.generation, problems=list(plan.problems))
        self._days: dict[str, _Day] = {}
        self._read: dict[str, Work] = {work.source.source_id: work for work in plan.work}

    def run(self, jobs: int) -> Ingested:
        plan = self._plan
        for source in plan.dropped:
            self._day(source.day).drop.add(source.source_id)
        for work in plan.work:
            if work.replaced is not None:
                self._day(work.source.day).drop.add(work.source.source_id)
        replaced = (work.replaced for work in plan.work if work.replaced is not None)
        for source in (*plan.registry.values(), *replaced):
            if self._privacy.shows_too_much(source.privacy):
                self._day(source.day).clear.add(source.source_id)
        if plan.bytes_to_read <= INLINE_BYTES:
            jobs = 0
        self._stage = self._lake.make_stage()
        run_all(self._tasks(), jobs, self._on_result)
        self._write_raw_sources()
        self._lake.commit(self._new, list(plan.registry.values()), self._old)
        pa.default_memory_pool().release_unused()  # DuckDB needs it next
        self._outcome.rows = {table: self._new.rows(table) for table in self._new.parts}
        return self._outcome

    def _day(self, day: str) -> _Day:
        return self._days.setdefault(day, _Day())

    # --- tasks ------------------------------------------------------------------------------

    def _tasks(self) -> Iterator[Task]:
        """All tasks, day by day; a day is merged once its last range is read."""
        work = sorted(self._plan.work, key=lambda w: (w.source.day, w.source.source_id))
        number = 0
        for day, of_day in groupby(work, key=lambda w: w.source.day):
            entry = self._day(day)
            bundles = _bundles(_ranges(of_day, self._plan.paths))
            ahead = next(bundles, None)
            while ahead is not None:
                ranges, ahead = ahead, next(bundles, None)
                is_all = ahead is None and not entry.handed_out and not self._has_rows(day)
                is_numbered = len({item.source_id for item in ranges}) == len(ranges)
                entry.open_tasks += 1
                entry.handed_out += 1
                number += 1
                yield ParseTask(
                    number,
                    day,
                    ranges,
                    str(self._stage),
                    self._targets(day) if is_all and is_numbered else {},
                    self._privacy.mode,
                    self._privacy.key,
                )
            entry.is_complete = True
            if not entry.open_tasks:  # its last result came before this was known
                yield from self._merges(day)
        for day, entry in list(self._days.items()):
            if not entry.is_complete:  # rows are dropped from it, none are added
                yield from self._merges(day)

    def _has_rows(self, day: str) -> bool:
        return any(day in days for table, days in self._old.parts.items() if table != "raw_sources")

    def _targets(self, day: str) -> dict[str, str]:
        return {name: str(self._target(name, day)) for name in lake_tables()}

    def _target(self, table: str, key: str) -> Path:
        """Where a worker writes a new part, until `_enter_part` puts it in its place."""
        return self._stage / f"{key}-{table}.parquet"

    def _on_result(self, result: Result) -> Iterable[Task]:
        if isinstance(result, MergeResult):
            self._enter_part(result.table, result.key, result.rows, result.bytes)
            return ()
        self._progress(result.size)
        entry = self._day(result.day)
        entry.results.append(result)
        entry.open_tasks -= 1
        for table, (rows, size) in result.parts.items():
            self._enter_part(table, result.day, rows, size)
        if entry.is_complete and not entry.open_tasks:
            return self._merges(result.day)
        return ()

    def _merges(self, day: str) -> list[Task]:
        """Tasks that write a day's new parts, and the registry's new entries."""
        entry = self._day(day)
        entry.results.sort(key=lambda result: result.number)
        line_bases = self._settle(entry.results)
        pieces: dict[str, list[Piece]] = {}
        for result, bases in zip(entry.results, line_bases, strict=True):
            for table, (path, counts) in result.staged.items():
                runs = [
                    (read.source_id, count, base)
                    for read, count, base in zip(result.ranges, counts, bases, strict=True)
                    if count
                ]
                pieces.setdefault(table, []).append(Piece(path, runs))
        entry.results.clear()
        hide = self._hide(entry.clear)
        are_last = not entry.drop and self._are_last(day, pieces)
        tasks: list[Task] = []
        for table in lake_tables():
            parts = self._old.parts.get(table, {})
            old = [parts[key] for key in sorted(parts) if day_of(key) == day]
            tells = hide if any(c.strict for c in lake_tables()[table].columns) else []
            is_changed = pieces.get(table) or (old and (entry.drop or tells))
            if table == "raw_sources" or not is_changed:
                continue
            key = day
            if old and are_last and not tells and len(old) < MOST_PARTS:
                key, old = part_key(day, len(old)), []  # the old ones stay as they are
            tasks.append(
                MergeTask(
                    key,
                    table,
                    [str(self._lake.root / part.path) for part in old],
                    sorted(entry.drop),
                    pieces.get(table, []),
                    str(self._target(table, key)),
                    tells,
                    self._privacy.key,
                )
            )
        return tasks

    def _are_last(self, day: str, pieces: Mapping[str, list[Piece]]) -> bool:
        """Whether new rows belong behind all rows that the day has: parts are in order."""
        first = min(
            (
                source
                for of_table in pieces.values()
                for piece in of_table
                for source, *_ in piece.runs
            ),
            default="",
        )
        return first >= self._last_sources.get(day, "")

    @cached_property
    def _last_sources(self) -> dict[str, str]:
        """The last source by day, of those that were read before."""
        last: dict[str, str] = {}
        for source_id, source in self._plan.registry.items():
            work = self._read.get(source_id)
            if work is None or work.start or work.replaced:
                last[source.day] = max(source_id, last.get(source.day, ""))
        return last

    def _hide(self, clear: set[str]) -> list[str]:
        """Those of a day's sources whose old rows stay and told too much; no more from now on."""
        registry = self._plan.registry
        hide = [s for s in sorted(clear) if self._privacy.shows_too_much(registry[s].privacy)]
        for source_id in hide:
            source = registry[source_id]
            registry[source_id] = msgspec.structs.replace(
                source,
                privacy=self._privacy.hidden_fingerprint(source.privacy),
                generation=self._new.generation,
            )
        return hide

    def _enter_part(self, table: str, key: str, rows: int, size: int) -> None:
        parts = self._new.parts.setdefault(table, {})
        day = day_of(key)
        if key == day:  # it holds what all parts of the day held
            for old in [old for old in parts if day_of(old) == day]:
                del parts[old]
        if rows:
            layer = lake_tables()[table].layer
            path = self._lake.part_path(layer, table, day, self._new.generation)
            self._lake.put_part(self._target(table, key), path)
            parts[key] = Part(path, rows, size)

    # --- the registry -----------------------------------------------------------------------------

    def _settle(self, results: list[ParseResult]) -> list[list[int | None]]:
        """Enter what was read into the registry.

        Gives what to add to each range's line numbers, or None where its rows are not used:
        a reading that broke off does not replace rows that reached further.
        """
        bases: list[list[int]] = []
        kept: set[str] = set()
        seen: dict[str, Source] = {}
        for result in results:
            of_result: list[int] = []
            for read in result.ranges:
                work = self._read[read.source_id]
                before = seen.get(read.source_id)
                if before is None:
                    before = _cleared(work.source) if work.start == 0 else work.source
                # a range in the middle of a file counted its lines from 1
                of_result.append(before.lines if _is_inner(read, work) else 0)
                seen[read.source_id] = self._entered(before, read)
            bases.append(of_result)
        for source_id, source in seen.items():
            if source.error is not None:
                self._outcome.problems.append((self._plan.paths[source_id], source.error))
                old = self._read[source_id].replaced
                if old is not None and _reaches_further(old, source):
                    source = _kept(old, source)
                    self._day(source.day).drop.remove(source_id)
                    kept.add(source_id)
            # the entry before is not needed any more, and there are many
            self._plan.registry[source_id] = self._read[source_id].source = source
        self._outcome.sources_read += len(seen)
        return [
            [
                None if read.source_id in kept else base
                for read, base in zip(result.ranges, of_result, strict=True)
            ]
            for result, of_result in zip(results, bases, strict=True)
        ]

    def _entered(self, source: Source, read: RangeResult) -> Source:
        self._outcome.bytes_parsed += read.position - read.start
        self._outcome.lines_parsed += read.lines
        self._outcome.lines_rejected += read.rejected
        # a range before this one broke off, or the file is not the one that was cut in ranges
        has_gap = read.start != source.bytes_read
        error = source.error or read.error or (CHANGED if has_gap else None)
        was_opened = read.tail_hash is not None
        return msgspec.structs.replace(
            source,
            generation=self._new.generation,
            bytes_read=read.position,
            lines=source.lines + read.lines,
            rejected_lines=source.rejected_lines + read.rejected,
            deferred_bytes=read.deferred if was_opened else source.deferred_bytes,
            content_sum=add_sums(source.content_sum, read.content_sum),
            tail_hash=read.tail_hash if was_opened else source.tail_hash,
            state="present" if error is None else "unreadable",
            error=error,
            parser_version=UNSURE if has_gap else source.parser_version,
        )

    def _write_raw_sources(self) -> None:
        """raw_sources is small: written whole, from the registry, in one part."""
        contract = lake_tables()["raw_sources"]
        sources = sorted(self._plan.registry.values(), key=lambda source: source.source_id)
        place = self._privacy.place
        columns = {
            "path": [place(s.path) for s in sources],
            "size_bytes": [s.size for s in sources],
            "modified_at": [s.mtime_ns // 1000 for s in sources],
            "content_hash": [f"{s.content_sum:016x}" for s in sources],
            "day": [(iso_us(s.day) or 0) // 86_400_000_000 for s in sources],
        }
        arrays = []
        for column in contract.arrow_schema:
            values = columns.get(column.name) or [getattr(s, column.name, None) for s in sources]
            array = pa.array(values, pa.int32() if column.name == "day" else None)
            arrays.append(array.cast(column.type))
        table = pa.Table.from_arrays(arrays, schema=contract.arrow_schema)
        target = self._target("raw_sources", UNKNOWN_DAY)
        pq.write_table(table, target, compression="zstd")
        self._enter_part("raw_sources", UNKNOWN_DAY, table.num_rows, target.stat().st_size)


def _cleared(source: Source) -> Source:
    """A source about to be read from its beginning: all counts start anew."""
    return msgspec.structs.replace(
        source, bytes_read=0, lines=0, rejected_lines=0, deferred_bytes=0, content_sum=0
    )


def _reaches_further(old: Source, new: Source) -> bool:
    """Whether a reading that broke off fell short of what was read before."""
    return new.parser_version == UNSURE or new.bytes_read < old.bytes_read


def _kept(old: Source, new: Source) -> Source:
    """The entry of a source whose old rows stay, at its new place, since reading it failed."""
    return msgspec.structs.replace(
        old,
        label=new.label,
        path=new.path,
        logical=new.logical,
        is_archived=new.is_archived,
        is_compressed=new.is_compressed,
        size=new.size,
        mtime_ns=new.mtime_ns,
        state="unreadable",
        error=new.error,
    )


def _is_inner(read: RangeResult, work: Work) -> bool:
    return read.start != work.start


def _ranges(work: Iterable[Work], paths: Mapping[str, str]) -> Iterator[Range]:
    """What to read of each source; a large plain file in stretches that end at line ends."""
    for item in work:
        source = item.source
        path = paths[source.source_id]
        first_line = source.lines + 1 if item.start else 1
        edges: list[int | None] = [item.start]
        if not (source.is_compressed or source.is_whole) and source.size - item.start > SPLIT_BYTES:
            edges += _line_ends(Path(path), item.start, source.size)
        for start, end in zip(edges, [*edges[1:], None], strict=True):
            assert start is not None
            yield Range(
                source.source_id,
                source.kind,
                path,
                source.is_compressed,
                start,
                end,
                first_line if start == item.start else 1,
                max(0, (source.size if end is None else end) - start),
                source.is_whole,
            )


def _line_ends(path: Path, start: int, size: int) -> list[int]:
    """Starts of the lines next after each multiple of SPLIT_BYTES; [] if it can't be read."""
    ends: list[int] = []
    try:
        with open(path, "rb", buffering=0) as file:
            position = start + SPLIT_BYTES
            while position < size:
                file.seek(position)
                while position < size:
                    block = file.read(BLOCK_BYTES)
                    found = block.find(b"\n")
                    if found >= 0 or not block:
                        position += found + 1
                        break
                    position += len(block)
                if position < size:
                    ends.append(position)
                position += SPLIT_BYTES
    except OSError:
        return []  # the worker that opens it will say why
    return ends


def _bundles(ranges: Iterable[Range]) -> Iterator[list[Range]]:
    """Ranges in tasks of bounded bytes and files."""
    bundle: list[Range] = []
    size = 0
    for item in ranges:
        if bundle and (size + item.size > TASK_BYTES or len(bundle) >= TASK_FILES):
            yield bundle
            bundle, size = [], 0
        bundle.append(item)
        size += item.size
    if bundle:
        yield bundle
