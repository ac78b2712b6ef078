/*
description: >
  The summary of each type of goal; all three are there, closed goals or not.
grain: one row per goal type
key: [goal_type]
columns:
  - goal_type
  - closed_goals
  - successes
  - fails
  - total_attempts
  - total_cost_usd
  - total_cost_usd_known_goals
  - total_cost_usd_complete_goals
  - total_input_tokens
  - total_input_tokens_known_goals
  - total_input_tokens_complete_goals
  - total_cached_input_tokens
  - total_cached_input_tokens_known_goals
  - total_cached_input_tokens_complete_goals
  - total_output_tokens
  - total_output_tokens_known_goals
  - total_output_tokens_complete_goals
  - total_tokens
  - total_tokens_known_goals
  - total_tokens_complete_goals
  - success_rate
  - attempts_per_closed_goal
  - known_cost_successes
  - known_token_successes
  - known_token_breakdown_successes
  - complete_cost_successes
  - complete_token_successes
  - complete_token_breakdown_successes
  - model_summary_goals
  - model_complete_goals
  - mixed_model_goals
  - known_cost_per_success_usd
  - known_cost_per_success_tokens
  - complete_cost_per_covered_success_usd
  - complete_cost_per_covered_success_tokens
  - cost_per_success_usd
  - cost_per_success_tokens
  - usage_cost_usd
  - usage_cost_goals
  - usage_tokens_total
  - usage_tokens_goals
  - any_cost_successes
  - any_cost_per_success_usd
  - any_token_successes
  - any_cost_per_success_tokens
coverage:
  - {value: total_cost_usd, covered: total_cost_usd_known_goals, total: closed_goals}
  - {value: total_input_tokens, covered: total_input_tokens_known_goals, total: closed_goals}
  - {value: total_cached_input_tokens, covered: total_cached_input_tokens_known_goals, total: closed_goals}
  - {value: total_output_tokens, covered: total_output_tokens_known_goals, total: closed_goals}
  - {value: total_tokens, covered: total_tokens_known_goals, total: closed_goals}
  - {value: known_cost_per_success_usd, covered: known_cost_successes, total: successes}
  - {value: known_cost_per_success_tokens, covered: known_token_successes, total: successes}
  - {value: complete_cost_per_covered_success_usd, covered: complete_cost_successes, total: successes}
  - {value: complete_cost_per_covered_success_tokens, covered: complete_token_successes, total: successes}
  - {value: usage_cost_usd, covered: usage_cost_goals, total: closed_goals}
  - {value: usage_tokens_total, covered: usage_tokens_goals, total: closed_goals}
  - {value: any_cost_per_success_usd, covered: any_cost_successes, total: successes}
  - {value: any_cost_per_success_tokens, covered: any_token_successes, total: successes}
scope: global
*/
SELECT
    types.goal_type,
    coalesce(totals.closed_goals, 0) AS closed_goals,
    coalesce(totals.successes, 0) AS successes,
    coalesce(totals.fails, 0) AS fails,
    coalesce(totals.total_attempts, 0) AS total_attempts,
    totals.total_cost_usd,
    coalesce(totals.total_cost_usd_known_goals, 0) AS total_cost_usd_known_goals,
    coalesce(totals.total_cost_usd_complete_goals, 0) AS total_cost_usd_complete_goals,
    totals.total_input_tokens,
    coalesce(totals.total_input_tokens_known_goals, 0) AS total_input_tokens_known_goals,
    coalesce(totals.total_input_tokens_complete_goals, 0) AS total_input_tokens_complete_goals,
    totals.total_cached_input_tokens,
    coalesce(totals.total_cached_input_tokens_known_goals, 0) AS total_cached_input_tokens_known_goals,
    coalesce(totals.total_cached_input_tokens_complete_goals, 0) AS total_cached_input_tokens_complete_goals,
    totals.total_output_tokens,
    coalesce(totals.total_output_tokens_known_goals, 0) AS total_output_tokens_known_goals,
    coalesce(totals.total_output_tokens_complete_goals, 0) AS total_output_tokens_complete_goals,
    totals.total_tokens,
    coalesce(totals.total_tokens_known_goals, 0) AS total_tokens_known_goals,
    coalesce(totals.total_tokens_complete_goals, 0) AS total_tokens_complete_goals,
    totals.success_rate,
    totals.attempts_per_closed_goal,
    coalesce(totals.known_cost_successes, 0) AS known_cost_successes,
    coalesce(totals.known_token_successes, 0) AS known_token_successes,
    coalesce(totals.known_token_breakdown_successes, 0) AS known_token_breakdown_successes,
    coalesce(totals.complete_cost_successes, 0) AS complete_cost_successes,
    coalesce(totals.complete_token_successes, 0) AS complete_token_successes,
    coalesce(totals.complete_token_breakdown_successes, 0) AS complete_token_breakdown_successes,
    coalesce(totals.model_summary_goals, 0) AS model_summary_goals,
    coalesce(totals.model_complete_goals, 0) AS model_complete_goals,
    coalesce(totals.mixed_model_goals, 0) AS mixed_model_goals,
    totals.known_cost_per_success_usd,
    totals.known_cost_per_success_tokens,
    totals.complete_cost_per_covered_success_usd,
    totals.complete_cost_per_covered_success_tokens,
    totals.cost_per_success_usd,
    totals.cost_per_success_tokens,
    totals.usage_cost_usd,
    coalesce(totals.usage_cost_goals, 0) AS usage_cost_goals,
    totals.usage_tokens_total,
    coalesce(totals.usage_tokens_goals, 0) AS usage_tokens_goals,
    coalesce(totals.any_cost_successes, 0) AS any_cost_successes,
    totals.any_cost_per_success_usd,
    coalesce(totals.any_token_successes, 0) AS any_token_successes,
    totals.any_cost_per_success_tokens
FROM (
    VALUES
    ('meta'),
    ('product'),
    ('retro')
) AS types (goal_type)
LEFT JOIN goal_totals AS totals
    ON
        types.goal_type = totals.group_name
        AND totals.scope = 'goal_type'
