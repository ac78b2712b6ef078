"""Contracts of what is parsed from Codex rollout files, and of the raw layer.

Belongs here: the list of the domains that make up the rollouts' contracts. Does not belong
here: any column or table (the modules of the domains), tables computed in SQL (their header
names the columns, `models.py` and `codex_models.py` describe those that are theirs alone).
"""

from __future__ import annotations

from warehouse.contracts import (
    codex_messages,
    codex_metadata,
    codex_models,
    codex_tools,
    codex_turns,
    codex_usage,
    raw,
)
from warehouse.contracts.base import Column, Tables
from warehouse.contracts.codex_usage import LAST, PRIMARY, SECONDARY, TOTAL

__all__ = ["COLUMNS", "LAST", "LOCAL_COLUMNS", "PRIMARY", "SECONDARY", "TABLES", "TOTAL"]

COLUMNS: tuple[Column, ...] = (
    *raw.COLUMNS,
    *codex_metadata.COLUMNS,
    *codex_usage.COLUMNS,
    *codex_turns.COLUMNS,
    *codex_messages.COLUMNS,
    *codex_tools.COLUMNS,
    *codex_models.COLUMNS,
)

TABLES: Tables = (
    *raw.TABLES,
    *codex_metadata.TABLES,
    *codex_usage.TABLES,
    *codex_turns.TABLES,
    *codex_messages.TABLES,
    *codex_tools.TABLES,
)

LOCAL_COLUMNS: dict[str, tuple[Column, ...]] = {
    **codex_tools.LOCAL_COLUMNS,
    **codex_models.LOCAL_COLUMNS,
}
