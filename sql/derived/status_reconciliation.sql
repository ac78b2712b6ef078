/*
description: >
  What each status panel and exit line showed of a thread's usage beside what is counted from
  rollouts, with the explanation of the difference. A panel shows the CLI's counter at its
  moment, without cached input and rounded: it is explained where that is what was counted up
  to some response, or what a counter line of the thread says, within the rounding. Nothing of
  it is ever added to usage.
grain: one row per panel or exit line that names its thread and shows its usage
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - session_id
  - snapshot_kind
  - captured_day
  - captured_at
  - is_last_of_thread
  - shown_total_tokens
  - shown_total_error
  - counted_uncached_tokens
  - shown_difference_tokens
  - explanation
scope: session
*/
WITH
-- The first limit of a panel stands for the panel. Most have no time of their own; but what
-- they show grows.
shown AS (
    SELECT
        source_id,
        line_number,
        thread_id AS session_id,
        snapshot_kind,
        captured_day,
        captured_at,
        shown_total_tokens,
        shown_total_error,
        shown_input_tokens,
        shown_input_error,
        shown_output_tokens,
        shown_output_error,
        row_number() OVER (
            PARTITION BY thread_id
            ORDER BY
                captured_day DESC NULLS LAST,
                shown_total_tokens - shown_total_error DESC,
                captured_at DESC NULLS LAST,
                snapshot_kind,
                source_id,
                line_number DESC
        ) = 1 AS is_last_of_thread
    FROM status_snapshots
    WHERE
        position = 0
        AND thread_id IS NOT NULL
        AND shown_total_tokens IS NOT NULL
),

-- As the CLI computes what it shows: an absent count of cached input is 0.
responses AS (
    SELECT
        usage.session_id,
        usage.input_tokens - coalesce(usage.cached_input_tokens, 0) AS input_tokens,
        usage.output_tokens,
        row_number() OVER (
            PARTITION BY usage.session_id
            ORDER BY
                usage.responded_at,
                usage.source_id,
                usage.line_number
        ) AS place
    FROM usage
    WHERE usage.session_id IN (SELECT session_id FROM shown)
),

counted AS (
    SELECT
        session_id,
        CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
        CAST(sum(output_tokens) AS BIGINT) AS output_tokens
    FROM responses
    GROUP BY session_id
),

-- All that may stand in a panel, the plainest explanation first.
stands AS (
    SELECT
        session_id,
        1 AS rank,
        input_tokens,
        output_tokens
    FROM counted
    UNION ALL
    SELECT
        sessions.session_id,
        CASE WHEN counted.session_id IS NULL THEN 1 ELSE 2 END AS rank,
        0 AS input_tokens,
        0 AS output_tokens
    FROM sessions
    LEFT JOIN counted
        ON sessions.session_id = counted.session_id
    UNION ALL
    SELECT
        session_id,
        2 AS rank,
        sum(input_tokens) OVER so_far AS input_tokens,
        sum(output_tokens) OVER so_far AS output_tokens
    FROM responses
    WINDOW so_far AS (
        PARTITION BY session_id
        ORDER BY place
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
    UNION ALL
    SELECT
        rollouts.session_id,
        3 AS rank,
        counters.total_input_tokens - coalesce(counters.total_cached_input_tokens, 0)
            AS input_tokens,
        counters.total_output_tokens AS output_tokens
    FROM parsed_usage AS counters
    INNER JOIN rollouts
        ON counters.source_id = rollouts.source_id
    WHERE
        counters.usage_kind = 'token_count'
        AND rollouts.session_id IN (SELECT session_id FROM shown)
),

explained AS (
    SELECT
        shown.source_id,
        shown.line_number,
        min(stands.rank) AS rank
    FROM shown
    INNER JOIN stands
        ON
            shown.session_id = stands.session_id
            AND abs(stands.input_tokens + stands.output_tokens - shown.shown_total_tokens)
            <= shown.shown_total_error
            AND coalesce(
                abs(stands.input_tokens - shown.shown_input_tokens) <= shown.shown_input_error,
                TRUE
            )
            AND coalesce(
                abs(stands.output_tokens - shown.shown_output_tokens) <= shown.shown_output_error,
                TRUE
            )
    GROUP BY
        shown.source_id,
        shown.line_number
)

SELECT
    shown.source_id,
    shown.line_number,
    shown.session_id,
    shown.snapshot_kind,
    shown.captured_day,
    shown.captured_at,
    shown.is_last_of_thread,
    shown.shown_total_tokens,
    shown.shown_total_error,
    counted.input_tokens + counted.output_tokens AS counted_uncached_tokens,
    CASE
        WHEN sessions.session_id IS NOT NULL
            THEN coalesce(counted.input_tokens + counted.output_tokens, 0)
                - shown.shown_total_tokens
    END AS shown_difference_tokens,
    CASE
        WHEN sessions.session_id IS NULL THEN 'no_rollout'
        WHEN explained.rank = 1 THEN 'equal'
        WHEN explained.rank = 2 THEN 'earlier'
        WHEN explained.rank = 3 THEN 'cli_counter'
        ELSE 'unexplained'
    END AS explanation
FROM shown
LEFT JOIN counted
    ON shown.session_id = counted.session_id
LEFT JOIN explained
    ON
        shown.source_id = explained.source_id
        AND shown.line_number = explained.line_number
LEFT JOIN sessions
    ON shown.session_id = sessions.session_id
