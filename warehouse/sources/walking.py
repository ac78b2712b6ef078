"""Regular files below a folder, with what can go wrong on the way.

Belongs here: the one way in which kinds look at folders. Does not belong here: which names
are sources (each kind knows), or opening a file.

A folder that cannot be listed and a file that cannot be looked at are given with the reason,
so that a scan can report them and go on, and does not take what lies there for deleted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from warehouse.sources.base import reason

NOT_UTF8 = "its name is not UTF-8"
_LAST_NS = (1 << 63) - 1  # in the year 2262


class Seen(NamedTuple):
    """A file, or (with `error`) a file or folder that could not be looked at."""

    path: str
    size: int
    mtime_ns: int
    error: str | None = None


def _always(_: str) -> bool:
    return True


def walk(
    root: Path, is_wanted: Callable[[str], bool], enters: Callable[[str], bool] = _always
) -> Iterator[Seen]:
    """The file `root`, or all files below it whose name is wanted, in the order of names.

    Of the folders below, those are looked into whose path `enters` takes.

    Of a plain file and its `.zst` twin beside it, the plain one is given. Links to files
    are followed, links to folders are not (but `root` may be one).
    """
    if os.path.isdir(root):
        yield from _folder(str(root), is_wanted, enters)
    else:
        yield from _file(str(root))


def _folder(
    folder: str, is_wanted: Callable[[str], bool], enters: Callable[[str], bool]
) -> Iterator[Seen]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # a folder may vanish while its owner tidies up
    except OSError as problem:
        yield Seen(folder, 0, 0, reason(problem))
        return
    names = {entry.name for entry in entries}
    for entry in entries:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            if not _is_text(name):
                yield _nameless(entry.path)
            elif enters(entry.path):
                yield from _folder(entry.path, is_wanted, enters)
        elif is_wanted(name) and not (name.endswith(".zst") and name[:-4] in names):
            yield from _file(entry.path, entry)


def _file(path: str, entry: os.DirEntry[str] | None = None) -> Iterator[Seen]:
    if not _is_text(path):
        yield _nameless(path)
        return
    try:
        status = os.stat(path) if entry is None else entry.stat()
    except FileNotFoundError:
        return
    except OSError as problem:
        yield Seen(path, 0, 0, reason(problem))
        return
    if stat.S_ISREG(status.st_mode):  # opening a pipe would wait forever
        yield Seen(path, status.st_size, mtime_of(status))


def mtime_of(status: os.stat_result) -> int:
    """When a file was changed, within the nanoseconds that 64 bits hold.

    File systems keep any time that a clock or a restored archive gave them, beyond the last
    that a date can be.
    """
    return max(-_LAST_NS, min(status.st_mtime_ns, _LAST_NS))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _nameless(path: str) -> Seen:
    return Seen(os.fsencode(path).decode("utf-8", "replace"), 0, 0, NOT_UTF8)
