/*
description: >
  Lines of messages, calls, items and events that are a thread's own (not copied from another
  thread, nor standing in another file of the same thread), with the turn that they belong to:
  the one that they name, else the last one that began before them.
grain: one row per such line
key: [source_id, line_number]
columns: [source_id, line_number, line_kind, turn_index]
internal: true
scope: family
*/
-- This is the longest table beside raw_lines: it holds numbers as far as it can.
WITH
places AS (
    SELECT
        source_id,
        line_number,
        turn_id,
        'message' AS line_kind
    FROM parsed_messages
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_id,
        'agent_message' AS line_kind
    FROM parsed_agent_messages
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_id,
        'reasoning' AS line_kind
    FROM parsed_reasoning
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_id,
        'tool_call' AS line_kind
    FROM parsed_tool_calls
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_id,
        'item' AS line_kind
    FROM parsed_items
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_id,
        'change' AS line_kind
    FROM parsed_events
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_id,
        'change' AS line_kind
    FROM parsed_goal_updates
    UNION ALL
    SELECT
        source_id,
        line_number,
        turn_id,
        'change' AS line_kind
    FROM parsed_lifecycle
    WHERE
        event = 'turn_aborted'
        OR error_kind IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS turn_id,
        'change' AS line_kind
    FROM parsed_compactions
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS turn_id,
        'change' AS line_kind
    FROM parsed_settings
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS turn_id,
        'change' AS line_kind
    FROM parsed_session_meta
),

-- Threads with several files: a line that stands in two of them counts once.
shared_lines AS (
    SELECT
        raw_lines.source_id,
        raw_lines.line_number,
        raw_lines.recorded_at,
        raw_lines.payload_hash,
        CASE
            WHEN raw_lines.recorded_at IS NULL THEN raw_lines.byte_offset
        END AS untimed_offset,
        shared_files.session_id,
        shared_files.base_source_id,
        row_number() OVER (
            PARTITION BY
                raw_lines.source_id,
                raw_lines.recorded_at,
                raw_lines.payload_hash
            ORDER BY raw_lines.line_number
        ) AS occurrence
    FROM raw_lines
    INNER JOIN shared_files
        ON raw_lines.source_id = shared_files.source_id
),

ranked_lines AS (
    SELECT
        source_id,
        line_number,
        row_number() OVER (
            PARTITION BY
                session_id,
                recorded_at,
                untimed_offset,
                payload_hash,
                occurrence
            ORDER BY
                (source_id <> base_source_id),
                source_id
        ) AS copy_rank
    FROM shared_lines
),

copies AS (
    SELECT
        source_id,
        line_number,
        TRUE AS is_copy
    FROM ranked_lines
    WHERE copy_rank > 1
),

own_places AS (
    SELECT
        places.source_id,
        places.line_number,
        places.line_kind,
        turn_starts.turn_index
    FROM places
    INNER JOIN lineage
        ON places.source_id = lineage.source_id
    LEFT JOIN copies
        ON
            places.source_id = copies.source_id
            AND places.line_number = copies.line_number
    LEFT JOIN turn_starts
        ON
            lineage.session_id = turn_starts.session_id
            AND places.turn_id = turn_starts.turn_key
    WHERE
        NOT coalesce(copies.is_copy, FALSE)
        AND is_own_line(places.line_number, lineage.inherited_from_line, lineage.own_from_line)
),

-- Turns where they begin; the index of one that is not the thread's own is 0.
marks AS (
    SELECT
        situations.source_id,
        situations.line_number,
        coalesce(turn_starts.turn_index, 0) AS turn_index
    FROM situations
    INNER JOIN rollouts
        ON situations.source_id = rollouts.source_id
    LEFT JOIN turn_starts
        ON
            rollouts.session_id = turn_starts.session_id
            AND situations.turn_key = turn_starts.turn_key
    WHERE situations.marks_turn
),

sorted_lines AS (
    SELECT
        source_id,
        line_number,
        NULL AS line_kind,
        turn_index,
        0 AS is_line
    FROM marks
    UNION ALL
    SELECT
        source_id,
        line_number,
        line_kind,
        NULL AS turn_index,
        1 AS is_line
    FROM own_places
    WHERE turn_index IS NULL
),

placed_lines AS (
    SELECT
        source_id,
        line_number,
        line_kind,
        is_line,
        last_value(turn_index IGNORE NULLS) OVER until_now AS turn_index
    FROM sorted_lines
    WINDOW
        until_now AS (
            PARTITION BY source_id
            ORDER BY
                line_number,
                is_line
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
)

SELECT
    source_id,
    line_number,
    line_kind,
    turn_index
FROM own_places
WHERE turn_index IS NOT NULL
UNION ALL
SELECT
    source_id,
    line_number,
    line_kind,
    nullif(turn_index, 0) AS turn_index
FROM placed_lines
WHERE is_line = 1
