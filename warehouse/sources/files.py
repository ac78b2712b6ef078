"""Files that are known by where they lie: streams, captures, logs.

Belongs here: finding such files by their endings, and their identity. Does not belong
here: what is in them, and kinds whose first line says who they are (Codex rollouts).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import xxhash

from warehouse.sources.base import UNKNOWN_DAY, Found, Identity

_DAY = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")


def find_files(
    kind: str, root: Path, label: str | None, endings: tuple[str, ...], is_whole: bool = False
) -> Iterator[Found]:
    """The file `root`, or all files below it with one of `endings`, in the order of names.

    Line-based files may be compressed (`.zst`); where a plain file and its `.zst` twin lie
    side by side, the plain one is given. Hidden files and folders are left alone.
    """
    if root.is_file():
        yield _found(kind, label, str(root), root.stat(), is_whole)
        return
    wanted = endings if is_whole else (*endings, *(f"{ending}.zst" for ending in endings))
    yield from _walk(kind, str(root), label, wanted, is_whole)


def _walk(
    kind: str, folder: str, label: str | None, endings: tuple[str, ...], is_whole: bool
) -> Iterator[Found]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # a folder may vanish while its owner tidies up
    names = {entry.name for entry in entries}
    for entry in entries:
        name = entry.name
        if name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(kind, entry.path, label, endings, is_whole)
        elif name.endswith(endings):
            twin = name.removesuffix(".zst")
            if twin != name and twin in names:
                continue
            try:
                stat = entry.stat()
            except FileNotFoundError:
                continue
            yield _found(kind, label, entry.path, stat, is_whole)


def _found(kind: str, label: str | None, path: str, stat: os.stat_result, is_whole: bool) -> Found:
    is_compressed = path.endswith(".zst") and not is_whole
    return Found(
        kind,
        label,
        path,
        path.removesuffix(".zst") if is_compressed else path,
        stat.st_size,
        stat.st_mtime_ns,
        is_compressed=is_compressed,
        is_whole=is_whole,
    )


def identify_by_place(found: Found, head: bytes, stamp: re.Pattern[bytes] | None) -> Identity:
    """Identity by label and path; the day is that of the name, else of the first time.

    `stamp` finds the day of a line's own time as its first group.
    """
    base = xxhash.xxh3_64_hexdigest(f"{found.kind}\0{found.label or ''}\0{found.logical}".encode())
    if named := _DAY.search(os.path.basename(found.logical)):
        day = "-".join(named.groups())
    elif stamp is not None and (stamped := stamp.search(head)):
        day = stamped.group(1).decode()
    else:
        day = UNKNOWN_DAY
    return Identity(base, None, day, has_lines=b"\n" in head or found.is_whole)
