/*
description: >
  Lines of messages, calls, items and events that are a thread's own (not copied from another
  thread, nor standing in another file of the same thread), with the turn that they belong to:
  the one that they name, else the last one that began before them.
grain: one row per such line
key: [source_id, line_number]
columns: [source_id, line_number, session_id, turn_index, turn_key, turn_id]
internal: true
scope: family
*/
WITH
places AS (
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_messages
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_agent_messages
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_reasoning
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_tool_calls
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_tool_results
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_items
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_events
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_goal_updates
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id
    FROM parsed_lifecycle
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        NULL AS turn_id
    FROM parsed_compactions
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        NULL AS turn_id
    FROM parsed_settings
    UNION ALL
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        NULL AS turn_id
    FROM parsed_session_meta
),

-- Threads with several files: a line that stands in two of them counts once.
shared_files AS (
    SELECT
        source_id,
        base_source_id,
        session_id
    FROM rollouts
    WHERE
        session_id IN (
            SELECT session_id
            FROM rollouts
            GROUP BY session_id
            HAVING count(*) > 1
        )
),

shared_lines AS (
    SELECT
        places.source_id,
        places.line_number,
        places.recorded_at,
        CASE WHEN places.recorded_at IS NULL THEN places.byte_offset END AS untimed_offset,
        shared_files.session_id,
        shared_files.base_source_id,
        raw_lines.payload_hash,
        row_number() OVER (
            PARTITION BY
                places.source_id,
                places.recorded_at,
                raw_lines.payload_hash
            ORDER BY places.line_number
        ) AS occurrence
    FROM places
    INNER JOIN shared_files
        ON places.source_id = shared_files.source_id
    INNER JOIN raw_lines
        ON
            places.source_id = raw_lines.source_id
            AND places.line_number = raw_lines.line_number
),

copies AS (
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
        ) > 1 AS is_copy
    FROM shared_lines
),

-- The last turn that began at a line or before it.
marks AS (
    SELECT
        source_id,
        line_number,
        turn_key,
        turn_id
    FROM situations
    WHERE marks_turn
),

sorted_lines AS (
    SELECT
        source_id,
        line_number,
        turn_key AS marked_key,
        turn_id AS marked_id,
        CAST(NULL AS VARCHAR) AS named_id,
        0 AS is_line
    FROM marks
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS marked_key,
        NULL AS marked_id,
        turn_id AS named_id,
        1 AS is_line
    FROM places
),

placed AS (
    SELECT
        source_id,
        line_number,
        is_line,
        named_id,
        last_value(marked_key IGNORE NULLS) OVER until_now AS last_key
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
    placed.source_id,
    placed.line_number,
    lineage.session_id,
    coalesce(named.turn_index, last_turns.turn_index) AS turn_index,
    coalesce(named.turn_key, last_turns.turn_key, placed.last_key) AS turn_key,
    coalesce(placed.named_id, named.turn_id, last_turns.turn_id) AS turn_id
FROM placed
INNER JOIN lineage
    ON placed.source_id = lineage.source_id
LEFT JOIN copies
    ON
        placed.source_id = copies.source_id
        AND placed.line_number = copies.line_number
LEFT JOIN turn_starts AS named
    ON
        lineage.session_id = named.session_id
        AND placed.named_id = named.turn_key
LEFT JOIN turn_starts AS last_turns
    ON
        lineage.session_id = last_turns.session_id
        AND placed.last_key = last_turns.turn_key
WHERE
    placed.is_line = 1
    AND NOT coalesce(copies.is_copy, FALSE)
    AND (
        lineage.inherited_from_line IS NULL
        OR placed.line_number < lineage.inherited_from_line
        OR placed.line_number >= lineage.own_from_line
    )
