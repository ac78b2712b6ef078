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
-- Goals may start at the same time: the next goal is one that began later.
starts AS (
    SELECT
        source_id,
        started_at,
        lead(started_at) OVER (
            PARTITION BY source_id
            ORDER BY started_at
        ) AS next_started_at
    FROM goals
    WHERE started_at IS NOT NULL
    GROUP BY
        source_id,
        started_at
)

SELECT
    goals.source_id,
    goals.goal_id,
    goals.started_at AS window_start,
    coalesce(goals.finished_at, starts.next_started_at) AS window_end,
    goals.finished_at IS NOT NULL AS is_window_closed
FROM goals
INNER JOIN starts
    ON
        goals.source_id = starts.source_id
        AND goals.started_at = starts.started_at
WHERE goals.finished_at IS NULL OR goals.finished_at >= goals.started_at
