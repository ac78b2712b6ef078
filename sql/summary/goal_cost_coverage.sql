/*
description: >
  What is known of the cost of closed product goals, goal by goal: whether the ledger says it,
  and if not, why usage does not say it either.
grain: one row per closed product goal
key: [source_id, goal_id]
columns:
  - source_id
  - label
  - goal_id
  - status
  - started_at
  - finished_at
  - has_cost
  - has_tokens
  - threads
  - usage_responses
  - usage_cost_usd
  - usage_cost_covered_responses
  - coverage_category
coverage:
  - {value: usage_cost_usd, covered: usage_cost_covered_responses, total: usage_responses}
scope: global
*/
SELECT
    goals.source_id,
    goals.label,
    goals.goal_id,
    goals.status,
    goals.started_at,
    goals.finished_at,
    goals.cost_usd IS NOT NULL AS has_cost,
    goals.tokens_total IS NOT NULL AS has_tokens,
    coalesce(goal_usage.threads, 0) AS threads,
    coalesce(goal_usage.usage_responses, 0) AS usage_responses,
    goal_usage.usage_cost_usd,
    coalesce(goal_usage.usage_cost_covered_responses, 0) AS usage_cost_covered_responses,
    CASE
        WHEN goals.cost_usd IS NOT NULL AND goals.tokens_total IS NOT NULL THEN 'covered'
        WHEN goals.cost_usd IS NOT NULL OR goals.tokens_total IS NOT NULL THEN 'partial_stored_coverage'
        WHEN goal_usage.usage_responses > 0 THEN 'sync_gap'
        WHEN goal_usage.threads > 0 THEN 'no_usage_data_found'
        WHEN goals.finished_at > goals.started_at THEN 'thread_unresolved'
        ELSE 'incomplete_goal_window'
    END AS coverage_category
FROM goals
LEFT JOIN goal_usage
    ON
        goals.source_id = goal_usage.source_id
        AND goals.goal_id = goal_usage.goal_id
WHERE
    goals.is_closed
    AND goals.goal_type = 'product'
