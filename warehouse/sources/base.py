"""What a kind of source must offer, and the helpers that all parsers share.

Belongs here: the shapes between discovery, parsers and the engine, and conversions of
times. Does not belong here: anything that knows one kind's format, files written, DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from warehouse.privacy import Privacy

# Rows of one task by table: tuples in the contract's column order, without source_id.
Rows = dict[str, list[tuple[object, ...]]]

UNKNOWN_DAY = "1970-01-01"

# Why a file cannot be read that will stay so until it changes.
DAMAGED = "the file is damaged or incomplete"

# Ending of the file beside a SQLite database that holds its newest changes.
DATABASE_LOG = "-wal"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Times that can be shown in any zone: Python's dates, but for a day at each end. Programs write
# the first or the last of all times where they know none.
FIRST_TIME = datetime(1, 1, 2, tzinfo=UTC)
LAST_TIME = datetime(9999, 12, 31, tzinfo=UTC)
FIRST_US, LAST_US = ((time - _EPOCH) // _MICROSECOND for time in (FIRST_TIME, LAST_TIME))
_LAST_SECOND = 253402300799  # end of the year 9999, the last that a datetime can hold
ISO_UTC = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that discovery met. `logical` is its path without `.zst`.

    `is_whole` marks a file that is not read line by line (a database, a screen capture):
    any change has it read anew as a whole, by `Parser.parse_file`. `is_dated` marks one whose
    rows are of the file's own time, which is news by itself. `error` says why this file, or all
    that lies in this folder, cannot be looked at.
    """

    kind: str
    label: str | None
    path: str
    logical: str
    size: int
    mtime_ns: int
    is_compressed: bool = False
    is_archived: bool = False
    is_whole: bool = False
    is_dated: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a source is. `base_id` is its source_id unless another live file has the same.

    Where first lines tell sources apart, `base_id` is a hash of the first line; else one of
    label and path (a moved file is then recognised by its content).
    `has_lines` is False while not even a first line is complete.
    """

    base_id: str
    thread_id: str | None
    day: str
    has_lines: bool = True


class Parser(Protocol):
    """Turns complete lines of one kind into rows; keeps no state between calls."""

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """Append the rows of `lines` (without newlines), the first of which is
        `line_number` and lies at `offset`, to `rows`. Each row begins with the number of its
        line, and rows of a table are in the order of lines: the lines may be those of several
        sources. Never raises for bad content: it becomes a row of parsed_rejects."""

    def parse_file(self, path: str, rows: Rows) -> int:
        """Append the rows of a whole file; returns its lines. Only for `Found.is_whole`.

        Raises OSError where the file cannot be read; bad content becomes rejects."""


class SourceKind(Protocol):
    """One kind of input.

    Modules of kinds import their parser, and what it needs, where it is asked for: a build that
    finds nothing changed only discovers.
    """

    kind: str
    parser_version: int

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables that its rows go to."""

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        """Files of this kind below (or at) `root`, and what could not be looked at there."""

    def identify(self, found: Found, head: bytes) -> Identity:
        """Identity of a file from its first bytes (at most HEAD_BYTES of plain text)."""

    def parser(self, privacy: Privacy) -> Parser:
        """A parser for one worker."""


HEAD_BYTES = 1 << 18
ReadHead = Callable[[Found], bytes]


def reason(problem: OSError) -> str:
    """What to report of a file that cannot be read."""
    return problem.strerror or type(problem).__name__


def epoch_us(seconds: float | None) -> int | None:
    """Microseconds since 1970 of whole or broken seconds; None where no date can be."""
    if seconds is None or not -62135596800 <= seconds <= _LAST_SECOND:
        return None
    return int(seconds * 1_000_000)


def epoch_ms_us(milliseconds: float | None) -> int | None:
    """Microseconds since 1970 of milliseconds; None where no date can be."""
    return None if milliseconds is None else epoch_us(milliseconds / 1000)


def iso_us(text: str | None) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time (UTC unless it says otherwise)."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def us_iso(us: int) -> bytes:
    """The inverse of iso_us, in the form of rollout lines."""
    return (_EPOCH + us * _MICROSECOND).isoformat().replace("+00:00", "Z").encode()
