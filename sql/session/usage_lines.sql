/*
description: >
  Every line that bears usage, with its verdict: `reason` says why it is not counted, NULL
  that it is. The tables `usage` and `usage_excluded` are its two halves.
grain: one row per token_count or token_usage_record line
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - byte_offset
  - recorded_at
  - session_id
  - response_key
  - usage_kind
  - turn_key
  - turn_id
  - model
  - model_provider
  - service_tier
  - context_window
  - input_tokens
  - cached_input_tokens
  - cache_write_input_tokens
  - output_tokens
  - reasoning_output_tokens
  - total_tokens
  - basis
  - reason
  - is_in_record_turn
scope: family
*/
WITH
usage_bearing AS (
    SELECT
        lines.*,
        files.session_id AS file_session_id,
        files.base_source_id,
        lineage.inheritance,
        lineage.is_placed,
        coalesce(
            lines.line_number >= lineage.inherited_from_line
            AND (lineage.own_from_line IS NULL OR lines.line_number < lineage.own_from_line),
            FALSE
        ) AS is_in_prefix
    FROM parsed_usage AS lines
    INNER JOIN rollouts AS files
        ON lines.source_id = files.source_id
    INNER JOIN lineage
        ON lines.source_id = lineage.source_id
),

-- --- what held at each line: turn, context, settings ---------------------------------------
events AS (
    SELECT
        source_id,
        line_number,
        turn_id AS turn_key,
        CAST(NULL AS BIGINT) AS context_line,
        CAST(NULL AS BIGINT) AS settings_line,
        context_window,
        TRUE AS is_usage
    FROM parsed_usage
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_key,
        NULL AS context_line,
        NULL AS settings_line,
        NULL AS context_window,
        FALSE AS is_usage
    FROM turn_marks
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS turn_key,
        line_number AS context_line,
        NULL AS settings_line,
        NULL AS context_window,
        FALSE AS is_usage
    FROM parsed_turn_context
    WHERE model IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS turn_key,
        NULL AS context_line,
        line_number AS settings_line,
        NULL AS context_window,
        FALSE AS is_usage
    FROM parsed_settings
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS turn_key,
        NULL AS context_line,
        NULL AS settings_line,
        context_window,
        FALSE AS is_usage
    FROM parsed_lifecycle
    WHERE context_window IS NOT NULL
),

held AS (
    SELECT
        source_id,
        line_number,
        is_usage,
        last_value(turn_key IGNORE NULLS) OVER until_now AS turn_key,
        max(context_line) OVER until_now AS context_line,
        max(settings_line) OVER until_now AS settings_line,
        last_value(context_window IGNORE NULLS) OVER until_now AS context_window
    FROM events
    WINDOW
        until_now AS (
            PARTITION BY source_id
            ORDER BY line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
),

situations AS (
    SELECT
        held.source_id,
        held.line_number,
        held.turn_key,
        held.context_window,
        contexts.model AS context_model,
        contexts.turn_id AS context_turn_id,
        settings.model AS settings_model,
        settings.model_provider,
        settings.service_tier
    FROM held
    LEFT JOIN parsed_turn_context AS contexts
        ON
            held.source_id = contexts.source_id
            AND held.context_line = contexts.line_number
    LEFT JOIN parsed_settings AS settings
        ON
            held.source_id = settings.source_id
            AND held.settings_line = settings.line_number
    WHERE held.is_usage
),

-- Where another turn's context came in between, the row's own turn has an earlier one.
strays AS (
    SELECT
        situations.source_id,
        situations.line_number,
        max(contexts.line_number) AS context_line
    FROM situations
    INNER JOIN parsed_turn_context AS contexts
        ON
            situations.source_id = contexts.source_id
            AND situations.turn_key = contexts.turn_id
    WHERE
        situations.context_turn_id <> situations.turn_key
        AND contexts.line_number < situations.line_number
        AND contexts.model IS NOT NULL
    GROUP BY
        situations.source_id,
        situations.line_number
),

own_turn_models AS (
    SELECT
        strays.source_id,
        strays.line_number,
        contexts.model
    FROM strays
    INNER JOIN parsed_turn_context AS contexts
        ON
            strays.source_id = contexts.source_id
            AND strays.context_line = contexts.line_number
),

-- --- records: once each, in their owner ----------------------------------------------------
record_lines AS (
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        file_session_id,
        base_source_id,
        turn_id,
        coalesce(thread_id, file_session_id) AS session_id,
        coalesce(
            response_id,
            base_source_id || ':' || CAST(byte_offset AS VARCHAR)
        ) AS response_key,
        last_input_tokens,
        last_cached_input_tokens,
        last_cache_write_input_tokens,
        last_output_tokens,
        last_reasoning_output_tokens,
        last_total_tokens
    FROM usage_bearing
    WHERE usage_kind = 'token_usage_record'
),

ranked_records AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                session_id,
                response_key
            ORDER BY
                (file_session_id <> session_id),
                recorded_at,
                (source_id <> base_source_id),
                source_id,
                line_number
        ) AS record_rank
    FROM record_lines
),

record_turns AS (
    SELECT DISTINCT
        file_session_id,
        turn_id
    FROM record_lines
    WHERE turn_id IS NOT NULL
),

-- --- counters: what moved since the counter before -----------------------------------------
baselines AS (
    SELECT
        history_bases.source_id,
        counters.has_info,
        counters.last_input_tokens,
        counters.last_cached_input_tokens,
        counters.last_cache_write_input_tokens,
        counters.last_output_tokens,
        counters.last_reasoning_output_tokens,
        counters.last_total_tokens,
        counters.total_input_tokens,
        counters.total_cached_input_tokens,
        counters.total_cache_write_input_tokens,
        counters.total_output_tokens,
        counters.total_reasoning_output_tokens,
        counters.total_total_tokens
    FROM history_bases
    INNER JOIN parsed_usage AS counters
        ON
            history_bases.baseline_source_id = counters.source_id
            AND history_bases.baseline_line = counters.line_number
)

SELECT 1
