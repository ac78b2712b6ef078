"""Contracts of status panels: what a terminal showed of a session's usage and limits.

Belongs here: tables of one panel, exit line or limit each, and the columns that only they
carry. Does not belong here: instants of resets (sql/session/status_snapshots.sql).
"""

from __future__ import annotations

from warehouse.contracts.base import Column, Tables


def _shown(name: str, meaning: str) -> tuple[Column, Column]:
    return (
        Column(f"shown_{name}_tokens", "BIGINT", f"{meaning}, as far as shown", "absent", "tokens"),
        Column(
            f"shown_{name}_error",
            "BIGINT",
            f"Rounding of it: the true number differs by at most this ({meaning.lower()})",
            null="absent",
            unit="tokens",
        ),
    )


SHOWN = (
    *_shown("total", "Total without cached input"),
    *_shown("input", "Input without cached input"),
    *_shown("cached", "Cached input"),
    *_shown("output", "Output"),
    *_shown("reasoning", "Reasoning output"),
    *_shown("context_used", "Tokens in the context"),
    *_shown("context_window", "Size of the context window"),
)

COLUMNS = (
    Column("snapshot_kind", "VARCHAR", "panel (`/status`) or exit (the usage line at exit)"),
    Column("named_day", "DATE", "Day in the name of the capture", null="none"),
    Column(
        "is_last_of_capture",
        "BOOLEAN",
        "Whether it is the last in its capture; earlier ones had scrolled up",
    ),
    Column("model_shown", "VARCHAR", "Model as the panel names it", null="not shown"),
    Column("provider_shown", "VARCHAR", "Model provider as shown", null="not shown"),
    Column(
        "permissions_shown",
        "VARCHAR",
        "Permissions, or approval and sandbox, as shown",
        "not shown",
    ),
    Column("instruction_files", "BIGINT", "Agents.md files in force", null="not shown"),
    Column("account_kind", "VARCHAR", "chatgpt, api_key or none", null="not shown"),
    Column("usage_shown", "VARCHAR", "Token usage as shown, rounded", null="not shown"),
    Column("context_shown", "VARCHAR", "Context window as shown, rounded", null="not shown"),
    *SHOWN,
    Column("context_left_percent", "DOUBLE", "Share of the context that is left", "absent", "%"),
    Column(
        "limits_state",
        "VARCHAR",
        "shown, stale, requested, none_yet or not_available",
        null="the panel says nothing of limits",
    ),
    Column("limit_label", "VARCHAR", "Limit as labelled: 5h, Weekly, ...", null="none"),
    Column("limit_group", "VARCHAR", "Family of limits that the label stands below", null="none"),
    Column("left_percent", "DOUBLE", "Share of the limit that is left", null="not shown", unit="%"),
    Column(
        "is_left_shown",
        "BOOLEAN",
        "Whether the panel showed what is left (since 2025-11-11), not what is used",
        null="no percentage shown",
    ),
    Column("resets_shown", "VARCHAR", "When the limit resets, as shown", null="not shown"),
    Column("resets_minute", "BIGINT", "Minute of the day of the reset", "not shown", "minutes"),
    Column("resets_day", "BIGINT", "Day of the month of the reset", null="the panel's own day"),
    Column("resets_month", "BIGINT", "Month of the reset", null="the panel's own day"),
    Column("amount_shown", "VARCHAR", "Amount of a limit in credits, as shown", null="none"),
)

PLACE = ("source_id", "line_number", "byte_offset")

TABLES: Tables = (
    (
        "parsed_status",
        "parsed",
        "`/status` panels and usage lines at exit in terminal captures, as shown",
        "one row per panel or exit line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "named_day",
            "snapshot_kind",
            "is_last_of_capture",
            "cli_version",
            "thread_id",
            "forked_from_id",
            "name_chars",
            "model_shown",
            "provider_shown",
            "effort",
            "reasoning_summary",
            "cwd",
            "permissions_shown",
            "instruction_files",
            "collaboration_mode",
            "account_kind",
            "plan_type",
            "usage_shown",
            "context_shown",
            *(c.name for c in SHOWN),
            "context_left_percent",
            "limits_state",
            "has_unlimited_credits",
            "credit_balance",
        ),
        (),
    ),
    (
        "parsed_status_limits",
        "parsed",
        "Limits that `/status` panels show",
        "one row per limit of a panel",
        ("source_id", "line_number", "position"),
        (
            *PLACE,
            "position",
            "limit_group",
            "limit_label",
            "left_percent",
            "is_left_shown",
            "resets_shown",
            "resets_minute",
            "resets_day",
            "resets_month",
            "amount_shown",
        ),
        (),
    ),
)
