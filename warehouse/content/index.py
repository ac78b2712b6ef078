"""What was captured so far, and where its files lie.

Belongs here: layout of the content folder, the index of captured sources. Does not belong
here: texts.

A project's folder is named by the keyed hash of its path, so that neither names nor index tell
where it lies.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from warehouse.lake import write_durably
from warehouse.privacy import Privacy

FORMAT = 1  # another one has all texts captured anew


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """A source that was looked at: its project's hash (empty: none), and what was captured."""

    project: str = ""
    content_sum: int = 0
    bytes_read: int = 0


class Index(msgspec.Struct):
    """Everything that was looked at. `key` and `projects` tell under which settings."""

    format: int = FORMAT
    key: str = ""
    projects: str = ""
    threads: str = ""
    generation: int = -1
    sources: dict[str, Entry] = {}


class ContentFolder:
    """<home>/content: private to its owner, like all that lies in it."""

    def __init__(self, home: Path) -> None:
        self.root = home / "content"

    def read_index(self) -> Index:
        """The index; a new one where there is none, or one of another format."""
        try:
            index = msgspec.msgpack.decode((self.root / "index.msgpack").read_bytes(), type=Index)
        except (FileNotFoundError, msgspec.MsgspecError):
            return Index()
        return index if index.format == FORMAT else Index(key=index.key)

    def write_index(self, index: Index) -> None:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(self.root / "index.msgpack", msgspec.msgpack.encode(index))

    def file(self, project: str, source_id: str) -> Path:
        return self.root / project / f"content_{source_id}.parquet"

    def files(self) -> list[Path]:
        return sorted(self.root.glob("*/content_*.parquet"))

    def files_of(self, source_id: str) -> Iterator[Path]:
        return self.root.glob(f"*/content_{source_id}.parquet")

    def sweep(self) -> None:
        """Remove what a killed build left half written."""
        for path in self.root.glob("*/*.aside"):
            path.unlink(missing_ok=True)

    def remove_project(self, project: str) -> int:
        """Delete a project's files; returns how many there were."""
        files = list((self.root / project).glob("content_*.parquet"))
        shutil.rmtree(self.root / project, ignore_errors=True)
        return len(files)


class Projects:
    """The projects that the settings name, and which of them a working folder lies in."""

    def __init__(self, paths: Iterable[str], privacy: Privacy) -> None:
        self._hash = privacy.digest
        # Codex may write a folder's path with links in it resolved, or not
        self._named = {
            form: path for path in paths for form in (path, os.path.realpath(path)) if path
        }

    def hash_of(self, path: str) -> str:
        """The keyed hash that stands for a named project."""
        return self._hash(f"project\0{path}")

    @property
    def hashes(self) -> set[str]:
        return {self.hash_of(path) for path in self._named.values()}

    @property
    def fingerprint(self) -> str:
        """Tells whether other projects are named than before."""
        return self._hash("\0".join(sorted(self._named)))

    def project_of(self, cwd: str | None) -> str:
        """Hash of the innermost named project that holds a folder; empty if none does."""
        if not cwd:
            return ""
        folder = os.path.normpath(cwd)
        inside = [
            form
            for form in self._named
            if folder == form or folder.startswith(form.rstrip(os.sep) + os.sep)
        ]
        return self.hash_of(self._named[max(inside, key=len)]) if inside else ""
