/*
description: >
  What happened to the goals of threads, as analytics events tell it: created, accounted,
  changed in status, cleared. Tokens and seconds are cumulative and stand on `usage_accounted`
  only; the steps between them are here as well. An event that two captures hold is one.
grain: one row per codex_goal_event
key: [source_id, line_number, position]
sort: [thread_id, goal_id, source_id, line_number, position]
columns:
  - source_id
  - line_number
  - position
  - thread_id
  - goal_id
  - goal_event_index
  - goal_event
  - goal_status
  - has_token_budget
  - turn_id
  - recorded_at
  - tokens_used
  - tokens_step
  - seconds_used
  - seconds_step
  - client_name
  - missing_context
scope: session
*/
WITH
said AS (
    SELECT
        source_id,
        line_number,
        position,
        thread_id,
        goal_id,
        goal_event,
        goal_status,
        has_token_budget,
        turn_id,
        recorded_at,
        tokens_used,
        seconds_used,
        max(tokens_used) OVER (
            PARTITION BY
                source_id,
                thread_id,
                goal_id
            ORDER BY
                line_number,
                position
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS tokens_so_far
    FROM parsed_analytics_goals
),

-- Events have no ids: what is said as often, with as many tokens used, is the same in two captures.
occurring AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                source_id,
                thread_id,
                goal_id,
                goal_event,
                goal_status,
                turn_id,
                tokens_used,
                seconds_used,
                tokens_so_far
            ORDER BY
                line_number,
                position
        ) AS occurrence
    FROM said
),

copies AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                thread_id,
                goal_id,
                goal_event,
                goal_status,
                turn_id,
                tokens_used,
                seconds_used,
                tokens_so_far,
                occurrence
            ORDER BY
                (recorded_at IS NULL),
                source_id,
                line_number,
                position
        ) AS copy
    FROM occurring
),

-- Captures may go on where others end.
ordered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                thread_id,
                goal_id
            ORDER BY
                recorded_at NULLS FIRST,
                tokens_so_far NULLS FIRST,
                source_id,
                line_number,
                position
        ) AS goal_event_index
    FROM copies
    WHERE copy = 1
),

events AS (
    SELECT
        *,
        max(tokens_used) OVER before AS tokens_before,
        max(seconds_used) OVER before AS seconds_before,
        -- a goal that a fork brought along begins with what its source had used
        bool_or(goal_event = 'created') OVER before AS is_new_here
    FROM ordered
    WINDOW before AS (
        PARTITION BY
            thread_id,
            goal_id
        ORDER BY goal_event_index
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),

stepped AS (
    SELECT
        *,
        tokens_used - coalesce(tokens_before, CASE WHEN is_new_here THEN 0 END) AS tokens_step,
        seconds_used - coalesce(seconds_before, CASE WHEN is_new_here THEN 0 END) AS seconds_step
    FROM events
)

SELECT
    events.source_id,
    events.line_number,
    events.position,
    events.thread_id,
    events.goal_id,
    events.goal_event_index,
    events.goal_event,
    events.goal_status,
    events.has_token_budget,
    events.turn_id,
    events.recorded_at,
    events.tokens_used,
    -- what was delivered again, or late, adds nothing: the steps add up to the highest value
    CASE WHEN events.tokens_step < 0 THEN 0 ELSE events.tokens_step END AS tokens_step,
    events.seconds_used,
    CASE WHEN events.seconds_step < 0 THEN 0 ELSE events.seconds_step END AS seconds_step,
    threads.client_name,
    CASE
        WHEN events.thread_id IS NULL THEN 'unknown_thread'
        ELSE threads.missing_context
    END AS missing_context
FROM stepped AS events
LEFT JOIN threads
    ON events.thread_id = threads.session_id
