"""Typed shapes of ledger events and of the records in them.

Belongs here: msgspec structs for lines in their usual form, and the values that both readers
(this fast one and records.py, the careful one) know. Does not belong here: rules that look at
more than one field (sql/session/goal_violations.sql).
Every field is optional here; lines.py hands a record that lacks a required one to records.py.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal, TypeGuard, get_args

import msgspec

GoalType = Literal["product", "retro", "meta"]
Status = Literal["in_progress", "success", "fail"]
FailureReason = Literal[
    "unclear_task",
    "missing_context",
    "validation_failed",
    "environment_issue",
    "model_mistake",
    "scope_too_large",
    "tooling_issue",
    "other",
]
ResultFit = Literal["exact_fit", "partial_fit", "miss"]

GOAL_TYPES = get_args(GoalType)
DEFAULT_GOAL_TYPE: GoalType = "product"
DEFAULT_ENTRY_TYPE = "update"

# An id or a name is kept as it is, so it must not be able to hold a text.
MAX_NAME_CHARS = 80
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]*\Z")

COST_DECIMALS = Decimal("1e-18")  # of the columns that hold a ledger's money as it was written

# Larger amounts and token counts are no real ones, and sums of many must fit in 64 bits.
LIMIT = 10**12
COUNT_LIMIT = 10**9

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME_CHARS)]
Tokens = Annotated[int, msgspec.Meta(gt=-LIMIT, lt=LIMIT)]
Count = Annotated[int, msgspec.Meta(gt=-COUNT_LIMIT, lt=COUNT_LIMIT)]


def is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_NAME_CHARS and bool(_ID.match(value))


class Shape(msgspec.Struct, gc=False):
    """Base of all shapes: no fields required, unknown ones skipped."""


class Record(Shape):
    """What goals and entries have in common."""

    goal_id: Name | None = None
    task_type: Name | None = None
    status: Status | None = None
    started_at: str | None = None
    finished_at: str | None = None
    cost_usd: Decimal | None = None
    input_tokens: Tokens | None = None
    cached_input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    tokens_total: Tokens | None = None
    failure_reason: FailureReason | None = None
    notes: str | None = None
    agent_name: Name | None = None
    model: Name | None = None
    thread_id: Name | None = None
    codex_thread_id: Name | None = None
    session_id: Name | None = None


class Goal(Record):
    title: str | None = None
    goal_type: GoalType | None = None
    supersedes_goal_id: Name | None = None
    supersedes_task_id: Name | None = None
    attempts: Count | None = None
    result_fit: ResultFit | None = None


class Entry(Record):
    entry_id: Name | None = None
    task_id: Name | None = None
    entry_type: Name | None = None
    inferred: bool | None = None


class Event(Shape):
    event_type: str | None = None
    ts: str | None = None
    goal: Goal | None = None
    goals: list[Goal] | None = None
    entries: list[Entry] | None = None
    dropped_goal_id: Name | None = None
