"""Names, titles and objectives of threads, which lie beside the rollouts.

Belongs here: the texts of state databases and of the index of names. Does not belong here:
which threads belong to which project (capturing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from warehouse.sources.base import iso_us, us_iso
from warehouse.sources.codex_state.databases import Cells, rows_of, snapshot

_THREAD_TEXTS = {
    "name": "name",
    "title": "title",
    "first_user_message": "prompt",
    "preview": "preview",
}


class Name(NamedTuple):
    """A text about a thread: line number (none in a database), time, thread, kind, text."""

    line_number: int | None
    position: int
    recorded_at: bytes | None
    project: str
    thread: str
    carrier: str
    kind: str
    text: str


class _Entry(msgspec.Struct, gc=False):
    id: str
    thread_name: str
    updated_at: str | None = None


def names_of_database(
    path: str, project_of: Callable[[str | None], str], threads: dict[str, str]
) -> Iterator[Name]:
    """Texts of a database's threads that lie in a project. Raises OSError as `snapshot` does."""
    position = 0
    with snapshot(path) as connection:
        known = dict(threads)
        columns = ("id", "cwd", *_THREAD_TEXTS)
        for cell in rows_of(connection, "threads", columns, "id"):
            thread = str(cell["id"])
            project = project_of(_text(cell, "cwd")) or threads.get(thread, "")
            known[thread] = project
            for column, kind in _THREAD_TEXTS.items():
                if project and (text := _text(cell, column)):
                    yield Name(None, position, None, project, thread, "database", kind, text)
                    position += 1
        for cell in rows_of(connection, "thread_goals", ("thread_id", "objective"), "thread_id"):
            thread = str(cell["thread_id"])
            project = known.get(thread, "")
            if project and (text := _text(cell, "objective")):
                yield Name(None, position, None, project, thread, "database", "objective", text)
                position += 1


def names_of_lines(lines: list[bytes], line_number: int, threads: dict[str, str]) -> Iterator[Name]:
    """Names that lines of the index give to threads of a project."""
    for number, line in enumerate(lines, start=line_number):
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        project = threads.get(entry.id, "")
        if project and entry.thread_name:
            us = iso_us(entry.updated_at)
            at = None if us is None else us_iso(us)
            yield Name(number, 0, at, project, entry.id, "index", "name", entry.thread_name)


def _text(cell: Cells, name: str) -> str | None:
    value = cell.get(name)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None
