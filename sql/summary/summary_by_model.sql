/*
description: >
  The summary of each model. Work done by several models is `(mixed)`, work of which not
  every member says its model is `(unknown)`: the groups add up to the whole.
grain: one row per model, and one each for mixed and unknown ones
key: [model_group]
columns:
  - model_group
  - model
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
    group_name AS model_group,
    CASE WHEN group_name NOT IN ('(mixed)', '(unknown)') THEN group_name END AS model,
    closed_goals,
    successes,
    fails,
    total_attempts,
    total_cost_usd,
    total_cost_usd_known_goals,
    total_cost_usd_complete_goals,
    total_input_tokens,
    total_input_tokens_known_goals,
    total_input_tokens_complete_goals,
    total_cached_input_tokens,
    total_cached_input_tokens_known_goals,
    total_cached_input_tokens_complete_goals,
    total_output_tokens,
    total_output_tokens_known_goals,
    total_output_tokens_complete_goals,
    total_tokens,
    total_tokens_known_goals,
    total_tokens_complete_goals,
    success_rate,
    attempts_per_closed_goal,
    known_cost_successes,
    known_token_successes,
    known_token_breakdown_successes,
    complete_cost_successes,
    complete_token_successes,
    complete_token_breakdown_successes,
    model_summary_goals,
    model_complete_goals,
    mixed_model_goals,
    known_cost_per_success_usd,
    known_cost_per_success_tokens,
    complete_cost_per_covered_success_usd,
    complete_cost_per_covered_success_tokens,
    cost_per_success_usd,
    cost_per_success_tokens,
    usage_cost_usd,
    usage_cost_goals,
    usage_tokens_total,
    usage_tokens_goals,
    any_cost_successes,
    any_cost_per_success_usd,
    any_token_successes,
    any_cost_per_success_tokens
FROM goal_totals
WHERE scope = 'model'
