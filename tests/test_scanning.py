"""What a build reads after anything that can happen to files: all that it must, no more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.helpers import (
    Codex,
    Warehouse,
    append,
    assert_like_fresh,
    body,
    compressed,
    message,
    meta,
    rewrite_in_place,
    rollout,
    rollout_name,
    snapshot,
    thread_id,
    touch,
)
from warehouse import resources
from warehouse.ingest import Ingested
from warehouse.lake import MOST_PARTS
from warehouse.scanning import Root
from warehouse.sources.base import DAMAGED


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    return Codex(tmp_path / "codex")


@pytest.fixture
def warehouse(tmp_path: Path, codex: Codex) -> Warehouse:
    return Warehouse(tmp_path / "home", [codex.root])


@pytest.fixture
def check(tmp_path: Path, warehouse: Warehouse) -> Callable[[], None]:
    """Compares with a build from scratch, and with a second build that finds nothing to do."""
    scratch = iter(range(100))

    def check() -> None:
        assert_like_fresh(warehouse, tmp_path / f"fresh-{next(scratch)}")
        again = warehouse.sync()
        assert not again.plan.news
        assert again.work == (0, 0)
        assert again.plan.missing == 0

    return check


Check = Callable[[], None]


# --- first sight ----------------------------------------------------------------------------------


def test_reads_every_line_once(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    codex.write(1, 10)
    codex.write(2, 4, day="2026-03-12")
    step = warehouse.sync()
    assert step.work == (2, 16)
    assert step.plan.files == 2
    assert step.ingested is not None
    assert step.ingested.bytes_parsed == sum(s.size for s in warehouse.sources.values())
    assert warehouse.states() == {
        rollout_name(1): "present",
        rollout_name(2, "2026-03-12"): "present",
    }
    assert warehouse.buckets("raw_lines") == ["2026-03-02", "2026-03-09"]
    check()


def test_a_folder_without_sessions(warehouse: Warehouse) -> None:
    step = warehouse.sync()
    assert (step.plan.files, step.plan.news) == (0, False)
    assert warehouse.sources == {}


@pytest.mark.parametrize(
    ("content", "lines", "rejected", "deferred"),
    [
        (b"", 0, 0, 0),
        (b"\n", 1, 0, 0),
        (b"\n\r\n  \n", 3, 0, 0),
        (b"not json\n", 1, 1, 0),
        (b"\x00\xff\xfe" * 100 + b"\n", 1, 1, 0),
        (b"torn", 0, 0, 4),
        (rollout(1, 3), 4, 0, 0),
        (rollout(1, 3)[:-1], 3, 0, len(message(3)) - 1),
        (rollout(1, 3).replace(b"\n", b"\r\n"), 4, 0, 0),
        (rollout(1, 3) + b"\n\n", 6, 0, 0),
        (rollout(1, 2) + b'{"torn in the middle\n' + message(3), 5, 1, 0),
        (b"\xef\xbb\xbf" + rollout(1, 1), 2, 1, 0),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else str(value),
)
def test_counts_of_odd_files(
    content: bytes,
    lines: int,
    rejected: int,
    deferred: int,
    codex: Codex,
    warehouse: Warehouse,
    check: Check,
) -> None:
    codex.path(1).write_bytes(content)
    warehouse.sync()
    source = warehouse.source
    assert (source.lines, source.rejected_lines) == (lines, rejected)
    assert source.bytes_read + source.deferred_bytes == len(content)
    assert source.bytes_read == content.rfind(b"\n") + 1
    offsets = [row[0] for row in warehouse.rows("raw_lines", "byte_offset")]
    assert offsets == [0, *(i + 1 for i, c in enumerate(content) if c == 10)][:-1]
    assert len(warehouse.rows("parsed_rejects", "line_number")) == rejected
    check()


def test_lines_that_never_end_well_stop_nothing(codex: Codex, warehouse: Warehouse) -> None:
    codex.path(1).write_bytes(os.urandom(300_000))
    codex.path(2).write_bytes(b"")
    codex.write(3, 3)
    (codex.sessions / "rollout-folder.jsonl").mkdir()
    step = warehouse.sync()
    assert step.problems == []
    assert len(warehouse.sources) == 3
    assert all(source.state == "present" for source in warehouse.sources.values())


# --- nothing or little changed --------------------------------------------------------------------


def test_a_second_build_opens_no_file(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    codex.write(1, 10)
    codex.path(2).with_suffix(".jsonl.zst").write_bytes(compressed(rollout(2, 5)))
    warehouse.sync()
    monkeypatch.setattr("warehouse.scanning.read_head", lambda *_: pytest.fail("opened"))
    plan = warehouse.scan()
    assert (plan.files, plan.unchanged, plan.news, plan.registry_changed) == (2, 2, False, False)


def test_touched(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    touch(path)
    step = warehouse.sync()
    assert not step.plan.news
    assert step.plan.unchanged == 1
    assert warehouse.source.mtime_ns == path.stat().st_mtime_ns  # remembered, so not read again
    check()


@pytest.mark.parametrize(
    ("seconds", "shown"), [(400_000_000_000, (2262, 4, 11)), (-(1 << 31), (1901, 12, 13))]
)
def test_times_that_no_clock_should_have_given(
    seconds: int, shown: tuple[int, int, int], codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    """File systems take them; some give them back, others their own last ones."""
    path = codex.write(1, 3)
    os.utime(path, (seconds, seconds))
    assert warehouse.sync().work == (1, 4)
    ((modified_at,),) = warehouse.rows("raw_sources", "modified_at")
    assert (modified_at.year, modified_at.month, modified_at.day) == shown
    check()


def test_grown_reads_the_new_bytes_only(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    codex.write(2, 10)
    warehouse.sync()
    append(path, body(3, 11))
    step = warehouse.sync()
    assert step.work == (1, 3)
    assert step.ingested is not None
    assert step.ingested.bytes_parsed == len(body(3, 11))
    generations = {s.logical: s.generation for s in warehouse.sources.values()}
    assert sorted(generations.values()) == [1, 2]
    assert generations[str(path)] == 2
    check()


def test_grown_by_half_a_line_then_the_rest(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 3)
    warehouse.sync()
    append(path, message(4)[:20])
    assert warehouse.sync().work == (1, 0)
    assert warehouse.source.deferred_bytes == 20
    check()
    append(path, message(4)[20:] + message(5)[:1])
    assert warehouse.sync().work == (1, 1)
    assert (warehouse.source.lines, warehouse.source.deferred_bytes) == (5, 1)
    check()


def test_first_line_torn_then_completed(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    long_meta = meta(1, base_instructions={"text": "x" * 5000})
    path = codex.path(1)
    path.write_bytes(long_meta[:4000])
    assert warehouse.sync().work == (1, 0)
    append(path, long_meta[4000:])
    assert warehouse.sync().work == (1, 1)
    assert warehouse.source.thread_id == thread_id(1)
    check()


def test_grown_while_it_is_read(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    plan = warehouse.scan()
    append(path, body(2, 11))  # between the look at its size and the reading
    with warehouse.lake.lock():
        warehouse.ingest(plan)
    assert warehouse.source.lines == 13
    assert warehouse.source.size < warehouse.source.bytes_read
    step = warehouse.sync()
    assert step.work == (0, 0)  # looked at again, found to be known
    assert not step.plan.news
    check()


def test_grown_after_it_was_read(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    plan = warehouse.scan()
    append(path, message(11)[:30])
    with warehouse.lake.lock():
        warehouse.ingest(plan)
    append(path, message(11)[30:])
    assert warehouse.sync().work == (1, 1)
    check()


def test_grown_while_read_then_cut_back(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    plan = warehouse.scan()
    append(path, body(8, 11))
    with warehouse.lake.lock():
        warehouse.ingest(plan)
    path.write_bytes(rollout(1, 12))
    assert warehouse.sync().work == (1, 13)
    check()


# --- rewritten ------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [1, 5, 9])
def test_truncated(keep: int, codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.write_bytes(rollout(1, keep))
    assert warehouse.sync().work == (1, keep + 1)
    check()


def test_truncated_within_its_torn_end(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    append(path, message(11)[:50])
    warehouse.sync()
    path.write_bytes(rollout(1, 10) + message(11)[:20])
    assert warehouse.sync().work == (1, 0)
    assert warehouse.source.deferred_bytes == 20
    check()


def test_truncated_then_grown_beyond_its_old_size(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.write_bytes(rollout(1, 5) + body(20, 100))
    assert warehouse.sync().work == (1, 26)
    check()


def test_truncated_to_nothing_keeps_what_was_read(codex: Codex, warehouse: Warehouse) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.write_bytes(b"")
    step = warehouse.sync()
    assert step.plan.missing == 1
    assert len(warehouse.rows("raw_lines", "line_number")) == 11
    assert sorted(s.state for s in warehouse.sources.values()) == ["missing", "present"]
    path.write_bytes(rollout(1, 12))  # written anew, as far as it was and further
    step = warehouse.sync()
    assert step.work == (1, 2)
    assert (warehouse.source.state, warehouse.source.lines) == ("present", 13)


def test_truncated_within_its_first_line_keeps_what_was_read(
    codex: Codex, warehouse: Warehouse
) -> None:
    path = codex.path(1)
    content = meta(1, base_instructions={"text": "x" * 5000}) + body(3)
    path.write_bytes(content)
    warehouse.sync()
    path.write_bytes(content[:3000])
    warehouse.sync()
    assert len(warehouse.rows("raw_lines", "line_number")) == 4
    path.write_bytes(content)
    assert warehouse.sync().plan.work == []
    assert warehouse.source.lines == 4


def test_rewritten_with_another_time(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.write_bytes(rollout(1, 10).replace(b"message 3", b"MESSAGE 3"))
    touch(path)
    assert warehouse.sync().work == (1, 11)
    check()


def test_rewritten_unseen_is_found_by_verify(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    codex.write(2, 10)
    warehouse.sync()
    rewrite_in_place(path, rollout(1, 10).replace(b"message 3", b"MESSAGE 3"))
    assert not warehouse.sync().plan.news
    step = warehouse.sync(verify=True)
    assert step.work == (1, 11)
    assert step.plan.unchanged == 1
    check()


def test_rewritten_far_before_its_new_end_is_found_by_verify(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 100)
    warehouse.sync()
    path.write_bytes(path.read_bytes().replace(b"message 3", b"MESSAGE 3"))
    append(path, body(1, 101))
    assert warehouse.sync().work == (1, 1)  # taken for growth: its last bytes are what they were
    assert warehouse.sync(verify=True).work == (1, 102)
    check()
    path.write_bytes(path.read_bytes().replace(b"message 5", b"MESSAGE 5"))
    append(path, body(1, 102))
    assert warehouse.sync(verify=True).work == (1, 103)
    check()


@pytest.mark.parametrize("packed", [False, True])
def test_verify_of_what_did_not_change_reads_no_rows(
    packed: bool, codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    append(path, b"torn")
    if packed:
        pack(path)
    warehouse.sync()
    step = warehouse.sync(verify=True)
    assert (step.plan.news, step.plan.unchanged) == (False, 1)
    check()


def test_verify_finds_another_byte_in_a_line_too_long_to_hold(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.reading.MAX_LINE_BYTES", 300_000)
    content = rollout(1, 2) + message(3, "x" * 500_000) + message(4)
    path = codex.path(1)
    path.write_bytes(content)
    warehouse.sync()
    assert (warehouse.source.lines, warehouse.source.rejected_lines) == (5, 1)
    assert warehouse.rows("parsed_rejects", "line_number", "byte_length", "rule") == [
        (4, len(message(3, "x" * 500_000)) - 1, "line_too_long")
    ]
    assert warehouse.rows("raw_lines", "line_number", "byte_offset")[-1] == (
        5,
        len(content) - len(message(4)),
    )
    assert not warehouse.sync(verify=True).plan.news
    rewrite_in_place(path, content.replace(b"xyx", b"xxx").replace(b"xxxx", b"xxyx", 1))
    assert warehouse.sync(verify=True).work == (1, 5)


def test_first_line_migrated_in_place(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    (old,) = warehouse.sources
    path.write_bytes(rollout(1, 10, history_mode="paginated"))
    assert warehouse.sync().work == (1, 11)
    assert old not in warehouse.sources  # its rows are replaced, not kept beside the new ones
    assert len(warehouse.rows("raw_lines", "line_number")) == 11
    check()


def test_place_taken_by_another_thread(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.write_bytes(rollout(2, 4))
    step = warehouse.sync()
    assert step.work == (1, 5)
    assert step.plan.missing == 1
    by_thread = {s.thread_id: (s.state, s.lines) for s in warehouse.sources.values()}
    assert by_thread == {thread_id(1): ("missing", 11), thread_id(2): ("present", 5)}
    check()


def test_place_taken_by_another_thread_while_the_file_moved_away(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.rename(codex.archived / path.name)
    path.write_bytes(rollout(2, 4))
    step = warehouse.sync()
    assert step.work == (1, 5)
    assert (step.plan.moved, step.plan.missing) == (1, 0)
    assert all(s.copy_of is None for s in warehouse.sources.values())
    check()


@pytest.mark.parametrize("same_thread", [True, False])
def test_two_files_swapped(
    same_thread: bool, codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    one, two = codex.path(1), codex.path(2)
    one.write_bytes(rollout(1, 10, history_mode="a"))
    two.write_bytes(rollout(1 if same_thread else 2, 4, history_mode="b"))
    warehouse.sync()
    aside = one.with_name("aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    step = warehouse.sync()
    assert step.work == (0, 0)
    assert step.plan.moved == 2
    check()


# --- moved, compressed, copied --------------------------------------------------------------------


def pack(path: Path) -> Path:
    """Compress as Codex does: the same name and time, the plain file removed."""
    status = path.stat()
    target = path.with_name(path.name + ".zst")
    target.write_bytes(compressed(path.read_bytes()))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()
    return target


def unpack(path: Path) -> Path:
    target = path.with_name(path.name.removesuffix(".zst"))
    target.write_bytes(zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read())
    path.unlink()
    return target


def test_archived(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.rename(codex.archived / path.name)
    step = warehouse.sync()
    assert step.work == (0, 0)
    assert step.plan.moved == 1
    assert step.plan.news  # raw_sources tells where it lies
    assert warehouse.source.is_archived
    assert warehouse.rows("raw_sources", "is_archived", "path") == [
        (True, str(codex.archived / path.name))
    ]
    check()


def test_archived_and_grown(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    append(path, body(2, 11))
    path.rename(codex.archived / path.name)
    assert warehouse.sync().work == (1, 2)
    check()


def test_renamed(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.rename(path.with_name("rollout-other.jsonl"))
    assert warehouse.sync().work == (0, 0)
    check()


def test_gone_and_back_again_is_not_moved(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    aside = path.rename(path.with_suffix(".aside"))
    assert warehouse.sync().plan.missing == 1
    aside.rename(path)
    step = warehouse.sync()
    assert (step.work, step.plan.moved, step.plan.unchanged) == ((0, 0), 0, 1)
    assert warehouse.source.state == "present"
    check()


def test_a_link_to_the_folder_set_instead_of_the_folder(
    tmp_path: Path, codex: Codex, warehouse: Warehouse
) -> None:
    codex.write(1, 10)
    warehouse.sync()
    (tmp_path / "link").symlink_to(codex.root)
    other = Warehouse(warehouse.home, [tmp_path / "link"])
    assert other.sync().work == (0, 0)
    assert len(other.sources) == 1


@pytest.mark.parametrize("modes", [("standard",) * 2, ("strict",) * 2, ("standard", "strict")])
@pytest.mark.parametrize("was_missing", [False, True])
def test_the_sample_goes_once_it_is_not_read_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modes: tuple[str, str], was_missing: bool
) -> None:
    """It is nobody's history: its numbers must not stay among those of the user."""
    sample, mine = Codex(tmp_path / "sample"), Codex(tmp_path / "samples of mine")
    sample.write(1, 10)
    path = mine.write(2, 5)
    warehouse = Warehouse(tmp_path / "home", [sample.root, mine.root], modes[0])
    warehouse.sync()
    assert len(warehouse.sources) == 2
    if was_missing:  # by a version that did not know better
        Warehouse(warehouse.home, [mine.root], modes[0]).sync()
    monkeypatch.setattr(resources, "sample_folder", lambda: sample.root)
    path.unlink()
    later = Warehouse(warehouse.home, [mine.root], modes[1])
    step = later.sync()
    assert (step.plan.missing, len(step.plan.dropped)) == (1, 1)
    assert (later.source.thread_id, later.source.state) == (thread_id(2), "missing")
    assert {source_id for (source_id,) in later.rows("raw_lines", "source_id")} == {
        later.source.source_id
    }


def test_compressed(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    pack(path)
    step = warehouse.sync()
    assert step.work == (0, 0)
    assert (warehouse.source.is_compressed, warehouse.source.lines) == (True, 11)
    check()


def test_compressed_then_archived_then_unpacked_and_grown(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    packed = pack(path)
    warehouse.sync()
    moved = packed.rename(codex.archived / packed.name)
    assert warehouse.sync().work == (0, 0)
    plain = unpack(moved)
    assert warehouse.sync().work == (0, 0)
    check()
    pack(plain)
    warehouse.sync()
    append(unpack(moved), body(4, 11))
    assert warehouse.sync().work == (1, 4)
    check()


def test_compressed_and_grown(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    append(path, message(11)[:9])
    warehouse.sync()
    append(path, message(11)[9:])
    pack(path)
    assert warehouse.sync().work == (1, 1)
    check()


def test_a_frame_appended_to_a_compressed_file(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    packed = pack(codex.write(1, 10))
    warehouse.sync()
    append(packed, compressed(body(2, 11)))
    assert warehouse.sync().work == (1, 2)
    check()


def test_plain_wins_over_its_twin(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    content = path.read_bytes()
    packed = pack(path)
    path.write_bytes(content + body(2, 11))
    step = warehouse.sync()
    assert (step.plan.files, step.work) == (1, (1, 13))
    assert warehouse.rows("raw_sources", "is_compressed") == [(False,)]
    path.unlink()
    packed.write_bytes(compressed(content + body(2, 11)))
    assert warehouse.sync().work == (0, 0)
    assert warehouse.source.is_compressed
    check()


def test_segments_of_one_thread(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    name = rollout_name(1).removesuffix(".jsonl") + f"_{thread_id(99)}.jsonl"
    path.with_name(name).write_bytes(rollout(1, 4, timestamp="2026-03-04T11:00:00.000Z"))
    assert warehouse.sync().work == (1, 5)
    assert {s.thread_id for s in warehouse.sources.values()} == {thread_id(1)}
    assert [s.copy_of for s in warehouse.sources.values()] == [None, None]
    check()


def test_copies_are_told_apart(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    copy = codex.archived / path.name
    shutil.copy2(path, copy)
    append(path, body(3, 11))
    assert warehouse.sync().work == (2, 25)
    (original, second) = sorted(warehouse.sources.values(), key=lambda s: s.source_id)
    assert (original.logical, second.logical) == (str(path), str(copy))  # the longest first
    assert (original.copy_of, second.copy_of) == (None, original.source_id)
    append(copy, body(1, 11))
    assert warehouse.sync().work == (1, 1)
    check()


def test_files_that_begin_alike_and_name_no_thread_are_no_copies(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    one, two = codex.path(1), codex.path(2)
    one.write_bytes(b"\n" + body(3))
    two.write_bytes(b"\n" + body(5))
    warehouse.sync()
    assert {s.thread_id: s.copy_of for s in warehouse.sources.values()} == {
        thread_id(1): None,
        thread_id(2): None,
    }
    one.rename(codex.archived / one.name)
    pack(two)
    assert warehouse.sync().work == (0, 0)
    check()


def test_a_copy_does_not_take_the_identity_of_the_known_file(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    copy = codex.sessions / path.name  # sorts before, and is longer
    shutil.copy2(path, copy)
    append(copy, body(5, 11))
    touch(path)
    assert warehouse.sync().work == (1, 16)
    assert {s.logical: s.copy_of is None for s in warehouse.sources.values()} == {
        str(path): True,
        str(copy): False,
    }
    check()


def test_original_deleted_and_copy_moved_into_its_place(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    copy = codex.archived / path.name
    shutil.copy2(path, copy)
    warehouse.sync()
    copy.replace(path)
    step = warehouse.sync()
    assert step.work == (0, 0)
    assert sorted(s.state for s in warehouse.sources.values()) == ["missing", "present"]
    check()


def test_of_several_sources_a_moved_file_is_the_one_that_it_looks_like(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 10)
    copy = codex.archived / path.name
    shutil.copy2(path, copy)
    append(copy, body(5, 11))
    warehouse.sync()
    path.unlink()
    warehouse.sync()
    copy.rename(copy.with_name("rollout-other.jsonl"))
    step = warehouse.sync()
    assert (step.work, step.plan.moved) == ((0, 0), 1)
    check()


def test_two_roots_that_overlap(tmp_path: Path, codex: Codex) -> None:
    path = codex.write(1, 10)
    roots = [
        Root("codex", codex.root, "first"),
        Root("codex", codex.sessions, "second"),
        Root("codex", path, "third"),
    ]
    warehouse = Warehouse(tmp_path / "home", roots)
    step = warehouse.sync()
    assert (step.plan.files, step.work) == (1, (1, 11))
    assert warehouse.source.label == "first"


def test_two_roots_with_the_same_file(tmp_path: Path, codex: Codex) -> None:
    codex.write(1, 10)
    other = tmp_path / "other"
    shutil.copytree(codex.root, other)
    roots = [Root("codex", codex.root, "a"), Root("codex", other, "b")]
    warehouse = Warehouse(tmp_path / "home", roots)
    assert warehouse.sync().work == (2, 22)
    assert sorted((s.label or "", s.copy_of is None) for s in warehouse.sources.values()) == [
        ("a", True),
        ("b", False),
    ]
    swapped = Warehouse(tmp_path / "home", roots[::-1])
    assert not swapped.sync().plan.news


def test_another_label(codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 10)
    warehouse.sync()
    labelled = Warehouse(warehouse.home, [Root("codex", codex.root, "laptop")])
    step = labelled.sync()
    assert (step.plan.news, step.work) == (True, (0, 0))
    assert labelled.rows("raw_sources", "label") == [("laptop",)]


# --- gone and back --------------------------------------------------------------------------------


def test_deleted_keeps_its_rows(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    codex.write(2, 3)
    warehouse.sync()
    before = warehouse.table("raw_lines")
    path.unlink()
    step = warehouse.sync()
    assert (step.plan.missing, step.work) == (1, (0, 0))
    assert warehouse.table("raw_lines") == before
    assert warehouse.states() == {rollout_name(1): "missing", rollout_name(2): "present"}
    assert sorted(warehouse.rows("raw_sources", "state")) == [("missing",), ("present",)]
    check()


def test_deleted_then_restored(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    kept = path.read_bytes()
    path.unlink()
    warehouse.sync()
    path.write_bytes(kept)
    assert warehouse.sync().work == (0, 0)
    assert warehouse.source.state == "present"
    check()


def test_deleted_then_restored_and_grown(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.unlink()
    warehouse.sync()
    (codex.archived / path.name).write_bytes(rollout(1, 12))
    assert warehouse.sync().work == (1, 2)
    check()


def test_what_was_never_read_leaves_nothing_behind(codex: Codex, warehouse: Warehouse) -> None:
    empty = codex.path(1)
    empty.write_bytes(b"")
    warehouse.sync()
    assert warehouse.states() == {rollout_name(1): "present"}
    empty.rename(codex.archived / empty.name)
    append(codex.archived / empty.name, rollout(1, 3))
    warehouse.sync()
    assert [(s.state, s.lines) for s in warehouse.sources.values()] == [("present", 4)]


def test_the_last_source_deleted(codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 10)
    warehouse.sync()
    shutil.rmtree(codex.root)
    warehouse.sync()
    assert warehouse.source.state == "missing"
    assert len(warehouse.rows("raw_lines", "line_number")) == 11


def test_gone_between_scan_and_reading(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    path = codex.write(1, 10)
    append(path, body(1, 11)[:7])
    new = codex.write(2, 3)
    warehouse.sync()
    append(path, body(1, 11)[7:] + body(1, 12))
    other = codex.write(3, 3)
    plan = warehouse.scan()
    kept = path.read_bytes()
    path.unlink()
    other.unlink()
    with warehouse.lake.lock():
        step = warehouse.ingest(plan)
    assert step.problems == ["No such file or directory"] * 2
    by_thread = {s.thread_id: (s.state, s.lines) for s in warehouse.sources.values()}
    assert by_thread == {
        thread_id(1): ("unreadable", 11),
        thread_id(2): ("present", 4),
        thread_id(3): ("unreadable", 0),
    }
    assert [s.deferred_bytes for s in warehouse.sources.values() if s.lines == 11] == [7]
    warehouse.sync()
    assert warehouse.states() == {path.name: "missing", new.name: "present"}
    path.write_bytes(kept + body(1, 13))
    assert warehouse.sync().work == (1, 3)  # it goes on where the first build ended
    check()


# --- unreadable -----------------------------------------------------------------------------------


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Files that cannot be opened (the tests may run as root, whom no mode stops)."""
    denied: set[str] = set()

    def guard(real: Callable[..., object]) -> Callable[..., object]:
        def guarded(file: object, *args: object, **kwargs: object) -> object:
            if str(file) in denied:
                raise PermissionError(13, "Permission denied", str(file))
            return real(file, *args, **kwargs)

        return guarded

    monkeypatch.setattr("warehouse.reading.open", guard(open), raising=False)
    monkeypatch.setattr("os.open", guard(os.open))

    def deny(*paths: Path) -> None:
        denied.clear()
        denied.update(map(str, paths))

    return deny


def test_unreadable_from_the_start(
    codex: Codex, warehouse: Warehouse, deny: Callable[..., None], check: Check
) -> None:
    path = codex.write(1, 10)
    codex.write(2, 3)
    deny(path)
    step = warehouse.sync()
    assert step.problems == ["Permission denied"]
    assert step.work == (1, 4)
    assert warehouse.states() == {rollout_name(1): "unreadable", rollout_name(2): "present"}
    assert not warehouse.sync().plan.news  # still so: nothing new
    deny()
    assert warehouse.sync().work == (1, 11)
    assert set(warehouse.states().values()) == {"present"}
    check()


def test_unreadable_later_keeps_its_rows(
    codex: Codex, warehouse: Warehouse, deny: Callable[..., None], check: Check
) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    append(path, body(2, 11))
    deny(path)
    step = warehouse.sync()
    assert (step.problems, step.work) == (["Permission denied"], (0, 0))
    assert (warehouse.source.state, warehouse.source.lines) == ("unreadable", 11)
    deny()
    assert warehouse.sync().work == (1, 2)
    check()


def test_unreadable_between_scan_and_reading_keeps_the_rows_to_be_replaced(
    codex: Codex, warehouse: Warehouse, deny: Callable[..., None], check: Check
) -> None:
    path = codex.write(1, 10)
    codex.write(2, 3)
    warehouse.sync()
    before = warehouse.table("raw_lines")
    path.write_bytes(rollout(1, 5))
    plan = warehouse.scan()
    assert [work.replaced is not None for work in plan.work] == [True]
    deny(path)
    with warehouse.lake.lock():
        step = warehouse.ingest(plan)
    assert step.problems == ["Permission denied"]
    assert warehouse.table("raw_lines") == before
    assert warehouse.states() == {rollout_name(1): "unreadable", rollout_name(2): "present"}
    deny()
    assert warehouse.sync().work == (1, 6)
    check()


def test_moved_and_unreadable_is_one_source(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, check: Check
) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    path.rename(codex.archived / path.name)
    append(codex.archived / path.name, body(2, 11))
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OSError(5, "Input/output error")

        patch.setattr("warehouse.scanning.tail_hash_at", fail)
        assert warehouse.sync().problems == ["Input/output error"]
    assert (warehouse.source.state, warehouse.source.lines) == ("unreadable", 11)
    assert warehouse.sync().work == (1, 2)
    check()


def test_damaged_from_the_start(codex: Codex, warehouse: Warehouse, check: Check) -> None:
    content = rollout(1, 2000)
    packed = codex.path(1).with_suffix(".jsonl.zst")
    packed.write_bytes(compressed(content)[:-200])
    codex.write(2, 3)
    step = warehouse.sync()
    assert step.problems == [DAMAGED]
    source = next(s for s in warehouse.sources.values() if s.is_compressed)
    assert source.state == "unreadable"
    assert 0 < source.lines < 2001
    assert len(warehouse.rows("raw_lines", "line_number")) == source.lines + 4
    assert not warehouse.sync().plan.news
    packed.write_bytes(compressed(content))  # written to its end
    assert warehouse.sync().work == (1, 2001 - source.lines)
    check()


@pytest.mark.parametrize("spoil", ["cut", "garbled", "head"])
def test_damaged_later_keeps_its_rows(
    spoil: str, codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 2000)
    content = path.read_bytes()
    warehouse.sync()
    packed = pack(path)
    whole = packed.read_bytes()
    middle = len(whole) // 2
    packed.write_bytes(
        {
            "cut": whole[:-200],
            "garbled": whole[:middle] + bytes(b ^ 255 for b in whole[middle:]),
            "head": b"no zstd" + whole,
        }[spoil]
    )
    step = warehouse.sync()
    assert (step.problems, step.work) == ([DAMAGED], (0, 0))
    assert (warehouse.source.state, warehouse.source.lines) == ("unreadable", 2001)
    assert len(warehouse.rows("raw_lines", "line_number")) == 2001
    plan = warehouse.scan()
    assert (plan.news, plan.unchanged, plan.problems) == (False, 1, [])  # not opened again
    packed.write_bytes(compressed(content + body(1, 2001)))
    assert warehouse.sync().work == (1, 1)
    check()


def test_rewritten_as_damaged_keeps_its_rows(codex: Codex, warehouse: Warehouse) -> None:
    packed = pack(codex.write(1, 2000))
    warehouse.sync()
    plan = warehouse.scan()
    packed.write_bytes(compressed(rollout(1, 2000).replace(b"message 3", b"MESSAGE 3"))[:-200])
    assert not plan.news
    assert warehouse.sync().problems == [DAMAGED]
    assert (warehouse.source.state, warehouse.source.lines) == ("unreadable", 2001)


def test_a_folder_that_cannot_be_listed(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, check: Check
) -> None:
    path = codex.write(1, 10)
    codex.write(2, 3, day="2026-04-05")
    warehouse.sync()
    real = os.scandir

    def guarded(folder: str) -> object:
        if folder == str(path.parent):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", guarded)
        step = warehouse.sync()
        assert step.plan.problems == [(str(path.parent), "Permission denied")]
        assert (step.plan.files, step.plan.missing) == (1, 0)
        assert warehouse.states()[path.name] == "unreadable"
        assert not warehouse.sync().plan.news
    assert warehouse.sync().work == (0, 0)
    assert warehouse.states()[path.name] == "present"
    check()


def test_links_pipes_and_odd_names(codex: Codex, warehouse: Warehouse) -> None:
    day = codex.write(1, 3).parent
    (day / "rollout-dangling.jsonl").symlink_to(day / "nowhere")
    (day / "rollout-loop.jsonl").symlink_to(day / "rollout-loop.jsonl")
    os.mkfifo(day / "rollout-pipe.jsonl")
    with open(os.fsencode(day) + b"/rollout-\xff.jsonl", "wb") as file:
        file.write(rollout(2, 3))
    (codex.archived / "rollout-link.jsonl").symlink_to(day / rollout_name(1))
    (day / "rollout-1.jsonl.tmp").write_bytes(b"x")
    (day / "rollout-compress-1.tmp").write_bytes(b"x")
    step = warehouse.sync()
    assert sorted(step.problems) == [
        "Too many levels of symbolic links",
        "its name is not UTF-8",
    ]
    assert sorted(warehouse.states()) == [rollout_name(1), "rollout-link.jsonl"]


# --- other code, other privacy --------------------------------------------------------------------


def bump(monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse.sources import KINDS

    kind = KINDS["codex"]
    monkeypatch.setattr(type(kind), "parser_version", kind.parser_version + 1)


def test_another_parser_version_reads_all_that_is_there(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, check: Check
) -> None:
    codex.write(1, 10)
    gone = codex.write(2, 3)
    kept = gone.read_bytes()
    warehouse.sync()
    gone.unlink()
    warehouse.sync()
    bump(monkeypatch)
    assert warehouse.sync().work == (1, 11)
    versions = {s.thread_id: s.parser_version for s in warehouse.sources.values()}
    assert versions[thread_id(1)] == versions[thread_id(2)] + 1
    assert len(warehouse.rows("raw_lines", "line_number")) == 15
    check()
    gone.write_bytes(kept)
    assert warehouse.sync().work == (1, 4)
    check()


def test_another_parser_version_and_the_file_gone_before_it_is_read(
    codex: Codex, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = codex.write(1, 10)
    warehouse.sync()
    version = warehouse.source.parser_version
    bump(monkeypatch)
    plan = warehouse.scan()
    path.unlink()
    with warehouse.lake.lock():
        warehouse.ingest(plan)
    warehouse.sync()
    assert (warehouse.source.state, warehouse.source.lines) == ("missing", 11)
    assert warehouse.source.parser_version == version
    assert len(warehouse.rows("raw_lines", "line_number")) == 11


def test_another_privacy_mode(tmp_path: Path, codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 10)
    gone = codex.write(2, 3)
    kept = gone.read_bytes()
    warehouse.sync()
    gone.unlink()
    warehouse.sync()
    strict = Warehouse(warehouse.home, warehouse.roots, mode="strict")
    assert strict.sync().work == (1, 11)
    assert not strict.sync().plan.news
    assert {row[0] for row in strict.rows("parsed_session_meta", "cwd")} == {
        strict.privacy.digest("/home/dev/project")
    }
    gone.write_bytes(kept)
    assert strict.sync().work == (0, 0)  # its old rows are as if they were made under strict
    assert_like_fresh(strict, tmp_path / "fresh")


def test_another_secret_makes_all_hashes_anew(
    tmp_path: Path, codex: Codex, warehouse: Warehouse
) -> None:
    codex.write(1, 10)
    warehouse.sync()
    other = Warehouse(warehouse.home, warehouse.roots, key=b"\1" * 32)
    assert other.sync().work == (1, 11)
    assert_like_fresh(other, tmp_path / "fresh")


# --- buckets --------------------------------------------------------------------------------------


def test_old_and_new_sources_of_a_bucket_lie_in_order(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    paths = [codex.write(n, 5) for n in range(1, 9)]
    warehouse.sync()
    append(paths[3], body(2, 6))
    paths[5].write_bytes(rollout(6, 2))
    for n in range(9, 17):
        codex.write(n, 4)
    step = warehouse.sync()
    assert step.work == (10, 2 + 3 + 8 * 5)
    rows = warehouse.rows("raw_lines", "source_id", "line_number")
    assert rows == sorted(rows)
    assert len(rows) == 6 * 6 + 8 + 3 + 8 * 5
    check()


def test_weeks_that_did_not_change_keep_their_parts(codex: Codex, warehouse: Warehouse) -> None:
    codex.write(1, 5)
    path = codex.write(2, 5, day="2026-03-12")
    warehouse.sync()
    before = warehouse.lake.manifest().parts["raw_lines"]
    path.write_bytes(rollout(2, 3))
    warehouse.sync()
    after = warehouse.lake.manifest().parts["raw_lines"]
    assert after["2026-03-02"] == before["2026-03-02"]
    assert after["2026-03-09"].path.endswith("part-2.parquet")
    assert not (warehouse.lake.root / before["2026-03-09"].path).exists()


class TestAppendedParts:
    """What is appended behind a bucket's rows is a further part, until there are too many."""

    @staticmethod
    def grow(warehouse: Warehouse, path: Path, start: int) -> list[str]:
        """The keys of the parts after two lines were appended; rows stay in order."""
        append(path, body(2, start))
        warehouse.sync()
        rows = warehouse.rows("raw_lines", "source_id", "line_number")
        assert rows == sorted(rows)
        return warehouse.buckets("raw_lines")

    @staticmethod
    def by_source(warehouse: Warehouse) -> list[Path]:
        """Files in the order of rows."""
        return [Path(source.path) for _, source in sorted(warehouse.sources.items())]

    def test_merged_when_they_are_many(
        self, codex: Codex, warehouse: Warehouse, check: Check
    ) -> None:
        path = codex.write(1, 5)
        warehouse.sync()
        first = warehouse.lake.manifest().parts["raw_lines"]["2026-03-02"]
        for number in range(1, MOST_PARTS):
            keys = self.grow(warehouse, path, 6 + 2 * number)
            assert len(keys) == number + 1
            assert keys[-1] == f"2026-03-02+{number:02}"
        assert warehouse.lake.manifest().parts["raw_lines"]["2026-03-02"] == first
        assert self.grow(warehouse, path, 60) == ["2026-03-02"]
        assert len(self.grow(warehouse, path, 70)) == 2
        check()

    def test_merged_when_rows_are_replaced(
        self, codex: Codex, warehouse: Warehouse, check: Check
    ) -> None:
        path = codex.write(1, 5)
        warehouse.sync()
        assert len(self.grow(warehouse, path, 6)) == 2
        path.write_bytes(rollout(1, 3))
        warehouse.sync()
        assert warehouse.buckets("raw_lines") == ["2026-03-02"]
        assert len(warehouse.rows("raw_lines", "line_number")) == 4
        check()

    def test_only_behind_all_other_rows(
        self, codex: Codex, warehouse: Warehouse, check: Check
    ) -> None:
        for number in range(1, 6):
            codex.write(number, 5)
        warehouse.sync()
        *earlier, last = self.by_source(warehouse)
        assert len(self.grow(warehouse, last, 6)) == 2
        assert len(self.grow(warehouse, earlier[0], 6)) == 1
        assert len(self.grow(warehouse, last, 8)) == 2
        check()

    def test_a_new_source_behind_all_others(
        self, codex: Codex, warehouse: Warehouse, check: Check
    ) -> None:
        paths = [codex.write(number, 5) for number in range(1, 6)]
        warehouse.sync()
        last = self.by_source(warehouse)[-1]
        number, content = paths.index(last) + 1, last.read_bytes()
        other = Codex(codex.root.with_name("other"))
        fresh = Warehouse(warehouse.home.with_name("fresh"), [other.root])
        for path in paths:
            if path != last:
                other.write(paths.index(path) + 1, 5)
        fresh.sync()
        other.path(number).write_bytes(content)
        fresh.sync()
        assert len(fresh.buckets("raw_lines")) == 2
        rows = fresh.rows("raw_lines", "source_id", "line_number")
        assert rows == warehouse.rows("raw_lines", "source_id", "line_number")

    def test_a_manifest_from_before_there_were_any_is_read(
        self, codex: Codex, warehouse: Warehouse
    ) -> None:
        path = codex.write(1, 5)
        warehouse.sync()
        file = warehouse.lake.root / "manifest.json"
        file.write_text(file.read_text().replace('"format":2', '"format":1'))
        assert len(self.grow(warehouse, path, 6)) == 2
        assert '"format":2' in file.read_text()


def test_a_bucket_that_lost_all_rows_of_a_table_has_no_part(
    codex: Codex, warehouse: Warehouse, check: Check
) -> None:
    path = codex.write(1, 5)
    warehouse.sync()
    assert warehouse.buckets("parsed_usage") == ["2026-03-02"]
    path.write_bytes(meta(1))
    warehouse.sync()
    assert warehouse.buckets("parsed_usage") == []
    check()


def test_result_tells_what_was_done(codex: Codex, warehouse: Warehouse) -> None:
    codex.path(1).write_bytes(rollout(1, 4) + b"x\n")
    step = warehouse.sync()
    rows = {name: table.num_rows for name, table in snapshot(warehouse).items() if table.num_rows}
    assert (rows["raw_sources"], rows["raw_lines"], rows["parsed_rejects"]) == (1, 6, 1)
    assert step.ingested == Ingested(
        generation=1,
        sources_read=1,
        bytes_parsed=len(rollout(1, 4)) + 2,
        lines_parsed=6,
        lines_rejected=1,
        rows=rows,
    )
