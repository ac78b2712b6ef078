"""Blocks of complete lines out of plain and compressed files, however they are cut."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from warehouse import reading
from warehouse.reading import (
    LineReader,
    add_sums,
    content_sum,
    open_plain,
    read_head,
    sum_of_file,
    tail_hash_at,
)
from warehouse.sources.base import HEAD_BYTES

SEED = 0x1234_5678_9ABC_DEF0

# Small lines, long lines, blank ones and every byte, CR and NUL among them.
contents = st.lists(
    st.one_of(st.binary(max_size=12), st.just(b""), st.just(b"x" * 70), st.just(b"{}\r")),
    max_size=12,
).flatmap(
    lambda lines: st.sampled_from([b"", b"torn"]).map(
        lambda rest: b"".join(line.replace(b"\n", b"") + b"\n" for line in lines) + rest
    )
)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 16)
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 64)
    monkeypatch.setattr(reading, "TAIL_BYTES", 24)


def read(
    content: bytes, start: int = 0, end: int | None = None
) -> tuple[list[tuple[int, bytes | int]], LineReader, int]:
    """((offset, line or length of an overlong one) of each line, the reader, content sum)."""
    reader = LineReader(io.BytesIO(content), start, end, is_compressed=False)
    lines: list[tuple[int, bytes | int]] = []
    total = 0
    for block in reader:
        offset = block.offset
        total = add_sums(total, content_sum(block.lines, block.offset, SEED))
        if block.overlong:
            lines.append((offset, block.overlong))
            continue
        for line in block.lines:
            lines.append((offset, line))
            offset += len(line) + 1
    return lines, reader, total


def expected(content: bytes, limit: int) -> list[tuple[int, bytes | int]]:
    """The same, in the plainest way."""
    lines: list[tuple[int, bytes | int]] = []
    offset = 0
    for line in content.split(b"\n")[:-1]:
        lines.append((offset, line if len(line) <= limit else len(line)))
        offset += len(line) + 1
    return lines


def starts(content: bytes) -> list[int]:
    return [0] + [i + 1 for i, byte in enumerate(content) if byte == 10]


@pytest.mark.usefixtures("small_blocks")
class TestLineReader:
    @given(content=contents)
    def test_gives_every_complete_line_and_defers_the_rest(self, content: bytes) -> None:
        lines, reader, _ = read(content)
        assert lines == expected(content, 64)
        assert reader.position == starts(content)[-1]
        assert reader.deferred == len(content) - starts(content)[-1]

    @given(content=contents, data=st.data())
    def test_ranges_and_appends_add_up_to_the_whole(
        self, content: bytes, data: st.DataObject
    ) -> None:
        whole, end, total = read(content)
        cut = data.draw(st.sampled_from(starts(content)))
        before, first, sum_before = read(content, 0, cut)
        after, second, sum_after = read(content, cut)
        assert before + after == whole
        assert add_sums(sum_before, sum_after) == total
        assert (first.position, first.deferred) == (cut, 0)
        assert (second.position, second.deferred) == (end.position, end.deferred)
        assert second.tail_hash == end.tail_hash
        assert tail_hash_at(io.BytesIO(content), cut) == first.tail_hash
        assert tail_hash_at(io.BytesIO(content), end.position) == end.tail_hash

    @given(content=contents.filter(lambda content: b"\n" in content), data=st.data())
    def test_any_other_byte_gives_another_sum(self, content: bytes, data: st.DataObject) -> None:
        _, reader, total = read(content)
        place = data.draw(st.integers(0, reader.position - 1))
        other = bytearray(content)
        other[place] ^= data.draw(st.integers(1, 255))
        assert read(bytes(other))[2] != total

    @pytest.mark.parametrize("length", [63, 64, 65, 79, 80, 81, 200])
    def test_the_limit_is_exact_wherever_blocks_end(self, length: int) -> None:
        for shift in range(20):
            content = b"a" * shift + b"\n" + b"b" * length + b"\nend\n"
            lines, reader, _ = read(content)
            assert lines == expected(content, 64)
            assert tail_hash_at(io.BytesIO(content), len(content)) == reader.tail_hash

    def test_a_line_beyond_the_limit_without_an_end_is_deferred(self) -> None:
        lines, reader, _ = read(b"one\n" + b"x" * 1000)
        assert lines == [(0, b"one")]
        assert (reader.position, reader.deferred) == (4, 1000)

    @given(content=contents, data=st.data())
    def test_short_reads_change_nothing(self, content: bytes, data: st.DataObject) -> None:
        class Dripping(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                wanted = size or 0
                return super().read(data.draw(st.integers(1, wanted)) if wanted > 0 else size)

        reader = LineReader(Dripping(content), 0, None, is_compressed=False)
        lines = [line for block in reader if not block.overlong for line in block.lines]
        assert lines == [line for _, line in expected(content, 64) if isinstance(line, bytes)]
        assert reader.position + reader.deferred == len(content)


def frames(content: bytes, **options: Any) -> bytes:
    """`content` in two frames, as streams write them: sizes not in the header."""
    half = len(content) // 2
    packed = b""
    for piece in (content[:half], content[half:]):
        packer = zstandard.ZstdCompressor(**options).compressobj()
        packed += packer.compress(piece) + packer.flush()
    return packed


@pytest.fixture(params=["sized", "streamed", "checked", "runs"])
def packed(request: pytest.FixtureRequest) -> Iterator[tuple[bytes, bytes]]:
    """(plain, compressed), compressed in different manners."""
    plain = b"".join(
        b'{"n":%d,"noise":"%s"}\n' % (n, os.urandom(8).hex().encode()) for n in range(9000)
    )
    match request.param:
        case "sized":
            yield plain, zstandard.compress(plain)
        case "streamed":
            yield plain, frames(plain)
        case "checked":
            yield plain, frames(plain, write_checksum=True)
        case "runs":
            plain = b"a" * 1_000_000 + b"\n"
            yield plain, frames(plain)


def plain_bytes(path: Path) -> bytes:
    pieces = []
    with open_plain(str(path), is_compressed=True) as file:
        while piece := file.read(10_000):
            pieces.append(piece)
    return b"".join(pieces)


class TestCompressed:
    def test_is_read_to_its_end(self, packed: tuple[bytes, bytes], tmp_path: Path) -> None:
        path = tmp_path / "x.zst"
        path.write_bytes(packed[1])
        assert plain_bytes(path) == packed[0]

    def test_skippable_frames_and_nothing_at_all_are_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "x.zst"
        skippable = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"hello"
        for plain, content in [
            (b"", b""),
            (b"a\n", zstandard.compress(b"a\n") + skippable),
            (b"a\nb\n", zstandard.compress(b"a\n") + skippable + zstandard.compress(b"b\n")),
        ]:
            path.write_bytes(content)
            assert plain_bytes(path) == plain

    def test_a_missing_end_is_noticed(self, packed: tuple[bytes, bytes], tmp_path: Path) -> None:
        path = tmp_path / "x.zst"
        _, content = packed
        for missing in (1, 2, 3, 4, 5, len(content) // 3, len(content) - 20, len(content) - 3):
            path.write_bytes(content[:-missing])
            with pytest.raises(zstandard.ZstdError):
                plain_bytes(path)

    def test_garbage_at_the_end_is_noticed(self, tmp_path: Path) -> None:
        path = tmp_path / "x.zst"
        path.write_bytes(zstandard.compress(b"a\n") + b"no frame")
        with pytest.raises(zstandard.ZstdError):
            plain_bytes(path)

    def test_reads_on_from_a_position_of_the_plain_bytes(
        self, packed: tuple[bytes, bytes], tmp_path: Path
    ) -> None:
        plain, content = packed
        path = tmp_path / "x.zst"
        path.write_bytes(content)
        start = plain.index(b"\n", len(plain) // 2) + 1
        with open_plain(str(path), is_compressed=True) as file:
            reader = LineReader(file, start, None, is_compressed=True)
            lines = [line for block in reader for line in block.lines]
        assert lines == plain[start:].split(b"\n")[:-1]
        assert reader.position == len(plain)
        assert reader.tail_hash == tail_hash_at(io.BytesIO(plain), len(plain))


class TestHead:
    @pytest.mark.parametrize("length", [0, 1, 32767, 32768, 32769, 100_000, HEAD_BYTES + 5])
    def test_is_the_first_line_whether_compressed_or_not(self, length: int, tmp_path: Path) -> None:
        content = b"a" * length + b"\nsecond\n"
        plain, compressed = tmp_path / "x", tmp_path / "x.zst"
        plain.write_bytes(content)
        compressed.write_bytes(frames(content))
        head = read_head(str(plain), is_compressed=False)
        assert head == content[: min(length + 1, HEAD_BYTES)]
        assert read_head(str(compressed), is_compressed=True) == head

    def test_of_a_file_without_a_line_is_all_there_is(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"torn")
        assert read_head(str(tmp_path / "x"), is_compressed=False) == b"torn"


@pytest.mark.usefixtures("small_blocks")
class TestSumOfFile:
    @given(content=contents, data=st.data())
    def test_equals_what_was_read_up_to_there(self, content: bytes, data: st.DataObject) -> None:
        cut = data.draw(st.sampled_from(starts(content)))
        _, _, known = read(content[:cut])
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            total, end, deferred = sum_of_file(file.name, False, SEED, cut)
        assert total == known
        assert (end, deferred) == (starts(content)[-1], len(content) - starts(content)[-1])
