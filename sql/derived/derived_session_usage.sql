/*
description: >
  What each thread used and cost itself, without what it inherited and without its sub-agents
  (see families for those). NULL where the thread has no usage at all.
grain: one row per thread
key: [session_id]
columns:
  - session_id
  - project
  - turns
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
  - models
  - first_response_at
  - last_response_at
  - unplaced_lines
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
session_usage AS (
    SELECT
        session_id,
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
        count(DISTINCT model) AS models,
        min(responded_at) AS first_response_at,
        max(responded_at) AS last_response_at
    FROM usage
    GROUP BY session_id
),

-- Lines that may be own usage, but that nothing tells from copied ones.
unplaced AS (
    SELECT
        session_id,
        count(*) AS unplaced_lines
    FROM usage_excluded
    WHERE
        reason = 'unplaced'
        AND NOT is_in_record_turn
    GROUP BY session_id
)

SELECT
    sessions.session_id,
    sessions.project,
    sessions.turns,
    coalesce(session_usage.responses, 0) AS responses,
    session_usage.input_tokens,
    coalesce(session_usage.input_tokens_covered_responses, 0) AS input_tokens_covered_responses,
    session_usage.cached_input_tokens,
    coalesce(session_usage.cached_input_tokens_covered_responses, 0) AS cached_input_tokens_covered_responses,
    session_usage.cache_write_input_tokens,
    coalesce(session_usage.cache_write_input_tokens_covered_responses, 0) AS cache_write_input_tokens_covered_responses,
    session_usage.output_tokens,
    coalesce(session_usage.output_tokens_covered_responses, 0) AS output_tokens_covered_responses,
    session_usage.reasoning_output_tokens,
    coalesce(session_usage.reasoning_output_tokens_covered_responses, 0) AS reasoning_output_tokens_covered_responses,
    session_usage.total_tokens,
    coalesce(session_usage.total_tokens_covered_responses, 0) AS total_tokens_covered_responses,
    session_usage.cost_usd,
    coalesce(session_usage.cost_covered_responses, 0) AS cost_covered_responses,
    session_usage.cost_covered_tokens,
    coalesce(session_usage.models, 0) AS models,
    session_usage.first_response_at,
    session_usage.last_response_at,
    coalesce(unplaced.unplaced_lines, 0) AS unplaced_lines
FROM sessions
LEFT JOIN session_usage
    ON sessions.session_id = session_usage.session_id
LEFT JOIN unplaced
    ON sessions.session_id = unplaced.session_id
