"""One module per kind of input: discover() and parse(lines) -> rows.

Belongs here: the registry of kinds. Does not belong here: anything that writes files or
knows DuckDB; a kind knows nothing of other kinds. A new kind is one module and one line.
"""

from __future__ import annotations

from warehouse.sources.analytics import AnalyticsSource
from warehouse.sources.app_server import AppServerSource
from warehouse.sources.base import SourceKind
from warehouse.sources.codex import CodexSource
from warehouse.sources.codex_state import CodexStateSource
from warehouse.sources.ledger import LedgerSource
from warehouse.sources.status import StatusSource

_ALL: tuple[SourceKind, ...] = (
    CodexSource(),
    CodexStateSource(),
    LedgerSource(),
    AppServerSource(),
    AnalyticsSource(),
    StatusSource(),
)
KINDS: dict[str, SourceKind] = {kind.kind: kind for kind in _ALL}

# Files of the one kind lie beside those of the other: settings name only the latter.
_BESIDE = {"codex-state": "codex"}

NAMED_KINDS = tuple(name for name in KINDS if name not in _BESIDE)


def kinds_at(named: str) -> list[SourceKind]:
    """The kinds to look for where settings name one: it, and what lies beside it."""
    return [kind for name, kind in KINDS.items() if named in (name, _BESIDE.get(name))]
