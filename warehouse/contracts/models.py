"""Columns that only SQL models carry.

Belongs here: what the columns of sql/**.sql mean, where no source has them, and the table
of rates that models join. Does not belong here: the models themselves (each one's header
names its columns).
"""

from __future__ import annotations

from warehouse.contracts.base import Column
from warehouse.contracts.common import TIMESTAMPTZ

_RATE = "DECIMAL(18,15)"

COLUMNS: tuple[Column, ...] = (
    # --- rates --------------------------------------------------------------------------------
    Column("rate_id", "VARCHAR", "Name of the rate that priced the row", null="no rate fits"),
    Column("rate_source", "VARCHAR", "Package or file that the rate comes from"),
    Column("is_own_rate", "BOOLEAN", "Whether it is from the user's own file, and goes first"),
    Column("provider", "VARCHAR", "Provider that offers the model, * for any"),
    Column("priced_model", "VARCHAR", "Model as the price list calls it"),
    Column("match_rank", "BIGINT", "Which of several matching models goes first: the lowest"),
    Column("model_names", "VARCHAR[]", "Exact names that mean the model, in lower case"),
    Column("model_pattern", "VARCHAR", "Pattern of other names that mean it", null="none"),
    Column(
        "is_maker",
        "BOOLEAN",
        "Whether the rate also holds for providers that the price list does not know",
    ),
    Column("price_tier", "VARCHAR", "Service tier that is priced: standard, priority, flex, ..."),
    Column("valid_from", "DATE", "First day (UTC) of the rate", null="from the beginning"),
    Column("valid_until", "DATE", "First day (UTC) that it no longer holds", null="still holds"),
    Column(
        "tier_known_from",
        "DATE",
        "First day for which the price list knows the tier's rate; it is used before as well",
        null="known as long as it holds",
    ),
    Column(
        "above_input_tokens",
        "BIGINT",
        "For requests with more input tokens than this",
        unit="tokens",
    ),
    Column(
        "up_to_input_tokens",
        "BIGINT",
        "For requests with at most this many input tokens",
        null="no upper end",
        unit="tokens",
    ),
    Column("input_rate", _RATE, "Price of an input token that was not cached", unit="USD"),
    Column("cached_input_rate", _RATE, "Price of an input token from the cache", unit="USD"),
    Column("cache_write_input_rate", _RATE, "Price of an input token put in it", unit="USD"),
    Column("output_rate", _RATE, "Price of an output token", unit="USD"),
    # --- lineage ------------------------------------------------------------------------------
    Column(
        "base_source_id",
        "VARCHAR",
        "Hash of the file's first line: the same for all files that begin with it",
    ),
    Column("meta_line_number", "BIGINT", "Line of the file's own session_meta", null="it has none"),
    Column(
        "inheritance",
        "VARCHAR",
        "How the file inherits history: none, ordinal (a sub-agent's copy with its end named), "
        "reference (nothing is copied), copy (another thread's session_meta stands in it) or "
        "migration (a fork that was rewritten)",
    ),
    Column("inherits_from_id", "VARCHAR", "Thread (or segment) inherited from", null="none"),
    Column("inherited_from_line", "BIGINT", "First copied line", null="nothing is copied"),
    Column(
        "own_from_line",
        "BIGINT",
        "First own line after the copied ones",
        null="nothing is copied, or everything is, to the end",
    ),
    Column(
        "placed_by",
        "VARCHAR",
        "How the end of the copied lines was found: history_start_ordinal, own_settings, "
        "turn_id_time, unknown_turn_id, equal_payloads, started_at, or pause (a guess)",
        null="nothing is copied",
    ),
    Column("is_placed", "BOOLEAN", "Whether it is known which lines are own"),
    Column("base_rollout_id", "VARCHAR", "File inherited from by reference", null="it is gone"),
    Column(
        "baseline_source_id",
        "VARCHAR",
        "File of the last counter that was inherited by reference",
        null="none is known",
    ),
    Column("baseline_line", "BIGINT", "Line of that counter", null="none is known"),
    # --- turns --------------------------------------------------------------------------------
    Column(
        "turn_key",
        "VARCHAR",
        "The turn's id, or file and line where it began if it has none",
        null="before the first turn",
    ),
    Column(
        "turn_index",
        "BIGINT",
        "Number of the turn in its thread, from 1; turns that rollouts lack come after theirs",
        null="no turn",
    ),
    # --- usage lines --------------------------------------------------------------------------
    Column("response_key", "VARCHAR", "Id of the response: the server's, else file and offset"),
    Column("responded_at", TIMESTAMPTZ, "When the response was recorded", null="not readable"),
    Column(
        "basis",
        "VARCHAR",
        "What the usage rests on: record, last (counter of the last response) or delta (step of "
        "the cumulative counter)",
    ),
    Column(
        "reason",
        "VARCHAR",
        "Why the line is not counted: no_info, duplicate_file, estimate, unchanged_total, "
        "inherited, unplaced, has_record or duplicate_record",
        null="it is counted",
    ),
    Column("is_counted", "BOOLEAN", "Whether the line is a response of its own"),
    Column(
        "is_in_record_turn",
        "BOOLEAN",
        "Whether records count the line's turn, so that nothing is lost with the line",
    ),
    Column("is_reset", "BOOLEAN", "Whether any component of the cumulative counter fell"),
    Column("is_own", "BOOLEAN", "Whether the line is the file's own thread's"),
    Column("used_tokens", "BIGINT", "Tokens of the one response, if it is one", "absent", "tokens"),
    Column("baseline_tokens", "BIGINT", "Counter of the counter line before", "none", "tokens"),
    Column("situation_line", "BIGINT", "Line that last changed the situation", null="none did"),
    Column("marks_turn", "BOOLEAN", "Whether the line begins or names a turn"),
    Column(
        "line_kind",
        "VARCHAR",
        "What the line tells: message, agent_message, reasoning, tool_call, item or change",
    ),
    Column("is_copy", "BOOLEAN", "Whether the same line stands in another file of the thread"),
    Column("file_rank", "BIGINT", "Which of its thread's files it is, the one that counts first"),
    Column("part", "BIGINT", "Which of several different lines at one offset of copies it is"),
    Column(
        "breaks_subset_law",
        "BOOLEAN",
        "Whether cached and cache-written exceed input, or reasoning exceeds output",
    ),
    Column("breaks_total_law", "BOOLEAN", "Whether the total is not input plus output"),
    # --- prices of responses --------------------------------------------------------------------
    Column("price_provider", "VARCHAR", "Provider by which the price is looked up"),
    Column("price_model", "VARCHAR", "Model by which the price is looked up"),
    Column("price_day", "DATE", "Day (UTC) by which the price is looked up"),
    Column(
        "listed_confidence",
        "VARCHAR",
        "What the rate rests on: listed, own_rate, backfilled or assumed_provider",
    ),
    Column("price_band", "VARCHAR", "base, or long_context for large requests", null="no price"),
    Column(
        "price_confidence",
        "VARCHAR",
        "What the cost rests on: listed (the provider's list price), own_rate (the user's), "
        "backfilled (a tier's rate from before it was known), assumed_provider (the model "
        "maker's price for an unknown provider) or unpriced",
    ),
    Column("cost_usd", "DECIMAL(18,9)", "Cost at list price", "no price is known", "USD"),
    # --- sessions -------------------------------------------------------------------------------
    Column(
        "fork_source_id",
        "VARCHAR",
        "Thread whose history this one began with",
        null="it began with none",
    ),
    Column("project", "VARCHAR", "Working folder that the thread began in, or (unknown)"),
    Column("first_seen_at", TIMESTAMPTZ, "First sign of it", null="no line carries a time"),
    Column("last_seen_at", TIMESTAMPTZ, "Last sign of it", null="no line carries a time"),
    Column("turns", "BIGINT", "Own turns that rollouts tell of"),
    Column("has_file", "BOOLEAN", "Whether the thread's own file is (or was) there"),
    Column("files", "BIGINT", "Files of the thread: segments and second copies are files, too"),
    Column("copied_lines", "BIGINT", "Lines that were copied from another thread"),
    Column("is_missing", "BOOLEAN", "Whether none of its files is there any more"),
    # --- turns --------------------------------------------------------------------------------
    Column(
        "status",
        "VARCHAR",
        "completed, failed, aborted, open (no end was written) or unknown (the CLI wrote no "
        "starts and ends yet, but for aborts since 2025-09)",
    ),
    Column("max_context_tokens", "BIGINT", "Largest response's tokens", "no usage", "tokens"),
    Column(
        "context_pressure",
        "DOUBLE",
        "Largest share of the context window that a response filled",
        null="no usage, or the window's size is not known",
    ),
    # --- sums of responses ----------------------------------------------------------------------
    Column("sessions", "BIGINT", "Threads"),
    Column("responses", "BIGINT", "Model responses counted"),
    *(
        Column(
            f"{part}_tokens_covered_{what}",
            "BIGINT",
            f"How many of the {what} the sum of {part.replace('_', ' ')} tokens covers",
        )
        for what in ("responses", "sessions")
        for part in (
            "input",
            "cached_input",
            "cache_write_input",
            "output",
            "reasoning_output",
            "total",
        )
    ),
    Column("cost_covered_responses", "BIGINT", "How many responses the cost covers"),
    Column("cost_covered_tokens", "BIGINT", "Total tokens that the cost covers", "none", "tokens"),
    Column("models", "BIGINT", "Different models"),
    Column("first_response_at", TIMESTAMPTZ, "First counted response", null="no usage"),
    Column("last_response_at", TIMESTAMPTZ, "Last counted response", null="no usage"),
    Column(
        "unplaced_lines",
        "BIGINT",
        "Usage lines of which it cannot be known whether they are own: the sums lack them",
    ),
    Column("raw_json", "VARCHAR", "All columns of the row as one JSON object"),
    Column(
        "usage_day",
        "DATE",
        "Day of the responses, in the timezone of the settings",
        null="no readable time",
    ),
    # --- families -------------------------------------------------------------------------------
    Column("root_id", "VARCHAR", "Root thread of the agent tree (itself, if it is nobody's agent)"),
    Column("parent_id", "VARCHAR", "Thread that spawned this one", null="nobody's agent"),
    Column("depth", "BIGINT", "Steps up to the root of the agent tree"),
    Column("descendants", "BIGINT", "Agents below, at any depth"),
    *(
        column
        for whose, text in (
            ("own", "the thread itself"),
            ("descendant", "all agents below it"),
            ("family", "the thread and all agents below it"),
        )
        for column in (
            Column(f"{whose}_responses", "BIGINT", f"Responses of {text}"),
            Column(f"{whose}_total_tokens", "BIGINT", f"Tokens of {text}", "no usage", "tokens"),
            Column(f"{whose}_cost_usd", "DECIMAL(18,9)", f"Cost of {text}", "no price", "USD"),
            Column(f"{whose}_cost_covered_responses", "BIGINT", f"Responses in the cost of {text}"),
        )
    ),
    # --- rate limits ----------------------------------------------------------------------------
    Column("window_slot", "VARCHAR", "Where the line had the window: primary or secondary"),
    Column("observed_at", TIMESTAMPTZ, "When it was observed", null="no readable time"),
    Column("window_minutes", "BIGINT", "Length of the window", "not said", "minutes"),
    Column("used_percent", "DOUBLE", "Used share of the window", unit="%"),
    Column("resets_at", TIMESTAMPTZ, "When the window resets", null="not said"),
    Column("is_binding", "BOOLEAN", "Whether it is the fullest window of its limit"),
    Column(
        "burn_percent_per_hour",
        "DOUBLE",
        "How fast the window filled since its first observation with the same time of reset",
        "it is the first observation, or that time is not said",
        "% per hour",
    ),
    Column(
        "exhausted_at",
        TIMESTAMPTZ,
        "When the window would be full at that rate (it may reset before)",
        null="no rate, or it is full",
    ),
    # --- reconciliation and coverage ------------------------------------------------------------
    *(
        Column(f"{name}_tokens", "BIGINT", meaning, null, "tokens")
        for name, meaning, null in (
            ("counted", "Our total of the thread", "no usage"),
            ("counter", "The CLI's cumulative counter", "no counters"),
            ("difference", "Our total less what the counter says of the thread", "no counters"),
            ("inherited", "Where that counter stood when the thread began", "no counters"),
            (
                "reverted",
                "Spent on turns that were reverted later, or on which another copy of the thread "
                "went on",
                "no counters",
            ),
            ("forgotten", "What the counter lost by falling or beginning anew", "no counters"),
            ("beyond_counter", "Recorded responses that the counter leaves out", "no counters"),
            ("unplaced", "In the counter, but perhaps not the thread's own", "no counters"),
            ("unexplained", "What is left of the difference", "no counters"),
        )
    ),
    Column("explanation", "VARCHAR", "The difference in words"),
    Column(
        "keeps_law_1",
        "BOOLEAN",
        "Whether in each file the records add up to the last record's count of the thread",
        null="no records",
    ),
    Column(
        "keeps_law_2",
        "BOOLEAN",
        "Whether the counted steps add up to the counter's whole way",
        null="counted by records, or the counter fell, began anew or is unplaced",
    ),
    Column(
        "state_tokens_used",
        "BIGINT",
        "Codex's own number of the thread, as its state database has it (the newest, of several)",
        null="no state database knows the thread",
        unit="tokens",
    ),
    Column(
        "is_state_current",
        "BOOLEAN",
        "Whether that number is the CLI's last counter (0 of a thread without counters)",
        null="no state database knows the thread",
    ),
    Column(
        "state_explanation",
        "VARCHAR",
        "Why that number is not our total, in words",
        null="no state database knows the thread",
    ),
    Column("aspect", "VARCHAR", "What is or is not covered"),
    Column("detail", "VARCHAR", "Which part of the aspect", null="all of it"),
    Column("covered", "BIGINT", "How many are covered"),
    Column("total", "BIGINT", "Of how many"),
    Column("covered_tokens", "BIGINT", "Tokens of those covered", "not tokens", "tokens"),
    Column("all_tokens", "BIGINT", "Tokens of all", "not tokens, or no usage", "tokens"),
    Column("aspect_meaning", "VARCHAR", "What the row counts"),
)

TABLES: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "rates",
        "raw",
        "Prices by model, tier, day and input size: the bundled price list and the user's own",
        "one row per rate of a model as a provider offers it",
        ("is_own_rate", "provider", "match_rank", "price_tier", "valid_from", "above_input_tokens"),
        (
            "rate_id",
            "rate_source",
            "is_own_rate",
            "provider",
            "priced_model",
            "match_rank",
            "model_names",
            "model_pattern",
            "is_maker",
            "price_tier",
            "valid_from",
            "valid_until",
            "tier_known_from",
            "above_input_tokens",
            "up_to_input_tokens",
            "input_rate",
            "cached_input_rate",
            "cache_write_input_rate",
            "output_rate",
        ),
        (),
    ),
)
