"""Which files of a Codex home lie beside its rollouts and are read.

Belongs here: names and places of state databases and of the index of names. Does not belong
here: what is in them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from warehouse.sources.base import DATABASE_LOG, Found
from warehouse.sources.walking import Seen, mtime_of, walk

_DATABASE = re.compile(r"(?:state|goals)(?:_(\d{1,9}))?\.sqlite\Z")
_INDEX = "session_index.jsonl"
_ROLLOUTS = ("sessions", "archived_sessions")


def is_state(name: str) -> bool:
    """Whether a file of this name lies beside rollouts, rather than being one."""
    return name == _INDEX or _DATABASE.match(name) is not None


def database_version(path: str) -> int | None:
    """The number in a database's name."""
    named = _DATABASE.match(os.path.basename(path))
    return int(named.group(1)) if named and named.group(1) else None


def discover(root: Path, label: str | None) -> Iterator[Found]:
    """State of a Codex home; of any other folder, that of all homes below it.

    Other numbers of the same database may linger from older versions: all are given.
    """
    if os.path.isfile(root) and not is_state(root.name):
        return
    for seen in walk(root, is_state, _may_hold_homes):
        if seen.error is None and seen.path.endswith(".sqlite"):
            seen = _with_log(seen)
        yield Found(
            "codex-state",
            label,
            seen.path,
            seen.path,
            seen.size,
            seen.mtime_ns,
            is_whole=seen.path.endswith(".sqlite"),
            error=seen.error,
        )


def _may_hold_homes(folder: str) -> bool:
    """Folders of a Codex home hold rollouts, backups and working copies, but no other home."""
    parent = os.path.dirname(folder)
    return not any(os.path.isdir(os.path.join(parent, name)) for name in _ROLLOUTS)


def _with_log(seen: Seen) -> Seen:
    """Newest changes stand in the database's log: its size and time count as well."""
    try:
        log = os.stat(seen.path + DATABASE_LOG)
    except OSError:
        return seen
    return seen._replace(size=seen.size + log.st_size, mtime_ns=max(seen.mtime_ns, mtime_of(log)))
