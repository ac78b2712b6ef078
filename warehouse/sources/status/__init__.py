"""Terminal captures of `/status` panels and of the usage line at exit.

Belongs here: the source kind, and the step from snapshots to rows. Does not belong here:
control sequences (screen.py) and what panels say (panels.py).

A capture is read as a whole: a panel has many lines, and an earlier one in the same
capture had scrolled up when the last was shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.privacy import Privacy
from warehouse.sources.base import Found, Identity
from warehouse.sources.files import find_whole, identify_by_place

if TYPE_CHECKING:
    from warehouse.sources.status.parser import StatusParser


class StatusSource:
    """The source kind `status`; a root is a capture, or a folder of captures."""

    kind = "status"
    parser_version = 4

    @property
    def tables(self) -> tuple[str, ...]:
        from warehouse.sources.status.parser import TABLES

        return TABLES

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return find_whole(self.kind, root, label, (".txt", ".log", ".ansi"))

    def identify(self, found: Found, head: bytes) -> Identity:
        return identify_by_place(found, head, None)

    def parser(self, privacy: Privacy) -> StatusParser:
        from warehouse.sources.status.parser import StatusParser

        return StatusParser(privacy)
