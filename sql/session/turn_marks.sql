/*
description: >
  Lines at which a turn begins or is named. Turns have ids since 2026-02-11 (`task_started`,
  `turn_context`); before, a turn begins with a `user_message`. Copied lines included.
grain: one row per line of a source that names or begins a turn
key: [source_id, line_number]
columns: [source_id, line_number, recorded_at, turn_key, turn_id]
scope: session
*/
WITH
sources AS (
    SELECT
        source_id,
        coalesce(copy_of, source_id) AS base_id
    FROM raw_sources
    WHERE kind = 'codex'
),

contexts AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id
    FROM parsed_turn_context
),

starts AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id
    FROM parsed_lifecycle
    WHERE event = 'task_started'
),

named AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id
    FROM contexts
    WHERE turn_id IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id
    FROM starts
    WHERE turn_id IS NOT NULL
),

first_named AS (
    SELECT
        source_id,
        min(line_number) AS named_from_line
    FROM named
    GROUP BY source_id
),

-- Sources with turns that have no id: all of them, or those before an upgrade of the CLI.
unnamed_sources AS (
    SELECT
        sources.source_id,
        sources.base_id,
        first_named.named_from_line
    FROM sources
    LEFT JOIN first_named
        ON sources.source_id = first_named.source_id
    WHERE
        first_named.source_id IS NULL
        OR sources.source_id IN (SELECT source_id FROM contexts WHERE turn_id IS NULL)
),

messages AS (
    SELECT
        unnamed_sources.source_id,
        raw_lines.line_number,
        raw_lines.recorded_at,
        unnamed_sources.base_id || ':' || CAST(raw_lines.line_number AS VARCHAR) AS turn_key
    FROM raw_lines
    INNER JOIN unnamed_sources
        ON raw_lines.source_id = unnamed_sources.source_id
    WHERE
        raw_lines.payload_type = 'user_message'
        AND raw_lines.line_number < coalesce(unnamed_sources.named_from_line, 9223372036854775807)
),

-- The earliest files have no user messages either: each context begins a turn.
bare_contexts AS (
    SELECT
        contexts.source_id,
        contexts.line_number,
        contexts.recorded_at,
        unnamed_sources.base_id || ':' || CAST(contexts.line_number AS VARCHAR) AS turn_key
    FROM contexts
    INNER JOIN unnamed_sources
        ON contexts.source_id = unnamed_sources.source_id
    WHERE
        contexts.turn_id IS NULL
        AND contexts.source_id NOT IN (SELECT source_id FROM messages)
)

SELECT
    source_id,
    line_number,
    recorded_at,
    turn_id AS turn_key,
    turn_id
FROM named
UNION ALL
SELECT
    source_id,
    line_number,
    recorded_at,
    turn_key,
    NULL AS turn_id
FROM messages
UNION ALL
SELECT
    source_id,
    line_number,
    recorded_at,
    turn_key,
    NULL AS turn_id
FROM bare_contexts
