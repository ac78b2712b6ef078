/*
description: >
  The own turns of each thread, numbered in the order in which they began. Turns of copied
  history belong to the thread that they were copied from.
grain: one row per turn of a thread
key: [session_id, turn_index]
columns: [session_id, turn_index, turn_key, turn_id, source_id, line_number, recorded_at]
scope: session
*/
WITH
-- A record names its thread and turn, wherever it was copied to.
record_turns AS (
    SELECT
        coalesce(records.thread_id, rollouts.session_id) AS session_id,
        records.turn_id,
        rollouts.base_source_id,
        records.source_id,
        min(records.line_number) AS line_number,
        min(records.recorded_at) AS recorded_at
    FROM parsed_usage AS records
    INNER JOIN rollouts
        ON records.source_id = rollouts.source_id
    WHERE
        records.usage_kind = 'token_usage_record'
        AND records.turn_id IS NOT NULL
    GROUP BY
        coalesce(records.thread_id, rollouts.session_id),
        records.turn_id,
        rollouts.base_source_id,
        records.source_id
),

own_marks AS (
    SELECT
        lineage.session_id,
        marks.turn_key,
        marks.turn_id,
        rollouts.base_source_id,
        marks.source_id,
        marks.line_number,
        marks.recorded_at,
        TRUE AS is_own_file
    FROM turn_marks AS marks
    INNER JOIN lineage
        ON marks.source_id = lineage.source_id
    INNER JOIN rollouts
        ON marks.source_id = rollouts.source_id
    WHERE
        lineage.inherited_from_line IS NULL
        OR marks.line_number < lineage.inherited_from_line
        OR marks.line_number >= lineage.own_from_line
    UNION ALL
    SELECT
        record_turns.session_id,
        record_turns.turn_id AS turn_key,
        record_turns.turn_id,
        record_turns.base_source_id,
        record_turns.source_id,
        record_turns.line_number,
        record_turns.recorded_at,
        record_turns.session_id = lineage.session_id AS is_own_file
    FROM record_turns
    INNER JOIN lineage
        ON record_turns.source_id = lineage.source_id
),

ranked AS (
    SELECT
        session_id,
        turn_key,
        turn_id,
        base_source_id,
        source_id,
        line_number,
        recorded_at,
        row_number() OVER (
            PARTITION BY
                session_id,
                turn_key
            ORDER BY
                (NOT is_own_file),
                recorded_at,
                base_source_id,
                line_number,
                source_id
        ) AS mark_rank
    FROM own_marks
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
WHERE mark_rank = 1
