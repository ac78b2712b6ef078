"""Whatever bytes come in and whatever happens to files: the lake is what a fresh build makes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.helpers import (
    LINE_TABLES,
    Codex,
    Warehouse,
    append,
    assert_like_fresh,
    body,
    compressed,
    message,
    meta,
    rollout,
    snapshot,
    usage,
)

EFFORT = settings().max_examples / 100  # more under --hypothesis-profile=thorough
quick = settings(
    max_examples=int(25 * EFFORT),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@contextlib.contextmanager
def scratch() -> Iterator[tuple[Codex, Warehouse, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        codex = Codex(root / "codex")
        yield codex, Warehouse(root / "home", [codex.root]), root


def assert_faithful(warehouse: Warehouse, content: bytes) -> None:
    """One row a complete line, where it lies; what is left is deferred."""
    source = warehouse.source
    lines = content.split(b"\n")
    rest = lines.pop()
    assert (source.state, source.error) == ("present", None)
    assert (source.lines, source.deferred_bytes) == (len(lines), len(rest))
    assert source.bytes_read == len(content) - len(rest)
    found = warehouse.rows("raw_lines", "line_number", "byte_offset", "byte_length")
    offset = 0
    expected = []
    for number, one in enumerate(lines, 1):
        expected.append((number, offset, len(one)))
        offset += len(one) + 1
    assert found == expected
    rejected = warehouse.rows("parsed_rejects", "line_number", "rule")
    assert len(rejected) == len({number for number, _ in rejected}) == source.rejected_lines
    assert "unforeseen" not in {rule for _, rule in rejected}  # no parser stumbled


# --- any bytes ------------------------------------------------------------------------------------

some_lines = st.sampled_from(
    [meta(1), message(1), usage(2), b"\n", b"\r\n", b"{}\n", b"null\n", b"[]\n", b'{"type":1}\n']
)
any_bytes = st.lists(st.one_of(st.binary(max_size=60), some_lines), max_size=12).map(b"".join)


@quick
@given(content=any_bytes)
def test_any_bytes_give_a_row_a_line(content: bytes) -> None:
    with scratch() as (codex, warehouse, _):
        codex.path(1).write_bytes(content)
        warehouse.sync()
        if content:
            assert_faithful(warehouse, content)


@pytest.fixture(scope="module")
def real_lines(recordings: Path) -> list[bytes]:
    """One line of each kind that the real CLI wrote, with each set of fields."""
    found: dict[tuple[str, ...], bytes] = {}
    for path in sorted(recordings.rglob("rollout-*.jsonl")):
        for one in path.read_bytes().splitlines(keepends=True):
            line = json.loads(one)
            payload = line["payload"]
            kind = (
                str(line["type"]),
                str(payload.get("type")),
                str(payload.get("item", {}).keys()),
            )
            if len(one) < 3000:  # shorter failures
                found.setdefault((*kind, *payload.keys()), one)
    return sorted(found.values())


# what to put into a real line, at a place told by a fraction of its length
scalars = st.sampled_from(
    [
        *(b"null", b"-1", b"1e400", b"99999999999999999999", b"0.5", b"true", b'"\\ud800"'),
        *(b'"\xff"', b"{}", b"[]", b"[" * 3000, b'"', b"\\", b"\x00", b"{", b":", b",", b"\xc3"),
    ]
)
damage = st.tuples(
    st.integers(0, 10**6),
    st.floats(0, 1),
    st.one_of(st.binary(max_size=3), scalars),
    st.integers(0, 9),
)


@quick
@given(damages=st.lists(damage, min_size=1, max_size=30))
def test_damaged_real_lines_stop_nothing(
    damages: list[tuple[int, float, bytes, int]], real_lines: list[bytes]
) -> None:
    content = b""
    for which, where, put, cut in damages:
        one = real_lines[which % len(real_lines)]
        at = int(where * (len(one) - 1))
        content += one[:at] + put + one[at + cut :].rstrip(b"\n") + b"\n"
    with scratch() as (codex, warehouse, _):
        codex.path(1).write_bytes(content)
        warehouse.sync()
        assert_faithful(warehouse, content)


values = st.recursive(
    st.sampled_from(
        [
            *(b"null", b"true", b"0", b"-7", b"1e9", b"2.5", b"1e300", b"1e400", b'""', b'"a"'),
            *(b"9" * 18, b"9" * 19, b"9" * 25, b"-1e18", b"1e19"),
            *(b'"2026-02-30T25:61:61Z"', b'"\\ud800"', b'"\\u0000"', '"é😀"'.encode()),
        ]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda items: b"[" + b",".join(items) + b"]"),
        inner.map(lambda value: b'{"a":' + value + b"}"),
    ),
    max_leaves=4,
)


@quick
@given(data=st.data())
def test_any_value_in_any_field_stops_nothing(data: st.DataObject, real_lines: list[bytes]) -> None:
    """Well-formed lines with another value in one place of a real one."""
    content = b""
    for one in data.draw(st.lists(st.sampled_from(real_lines), min_size=1, max_size=15)):
        document = json.loads(one)
        holder, key = document, "payload"
        while (
            isinstance(holder[key], (dict, list)) and holder[key] and data.draw(st.integers(0, 5))
        ):
            holder = holder[key]
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = data.draw(st.sampled_from(keys))
        holder[key] = "@@@"
        changed = json.dumps(document, separators=(",", ":")).encode()
        content += changed.replace(b'"@@@"', data.draw(values)) + b"\n"
    with scratch() as (codex, warehouse, _):
        codex.path(1).write_bytes(content)
        warehouse.sync()
        assert_faithful(warehouse, content)


# --- in slices ------------------------------------------------------------------------------------


@quick
@given(content=any_bytes, data=st.data())
def test_read_in_slices_or_at_once(content: bytes, data: st.DataObject) -> None:
    content = rollout(1, 3) + content
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5)))
    with scratch() as (codex, warehouse, root):
        path = codex.path(1)
        path.touch()
        for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            append(path, content[start:end])
            warehouse.sync()
        whole = Warehouse(root / "whole", warehouse.roots)
        whole.sync()
        leave_out = ["generation"]
        assert snapshot(warehouse, leave_out) == snapshot(whole, leave_out)


@quick
@given(content=any_bytes, split=st.integers(1, 400), grown=any_bytes)
def test_read_in_ranges_or_at_once(content: bytes, split: int, grown: bytes) -> None:
    with scratch() as (codex, warehouse, root), pytest.MonkeyPatch.context() as patch:
        path = codex.path(1)
        path.write_bytes(rollout(1, 3) + content)
        patch.setattr("warehouse.ingest.SPLIT_BYTES", split)
        patch.setattr("warehouse.ingest.TASK_BYTES", 2 * split)
        warehouse.sync()
        append(path, grown)
        warehouse.sync()
        patch.undo()
        assert_like_fresh(warehouse, root / "fresh")


# --- any history of files -------------------------------------------------------------------------


class Files(RuleBasedStateMachine):
    """Files are written, moved, cut, copied, compressed and deleted; builds run in between."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.codex = Codex(self.root / "codex")
        self.warehouse = Warehouse(self.root / "home", [self.codex.root])
        self.clock = 1_800_000_000
        self.lines = 0
        self.fresh = 0
        self.unseen = False  # whether a change was made that only --verify can find
        self.kept: list[tuple[bytes, int]] = []
        self.before: dict[str, dict[str, list[Any]]] = {}
        self.patch = pytest.MonkeyPatch()
        # the tail decides whether a file only grew; here it is all that was read before
        self.patch.setattr("warehouse.reading.TAIL_BYTES", 1 << 20)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.patch.undo()
            self.folder.cleanup()

    # --- files

    def stamp(self, path: Path) -> None:
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    def files(self) -> list[Path]:
        return sorted(path for path in self.codex.root.rglob("rollout-*") if path.is_file())

    def read(self, path: Path) -> bytes:
        content = path.read_bytes()
        if path.suffix == ".zst":
            return zstandard.ZstdDecompressor().stream_reader(content).read()
        return content

    def write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compressed(content) if path.suffix == ".zst" else content)
        self.stamp(path)

    def more(self, count: int) -> bytes:
        self.lines += count
        return body(count, self.lines)

    @rule(
        change=st.sampled_from(
            (
                *("create", "grow", "truncate", "change_a_byte", "migrate_first_line", "touch"),
                *("archive", "compress", "copy", "swap", "delete", "restore"),
            )
        ),
        which=st.integers(0, 9),
        number=st.integers(0, 5),
        share=st.floats(0, 1),
    )
    def change(self, change: str, which: int, number: int, share: float) -> None:
        files = self.files()
        if change == "create" or not files:
            self.create(number)
        elif change == "restore":
            self.restore(which)
        else:
            getattr(self, change)(files[which % len(files)], number, share)

    def create(self, number: int) -> None:
        path = self.codex.path(number % 3, ("2026-03-02", "2026-03-09")[number % 2])
        self.write(
            path, meta(number % 3, base_instructions={"text": "x" * 900}) + self.more(number)
        )

    def grow(self, path: Path, number: int, share: float) -> None:
        torn = message(1)[: int(100 * share)] if share < 0.5 else b""
        self.write(path, self.read(path) + self.more(number) + torn)

    def truncate(self, path: Path, _: int, share: float) -> None:
        content = self.read(path)
        self.write(path, content[: int(share * len(content))])

    def change_a_byte(self, path: Path, number: int, share: float) -> None:
        if path.suffix == ".zst":
            return
        content = bytearray(path.read_bytes())
        at = int(share * len(content))
        if at >= len(content) or not chr(content[at]).isalnum():
            return
        content[at] = ord("A") if content[at] != ord("A") else ord("B")
        status = path.stat()
        self.write(path, bytes(content))
        if number == 0:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            self.unseen = True

    def migrate_first_line(self, path: Path, number: int, _: float) -> None:
        first, newline, rest = self.read(path).partition(b"\n")
        if newline and first.startswith(b"{"):
            field = b'"payload":{"f%d":1,' % number
            self.write(path, first.replace(b'"payload":{', field, 1) + newline + rest)

    def touch(self, path: Path, *_: object) -> None:
        self.stamp(path)

    def archive(self, path: Path, *_: object) -> None:
        is_archived = path.parent == self.codex.archived
        target = self.codex.sessions if is_archived else self.codex.archived
        path.replace(target / path.name)

    def compress(self, path: Path, *_: object) -> None:
        content, status = self.read(path), path.stat()
        is_packed = path.suffix == ".zst"
        target = path.with_suffix("") if is_packed else path.with_name(path.name + ".zst")
        target.write_bytes(content if is_packed else compressed(content))
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        path.unlink()

    def copy(self, path: Path, number: int, _: float) -> None:
        suffix = ".jsonl.zst" if path.suffix == ".zst" else ".jsonl"
        target = self.codex.sessions / f"rollout-2026-03-03-{number % 2}{suffix}"
        if path != target:
            shutil.copy2(path, target)

    def swap(self, path: Path, number: int, _: float) -> None:
        files = [other for other in self.files() if other.suffix == path.suffix and other != path]
        if files:
            other = files[number % len(files)]
            aside = self.root / "aside"
            path.rename(aside)
            other.rename(path)
            aside.rename(other)

    def delete(self, path: Path, *_: object) -> None:
        self.kept.append((self.read(path), path.stat().st_mtime_ns))
        path.unlink()

    def restore(self, which: int) -> None:
        if self.kept:
            content, mtime_ns = self.kept[which % len(self.kept)]
            path = self.codex.sessions / "rollout-2026-03-02-restored.jsonl"
            path.write_bytes(content)
            os.utime(path, ns=(mtime_ns, mtime_ns))

    # --- builds

    @rule(verify=st.booleans(), split=st.sampled_from([200, 1 << 20]))
    def build(self, verify: bool, split: int) -> None:
        old = self.warehouse.sources
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warehouse.ingest.SPLIT_BYTES", split)
            self.warehouse.sync(verify=verify or self.unseen)
        self.unseen = False
        self.fresh += 1
        assert_like_fresh(self.warehouse, self.root / f"fresh-{self.fresh}")
        shutil.rmtree(self.root / f"fresh-{self.fresh}")
        again = self.warehouse.sync()
        assert not again.plan.news
        new = self.warehouse.sources
        rows = self.rows_by_source()
        present = {s.logical: s for s in new.values() if s.state != "missing"}
        for source_id, source in new.items():
            if source.state == "missing":
                assert source.lines > 0
                assert rows[source_id] == self.before[source_id]
        for source_id in old.keys() - new.keys():
            gone = old[source_id]
            now = present.get(gone.logical)
            assert not gone.lines or (now is not None and now.thread_id == gone.thread_id)
        self.before = rows

    def rows_by_source(self) -> dict[str, dict[str, list[Any]]]:
        found: dict[str, dict[str, list[Any]]] = {s: {} for s in self.warehouse.sources}
        for name in LINE_TABLES:
            for row in self.warehouse.table(name).to_pylist():
                found[row["source_id"]].setdefault(name, []).append(row)
        return found


TestFiles = Files.TestCase
TestFiles.settings = settings(
    max_examples=int(15 * EFFORT),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
