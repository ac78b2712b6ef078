"""Staged rows and a day's old parts become the day's new Parquet part.

Belongs here: keeping the rows of unchanged sources, adding new ones, in the order of
source and line. Does not belong here: deciding which sources changed, committing.

Both inputs are sorted by source, so this is one merge of two streams and holds a few
thousand rows at a time, however large the day.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.contracts import lake_tables
from warehouse.contracts.base import DROPPED
from warehouse.lake import damaged_part
from warehouse.privacy import Privacy

GROUP_ROWS = 65_536
READ_ROWS = 16_384
PAGE_BYTES = 1 << 17  # what stays in a core's cache while it is compressed
# Where a reader may skip by them; of all other columns they cost a tenth of the writing.
_WITH_STATISTICS = frozenset({"source_id", "line_number", "recorded_at"})
# zstd sets up a context a column, which for a small part costs more than all the rest
SMALL_ROWS = 10_000


class Piece(msgspec.Struct, array_like=True):
    """A staged file and its runs: (source, rows, what to add to their line numbers).

    None instead of a number leaves the run's rows out.
    """

    path: str
    runs: list[tuple[str, int, int | None]]


class MergeTask(msgspec.Struct, array_like=True, tag=True):
    """A part of one table and day: `old` parts and new rows. `key`: see Manifest.

    `drop` names sources whose old rows are replaced.

    `hide` names sources whose old rows stay, but must tell no places any more: hashed with
    `secret`.
    """

    key: str
    table: str
    old: list[str]
    drop: list[str]
    pieces: list[Piece]
    target: str
    hide: list[str] = []
    secret: bytes = b""


class MergeResult(msgspec.Struct, array_like=True, tag=True):
    key: str
    table: str
    rows: int
    bytes: int


def run_merge(task: MergeTask) -> MergeResult:
    """Write the new part; no file is left where no row remains."""
    streams = [_staged(task.pieces, by_source=bool(task.old))]
    if task.old:
        streams.insert(0, _old(task))  # first: an append follows its old rows
    writer = PartWriter(Path(task.target), task.table)
    for _, batch in heapq.merge(*streams, key=lambda entry: entry[0]):
        writer.write_batch(batch)
    writer.close()
    return MergeResult(task.key, task.table, writer.rows, writer.bytes)


class PartWriter:
    """A Parquet part from batches in their final order; `rows` and `bytes` tell its size.

    Durable only after the lake's commit, which syncs all parts at once.
    """

    def __init__(self, target: Path, table: str) -> None:
        self._target = target
        self._schema = lake_tables()[table].arrow_schema
        self._writer: pq.ParquetWriter | None = None
        self._group: list[pa.RecordBatch] = []
        self._group_rows = 0
        self.rows = 0
        self.bytes = 0

    def write_batch(self, batch: pa.RecordBatch) -> None:
        self._group.append(batch)
        self._group_rows += batch.num_rows
        if self._group_rows >= GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        """Finish the file. Without rows there is none."""
        self._write_group()
        if self._writer is not None:
            self._writer.close()
            self.bytes = self._target.stat().st_size

    def _write_group(self) -> None:
        if not self._group_rows:
            return
        if self._writer is None:
            is_small = self._group_rows < SMALL_ROWS
            self._writer = pq.ParquetWriter(
                self._target,
                self._schema,
                compression="lz4" if is_small else "zstd",
                compression_level=None if is_small else 1,
                use_dictionary=[
                    field.name
                    for field in self._schema
                    if pa.types.is_string(field.type) and field.name != "body"
                ],
                write_statistics=[n for n in self._schema.names if n in _WITH_STATISTICS],
                data_page_size=PAGE_BYTES,
                # a seventh less to write, and to read
                column_encoding={
                    field.name: "DELTA_BINARY_PACKED"
                    for field in self._schema
                    if field.type == pa.int64() or pa.types.is_timestamp(field.type)
                },
            )
        table = pa.Table.from_batches(self._group, self._schema)
        self._writer.write_table(table, row_group_size=2 * GROUP_ROWS)
        self.rows += self._group_rows
        self._group, self._group_rows = [], 0


def _old(task: MergeTask) -> Iterator[tuple[str, pa.RecordBatch]]:
    drop, hide = set(task.drop), set(task.hide)
    privacy = Privacy("strict", task.secret)
    schema = lake_tables()[task.table].arrow_schema
    for batch in _batches(task.old):
        batch = _conformed(batch, schema)
        start = 0
        runs = pc.run_end_encode(batch.column("source_id"))
        for source_id, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            if source_id in hide:
                rows = batch.slice(start, end - start)
                yield source_id, _hidden(rows, task.table, privacy)
            elif source_id not in drop:
                yield source_id, batch.slice(start, end - start)
            start = end


def _batches(paths: list[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        try:
            with pq.ParquetFile(path, memory_map=False) as file:
                yield from file.iter_batches(READ_ROWS)
        except (OSError, pa.ArrowException):
            raise damaged_part(path) from None


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows as the contract has them now: what the one that wrote them did not know is NULL."""
    if batch.schema.equals(schema):
        return batch
    arrays = []
    for field in schema:
        index = batch.schema.get_field_index(field.name)
        if index < 0:
            arrays.append(pa.nulls(batch.num_rows, field.type))
        else:
            arrays.append(batch.column(index).cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _hidden(batch: pa.RecordBatch, table: str, privacy: Privacy) -> pa.RecordBatch:
    """Rows as strict privacy would have made them: the contract says which columns that means."""
    for column in lake_tables()[table].columns:
        if not column.strict:
            continue
        index = batch.schema.get_field_index(column.name)
        values = batch.column(index)
        if column.strict == DROPPED:
            hidden = pa.nulls(len(values), values.type)
        else:
            hidden = pa.array(map(privacy.place, values.to_pylist()), values.type)
        batch = batch.set_column(index, batch.schema.field(index), hidden)
    return batch


def _staged(pieces: list[Piece], by_source: bool) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Staged rows in slices of one source each, or (`by_source` False) as large as can be."""
    for piece in pieces:
        with pa.OSFile(piece.path) as file, pa.ipc.open_stream(file) as stream:
            batch = None
            used = 0
            for source_id, rows, line_base in piece.runs if by_source else _joined(piece.runs):
                while rows:
                    if batch is None or used == batch.num_rows:
                        batch, used = stream.read_next_batch(), 0
                    taken = min(rows, batch.num_rows - used)
                    if line_base is not None:
                        yield source_id, _renumbered(batch.slice(used, taken), line_base)
                    used += taken
                    rows -= taken


def _joined(
    runs: list[tuple[str, int, int | None]],
) -> Iterator[tuple[str, int, int | None]]:
    """Neighbouring runs with the same line base as one."""
    for line_base, group in groupby(runs, key=lambda run: run[2]):
        same = list(group)
        yield same[0][0], sum(rows for _, rows, _ in same), line_base


def _renumbered(batch: pa.RecordBatch, line_base: int) -> pa.RecordBatch:
    if not line_base:
        return batch
    index = batch.schema.get_field_index("line_number")
    shifted = pc.add(batch.column(index), pa.scalar(line_base, pa.int64()))
    return batch.set_column(index, batch.schema.field(index), shifted)
