/*
description: >
  What became of each goal: every event that put or removed it, what the goal was after that,
  and which of its fields changed.
grain: one row per goal and event of its ledger
key: [source_id, goal_id, line_number]
columns:
  - source_id
  - label
  - goal_id
  - line_number
  - history_index
  - recorded_at
  - event_type
  - is_removed
  - is_last
  - changes
  - previous_status
  - goal_type
  - supersedes_goal_id
  - status
  - attempts
  - started_at
  - finished_at
  - cost_usd
  - input_tokens
  - cached_input_tokens
  - output_tokens
  - tokens_total
  - failure_reason
  - result_fit
  - agent_name
  - model
scope: session
*/
WITH
operations AS (
    SELECT
        source_id,
        goal_id,
        line_number,
        position,
        FALSE AS is_removed,
        goal_type,
        supersedes_goal_id,
        status,
        attempts,
        started_at,
        finished_at,
        cost_usd,
        input_tokens,
        cached_input_tokens,
        output_tokens,
        tokens_total,
        failure_reason,
        result_fit,
        agent_name,
        model,
        title_chars,
        notes_chars
    FROM parsed_ledger_goals
    UNION ALL
    SELECT
        source_id,
        goal_id,
        line_number,
        position,
        TRUE AS is_removed,
        NULL AS goal_type,
        NULL AS supersedes_goal_id,
        NULL AS status,
        NULL AS attempts,
        NULL AS started_at,
        NULL AS finished_at,
        NULL AS cost_usd,
        NULL AS input_tokens,
        NULL AS cached_input_tokens,
        NULL AS output_tokens,
        NULL AS tokens_total,
        NULL AS failure_reason,
        NULL AS result_fit,
        NULL AS agent_name,
        NULL AS model,
        NULL AS title_chars,
        NULL AS notes_chars
    FROM parsed_ledger_removals
),

-- An event may touch a goal more than once: what it leaves counts. (What comes first in an
-- event can't be what it does last to a goal that it touched before.)
overtaken AS (
    SELECT DISTINCT
        earlier.source_id,
        earlier.line_number,
        earlier.position
    FROM operations AS later
    INNER JOIN operations AS earlier
        ON
            later.source_id = earlier.source_id
            AND later.line_number = earlier.line_number
            AND later.goal_id = earlier.goal_id
            AND later.position > earlier.position
    WHERE later.position > 1
),

states AS (
    SELECT
        operations.source_id,
        operations.goal_id,
        operations.line_number,
        operations.is_removed,
        operations.goal_type,
        operations.supersedes_goal_id,
        operations.status,
        operations.attempts,
        operations.started_at,
        operations.finished_at,
        operations.cost_usd,
        operations.input_tokens,
        operations.cached_input_tokens,
        operations.output_tokens,
        operations.tokens_total,
        operations.failure_reason,
        operations.result_fit,
        operations.agent_name,
        operations.model,
        operations.title_chars,
        operations.notes_chars,
        row_number() OVER history AS history_index,
        lead(operations.line_number) OVER history IS NULL AS is_last,
        lag(operations.is_removed) OVER history AS was_removed,
        lag(operations.goal_type) OVER history AS previous_goal_type,
        lag(operations.supersedes_goal_id) OVER history AS previous_supersedes_goal_id,
        lag(operations.status) OVER history AS previous_status,
        lag(operations.attempts) OVER history AS previous_attempts,
        lag(operations.started_at) OVER history AS previous_started_at,
        lag(operations.finished_at) OVER history AS previous_finished_at,
        lag(operations.cost_usd) OVER history AS previous_cost_usd,
        lag(operations.input_tokens) OVER history AS previous_input_tokens,
        lag(operations.cached_input_tokens) OVER history AS previous_cached_input_tokens,
        lag(operations.output_tokens) OVER history AS previous_output_tokens,
        lag(operations.tokens_total) OVER history AS previous_tokens_total,
        lag(operations.failure_reason) OVER history AS previous_failure_reason,
        lag(operations.result_fit) OVER history AS previous_result_fit,
        lag(operations.agent_name) OVER history AS previous_agent_name,
        lag(operations.model) OVER history AS previous_model,
        lag(operations.title_chars) OVER history AS previous_title_chars,
        lag(operations.notes_chars) OVER history AS previous_notes_chars
    FROM operations
    LEFT JOIN overtaken
        ON
            operations.source_id = overtaken.source_id
            AND operations.line_number = overtaken.line_number
            AND operations.position = overtaken.position
    WHERE overtaken.source_id IS NULL
    WINDOW history AS (
        PARTITION BY
            operations.source_id,
            operations.goal_id
        ORDER BY operations.line_number
    )
)

SELECT
    states.source_id,
    ledgers.label,
    states.goal_id,
    states.line_number,
    states.history_index,
    events.recorded_at,
    events.event_type,
    states.is_removed,
    states.is_last,
    CASE
        WHEN states.is_removed THEN 'removed'
        WHEN states.was_removed IS NULL THEN 'created'
        WHEN states.was_removed THEN 'restored'
        ELSE nullif(
            concat_ws(
                ', ',
                CASE WHEN states.goal_type IS DISTINCT FROM states.previous_goal_type THEN 'goal_type' END,
                CASE WHEN states.supersedes_goal_id IS DISTINCT FROM states.previous_supersedes_goal_id THEN 'supersedes_goal_id' END,
                CASE WHEN states.status IS DISTINCT FROM states.previous_status THEN 'status' END,
                CASE WHEN states.attempts IS DISTINCT FROM states.previous_attempts THEN 'attempts' END,
                CASE WHEN states.started_at IS DISTINCT FROM states.previous_started_at THEN 'started_at' END,
                CASE WHEN states.finished_at IS DISTINCT FROM states.previous_finished_at THEN 'finished_at' END,
                CASE WHEN states.cost_usd IS DISTINCT FROM states.previous_cost_usd THEN 'cost_usd' END,
                CASE WHEN states.input_tokens IS DISTINCT FROM states.previous_input_tokens THEN 'input_tokens' END,
                CASE WHEN states.cached_input_tokens IS DISTINCT FROM states.previous_cached_input_tokens THEN 'cached_input_tokens' END,
                CASE WHEN states.output_tokens IS DISTINCT FROM states.previous_output_tokens THEN 'output_tokens' END,
                CASE WHEN states.tokens_total IS DISTINCT FROM states.previous_tokens_total THEN 'tokens_total' END,
                CASE WHEN states.failure_reason IS DISTINCT FROM states.previous_failure_reason THEN 'failure_reason' END,
                CASE WHEN states.result_fit IS DISTINCT FROM states.previous_result_fit THEN 'result_fit' END,
                CASE WHEN states.agent_name IS DISTINCT FROM states.previous_agent_name THEN 'agent_name' END,
                CASE WHEN states.model IS DISTINCT FROM states.previous_model THEN 'model' END,
                CASE WHEN states.title_chars IS DISTINCT FROM states.previous_title_chars THEN 'title' END,
                CASE WHEN states.notes_chars IS DISTINCT FROM states.previous_notes_chars THEN 'notes' END
            ),
            ''
        )
    END AS changes,
    states.previous_status,
    states.goal_type,
    states.supersedes_goal_id,
    states.status,
    states.attempts,
    states.started_at,
    states.finished_at,
    states.cost_usd,
    states.input_tokens,
    states.cached_input_tokens,
    states.output_tokens,
    states.tokens_total,
    states.failure_reason,
    states.result_fit,
    states.agent_name,
    states.model
FROM states
INNER JOIN parsed_ledger_events AS events
    ON
        states.source_id = events.source_id
        AND states.line_number = events.line_number
INNER JOIN ledgers
    ON states.source_id = ledgers.source_id
