"""Which files of a Codex home are rollouts, and which thread each one belongs to.

Belongs here: names, folders and identity of rollout files. Does not belong here: what
their lines mean.

Identity rests on the first line alone (a rollout's first line is its own session_meta
with thread id and time, and segments of one thread differ in it), or on the session's id in
a JSON document, so that a file keeps it when it is moved to archived_sessions, compressed,
or copied to another machine.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import xxhash

from warehouse.sources.base import HEAD_BYTES, UNKNOWN_DAY, Found, Identity
from warehouse.sources.walking import walk

_NAME = re.compile(r"rollout-.*\.json(?:l(?:\.zst)?)?\Z")
_DATE = re.compile(r"rollout-(\d{4}-\d\d-\d\d)")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAMED_THREAD = re.compile(_UUID)
_THREAD = re.compile(rb'"type":\s*"session_meta".*?[{,]\s*"id":\s*"([^"\\]{1,200})"', re.DOTALL)
# before 2025-09-09 the first line was the bare meta, without type and payload
_BARE_THREAD = re.compile(rb'\A\s*\{.{0,400}?"id":\s*"(%b)"' % _UUID.encode(), re.DOTALL)
# the TypeScript CLI's documents begin with their session
_DOCUMENT_THREAD = re.compile(
    rb'"session"\s*:\s*\{.{0,400}?"id"\s*:\s*"([^"\\]{1,200})"', re.DOTALL
)
_DOCUMENT = ".json"
_FOLDERS = ("sessions", "archived_sessions")
_BESIDE = re.compile(r".*\.sqlite\Z|session_index\.jsonl\Z")  # files of another kind
_ARCHIVED = f"{os.sep}archived_sessions{os.sep}"


def discover(root: Path, label: str | None) -> Iterator[Found]:
    """Rollouts of a Codex home; of any other folder, those anywhere below it.

    Where a plain file and its `.zst` twin lie side by side, the plain one is given.
    """
    if _BESIDE.match(root.name) and not os.path.isdir(root):
        return
    folders = [root / name for name in _FOLDERS if os.path.isdir(root / name)]
    for folder in folders or [root]:
        for seen in walk(folder, lambda name: _NAME.match(name) is not None):
            path = seen.path
            yield Found(
                "codex",
                label,
                path,
                path.removesuffix(".zst"),
                seen.size,
                seen.mtime_ns,
                is_compressed=path.endswith(".zst"),
                is_archived=_ARCHIVED in path,
                is_whole=path.endswith(_DOCUMENT),
                error=seen.error,
            )


def identify(found: Found, head: bytes) -> Identity:
    """Identity from the first line; a file without one yet is known by its name."""
    name = os.path.basename(found.logical)
    date = _DATE.match(name)
    day = sys.intern(date.group(1)) if date else UNKNOWN_DAY
    if found.is_whole:
        return _identify_document(name, day, head)
    first, newline, _ = head.partition(b"\n")
    if not newline and len(head) < HEAD_BYTES:
        return Identity(xxhash.xxh3_64_hexdigest(name.encode()), None, day, has_lines=False)
    first = first.removesuffix(b"\r")  # a copy with other line ends is one all the same
    thread = _THREAD.search(first)
    if thread is None and b'"payload"' not in first:
        thread = _BARE_THREAD.match(first)
    if thread:
        thread_id: str | None = thread.group(1).decode("utf-8", "replace")
    else:
        in_name = _NAMED_THREAD.search(name)
        thread_id = in_name.group() if in_name else None
        first += b"\0" + name.encode()  # other files may begin with the same line
    return Identity(xxhash.xxh3_64_hexdigest(first), thread_id, day)


def _identify_document(name: str, day: str, head: bytes) -> Identity:
    """A document is written anew with each turn: only its session's id stays."""
    thread = _DOCUMENT_THREAD.search(head)
    if thread is None:
        return Identity(xxhash.xxh3_64_hexdigest(name.encode()), None, day, bool(head))
    thread_id = thread.group(1).decode("utf-8", "replace")
    return Identity(xxhash.xxh3_64_hexdigest(f"document\0{thread_id}".encode()), thread_id, day)
