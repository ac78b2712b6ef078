/*
description: >
  Which turn is which: turns that streams or analytics events tell of, each with its number in
  `turns`. One that rollouts tell of too has its number there, found by the turn's id, or,
  before turns had ids (until 2026-02), by when it began. The others are numbered on after
  those of rollouts; but for numbered turns of a thread with rollouts, which cannot be told
  from those, and turns that rollouts tell of in another thread (inherited, or announced on
  the thread that a review reviews).
grain: one row per turn that streams or analytics events tell of
key: [session_id, turn_index]
columns: [session_id, turn_index, turn_key, in_rollouts]
internal: true
scope: global
*/
WITH
named AS (
    SELECT
        streamed.session_id,
        streamed.turn_key,
        turns.turn_index
    FROM app_turns AS streamed
    INNER JOIN turn_starts AS turns
        ON
            streamed.session_id = turns.session_id
            AND streamed.turn_key = turns.turn_key
),

-- A numbered turn is the first without an id that began while it ran.
begun AS (
    SELECT
        streamed.session_id,
        streamed.turn_key,
        turns.turn_index,
        row_number() OVER (
            PARTITION BY
                streamed.session_id,
                streamed.turn_key
            ORDER BY turns.turn_index
        ) AS turn_rank,
        row_number() OVER (
            PARTITION BY
                streamed.session_id,
                turns.turn_index
            ORDER BY
                streamed.started_at,
                streamed.turn_key
        ) AS copy
    FROM app_turns AS streamed
    INNER JOIN turn_starts AS turns
        ON
            streamed.session_id = turns.session_id
            AND streamed.started_at <= turns.recorded_at
            AND streamed.completed_at >= turns.recorded_at
    WHERE
        turns.turn_id IS NULL
        AND streamed.turn_id <> streamed.turn_key
),

known AS (
    SELECT
        session_id,
        turn_key,
        turn_index
    FROM named
    UNION ALL
    SELECT
        session_id,
        turn_key,
        turn_index
    FROM begun
    WHERE
        turn_rank = 1
        AND copy = 1
),

last_turns AS (
    SELECT
        session_id,
        max(turn_index) AS turn_index
    FROM turn_starts
    GROUP BY session_id
),

others AS (
    SELECT
        streamed.session_id,
        coalesce(last_turns.turn_index, 0) + row_number() OVER (
            PARTITION BY streamed.session_id
            ORDER BY
                streamed.started_at,
                streamed.turn_key
        ) AS turn_index,
        streamed.turn_key
    FROM app_turns AS streamed
    LEFT JOIN last_turns
        ON streamed.session_id = last_turns.session_id
    LEFT JOIN (SELECT DISTINCT turn_key FROM turn_starts) AS elsewhere
        ON streamed.turn_key = elsewhere.turn_key
    WHERE
        elsewhere.turn_key IS NULL
        AND (last_turns.session_id IS NULL OR streamed.turn_id = streamed.turn_key)
)

SELECT
    session_id,
    turn_index,
    turn_key,
    TRUE AS in_rollouts
FROM known
UNION ALL
SELECT
    session_id,
    turn_index,
    turn_key,
    FALSE AS in_rollouts
FROM others
