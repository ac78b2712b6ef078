"""One module per kind of input: discover() and parse(lines) -> rows.

Belongs here: the registry of kinds. Does not belong here: anything that writes files or
knows DuckDB; a kind knows nothing of other kinds. A new kind is one module and one line.
"""

from __future__ import annotations

from warehouse.sources.base import SourceKind
from warehouse.sources.codex import CodexSource

KINDS: dict[str, SourceKind] = {kind.kind: kind for kind in (CodexSource(),)}
