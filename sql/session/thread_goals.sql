/*
description: >
  The goals of each thread with their lifecycle, from the goals database, analytics events,
  app-server streams and rollouts together: final status, budget, tokens and time accounted
  (the last cumulative value, never a sum). Each value stands with its source. A goal that was
  cleared or replaced keeps its row. Rollouts record only what a client changed, so from them
  alone neither the end nor the usage is known for sure.
grain: one row per goal of a thread
key: [session_id, goal_key]
columns:
  - session_id
  - goal_key
  - goal_id
  - goal_number
  - goal_created_at
  - matched_by
  - goal_status
  - status_source
  - goal_updated_at
  - ended_by
  - ended_at
  - ended_source
  - has_token_budget
  - token_budget
  - budget_source
  - tokens_used
  - tokens_source
  - seconds_used
  - seconds_source
  - objective_chars
  - status_changes
  - usage_updates
  - goal_turns
  - in_database
  - in_analytics
  - in_streams
  - in_rollouts
  - is_final_known
  - is_history_known
  - client_name
  - missing_context
scope: session
*/
WITH
-- --- each source by itself ----------------------------------------------------------------------
stored AS (
    SELECT
        thread_id AS session_id,
        date_trunc('second', goal_created_at) AS goal_created_at,
        arg_max(goal_status, goal_updated_at) AS goal_status,
        max(goal_updated_at) AS goal_updated_at,
        arg_max(token_budget, goal_updated_at) FILTER (WHERE token_budget IS NOT NULL)
            AS token_budget,
        max(tokens_used) AS tokens_used,
        max(seconds_used) AS seconds_used,
        arg_max(objective_chars, goal_updated_at) FILTER (WHERE objective_chars IS NOT NULL)
            AS objective_chars
    FROM parsed_thread_goals
    GROUP BY
        thread_id,
        date_trunc('second', goal_created_at)
),

events AS (
    SELECT
        thread_id AS session_id,
        goal_id,
        goal_event_index,
        goal_event,
        goal_status,
        has_token_budget,
        turn_id,
        recorded_at,
        tokens_used,
        seconds_used
    FROM goal_events
    WHERE
        thread_id IS NOT NULL
        AND goal_id IS NOT NULL
),

evented AS (
    SELECT
        session_id,
        goal_id,
        arg_max(goal_status, goal_event_index) FILTER (WHERE goal_status IS NOT NULL)
            AS goal_status,
        max(recorded_at) AS goal_updated_at,
        bool_or(has_token_budget) AS has_token_budget,
        max(tokens_used) AS tokens_used,
        max(seconds_used) AS seconds_used,
        bool_or(goal_event = 'created') AS is_created,
        bool_or(goal_event = 'cleared') AS is_cleared,
        max(CASE WHEN goal_event = 'cleared' THEN recorded_at END) AS cleared_at,
        count(CASE WHEN goal_event = 'status_changed' THEN 1 END) AS status_changes,
        count(CASE WHEN goal_event = 'usage_accounted' THEN 1 END) AS usage_updates,
        count(DISTINCT turn_id) AS goal_turns
    FROM events
    GROUP BY
        session_id,
        goal_id
),

stream_words AS (
    SELECT
        said.source_id,
        said.line_number,
        said.thread_id AS session_id,
        said.event,
        messages.said_at,
        messages.passed_at,
        said.turn_id,
        date_trunc('second', said.goal_created_at) AS goal_created_at,
        said.goal_status,
        said.goal_updated_at,
        said.token_budget,
        said.tokens_used,
        said.seconds_used,
        said.objective_chars,
        -- a goal that is cleared is the one that streams told of last, in this capture or another
        max(said.goal_created_at) OVER (
            PARTITION BY said.thread_id
            ORDER BY
                messages.passed_at NULLS FIRST,
                said.source_id,
                said.line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS latest_created_at
    FROM parsed_app_goals AS said
    INNER JOIN app_messages AS messages
        ON
            said.source_id = messages.source_id
            AND said.line_number = messages.line_number
    WHERE said.thread_id IS NOT NULL
),

-- As with events: two captures may hold the same words, or one go on where the other ends.
stream_occurring AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                source_id,
                session_id,
                goal_created_at,
                goal_updated_at,
                goal_status,
                token_budget,
                tokens_used,
                seconds_used,
                turn_id,
                event
            ORDER BY line_number
        ) AS occurrence
    FROM stream_words
    WHERE goal_created_at IS NOT NULL
),

stream_copies AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                session_id,
                goal_created_at,
                goal_updated_at,
                goal_status,
                token_budget,
                tokens_used,
                seconds_used,
                turn_id,
                event,
                occurrence
            ORDER BY
                (said_at IS NULL),
                source_id,
                line_number
        ) AS copy
    FROM stream_occurring
),

stream_states AS (
    SELECT
        *,
        row_number() OVER in_order AS place,
        CASE WHEN lag(goal_status) OVER in_order <> goal_status THEN 1 ELSE 0 END AS is_change
    FROM stream_copies
    WHERE copy = 1
    WINDOW in_order AS (
        PARTITION BY
            session_id,
            goal_created_at
        ORDER BY
            goal_updated_at NULLS FIRST,
            passed_at NULLS FIRST,
            source_id,
            line_number
    )
),

streamed AS (
    SELECT
        session_id,
        goal_created_at,
        arg_max(goal_status, place) FILTER (WHERE goal_status IS NOT NULL) AS goal_status,
        max(goal_updated_at) AS goal_updated_at,
        arg_max(token_budget, place) FILTER (WHERE token_budget IS NOT NULL) AS token_budget,
        max(tokens_used) AS tokens_used,
        max(seconds_used) AS seconds_used,
        arg_max(objective_chars, place) FILTER (WHERE objective_chars IS NOT NULL)
            AS objective_chars,
        min(goal_updated_at) = goal_created_at AS is_created,
        CAST(sum(is_change) AS BIGINT) AS status_changes,
        count(DISTINCT tokens_used) - 1 AS usage_updates,
        count(DISTINCT turn_id) AS goal_turns
    FROM stream_states
    GROUP BY
        session_id,
        goal_created_at
),

stream_clears AS (
    SELECT
        session_id,
        date_trunc('second', latest_created_at) AS goal_created_at,
        min(said_at) AS cleared_at
    FROM stream_words
    WHERE
        event = 'thread/goal/cleared'
        AND latest_created_at IS NOT NULL
    GROUP BY
        session_id,
        date_trunc('second', latest_created_at)
),

written AS (
    SELECT
        thread_id AS session_id,
        date_trunc('second', goal_created_at) AS goal_created_at,
        arg_max(goal_status, line_number) FILTER (WHERE goal_status IS NOT NULL) AS goal_status,
        max(goal_updated_at) AS goal_updated_at,
        arg_max(token_budget, line_number) FILTER (WHERE token_budget IS NOT NULL)
            AS token_budget,
        max(tokens_used) AS tokens_used,
        max(seconds_used) AS seconds_used,
        arg_max(objective_chars, line_number) FILTER (WHERE objective_chars IS NOT NULL)
            AS objective_chars
    FROM parsed_goal_updates
    WHERE
        thread_id IS NOT NULL
        AND goal_created_at IS NOT NULL
    GROUP BY
        thread_id,
        date_trunc('second', goal_created_at)
),

-- --- together -----------------------------------------------------------------------------------
joined AS (
    SELECT
        goals.session_id,
        goals.goal_key,
        goals.goal_id,
        goals.goal_number,
        goals.goal_created_at,
        goals.matched_by,
        lead(goals.goal_key) OVER later AS next_goal_key,
        lead(goals.goal_created_at) OVER later AS next_created_at,
        stored.session_id IS NOT NULL AS in_database,
        evented.session_id IS NOT NULL AS in_analytics,
        streamed.session_id IS NOT NULL AS in_streams,
        written.session_id IS NOT NULL AS in_rollouts,
        stored.goal_status AS stored_status,
        evented.goal_status AS evented_status,
        streamed.goal_status AS streamed_status,
        written.goal_status AS written_status,
        date_trunc('second', stored.goal_updated_at) AS stored_updated_at,
        date_trunc('second', evented.goal_updated_at) AS evented_updated_at,
        streamed.goal_updated_at AS streamed_updated_at,
        written.goal_updated_at AS written_updated_at,
        greatest(
            stored.goal_updated_at,
            streamed.goal_updated_at,
            written.goal_updated_at
        ) AS told_updated_at,
        stored.token_budget AS stored_budget,
        streamed.token_budget AS streamed_budget,
        written.token_budget AS written_budget,
        evented.has_token_budget AS evented_has_budget,
        stored.tokens_used AS stored_tokens,
        evented.tokens_used AS evented_tokens,
        streamed.tokens_used AS streamed_tokens,
        greatest(
            stored.tokens_used,
            evented.tokens_used,
            streamed.tokens_used,
            written.tokens_used
        ) AS tokens_used,
        stored.seconds_used AS stored_seconds,
        evented.seconds_used AS evented_seconds,
        streamed.seconds_used AS streamed_seconds,
        greatest(
            stored.seconds_used,
            evented.seconds_used,
            streamed.seconds_used,
            written.seconds_used
        ) AS seconds_used,
        coalesce(stored.objective_chars, streamed.objective_chars, written.objective_chars)
            AS objective_chars,
        coalesce(evented.status_changes, streamed.status_changes) AS status_changes,
        coalesce(evented.usage_updates, streamed.usage_updates) AS usage_updates,
        coalesce(evented.goal_turns, streamed.goal_turns) AS goal_turns,
        coalesce(evented.is_created, FALSE) AS is_created_in_analytics,
        coalesce(streamed.is_created, FALSE) AS is_created_in_streams,
        coalesce(evented.is_cleared, FALSE) AS is_cleared_in_analytics,
        evented.cleared_at AS evented_cleared_at,
        stream_clears.session_id IS NOT NULL AS is_cleared_in_streams,
        stream_clears.cleared_at AS streamed_cleared_at
    FROM goal_identities AS goals
    LEFT JOIN stored
        ON
            goals.session_id = stored.session_id
            AND goals.goal_created_at = stored.goal_created_at
    LEFT JOIN evented
        ON
            goals.session_id = evented.session_id
            AND goals.goal_id = evented.goal_id
    LEFT JOIN streamed
        ON
            goals.session_id = streamed.session_id
            AND goals.goal_created_at = streamed.goal_created_at
    LEFT JOIN stream_clears
        ON
            goals.session_id = stream_clears.session_id
            AND goals.goal_created_at = stream_clears.goal_created_at
    LEFT JOIN written
        ON
            goals.session_id = written.session_id
            AND goals.goal_created_at = written.goal_created_at
    WINDOW later AS (
        PARTITION BY goals.session_id
        ORDER BY goals.goal_number
    )
),

-- The status that was told last holds; within one second the source that tells most. Events of
-- a capture without times are taken to be as late as the rollouts, which tell less.
statuses AS (
    SELECT
        session_id,
        goal_key,
        goal_status,
        status_source,
        row_number() OVER (
            PARTITION BY
                session_id,
                goal_key
            ORDER BY
                coalesce(updated_at, written_at) DESC NULLS LAST,
                trust
        ) AS choice
    FROM (
        SELECT
            *,
            max(CASE WHEN status_source = 'rollout' THEN updated_at END) OVER (
                PARTITION BY
                    session_id,
                    goal_key
            ) AS written_at
        FROM (
            SELECT
                session_id,
                goal_key,
                stored_status AS goal_status,
                'database' AS status_source,
                stored_updated_at AS updated_at,
                1 AS trust
            FROM joined
            UNION ALL
            SELECT
                session_id,
                goal_key,
                evented_status AS goal_status,
                'analytics' AS status_source,
                evented_updated_at AS updated_at,
                2 AS trust
            FROM joined
            UNION ALL
            SELECT
                session_id,
                goal_key,
                streamed_status AS goal_status,
                'stream' AS status_source,
                streamed_updated_at AS updated_at,
                3 AS trust
            FROM joined
            UNION ALL
            SELECT
                session_id,
                goal_key,
                written_status AS goal_status,
                'rollout' AS status_source,
                written_updated_at AS updated_at,
                4 AS trust
            FROM joined
        )
        WHERE goal_status IS NOT NULL
    )
)

SELECT
    joined.session_id,
    joined.goal_key,
    joined.goal_id,
    joined.goal_number,
    joined.goal_created_at,
    joined.matched_by,
    statuses.goal_status,
    statuses.status_source,
    coalesce(joined.told_updated_at, joined.evented_updated_at) AS goal_updated_at,
    CASE
        WHEN joined.is_cleared_in_analytics OR joined.is_cleared_in_streams THEN 'cleared'
        WHEN joined.next_goal_key IS NOT NULL THEN 'replaced'
    END AS ended_by,
    CASE
        WHEN joined.is_cleared_in_analytics OR joined.is_cleared_in_streams
            THEN coalesce(joined.streamed_cleared_at, joined.evented_cleared_at)
        WHEN joined.next_goal_key IS NOT NULL THEN joined.next_created_at
    END AS ended_at,
    CASE
        WHEN joined.is_cleared_in_streams THEN 'stream'
        WHEN joined.is_cleared_in_analytics THEN 'analytics'
        WHEN joined.next_goal_key IS NOT NULL THEN 'next_goal'
    END AS ended_source,
    CASE
        WHEN coalesce(joined.stored_budget, joined.streamed_budget, joined.written_budget)
            IS NOT NULL
            THEN TRUE
        WHEN joined.in_database OR joined.in_streams OR joined.in_rollouts THEN FALSE
        ELSE joined.evented_has_budget
    END AS has_token_budget,
    coalesce(joined.stored_budget, joined.streamed_budget, joined.written_budget) AS token_budget,
    CASE
        WHEN joined.in_database THEN 'database'
        WHEN joined.in_streams THEN 'stream'
        WHEN joined.in_rollouts THEN 'rollout'
        WHEN joined.evented_has_budget IS NOT NULL THEN 'analytics'
    END AS budget_source,
    joined.tokens_used,
    CASE joined.tokens_used
        WHEN joined.stored_tokens THEN 'database'
        WHEN joined.evented_tokens THEN 'analytics'
        WHEN joined.streamed_tokens THEN 'stream'
        ELSE CASE WHEN joined.tokens_used IS NOT NULL THEN 'rollout' END
    END AS tokens_source,
    joined.seconds_used,
    CASE joined.seconds_used
        WHEN joined.stored_seconds THEN 'database'
        WHEN joined.evented_seconds THEN 'analytics'
        WHEN joined.streamed_seconds THEN 'stream'
        ELSE CASE WHEN joined.seconds_used IS NOT NULL THEN 'rollout' END
    END AS seconds_source,
    joined.objective_chars,
    joined.status_changes,
    joined.usage_updates,
    joined.goal_turns,
    joined.in_database,
    joined.in_analytics,
    joined.in_streams,
    joined.in_rollouts,
    joined.in_database OR joined.in_analytics OR joined.in_streams AS is_final_known,
    joined.is_created_in_analytics OR joined.is_created_in_streams AS is_history_known,
    threads.client_name,
    threads.missing_context
FROM joined
LEFT JOIN statuses
    ON
        joined.session_id = statuses.session_id
        AND joined.goal_key = statuses.goal_key
        AND statuses.choice = 1
LEFT JOIN threads
    ON joined.session_id = threads.session_id
