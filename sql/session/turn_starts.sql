/*
description: >
  The own turns of each thread, numbered in the order in which they began. Turns of copied
  history belong to the thread that they were copied from.
grain: one row per turn of a thread
key: [session_id, turn_index]
columns: [session_id, turn_index, turn_key, turn_id, source_id, line_number, recorded_at]
internal: true
scope: family
*/
WITH
own_turns AS (
    SELECT
        lineage.session_id,
        marks.turn_key,
        marks.source_id,
        min(marks.turn_id) AS turn_id,
        min(marks.line_number) AS line_number,
        min(marks.recorded_at) AS recorded_at
    FROM situations AS marks
    INNER JOIN lineage
        ON marks.source_id = lineage.source_id
    WHERE
        marks.marks_turn
        AND is_own_line(marks.line_number, lineage.inherited_from_line, lineage.own_from_line)
    GROUP BY
        lineage.session_id,
        marks.turn_key,
        marks.source_id
),

-- Turns that only a copied record tells of, since their thread's own file is gone.
lost_turns AS (
    SELECT
        records.thread_id AS session_id,
        records.turn_id AS turn_key,
        records.source_id,
        records.turn_id,
        min(records.line_number) AS line_number,
        min(records.recorded_at) AS recorded_at
    FROM parsed_usage AS records
    INNER JOIN rollouts
        ON records.source_id = rollouts.source_id
    LEFT JOIN own_turns
        ON
            records.thread_id = own_turns.session_id
            AND records.turn_id = own_turns.turn_key
    WHERE
        records.turn_id IS NOT NULL
        AND records.thread_id <> rollouts.session_id
        AND own_turns.session_id IS NULL
    GROUP BY
        records.thread_id,
        records.turn_id,
        records.source_id
),

all_turns AS (
    SELECT
        session_id,
        turn_key,
        source_id,
        turn_id,
        line_number,
        recorded_at
    FROM own_turns
    UNION ALL
    SELECT
        session_id,
        turn_key,
        source_id,
        turn_id,
        line_number,
        recorded_at
    FROM lost_turns
),

-- The same turn in several files: a second copy of the file, or several forks of a lost one.
ranked AS (
    SELECT
        all_turns.session_id,
        all_turns.turn_key,
        all_turns.source_id,
        all_turns.turn_id,
        all_turns.line_number,
        all_turns.recorded_at,
        rollouts.base_source_id,
        row_number() OVER (
            PARTITION BY
                all_turns.session_id,
                all_turns.turn_key
            ORDER BY
                all_turns.recorded_at,
                rollouts.base_source_id,
                (all_turns.source_id <> rollouts.base_source_id),
                all_turns.source_id
        ) AS file_rank
    FROM all_turns
    INNER JOIN rollouts
        ON all_turns.source_id = rollouts.source_id
)

SELECT
    session_id,
    row_number() OVER (
        PARTITION BY session_id
        ORDER BY
            recorded_at,
            base_source_id,
            line_number,
            turn_key
    ) AS turn_index,
    turn_key,
    turn_id,
    source_id,
    line_number,
    recorded_at
FROM ranked
WHERE file_rank = 1
