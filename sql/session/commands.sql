/*
description: >
  Shell commands that ran (or were to run) in each thread: those that the model called a tool
  for, and those that only Codex tells of: the user's own (`user_shell`), and those that code
  written by the model ran. By their first word; the command itself is not kept.
grain: one row per command
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - turn_key
  - source_id
  - line_number
  - item_id
  - recorded_at
  - command_source
  - tool_name
  - command_word
  - command_hash
  - is_escalated
  - call_outcome
  - is_success
  - exit_code
  - duration_ms
  - output_bytes
  - read_actions
  - list_actions
  - search_actions
  - other_actions
sort: [session_id, source_id, line_number]
scope: family
*/
WITH
told AS (
    SELECT *
    FROM (
        SELECT
            parsed_items.*,
            row_number() OVER (
                PARTITION BY
                    source_id,
                    item_id
                ORDER BY line_number DESC
            ) AS item_rank
        FROM parsed_items
        WHERE item_type = 'commandExecution'
    ) AS ranked
    WHERE item_rank = 1
),

called AS (
    SELECT
        calls.session_id,
        calls.turn_index,
        calls.turn_key,
        calls.source_id,
        calls.line_number,
        calls.item_id,
        calls.called_at AS recorded_at,
        coalesce(told.command_source, 'agent') AS command_source,
        calls.tool_name,
        calls.command_word,
        calls.command_hash,
        calls.is_escalated,
        calls.call_outcome,
        calls.is_success,
        calls.exit_code,
        calls.duration_ms,
        calls.output_bytes,
        told.read_actions,
        told.list_actions,
        told.search_actions,
        told.other_actions
    FROM tool_calls AS calls
    LEFT JOIN told
        ON
            calls.source_id = told.source_id
            AND calls.item_id = told.item_id
    WHERE calls.command_hash IS NOT NULL
),

uncalled AS (
    SELECT
        own_lines.session_id,
        own_lines.turn_index,
        own_lines.turn_key,
        told.source_id,
        told.line_number,
        told.item_id,
        told.recorded_at,
        coalesce(told.command_source, 'agent') AS command_source,
        CAST(NULL AS VARCHAR) AS tool_name,
        told.command_word,
        told.command_hash,
        CAST(NULL AS BOOLEAN) AS is_escalated,
        CASE
            WHEN told.item_status = 'declined' THEN 'rejected'
            WHEN told.exit_code IS NOT NULL THEN 'exited'
            ELSE told.item_status
        END AS call_outcome,
        told.is_success,
        told.exit_code,
        told.duration_ms,
        told.output_bytes,
        told.read_actions,
        told.list_actions,
        told.search_actions,
        told.other_actions
    FROM told
    INNER JOIN own_lines
        ON
            told.source_id = own_lines.source_id
            AND told.line_number = own_lines.line_number
    LEFT JOIN parsed_tool_calls AS calls
        ON
            told.source_id = calls.source_id
            AND told.item_id = calls.item_id
    WHERE calls.item_id IS NULL
)

SELECT
    session_id,
    turn_index,
    turn_key,
    source_id,
    line_number,
    item_id,
    recorded_at,
    command_source,
    tool_name,
    command_word,
    command_hash,
    is_escalated,
    call_outcome,
    is_success,
    exit_code,
    duration_ms,
    output_bytes,
    read_actions,
    list_actions,
    search_actions,
    other_actions
FROM called
UNION ALL
SELECT
    session_id,
    turn_index,
    turn_key,
    source_id,
    line_number,
    item_id,
    recorded_at,
    command_source,
    tool_name,
    command_word,
    command_hash,
    is_escalated,
    call_outcome,
    is_success,
    exit_code,
    duration_ms,
    output_bytes,
    read_actions,
    list_actions,
    search_actions,
    other_actions
FROM uncalled
