"""What parsers of JSON lines share: rejects, and the time that a line gives itself.

Belongs here: what is the same for every kind whose lines are JSON. Does not belong here: any
kind's format, conversions of other times (base.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from warehouse.sources.base import ISO_UTC, Rows, epoch_us, iso_us, us_iso

T = TypeVar("T")

# What msgspec raises for a text that is no JSON, deeper in a line than where it was decoded.
UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # what some programs of Windows begin a file with

_MILLISECONDS_FROM = 1e11  # as seconds, the year 5138


class Reject(Exception):
    """A line that cannot be read; the message holds no content."""

    def __init__(self, rule: str, error: str) -> None:
        super().__init__(error)
        self.rule = rule
        self.error = error


def decoded(decode: Callable[[bytes], T], text: bytes, misfit: str) -> T:
    """What `decode` makes of a line. Raises Reject: `misfit` for JSON of another shape."""
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        raise Reject(misfit, where(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Reject("not_json", "the line is not JSON (torn or damaged)") from None
    except RecursionError:
        raise Reject("not_json", "the line is nested too deeply") from None


class Taken:
    """Rows as they were before a line, should it turn out unreadable when some are written."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._lengths = [len(table) for table in rows.values()]

    def back(self) -> None:
        """Take back what was added since."""
        for table, length in zip(self._rows.values(), self._lengths, strict=True):
            del table[length:]


def where(error: msgspec.ValidationError) -> str:
    """The place and expected type that msgspec names; its message quotes no values."""
    return str(error)[:200]


def written_at(value: str | float | None) -> bytes | None:
    """A line's time, written in any form, as rows of raw_lines give it."""
    if isinstance(value, str):
        text = value.encode("utf-8", "replace")
        if ISO_UTC.match(text):
            return text
        us = iso_us(value)
    else:
        is_ms = value is not None and abs(value) >= _MILLISECONDS_FROM
        us = epoch_us(value / 1000 if is_ms and value is not None else value)
    return None if us is None else us_iso(us)
