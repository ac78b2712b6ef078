"""Columns of the models that pair and reduce streams, analytics events and status panels.

Belongs here: what only those models say (sql/session/app_*.sql, approvals, threads,
thread_goals, status_snapshots and their neighbours). Does not belong here: columns that a
parsed table has (the domains' own modules), and the models themselves.
"""

from __future__ import annotations

from warehouse.contracts.base import Column
from warehouse.contracts.common import TIMESTAMPTZ

COLUMNS = (
    # --- connections and requests ---------------------------------------------------------------
    Column(
        "connection_id",
        "VARCHAR",
        "Connection of a client to the app-server: its capture and the line where it begins",
        null="no stream tells of one",
    ),
    Column(
        "connection_basis",
        "VARCHAR",
        "Why the thread belongs to the connection: opened (start, resume or fork on it), parent "
        "or root (theirs, which it inherits), or seen (its messages passed there)",
        null="no stream tells of one",
    ),
    Column("said_at", TIMESTAMPTZ, "When the message passed", null="it has no time"),
    Column(
        "passed_at",
        TIMESTAMPTZ,
        "When the message passed, or the nearest one before it (else after it) that has a time",
        null="none of its connection has a time",
    ),
    Column("has_initialize", "BOOLEAN", "Whether the capture holds the connection's beginning"),
    Column("client_requests", "BIGINT", "Requests of the client"),
    Column("server_requests", "BIGINT", "Requests of the server to the client"),
    Column("unanswered_requests", "BIGINT", "Requests without an answer"),
    Column("failed_requests", "BIGINT", "Requests answered by an error"),
    Column("stray_answers", "BIGINT", "Answers whose request is not in the capture before them"),
    Column("notifications", "BIGINT", "Notifications, deltas and diffs left out"),
    Column("unknown_messages", "BIGINT", "Messages of kinds that are not known"),
    Column("times_sent", "BIGINT", "How often the request was sent", null="not in a stream"),
    Column("requested_at", TIMESTAMPTZ, "When it was asked", null="not said"),
    Column("answer_line_number", "BIGINT", "Line of the answer", null="no answer"),
    Column("answered_at", TIMESTAMPTZ, "When the answer passed", null="no answer, or no time"),
    Column("answer_status", "VARCHAR", "answered, error or unanswered"),
    Column("wait_ms", "BIGINT", "Time from request to answer", "no answer, or no times", "ms"),
    # --- threads --------------------------------------------------------------------------------
    Column("times_opened", "BIGINT", "Answers in streams that opened the thread"),
    Column(
        "is_shelved",
        "BOOLEAN",
        "Whether the thread is archived, as its file's place or the last word of it says",
        null="nothing tells",
    ),
    Column("is_deleted", "BOOLEAN", "Whether a stream told that it was deleted"),
    Column("patched_at", TIMESTAMPTZ, "When a client last changed what is known of it", "never"),
    Column("in_rollouts", "BOOLEAN", "Whether rollouts tell of it"),
    Column("in_streams", "BOOLEAN", "Whether app-server streams tell of it"),
    Column("in_analytics", "BOOLEAN", "Whether analytics events tell of it"),
    Column("in_status", "BOOLEAN", "Whether status panels tell of it"),
    Column("in_database", "BOOLEAN", "Whether Codex's own databases tell of it"),
    Column(
        "missing_context",
        "VARCHAR",
        "What is not known of the thread: unknown_thread (no source describes it), "
        "unknown_connection (neither client nor originator) or unknown_metadata (neither root "
        "nor source)",
        null="nothing is missing",
    ),
    # --- turns and items ------------------------------------------------------------------------
    Column(
        "is_client_started",
        "BOOLEAN",
        "Whether a client's request that started the turn is in the stream (Codex starts some "
        "itself)",
        null="not in a stream",
    ),
    Column(
        "status_source",
        "VARCHAR",
        "Source of the status, and of the error in it: rollout, stream, analytics, database",
        null="no status is known",
    ),
    *(
        Column(
            f"{moment}_source",
            "VARCHAR",
            f"Source of when it {moment}: rollout, stream, analytics, or observed (when the "
            "message passed)",
            null="it is not known",
        )
        for moment in ("started", "completed")
    ),
    Column("exit_code_source", "VARCHAR", "Source of the exit code", null="none is known"),
    Column(
        "duration_source",
        "VARCHAR",
        "Source of the duration: rollout, stream, analytics, or observed (between two messages)",
        null="no duration is known",
    ),
    Column("retries", "BIGINT", "Errors after which Codex tried again", null="not in a stream"),
    Column("is_interrupt_asked", "BOOLEAN", "Whether the client asked to stop", null="not said"),
    Column(
        "model_source",
        "VARCHAR",
        "Why the model: rollout, rerouted, request, settings (of the thread, before the turn) or "
        "analytics",
        null="no model is known",
    ),
    Column("input_bytes", "BIGINT", "Size of the user's texts", "not in a stream", "bytes"),
    Column("is_completed", "BOOLEAN", "Whether its end is known"),
    Column("deltas", "BIGINT", "Deltas that told it in parts", null="none"),
    Column("delta_bytes", "BIGINT", "Size of their texts", "none", "bytes"),
    # --- approvals ------------------------------------------------------------------------------
    Column("approval_id", "VARCHAR", "Thread, turn, reviewer, item and request or review"),
    Column("decided_at", TIMESTAMPTZ, "When it was decided", null="not decided, or no time"),
    Column("connections", "BIGINT", "Connections that were asked", null="not in a stream"),
    # --- goals ----------------------------------------------------------------------------------
    Column("goal_event_index", "BIGINT", "Number of the event among its goal's, from 1"),
    Column("tokens_step", "BIGINT", "Tokens since the highest value before", "not known", "tokens"),
    Column(
        "seconds_step", "BIGINT", "Seconds since the highest value before", "not known", "seconds"
    ),
    Column("goal_key", "VARCHAR", "The goal's id, or the time of its creation where it has none"),
    Column("goal_number", "BIGINT", "Number of the goal in its thread, from 1"),
    Column(
        "matched_by",
        "VARCHAR",
        "How id and time of creation were found to be one goal's: database, time or order",
        null="only one of them is known",
    ),
    Column("ended_by", "VARCHAR", "cleared or replaced (by a later goal)", null="it was neither"),
    Column("ended_at", TIMESTAMPTZ, "When it was cleared or replaced", null="not, or not known"),
    Column("ended_source", "VARCHAR", "Source of its end: stream, analytics or next_goal", "none"),
    Column("budget_source", "VARCHAR", "Source of the budget, or of there being none", "not said"),
    Column("tokens_source", "VARCHAR", "Source of the tokens used", null="not known"),
    Column("seconds_source", "VARCHAR", "Source of the seconds used", null="not known"),
    Column("status_changes", "BIGINT", "Changes of status", null="no source records them"),
    Column("usage_updates", "BIGINT", "Times that usage was accounted", "no source records them"),
    Column("goal_turns", "BIGINT", "Turns that worked on it", null="no source records them"),
    Column(
        "is_final_known",
        "BOOLEAN",
        "Whether a source tells its last state (from rollouts alone it may be outdated)",
    ),
    Column("is_history_known", "BOOLEAN", "Whether a source tells all from its creation on"),
    # --- status panels --------------------------------------------------------------------------
    Column("captured_day", "DATE", "Day of the capture, by its name or else its file's date"),
    Column(
        "captured_at",
        TIMESTAMPTZ,
        "When the panel was captured: its file's date",
        null="an earlier panel of its capture, or the file is of another day than its name",
    ),
    # --- beside what is counted -------------------------------------------------------------------
    Column("event_tokens", "BIGINT", "Total that the turn's event says", "it says none", "tokens"),
    Column(
        "compaction_tokens", "BIGINT", "Use of remote compactions", "none in the turn", "tokens"
    ),
    Column("is_last_of_thread", "BOOLEAN", "Whether nothing later was shown of the thread"),
    Column(
        "counted_uncached_tokens",
        "BIGINT",
        "Our total of the thread as panels count: input that was not cached, and output",
        null="no usage, or no panel to compare it with",
        unit="tokens",
    ),
    Column(
        "shown_difference_tokens",
        "BIGINT",
        "counted_uncached_tokens less what was shown; within its rounding, that means nothing",
        null="no panel, or no rollout of the thread",
        unit="tokens",
    ),
    Column(
        "shown_explanation",
        "VARCHAR",
        "Why what a panel or exit line last showed of the thread is not our total, in words",
        null="no panel shows its usage",
    ),
    Column("event_table", "VARCHAR", "Table of the events"),
    Column("missing_reason", "VARCHAR", "What context is missing, or none"),
    Column("events", "BIGINT", "Events"),
    Column("share_percent", "DOUBLE", "Share of the table's events", unit="%"),
    # --- kinds ----------------------------------------------------------------------------------
    Column("shape_name", "VARCHAR", "Method, type of event, or kind of snapshot"),
    Column("messages", "BIGINT", "Messages, events or snapshots"),
    Column("sources", "BIGINT", "Sources"),
    Column("first_source_id", "VARCHAR", "Source of the first"),
    Column("first_line_number", "BIGINT", "Line of the first"),
)

# The same words of a turn or panel that `reconciliation` says of a thread.
LOCAL_COLUMNS = {
    "turn_reconciliation": (
        Column("counted_tokens", "BIGINT", "Total that is counted from rollouts", "none", "tokens"),
        Column("unexplained_tokens", "BIGINT", "What is left", "nothing to compare", "tokens"),
        Column("explanation", "VARCHAR", "Why the two differ, or that they are equal"),
    ),
    "status_reconciliation": (
        Column(
            "explanation",
            "VARCHAR",
            "equal, earlier (counted up to an earlier response), cli_counter (the CLI's counter, "
            "which is not our total; see reconciliation), no_rollout or unexplained",
        ),
    ),
}
