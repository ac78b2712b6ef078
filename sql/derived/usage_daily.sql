/*
description: >
  Use and cost by day (in the timezone of the settings), project and model.
grain: one row per day, project and model
key: [usage_day, project, model]
columns:
  - usage_day
  - project
  - model
  - sessions
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
coverage:
  - {value: input_tokens, covered: input_tokens_covered_responses, total: responses}
  - {value: cached_input_tokens, covered: cached_input_tokens_covered_responses, total: responses}
  - {value: cache_write_input_tokens, covered: cache_write_input_tokens_covered_responses, total: responses}
  - {value: output_tokens, covered: output_tokens_covered_responses, total: responses}
  - {value: reasoning_output_tokens, covered: reasoning_output_tokens_covered_responses, total: responses}
  - {value: total_tokens, covered: total_tokens_covered_responses, total: responses}
  - {value: cost_usd, covered: cost_covered_responses, total: responses}
scope: global
*/
SELECT
    local_day(usage.responded_at) AS usage_day,
    sessions.project,
    usage.model,
    count(DISTINCT usage.session_id) AS sessions,
    count(*) AS responses,
    CAST(sum(usage.input_tokens) AS BIGINT) AS input_tokens,
    count(usage.input_tokens) AS input_tokens_covered_responses,
    CAST(sum(usage.cached_input_tokens) AS BIGINT) AS cached_input_tokens,
    count(usage.cached_input_tokens) AS cached_input_tokens_covered_responses,
    CAST(sum(usage.cache_write_input_tokens) AS BIGINT) AS cache_write_input_tokens,
    count(usage.cache_write_input_tokens) AS cache_write_input_tokens_covered_responses,
    CAST(sum(usage.output_tokens) AS BIGINT) AS output_tokens,
    count(usage.output_tokens) AS output_tokens_covered_responses,
    CAST(sum(usage.reasoning_output_tokens) AS BIGINT) AS reasoning_output_tokens,
    count(usage.reasoning_output_tokens) AS reasoning_output_tokens_covered_responses,
    CAST(sum(usage.total_tokens) AS BIGINT) AS total_tokens,
    count(usage.total_tokens) AS total_tokens_covered_responses,
    CAST(sum(usage.cost_usd) AS DECIMAL(18, 9)) AS cost_usd,
    count(usage.cost_usd) AS cost_covered_responses,
    CAST(sum(CASE WHEN usage.cost_usd IS NOT NULL THEN usage.total_tokens END) AS BIGINT) AS cost_covered_tokens
FROM usage
INNER JOIN sessions
    ON usage.session_id = sessions.session_id
GROUP BY
    local_day(usage.responded_at),
    sessions.project,
    usage.model
