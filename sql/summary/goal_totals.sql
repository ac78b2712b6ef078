/*
description: >
  The numbers of the summary block over all closed pieces of work, and over those of each
  type, model and label: the one place where they are defined. A sum is NULL where nothing is
  known, and stands beside the goals that it covers.
grain: one row per group of closed pieces of work; the scope `all` is one group
key: [scope, group_name]
columns:
  - scope
  - group_name
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
scope: global
internal: true
*/
WITH
closed AS (
    SELECT
        goal_type,
        model_group,
        coalesce(label, '(none)') AS label_group,
        status = 'success' AS is_success,
        status = 'fail' AS is_fail,
        attempts,
        cost_usd_known,
        is_cost_complete,
        input_tokens_known,
        input_tokens,
        cached_input_tokens_known,
        cached_input_tokens,
        output_tokens_known,
        output_tokens,
        is_token_breakdown_complete,
        input_tokens_known IS NOT NULL
        AND cached_input_tokens_known IS NOT NULL
        AND output_tokens_known IS NOT NULL AS is_token_breakdown_known,
        tokens_total_known,
        is_tokens_total_complete,
        model IS NOT NULL AS is_model_clear,
        is_model_complete,
        is_model_complete AND NOT is_model_consistent AS is_model_mixed,
        usage_cost_usd,
        usage_tokens_total,
        -- both sources together: the ledger where it says something, usage where it does not
        CASE
            WHEN coalesce(cost_usd_known, usage_cost_usd) IS NOT NULL
            THEN coalesce(cost_usd_known, 0) + coalesce(usage_cost_usd, 0)
        END AS any_cost_usd,
        CASE
            WHEN coalesce(tokens_total_known, usage_tokens_total) IS NOT NULL
            THEN coalesce(tokens_total_known, 0) + coalesce(usage_tokens_total, 0)
        END AS any_tokens
    FROM effective_goals
    WHERE is_closed
),

sums AS (
    SELECT
        CASE
            WHEN grouping(goal_type) = 0 THEN 'goal_type'
            WHEN grouping(model_group) = 0 THEN 'model'
            WHEN grouping(label_group) = 0 THEN 'label'
            ELSE 'all'
        END AS scope,
        coalesce(goal_type, model_group, label_group, 'all') AS group_name,
        count(*) AS closed_goals,
        count(CASE WHEN is_success THEN 1 END) AS successes,
        count(CASE WHEN is_fail THEN 1 END) AS fails,
        CAST(coalesce(sum(attempts), 0) AS BIGINT) AS total_attempts,
        CAST(sum(cost_usd_known) AS DECIMAL(38, 6)) AS total_cost_usd,
        count(cost_usd_known) AS total_cost_usd_known_goals,
        count(CASE WHEN is_cost_complete THEN 1 END) AS total_cost_usd_complete_goals,
        CAST(sum(input_tokens_known) AS BIGINT) AS total_input_tokens,
        count(input_tokens_known) AS total_input_tokens_known_goals,
        count(CASE WHEN input_tokens IS NOT NULL THEN 1 END) AS total_input_tokens_complete_goals,
        CAST(sum(cached_input_tokens_known) AS BIGINT) AS total_cached_input_tokens,
        count(cached_input_tokens_known) AS total_cached_input_tokens_known_goals,
        count(CASE WHEN cached_input_tokens IS NOT NULL THEN 1 END) AS total_cached_input_tokens_complete_goals,
        CAST(sum(output_tokens_known) AS BIGINT) AS total_output_tokens,
        count(output_tokens_known) AS total_output_tokens_known_goals,
        count(CASE WHEN output_tokens IS NOT NULL THEN 1 END) AS total_output_tokens_complete_goals,
        CAST(sum(tokens_total_known) AS BIGINT) AS total_tokens,
        count(tokens_total_known) AS total_tokens_known_goals,
        count(CASE WHEN is_tokens_total_complete THEN 1 END) AS total_tokens_complete_goals,
        count(CASE WHEN is_success THEN cost_usd_known END) AS known_cost_successes,
        count(CASE WHEN is_success THEN tokens_total_known END) AS known_token_successes,
        count(CASE WHEN is_success AND is_token_breakdown_known THEN 1 END) AS known_token_breakdown_successes,
        count(CASE WHEN is_success AND is_cost_complete THEN 1 END) AS complete_cost_successes,
        count(CASE WHEN is_success AND is_tokens_total_complete THEN 1 END) AS complete_token_successes,
        count(CASE WHEN is_success AND is_token_breakdown_complete THEN 1 END) AS complete_token_breakdown_successes,
        count(CASE WHEN is_model_clear THEN 1 END) AS model_summary_goals,
        count(CASE WHEN is_model_complete THEN 1 END) AS model_complete_goals,
        count(CASE WHEN is_model_mixed THEN 1 END) AS mixed_model_goals,
        sum(CASE WHEN is_success THEN cost_usd_known END) AS known_success_cost_usd,
        sum(CASE WHEN is_success AND is_cost_complete THEN cost_usd_known END) AS complete_success_cost_usd,
        sum(CASE WHEN is_success THEN tokens_total_known END) AS known_success_tokens,
        sum(CASE WHEN is_success AND is_tokens_total_complete THEN tokens_total_known END) AS complete_success_tokens,
        CAST(sum(usage_cost_usd) AS DECIMAL(38, 18)) AS usage_cost_usd,
        count(usage_cost_usd) AS usage_cost_goals,
        CAST(sum(usage_tokens_total) AS BIGINT) AS usage_tokens_total,
        count(usage_tokens_total) AS usage_tokens_goals,
        sum(CASE WHEN is_success THEN any_cost_usd END) AS any_success_cost_usd,
        count(CASE WHEN is_success THEN any_cost_usd END) AS any_cost_successes,
        sum(CASE WHEN is_success THEN any_tokens END) AS any_success_tokens,
        count(CASE WHEN is_success THEN any_tokens END) AS any_token_successes
    FROM closed
    GROUP BY
        GROUPING SETS (
            (),
            (goal_type),
            (model_group),
            (label_group)
        )
)

SELECT
    scope,
    group_name,
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
    CAST(successes AS DOUBLE) / nullif(closed_goals, 0) AS success_rate,
    CAST(total_attempts AS DOUBLE) / nullif(closed_goals, 0) AS attempts_per_closed_goal,
    known_cost_successes,
    known_token_successes,
    known_token_breakdown_successes,
    complete_cost_successes,
    complete_token_successes,
    complete_token_breakdown_successes,
    model_summary_goals,
    model_complete_goals,
    mixed_model_goals,
    mean_usd(known_success_cost_usd, known_cost_successes) AS known_cost_per_success_usd,
    CAST(known_success_tokens AS DOUBLE) / nullif(known_token_successes, 0) AS known_cost_per_success_tokens,
    mean_usd(complete_success_cost_usd, complete_cost_successes) AS complete_cost_per_covered_success_usd,
    CAST(complete_success_tokens AS DOUBLE) / nullif(complete_token_successes, 0) AS complete_cost_per_covered_success_tokens,
    CASE
        WHEN complete_cost_successes = successes THEN mean_usd(complete_success_cost_usd, successes)
    END AS cost_per_success_usd,
    CASE
        WHEN complete_token_successes = successes
        THEN CAST(complete_success_tokens AS DOUBLE) / nullif(successes, 0)
    END AS cost_per_success_tokens,
    usage_cost_usd,
    usage_cost_goals,
    usage_tokens_total,
    usage_tokens_goals,
    any_cost_successes,
    mean_usd(any_success_cost_usd, any_cost_successes) AS any_cost_per_success_usd,
    any_token_successes,
    CAST(any_success_tokens AS DOUBLE) / nullif(any_token_successes, 0) AS any_cost_per_success_tokens
FROM sums
