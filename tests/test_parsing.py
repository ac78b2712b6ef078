"""Rows become Arrow columns, whatever values lines hold."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.contracts import lake_tables
from warehouse.merging import PartWriter
from warehouse.parsing import to_batch
from warehouse.privacy import Privacy
from warehouse.sources import KINDS

TIME = pa.timestamp("us", tz="UTC")


def column(wanted: pa.DataType, values: list[Any], name: str = "value") -> list[Any]:
    schema = pa.schema([("source_id", pa.string()), (name, wanted)])
    batch = to_batch([(value,) for value in values], ["s"] * len(values), schema)
    batch.validate(full=True)
    return batch.column(1).to_pylist()


def test_texts_are_bytes_or_str_and_always_utf8() -> None:
    assert column(pa.string(), [b"a", "b", None]) == ["a", "b", None]
    odd = [b"\xff\xfe", "\ud800", "é", b"\x00", None]
    assert column(pa.string(), odd) == ["��", "?", "é", "\x00", None]


@pytest.mark.parametrize("first", [None, "a", b"a"])
def test_texts_of_both_kinds_in_any_order(first: str | bytes | None) -> None:
    read = None if first is None else "a"
    assert column(pa.string(), [first, "é", b"\xc3\xa9", None]) == [read, "é", "é", None]
    assert column(pa.string(), [first, "\ud800", b"\xff"]) == [read, "?", "�"]


@pytest.mark.parametrize("wanted", [pa.string(), pa.int64(), pa.list_(pa.string()), TIME])
def test_columns_of_nothing(wanted: pa.DataType) -> None:
    assert column(wanted, [None, None]) == [None, None]
    assert column(TIME, [None], "recorded_at") == [None]


def test_whole_numbers_in_columns_of_broken_ones() -> None:
    assert column(pa.float64(), [1, 2.5, None]) == [1.0, 2.5, None]
    assert column(pa.float64(), [2**53 + 1, 2**63 - 1, 0.5]) == [2.0**53, 2.0**63, 0.5]


def test_numbers_that_64_bits_cannot_hold() -> None:
    most = 2**63
    assert column(pa.int64(), [most - 1, -most, 1]) == [most - 1, -most, 1]
    assert column(pa.int64(), [most, -most - 1, 10**300, 1, None]) == [None, None, None, 1, None]


def test_times_are_microseconds() -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
    us = int(moment.timestamp()) * 1_000_000 + 8
    assert column(TIME, [us, None, 10**40]) == [moment, None, None]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"2026-03-04T05:06:07Z", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)),
        (b"2026-03-04T05:06:07.1Z", datetime(2026, 3, 4, 5, 6, 7, 100_000, tzinfo=UTC)),
        (b"2026-03-04T05:06:07.123456Z", datetime(2026, 3, 4, 5, 6, 7, 123_456, tzinfo=UTC)),
        (b"2026-03-04T05:06:07.123456789Z", datetime(2026, 3, 4, 5, 6, 7, 123_456, tzinfo=UTC)),
        (b"2026-02-30T05:06:07Z", None),  # no such day
        (b"2026-03-04T25:06:07Z", None),
        (b"2026-03-04T05:06:60Z", None),
        (b"0000-03-04T05:06:07Z", None),
        (b"0001-01-01T00:00:00Z", None),  # no zone west of Greenwich can show it
        (b"9999-12-31T23:59:59Z", None),  # and none east of it this one
        (b"9999-12-31T01:00:00+02:00", datetime(9999, 12, 30, 23, tzinfo=UTC)),
        (b"2\x80026-03-04T05:06:07Z", None),
        (b"tomorrow", None),
        (None, None),
    ],
)
def test_written_times(written: bytes | None, read: datetime | None) -> None:
    assert column(TIME, [written], "recorded_at") == [read]
    good = b"2026-01-01T00:00:00.000Z"  # whatever stands beside it
    assert column(TIME, [good, written, good], "recorded_at")[1] == read


def test_rows_that_do_not_fit_the_contract_are_refused() -> None:
    schema = pa.schema([("source_id", pa.string()), ("value", pa.int64())])
    with pytest.raises(ValueError, match="rows of 2 values do not fit"):
        to_batch([(1, 2)], ["s"], schema)


def test_parts_hold_what_was_written(tmp_path: Path) -> None:
    schema = lake_tables()["raw_lines"].arrow_schema
    most = 2**63 - 1
    rows: list[tuple[object, ...]] = [
        (1, -most - 1, most, None, None, None, None, None, None),
        (2, most, -most - 1, b"0001-01-01T00:00:00Z", most, b"a", "b", 2**64 - 1, "{}"),
        (3, 0, 0, b"9999-12-31T23:59:59.999999Z", -most - 1, "", "é", 0, None),
    ]
    batch = to_batch(rows, ["s", "s", "t"], schema)
    writer = PartWriter(tmp_path / "part.parquet", "raw_lines")
    for _ in range(2):
        writer.write_batch(batch)
    writer.close()
    with pq.ParquetFile(tmp_path / "part.parquet") as file:
        assert file.schema_arrow == schema
        assert file.read().equals(pa.Table.from_batches([batch, batch]))
    assert (writer.rows, writer.bytes) == (6, (tmp_path / "part.parquet").stat().st_size)


@pytest.mark.parametrize("kind", ["codex", "ledger", "app-server", "analytics"])
def test_lines_that_cannot_be_read_leave_no_garbage(kind: str) -> None:
    """Workers run without a garbage collector: a cycle would hold its batch to the end."""
    parser = KINDS[kind].parser(Privacy("standard", bytes(32)))
    lines = [b"junk", b"[1, 2]", b'{"torn": ', b"{}", b'{"msg": 3, "dir": "in"}', b"\xff\xfe", b""]

    def parse() -> None:
        parser.parse(lines, 1, 0, {name: [] for name in KINDS[kind].tables})

    parse()  # what is made once
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            parse()
        assert gc.collect() < 50
    finally:
        gc.enable()
