"""Terminal captures of `/status` panels and of the usage line at exit.

Belongs here: the source kind, and the step from snapshots to rows. Does not belong here:
control sequences (screen.py) and what panels say (panels.py).

A capture is read as a whole: a panel has many lines, and an earlier one in the same
capture had scrolled up when the last was shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warehouse.privacy import Privacy
from warehouse.sources.base import Found, Identity, Rows
from warehouse.sources.files import find_whole, identify_by_place
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.status.panels import PanelReader
from warehouse.sources.status.screen import read_lines

TABLES: tuple[str, ...] = ("raw_lines", "parsed_status", "parsed_status_limits")


class StatusParser:
    """Parser of one worker."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._named = NamedRows(TABLES)

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """No capture is read line by line."""
        raise NotImplementedError

    def parse_file(self, path: str, rows: Rows) -> int:
        """See `sources.base.Parser`."""
        self._named.rows = rows
        reader = PanelReader(self._privacy)
        raw = rows["raw_lines"].append
        lines = 0
        with open(path, "rb") as file:
            for line in read_lines(file):
                kind = reader.read(line)
                raw((line.number, line.offset, line.length, None, None, kind, None, None, None))
                lines = line.number
        reader.end()
        for snapshot in reader.snapshots:
            place = {"line_number": snapshot.line.number, "byte_offset": snapshot.line.offset}
            self._named.add(
                "parsed_status", place, {"snapshot_kind": snapshot.kind}, snapshot.values
            )
            for position, limit in enumerate(snapshot.limits):
                self._named.add("parsed_status_limits", place, {"position": position}, limit)
        return lines


class StatusSource:
    """The source kind `status`; a root is a capture, or a folder of captures."""

    kind = "status"
    parser_version = 1
    tables: tuple[str, ...] = TABLES

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return find_whole(self.kind, root, label, (".txt", ".log", ".ansi"))

    def identify(self, found: Found, head: bytes) -> Identity:
        return identify_by_place(found, head, None)

    def parser(self, privacy: Privacy) -> StatusParser:
        return StatusParser(privacy)
