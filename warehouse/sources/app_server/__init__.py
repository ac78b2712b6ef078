"""App-server streams: the JSON-RPC lines between a client and `codex app-server`.

Belongs here: the source kind that joins discovery, identity and parser.
Does not belong here: their insides (messages.py, rows.py, shapes.py, methods.py).
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
    from warehouse.sources.app_server.messages import AppServerParser

_STAMP = re.compile(rb'\A(?:\xef\xbb\xbf)?\s*\{\s*"ts"\s*:\s*"(\d{4}-\d\d-\d\d)T')


class AppServerSource:
    """The source kind `app-server`; a root is a file, or a folder with `.jsonl` files."""

    kind = "app-server"
    parser_version = 3

    @property
    def tables(self) -> tuple[str, ...]:
        from warehouse.sources.app_server.messages import TABLES

        return TABLES

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return find_lines(self.kind, root, label, ".jsonl")

    def identify(self, found: Found, head: bytes) -> Identity:
        return identify_by_place(found, head, _STAMP)

    def parser(self, privacy: Privacy) -> AppServerParser:
        from warehouse.sources.app_server.messages import AppServerParser

        return AppServerParser(privacy)
