"""From a plan to a committed generation: ranges, workers, order, and what breaks off."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import (
    Codex,
    Warehouse,
    append,
    assert_like_fresh,
    body,
    compressed,
    message,
    rollout,
    snapshot,
)
from warehouse import ingest as engine
from warehouse.ingest import CHANGED, UNSURE
from warehouse.reading import Block, LineReader, open_plain
from warehouse.sources import KINDS
from warehouse.sources.base import Found, Parser, Rows
from warehouse.sources.codex import CodexSource


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    return Codex(tmp_path / "codex")


@pytest.fixture
def warehouse(tmp_path: Path, codex: Codex) -> Warehouse:
    return Warehouse(tmp_path / "home", [codex.root])


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SPLIT_BYTES", 1000)
    monkeypatch.setattr(engine, "TASK_BYTES", 1000)


# --- files read in ranges -------------------------------------------------------------------------


@pytest.mark.usefixtures("small_ranges")
class TestRanges:
    def test_rows_are_numbered_through(self, codex: Codex, warehouse: Warehouse) -> None:
        content = rollout(1, 100) + b"no json\n" + b"torn"
        codex.path(1).write_bytes(content)
        codex.write(2, 3)
        step = warehouse.sync()
        assert step.work == (2, 102 + 4)
        source = next(s for s in warehouse.sources.values() if s.deferred_bytes)
        assert (source.lines, source.rejected_lines, source.deferred_bytes) == (102, 1, 4)
        places = [
            row[1:]
            for row in warehouse.rows("raw_lines", "source_id", "line_number", "byte_offset")
            if row[0] == source.source_id
        ]
        starts = [0, *(i + 1 for i, byte in enumerate(content) if byte == 10)][:-1]
        assert places == list(enumerate(starts, 1))
        assert warehouse.rows("parsed_rejects", "line_number") == [(102,)]

    def test_growth_is_read_in_ranges_as_well(
        self, tmp_path: Path, codex: Codex, warehouse: Warehouse
    ) -> None:
        path = codex.write(1, 50)
        warehouse.sync()
        append(path, body(100, 51) + message(151)[:-1])
        assert warehouse.sync().work == (1, 100)
        assert_like_fresh(warehouse, tmp_path / "fresh")

    def test_one_line_longer_than_many_ranges(
        self, tmp_path: Path, codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codex.path(1).write_bytes(rollout(1, 2) + message(3, "x" * 20_000) + message(4))
        warehouse.sync()
        assert warehouse.source.lines == 5
        monkeypatch.undo()
        assert_like_fresh(warehouse, tmp_path / "fresh")

    def test_compressed_files_are_not_split(self, codex: Codex, warehouse: Warehouse) -> None:
        packed = codex.path(1).with_suffix(".jsonl.zst")
        packed.write_bytes(compressed(rollout(1, 3000)))
        assert packed.stat().st_size > 4000
        plan = warehouse.scan()
        assert len(list(engine._ranges(plan.work, plan.paths))) == 1
        warehouse.sync()
        assert warehouse.source.lines == 3001


@pytest.mark.usefixtures("small_ranges")
class TestRangesThatDoNotFit:
    """Between the cut into ranges and the reading, a file may change or fail."""

    def check_read_anew(self, warehouse: Warehouse, lines: int, scratch: Path) -> None:
        assert warehouse.source.state == "unreadable"
        assert warehouse.source.parser_version == UNSURE
        rows = warehouse.rows("raw_lines", "line_number")
        assert len(rows) == len(set(rows)) == warehouse.source.lines
        assert warehouse.sync().work == (1, lines)
        assert warehouse.source.state == "present"
        assert_like_fresh(warehouse, scratch)

    def test_written_anew(
        self, tmp_path: Path, codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codex.write(1, 50)
        with monkeypatch.context() as patch:
            patch.setattr(engine, "_line_ends", lambda *_: [1500, 3001])
            assert warehouse.sync().problems == [CHANGED]
        self.check_read_anew(warehouse, 51, tmp_path / "fresh")

    def test_cut(
        self, tmp_path: Path, codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = codex.write(1, 50)
        find = engine._line_ends

        def then_cut(*place: object) -> list[int]:
            ends = find(*place)  # type: ignore[arg-type]
            path.write_bytes(rollout(1, 20))
            return ends

        with monkeypatch.context() as patch:
            patch.setattr(engine, "_line_ends", then_cut)
            assert warehouse.sync().problems == [CHANGED]
        self.check_read_anew(warehouse, 21, tmp_path / "fresh")

    @pytest.mark.parametrize("grown", [False, True])
    def test_a_range_that_fails(
        self,
        grown: bool,
        tmp_path: Path,
        codex: Codex,
        warehouse: Warehouse,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = codex.write(1, 50)
        with monkeypatch.context() as patch:
            patch.setattr("warehouse.parsing.LineReader", Failing)
            assert warehouse.sync().problems == ["Input/output error"]
        if grown:
            append(path, body(1, 51))
        self.check_read_anew(warehouse, 51 + grown, tmp_path / "fresh")

    def test_does_not_replace_rows_that_were_whole(
        self, tmp_path: Path, codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = codex.write(1, 50)
        codex.write(2, 50)
        warehouse.sync()
        before = warehouse.table("raw_lines")
        path.write_bytes(rollout(1, 60).replace(b"message 3", b"MESSAGE 3"))
        with monkeypatch.context() as patch:
            patch.setattr("warehouse.parsing.LineReader", Failing)
            step = warehouse.sync()
        assert step.problems == ["Input/output error"]
        assert warehouse.table("raw_lines") == before
        assert sorted(s.state for s in warehouse.sources.values()) == ["present", "unreadable"]
        assert warehouse.sync().work == (1, 61)
        assert_like_fresh(warehouse, tmp_path / "fresh")


class Failing(LineReader):
    """A disk that fails in the midst of a file."""

    def __iter__(self) -> Iterator[Block]:
        if 3000 <= self.position < 4500:
            raise OSError(5, "Input/output error")
        return super().__iter__()


def failing_after(reads: int) -> Callable[..., contextlib.AbstractContextManager[object]]:
    @contextlib.contextmanager
    def opened(path: str, is_compressed: bool) -> Iterator[object]:
        with open_plain(path, is_compressed) as file:

            class Disk:
                seek = file.seek
                left = reads

                def read(self, size: int) -> bytes | None:
                    self.left -= 1
                    if self.left < 0:
                        raise OSError(5, "Input/output error")
                    return file.read(size)

            disk = Disk()
            disk.left += 1  # the tail before the start is read first
            yield disk

    return opened


def test_a_reading_that_breaks_off_is_taken_up_there(
    tmp_path: Path, codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = codex.write(1, 3000)

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.parsing.open_plain", failing_after(2))
        assert warehouse.sync().problems == ["Input/output error"]
    read = warehouse.source.lines
    assert 0 < read < 3001
    append(path, body(1, 3001))
    assert warehouse.sync().work == (1, 3002 - read)
    assert_like_fresh(warehouse, tmp_path / "fresh")


def test_a_line_that_the_parser_stumbles_over_is_rejected_alone(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = rollout(1, 40)
    codex.path(1).write_bytes(content)
    parser = type(KINDS["codex"].parser(warehouse.privacy))
    parse = parser.parse

    def stumble(
        self: Parser, lines: list[bytes], line_number: int, offset: int, rows: Rows
    ) -> None:
        for line in lines:  # some rows are there when it happens
            parse(self, [line], line_number, offset, rows)
            if b"message 7" in line:
                raise KeyError("message 7")
            line_number += 1
            offset += len(line) + 1

    monkeypatch.setattr(parser, "parse", stumble)
    step = warehouse.sync()
    assert (step.work, step.problems) == ((1, 41), [])
    assert (warehouse.source.lines, warehouse.source.rejected_lines) == (41, 1)
    offset = content.index(message(7))
    assert warehouse.rows("parsed_rejects", "line_number", "byte_offset", "rule", "error") == [
        (8, offset, "unforeseen", "KeyError in parsing")
    ]
    rows = warehouse.rows("raw_lines", "line_number", "byte_offset", "byte_length", "type")
    assert [row[0] for row in rows] == list(range(1, 42))
    assert rows[7] == (8, offset, len(message(7)) - 1, None)
    assert len(warehouse.rows("parsed_usage", "line_number")) == 20


def test_a_full_disk_is_no_fault_of_the_source(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    codex.write(1, 10)
    warehouse.sync()
    before = warehouse.lake.manifest()
    codex.write(2, 10)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.parsing._Stage._flush", full)
        with pytest.raises(Exception, match="No space left on device"):
            warehouse.sync()
    assert warehouse.lake.manifest() == before
    assert warehouse.sync().work == (1, 11)
    assert not warehouse.lake.stage.exists()


# --- always the same ------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path, recordings: Path) -> Path:
    """Real sessions of several homes, with copies, a compressed and a torn file."""
    root = tmp_path / "many"
    for name in ("as_multi_legacy", "exec_models", "old_0.47.0", "x_compress_as_multi_legacy"):
        shutil.copytree(recordings / name / "codex_home", root / name)
    first, second, *_ = sorted(root.rglob("rollout-*.jsonl"))
    shutil.copy2(first, first.with_name("rollout-2026-11-21-copy.jsonl"))
    append(first, b"\nno json\n" + message(1)[:50])
    second.with_name(second.name + ".zst").write_bytes(compressed(second.read_bytes()))
    (root / "rollout-2026-11-22-torn.jsonl").write_bytes(os.urandom(100))
    return root


def homes(root: Path) -> list[Path]:
    return [root]


@pytest.fixture
def make(tmp_path: Path, many: Path) -> Callable[[str], Warehouse]:
    return lambda name: Warehouse(tmp_path / name, homes(many))


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tasks, all of them for workers."""
    monkeypatch.setattr(engine, "INLINE_BYTES", -1)
    monkeypatch.setattr(engine, "SPLIT_BYTES", 60_000)
    monkeypatch.setattr(engine, "TASK_BYTES", 90_000)


@pytest.mark.slow
@pytest.mark.usefixtures("processes")
def test_the_same_rows_from_one_and_four_workers(make: Callable[[str], Warehouse]) -> None:
    one, four = make("one"), make("four")
    one.sync(jobs=1)
    step = four.sync(jobs=4)
    assert step.work[1] > 1500
    assert snapshot(one) == snapshot(four)


def test_the_same_rows_in_ranges_and_whole(
    make: Callable[[str], Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, split = make("whole"), make("split")
    whole.sync()
    monkeypatch.setattr(engine, "SPLIT_BYTES", 7000)
    monkeypatch.setattr(engine, "TASK_BYTES", 9000)
    split.sync()
    assert snapshot(whole) == snapshot(split)


@pytest.mark.parametrize("together", [3000, 1 << 30])
def test_the_same_rows_however_many_sources_are_parsed_together(
    together: int, make: Callable[[str], Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.reading.BLOCK_BYTES", 4096)
    monkeypatch.setattr("warehouse.reading.MAX_LINE_BYTES", 20_000)  # some lines are longer
    alone, joined = make("alone"), make("joined")
    monkeypatch.setattr("warehouse.parsing.BATCH_BYTES", 1)
    alone.sync()
    rejects = alone.rows("parsed_rejects", "source_id", "line_number", "rule")
    assert {rule for *_, rule in rejects} >= {"line_too_long", "not_json"}
    assert len({source_id for source_id, *_ in rejects}) > 2
    monkeypatch.setattr("warehouse.parsing.BATCH_BYTES", together)
    joined.sync()
    assert snapshot(alone) == snapshot(joined)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_rows_whatever_the_order_of_files(
    seed: int, make: Callable[[str], Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered, shuffled = make("ordered"), make("shuffled")
    ordered.sync()
    discover = CodexSource.discover

    def in_any_order(self: CodexSource, root: Path, label: str | None) -> Iterator[Found]:
        found = list(discover(self, root, label))
        random.Random(seed).shuffle(found)
        return iter(found)

    monkeypatch.setattr(CodexSource, "discover", in_any_order)
    shuffled.sync()
    assert snapshot(ordered) == snapshot(shuffled)


def test_the_same_rows_from_files_that_grew_in_three_steps(
    tmp_path: Path, many: Path, make: Callable[[str], Warehouse]
) -> None:
    whole = make("whole")
    whole.sync()
    growing = Warehouse(tmp_path / "growing", homes(many))
    files = [
        (path, path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(many.rglob("rollout-*.jsonl"))
    ]
    for step in range(1, 4):
        for number, (path, content, time) in enumerate(files):
            end = len(content) * step // 3 - (0 if step == 3 else 7 * number % 100)
            path.write_bytes(content[:end])
            written = time - (3 - step) * 1_000_000_000
            os.utime(path, ns=(written, written))
        growing.sync()
    leave_out = {"generation"}
    assert snapshot(whole, leave_out) == snapshot(growing, leave_out)
    assert growing.lake.manifest().generation == 3
