"""One task of a worker: ranges of sources in, rows in files and counts out.

Belongs here: the loop that feeds blocks of lines to a kind's parser, and the conversion
of its row tuples to Arrow by contract. Does not belong here: which sources are read
(scanning.py), how staged rows become the lake's Parquet (merging.py), what lines mean.

Most sources are small, and a parser takes a sixth less time for many lines at once: it is given
the lines of several sources together, numbered as if all lines of a task were one source's. Where
they stand in their own sources is put right by the column afterwards (placing.py).

Memory is bounded: lines are parsed whenever BATCH_BYTES of them have gathered, and rows
written out whenever a table has FLUSH_ROWS of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from warehouse.contracts import lake_tables
from warehouse.merging import PartWriter
from warehouse.placing import Places
from warehouse.privacy import Privacy
from warehouse.reading import (
    MAX_LINE_BYTES,
    Block,
    LineReader,
    add_sums,
    content_sum,
    open_plain,
    sum_of_whole,
)
from warehouse.sources import KINDS
from warehouse.sources.base import DAMAGED, FIRST_US, LAST_US, Parser, Rows, iso_us, reason

BATCH_BYTES = 2 << 20
FLUSH_ROWS = 4_000
_REJECTS = "parsed_rejects"
_MOST = 2**63
_STRING = pa.string()
_PACKED = {pa.int64(): "q", pa.uint64(): "Q"}  # as `struct` names them


class Range(msgspec.Struct, array_like=True):
    """A stretch of one source to read: plain bytes `start` to `end` (None: to its end).

    `first_line` is the number of its first line, or 1 for a stretch in the middle of a
    split file, whose true number is known only once those before it are read.
    """

    source_id: str
    kind: str
    path: str
    is_compressed: bool
    start: int
    end: int | None
    first_line: int
    size: int
    is_whole: bool = False


class ParseTask(msgspec.Struct, array_like=True, tag=True):
    """Ranges of sources of one day, in the order of source and offset.

    Rows are staged below `stage`; or, where they are all that the day will hold, written
    straight to the day's new parts (`targets`: table -> path).
    """

    number: int
    day: str
    ranges: list[Range]
    stage: str
    targets: dict[str, str]
    privacy_mode: str
    privacy_key: bytes


class RangeResult(msgspec.Struct, array_like=True):
    """What reading a range came to. `error` names what stopped it; rows before it stand.

    `tail_hash` is None where not even the start could be read.
    """

    source_id: str
    start: int
    position: int
    deferred: int
    lines: int
    rejected: int
    content_sum: int
    tail_hash: int | None
    error: str | None


class ParseResult(msgspec.Struct, array_like=True, tag=True):
    """Results by range, and per table the staged file and its rows by range, in order.

    `parts` names the parts that were written straight away: table -> (rows, bytes).
    """

    number: int
    day: str
    ranges: list[RangeResult]
    staged: dict[str, tuple[str, list[int]]]
    parts: dict[str, tuple[int, int]]
    size: int


def run_parse(task: ParseTask) -> ParseResult:
    """Read all ranges of a task and stage their rows; one bad source stops only itself."""
    privacy = Privacy(task.privacy_mode, task.privacy_key)
    stage = _Stage(task)
    batch = _Batch(stage)
    parsers: dict[str, Parser] = {}
    results = []
    for index, wanted in enumerate(task.ranges):
        if wanted.kind not in parsers:
            parsers[wanted.kind] = KINDS[wanted.kind].parser(privacy)
        parser = parsers[wanted.kind]
        if wanted.is_whole:
            batch.parse()
            stage.end_lines()
            results.append(_read_whole(index, wanted, parser, stage, privacy.seed))
        else:
            results.append(_read(index, wanted, parser, batch, privacy.seed))
    batch.parse()
    staged, parts = stage.finish()
    for result, rejected in zip(results, stage.counts(_REJECTS), strict=True):
        result.rejected = rejected
    return ParseResult(
        task.number, task.day, results, staged, parts, sum(r.size for r in task.ranges)
    )


def _read(index: int, wanted: Range, parser: Parser, batch: _Batch, seed: int) -> RangeResult:
    line_number = wanted.first_line
    sums = 0
    reading = _Reading(wanted)
    for block in reading:
        batch.add(index, block, line_number, parser)
        sums = add_sums(sums, content_sum(block.lines, block.offset, seed))
        line_number += len(block.lines)
    reader = reading.reader
    return RangeResult(
        wanted.source_id,
        wanted.start,
        wanted.start if reader is None else reader.position,
        0 if reader is None else reader.deferred,
        line_number - wanted.first_line,
        0,  # known once all lines are parsed
        sums,
        None if reader is None else reader.tail_hash,
        reading.error,
    )


class _Batch:
    """Lines that were read and are not parsed yet, of one kind."""

    def __init__(self, stage: _Stage) -> None:
        self._stage = stage
        self._parser: Parser | None = None
        self._lines: list[bytes] = []
        self._size = 0
        self._place = (1, 0)  # of the first line, among all of the task

    def add(self, index: int, block: Block, line_number: int, parser: Parser) -> None:
        """Take a block of the range `index`, whose first line is `line_number`."""
        if block.overlong or parser is not self._parser:
            self.parse()
        lines = block.lines
        size = block.overlong + 1 if block.overlong else sum(map(len, lines)) + len(lines)
        place = self._stage.add_lines(index, line_number, block.offset, len(lines), size)
        if block.overlong:
            self._stage.reject(
                (*place, block.overlong),
                "line_too_long",
                f"the line is longer than {MAX_LINE_BYTES >> 20} MiB",
            )
            return
        if not self._lines:
            self._place = place
        self._parser = parser
        self._lines += lines
        self._size += size
        if self._size >= BATCH_BYTES or len(self._lines) >= FLUSH_ROWS:
            self.parse()

    def parse(self) -> None:
        """Parse what there is."""
        if self._parser is None or not self._lines:
            return
        _parse(self._parser, self._lines, *self._place, self._stage)
        self._stage.flush_if_full()
        self._lines, self._size = [], 0


def _parse(
    parser: Parser, lines: list[bytes], line_number: int, offset: int, stage: _Stage
) -> None:
    """Parse lines; one that a parser stumbles over, which it should not, is rejected alone."""
    before = stage.mark()
    try:
        parser.parse(lines, line_number, offset, stage.rows)
    except Exception as error:
        stage.take_back(before)
        if len(lines) == 1:
            stage.reject(
                (line_number, offset, len(lines[0])),
                "unforeseen",
                f"{type(error).__name__} in parsing",
            )
            return
        for line in lines:
            _parse(parser, [line], line_number, offset, stage)
            line_number += 1
            offset += len(line) + 1


class _Reading:
    """The blocks of a range up to its end, or up to where it cannot be read (`error`).

    Only reading is forgiven: what goes wrong in writing rows is no fault of the source.
    """

    def __init__(self, wanted: Range) -> None:
        self._wanted = wanted
        self.reader: LineReader | None = None
        self.error: str | None = None

    def __iter__(self) -> Iterator[Block]:
        wanted = self._wanted
        try:
            with open_plain(wanted.path, wanted.is_compressed) as file:
                self.reader = LineReader(file, wanted.start, wanted.end, wanted.is_compressed)
                yield from self.reader
        except OSError as problem:
            self.error = reason(problem)
        except zstandard.ZstdError:
            self.error = DAMAGED


def _read_whole(index: int, wanted: Range, parser: Parser, stage: _Stage, seed: int) -> RangeResult:
    lines = sums = 0
    error = None
    before = stage.mark()
    try:
        # first the sum: of a file that changes meanwhile, it must not tell of unread content
        sums = sum_of_whole(wanted.path, seed)
        lines = parser.parse_file(wanted.path, stage.rows)
    except OSError as problem:
        error = reason(problem)
    except Exception as problem:  # its text might quote content
        error = f"{type(problem).__name__} in parsing"
    if error is not None:
        stage.take_back(before)
    stage.add_whole(index, before)
    read, tail = (wanted.size, 0) if error is None else (0, None)
    return RangeResult(wanted.source_id, 0, read, 0, lines, 0, sums, tail, error)


class _Stage:
    """Rows on their way to files, one a table, with counts by range."""

    def __init__(self, task: ParseTask) -> None:
        self._task = task
        kinds = {wanted.kind for wanted in task.ranges}
        tables = lake_tables()
        self._schemas = {
            name: tables[name].arrow_schema for kind in kinds for name in KINDS[kind].tables
        }
        self._staged: dict[str, tuple[str, pa.RecordBatchStreamWriter]] = {}
        self._parts: dict[str, PartWriter] = {}
        self._counts: dict[str, list[int]] = {}
        self.rows: Rows = {name: [] for name in self._schemas}
        self._places = Places([wanted.source_id for wanted in task.ranges])
        # by table, the ranges of the rows of whole files that are not flushed
        self._owners: dict[str, list[int]] = {}

    def add_lines(
        self, index: int, line_number: int, offset: int, lines: int, size: int
    ) -> tuple[int, int]:
        """Announce lines of the range `index`; gives their place among all lines of the task."""
        if self._owners:
            self._flush_all()
        return self._places.add(index, line_number, offset, lines, size)

    def end_lines(self) -> None:
        """Write the rows of lines out: what follows are those of a whole file."""
        if not self._owners:
            self._flush_all()

    def add_whole(self, index: int, before: list[int]) -> None:
        """Give the rows that came since `before` to the range `index`, a whole file."""
        for (name, rows), start in zip(self.rows.items(), before, strict=True):
            if start < len(rows):
                self._owners.setdefault(name, []).extend([index] * (len(rows) - start))
        self.flush_if_full()

    def counts(self, name: str) -> list[int]:
        """Rows of a table by range, as far as they were flushed: staged ones and rejects."""
        if name not in self._counts:
            self._counts[name] = [0] * len(self._task.ranges)
        return self._counts[name]

    def mark(self) -> list[int]:
        """How many rows there are; for `take_back`."""
        return [len(rows) for rows in self.rows.values()]

    def take_back(self, mark: list[int]) -> None:
        """Remove the rows that came since then (and were not flushed)."""
        for rows, length in zip(self.rows.values(), mark, strict=True):
            del rows[length:]

    def reject(self, place: tuple[int, int, int], rule: str, error: str) -> None:
        """Both rows of a line of which nothing is known but its place and length."""
        self.rows["raw_lines"].append((*place, None, None, None, None, None, None))
        self.rows[_REJECTS].append((*place, rule, error))

    def flush_if_full(self) -> None:
        for name, rows in self.rows.items():
            if len(rows) >= FLUSH_ROWS:
                self._flush(name)

    def finish(self) -> tuple[dict[str, tuple[str, list[int]]], dict[str, tuple[int, int]]]:
        """Close all files; what ParseResult tells of them: (staged, parts)."""
        self._flush_all()
        for _, writer in self._staged.values():
            writer.close()
        for part in self._parts.values():
            part.close()
        return (
            {name: (path, self.counts(name)) for name, (path, _) in self._staged.items()},
            {name: (part.rows, part.bytes) for name, part in self._parts.items()},
        )

    def _flush_all(self) -> None:
        for name in self._schemas:
            self._flush(name)

    def _flush(self, name: str) -> None:
        rows = self.rows[name]
        if not rows:
            return
        schema = self._schemas[name]
        owners = self._owners.pop(name, None)
        if owners is None:
            nobody = pa.nulls(len(rows), _STRING)
            batch, ranges = self._places.put(to_batch(rows, nobody, schema))
        else:
            ranges = pa.array(owners, pa.int64())
            batch = to_batch(rows, self._places.source_ids.take(ranges), schema)
        self._writer(name, schema).write_batch(batch)
        if name == _REJECTS or not self._task.targets:
            counts = self.counts(name)
            for found in pc.value_counts(ranges).to_pylist():
                counts[found["values"]] += found["counts"]
        rows.clear()

    def _writer(self, name: str, schema: pa.Schema) -> PartWriter | pa.RecordBatchStreamWriter:
        if self._task.targets:
            if name not in self._parts:
                self._parts[name] = PartWriter(Path(self._task.targets[name]), name)
            return self._parts[name]
        if name not in self._staged:
            path = str(Path(self._task.stage) / f"{self._task.number}-{name}.arrow")
            self._staged[name] = (path, pa.ipc.new_stream(path, schema))
        return self._staged[name][1]


def to_batch(
    rows: list[tuple[object, ...]], source_ids: list[str] | pa.Array, schema: pa.Schema
) -> pa.RecordBatch:
    """Row tuples (without source_id, the schema's first column) to one Arrow batch.

    Texts may be bytes or str; times are microseconds since 1970, recorded_at ISO 8601 bytes.
    """
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    names, types = schema.names[1:], schema.types[1:]
    if len(columns) != len(names):
        raise ValueError(f"rows of {len(columns)} values do not fit {names}")
    arrays = [
        _array(values, name, wanted)
        for values, name, wanted in zip(columns, names, types, strict=True)
    ]
    if not isinstance(source_ids, pa.Array):
        source_ids = pa.array(source_ids, pa.string())
    return pa.RecordBatch.from_arrays([source_ids, *arrays], schema=schema)


def _array(values: Sequence[Any], name: str, wanted: pa.DataType) -> pa.Array:
    if _is_empty(values):  # a tenth of the time; many are so
        return pa.nulls(len(values), wanted)
    if name == "recorded_at":  # the one time that parsers give as it was written
        return _written_times(values, wanted)
    if pa.types.is_timestamp(wanted):
        return _exact(values, pa.int64()).view(wanted)
    return _exact(values, wanted)


def _is_empty(values: Sequence[Any]) -> bool:
    """Whether all values are None. `any` ends at the first that is not (and is not 0)."""
    if values and values[0] is not None:
        return False
    return not any(values) and values.count(None) == len(values)


def _exact(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    """The values as they are; where some cannot be held, as near as can be."""
    try:
        if wanted == _STRING:
            return _texts(values)
        if packed := _PACKED.get(wanted):
            return _whole_numbers(values, wanted, packed)
        return pa.array(values, wanted)
    except (pa.ArrowInvalid, OverflowError, UnicodeError):
        if wanted == _STRING:
            return pa.array([_text(value) for value in values], wanted)
        if pa.types.is_floating(wanted):  # whole numbers beyond 2**53
            return pa.array([None if v is None else float(v) for v in values], wanted)
        if wanted == pa.int64():  # no parser should give more than 64 bits
            return pa.array(
                [v if v is None or -_MOST <= v < _MOST else None for v in values], wanted
            )
        raise


def _whole_numbers(values: Sequence[Any], wanted: pa.DataType, packed: str) -> pa.Array:
    """Numbers of 64 bits; where none is missing, in a third of the time that Arrow takes."""
    try:
        numbers = struct.pack(f"{len(values)}{packed}", *values)
    except struct.error:
        return pa.array(values, wanted)
    return pa.Array.from_buffers(wanted, len(values), [None, pa.py_buffer(numbers)])


def _texts(values: Sequence[str | bytes | None]) -> pa.Array:
    if type(values[0]) is bytes:  # checked for UTF-8 all at once: half the time
        return pa.array(values, pa.binary()).cast(_STRING)
    return pa.array(values, _STRING)


def _text(value: str | bytes | None) -> str | None:
    """Text with what is not UTF-8 (stray bytes, lone surrogates) replaced."""
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    return None if value is None else value.decode("utf-8", "replace")


def _written_times(values: Sequence[bytes | None], wanted: pa.DataType) -> pa.Array:
    try:
        times = _texts(values).cast(wanted)
        ends = pc.min_max(times)
        if times.null_count == len(times) or (
            ends["min"].value >= FIRST_US and ends["max"].value < LAST_US
        ):
            return times
    except pa.ArrowInvalid:
        pass
    # some date that no calendar has, such as 30 February or the year 0
    moments = [iso_us(_text(value)) for value in values]
    shown = [us if us is not None and FIRST_US <= us < LAST_US else None for us in moments]
    return pa.array(shown, pa.int64()).cast(wanted)
