"""The lake: where Parquet lies, what is live, and how a new state replaces the old one.

Belongs here: layout, manifest, registry of sources, lock, commit, sweeping of leftovers.
Does not belong here: what rows mean, parsing, or the published DuckDB file (publish.py).

    <home>/lake/manifest.json                                  names everything that is live
    <home>/lake/sources-<generation>.msgpack                   every source ever read
    <home>/lake/<layer>/<table>/day=<day>/part-<generation>.parquet
    <home>/lake/stage/                                         rows on their way; swept
    <home>/lake/builds/<id>/warehouse.duckdb, current -> builds/<id>     see publish.py

Replacing manifest.json is the commit: whatever a killed build left is not named in it.
"""

from __future__ import annotations

import ctypes
import datetime
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import msgspec

from warehouse.errors import RollhouseError

MANIFEST_FORMAT = 2  # 1 was the same, with one part a day
# Each costs a third of a millisecond to read; all of a day's rows are written anew with the next.
MOST_PARTS = 12


class LakeError(RollhouseError):
    """The lake cannot be used; the message says why and what to do."""


class LakeLockedError(LakeError):
    """Another build holds the lake."""


class Source(msgspec.Struct, array_like=True, gc=False):
    """What is known of one logical source; the registry's row and that of raw_sources.

    `parser_version` and `privacy` (see Privacy.fingerprint) tell what made its rows.
    """

    source_id: str
    base_id: str
    kind: str
    label: str | None
    path: str
    logical: str
    thread_id: str | None
    copy_of: str | None
    is_archived: bool
    is_compressed: bool
    is_whole: bool
    size: int
    mtime_ns: int
    day: str
    parser_version: int
    generation: int = 0
    state: str = "present"
    error: str | None = None
    bytes_read: int = 0
    lines: int = 0
    rejected_lines: int = 0
    deferred_bytes: int = 0
    content_sum: int = 0
    tail_hash: int = 0
    privacy: str = ""


class Part(msgspec.Struct, array_like=True):
    """One live Parquet file: path below the lake, rows, bytes."""

    path: str
    rows: int
    bytes: int


class Manifest(msgspec.Struct):
    """The live state. `parts` is table -> key -> part, and the order of keys that of rows.

    A day's rows lie in the part whose key is the day. What was appended since that was written
    may lie in further parts, up to MOST_PARTS in all, each after the ones before: see part_key.
    """

    format: int = MANIFEST_FORMAT
    generation: int = 0
    sources_file: str | None = None
    parts: dict[str, dict[str, Part]] = {}

    def rows(self, table: str) -> int:
        """Rows of a table's live parts."""
        return sum(part.rows for part in self.parts.get(table, {}).values())


class Lake:
    """The lake of one home. Reading needs no lock; `commit` and `sweep` need it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "lake"
        self.stage = self.root / "stage"

    # --- reading ------------------------------------------------------------------------------

    def manifest(self) -> Manifest:
        """The live manifest; an empty one where there is no lake yet."""
        path = self.root / "manifest.json"
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except FileNotFoundError:
            if self._was_committed():
                raise LakeError(
                    f"{path}, which names what is live, is gone; {self._advice}"
                ) from None
            return Manifest()
        except msgspec.MsgspecError as error:
            raise LakeError(f"{path} is damaged ({error}); {self._advice}") from error
        if manifest.format == 1:
            manifest.format = MANIFEST_FORMAT
        if manifest.format != MANIFEST_FORMAT:
            raise LakeError(
                f"{self.root} was written by another version of Rollhouse (format "
                f"{manifest.format}, this one knows {MANIFEST_FORMAT}); {self._advice}"
            )
        return manifest

    def sources(self, manifest: Manifest) -> list[Source]:
        """The registry of sources that belongs to a manifest."""
        if manifest.sources_file is None:
            return []
        path = self.root / manifest.sources_file
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=list[Source])
        except (FileNotFoundError, msgspec.MsgspecError) as error:
            raise LakeError(f"{path} is damaged or gone ({error}); {self._advice}") from error

    def part_files(
        self, manifest: Manifest, table: str, keys: Iterable[str] | None = None
    ) -> list[str]:
        """Absolute paths of a table's live parts (of some keys), in the order of rows."""
        parts = manifest.parts.get(table, {})
        wanted = sorted(parts if keys is None else parts.keys() & set(keys))
        files = [self.root / parts[key].path for key in wanted]
        for file in files:
            if not file.is_file():
                raise LakeError(f"{file}, a live part of the lake, is gone; {self._advice}")
        return [str(file) for file in files]

    def _was_committed(self) -> bool:
        """Whether something tells of a commit; a first build that was killed leaves none of it.

        Nor does one that found nothing to read, though it is published.
        Without its manifest such a lake must not be taken for an empty one: all would be swept.
        """
        live = self.root / "current"
        # the id of a build begins with its generation
        was_live = os.path.lexists(live) and not live.resolve().name.startswith("0-")
        registries = (path.name for path in self.root.glob("sources-*.msgpack"))
        return was_live or any(name != _registry_name(1) for name in registries)

    @property
    def _advice(self) -> str:
        return _advice(self.root)

    # --- writing --------------------------------------------------------------------------------

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lake for one build. Raises LakeLockedError if another holds it.

        The lock is the kernel's: a killed build leaves none behind.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = open(self.root / "lock", "a+", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise LakeError(
                f"{self.root} cannot be written: {error.strerror}; name another folder with --home"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "its process is not known"
                raise LakeLockedError(
                    f"another build is running on {self.home} ({holder}); "
                    "wait for it, or end it, then build again"
                ) from None
            except OSError as error:
                raise LakeError(
                    f"{self.root} cannot be locked: {error.strerror}; its file system may have no "
                    "locks: name a folder of another one with --home"
                ) from error
            file.seek(0)
            file.truncate()
            file.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            file.flush()
            yield

    def part_path(self, layer: str, table: str, day: str, generation: int) -> str:
        """Path, below the lake, of the part that a generation writes."""
        return f"{layer}/{table}/day={day}/part-{generation}.parquet"

    @staticmethod
    @lru_cache
    def bucket(day: str) -> str:
        """The storage bucket of a day: its week's Monday.

        A part costs a millisecond to write and a third of one to read, however small: a
        week holds enough rows to be worth it, and few enough to be written anew quickly.
        """
        try:
            date = datetime.date.fromisoformat(day)
        except ValueError:  # a name may hold a date that no calendar has
            date = datetime.date(1970, 1, 1)
        return (date - datetime.timedelta(days=date.weekday())).isoformat()

    def make_stage(self) -> Path:
        """A new folder for the rows of one build on their way.

        Its name is used once: a worker that outlives its killed build for a moment, in the
        midst of a task, writes where the next build does not look.
        """
        folder = self.stage / f"{os.getpid()}-{time.time_ns()}"
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def put_part(self, staged: Path, path: str) -> None:
        """Move a finished part to its place. It is live, and durable, with the commit."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged, target)

    def commit(self, manifest: Manifest, sources: list[Source], old: Manifest) -> None:
        """Make a new generation live, durably, then delete what only the old one named."""
        sync_filesystem(self.root)  # the parts must be on disk before a manifest names them
        manifest.sources_file = _registry_name(manifest.generation)
        sources.sort(key=lambda source: source.source_id)
        write_durably(self.root / manifest.sources_file, msgspec.msgpack.encode(sources))
        write_durably(self.root / "manifest.json", msgspec.json.encode(manifest))
        live = {part.path for days in manifest.parts.values() for part in days.values()}
        stale = {part.path for days in old.parts.values() for part in days.values()} - live
        if old.sources_file and old.sources_file != manifest.sources_file:
            stale.add(old.sources_file)
        self._delete(stale)
        shutil.rmtree(self.stage, ignore_errors=True)

    def commit_registry(self, manifest: Manifest, sources: list[Source]) -> None:
        """Replace the registry alone: files were moved or touched, no row changed."""
        name = f"sources-{manifest.generation}-{time.time_ns()}.msgpack"
        sources.sort(key=lambda source: source.source_id)
        write_durably(self.root / name, msgspec.msgpack.encode(sources))
        old, manifest.sources_file = manifest.sources_file, name
        write_durably(self.root / "manifest.json", msgspec.json.encode(manifest))
        self._delete([old] if old else [])

    def sweep(self, manifest: Manifest) -> None:
        """Delete what a killed build left: staged rows, and parts that nothing names."""
        shutil.rmtree(self.stage, ignore_errors=True)
        live = {part.path for days in manifest.parts.values() for part in days.values()}
        leftovers = [
            relative
            for layer in ("raw", "parsed")
            for file in (self.root / layer).glob("*/day=*/*")
            if (relative := file.relative_to(self.root).as_posix()) not in live
        ]
        leftovers += [
            file.name
            for pattern in ("sources-*.msgpack", "*.aside")
            for file in self.root.glob(pattern)
            if file.name != manifest.sources_file
        ]
        self._delete(leftovers)

    def _delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self.root / path).unlink(missing_ok=True)


def damaged_part(path: str) -> LakeError:
    """What to raise where a live part, by its absolute path, cannot be read."""
    root = Path(path).parents[3]
    return LakeError(f"{path}, a live part of the lake, is damaged or gone; {_advice(root)}")


def _advice(root: Path) -> str:
    return (
        f"restore it, or move {root} away and build anew (only sources that are still "
        "there will be in it)"
    )


def _registry_name(generation: int) -> str:
    return f"sources-{generation}.msgpack"


def part_key(day: str, number: int) -> str:
    """The manifest's key of a day's first part (0), or of one of those that were appended."""
    return f"{day}+{number:02}" if number else day


def day_of(key: str) -> str:
    """The day of a part's key."""
    return key.partition("+")[0]


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file as a whole: aside, fsync, rename, fsync of the folder."""
    aside = path.with_name(path.name + ".aside")
    with open(aside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    sync_folder(path.parent)


def sync_filesystem(path: Path) -> None:
    """Make all that was written to a filesystem durable: one call for thousands of parts."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        ctypes.CDLL(None, use_errno=True).syncfs(descriptor)
    except (AttributeError, OSError):  # only Linux has it
        os.sync()
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make renames and new names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
