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
  - exit_code_source
  - duration_ms
  - duration_source
  - output_bytes
  - read_actions
  - list_actions
  - search_actions
  - other_actions
sort: [session_id, source_id, line_number]
scope: family
*/
WITH
-- The last word on a command: an item may be completed several times.
last_items AS (
    SELECT
        source_id,
        item_id,
        max(line_number) AS line_number
    FROM parsed_items
    WHERE item_type = 'commandExecution'
    GROUP BY
        source_id,
        item_id
),

told AS (
    SELECT
        items.source_id,
        items.line_number,
        items.recorded_at,
        items.item_id,
        items.item_status,
        items.command_source,
        items.command_word,
        items.command_hash,
        items.is_success,
        items.exit_code,
        items.duration_ms,
        items.output_bytes,
        items.read_actions,
        items.list_actions,
        items.search_actions,
        items.other_actions
    FROM parsed_items AS items
    INNER JOIN last_items
        ON
            items.source_id = last_items.source_id
            AND items.line_number = last_items.line_number
),

called AS (
    SELECT
        calls.session_id,
        calls.turn_index,
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
        calls.exit_code_source,
        calls.duration_ms,
        calls.duration_source,
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
        rollouts.session_id,
        own_lines.turn_index,
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
        CASE WHEN told.exit_code IS NOT NULL THEN 'rollout' END AS exit_code_source,
        told.duration_ms,
        CASE WHEN told.duration_ms IS NOT NULL THEN 'rollout' END AS duration_source,
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
            AND own_lines.line_kind = 'item'
    INNER JOIN rollouts
        ON told.source_id = rollouts.source_id
    LEFT JOIN parsed_tool_calls AS calls
        ON
            told.source_id = calls.source_id
            AND told.item_id = calls.item_id
    WHERE calls.item_id IS NULL
)

SELECT
    session_id,
    turn_index,
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
    exit_code_source,
    duration_ms,
    duration_source,
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
    exit_code_source,
    duration_ms,
    duration_source,
    output_bytes,
    read_actions,
    list_actions,
    search_actions,
    other_actions
FROM uncalled
