/*
description: >
  Use and cost by model. A model without a price has no cost, and stands in coverage.
grain: one row per model
key: [model]
columns:
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
  - first_seen_at
  - last_seen_at
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
    model,
    count(DISTINCT session_id) AS sessions,
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
    min(responded_at) AS first_seen_at,
    max(responded_at) AS last_seen_at
FROM usage
GROUP BY model
