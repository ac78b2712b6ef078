/*
description: >
  Goals worth a look, by what their records say: failures and corrected product successes that
  nobody reviewed, open goals older than the newest closed one, and product successes without
  cost or tokens. Each goal by itself: chains are not added up.
grain: one row per ledger, category and goal
key: [source_id, category, goal_id]
sort: [source_id, category_rank, goal_id]
columns:
  - source_id
  - label
  - category
  - category_rank
  - goal_id
  - goal_type
  - status
  - candidate_reason
  - suggested_result_fit
  - related_goal_id
scope: global
*/
WITH
-- What a closed goal's time is: its end, or else its start.
newest_closed AS (
    SELECT
        source_id,
        max(coalesce(finished_at, started_at)) AS closed_at
    FROM goals
    WHERE is_closed
    GROUP BY source_id
),

likely_misses AS (
    SELECT
        source_id,
        goal_id,
        'likely_miss' AS category,
        1 AS category_rank,
        'explicit failed goal' || coalesce(' with failure_reason=' || failure_reason, '') AS candidate_reason,
        'miss' AS suggested_result_fit,
        NULL AS related_goal_id
    FROM goals
    WHERE
        status = 'fail'
        AND result_fit IS NULL
),

likely_partial_fits AS (
    SELECT
        goals.source_id,
        goals.goal_id,
        'likely_partial_fit' AS category,
        2 AS category_rank,
        CASE
            WHEN goals.attempts > 1 THEN 'success required ' || CAST(goals.attempts AS VARCHAR) || ' attempts'
            WHEN predecessors.status = 'fail' THEN 'supersedes failed goal ' || goals.supersedes_goal_id
            WHEN goals.supersedes_goal_id IS NOT NULL THEN 'supersedes prior goal ' || goals.supersedes_goal_id
            ELSE 'success record contains retry or correction hints'
        END AS candidate_reason,
        'partial_fit' AS suggested_result_fit,
        CASE WHEN goals.attempts <= 1 THEN goals.supersedes_goal_id END AS related_goal_id
    FROM goals
    LEFT JOIN goals AS predecessors
        ON
            goals.source_id = predecessors.source_id
            AND goals.supersedes_goal_id = predecessors.goal_id
    WHERE
        goals.goal_type = 'product'
        AND goals.status = 'success'
        AND goals.result_fit IS NULL
        AND (
            goals.attempts > 1
            OR goals.supersedes_goal_id IS NOT NULL
            OR goals.has_correction_hint
        )
),

stale_goals AS (
    SELECT
        goals.source_id,
        goals.goal_id,
        'stale_in_progress' AS category,
        3 AS category_rank,
        'older open goal exists alongside newer closed goals' AS candidate_reason,
        NULL AS suggested_result_fit,
        NULL AS related_goal_id
    FROM goals
    INNER JOIN newest_closed
        ON goals.source_id = newest_closed.source_id
    WHERE
        NOT goals.is_closed
        AND coalesce(goals.finished_at, goals.started_at) < newest_closed.closed_at
),

uncovered_goals AS (
    SELECT
        source_id,
        goal_id,
        'low_cost_coverage' AS category,
        4 AS category_rank,
        'successful product goal has no known cost or token totals' AS candidate_reason,
        NULL AS suggested_result_fit,
        NULL AS related_goal_id
    FROM goals
    WHERE
        goal_type = 'product'
        AND status = 'success'
        AND cost_usd IS NULL
        AND tokens_total IS NULL
),

candidates AS (
    SELECT * FROM likely_misses
    UNION ALL
    SELECT * FROM likely_partial_fits
    UNION ALL
    SELECT * FROM stale_goals
    UNION ALL
    SELECT * FROM uncovered_goals
)

SELECT
    candidates.source_id,
    goals.label,
    candidates.category,
    CAST(candidates.category_rank AS BIGINT) AS category_rank,
    candidates.goal_id,
    goals.goal_type,
    goals.status,
    candidates.candidate_reason,
    CAST(candidates.suggested_result_fit AS VARCHAR) AS suggested_result_fit,
    CAST(candidates.related_goal_id AS VARCHAR) AS related_goal_id
FROM candidates
INNER JOIN goals
    ON
        candidates.source_id = goals.source_id
        AND candidates.goal_id = goals.goal_id
