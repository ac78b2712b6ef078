/*
description: >
  How many events of streams and analytics have the context of their thread (who it is, its
  client, where it comes from), and why the others lack it.
grain: one row per table of events and reason
key: [event_table, missing_reason]
columns:
  - event_table
  - missing_reason
  - events
  - share_percent
scope: global
*/
WITH
events AS (
    SELECT
        'app_turns' AS event_table,
        missing_context
    FROM app_turns
    UNION ALL
    SELECT
        'app_items' AS event_table,
        missing_context
    FROM app_items
    UNION ALL
    SELECT
        'approvals' AS event_table,
        missing_context
    FROM approvals
    UNION ALL
    SELECT
        'goal_events' AS event_table,
        missing_context
    FROM goal_events
    UNION ALL
    SELECT
        'thread_goals' AS event_table,
        missing_context
    FROM thread_goals
    UNION ALL
    SELECT
        'status_snapshots' AS event_table,
        missing_context
    FROM status_snapshots
),

counted AS (
    SELECT
        event_table,
        coalesce(missing_context, 'none') AS missing_reason,
        count(*) AS events
    FROM events
    GROUP BY
        event_table,
        coalesce(missing_context, 'none')
)

SELECT
    event_table,
    missing_reason,
    events,
    100.0 * events / sum(events) OVER (PARTITION BY event_table) AS share_percent
FROM counted
