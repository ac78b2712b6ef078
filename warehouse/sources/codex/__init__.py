"""Codex rollout files: what a Codex home holds of every thread.

Belongs here: the source kind that joins discovery, identity and parser.
Does not belong here: their insides (discovery.py, router.py and the shapes that it knows).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.privacy import Privacy
from warehouse.sources.base import Found, Identity
from warehouse.sources.codex import discovery

if TYPE_CHECKING:
    from warehouse.sources.codex.router import CodexParser


class CodexSource:
    """The source kind `codex`; a root is a Codex home, one of its folders, or a file."""

    kind = "codex"
    parser_version = 6

    @property
    def tables(self) -> tuple[str, ...]:
        from warehouse.sources.codex.router import TABLES

        return TABLES

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return discovery.discover(root, label)

    def identify(self, found: Found, head: bytes) -> Identity:
        return discovery.identify(found, head)

    def parser(self, privacy: Privacy) -> CodexParser:
        from warehouse.sources.codex.router import CodexParser

        return CodexParser(privacy)
