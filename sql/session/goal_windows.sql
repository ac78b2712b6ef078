/*
description: >
  When work on a goal may have been done: from its start to its end. A goal without an end
  is taken to have been left when the next goal of its ledger began.
grain: one row per goal with a start
key: [source_id, goal_id]
columns: [source_id, goal_id, window_start, window_end, is_window_closed]
scope: session
internal: true
*/
WITH
started AS (
    SELECT
        source_id,
        goal_id,
        started_at,
        finished_at,
        -- the start of the next goal that began later, not at the same time
        min(started_at) OVER (
            PARTITION BY source_id
            ORDER BY started_at
            RANGE BETWEEN INTERVAL 1 MICROSECOND FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS next_started_at
    FROM goals
    WHERE started_at IS NOT NULL
)

SELECT
    source_id,
    goal_id,
    started_at AS window_start,
    coalesce(finished_at, next_started_at) AS window_end,
    finished_at IS NOT NULL AS is_window_closed
FROM started
WHERE finished_at IS NULL OR finished_at >= started_at
