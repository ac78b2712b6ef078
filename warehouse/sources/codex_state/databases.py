"""A consistent look at a SQLite database that another program may be writing to.

Belongs here: the copy that is read in the database's place, and cells by column name.
Does not belong here: which tables are read, and what they mean.

A database is never opened where it lies: SQLite, even read-only, would leave a log and an
index of it beside a database that had none, would wait for its owner's locks, and could not
read it in a folder without permission to write. So it is copied together with its log.

Why the copy is whole: a commit appends to the log. Pages move from the log into the database
only by copying, and the log is overwritten from its start only once all of them have moved,
under a header with a new salt. So while the header stays the same, whatever moved while the
database was copied stands in the log, which is copied after it. A commit that is cut in the
middle of the copied log is no commit to SQLite: it is left out. Where there is no log, the
times of database and journal tell whether they were written to.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from warehouse.sources.base import DAMAGED, DATABASE_LOG

_JOURNAL = "-journal"
_LOG_HEADER_BYTES = 32
_TRIES = 400
_PAUSE_SECONDS = 0.0025  # shorter than a busy log takes to begin anew
# File systems count time in ticks: a write within this of the one before may show no change.
_TICK_NS = 20_000_000

Cells = dict[str, object]


@contextmanager
def snapshot(path: str) -> Iterator[sqlite3.Connection]:
    """The database as its last commit left it; leaves nothing behind, here or there.

    Raises OSError where it cannot be read; with DAMAGED if it is no (whole) database.
    """
    try:
        with closing(_open_copy(path)) as connection:
            yield connection
    except sqlite3.OperationalError as error:  # our disk, our memory: not the file's fault
        name = getattr(error, "sqlite_errorname", "unknown error")
        raise OSError(errno.EIO, f"SQLite cannot read it ({name})") from None
    except sqlite3.DatabaseError:
        raise OSError(errno.EBADMSG, DAMAGED) from None


def rows_of(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], key: str
) -> Iterator[Cells]:
    """Rows of a table in the order of `key`, with those of `columns` that it has.

    A table that is not there (or is of another kind, without the key) has no rows; a row
    without a key is left out, since nobody could tell whose it is.
    """
    there = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}
    if key not in there:
        return
    names = [name for name in columns if name in there]
    selected = ", ".join(f'"{name}"' for name in names)
    for row in connection.execute(
        f'SELECT {selected} FROM {table} WHERE "{key}" IS NOT NULL ORDER BY "{key}"'
    ):
        yield dict(zip(names, row, strict=True))


def _open_copy(path: str) -> sqlite3.Connection:
    """The copy, opened, its files already deleted: a killed build leaves none behind."""
    folder = tempfile.mkdtemp(prefix="rollhouse-")
    try:
        copy = os.path.join(folder, "copy.sqlite")
        _copy(path, copy)
        connection = sqlite3.connect(copy, isolation_level=None)
        try:
            connection.text_factory = _decoded
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _copy(path: str, copy: str) -> None:
    for _ in range(_TRIES):
        before = _state(path)
        if before is not None:
            shutil.copyfile(path, copy)
            for ending in (DATABASE_LOG, _JOURNAL):
                _copy_beside(path + ending, copy + ending)
            if _state(path) == before:
                return
        time.sleep(_PAUSE_SECONDS)
    raise OSError(errno.EBUSY, "it changed all the time while it was read")


def _copy_beside(path: str, copy: str) -> None:
    try:
        shutil.copyfile(path, copy)
    except FileNotFoundError:
        if os.path.exists(copy):  # of a try before
            os.unlink(copy)


def _state(path: str) -> tuple[object, ...] | None:
    """What stays the same while nothing is lost to a copy; None while that cannot be told."""
    header = _log_header(path + DATABASE_LOG)
    if len(header) == _LOG_HEADER_BYTES:
        return (header,)
    looks: list[tuple[int, int] | None] = []
    for file in (path, path + _JOURNAL):
        try:
            status = os.stat(file)
        except FileNotFoundError:
            if file == path:
                raise
            looks.append(None)
        else:
            if abs(time.time_ns() - status.st_mtime_ns) < _TICK_NS:
                return None
            looks.append((status.st_size, status.st_mtime_ns))
    return tuple(looks)


def _log_header(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(_LOG_HEADER_BYTES)
    except FileNotFoundError:
        return b""
