/*
description: >
  Which goal a model response was made for, by the first of these rules that fits: the goal
  or one of its attempts names the thread (or the root of its agents); the thread's project is
  that of the goal's ledger; the labels are the same and no project of the ledger is known. By
  the last two, the response must lie in the goal's window. Where several goals fit, the one
  that began last has it. A thread without usage counts as one response at its beginning.
grain: one row per linked response, or thread without usage
key: [session_id, response_key]
columns: [session_id, response_key, source_id, label, goal_id, link_rule, is_window_closed]
scope: global
internal: true
*/
WITH
moments AS (
    SELECT
        session_id,
        response_key,
        responded_at AS happened_at
    FROM usage
    UNION ALL
    SELECT
        sessions.session_id,
        '' AS response_key,
        sessions.first_seen_at AS happened_at
    FROM sessions
    WHERE sessions.session_id NOT IN (SELECT session_id FROM usage)
),

-- --- named threads -------------------------------------------------------------------------
named_threads AS (
    SELECT
        source_id,
        goal_id,
        thread_id
    FROM goals
    WHERE thread_id IS NOT NULL
    UNION
    SELECT
        source_id,
        goal_id,
        thread_id
    FROM attempts
    WHERE
        thread_id IS NOT NULL
        AND has_goal
),

named_sessions AS (
    SELECT
        named_threads.source_id,
        named_threads.goal_id,
        sessions.session_id
    FROM named_threads
    INNER JOIN sessions
        ON named_threads.thread_id = sessions.session_id
    UNION
    SELECT
        named_threads.source_id,
        named_threads.goal_id,
        sessions.session_id
    FROM named_threads
    INNER JOIN sessions
        ON named_threads.thread_id = sessions.root_session_id
),

named AS (
    SELECT
        moments.session_id,
        moments.response_key,
        moments.happened_at,
        named_sessions.source_id,
        named_sessions.goal_id,
        'thread' AS link_rule,
        1 AS rule_rank,
        0 AS project_chars,
        goal_windows.window_start,
        coalesce(goal_windows.is_window_closed, FALSE) AS is_window_closed,
        -- in the window, or else as near to its beginning as can be
        coalesce(
            moments.happened_at >= goal_windows.window_start
            AND (goal_windows.window_end IS NULL OR moments.happened_at <= goal_windows.window_end),
            FALSE
        ) AS is_in_window
    FROM named_sessions
    INNER JOIN moments
        ON named_sessions.session_id = moments.session_id
    LEFT JOIN goal_windows
        ON
            named_sessions.source_id = goal_windows.source_id
            AND named_sessions.goal_id = goal_windows.goal_id
),

-- --- threads of the same project, or of the same label -----------------------------------------
related_sessions AS (
    SELECT
        ledgers.source_id,
        sessions.session_id,
        'project' AS link_rule,
        2 AS rule_rank,
        length(ledgers.project) AS project_chars
    FROM ledgers
    INNER JOIN sessions
        ON
            sessions.project = ledgers.project
            OR starts_with(sessions.project, ledgers.project || '/')
    WHERE
        ledgers.label IS NULL
        OR sessions.label IS NULL
        OR ledgers.label = sessions.label
),

ledgers_apart AS (
    SELECT
        source_id,
        label
    FROM ledgers
    WHERE
        label IS NOT NULL
        AND source_id NOT IN (SELECT source_id FROM related_sessions)
),

candidate_sessions AS (
    SELECT
        source_id,
        session_id,
        link_rule,
        rule_rank,
        project_chars
    FROM related_sessions
    UNION ALL
    SELECT
        ledgers_apart.source_id,
        sessions.session_id,
        'label' AS link_rule,
        3 AS rule_rank,
        0 AS project_chars
    FROM ledgers_apart
    INNER JOIN sessions
        ON ledgers_apart.label = sessions.label
),

candidate_moments AS (
    SELECT
        candidate_sessions.source_id,
        candidate_sessions.link_rule,
        candidate_sessions.rule_rank,
        candidate_sessions.project_chars,
        moments.session_id,
        moments.response_key,
        moments.happened_at,
        date_trunc('day', moments.happened_at) AS happened_on
    FROM candidate_sessions
    INNER JOIN moments
        ON candidate_sessions.session_id = moments.session_id
    WHERE moments.happened_at IS NOT NULL
),

-- Windows cut into days, so that each moment is compared with those of its day alone.
spans AS (
    SELECT
        source_id,
        min(happened_at) AS first_at,
        max(happened_at) AS last_at
    FROM candidate_moments
    GROUP BY source_id
),

window_days AS (
    SELECT
        goal_windows.source_id,
        goal_windows.goal_id,
        goal_windows.window_start,
        goal_windows.window_end,
        goal_windows.is_window_closed,
        unnest(
            generate_series(
                date_trunc('day', greatest(goal_windows.window_start, spans.first_at)),
                least(coalesce(goal_windows.window_end, spans.last_at), spans.last_at),
                INTERVAL 1 DAY
            )
        ) AS happened_on
    FROM goal_windows
    INNER JOIN spans
        ON goal_windows.source_id = spans.source_id
),

in_window AS (
    SELECT
        candidate_moments.session_id,
        candidate_moments.response_key,
        candidate_moments.happened_at,
        candidate_moments.source_id,
        window_days.goal_id,
        candidate_moments.link_rule,
        candidate_moments.rule_rank,
        candidate_moments.project_chars,
        window_days.window_start,
        window_days.is_window_closed,
        TRUE AS is_in_window
    FROM candidate_moments
    INNER JOIN window_days
        ON
            candidate_moments.source_id = window_days.source_id
            AND candidate_moments.happened_on = window_days.happened_on
            AND candidate_moments.happened_at >= window_days.window_start
            AND (window_days.window_end IS NULL OR candidate_moments.happened_at <= window_days.window_end)
),

ranked AS (
    SELECT
        session_id,
        response_key,
        source_id,
        goal_id,
        link_rule,
        is_window_closed,
        row_number() OVER (
            PARTITION BY
                session_id,
                response_key
            ORDER BY
                rule_rank,
                project_chars DESC,
                (NOT is_in_window),
                CASE WHEN is_in_window THEN window_start END DESC,
                abs(epoch_of(happened_at) - epoch_of(window_start)) NULLS LAST,
                source_id,
                goal_id
        ) AS candidate_rank
    FROM (
        SELECT
            session_id,
            response_key,
            happened_at,
            source_id,
            goal_id,
            link_rule,
            rule_rank,
            project_chars,
            window_start,
            is_window_closed,
            is_in_window
        FROM named
        UNION ALL
        SELECT
            session_id,
            response_key,
            happened_at,
            source_id,
            goal_id,
            link_rule,
            rule_rank,
            project_chars,
            window_start,
            is_window_closed,
            is_in_window
        FROM in_window
    ) AS candidates
)

SELECT
    ranked.session_id,
    ranked.response_key,
    ranked.source_id,
    ledgers.label,
    ranked.goal_id,
    ranked.link_rule,
    ranked.is_window_closed
FROM ranked
INNER JOIN ledgers
    ON ranked.source_id = ledgers.source_id
WHERE ranked.candidate_rank = 1
