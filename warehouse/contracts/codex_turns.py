"""Contracts of what happens to a thread: turns, compactions, goals, changes of state.

Belongs here: lines that tell of a change, and the columns that only they carry. Does not
belong here: messages and tool calls.
"""

from __future__ import annotations

from warehouse.contracts.base import Column, Tables
from warehouse.contracts.common import TIMESTAMPTZ
from warehouse.contracts.raw import PLACE

COLUMNS = (
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
    Column("window_number", "BIGINT", "Number of the context window", null="not said"),
    Column("first_window_id", "VARCHAR", "First context window of the thread", null="not said"),
    Column("previous_window_id", "VARCHAR", "Context window before this one", null="not said"),
    Column("message_chars", "BIGINT", "Length of the message", "none", "characters"),
    Column("replacement_items", "BIGINT", "Items that replace the history", null="none said"),
    # --- other changes of state ----------------------------------------------------------------
    Column("review_target", "VARCHAR", "What is reviewed", null="not said, or no review begins"),
    Column("review_findings", "BIGINT", "Findings of the review", null="none given, or no review"),
    Column("is_patch_correct", "BOOLEAN", "The review's verdict", null="none given, or no review"),
    Column("is_full_state", "BOOLEAN", "Whether it is all, not a change", null="no world state"),
    Column("state_bytes", "BIGINT", "Size of the state as JSON", "no world state", "bytes"),
    Column(
        "triggers_turn",
        "BOOLEAN",
        "Whether the message of another agent begins a turn",
        null="no such message",
    ),
    Column("listed_tools", "BIGINT", "Tools that the line adds", null="none"),
)

TABLES: Tables = (
    (
        "parsed_lifecycle",
        "parsed",
        "Turn starts and ends: task_started, task_complete and turn_aborted lines",
        "one row per such line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "event",
            "turn_id",
            "root_turn_id",
            "parent_turn_id",
            "turn_trigger",
            "initiating_agent_path",
            "trace_id",
            "started_at",
            "completed_at",
            "duration_ms",
            "time_to_first_token_ms",
            "context_window",
            "collaboration_mode",
            "abort_reason",
            "error_kind",
            "error_http_status",
            "has_last_message",
            "last_message_chars",
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
            *PLACE,
            "window_number",
            "window_id",
            "first_window_id",
            "previous_window_id",
            "message_chars",
            "replacement_items",
            "response_id",
        ),
        (),
    ),
    (
        "parsed_goal_updates",
        "parsed",
        "thread_goal_updated lines: the goal of a thread, by numbers",
        "one row per thread_goal_updated line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "thread_id",
            "turn_id",
            "goal_status",
            "token_budget",
            "tokens_used",
            "seconds_used",
            "goal_created_at",
            "goal_updated_at",
            "objective_chars",
            "objective_hash",
        ),
        (),
    ),
    (
        "parsed_events",
        "parsed",
        "Lines that tell of a change of state, but for turn starts and ends, settings, goals and "
        "compacted history, which have tables of their own: context_compacted, "
        "thread_rolled_back, undo_completed, entered_review_mode, exited_review_mode, "
        "thread_name_updated, error, world_state, inter_agent_communication_metadata, "
        "verified_answer, "
        "additional_tools, ghost_snapshot, guardian_assessment, ... Without any text",
        "one row per such line (items that tell the same included)",
        ("source_id", "line_number"),
        (
            *PLACE,
            "carrier",
            "event",
            "thread_id",
            "turn_id",
            "item_id",
            "rolled_back_turns",
            "is_success",
            "review_target",
            "review_findings",
            "is_patch_correct",
            "name_chars",
            "error_kind",
            "error_http_status",
            "is_full_state",
            "state_bytes",
            "triggers_turn",
            "questions",
            "listed_tools",
            "decision",
            "risk_level",
            "encrypted_bytes",
        ),
        (),
    ),
)
