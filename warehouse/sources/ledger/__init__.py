"""Goal ledgers: append-only logs of goals and their attempts.

Belongs here: the source kind that joins discovery, identity and parser.
Does not belong here: their insides (discovery.py, shapes.py, records.py, lines.py), and what
a replay of the lines leaves (sql/session/goals.sql and its neighbours).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.privacy import Privacy
from warehouse.sources.base import Found, Identity
from warehouse.sources.ledger import discovery

if TYPE_CHECKING:
    from warehouse.sources.ledger.lines import LedgerParser


class LedgerSource:
    """The source kind `ledger`; a root is a ledger file or a folder of them."""

    kind = "ledger"
    parser_version = 3

    @property
    def tables(self) -> tuple[str, ...]:
        from warehouse.sources.ledger.lines import TABLES

        return TABLES

    def discover(self, root: Path, label: str | None) -> Iterator[Found]:
        return discovery.discover(root, label)

    def identify(self, found: Found, head: bytes) -> Identity:
        return discovery.identify(found, head)

    def parser(self, privacy: Privacy) -> LedgerParser:
        from warehouse.sources.ledger.lines import LedgerParser

        return LedgerParser()  # what it keeps is the same in every mode
