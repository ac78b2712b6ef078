/*
description: >
  Why work failed: closed pieces of work, and attempts that were not made up while rebuilding
  history. A failure without a reason counts as other.
grain: one row per kind of record and reason
key: [record, reason]
columns: [record, reason, fails, share]
scope: global
*/
WITH
failures AS (
    SELECT
        'goal' AS record,
        coalesce(failure_reason, 'other') AS reason
    FROM effective_goals
    WHERE status = 'fail'
    UNION ALL
    SELECT
        'entry' AS record,
        coalesce(failure_reason, 'other') AS reason
    FROM attempts
    WHERE
        status = 'fail'
        AND NOT is_inferred
),

counted AS (
    SELECT
        record,
        reason,
        count(*) AS fails
    FROM failures
    GROUP BY
        record,
        reason
)

SELECT
    record,
    reason,
    fails,
    CAST(fails AS DOUBLE) / CAST(sum(fails) OVER (PARTITION BY record) AS DOUBLE) AS share
FROM counted
