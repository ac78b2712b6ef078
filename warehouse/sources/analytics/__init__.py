"""Analytics captures: the events that Codex reports of threads, turns, tools and goals.

Belongs here: the source kind that joins discovery, identity and parser.
Does not belong here: their insides (events.py, shapes.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.privacy import Privacy
from warehouse.sources.base import Found, Identity
from warehouse.sources.files import find_lines, identify_by_place

if TYPE_CHECKING:
    from warehouse.sources.analytics.events import AnalyticsParser

_STAMP = re.compile(rb'\A(?:\xef\xbb\xbf)?\s*\{\s*"received_at"\s*:\s*"(\d{4}-\d\d-\d\d)T')


class AnalyticsSource:
    """The source kind `analytics`; a root is a file, or a folder with `.jsonl` files."""

    kind = "analytics"
    parser_version = 3

    @property
    def tables(self) -> tuple[str, ...]:
        from warehouse.sources.analytics.events import TABLES

        return TABLES

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return find_lines(self.kind, root, label, ".jsonl")

    def identify(self, found: Found, head: bytes) -> Identity:
        return identify_by_place(found, head, _STAMP)

    def parser(self, privacy: Privacy) -> AnalyticsParser:
        from warehouse.sources.analytics.events import AnalyticsParser

        return AnalyticsParser(privacy)
