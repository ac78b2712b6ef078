"""Lines that are numbered through by task, put back to where they stand in their sources."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.helpers import DAY, LINE_TABLES, Codex, Warehouse, message, rollout, thread_id
from warehouse.placing import Places

SCHEMA = pa.schema(
    [("source_id", pa.string()), ("line_number", pa.int64()), ("byte_offset", pa.int64())]
)


def batch(*lines: tuple[int, int], of: pa.Schema = SCHEMA) -> pa.RecordBatch:
    """Rows of lines with these numbers and offsets among all."""
    columns = [pa.nulls(len(lines), pa.string()), *map(pa.array, zip(*lines, strict=True))]
    return pa.RecordBatch.from_arrays(columns[: len(of)], schema=of)


def rows(placed: pa.RecordBatch) -> list[tuple[object, ...]]:
    return list(zip(*(column.to_pylist() for column in placed.columns), strict=True))


def test_lines_are_placed_by_the_range_that_they_are_of() -> None:
    places = Places(["a", "nothing", "b", "a"])
    assert places.add(0, 1, 0, 2, 30) == (1, 0)
    assert places.add(0, 3, 30, 1, 10) == (3, 30)  # the next block of the same range
    assert places.add(2, 100, 5000, 2, 20) == (4, 40)
    assert places.add(3, 4, 40, 1, 7) == (6, 60)
    placed, ranges = places.put(batch((1, 0), (3, 30), (3, 30), (4, 40), (5, 55), (6, 60)))
    assert rows(placed) == [
        ("a", 1, 0),
        ("a", 3, 30),
        ("a", 3, 30),
        ("b", 100, 5000),
        ("b", 101, 5015),
        ("a", 4, 40),
    ]
    assert ranges.to_pylist() == [0, 0, 0, 2, 2, 3]
    placed.validate(full=True)


def test_rows_of_later_lines_only() -> None:
    places = Places(list("abcd"))
    for index in range(4):
        places.add(index, 10 * index + 1, 100 * index, 3, 9)
    placed, ranges = places.put(batch((8, 21), (12, 33)))
    assert rows(placed) == [("c", 22, 203), ("d", 33, 306)]
    assert ranges.to_pylist() == [2, 3]


def test_a_table_without_offsets() -> None:
    schema = pa.schema([*list(SCHEMA)[:2], ("position", pa.int64())])
    places = Places(["a", "b"])
    places.add(0, 1, 0, 1, 5)
    places.add(1, 7, 300, 1, 5)
    placed, _ = places.put(batch((1, 3), (2, 4), of=schema))
    assert rows(placed) == [("a", 1, 3), ("b", 7, 4)]


@pytest.mark.parametrize("flush_rows", [1, 3, 4000])
def test_lines_and_whole_documents_in_one_task(
    flush_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rollouts and the JSON documents of the TypeScript CLI, in the order of their ids."""
    codex = Codex(tmp_path / "codex")
    for number in range(1, 6):
        path = codex.path(number)
        path.write_bytes(rollout(number, 3 * number) + b"no json\n" * (number % 2))
        items = [json.loads(message(n))["payload"] for n in range(number)]
        session = {"id": thread_id(100 + number), "timestamp": f"{DAY}T10:00:00.000Z"}
        name = f"rollout-{DAY}-{thread_id(100 + number)}.json"
        (codex.sessions / name).write_text(json.dumps({"session": session, "items": items}))
    monkeypatch.setattr("warehouse.parsing.FLUSH_ROWS", flush_rows)
    together = Warehouse(tmp_path / "together", [codex.root])
    together.sync()
    order = [source.is_whole for _, source in sorted(together.sources.items())]
    assert len(order) == 10
    assert sum(one != other for one, other in pairwise(order)) > 2
    for source in together.sources.values():
        alone = Warehouse(tmp_path / f"alone-{source.source_id}", [Path(source.path)])
        alone.sync()
        for name in LINE_TABLES:
            table = together.table(name)
            rows_of_it = table.filter(pc.equal(table["source_id"], source.source_id))
            assert rows_of_it.equals(alone.table(name)), name
        read = alone.source
        assert (read.lines, read.rejected_lines) == (source.lines, source.rejected_lines)
    assert sum(source.rejected_lines for source in together.sources.values()) == 3
