"""Terminal captures as lines of plain text.

Belongs here: removing control sequences, frames and redraws, with each text's place in the
file. Does not belong here: what the text says (panels.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAX_LINE_BYTES = 1 << 20  # a longer line is taken in pieces

_STRING_SEQUENCE = re.compile(r"\x1b[\]PX^_].*?(?:\x07|\x1b\\|\Z)", re.DOTALL)
_FORWARD = re.compile(r"\x1b\[(\d{0,3})C")
_NEW_ROW = re.compile(r"\x1b\[[\d;]*[HfEFBAd]|\x1b[DEM]|\r\n?")
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]")
_FRAME = re.compile("[\u2500-\u257f]")
_FRAME_LINE = re.compile("^[\\s\u2500-\u257f]*$")


class Line(NamedTuple):
    """A line of the file."""

    number: int
    offset: int
    length: int
    rows: list[str]  # what it shows: a line of a raw capture may draw several rows


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """All lines of a capture, the last one with or without a newline."""
    number, offset = 1, 0
    while piece := file.readline(MAX_LINE_BYTES):
        content = piece.removesuffix(b"\n")
        yield Line(number, offset, len(content), list(_rows(content)))
        number += 1
        offset += len(piece)


def _rows(content: bytes) -> Iterator[str]:
    text = content.removesuffix(b"\r").decode("utf-8", "replace").removeprefix("\ufeff")
    if "\x1b" in text or "\r" in text:
        text = _STRING_SEQUENCE.sub("", text)
        text = _FORWARD.sub(lambda move: " " * int(move.group(1) or 1), text)
        text = _NEW_ROW.sub("\n", text)
        text = _SEQUENCE.sub("", text)
    for row in text.split("\n"):
        yield "" if _FRAME_LINE.match(row) else _FRAME.sub(" ", row).rstrip()
