"""Which files of a Codex home are rollouts, and which thread each one belongs to.

Belongs here: names, folders and identity of rollout files. Does not belong here: what
their lines mean.

Identity rests on the first line alone (a rollout's first line is its own session_meta
with thread id and time, and segments of one thread differ in it), so that a file keeps it
when it is moved to archived_sessions, compressed, or copied to another machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import xxhash

from warehouse.sources.base import UNKNOWN_DAY, Found, Identity

_NAME = re.compile(r"rollout-.*\.jsonl(?:\.zst)?\Z")
_DATE = re.compile(r"rollout-(\d{4}-\d\d-\d\d)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_THREAD = re.compile(rb'"type":\s*"session_meta".*?[{,]\s*"id":\s*"([^"\\]{1,200})"', re.DOTALL)
_BARE_THREAD = re.compile(rb'\A\s*\{.{0,400}?"id":\s*"([^"\\]{1,200})"', re.DOTALL)
_FOLDERS = ("sessions", "archived_sessions")


def discover(root: Path, label: str | None) -> Iterator[Found]:
    """Rollouts of a Codex home; of any other folder, those anywhere below it.

    Where a plain file and its `.zst` twin lie side by side, the plain one is given.
    """
    if root.is_file():
        yield from _file(root, label)
        return
    folders = [root / name for name in _FOLDERS if (root / name).is_dir()]
    for folder in folders or [root]:
        yield from _walk(str(folder), label, "archived_sessions" in folder.parts)


def _file(path: Path, label: str | None) -> Iterator[Found]:
    stat = path.stat()
    text = str(path)
    yield Found(
        "codex",
        label,
        text,
        text.removesuffix(".zst"),
        stat.st_size,
        stat.st_mtime_ns,
        text.endswith(".zst"),
        "archived_sessions" in path.parts,
    )


def _walk(folder: str, label: str | None, is_archived: bool) -> Iterator[Found]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # a folder may vanish while Codex tidies up
    names = {entry.name for entry in entries}
    for entry in entries:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, label, is_archived or name == "archived_sessions")
        elif _NAME.match(name) and (not name.endswith(".zst") or name[:-4] not in names):
            try:
                stat = entry.stat()
            except FileNotFoundError:
                continue
            yield Found(
                "codex",
                label,
                entry.path,
                entry.path.removesuffix(".zst"),
                stat.st_size,
                stat.st_mtime_ns,
                name.endswith(".zst"),
                is_archived,
            )


def identify(found: Found, head: bytes) -> Identity:
    """Identity from the first line; a file without one yet is known by its name."""
    name = os.path.basename(found.logical)
    date = _DATE.match(name)
    day = date.group(1) if date else UNKNOWN_DAY
    first, newline, _ = head.partition(b"\n")
    if not newline and len(head) < 1024:
        return Identity(xxhash.xxh3_64_hexdigest(name.encode()), None, day, has_lines=False)
    thread = _THREAD.search(first) or _BARE_THREAD.match(first)
    if thread:
        thread_id: str | None = thread.group(1).decode("utf-8", "replace")
    else:
        in_name = _UUID.findall(name)
        thread_id = in_name[0] if in_name else None
    return Identity(xxhash.xxh3_64_hexdigest(first), thread_id, day)
