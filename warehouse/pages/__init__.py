"""The pages that commands print for people: one module each.

Belongs here: layout and wording. Does not belong here: finding the numbers (overview.py,
ledger_block.py, explain.py).

A value that rests on less than it could says so beside it; one that is not known is a dash,
never a zero.
"""

from __future__ import annotations

from warehouse.pages.explanation import print_explanation
from warehouse.pages.goals import print_goals
from warehouse.pages.status import print_status
from warehouse.pages.usage import print_usage

__all__ = ["print_explanation", "print_goals", "print_status", "print_usage"]
