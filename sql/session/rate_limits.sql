/*
description: >
  Rate limits as the CLI observed them, one row where an observation differs from the one
  before it in the same file. Limits are told apart by `limit_id` and `window_minutes`: which
  of them is called primary has changed over time. A window is binding if it is the fullest of
  its limit at that moment. The burn rate is that since the limit's first observation on the
  same machine with the same time of reset.
grain: one row per changed observation of a limit's window
key: [source_id, line_number, window_slot]
columns:
  - source_id
  - line_number
  - window_slot
  - session_id
  - label
  - observed_at
  - limit_id
  - limit_name
  - window_minutes
  - used_percent
  - resets_at
  - is_binding
  - burn_percent_per_hour
  - exhausted_at
  - plan_type
  - reached_type
  - has_credits
  - has_unlimited_credits
  - credit_balance
scope: global
*/
WITH
-- Narrow, since most observations say nothing new.
followed AS (
    SELECT
        source_id,
        line_number,
        primary_used_percent,
        primary_resets_at,
        secondary_used_percent,
        secondary_resets_at,
        plan_type,
        reached_type,
        credit_balance,
        row_number() OVER in_file AS observation,
        lag(primary_used_percent) OVER in_file AS primary_percent_before,
        lag(primary_resets_at) OVER in_file AS primary_reset_before,
        lag(secondary_used_percent) OVER in_file AS secondary_percent_before,
        lag(secondary_resets_at) OVER in_file AS secondary_reset_before,
        lag(plan_type) OVER in_file AS plan_before,
        lag(reached_type) OVER in_file AS reached_before,
        lag(credit_balance) OVER in_file AS balance_before
    FROM parsed_rate_limits
    WINDOW
        in_file AS (
            PARTITION BY
                source_id,
                limit_id
            ORDER BY line_number
        )
),

-- A reset time that is told relative to each line wavers by seconds.
changed AS (
    SELECT
        source_id,
        line_number
    FROM followed
    WHERE
        observation = 1
        OR primary_used_percent IS DISTINCT FROM primary_percent_before
        OR secondary_used_percent IS DISTINCT FROM secondary_percent_before
        OR plan_type IS DISTINCT FROM plan_before
        OR reached_type IS DISTINCT FROM reached_before
        OR credit_balance IS DISTINCT FROM balance_before
        OR nearest_hour(primary_resets_at) IS DISTINCT FROM nearest_hour(primary_reset_before)
        OR nearest_hour(secondary_resets_at) IS DISTINCT FROM nearest_hour(secondary_reset_before)
),

-- Copied lines observe nothing new, whether of another thread or in a second file of the same.
observed AS (
    SELECT
        limits.*,
        lineage.session_id,
        rollouts.label
    FROM changed
    INNER JOIN parsed_rate_limits AS limits
        ON
            changed.source_id = limits.source_id
            AND changed.line_number = limits.line_number
    INNER JOIN lineage
        ON changed.source_id = lineage.source_id
    INNER JOIN rollouts
        ON changed.source_id = rollouts.source_id
    LEFT JOIN counter_copies AS copies
        ON
            changed.source_id = copies.source_id
            AND changed.line_number = copies.line_number
    WHERE
        NOT coalesce(copies.is_copy, FALSE)
        AND is_own_line(changed.line_number, lineage.inherited_from_line, lineage.own_from_line)
),

windows AS (
    SELECT
        source_id,
        line_number,
        'primary' AS window_slot,
        session_id,
        label,
        recorded_at AS observed_at,
        limit_id,
        limit_name,
        primary_window_minutes AS window_minutes,
        primary_used_percent AS used_percent,
        primary_resets_at AS resets_at,
        primary_used_percent >= coalesce(secondary_used_percent, 0) AS is_binding,
        plan_type,
        reached_type,
        has_credits,
        has_unlimited_credits,
        credit_balance
    FROM observed
    WHERE primary_used_percent IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        'secondary' AS window_slot,
        session_id,
        label,
        recorded_at AS observed_at,
        limit_id,
        limit_name,
        secondary_window_minutes AS window_minutes,
        secondary_used_percent AS used_percent,
        secondary_resets_at AS resets_at,
        secondary_used_percent > coalesce(primary_used_percent, -1) AS is_binding,
        plan_type,
        reached_type,
        has_credits,
        has_unlimited_credits,
        credit_balance
    FROM observed
    WHERE secondary_used_percent IS NOT NULL
),

-- The first sight of a limit between two resets.
periods AS (
    SELECT
        label,
        limit_id,
        window_minutes,
        nearest_hour(resets_at) AS reset_hour,
        min(observed_at) AS first_at,
        arg_min(used_percent, observed_at) AS first_percent
    FROM windows
    WHERE
        resets_at IS NOT NULL
        AND observed_at IS NOT NULL
    GROUP BY
        label,
        limit_id,
        window_minutes,
        nearest_hour(resets_at)
),

burning AS (
    SELECT
        windows.*,
        CASE
            WHEN windows.observed_at > periods.first_at
            THEN
                (windows.used_percent - periods.first_percent)
                * 3600
                / (epoch_of(windows.observed_at) - epoch_of(periods.first_at))
        END AS burn_percent_per_hour
    FROM windows
    LEFT JOIN periods
        ON
            nearest_hour(windows.resets_at) = periods.reset_hour
            AND windows.window_minutes IS NOT DISTINCT FROM periods.window_minutes
            AND windows.limit_id IS NOT DISTINCT FROM periods.limit_id
            AND windows.label IS NOT DISTINCT FROM periods.label
)

SELECT
    source_id,
    line_number,
    window_slot,
    session_id,
    label,
    observed_at,
    limit_id,
    limit_name,
    window_minutes,
    used_percent,
    resets_at,
    is_binding,
    burn_percent_per_hour,
    CASE
        WHEN burn_percent_per_hour > 0.001 AND used_percent < 100
        THEN seconds_after(observed_at, (100 - used_percent) * 3600 / burn_percent_per_hour)
    END AS exhausted_at,
    plan_type,
    reached_type,
    has_credits,
    has_unlimited_credits,
    credit_balance
FROM burning
