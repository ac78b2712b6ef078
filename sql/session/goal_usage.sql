/*
description: >
  What the threads that worked on a goal used for it: cost and tokens from usage, to read where
  the ledger has none. Always apart from the ledger's own numbers.
grain: one row per goal with a linked thread
key: [source_id, goal_id]
columns:
  - source_id
  - label
  - goal_id
  - threads
  - certain_threads
  - usage_responses
  - usage_cost_usd
  - usage_cost_covered_responses
  - usage_tokens_total
  - usage_tokens_covered_responses
  - usage_input_tokens
  - usage_input_covered_responses
  - usage_cached_input_tokens
  - usage_cached_input_covered_responses
  - usage_output_tokens
  - usage_output_covered_responses
coverage:
  - {value: usage_cost_usd, covered: usage_cost_covered_responses, total: usage_responses}
  - {value: usage_tokens_total, covered: usage_tokens_covered_responses, total: usage_responses}
  - {value: usage_input_tokens, covered: usage_input_covered_responses, total: usage_responses}
  - {value: usage_cached_input_tokens, covered: usage_cached_input_covered_responses, total: usage_responses}
  - {value: usage_output_tokens, covered: usage_output_covered_responses, total: usage_responses}
scope: global
*/
SELECT
    source_id,
    label,
    goal_id,
    count(*) AS threads,
    count(CASE WHEN confidence = 'certain' THEN 1 END) AS certain_threads,
    CAST(sum(usage_responses) AS BIGINT) AS usage_responses,
    CAST(sum(usage_cost_usd) AS DECIMAL(38, 18)) AS usage_cost_usd,
    CAST(sum(usage_cost_covered_responses) AS BIGINT) AS usage_cost_covered_responses,
    CAST(sum(usage_tokens_total) AS BIGINT) AS usage_tokens_total,
    CAST(sum(usage_tokens_covered_responses) AS BIGINT) AS usage_tokens_covered_responses,
    CAST(sum(usage_input_tokens) AS BIGINT) AS usage_input_tokens,
    CAST(sum(usage_input_covered_responses) AS BIGINT) AS usage_input_covered_responses,
    CAST(sum(usage_cached_input_tokens) AS BIGINT) AS usage_cached_input_tokens,
    CAST(sum(usage_cached_input_covered_responses) AS BIGINT) AS usage_cached_input_covered_responses,
    CAST(sum(usage_output_tokens) AS BIGINT) AS usage_output_tokens,
    CAST(sum(usage_output_covered_responses) AS BIGINT) AS usage_output_covered_responses
FROM goal_threads
GROUP BY
    source_id,
    label,
    goal_id
