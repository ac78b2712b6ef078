"""Columns that only the SQL models of messages, tool calls and events carry.

Belongs here: what the columns of those models mean, where no source has them. Does not
belong here: the models themselves (each one's header names its columns).
"""

from __future__ import annotations

from warehouse.contracts.base import Column

COLUMNS: tuple[Column, ...] = ()
