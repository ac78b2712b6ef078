"""Patches: files and lines that they add, change, delete and move.

Belongs here: counting them in the text of a patch and in a list of changes, and their rows.
Does not belong here: paths and contents, which are never kept.
"""

from __future__ import annotations

import re

from warehouse.sources.base import Rows
from warehouse.sources.codex.shapes import ABSENT, NULL, Label, Place, Raw, Shape

_BEGIN = "*** Begin Patch"


class Change(Shape):
    """What became of one file. A `content` is the whole file, a diff has no file header."""

    type: Label | None = None
    content: str | None = None
    unified_diff: str | None = None
    move_path: Raw = ABSENT


# files added, updated, deleted, moved; lines added, removed
Counts = tuple[int, int, int, int, int, int]


def count_changes(changes: dict[str, Change]) -> Counts:
    """Counts of a list of changes. A file that is moved is not also updated."""
    added = updated = deleted = moved = plus = minus = 0
    for change in changes.values():
        if change.type == "add":
            added += 1
            plus += _lines(change.content)
        elif change.type == "delete":
            deleted += 1
            minus += _lines(change.content)
        else:
            if bytes(change.move_path) == NULL:
                updated += 1
            else:
                moved += 1
            marks = _MARK.findall("\n" + (change.unified_diff or ""))
            plus += marks.count("+")
            minus += marks.count("-")
    return added, updated, deleted, moved, plus, minus


# Beginnings of lines: of a patch, what is done to a file; of that and of a diff, its lines.
_MARK = re.compile(r"\n([+-]|\*\*\* (?:Add|Update|Delete) File: |\*\*\* Move to: )")


def count_patch(text: str) -> Counts | None:
    """Counts of a patch in the form of apply_patch; None if the text holds none.

    How many lines a deleted file had, it does not say.
    """
    begin = text.find(_BEGIN)
    if begin < 0:
        return None
    marks = _MARK.findall(text, begin)
    moved = marks.count("*** Move to: ")
    return (
        marks.count("*** Add File: "),
        max(0, marks.count("*** Update File: ") - moved),
        marks.count("*** Delete File: "),
        moved,
        marks.count("+"),
        marks.count("-"),
    )


def add_patch(
    carrier: str,
    turn_id: str | None,
    item_id: str | None,
    status: str | None,
    is_success: bool | None,
    counts: Counts,
    place: Place,
    rows: Rows,
) -> None:
    number, offset, at, ordinal = place
    rows["parsed_patches"].append(
        (
            number,
            offset,
            at,
            ordinal,
            carrier,
            turn_id or None,
            item_id,
            status,
            is_success,
            *counts,
        )
    )


def _lines(content: str | None) -> int:
    if not content:
        return 0
    return content.count("\n") + (not content.endswith("\n"))
