"""Files that are known by where they lie: streams, captures, logs.

Belongs here: finding such files by their endings, and their identity. Does not belong
here: what is in them, and kinds whose first line says who they are (Codex rollouts).

Nothing in such a file says whose it is, so it is the file at its place (one that was moved
is recognised by its content, see scanning.py). The label is left out of the identity, so
that a file which gets another label is not counted a second time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import xxhash

from warehouse.sources.base import UNKNOWN_DAY, Found, Identity
from warehouse.sources.walking import walk

_DAY = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")


def find_lines(kind: str, root: Path, label: str | None, ending: str) -> Iterator[Found]:
    """The file `root`, or all files below it with `ending`, compressed (`.zst`) or not."""
    wanted = re.compile(rf"[^.].*{re.escape(ending)}(?:\.zst)?\Z")
    for seen in walk(root, lambda name: wanted.match(name) is not None):
        path = seen.path
        yield Found(
            kind,
            label,
            path,
            path.removesuffix(".zst"),
            seen.size,
            seen.mtime_ns,
            is_compressed=path.endswith(".zst"),
            error=seen.error,
        )


def find_whole(
    kind: str, root: Path, label: str | None, endings: tuple[str, ...]
) -> Iterator[Found]:
    """The file `root`, or all files below it with one of `endings`, each read as a whole.

    Nothing in it but its last change tells when it was made.
    """
    for seen in walk(root, lambda name: name.endswith(endings) and not name.startswith(".")):
        yield Found(
            kind,
            label,
            seen.path,
            seen.path,
            seen.size,
            seen.mtime_ns,
            is_whole=True,
            is_dated=True,
            error=seen.error,
        )


def named_day(path: str) -> date | None:
    """The day in a file's name, such as 2026-05-02 or 20260502."""
    named = _DAY.search(os.path.basename(path))
    return _valid_day("-".join(named.groups())) if named else None


def identify_by_place(found: Found, head: bytes, stamp: re.Pattern[bytes] | None) -> Identity:
    """Identity by path; the day is that of the name, else of the first line's time.

    `stamp` finds the day of a line's own time as its first group.
    """
    place = f"{found.kind}\0{found.logical}".encode("utf-8", "surrogateescape")
    stamped = None if stamp is None else stamp.search(head)
    day = named_day(found.logical)
    if day is None and stamped is not None:
        day = _valid_day(stamped.group(1).decode("utf-8", "replace"))
    has_lines = found.is_whole or b"\n" in head
    text = UNKNOWN_DAY if day is None else day.isoformat()
    return Identity(xxhash.xxh3_64_hexdigest(place), None, text, has_lines)


def _valid_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
