"""The pass that captures texts: after an ingest, of what changed, in named projects only.

Belongs here: deciding which sources are captured, and writing their files. Does not belong
here: what a text is (texts.py, names.py).

A source belongs to the project that its own first line's working folder lies in. Its file is
written whole whenever the source changed, and stays when the source is gone, or when its
project is no longer named: removing texts is what `purge` is for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import zstandard

from warehouse.content.index import ContentFolder, Entry, Projects
from warehouse.content.key import ContentKeyError, key_check, load_key
from warehouse.lake import Source
from warehouse.privacy import Privacy
from warehouse.reading import LineReader, open_plain, read_head
from warehouse.sources.base import DAMAGED, reason

if TYPE_CHECKING:
    from warehouse.settings import Settings

_FLUSH_ROWS = 2_000
_FLUSH_CHARS = 8_000_000
# DuckDB 2.0 cannot decrypt the second page of a column that pyarrow wrote: each row group has one,
# so neither pages nor dictionaries have a limit of their own.
_PAGE_BYTES = 1 << 30
_REPEATED = ["source_id", "session_id", "carrier", "text_kind", "role", "tool_name"]
_CWD = re.compile(rb'[{,]\s*"cwd":\s*("(?:[^"\\]|\\.)*")')


@dataclass(slots=True)
class Captured:
    """What a capture did: files written, and what could not be read, as (path, reason)."""

    files: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


def is_pending(settings: Settings, generation: int, privacy: Privacy) -> bool:
    """Whether texts are to be captured that are not yet. Reads no source."""
    if not settings.content.projects:
        return False
    index = ContentFolder(settings.home).read_index()
    projects = Projects(settings.content.projects, privacy)
    return (index.generation, index.projects) != (generation, projects.fingerprint)


def require_key(settings: Settings) -> bytes | None:
    """The key, if capture is on. Raises ContentKeyError for none, or another than before."""
    if not settings.content.projects:
        return None
    key = load_key(settings.content.key_file)
    folder = ContentFolder(settings.home)
    known = folder.read_index().key
    if known and known != key_check(key) and folder.files():
        raise ContentKeyError(
            f"the texts in {folder.root} were encrypted with another key: give that one, or "
            "remove them with `rollhouse purge-content`"
        )
    return key


def capture(
    settings: Settings,
    sources: Iterable[Source],
    paths: Mapping[str, str],
    generation: int,
    privacy: Privacy,
) -> Captured:
    """Bring the captured texts up to what the lake holds. Needs the lake's lock.

    `paths` tells where each source that is present lies. Raises ContentKeyError.
    """
    key = require_key(settings)
    if key is None:
        return Captured()
    return _Capture(settings, sources, paths, privacy, key).run(generation)


class _Capture:
    def __init__(
        self,
        settings: Settings,
        sources: Iterable[Source],
        paths: Mapping[str, str],
        privacy: Privacy,
        key: bytes,
    ) -> None:
        self._folder = ContentFolder(settings.home)
        self._projects = Projects(settings.content.projects, privacy)
        self._sources = {source.source_id: source for source in sources}
        self._paths = paths
        self._privacy = privacy
        self._key = key
        self._index = self._folder.read_index()
        self._done = Captured()

    def run(self, generation: int) -> Captured:
        index = self._index
        self._folder.sweep()
        if index.key != key_check(self._key):  # known before the first file is written with it
            index.key = key_check(self._key)
            self._folder.write_index(index)
        self._forget_the_dropped()
        settled = index.projects == self._projects.fingerprint
        for source in self._of_kind("codex"):
            if not source.is_whole:  # documents from before 2025-09 name no working folder
                self._rollout(source, settled)
        threads = self._threads()
        map_hash = self._privacy.digest(repr(sorted(threads.items())))
        for source in self._of_kind("codex-state"):
            self._state(source, threads, settled and map_hash == index.threads)
        index.projects = self._projects.fingerprint
        index.threads = map_hash
        index.generation = generation
        self._folder.write_index(index)
        return self._done

    def _of_kind(self, kind: str) -> Iterator[Source]:
        for source in self._sources.values():
            if source.kind == kind and source.state == "present" and source.bytes_read:
                yield source

    def _forget_the_dropped(self) -> None:
        """Sources that stand in no registry any more were replaced by others."""
        for source_id in self._index.sources.keys() - self._sources.keys():
            del self._index.sources[source_id]
            for file in self._folder.files_of(source_id):
                file.unlink()

    def _threads(self) -> dict[str, str]:
        """The project of each captured thread."""
        named = self._projects.hashes
        entries = self._index.sources
        return {
            source.thread_id: entry.project
            for source_id, source in self._sources.items()
            if source.thread_id is not None
            and (entry := entries.get(source_id)) is not None
            and entry.project in named
        }

    # --- rollouts -----------------------------------------------------------------------------

    def _rollout(self, source: Source, settled: bool) -> None:
        path = self._paths[source.source_id]
        old = self._index.sources.get(source.source_id)
        try:
            if old is not None and settled:
                project = old.project if old.project in self._projects.hashes else ""
            else:
                project = self._projects.project_of(_cwd_of(path, source.is_compressed))
            if not project:
                # texts of a project that is named no more stay as they are
                self._index.sources.setdefault(source.source_id, Entry())
                return
            new = Entry(project, source.content_sum, source.bytes_read)
            if new != old:
                self._write({project: self._rollout_rows(source, path)}, source)
                self._index.sources[source.source_id] = new
        except OSError as problem:
            self._done.problems.append((path, reason(problem)))
        except zstandard.ZstdError:
            self._done.problems.append((path, DAMAGED))

    def _rollout_rows(self, source: Source, path: str) -> Iterator[tuple[object, ...]]:
        from warehouse.content.texts import texts_of

        for number, line in _lines(path, source):
            recorded_at, texts = texts_of(line)
            for position, text in enumerate(texts):
                yield (
                    number,
                    position,
                    recorded_at,
                    source.thread_id,
                    text.carrier,
                    text.kind,
                    text.role,
                    text.tool,
                    text.item,
                    text.text,
                )

    # --- what lies beside them ------------------------------------------------------------------

    def _state(self, source: Source, threads: dict[str, str], settled: bool) -> None:
        path = self._paths[source.source_id]
        new = Entry("", source.content_sum, source.bytes_read)
        if settled and self._index.sources.get(source.source_id) == new:
            return
        from warehouse.content.names import names_of_database, names_of_lines

        rows: dict[str, list[tuple[object, ...]]] = {
            project: [] for project in self._projects.hashes
        }
        try:
            if source.is_whole:
                names = names_of_database(path, self._projects.project_of, threads)
            else:
                lines = (names_of_lines([line], n, threads) for n, line in _lines(path, source))
                names = (name for found in lines for name in found)
            for name in names:
                rows[name.project].append(
                    (
                        *(name.line_number, name.position, name.recorded_at, name.thread),
                        *(name.carrier, name.kind, None, None, None, name.text),
                    )
                )
        except OSError as problem:
            self._done.problems.append((path, reason(problem)))
            return
        self._write({project: iter(found) for project, found in rows.items()}, source)
        self._index.sources[source.source_id] = new

    # --- files ----------------------------------------------------------------------------------

    def _write(self, rows: Mapping[str, Iterator[tuple[object, ...]]], source: Source) -> None:
        """Replace a source's files: one for each project that has rows of it."""
        for project, found in rows.items():
            target = self._folder.file(project, source.source_id)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside = target.with_suffix(".aside")
            try:
                if _write_file(aside, source.source_id, found, self._key):
                    os.replace(aside, target)
                    self._done.files += 1
                else:
                    target.unlink(missing_ok=True)
            finally:
                aside.unlink(missing_ok=True)
        for file in self._folder.files_of(source.source_id):  # of the project that it was in
            if file.parent.name not in rows and file.parent.name in self._projects.hashes:
                file.unlink()


def _lines(path: str, source: Source) -> Iterator[tuple[int, bytes]]:
    """The lines that the lake knows, with their numbers; those too long to hold left out."""
    number = 0
    with open_plain(path, source.is_compressed) as file:
        for block in LineReader(file, 0, source.bytes_read, source.is_compressed):
            for line in block.lines:
                number += 1
                if not block.overlong:
                    yield number, line


def _cwd_of(path: str, is_compressed: bool) -> str | None:
    """The working folder that a rollout's first line names."""
    head = read_head(path, is_compressed)
    try:
        return msgspec.json.decode(head, type=_FirstLine).payload.cwd
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    # perhaps the line goes on beyond what was read of it
    found = None if head.endswith(b"\n") else _CWD.search(head)
    if found is None:
        return None
    try:
        return msgspec.json.decode(found.group(1), type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class _Meta(msgspec.Struct, gc=False):
    cwd: str | None = None


class _FirstLine(msgspec.Struct, gc=False):
    payload: _Meta


def _write_file(path: Path, source_id: str, rows: Iterator[tuple[object, ...]], key: bytes) -> bool:
    """Write rows encrypted; False (and no file) if there are none."""
    import pyarrow.parquet as pq
    from pyarrow.parquet.encryption import create_encryption_properties

    from warehouse.contracts.content import CONTENT_TEXTS
    from warehouse.parsing import to_batch

    schema = CONTENT_TEXTS.arrow_schema
    writer: Any = None
    try:
        for batch in _batches(rows):
            if writer is None:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                os.close(descriptor)
                writer = pq.ParquetWriter(
                    path,
                    schema,
                    compression="zstd",
                    data_page_size=_PAGE_BYTES,
                    dictionary_pagesize_limit=_PAGE_BYTES,
                    use_dictionary=_REPEATED,
                    encryption_properties=create_encryption_properties(footer_key=key),
                )
            writer.write_batch(to_batch(batch, [source_id] * len(batch), schema))
    finally:
        if writer is not None:
            writer.close()
    return writer is not None


def _batches(rows: Iterator[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    batch: list[tuple[object, ...]] = []
    chars = 0
    for row in rows:
        batch.append(row)
        chars += len(str(row[-1]))
        if len(batch) >= _FLUSH_ROWS or chars >= _FLUSH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
