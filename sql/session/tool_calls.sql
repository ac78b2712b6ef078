/*
description: >
  Tool calls that models made, each with its output and with what Codex itself told of it. A
  call of a tool that answers, without an output, was interrupted. Streams and analytics events
  fill exit codes and durations that rollouts lack. Server and tool of an MCP
  call come from Codex's own account of it where there is one, else from the call's name.
grain: one row per tool call of a thread
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - source_id
  - line_number
  - item_id
  - call_kind
  - tool_server
  - tool_namespace
  - tool_name
  - called_at
  - returned_at
  - call_outcome
  - is_success
  - exit_code
  - exit_code_source
  - duration_ms
  - duration_source
  - argument_bytes
  - output_bytes
  - result_parts
  - result_images
  - original_output_tokens
  - original_output_lines
  - command_word
  - command_hash
  - is_escalated
  - web_action
  - web_queries
  - has_query
sort: [session_id, source_id, line_number]
scope: family
*/
WITH
-- An output is in the file of its call; the first one is that which the model got.
repeated_results AS (
    SELECT
        source_id,
        item_id,
        min(line_number) AS first_line
    FROM parsed_tool_results
    WHERE item_id IS NOT NULL
    GROUP BY
        source_id,
        item_id
    HAVING count(*) > 1
),

results AS (
    SELECT
        results.source_id,
        results.line_number,
        results.item_id,
        results.recorded_at,
        results.tool_outcome,
        results.exit_code,
        results.duration_ms,
        results.output_bytes,
        results.result_parts,
        results.result_images,
        results.original_output_tokens,
        results.original_output_lines
    FROM parsed_tool_results AS results
    LEFT JOIN repeated_results
        ON
            results.source_id = repeated_results.source_id
            AND results.item_id = repeated_results.item_id
    WHERE
        repeated_results.item_id IS NULL
        OR results.line_number = repeated_results.first_line
),

-- What Codex tells of a call, perhaps several times: the last counts.
repeated_items AS (
    SELECT
        source_id,
        item_id,
        max(line_number) AS last_line
    FROM parsed_items
    WHERE item_id IS NOT NULL
    GROUP BY
        source_id,
        item_id
    HAVING count(*) > 1
),

items AS (
    SELECT
        items.source_id,
        items.line_number,
        items.item_id,
        items.item_status,
        items.exit_code,
        items.duration_ms,
        items.output_bytes,
        items.is_success,
        items.tool_server,
        items.tool_name
    FROM parsed_items AS items
    LEFT JOIN repeated_items
        ON
            items.source_id = repeated_items.source_id
            AND items.item_id = repeated_items.item_id
    WHERE
        repeated_items.item_id IS NULL
        OR items.line_number = repeated_items.last_line
),

paired AS (
    SELECT
        rollouts.session_id,
        own_lines.turn_index,
        calls.source_id,
        calls.line_number,
        calls.item_id,
        calls.call_kind,
        calls.tool_namespace,
        calls.tool_name,
        calls.recorded_at,
        calls.argument_bytes,
        calls.command_word,
        calls.command_hash,
        calls.is_escalated,
        calls.web_action,
        calls.web_queries,
        calls.has_query,
        results.recorded_at AS returned_at,
        coalesce(results.output_bytes, items.output_bytes) AS output_bytes,
        results.result_parts,
        results.result_images,
        results.original_output_tokens,
        results.original_output_lines,
        items.tool_server,
        CASE WHEN items.tool_server IS NOT NULL THEN items.tool_name END AS server_tool,
        coalesce(items.exit_code, results.exit_code) AS exit_code,
        coalesce(items.duration_ms, results.duration_ms) AS duration_ms,
        CASE
            WHEN items.item_status = 'declined' THEN 'rejected'
            -- what goes on when the model gets its output may have ended since
            WHEN items.exit_code IS NOT NULL AND coalesce(results.tool_outcome, 'running') = 'running'
            THEN 'exited'
            WHEN results.tool_outcome IS NOT NULL THEN results.tool_outcome
            WHEN calls.call_kind IN ('web_search', 'image_generation') THEN calls.item_status
            WHEN results.line_number IS NOT NULL OR items.line_number IS NOT NULL THEN 'returned'
            ELSE 'interrupted'
        END AS call_outcome,
        items.is_success AS told_success
    FROM parsed_tool_calls AS calls
    INNER JOIN own_lines
        ON
            calls.source_id = own_lines.source_id
            AND calls.line_number = own_lines.line_number
            AND own_lines.line_kind = 'tool_call'
    INNER JOIN rollouts
        ON calls.source_id = rollouts.source_id
    LEFT JOIN results
        ON
            calls.source_id = results.source_id
            AND calls.item_id = results.item_id
    LEFT JOIN items
        ON
            calls.source_id = items.source_id
            AND calls.item_id = items.item_id
),

streamed_items AS (
    SELECT
        session_id,
        item_id,
        item_status,
        exit_code,
        exit_code_source,
        duration_ms,
        duration_source,
        row_number() OVER (
            PARTITION BY
                session_id,
                item_id
            ORDER BY turn_key
        ) AS copy
    FROM app_items
    WHERE is_completed
),

filled AS (
    SELECT
        paired.session_id,
        paired.turn_index,
        paired.source_id,
        paired.line_number,
        paired.item_id,
        paired.call_kind,
        paired.tool_namespace,
        paired.tool_name,
        paired.recorded_at,
        paired.argument_bytes,
        paired.command_word,
        paired.command_hash,
        paired.is_escalated,
        paired.web_action,
        paired.web_queries,
        paired.has_query,
        paired.returned_at,
        paired.output_bytes,
        paired.result_parts,
        paired.result_images,
        paired.original_output_tokens,
        paired.original_output_lines,
        paired.tool_server,
        paired.server_tool,
        paired.told_success,
        CASE
            WHEN
                paired.exit_code IS NULL
                AND streamed.exit_code IS NOT NULL
                AND paired.call_outcome IN ('running', 'returned', 'interrupted')
            THEN 'exited'
            -- its output is missing, but not because it never ended
            WHEN paired.call_outcome = 'interrupted' AND streamed.item_status = 'completed' THEN 'returned'
            WHEN
                paired.call_outcome = 'interrupted'
                AND streamed.item_status IN ('declined', 'rejected')
            THEN 'rejected'
            ELSE paired.call_outcome
        END AS call_outcome,
        coalesce(paired.exit_code, streamed.exit_code) AS exit_code,
        CASE
            WHEN paired.exit_code IS NOT NULL THEN 'rollout'
            ELSE streamed.exit_code_source
        END AS exit_code_source,
        -- the output of what goes on tells only how long the model waited for it
        CASE
            WHEN paired.call_outcome = 'running'
            THEN coalesce(streamed.duration_ms, paired.duration_ms)
            ELSE coalesce(paired.duration_ms, streamed.duration_ms)
        END AS duration_ms,
        CASE
            WHEN paired.call_outcome = 'running' AND streamed.duration_ms IS NOT NULL
            THEN streamed.duration_source
            WHEN paired.duration_ms IS NOT NULL THEN 'rollout'
            ELSE streamed.duration_source
        END AS duration_source
    FROM paired
    LEFT JOIN streamed_items AS streamed
        ON
            paired.session_id = streamed.session_id
            AND paired.item_id = streamed.item_id
            AND streamed.copy = 1
)

SELECT
    session_id,
    turn_index,
    source_id,
    line_number,
    item_id,
    call_kind,
    coalesce(tool_server, mcp_server(tool_namespace, tool_name)) AS tool_server,
    tool_namespace,
    coalesce(server_tool, mcp_tool(tool_name)) AS tool_name,
    recorded_at AS called_at,
    returned_at,
    call_outcome,
    CASE
        WHEN told_success IS NOT NULL THEN told_success
        WHEN
            call_outcome IN (
                'timed_out',
                'aborted',
                'rejected',
                'unsupported',
                'failed',
                'interrupted'
            )
        THEN FALSE
        WHEN exit_code IS NOT NULL THEN exit_code = 0
    END AS is_success,
    exit_code,
    exit_code_source,
    duration_ms,
    duration_source,
    argument_bytes,
    output_bytes,
    result_parts,
    result_images,
    original_output_tokens,
    original_output_lines,
    command_word,
    command_hash,
    is_escalated,
    web_action,
    web_queries,
    has_query
FROM filled
