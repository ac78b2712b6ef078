"""Contracts of usage lines and rate limits.

Belongs here: token_count and token_usage_record lines, as written, and the columns that
only they carry. Does not belong here: which of them count (sql/session/usage.sql).
"""

from __future__ import annotations

from warehouse.contracts.base import Column, Tables
from warehouse.contracts.common import TIMESTAMPTZ
from warehouse.contracts.raw import PLACE


def _counter(prefix: str, meaning: str) -> tuple[Column, ...]:
    parts = ("input", "cached_input", "cache_write_input", "output", "reasoning_output", "total")
    names = [f"{part}_tokens" for part in parts]
    return tuple(
        Column(
            f"{prefix}_{name}",
            "BIGINT",
            f"{meaning}: {name.replace('_', ' ')}",
            null="the line does not have it",
            unit="tokens",
        )
        for name in names
    )


LAST = _counter("last", "Counter of the last response (a record's own usage)")
TOTAL = _counter("total", "Cumulative counter of the thread")
TURN = _counter("turn", "Cumulative counter of the turn (records only)")


def _window(prefix: str) -> tuple[Column, ...]:
    which = f"{prefix} rate-limit window"
    return (
        Column(f"{prefix}_used_percent", "DOUBLE", f"Used share of the {which}", "absent", "%"),
        Column(f"{prefix}_window_minutes", "BIGINT", f"Length of the {which}", "absent", "minutes"),
        Column(f"{prefix}_resets_at", TIMESTAMPTZ, f"When the {which} resets", null="not said"),
    )


PRIMARY = _window("primary")
SECONDARY = _window("secondary")

COLUMNS = (
    Column("usage_kind", "VARCHAR", "token_count or token_usage_record"),
    Column("response_id", "VARCHAR", "Server's id of the response", null="counter lines"),
    Column("has_info", "BOOLEAN", "Whether the counter line carries counters at all"),
    Column(
        "includes_reasoning",
        "BOOLEAN",
        "Whether the context size counts reasoning",
        null="not said",
    ),
    *LAST,
    *TOTAL,
    *TURN,
    Column("limit_id", "VARCHAR", "Family of the limit", null="written before 2026-02-10"),
    Column("limit_name", "VARCHAR", "Name of the limit family", null="not said"),
    *PRIMARY,
    *SECONDARY,
    Column("has_credits", "BOOLEAN", "Whether the account has credits", null="not said"),
    Column("has_unlimited_credits", "BOOLEAN", "Whether credits are unlimited", null="not said"),
    Column("credit_balance", "VARCHAR", "Balance of credits, as written", null="not said"),
    Column("plan_type", "VARCHAR", "Plan of the account", null="not said"),
    Column("reached_type", "VARCHAR", "Which limit was reached", null="none"),
    Column(
        "is_spend_control_reached", "BOOLEAN", "Whether spend control was reached", null="unknown"
    ),
    Column("individual_limit", "VARCHAR", "Individual limit, as written", null="none"),
    Column("individual_used", "VARCHAR", "Used part of it, as written", null="none"),
    Column("individual_remaining_percent", "DOUBLE", "Share left of it", "none", "%"),
    Column("individual_resets_at", TIMESTAMPTZ, "When it resets", null="none"),
)

TABLES: Tables = (
    (
        "parsed_usage",
        "parsed",
        "token_count and token_usage_record lines, uninterpreted: which of them count is told by "
        "the tables usage and usage_excluded",
        "one row per token_count or token_usage_record line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "usage_kind",
            "thread_id",
            "turn_id",
            "root_session_id",
            "root_turn_id",
            "response_id",
            "has_info",
            *(c.name for c in LAST),
            *(c.name for c in TOTAL),
            *(c.name for c in TURN),
            "context_window",
            "includes_reasoning",
        ),
        (),
    ),
    (
        "parsed_rate_limits",
        "parsed",
        "Rate limits that token_count lines carry, as written",
        "one row per token_count line with rate limits",
        ("source_id", "line_number"),
        (
            *PLACE,
            "limit_id",
            "limit_name",
            *(c.name for c in PRIMARY),
            *(c.name for c in SECONDARY),
            "has_credits",
            "has_unlimited_credits",
            "credit_balance",
            "plan_type",
            "reached_type",
            "is_spend_control_reached",
            "individual_limit",
            "individual_used",
            "individual_remaining_percent",
            "individual_resets_at",
        ),
        (),
    ),
)
