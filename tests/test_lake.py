"""The lake's commit, lock and leftovers."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from tests.helpers import Codex, Warehouse, append, body, touch
from warehouse.errors import RollhouseError
from warehouse.lake import Lake, LakeError, LakeLockedError, Manifest, write_durably


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    return Codex(tmp_path / "codex")


@pytest.fixture
def warehouse(tmp_path: Path, codex: Codex) -> Warehouse:
    return Warehouse(tmp_path / "home", [codex.root])


def files(lake: Lake) -> set[str]:
    return {
        path.relative_to(lake.root).as_posix() for path in lake.root.rglob("*") if path.is_file()
    } - {"lock"}


def live(lake: Lake) -> set[str]:
    manifest = lake.manifest()
    named = {part.path for days in manifest.parts.values() for part in days.values()}
    return named | {"manifest.json", str(manifest.sources_file)}


# --- commit ---------------------------------------------------------------------------------------


def test_a_commit_leaves_what_its_manifest_names_and_nothing_else(
    codex: Codex, warehouse: Warehouse
) -> None:
    paths = [codex.write(n, 5, day=f"2026-0{n}-01") for n in range(1, 4)]
    for step in range(4):
        append(paths[step % 3], body(2, 6 + step))
        warehouse.sync()
        assert files(warehouse.lake) == live(warehouse.lake)
    assert warehouse.lake.manifest().generation == 4


def test_parts_tell_their_rows_and_bytes(codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 5)
    warehouse.sync()
    manifest = warehouse.lake.manifest()
    for table, days in manifest.parts.items():
        assert sum(part.rows for part in days.values()) == warehouse.table(table).num_rows
        for part in days.values():
            assert (warehouse.lake.root / part.path).stat().st_size == part.bytes


def test_a_touched_file_changes_the_registry_alone(codex: Codex, warehouse: Warehouse) -> None:
    path = codex.write(1, 5)
    warehouse.sync()
    before = warehouse.lake.manifest()
    os.utime(path, (1, 1))
    warehouse.sync()
    after = warehouse.lake.manifest()
    assert (after.generation, after.parts) == (before.generation, before.parts)
    assert after.sources_file != before.sources_file
    assert files(warehouse.lake) == live(warehouse.lake)


def test_leftovers_of_a_killed_build_are_swept(codex: Codex, warehouse: Warehouse) -> None:
    path = codex.write(1, 5)
    warehouse.sync()
    root = warehouse.lake.root
    manifest = warehouse.lake.manifest()
    left = [
        root / "stage/1-2/3-raw_lines.arrow",
        root / "raw/raw_lines/day=2026-03-02/part-2.parquet",
        root / "raw/raw_lines/day=2020-01-06/part-2.parquet",
        root / "parsed/parsed_usage/day=2026-03-02/part-9.parquet",
        root / "sources-2.msgpack",
        root / "manifest.json.aside",
        root / "current.aside",
    ]
    for leftover in left:
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_bytes(b"half a file")
    warehouse.lake.sweep(manifest)
    assert files(warehouse.lake) == live(warehouse.lake)
    append(path, body(1, 6))
    warehouse.sync()
    assert warehouse.source.lines == 7


def test_write_durably_replaces_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="No space"):
            write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["file"]


# --- what is damaged ------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b'{"format":"x"}', b'{"parts":[]}', b"\xff"])
def test_a_damaged_manifest_is_named(content: bytes, warehouse: Warehouse) -> None:
    path = warehouse.lake.root / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(LakeError, match=r"manifest\.json is damaged.*move .* away"):
        warehouse.lake.manifest()


def test_a_manifest_of_another_format_is_refused(warehouse: Warehouse) -> None:
    path = warehouse.lake.root / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(Manifest(format=99)))
    with pytest.raises(LakeError, match=r"another version of Rollhouse \(format 99"):
        warehouse.lake.manifest()


@pytest.mark.parametrize("told_by", ["a second generation", "a registry of its own", "a build"])
def test_a_lake_without_its_manifest_is_not_taken_for_an_empty_one(
    told_by: str, codex: Codex, warehouse: Warehouse
) -> None:
    path = codex.write(1, 5)
    warehouse.sync()
    root = warehouse.lake.root
    if told_by == "a second generation":
        append(path, body(2, 6))
    elif told_by == "a registry of its own":
        touch(path)
    else:
        (root / "current").symlink_to("builds/1-20260304T100000000")
    warehouse.sync()
    path.unlink()  # of what only the lake holds, nothing may be swept
    (root / "manifest.json").unlink()
    left = files(warehouse.lake)
    with pytest.raises(LakeError, match=r"manifest\.json.* is gone; restore it"):
        warehouse.sync()
    assert files(warehouse.lake) == left


def test_a_first_build_killed_before_its_commit_left_nothing(
    codex: Codex, warehouse: Warehouse
) -> None:
    codex.write(1, 5)
    warehouse.sync()
    (warehouse.lake.root / "manifest.json").unlink()
    warehouse.sync()
    assert warehouse.source.lines == 6
    assert files(warehouse.lake) == live(warehouse.lake)


@pytest.mark.parametrize("damage", ["gone", "garbled"])
def test_a_damaged_registry_is_named(damage: str, codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 5)
    warehouse.sync()
    path = warehouse.lake.root / "sources-1.msgpack"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"\xc1")
    with pytest.raises(LakeError, match=r"sources-1\.msgpack is damaged or gone"):
        warehouse.sync()


def test_a_part_that_is_gone_is_named(codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 5)
    warehouse.sync()
    manifest = warehouse.lake.manifest()
    (part,) = manifest.parts["raw_lines"].values()
    (warehouse.lake.root / part.path).unlink()
    with pytest.raises(LakeError, match=r"raw_lines/day=2026-03-02/part-1\.parquet.* is gone"):
        warehouse.lake.part_files(manifest, "raw_lines")


@pytest.mark.parametrize("damage", ["gone", "cut", "garbled"])
def test_a_part_that_cannot_be_merged_is_named(
    damage: str, codex: Codex, warehouse: Warehouse
) -> None:
    codex.write(1, 300)
    first = codex.write(2, 5)
    warehouse.sync()
    root = warehouse.lake.root
    (part,) = warehouse.lake.manifest().parts["raw_lines"].values()
    path, content = root / part.path, (root / part.path).read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:500] if damage == "cut" else bytes(500) + content[500:])
    append(first, body(1, 6))
    expected = rf"{re.escape(str(path))}.* is damaged or gone; restore it, or move .*/lake away"
    with pytest.raises(RollhouseError, match=expected):
        warehouse.sync()
    path.write_bytes(content)
    warehouse.sync()
    assert warehouse.lake.manifest().generation == 2


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(LakeError, match=r"file/lake cannot be written: Not a directory.*--home"),
        Lake(tmp_path / "file").lock(),
    ):
        pass


# --- the lock -------------------------------------------------------------------------------------


def _hold(home: str, channel: Connection) -> None:
    with Lake(Path(home)).lock():
        channel.send("held")
        channel.recv()


@pytest.fixture
def holder(tmp_path: Path) -> multiprocessing.Process:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_hold, args=(str(tmp_path / "home"), theirs))
    process.start()
    assert ours.recv() == "held"
    process.channel = ours  # type: ignore[attr-defined]
    return process  # type: ignore[return-value]


@pytest.mark.slow
def test_one_builder_at_a_time(holder: multiprocessing.Process, warehouse: Warehouse) -> None:
    with pytest.raises(LakeLockedError) as refusal:
        warehouse.sync()
    assert f"process {holder.pid}, since 2" in str(refusal.value)
    assert "wait for it, or end it" in str(refusal.value)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    warehouse.sync()  # the kernel freed it


def test_a_file_system_without_locks_is_named(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", fail)
    with (
        pytest.raises(LakeError, match=r"/lake cannot be locked: No locks available; .*--home"),
        warehouse.lake.lock(),
    ):
        pass


def test_the_lock_is_free_after_a_failure(warehouse: Warehouse) -> None:
    with pytest.raises(KeyError), warehouse.lake.lock():
        raise KeyError
    with warehouse.lake.lock(), pytest.raises(LakeLockedError), warehouse.lake.lock():
        pass
    with warehouse.lake.lock():
        pass


def test_reading_needs_no_lock(codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 5)
    warehouse.sync()
    with warehouse.lake.lock():
        assert warehouse.table("raw_lines").num_rows == 6
