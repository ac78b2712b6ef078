/*
description: >
  Which goal of a thread is which: analytics events and the goals database name it by an id,
  streams, rollouts and the database by the second of its creation. The database knows both;
  else an id belongs to the last goal created before its `created` event, else (where there
  are as many of both) they belong together in order.
grain: one row per goal of a thread
key: [session_id, goal_key]
columns:
  - session_id
  - goal_key
  - goal_id
  - goal_created_at
  - matched_by
  - goal_number
scope: session
internal: true
*/
WITH
stored AS (
    SELECT
        thread_id AS session_id,
        goal_id,
        date_trunc('second', goal_created_at) AS goal_created_at
    FROM parsed_thread_goals
    WHERE
        thread_id IS NOT NULL
        AND goal_id IS NOT NULL
        AND goal_created_at IS NOT NULL
    GROUP BY
        thread_id,
        goal_id,
        date_trunc('second', goal_created_at)
),

created AS (
    SELECT
        session_id,
        date_trunc('second', goal_created_at) AS goal_created_at
    FROM (
        SELECT
            session_id,
            goal_created_at
        FROM stored
        UNION ALL
        SELECT
            thread_id AS session_id,
            goal_created_at
        FROM parsed_app_goals
        UNION ALL
        SELECT
            thread_id AS session_id,
            goal_created_at
        FROM parsed_goal_updates
    )
    WHERE
        session_id IS NOT NULL
        AND goal_created_at IS NOT NULL
    GROUP BY
        session_id,
        date_trunc('second', goal_created_at)
),

named AS (
    SELECT
        session_id,
        goal_id,
        min(created_event_at) AS created_event_at,
        min(first_event_at) AS first_event_at,
        min(place) AS place
    FROM (
        SELECT
            session_id,
            goal_id,
            CAST(NULL AS TIMESTAMPTZ) AS created_event_at,
            goal_created_at AS first_event_at,
            '' AS place
        FROM stored
        UNION ALL
        SELECT
            thread_id AS session_id,
            goal_id,
            CASE WHEN goal_event = 'created' THEN recorded_at END AS created_event_at,
            recorded_at AS first_event_at,
            source_id || lpad(CAST(line_number AS VARCHAR), 12, '0') AS place
        FROM parsed_analytics_goals
    )
    WHERE
        session_id IS NOT NULL
        AND goal_id IS NOT NULL
    GROUP BY
        session_id,
        goal_id
),

-- --- by time: a `created` event is reported at once, after the goal by any but a slow clock ----
unstored_names AS (
    SELECT named.*
    FROM named
    LEFT JOIN stored
        ON
            named.session_id = stored.session_id
            AND named.goal_id = stored.goal_id
    WHERE stored.goal_id IS NULL
),

unstored_moments AS (
    SELECT created.*
    FROM created
    LEFT JOIN stored
        ON
            created.session_id = stored.session_id
            AND created.goal_created_at = stored.goal_created_at
    WHERE stored.goal_id IS NULL
),

near AS (
    SELECT
        names.session_id,
        names.goal_id,
        moments.goal_created_at,
        row_number() OVER (
            PARTITION BY
                names.session_id,
                names.goal_id
            ORDER BY
                (moments.goal_created_at > names.created_event_at),
                CASE
                    WHEN moments.goal_created_at > names.created_event_at
                        THEN moments.goal_created_at
                END,
                moments.goal_created_at DESC
        ) AS moment_rank,
        row_number() OVER (
            PARTITION BY
                moments.session_id,
                moments.goal_created_at
            ORDER BY
                (moments.goal_created_at > names.created_event_at),
                names.created_event_at,
                names.goal_id
        ) AS name_rank
    FROM unstored_names AS names
    INNER JOIN unstored_moments AS moments
        ON
            names.session_id = moments.session_id
            AND names.created_event_at + INTERVAL 2 SECOND >= moments.goal_created_at
),

timed AS (
    SELECT
        session_id,
        goal_id,
        goal_created_at
    FROM near
    WHERE
        moment_rank = 1
        AND name_rank = 1
),

-- --- by order ---------------------------------------------------------------------------------
left_names AS (
    SELECT
        names.session_id,
        names.goal_id,
        row_number() OVER (
            PARTITION BY names.session_id
            ORDER BY
                names.first_event_at,
                names.place
        ) AS turn_in_line,
        count(*) OVER (PARTITION BY names.session_id) AS waiting
    FROM unstored_names AS names
    LEFT JOIN timed
        ON
            names.session_id = timed.session_id
            AND names.goal_id = timed.goal_id
    WHERE timed.goal_id IS NULL
),

left_moments AS (
    SELECT
        moments.session_id,
        moments.goal_created_at,
        row_number() OVER (
            PARTITION BY moments.session_id
            ORDER BY moments.goal_created_at
        ) AS turn_in_line,
        count(*) OVER (PARTITION BY moments.session_id) AS waiting
    FROM unstored_moments AS moments
    LEFT JOIN timed
        ON
            moments.session_id = timed.session_id
            AND moments.goal_created_at = timed.goal_created_at
    WHERE timed.goal_id IS NULL
),

ordered AS (
    SELECT
        coalesce(left_names.session_id, left_moments.session_id) AS session_id,
        left_names.goal_id,
        left_moments.goal_created_at
    FROM left_names
    FULL JOIN left_moments
        ON
            left_names.session_id = left_moments.session_id
            AND left_names.turn_in_line = left_moments.turn_in_line
            AND left_names.waiting = left_moments.waiting
),

goals AS (
    SELECT
        session_id,
        goal_id,
        goal_created_at,
        'database' AS matched_by
    FROM stored
    UNION ALL
    SELECT
        session_id,
        goal_id,
        goal_created_at,
        'time' AS matched_by
    FROM timed
    UNION ALL
    SELECT
        session_id,
        goal_id,
        goal_created_at,
        CASE
            WHEN goal_id IS NOT NULL AND goal_created_at IS NOT NULL THEN 'order'
        END AS matched_by
    FROM ordered
)

SELECT
    goals.session_id,
    coalesce(goals.goal_id, utc_text(goals.goal_created_at)) AS goal_key,
    goals.goal_id,
    goals.goal_created_at,
    goals.matched_by,
    row_number() OVER (
        PARTITION BY goals.session_id
        ORDER BY
            coalesce(goals.goal_created_at, named.created_event_at, named.first_event_at)
            NULLS LAST,
            named.place,
            goals.goal_id
    ) AS goal_number
FROM goals
LEFT JOIN named
    ON
        goals.session_id = named.session_id
        AND goals.goal_id = named.goal_id
