"""From the snapshots of a terminal capture to rows.

Belongs here: the parser of one worker. Does not belong here: control sequences (screen.py)
and what panels say (panels.py).
"""

from __future__ import annotations

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows
from warehouse.sources.files import named_day
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
        day = {"named_day": named_day(path)}
        for snapshot in reader.snapshots:
            place = {"line_number": snapshot.line.number, "byte_offset": snapshot.line.offset}
            self._named.add(
                "parsed_status", place, day, {"snapshot_kind": snapshot.kind}, snapshot.values
            )
            for position, limit in enumerate(snapshot.limits):
                self._named.add("parsed_status_limits", place, {"position": position}, limit)
        return lines
