"""What a Codex home holds beside its rollouts: state databases, goals, names of threads.

Belongs here: the source kind that joins discovery, identity and parser.
Does not belong here: their insides (discovery.py, databases.py, tables.py, index.py).

Rollouts are canonical. The databases add what rollouts lack: what is archived, pinned and
named, later git edits, goals with their ids, and a counter to reconcile with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warehouse.privacy import Privacy
from warehouse.sources.base import Found, Identity, Rows
from warehouse.sources.codex_state import discovery, index, tables
from warehouse.sources.codex_state.databases import snapshot
from warehouse.sources.files import identify_by_place


class CodexStateSource:
    """The source kind `codex-state`, which is read wherever the settings name a Codex home."""

    kind = "codex-state"
    parser_version = 1
    tables: tuple[str, ...] = (*index.TABLES, *tables.TABLES)

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return discovery.discover(root, label)

    def identify(self, found: Found, head: bytes) -> Identity:
        return identify_by_place(found, head, None)

    def parser(self, privacy: Privacy) -> CodexStateParser:
        return CodexStateParser(privacy)


class CodexStateParser:
    """Lines of the index, and databases as a whole."""

    def __init__(self, privacy: Privacy) -> None:
        self._index = index.IndexParser(privacy)
        self._tables = tables.TablesParser(privacy)

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """See `sources.base.Parser`."""
        self._index.parse(lines, line_number, offset, rows)

    def parse_file(self, path: str, rows: Rows) -> int:
        """All rows of a database, or none where it cannot be read to its end.

        A database has no lines: nothing is added to raw_lines.
        """
        with snapshot(path) as connection:
            found = self._tables.parse(connection, discovery.database_version(path))
        for table, new in found.items():
            rows[table].extend(new)
        return 0
