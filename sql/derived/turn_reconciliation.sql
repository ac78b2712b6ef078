/*
description: >
  Tokens of each turn as its analytics event says them beside what is counted from rollouts,
  with the explanation of the difference. Events leave out remote compactions, which are
  counted, and say nothing for turns that were interrupted.
grain: one row per turn with an analytics event
key: [session_id, turn_id]
columns:
  - session_id
  - turn_id
  - turn_status
  - event_tokens
  - counted_tokens
  - compaction_tokens
  - unexplained_tokens
  - explanation
scope: session
*/
WITH
counted AS (
    SELECT
        session_id,
        turn_id,
        CAST(sum(total_tokens) AS BIGINT) AS counted_tokens
    FROM usage
    WHERE turn_id IS NOT NULL
    GROUP BY
        session_id,
        turn_id
),

-- One event a compaction, whatever number of captures holds it.
compactions AS (
    SELECT
        session_id,
        turn_id,
        CAST(sum(compaction_tokens) AS BIGINT) AS compaction_tokens
    FROM (
        SELECT
            thread_id AS session_id,
            turn_id,
            started_at,
            max(context_tokens_before + summary_tokens) AS compaction_tokens
        FROM parsed_analytics_compactions
        WHERE
            compaction_implementation <> 'responses'
            AND compaction_status = 'completed'
        GROUP BY
            thread_id,
            turn_id,
            started_at
    )
    GROUP BY
        session_id,
        turn_id
),

beside AS (
    SELECT
        turns.session_id,
        turns.turn_id,
        turns.turn_status,
        turns.total_tokens AS event_tokens,
        counted.counted_tokens,
        compactions.compaction_tokens,
        coalesce(counted.counted_tokens, 0) - turns.total_tokens
        - coalesce(compactions.compaction_tokens, 0) AS unexplained_tokens,
        threads.in_rollouts
    FROM app_turns AS turns
    LEFT JOIN threads
        ON turns.session_id = threads.session_id
    LEFT JOIN counted
        ON
            turns.session_id = counted.session_id
            AND turns.turn_id = counted.turn_id
    LEFT JOIN compactions
        ON
            turns.session_id = compactions.session_id
            AND turns.turn_id = compactions.turn_id
    WHERE turns.in_analytics
)

SELECT
    session_id,
    turn_id,
    turn_status,
    event_tokens,
    counted_tokens,
    compaction_tokens,
    CASE WHEN in_rollouts THEN unexplained_tokens END AS unexplained_tokens,
    CASE
        WHEN NOT coalesce(in_rollouts, FALSE) THEN 'no_rollout'
        WHEN event_tokens IS NULL THEN 'event_without_tokens'
        WHEN unexplained_tokens <> 0 THEN 'unexplained'
        WHEN compaction_tokens IS NOT NULL THEN 'remote_compaction'
        WHEN counted_tokens IS NULL THEN 'no_response'
        ELSE 'equal'
    END AS explanation
FROM beside
