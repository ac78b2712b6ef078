"""From state databases and the session index to rows.

Belongs here: the parser of one worker. Does not belong here: opening databases
(databases.py), what their tables mean (tables.py), and lines of the index (index.py).
"""

from __future__ import annotations

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows
from warehouse.sources.codex_state import discovery, index, tables
from warehouse.sources.codex_state.databases import snapshot

TABLES: tuple[str, ...] = (*index.TABLES, *tables.TABLES)


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
