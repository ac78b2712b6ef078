"""Staged rows and a day's old part become the day's new Parquet part.

Belongs here: keeping the rows of unchanged sources, adding new ones, in the order of
source and line. Does not belong here: deciding which sources changed, committing.

Both inputs are sorted by source, so this is one merge of two streams and holds a few
thousand rows at a time, however large the day.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.contracts import lake_tables

GROUP_ROWS = 65_536
READ_ROWS = 16_384
# zstd sets up a context a column, which for a small part costs more than all the rest
SMALL_ROWS = 10_000


class Piece(msgspec.Struct, array_like=True):
    """A staged file and its runs: (source, rows, what to add to their line numbers)."""

    path: str
    runs: list[tuple[str, int, int]]


class MergeTask(msgspec.Struct, array_like=True):
    """One table of one day. `drop` names sources whose old rows are replaced."""

    day: str
    table: str
    old: str | None
    drop: list[str]
    pieces: list[Piece]
    target: str


class MergeResult(msgspec.Struct, array_like=True):
    day: str
    table: str
    rows: int
    bytes: int


def run_merge(task: MergeTask) -> MergeResult:
    """Write the new part durably; no file is left where no row remains."""
    schema = lake_tables()[task.table].arrow_schema
    target = Path(task.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    drop = set(task.drop)
    streams = [_staged(task.pieces, by_source=task.old is not None)]
    if task.old is not None:
        streams.insert(0, _old(task.old, drop))  # first: an append follows its old rows
    rows = 0
    expected = sum(count for piece in task.pieces for _, count, _ in piece.runs)
    if task.old is not None:
        expected += pq.read_metadata(task.old).num_rows
    is_small = expected < SMALL_ROWS
    with pq.ParquetWriter(
        target,
        schema,
        compression="lz4" if is_small else "zstd",
        compression_level=None if is_small else 1,
        use_dictionary=[f.name for f in schema if pa.types.is_string(f.type) and f.name != "body"],
    ) as writer:
        for group in _groups(heapq.merge(*streams, key=lambda entry: entry[0])):
            table = pa.Table.from_batches(group, schema)
            rows += table.num_rows
            writer.write_table(table, row_group_size=GROUP_ROWS)
    if not rows:
        target.unlink()
        return MergeResult(task.day, task.table, 0, 0)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    return MergeResult(task.day, task.table, rows, size)


def _groups(slices: Iterator[tuple[str, pa.RecordBatch]]) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    rows = 0
    for _, batch in slices:
        group.append(batch)
        rows += batch.num_rows
        if rows >= GROUP_ROWS:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _old(path: str, drop: set[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
    with pq.ParquetFile(path, memory_map=False) as file:
        for batch in file.iter_batches(READ_ROWS):
            start = 0
            runs = pc.run_end_encode(batch.column("source_id"))
            for source_id, end in zip(
                runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True
            ):
                if source_id not in drop:
                    yield source_id, batch.slice(start, end - start)
                start = end


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
                    yield source_id, _renumbered(batch.slice(used, taken), line_base)
                    used += taken
                    rows -= taken


def _joined(runs: list[tuple[str, int, int]]) -> Iterator[tuple[str, int, int]]:
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
