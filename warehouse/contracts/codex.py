"""Contracts of the raw layer and of what is parsed from Codex rollout files.

Belongs here: tables whose rows are one line of a source (or one source) each, and the
columns that only they carry. Does not belong here: tables computed in SQL (their header
names the columns, `models.py` describes those that are theirs alone).
"""

from __future__ import annotations

from warehouse.contracts.base import Column
from warehouse.contracts.common import TIMESTAMPTZ


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
        Column(
            f"{prefix}_window_minutes", "BIGINT", f"Length of the {which}", "absent", "minutes"
        ),
        Column(f"{prefix}_resets_at", TIMESTAMPTZ, f"When the {which} resets", null="not said"),
    )


PRIMARY = _window("primary")
SECONDARY = _window("secondary")

COLUMNS = (
    # --- raw ------------------------------------------------------------------------------
    Column("path", "VARCHAR", "Where the source was last seen (a digest under strict privacy)"),
    Column(
        "copy_of",
        "VARCHAR",
        "source_id of the file whose identity this second, simultaneous file repeats",
        null="not a copy",
    ),
    Column("is_archived", "BOOLEAN", "Whether it lies in archived_sessions"),
    Column("is_compressed", "BOOLEAN", "Whether it is a .zst file"),
    Column("size_bytes", "BIGINT", "Size on disk", unit="bytes"),
    Column("modified_at", TIMESTAMPTZ, "Time of last change on disk"),
    Column(
        "content_hash",
        "VARCHAR",
        "Order-sensitive keyed hash of all lines read (what `--verify` compares)",
    ),
    Column("bytes_read", "BIGINT", "Decompressed bytes of complete lines read", unit="bytes"),
    Column("lines", "BIGINT", "Complete lines read"),
    Column("rejected_lines", "BIGINT", "Lines with a row in parsed_rejects"),
    Column(
        "deferred_bytes",
        "BIGINT",
        "Bytes of a last line without its newline, left for the next build",
        unit="bytes",
    ),
    Column("state", "VARCHAR", "present, missing (deleted; rows are kept) or unreadable"),
    Column("error", "VARCHAR", "What went wrong, without content", null="nothing went wrong"),
    Column("day", "DATE", "Storage bucket of the source's rows"),
    Column("generation", "BIGINT", "Lake generation in which the source last changed"),
    Column("parser_version", "BIGINT", "Version of the parser that read the rows"),
    Column("type", "VARCHAR", "Type of the line", null="the line has none or is malformed"),
    Column("payload_type", "VARCHAR", "Inner type of the line", null="the line has none"),
    Column(
        "payload_hash",
        "UBIGINT",
        "Keyed hash of the payload without its item id: equal for a copied line",
        null="the line has no payload",
    ),
    Column(
        "body",
        "VARCHAR",
        "The line itself, for kinds that hold no content",
        null="the kind may hold content, or the line is malformed",
    ),
    Column("rule", "VARCHAR", "Rule that the line broke"),
    # --- session_meta ---------------------------------------------------------------------
    Column("created_at", TIMESTAMPTZ, "When the thread was created", null="not said"),
    Column("originator", "VARCHAR", "Program that started the thread", null="not said"),
    Column("cli_version", "VARCHAR", "Version of the Codex CLI", null="not said"),
    Column(
        "source_kind",
        "VARCHAR",
        "Where the thread was started: cli, vscode, exec, mcp, custom, internal or subagent",
        null="not said",
    ),
    Column("source_label", "VARCHAR", "Name inside a custom or internal source", null="none"),
    Column(
        "subagent_kind",
        "VARCHAR",
        "Kind of sub-agent: thread_spawn, review, compact or another label",
        null="not a sub-agent",
    ),
    Column("subagent_depth", "BIGINT", "Depth in the agent tree", null="not said"),
    Column("agent_path", "VARCHAR", "Path of the agent in its tree", null="not a named agent"),
    Column("agent_nickname", "VARCHAR", "Nickname of the agent", null="not a named agent"),
    Column("agent_role", "VARCHAR", "Role of the agent", null="not said"),
    Column(
        "thread_source",
        "VARCHAR",
        "Who made the thread: user, subagent, memory_consolidation or any feature's name",
        null="not said",
    ),
    Column("history_mode", "VARCHAR", "legacy or paginated", null="not said, which means legacy"),
    Column("memory_mode", "VARCHAR", "enabled or disabled", null="not said"),
    Column("multi_agent_version", "VARCHAR", "disabled, v1 or v2", null="not said"),
    Column("forked_from_id", "VARCHAR", "Thread that this one was forked from", null="no fork"),
    Column(
        "forked_from_ordinal_exclusive",
        "BIGINT",
        "First ordinal of the fork source that was not inherited",
        null="not said",
    ),
    Column("parent_thread_id", "VARCHAR", "Thread that spawned this one", null="none named"),
    Column(
        "history_base_thread_id",
        "VARCHAR",
        "Thread or segment whose lines are inherited by reference",
        null="nothing is inherited by reference",
    ),
    Column(
        "history_base_end_ordinal",
        "BIGINT",
        "First ordinal of the base that is not inherited",
        null="nothing is inherited by reference",
    ),
    Column(
        "history_base_end_byte",
        "BIGINT",
        "First byte of the base's plain text that is not inherited",
        null="nothing is inherited by reference",
        unit="bytes",
    ),
    Column(
        "subagent_history_start_ordinal",
        "BIGINT",
        "First ordinal that is the sub-agent's own",
        null="not said",
    ),
    Column("window_id", "VARCHAR", "Id of the context window", null="not said"),
    Column("git_commit", "VARCHAR", "Commit of the working folder", null="no git, or not said"),
    Column("git_branch", "VARCHAR", "Branch of the working folder", null="no git, or not said"),
    Column(
        "repository_url",
        "VARCHAR",
        "Repository of the working folder, without credentials",
        null="no git, or not said",
    ),
    Column("repo_id", "VARCHAR", "Keyed hash of the repository", null="no git, or not said"),
    Column("is_account_scoped", "BOOLEAN", "Whether the thread belongs to an account", "not said"),
    Column("creator_user_id", "VARCHAR", "User id that created the thread", null="not said"),
    Column("creator_account_id", "VARCHAR", "Account id that created it", null="not said"),
    Column("has_base_instructions", "BOOLEAN", "Whether base instructions are present"),
    Column("base_instructions_chars", "BIGINT", "Length of them", "absent", "characters"),
    Column("has_user_instructions", "BOOLEAN", "Whether user instructions are present"),
    Column("user_instructions_chars", "BIGINT", "Length of them", "absent", "characters"),
    Column("dynamic_tools", "BIGINT", "Number of dynamic tools", null="absent"),
    # --- turn_context and settings ----------------------------------------------------------
    Column("context_date", "DATE", "Date that the turn was told", null="not said"),
    Column("context_timezone", "VARCHAR", "Timezone that the turn was told", null="not said"),
    Column("sandbox_type", "VARCHAR", "Sandbox policy", null="not said"),
    Column("has_network_access", "BOOLEAN", "Whether the sandbox lets out", null="not said"),
    Column("writable_roots", "BIGINT", "Number of writable folders", null="not said"),
    Column("excludes_tmpdir", "BOOLEAN", "Whether $TMPDIR is left out", null="not said"),
    Column("excludes_slash_tmp", "BOOLEAN", "Whether /tmp is left out", null="not said"),
    Column("truncation_mode", "VARCHAR", "Unit of tool-output truncation", null="not said"),
    Column("truncation_limit", "BIGINT", "Limit of tool-output truncation", null="not said"),
    Column("multi_agent_mode", "VARCHAR", "When agents are spawned", null="not said"),
    Column("is_realtime_active", "BOOLEAN", "Whether realtime was active", null="not said"),
    Column("comp_hash", "VARCHAR", "Hash of the model's compaction set-up", null="not said"),
    Column("trace_id", "VARCHAR", "Trace id", null="not said"),
    Column("has_developer_instructions", "BOOLEAN", "Whether developer instructions are present"),
    Column(
        "developer_instructions_chars", "BIGINT", "Length of them", "absent", "characters"
    ),
    Column("has_output_schema", "BOOLEAN", "Whether the final answer has a JSON schema"),
    # --- usage lines ------------------------------------------------------------------------
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
    # --- rate limits --------------------------------------------------------------------------
    Column("limit_id", "VARCHAR", "Family of the limit", null="written before 2026-02-10"),
    Column("limit_name", "VARCHAR", "Name of the limit family", null="not said"),
    *PRIMARY,
    *SECONDARY,
    Column("has_credits", "BOOLEAN", "Whether the account has credits", null="not said"),
    Column("has_unlimited_credits", "BOOLEAN", "Whether credits are unlimited", null="not said"),
    Column("credit_balance", "VARCHAR", "Balance of credits, as written", null="not said"),
    Column("plan_type", "VARCHAR", "Plan of the account", null="not said"),
    Column("reached_type", "VARCHAR", "Which limit was reached", null="none"),
    Column("is_spend_control_reached", "BOOLEAN", "Whether spend control stops", null="unknown"),
    Column("individual_limit", "VARCHAR", "Individual limit, as written", null="none"),
    Column("individual_used", "VARCHAR", "Used part of it, as written", null="none"),
    Column("individual_remaining_percent", "DOUBLE", "Share left of it", "none", "%"),
    Column("individual_resets_at", TIMESTAMPTZ, "When it resets", null="none"),
    # --- turn starts and ends -------------------------------------------------------------------
    Column("event", "VARCHAR", "Which event the line tells of"),
    Column("started_at", TIMESTAMPTZ, "When it started", null="not said"),
    Column("completed_at", TIMESTAMPTZ, "When it ended", null="not ended, or not said"),
    Column("duration_ms", "BIGINT", "How long it took", "not ended, or not said", "ms"),
    Column("time_to_first_token_ms", "BIGINT", "Time to the first token", "not said", "ms"),
    Column("turn_trigger", "VARCHAR", "What triggered the turn", null="not said"),
    Column("parent_turn_id", "VARCHAR", "Turn that caused this one", null="none"),
    Column("initiating_agent_path", "VARCHAR", "Agent that caused the turn", null="none"),
    Column("abort_reason", "VARCHAR", "Why the turn was aborted", null="it was not"),
    Column("error_kind", "VARCHAR", "Kind of the error", null="no error"),
    Column("error_http_status", "BIGINT", "HTTP status of the error", null="none"),
    Column("has_last_message", "BOOLEAN", "Whether the turn ended with an answer", "not said"),
    Column("last_message_chars", "BIGINT", "Length of that answer", "none", "characters"),
    # --- compaction -----------------------------------------------------------------------------
    Column("window_number", "BIGINT", "Number of the context window", null="not said"),
    Column("first_window_id", "VARCHAR", "First context window of the thread", null="not said"),
    Column("previous_window_id", "VARCHAR", "Context window before this one", null="not said"),
    Column("message_chars", "BIGINT", "Length of the message", "none", "characters"),
    Column("replacement_items", "BIGINT", "Items that replace the history", null="none said"),
)

PLACE = ("source_id", "line_number", "byte_offset", "recorded_at", "ordinal")

# name -> (layer, description, grain, key, columns, lake-only columns)
TABLES: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "raw_sources",
        "raw",
        "Every logical source that was ever read, present or not",
        "one row per source",
        ("source_id",),
        (
            "source_id", "kind", "label", "path", "copy_of", "thread_id", "is_archived",
            "is_compressed", "size_bytes", "modified_at", "content_hash", "bytes_read", "lines",
            "rejected_lines", "deferred_bytes", "state", "error", "day", "generation",
            "parser_version",
        ),
        (),
    ),
    (
        "raw_lines",
        "raw",
        "Every complete line of every source, malformed ones too, without its content",
        "one row per line of a source",
        ("source_id", "line_number"),
        (
            "source_id", "line_number", "byte_offset", "byte_length", "recorded_at", "ordinal",
            "type", "payload_type", "payload_hash", "body",
        ),
        ("body",),
    ),
    (
        "parsed_rejects",
        "parsed",
        "Lines that could not be read, with the rule that they broke and no text of theirs",
        "one row per rejected line",
        ("source_id", "line_number"),
        ("source_id", "line_number", "byte_offset", "byte_length", "rule", "error"),
        (),
    ),
    (
        "parsed_session_meta",
        "parsed",
        "session_meta lines: who and where a thread is, and what it inherited",
        "one row per session_meta line (copies of other threads' lines included)",
        ("source_id", "line_number"),
        (
            *PLACE, "thread_id", "root_session_id", "created_at", "cwd", "originator",
            "cli_version", "source_kind", "source_label", "subagent_kind", "subagent_depth",
            "agent_path", "agent_nickname", "agent_role", "thread_source", "model_provider",
            "history_mode", "memory_mode", "multi_agent_version", "forked_from_id",
            "forked_from_ordinal_exclusive", "parent_thread_id", "history_base_thread_id",
            "history_base_end_ordinal", "history_base_end_byte",
            "subagent_history_start_ordinal", "window_id", "git_commit", "git_branch",
            "repository_url", "repo_id", "is_account_scoped", "creator_user_id",
            "creator_account_id", "has_base_instructions", "base_instructions_chars",
            "has_user_instructions", "user_instructions_chars", "dynamic_tools",
        ),
        (),
    ),
    (
        "parsed_turn_context",
        "parsed",
        "turn_context lines: model and settings that a turn ran with",
        "one row per turn_context line",
        ("source_id", "line_number"),
        (
            *PLACE, "turn_id", "root_turn_id", "cwd", "context_date", "context_timezone", "model",
            "effort", "reasoning_summary", "approval_policy", "approvals_reviewer",
            "sandbox_type", "has_network_access", "writable_roots", "excludes_tmpdir",
            "excludes_slash_tmp", "permission_profile", "truncation_mode", "truncation_limit",
            "personality", "collaboration_mode", "multi_agent_version", "multi_agent_mode",
            "is_realtime_active", "comp_hash", "trace_id", "has_base_instructions",
            "base_instructions_chars", "has_user_instructions", "user_instructions_chars",
            "has_developer_instructions", "developer_instructions_chars", "has_output_schema",
        ),
        (),
    ),
    (
        "parsed_settings",
        "parsed",
        "thread_settings_applied lines: settings that hold for the turns after them",
        "one row per thread_settings_applied line",
        ("source_id", "line_number"),
        (
            *PLACE, "thread_id", "model", "model_provider", "service_tier", "effort",
            "reasoning_summary", "approval_policy", "approvals_reviewer", "permission_profile",
            "cwd", "personality", "collaboration_mode",
        ),
        (),
    ),
    (
        "parsed_usage",
        "parsed",
        "token_count and token_usage_record lines, uninterpreted: which of them count is told by "
        "the tables usage and usage_excluded",
        "one row per token_count or token_usage_record line",
        ("source_id", "line_number"),
        (
            *PLACE, "usage_kind", "thread_id", "turn_id", "root_session_id", "root_turn_id",
            "response_id", "has_info", *(c.name for c in LAST), *(c.name for c in TOTAL),
            *(c.name for c in TURN), "context_window", "includes_reasoning",
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
            *PLACE, "limit_id", "limit_name", *(c.name for c in PRIMARY),
            *(c.name for c in SECONDARY), "has_credits", "has_unlimited_credits",
            "credit_balance", "plan_type", "reached_type", "is_spend_control_reached",
            "individual_limit", "individual_used", "individual_remaining_percent",
            "individual_resets_at",
        ),
        (),
    ),
    (
        "parsed_lifecycle",
        "parsed",
        "Turn starts and ends: task_started, task_complete and turn_aborted lines",
        "one row per such line",
        ("source_id", "line_number"),
        (
            *PLACE, "event", "turn_id", "root_turn_id", "parent_turn_id", "turn_trigger",
            "initiating_agent_path", "trace_id", "started_at", "completed_at", "duration_ms",
            "time_to_first_token_ms", "context_window", "collaboration_mode", "abort_reason",
            "error_kind", "error_http_status", "has_last_message", "last_message_chars",
        ),
        (),
    ),
    (
        "parsed_compactions",
        "parsed",
        "compacted lines: numbers only",
        "one row per compacted line",
        ("source_id", "line_number"),
        (
            *PLACE, "window_number", "window_id", "first_window_id", "previous_window_id",
            "message_chars", "replacement_items",
        ),
        (),
    ),
)
