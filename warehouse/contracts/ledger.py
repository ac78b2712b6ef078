"""Contracts of what is read from goal ledgers, and columns of the models made of it.

Belongs here: tables whose rows are one event or record of a ledger each, and the columns of
all goal tables. Does not belong here: tables computed in SQL (their header names the columns).

Ledgers count tokens in their own way and call it by the same names (`input_tokens` leaves the
cached ones out), and goals are something else in Codex's own files: so all columns described
here hold for the tables of this domain alone.
"""

from __future__ import annotations

from dataclasses import replace

from warehouse.contracts.base import Column
from warehouse.contracts.common import TIMESTAMPTZ

UNKNOWN = "nothing known, which is not zero"
EXACT_USD = "DECIMAL(38,18)"
USD = "DECIMAL(38,6)"

COLUMNS: tuple[Column, ...] = ()

_COLUMNS: tuple[Column, ...] = (
    # --- events and operations --------------------------------------------------------------------
    Column(
        "event_type", "VARCHAR", "Type of the event", null="it has none, or one that is no name"
    ),
    Column("is_replayed", "BOOLEAN", "Whether events of this type change anything"),
    Column("goals_put", "BIGINT", "Goals that the event puts"),
    Column("goals_removed", "BIGINT", "Goals that the event removes"),
    Column("entries_put", "BIGINT", "Attempt entries that the event puts"),
    Column("rejected_records", "BIGINT", "Records of the event that cannot be used"),
    Column(
        "oddities",
        "VARCHAR",
        "Fields whose value was set aside or completed, as field:rule, with commas between: "
        "not_finite, out_of_range, blank and too_long (nothing is kept), no_offset (taken as UTC)",
        null="every field is as it should be",
    ),
    # --- goals and attempts -----------------------------------------------------------------------
    Column("goal_id", "VARCHAR", "Id of the goal, unique within its ledger"),
    Column("goal_type", "VARCHAR", "product, retro or meta"),
    Column(
        "supersedes_goal_id",
        "VARCHAR",
        "Goal of the same ledger that this one replaces",
        null="it replaces none",
    ),
    Column("entry_id", "VARCHAR", "Id of the attempt, unique within its ledger"),
    Column("entry_type", "VARCHAR", "Type of the attempt: the goal's type, or update"),
    Column("is_inferred", "BOOLEAN", "Whether the attempt was made up while rebuilding history"),
    Column("finished_at", TIMESTAMPTZ, "When it was closed", null="it is in progress, or not said"),
    Column(
        "tokens_total",
        "BIGINT",
        "All tokens, reasoning and tools included (may exceed the sum of the three kinds)",
        null=UNKNOWN,
        unit="tokens",
    ),
    Column(
        "failure_reason",
        "VARCHAR",
        "Why it failed: unclear_task, missing_context, validation_failed, environment_issue, "
        "model_mistake, scope_too_large, tooling_issue or other",
        null="it did not fail, or not said",
    ),
    Column(
        "result_fit",
        "VARCHAR",
        "How a product goal's result fits: exact_fit, partial_fit or miss",
        null="not reviewed, or no product goal",
    ),
    Column("agent_name", "VARCHAR", "Agent that worked on it", null="not said"),
    Column("title_chars", "BIGINT", "Length of the title", "it has none", "characters"),
    Column("notes_chars", "BIGINT", "Length of the notes", "it has none", "characters"),
    Column(
        "has_correction_hint",
        "BOOLEAN",
        "Whether title or notes hold retry, not accepted, partial, missing or unclear",
    ),
    # --- ledgers ----------------------------------------------------------------------------------
    Column(
        "project",
        "VARCHAR",
        "Folder that the ledger is kept for: its own, or the one around `metrics`",
        null="strict privacy hides the path",
    ),
    Column("events", "BIGINT", "Lines that are JSON objects"),
    Column("replayed_events", "BIGINT", "Events that change anything"),
    Column("first_event_at", TIMESTAMPTZ, "Earliest time of an event", null="no event has one"),
    Column("last_event_at", TIMESTAMPTZ, "Latest time of an event", null="no event has one"),
    # --- state after the replay -------------------------------------------------------------------
    Column("replayed_as", "BIGINT", "Where in its ledger the operation stands that decides"),
    Column("is_closed", "BOOLEAN", "Whether it succeeded or failed"),
    Column("superseded_by_goals", "BIGINT", "Goals that replace this one (more than 1: a fork)"),
    Column("entries", "BIGINT", "Attempt entries of the goal"),
    Column("attempt_number", "BIGINT", "Number at the end of the entry's id", null="none there"),
    Column("has_goal", "BOOLEAN", "Whether the attempt's goal exists"),
    Column("is_trimmed", "BOOLEAN", "Whether the goal says it had fewer attempts than this one"),
    # --- pieces of work ---------------------------------------------------------------------------
    Column("terminal_goal_id", "VARCHAR", "Last goal of the chain, which no other supersedes"),
    Column("members", "BIGINT", "Goals of the chain"),
    Column("shared_members", "BIGINT", "Members that count in other chains as well (forks)"),
    *(
        column
        for name, type_, what, unit in (
            ("cost_usd", EXACT_USD, "Cost (rounded half-up to 6 places)", "USD"),
            ("tokens_total", "BIGINT", "All tokens", "tokens"),
            ("input_tokens", "BIGINT", "Input tokens, cached ones left out,", "tokens"),
            ("cached_input_tokens", "BIGINT", "Input tokens from the cache", "tokens"),
            ("output_tokens", "BIGINT", "Output tokens", "tokens"),
        )
        for column in (
            Column(f"{name}_known", type_, f"{what} of the members that say it", UNKNOWN, unit),
            Column(f"{name}_known_members", "BIGINT", f"Members that say {name}"),
        )
    ),
    Column("is_cost_complete", "BOOLEAN", "Whether every member says its cost"),
    Column("is_tokens_total_complete", "BOOLEAN", "Whether every member says all its tokens"),
    Column(
        "is_token_breakdown_complete",
        "BOOLEAN",
        "Whether every member says input, cached input and output tokens",
    ),
    Column("model_group", "VARCHAR", "Model, (mixed) or (unknown)"),
    Column("is_model_complete", "BOOLEAN", "Whether every member says its model"),
    Column("is_model_consistent", "BOOLEAN", "Whether the members that say a model say the same"),
    # --- history, and what is wrong ---------------------------------------------------------------
    Column("history_index", "BIGINT", "Number of the event among the goal's own, from 1"),
    Column("is_removed", "BOOLEAN", "Whether the event removed the goal"),
    Column("is_last", "BOOLEAN", "Whether no later event touched the goal"),
    Column(
        "changes",
        "VARCHAR",
        "created, removed, restored, or the fields that changed (of texts: their lengths)",
        null="nothing changed",
    ),
    Column(
        "previous_status",
        "VARCHAR",
        "Status before the event",
        null="it is the first, or the goal was removed",
    ),
    Column("record", "VARCHAR", "goal, entry or line"),
    Column(
        "record_id", "VARCHAR", "Id of the goal or entry", null="the line or record is rejected"
    ),
    Column("severity", "VARCHAR", "rejected, violation or notice"),
    Column(
        "field", "VARCHAR", "Field that it is about (of rejected records: the part of the event)"
    ),
    # --- threads and usage ------------------------------------------------------------------------
    Column("window_start", TIMESTAMPTZ, "From when on the goal was worked on"),
    Column("window_end", TIMESTAMPTZ, "Until when it was worked on", null="it still is"),
    Column("is_window_closed", "BOOLEAN", "Whether the goal itself says when it ended"),
    Column(
        "link_rule",
        "VARCHAR",
        "How the thread is known to belong to the goal: thread (a record names it), project (the "
        "ledger's project and the goal's window) or label (the ledger's label and the window)",
    ),
    Column(
        "confidence", "VARCHAR", "certain (named), likely (same project, closed window) or possible"
    ),
    Column("share", "DOUBLE", "Part of the whole: the parts add up to one"),
    Column("threads", "BIGINT", "Threads linked to the goal"),
    Column("certain_threads", "BIGINT", "Threads that a record names"),
    Column("usage_responses", "BIGINT", "Model responses that were made for the goal"),
    Column("usage_cost_usd", EXACT_USD, "Cost by usage, at list price", null=UNKNOWN, unit="USD"),
    Column("usage_cost_covered_responses", "BIGINT", "Responses that this cost covers"),
    Column("usage_tokens_total", "BIGINT", "All tokens by usage", UNKNOWN, "tokens"),
    Column("usage_tokens_covered_responses", "BIGINT", "Responses that these tokens cover"),
    Column(
        "usage_input_tokens",
        "BIGINT",
        "Input tokens by usage, cached ones left out",
        UNKNOWN,
        "tokens",
    ),
    Column("usage_input_covered_responses", "BIGINT", "Responses that these tokens cover"),
    Column(
        "usage_cached_input_tokens", "BIGINT", "Cached input tokens by usage", UNKNOWN, "tokens"
    ),
    Column("usage_cached_input_covered_responses", "BIGINT", "Responses that these tokens cover"),
    Column("usage_output_tokens", "BIGINT", "Output tokens by usage", UNKNOWN, "tokens"),
    Column("usage_output_covered_responses", "BIGINT", "Responses that these tokens cover"),
    Column("usage_cost_members", "BIGINT", "Members whose cost only usage says"),
    Column("usage_tokens_members", "BIGINT", "Members whose tokens only usage says"),
    Column(
        "cost_source",
        "VARCHAR",
        "Where the cost comes from: ledger, usage or both",
        null="no cost is known",
    ),
    # --- sums over closed pieces of work ----------------------------------------------------------
    Column("scope", "VARCHAR", "What the row sums up: all, or groups by goal_type, model or label"),
    Column("group_name", "VARCHAR", "Name of the group"),
    Column("label_group", "VARCHAR", "Label, or (none)"),
    Column("closed_goals", "BIGINT", "Pieces of work that succeeded or failed"),
    Column("successes", "BIGINT", "Those that succeeded"),
    Column("fails", "BIGINT", "Those that failed"),
    Column("total_attempts", "BIGINT", "Attempts at them"),
    *(
        column
        for name, type_, what, unit in (
            ("total_cost_usd", USD, "Known cost", "USD"),
            ("total_input_tokens", "BIGINT", "Known input tokens, cached ones left out", "tokens"),
            ("total_cached_input_tokens", "BIGINT", "Known cached input tokens", "tokens"),
            ("total_output_tokens", "BIGINT", "Known output tokens", "tokens"),
            ("total_tokens", "BIGINT", "All known tokens", "tokens"),
        )
        for column in (
            Column(name, type_, f"{what}, added up", UNKNOWN, unit),
            Column(f"{name}_known_goals", "BIGINT", "Pieces of work of which any of it is known"),
            Column(
                f"{name}_complete_goals", "BIGINT", "Pieces of work of which all of it is known"
            ),
            Column(f"{name}_known_entries", "BIGINT", "Closed attempts of which it is known"),
        )
    ),
    Column("success_rate", "DOUBLE", "Successes by all that is closed", null="nothing is closed"),
    Column("attempts_per_closed_goal", "DOUBLE", "Mean of attempts", null="nothing is closed"),
    Column("known_cost_successes", "BIGINT", "Successes with any known cost"),
    Column("known_token_successes", "BIGINT", "Successes with any known total of tokens"),
    Column(
        "known_token_breakdown_successes",
        "BIGINT",
        "Successes with any known input, cached input and output tokens",
    ),
    Column("complete_cost_successes", "BIGINT", "Successes of which the whole cost is known"),
    Column("complete_token_successes", "BIGINT", "Successes of which all tokens are known"),
    Column(
        "complete_token_breakdown_successes",
        "BIGINT",
        "Successes of which all input, cached input and output tokens are known",
    ),
    Column("model_summary_goals", "BIGINT", "Closed work of one model throughout"),
    Column("model_complete_goals", "BIGINT", "Closed work whose every member says its model"),
    Column("mixed_model_goals", "BIGINT", "Those of them that name several models"),
    *(
        column
        for name, what, null in (
            ("known_cost_per_success", "Mean over successes of what is known", "nothing known"),
            (
                "complete_cost_per_covered_success",
                "Mean over successes of which all is known",
                "of none",
            ),
            ("cost_per_success", "Mean over all successes", "not all of it is known"),
            (
                "any_cost_per_success",
                "Mean over successes with what the ledger or, where it is silent, usage says",
                "nothing known",
            ),
        )
        for column in (
            Column(f"{name}_usd", EXACT_USD, f"{what}: cost", null, "USD"),
            Column(f"{name}_tokens", "DOUBLE", f"{what}: tokens", null, "tokens"),
        )
    ),
    Column("usage_cost_goals", "BIGINT", "Closed work with members whose cost only usage says"),
    Column("usage_tokens_goals", "BIGINT", "Closed work with members whose tokens only usage says"),
    Column("any_cost_successes", "BIGINT", "Successes with a cost by ledger or usage"),
    Column("any_token_successes", "BIGINT", "Successes with tokens by ledger or usage"),
    Column("closed_entries", "BIGINT", "Attempts that succeeded or failed"),
    Column("inferred_fails", "BIGINT", "Failed attempts made up while rebuilding history"),
    Column("reason", "VARCHAR", "Why it failed; other where nothing is said"),
    # --- quality and coverage of product goals ----------------------------------------------------
    Column("closed_product_goals", "BIGINT", "Closed product work"),
    Column("successful_product_goals", "BIGINT", "Product work that succeeded"),
    Column("failed_product_goals", "BIGINT", "Product work that failed"),
    Column("reviewed_product_goals", "BIGINT", "Closed product work with a result_fit"),
    Column("unreviewed_product_goals", "BIGINT", "Closed product work without one"),
    Column("review_coverage", "DOUBLE", "Reviewed by closed", null="nothing is closed"),
    Column("exact_fit_goals", "BIGINT", "Reviewed as exact_fit"),
    Column("partial_fit_goals", "BIGINT", "Reviewed as partial_fit"),
    Column("miss_goals", "BIGINT", "Reviewed as miss"),
    Column("exact_fit_rate_reviewed", "DOUBLE", "Exact fits by reviewed", null="none reviewed"),
    Column("partial_fit_rate_reviewed", "DOUBLE", "Partial fits by reviewed", null="none reviewed"),
    Column("miss_rate_reviewed", "DOUBLE", "Misses by reviewed", null="none reviewed"),
    Column("attempts_per_closed_product_goal", "DOUBLE", "Mean of attempts", "nothing is closed"),
    Column(
        "category",
        "VARCHAR",
        "likely_miss, likely_partial_fit, stale_in_progress or low_cost_coverage",
    ),
    Column("category_rank", "BIGINT", "Order of the categories"),
    Column("candidate_reason", "VARCHAR", "What speaks for it"),
    Column("suggested_result_fit", "VARCHAR", "Review that it suggests", null="none"),
    Column("related_goal_id", "VARCHAR", "Goal that it follows on", null="none"),
    Column("has_cost", "BOOLEAN", "Whether the ledger says the cost"),
    Column("has_tokens", "BOOLEAN", "Whether the ledger says all tokens"),
    Column(
        "coverage_category",
        "VARCHAR",
        "covered; partial_stored_coverage (cost or tokens only); sync_gap (usage knows, the ledger "
        "does not); no_usage_data_found (threads without usage); thread_unresolved (no thread in "
        "the goal's window); incomplete_goal_window (no time in which to look)",
    ),
    # --- names that mean something else elsewhere -------------------------------------------------
    Column("source_id", "VARCHAR", "The ledger: hash of the path at which it was first seen"),
    Column("position", "BIGINT", "Place of the operation in its event's replay, from 1"),
    Column("part", "VARCHAR", "Part of the event: goal, goals, entries or dropped_goal_id"),
    Column("rule", "VARCHAR", "Rule that was broken"),
    Column("error", "VARCHAR", "What is wrong, without content"),
    Column("status", "VARCHAR", "in_progress, success or fail"),
    Column("attempts", "BIGINT", "Attempts at the goal"),
    Column("cost_usd", EXACT_USD, "Cost as the ledger says it", null=UNKNOWN, unit="USD"),
    Column(
        "input_tokens",
        "BIGINT",
        "Input tokens, cached ones left out (unlike in tables about usage)",
        null=UNKNOWN,
        unit="tokens",
    ),
    Column("cached_input_tokens", "BIGINT", "Input tokens read from the cache", UNKNOWN, "tokens"),
    Column("output_tokens", "BIGINT", "Output tokens", UNKNOWN, "tokens"),
    Column("thread_id", "VARCHAR", "Codex thread that the record names", null="it names none"),
)

_MEASURES = (
    "started_at",
    "finished_at",
    "cost_usd",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "tokens_total",
    "failure_reason",
    "agent_name",
    "model",
)

# name -> (layer, description, grain, key, columns, lake-only columns)
TABLES: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "parsed_ledger_events",
        "parsed",
        "Events of goal ledgers; what they put and remove stands in the tables beside this one",
        "one row per ledger line that is a JSON object",
        ("source_id", "line_number"),
        (
            "source_id",
            "line_number",
            "recorded_at",
            "event_type",
            "is_replayed",
            "goals_put",
            "goals_removed",
            "entries_put",
            "rejected_records",
        ),
        (),
    ),
    (
        "parsed_ledger_goals",
        "parsed",
        "Goals as ledger events put them, each replacing what its goal was before; titles and "
        "notes as lengths",
        "one row per goal that an event puts",
        ("source_id", "line_number", "position"),
        (
            "source_id",
            "line_number",
            "position",
            "goal_id",
            "goal_type",
            "supersedes_goal_id",
            "status",
            "attempts",
            *_MEASURES,
            "result_fit",
            "thread_id",
            "title_chars",
            "notes_chars",
            "has_correction_hint",
            "oddities",
        ),
        (),
    ),
    (
        "parsed_ledger_removals",
        "parsed",
        "Goals that ledger events remove; a later event may put them back",
        "one row per goal that an event removes",
        ("source_id", "line_number", "position"),
        ("source_id", "line_number", "position", "goal_id"),
        (),
    ),
    (
        "parsed_ledger_entries",
        "parsed",
        "Attempt entries as ledger events put them, each replacing what its entry was before",
        "one row per entry that an event puts",
        ("source_id", "line_number", "position"),
        (
            "source_id",
            "line_number",
            "position",
            "entry_id",
            "goal_id",
            "entry_type",
            "is_inferred",
            "status",
            *_MEASURES,
            "thread_id",
            "notes_chars",
            "oddities",
        ),
        (),
    ),
    (
        "parsed_ledger_rejects",
        "parsed",
        "Records that cannot be used, each with the rule that it breaks and no text of its own; "
        "the other records of their events are used",
        "one row per rejected record",
        ("source_id", "line_number", "position"),
        ("source_id", "line_number", "position", "part", "rule", "error"),
        (),
    ),
)

_MODELS = (
    "ledgers",
    "ledger_entries",
    "goals",
    "attempts",
    "goal_chains",
    "effective_goals",
    "goal_history",
    "goal_violations",
    "goal_windows",
    "goal_links",
    "goal_threads",
    "goal_usage",
    "goal_totals",
    "summary",
    "summary_by_label",
    "summary_by_goal_type",
    "summary_by_model",
    "summary_entries",
    "failure_reasons",
    "product_quality",
    "goal_audit_candidates",
    "goal_cost_coverage",
)


def _nullable(null: str, *names: str) -> tuple[Column, ...]:
    return tuple(replace(column, null=null) for column in _COLUMNS if column.name in names)


# What columns mean, by table.
LOCAL_COLUMNS: dict[str, tuple[Column, ...]] = {
    **dict.fromkeys([name for name, *_ in TABLES], _COLUMNS),
    **dict.fromkeys(_MODELS, _COLUMNS),
    "goal_history": (
        *_COLUMNS,
        *_nullable("the event removed the goal", "goal_type", "status", "attempts"),
    ),
    "goal_violations": (
        *_COLUMNS,
        *_nullable("the line or record is rejected", "goal_id"),
        *_nullable("the rule says it", "error"),
    ),
}
