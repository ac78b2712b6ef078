"""Columns that many tables share: identity, place, time, and token counts.

Belongs here: a column that more than one domain carries. Does not belong here: a column
of one domain only (that domain's module describes it).
"""

from __future__ import annotations

from warehouse.contracts.base import HASHED, Column

TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"

COLUMNS = (
    # --- where a row comes from -----------------------------------------------------------
    Column(
        "source_id",
        "VARCHAR",
        "Identity of the logical source: hash of a rollout's first line (a second file with the "
        "same first line gets a suffix), never its path",
        null="the row rests on no single source",
    ),
    Column("line_number", "BIGINT", "Line in the source's decompressed text, from 1"),
    Column("byte_offset", "BIGINT", "Offset of the line in the decompressed source", unit="bytes"),
    Column("byte_length", "BIGINT", "Length of the line without its newline", unit="bytes"),
    Column(
        "recorded_at",
        TIMESTAMPTZ,
        "When the line was written, as it says itself (for copied history: when it was copied)",
        null="the line carries no readable time",
    ),
    Column(
        "ordinal",
        "BIGINT",
        "Position that the CLI gave the line in its thread's history",
        null="the file's format has no ordinals",
    ),
    Column(
        "kind",
        "VARCHAR",
        "Kind of source: codex, codex-state (databases and names beside the rollouts), ledger, "
        "app-server, analytics or status",
    ),
    Column(
        "label",
        "VARCHAR",
        "Machine or person that the source was labelled with in the settings",
        null="the source has no label",
    ),
    # --- threads and turns ----------------------------------------------------------------
    Column("session_id", "VARCHAR", "Id of the thread (one conversation)"),
    Column("thread_id", "VARCHAR", "Thread id that the line names", null="it names none"),
    Column(
        "root_session_id",
        "VARCHAR",
        "Root thread of the agent tree that the thread belongs to (Codex calls it session_id)",
        null="written before 2026-06-22",
    ),
    Column("turn_id", "VARCHAR", "Id of the turn", null="written before turns had ids"),
    Column(
        "root_turn_id",
        "VARCHAR",
        "Turn of the root thread that caused this one",
        null="not said",
    ),
    Column("cwd", "VARCHAR", "Working folder", null="not said", strict=HASHED),
    Column("model", "VARCHAR", "Model name", null="unknown; never a guess"),
    Column("model_provider", "VARCHAR", "Provider of the model", null="unknown"),
    Column(
        "service_tier",
        "VARCHAR",
        "Service tier as the settings said it",
        null="not said, which means the standard tier",
    ),
    Column("effort", "VARCHAR", "Reasoning effort", null="not said"),
    Column("reasoning_summary", "VARCHAR", "Reasoning summary mode", null="not said"),
    Column("approval_policy", "VARCHAR", "When the user is asked for approval", null="not said"),
    Column("approvals_reviewer", "VARCHAR", "Who reviews approvals", null="not said"),
    Column("collaboration_mode", "VARCHAR", "Collaboration mode, such as plan", null="not said"),
    Column("personality", "VARCHAR", "Personality setting", null="not said"),
    Column("permission_profile", "VARCHAR", "Type of the permission profile", null="not said"),
    Column(
        "context_window",
        "BIGINT",
        "Size of the model's usable context window",
        null="not said",
        unit="tokens",
    ),
    # --- what threads did -------------------------------------------------------------------
    Column("position", "BIGINT", "Place in the line, where a line gives several rows, from 0"),
    Column("item_id", "VARCHAR", "Id of the item or tool call (call id)", null="none named"),
    Column("item_type", "VARCHAR", "Type of the item, such as commandExecution", null="no item"),
    Column("command_word", "VARCHAR", "First word of the real command", null="no command"),
    Column("exit_code", "BIGINT", "Exit code of the command", null="not ended, or no command"),
    Column("output_bytes", "BIGINT", "Size of the output, which is not kept", "none", "bytes"),
    Column("text_bytes", "BIGINT", "Size of the text, which is not kept", "no text", "bytes"),
    Column("goal_id", "VARCHAR", "Id of the thread's goal", null="the source does not name it"),
    Column(
        "goal_status",
        "VARCHAR",
        "Status of the goal: active, paused, blocked, usage_limited, budget_limited or complete",
        null="not said",
    ),
    Column("token_budget", "BIGINT", "Tokens that the goal may use", "no budget", "tokens"),
    Column("tokens_used", "BIGINT", "Tokens used so far", "not said", "tokens"),
    Column("seconds_used", "BIGINT", "Active time used so far", "not said", "seconds"),
    Column("objective_chars", "BIGINT", "Length of the objective", "not said", "characters"),
    Column("name_chars", "BIGINT", "Length of the name", "no name", "characters"),
    # --- token counts of one model response (or sums of them) -----------------------------
    Column(
        "input_tokens",
        "BIGINT",
        "Input tokens, cached and cache-written ones included",
        null="nothing known, which is not zero",
        unit="tokens",
    ),
    Column(
        "cached_input_tokens",
        "BIGINT",
        "Input tokens read from the cache, a part of input_tokens",
        null="nothing known, which is not zero",
        unit="tokens",
    ),
    Column(
        "cache_write_input_tokens",
        "BIGINT",
        "Input tokens written to the cache, a part of input_tokens",
        null="nothing known (CLIs before 2026-07 never said it), which is not zero",
        unit="tokens",
    ),
    Column(
        "output_tokens",
        "BIGINT",
        "Output tokens, reasoning included",
        null="nothing known, which is not zero",
        unit="tokens",
    ),
    Column(
        "reasoning_output_tokens",
        "BIGINT",
        "Output tokens spent on reasoning, a part of output_tokens",
        null="nothing known, which is not zero",
        unit="tokens",
    ),
    Column(
        "total_tokens",
        "BIGINT",
        "Input plus output tokens, as the server said it",
        null="nothing known, which is not zero",
        unit="tokens",
    ),
)
