"""What a Codex home holds beside its rollouts: state databases, goals, names of threads.

Belongs here: the source kind that joins discovery, identity and parser.
Does not belong here: their insides (discovery.py, databases.py, tables.py, index.py).

Rollouts are canonical. The databases add what rollouts lack: what is archived, pinned and
named, later git edits, goals with their ids, and a counter to reconcile with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.privacy import Privacy
from warehouse.sources.base import Found, Identity
from warehouse.sources.codex_state import discovery
from warehouse.sources.files import identify_by_place

if TYPE_CHECKING:
    from warehouse.sources.codex_state.parser import CodexStateParser


class CodexStateSource:
    """The source kind `codex-state`, which is read wherever the settings name a Codex home."""

    kind = "codex-state"
    parser_version = 2

    @property
    def tables(self) -> tuple[str, ...]:
        from warehouse.sources.codex_state.parser import TABLES

        return TABLES

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return discovery.discover(root, label)

    def identify(self, found: Found, head: bytes) -> Identity:
        return identify_by_place(found, head, None)

    def parser(self, privacy: Privacy) -> CodexStateParser:
        from warehouse.sources.codex_state.parser import CodexStateParser

        return CodexStateParser(privacy)
