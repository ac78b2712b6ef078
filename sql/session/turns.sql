/*
description: >
  The turns of each thread: when they ran, how they ended, which model they asked for, what
  they used and cost, and how full the context became. Streams and analytics events fill what
  rollouts lack of a turn; turns that only they tell of follow those of rollouts. Usage is of
  rollouts alone.
grain: one row per turn of a thread
key: [session_id, turn_index]
columns:
  - session_id
  - turn_index
  - turn_id
  - source_id
  - line_number
  - in_rollouts
  - in_streams
  - in_analytics
  - started_at
  - started_source
  - completed_at
  - completed_source
  - duration_ms
  - duration_source
  - time_to_first_token_ms
  - status
  - status_source
  - abort_reason
  - error_kind
  - error_http_status
  - turn_trigger
  - root_turn_id
  - parent_turn_id
  - collaboration_mode
  - model
  - model_source
  - effort
  - responses
  - input_tokens
  - input_tokens_covered_responses
  - cached_input_tokens
  - cached_input_tokens_covered_responses
  - cache_write_input_tokens
  - cache_write_input_tokens_covered_responses
  - output_tokens
  - output_tokens_covered_responses
  - reasoning_output_tokens
  - reasoning_output_tokens_covered_responses
  - total_tokens
  - total_tokens_covered_responses
  - cost_usd
  - cost_covered_responses
  - cost_covered_tokens
  - max_context_tokens
  - context_window
  - context_pressure
coverage:
  - {value: input_tokens, covered: input_tokens_covered_responses, total: responses}
  - {value: cached_input_tokens, covered: cached_input_tokens_covered_responses, total: responses}
  - {value: cache_write_input_tokens, covered: cache_write_input_tokens_covered_responses, total: responses}
  - {value: output_tokens, covered: output_tokens_covered_responses, total: responses}
  - {value: reasoning_output_tokens, covered: reasoning_output_tokens_covered_responses, total: responses}
  - {value: total_tokens, covered: total_tokens_covered_responses, total: responses}
  - {value: cost_usd, covered: cost_covered_responses, total: responses}
scope: family
*/
WITH
turn_usage AS (
    SELECT
        session_id,
        turn_index,
        count(*) AS responses,
        CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
        count(input_tokens) AS input_tokens_covered_responses,
        CAST(sum(cached_input_tokens) AS BIGINT) AS cached_input_tokens,
        count(cached_input_tokens) AS cached_input_tokens_covered_responses,
        CAST(sum(cache_write_input_tokens) AS BIGINT) AS cache_write_input_tokens,
        count(cache_write_input_tokens) AS cache_write_input_tokens_covered_responses,
        CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
        count(output_tokens) AS output_tokens_covered_responses,
        CAST(sum(reasoning_output_tokens) AS BIGINT) AS reasoning_output_tokens,
        count(reasoning_output_tokens) AS reasoning_output_tokens_covered_responses,
        CAST(sum(total_tokens) AS BIGINT) AS total_tokens,
        count(total_tokens) AS total_tokens_covered_responses,
        CAST(sum(cost_usd) AS DECIMAL(18, 9)) AS cost_usd,
        count(cost_usd) AS cost_covered_responses,
        CAST(sum(CASE WHEN cost_usd IS NOT NULL THEN total_tokens END) AS BIGINT) AS cost_covered_tokens,
        max(model) AS model,
        max(total_tokens) AS max_context_tokens,
        max(context_window) AS context_window,
        max(total_tokens / nullif(context_window, 0)) AS context_pressure
    FROM usage
    WHERE turn_index IS NOT NULL
    GROUP BY
        session_id,
        turn_index
),

-- Before turns had ids, of how they ended no more was written than that they were aborted.
nameless_aborts AS (
    SELECT
        rollouts.session_id,
        own_lines.turn_index,
        max(lifecycle.recorded_at) AS completed_at,
        min(lifecycle.abort_reason) AS abort_reason
    FROM parsed_lifecycle AS lifecycle
    INNER JOIN own_lines
        ON
            lifecycle.source_id = own_lines.source_id
            AND lifecycle.line_number = own_lines.line_number
    INNER JOIN rollouts
        ON lifecycle.source_id = rollouts.source_id
    WHERE
        lifecycle.event = 'turn_aborted'
        AND lifecycle.turn_id IS NULL
        AND own_lines.turn_index IS NOT NULL
    GROUP BY
        rollouts.session_id,
        own_lines.turn_index
),

steps AS (
    SELECT
        lifecycle.source_id,
        lineage.session_id,
        lifecycle.line_number,
        lifecycle.event,
        lifecycle.turn_id,
        lifecycle.root_turn_id,
        lifecycle.parent_turn_id,
        lifecycle.turn_trigger,
        lifecycle.started_at,
        coalesce(lifecycle.completed_at, lifecycle.recorded_at) AS ended_at,
        lifecycle.duration_ms,
        lifecycle.time_to_first_token_ms,
        lifecycle.context_window,
        lifecycle.collaboration_mode,
        lifecycle.abort_reason,
        lifecycle.error_kind,
        lifecycle.error_http_status
    FROM parsed_lifecycle AS lifecycle
    INNER JOIN lineage
        ON lifecycle.source_id = lineage.source_id
    WHERE is_own_line(lifecycle.line_number, lineage.inherited_from_line, lineage.own_from_line)
),

starts AS (
    SELECT
        session_id,
        turn_id,
        min(started_at) AS started_at,
        min(root_turn_id) AS root_turn_id,
        min(parent_turn_id) AS parent_turn_id,
        min(turn_trigger) AS turn_trigger,
        min(collaboration_mode) AS collaboration_mode,
        max(context_window) AS context_window
    FROM steps
    WHERE event = 'task_started'
    GROUP BY
        session_id,
        turn_id
),

ends AS (
    SELECT
        session_id,
        turn_id,
        min(started_at) AS started_at,
        min(root_turn_id) AS root_turn_id,
        max(ended_at) AS completed_at,
        max(duration_ms) AS duration_ms,
        min(time_to_first_token_ms) AS time_to_first_token_ms,
        bool_or(event = 'turn_aborted') AS is_aborted,
        bool_or(error_kind IS NOT NULL) AS is_failed,
        min(abort_reason) AS abort_reason,
        min(error_kind) AS error_kind,
        min(error_http_status) AS error_http_status
    FROM steps
    WHERE event <> 'task_started'
    GROUP BY
        session_id,
        turn_id
),

-- A context that names no turn (before 2026-02-11) stands behind the prompt of its turn.
contexts AS (
    SELECT
        source_id,
        turn_key,
        arg_min(model, line_number) AS model,
        arg_min(effort, line_number) AS effort
    FROM (
        SELECT
            source_id,
            line_number,
            turn_id AS turn_key,
            model,
            effort
        FROM parsed_turn_context
        WHERE turn_id IS NOT NULL
        UNION ALL
        SELECT
            nameless.source_id,
            nameless.line_number,
            situations.turn_key,
            nameless.model,
            nameless.effort
        FROM parsed_turn_context AS nameless
        INNER JOIN situations
            ON
                nameless.source_id = situations.source_id
                AND nameless.line_number = situations.line_number
        WHERE
            nameless.turn_id IS NULL
            AND situations.turn_key IS NOT NULL
    ) AS all_contexts
    WHERE model IS NOT NULL
    GROUP BY
        source_id,
        turn_key
),

streamed AS (
    SELECT
        identities.turn_index,
        identities.in_rollouts,
        app_turns.*
    FROM turn_identities AS identities
    INNER JOIN app_turns
        ON
            identities.session_id = app_turns.session_id
            AND identities.turn_key = app_turns.turn_key
),

all_turns AS (
    SELECT
        session_id,
        turn_index,
        turn_key,
        turn_id,
        source_id,
        line_number,
        recorded_at,
        TRUE AS in_rollouts
    FROM turn_starts
    UNION ALL
    SELECT
        session_id,
        turn_index,
        turn_key,
        turn_id,
        source_id,
        line_number,
        NULL AS recorded_at,
        FALSE AS in_rollouts
    FROM streamed
    WHERE NOT in_rollouts
)

SELECT
    turns.session_id,
    turns.turn_index,
    turns.turn_id,
    turns.source_id,
    turns.line_number,
    turns.in_rollouts
    OR ends.turn_id IS NOT NULL AS in_rollouts,
    coalesce(streamed.in_streams, FALSE) AS in_streams,
    coalesce(streamed.in_analytics, FALSE) AS in_analytics,
    coalesce(starts.started_at, ends.started_at, turns.recorded_at, streamed.started_at) AS started_at,
    CASE
        WHEN coalesce(starts.started_at, ends.started_at, turns.recorded_at) IS NOT NULL THEN 'rollout'
        ELSE streamed.started_source
    END AS started_source,
    coalesce(ends.completed_at, nameless_aborts.completed_at, streamed.completed_at) AS completed_at,
    CASE
        WHEN coalesce(ends.completed_at, nameless_aborts.completed_at) IS NOT NULL THEN 'rollout'
        ELSE streamed.completed_source
    END AS completed_source,
    coalesce(ends.duration_ms, streamed.duration_ms) AS duration_ms,
    CASE
        WHEN ends.duration_ms IS NOT NULL THEN 'rollout'
        ELSE streamed.duration_source
    END AS duration_source,
    ends.time_to_first_token_ms,
    CASE
        WHEN ends.is_aborted THEN 'aborted'
        WHEN ends.is_failed THEN 'failed'
        WHEN ends.turn_id IS NOT NULL THEN 'completed'
        WHEN nameless_aborts.turn_index IS NOT NULL THEN 'aborted'
        WHEN streamed.turn_status = 'interrupted' THEN 'aborted'
        WHEN streamed.turn_status IN ('failed', 'completed') THEN streamed.turn_status
        WHEN starts.turn_id IS NOT NULL OR streamed.turn_status = 'inProgress' THEN 'open'
        ELSE 'unknown'
    END AS status,
    CASE
        WHEN ends.turn_id IS NOT NULL OR nameless_aborts.turn_index IS NOT NULL THEN 'rollout'
        WHEN streamed.turn_status IN ('interrupted', 'failed', 'completed') THEN streamed.status_source
        WHEN starts.turn_id IS NOT NULL THEN 'rollout'
        ELSE streamed.status_source
    END AS status_source,
    CASE
        WHEN ends.turn_id IS NOT NULL THEN ends.abort_reason
        ELSE nameless_aborts.abort_reason
    END AS abort_reason,
    CASE
        WHEN ends.turn_id IS NOT NULL OR nameless_aborts.turn_index IS NOT NULL THEN ends.error_kind
        ELSE snake_case(streamed.error_kind)
    END AS error_kind,
    CASE
        WHEN ends.turn_id IS NOT NULL OR nameless_aborts.turn_index IS NOT NULL THEN ends.error_http_status
        ELSE streamed.error_http_status
    END AS error_http_status,
    starts.turn_trigger,
    coalesce(starts.root_turn_id, ends.root_turn_id) AS root_turn_id,
    starts.parent_turn_id,
    starts.collaboration_mode,
    coalesce(contexts.model, turn_usage.model, situations.model, streamed.model) AS model,
    CASE
        WHEN coalesce(contexts.model, turn_usage.model, situations.model) IS NOT NULL THEN 'rollout'
        ELSE streamed.model_source
    END AS model_source,
    CASE
        WHEN coalesce(contexts.model, turn_usage.model, situations.model) IS NOT NULL THEN contexts.effort
        ELSE streamed.effort
    END AS effort,
    coalesce(turn_usage.responses, 0) AS responses,
    turn_usage.input_tokens,
    coalesce(turn_usage.input_tokens_covered_responses, 0) AS input_tokens_covered_responses,
    turn_usage.cached_input_tokens,
    coalesce(turn_usage.cached_input_tokens_covered_responses, 0) AS cached_input_tokens_covered_responses,
    turn_usage.cache_write_input_tokens,
    coalesce(turn_usage.cache_write_input_tokens_covered_responses, 0) AS cache_write_input_tokens_covered_responses,
    turn_usage.output_tokens,
    coalesce(turn_usage.output_tokens_covered_responses, 0) AS output_tokens_covered_responses,
    turn_usage.reasoning_output_tokens,
    coalesce(turn_usage.reasoning_output_tokens_covered_responses, 0) AS reasoning_output_tokens_covered_responses,
    turn_usage.total_tokens,
    coalesce(turn_usage.total_tokens_covered_responses, 0) AS total_tokens_covered_responses,
    turn_usage.cost_usd,
    coalesce(turn_usage.cost_covered_responses, 0) AS cost_covered_responses,
    turn_usage.cost_covered_tokens,
    turn_usage.max_context_tokens,
    coalesce(turn_usage.context_window, starts.context_window) AS context_window,
    turn_usage.context_pressure
FROM all_turns AS turns
LEFT JOIN turn_usage
    ON
        turns.session_id = turn_usage.session_id
        AND turns.turn_index = turn_usage.turn_index
LEFT JOIN starts
    ON
        turns.session_id = starts.session_id
        AND turns.turn_id = starts.turn_id
LEFT JOIN ends
    ON
        turns.session_id = ends.session_id
        AND turns.turn_id = ends.turn_id
LEFT JOIN nameless_aborts
    ON
        turns.session_id = nameless_aborts.session_id
        AND turns.turn_index = nameless_aborts.turn_index
LEFT JOIN contexts
    ON
        turns.source_id = contexts.source_id
        AND turns.turn_key = contexts.turn_key
        AND (
            turns.turn_id IS NOT NULL
            OR turn_usage.model IS NULL
            OR turn_usage.model = contexts.model
        )
LEFT JOIN situations
    ON
        turns.source_id = situations.source_id
        AND turns.line_number = situations.line_number
LEFT JOIN streamed
    ON
        turns.session_id = streamed.session_id
        AND turns.turn_index = streamed.turn_index
