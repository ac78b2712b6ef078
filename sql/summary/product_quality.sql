/*
description: >
  How well finished product work fits what was asked for, as far as people reviewed it: rates
  are of reviewed goals, and review_coverage says how many those are.
grain: one row
key: [scope]
columns:
  - scope
  - closed_product_goals
  - successful_product_goals
  - failed_product_goals
  - reviewed_product_goals
  - unreviewed_product_goals
  - review_coverage
  - exact_fit_goals
  - partial_fit_goals
  - miss_goals
  - exact_fit_rate_reviewed
  - partial_fit_rate_reviewed
  - miss_rate_reviewed
  - attempts_per_closed_product_goal
  - known_cost_successes
  - known_cost_per_success_usd
  - known_token_successes
  - known_cost_per_success_tokens
coverage:
  - {value: exact_fit_rate_reviewed, covered: reviewed_product_goals, total: closed_product_goals}
  - {value: partial_fit_rate_reviewed, covered: reviewed_product_goals, total: closed_product_goals}
  - {value: miss_rate_reviewed, covered: reviewed_product_goals, total: closed_product_goals}
  - {value: known_cost_per_success_usd, covered: known_cost_successes, total: successful_product_goals}
  - {value: known_cost_per_success_tokens, covered: known_token_successes, total: successful_product_goals}
scope: global
*/
WITH
closed AS (
    SELECT
        status = 'success' AS is_success,
        attempts,
        result_fit,
        cost_usd_known,
        tokens_total_known
    FROM effective_goals
    WHERE
        is_closed
        AND goal_type = 'product'
),

counted AS (
    SELECT
        count(*) AS closed_product_goals,
        count(CASE WHEN is_success THEN 1 END) AS successful_product_goals,
        count(CASE WHEN NOT is_success THEN 1 END) AS failed_product_goals,
        count(result_fit) AS reviewed_product_goals,
        count(CASE WHEN result_fit = 'exact_fit' THEN 1 END) AS exact_fit_goals,
        count(CASE WHEN result_fit = 'partial_fit' THEN 1 END) AS partial_fit_goals,
        count(CASE WHEN result_fit = 'miss' THEN 1 END) AS miss_goals,
        sum(attempts) AS attempts,
        sum(CASE WHEN is_success THEN cost_usd_known END) AS success_cost_usd,
        count(CASE WHEN is_success THEN cost_usd_known END) AS known_cost_successes,
        sum(CASE WHEN is_success THEN tokens_total_known END) AS success_tokens,
        count(CASE WHEN is_success THEN tokens_total_known END) AS known_token_successes
    FROM closed
)

SELECT
    'all' AS scope,
    closed_product_goals,
    successful_product_goals,
    failed_product_goals,
    reviewed_product_goals,
    closed_product_goals - reviewed_product_goals AS unreviewed_product_goals,
    CAST(reviewed_product_goals AS DOUBLE) / nullif(closed_product_goals, 0) AS review_coverage,
    exact_fit_goals,
    partial_fit_goals,
    miss_goals,
    CAST(exact_fit_goals AS DOUBLE) / nullif(reviewed_product_goals, 0) AS exact_fit_rate_reviewed,
    CAST(partial_fit_goals AS DOUBLE) / nullif(reviewed_product_goals, 0) AS partial_fit_rate_reviewed,
    CAST(miss_goals AS DOUBLE) / nullif(reviewed_product_goals, 0) AS miss_rate_reviewed,
    CAST(attempts AS DOUBLE) / nullif(closed_product_goals, 0) AS attempts_per_closed_product_goal,
    known_cost_successes,
    mean_usd_unrounded(success_cost_usd, known_cost_successes) AS known_cost_per_success_usd,
    known_token_successes,
    CAST(success_tokens AS DOUBLE) / nullif(known_token_successes, 0) AS known_cost_per_success_tokens
FROM counted
