/*
description: >
  Tool calls that models made, each with its output and with what Codex itself told of it. A
  call of a tool that answers, without an output, was interrupted. Server and tool of an MCP
  call come from Codex's own account of it where there is one, else from the call's name.
grain: one row per tool call of a thread
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - turn_key
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
  - duration_ms
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
calls AS (
    SELECT
        parsed_tool_calls.*,
        own_lines.session_id,
        own_lines.turn_index,
        own_lines.turn_key
    FROM parsed_tool_calls
    INNER JOIN own_lines
        ON
            parsed_tool_calls.source_id = own_lines.source_id
            AND parsed_tool_calls.line_number = own_lines.line_number
),

-- An output is in the file of its call, after it; the first one is that which the model got.
results AS (
    SELECT *
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY
                    source_id,
                    item_id
                ORDER BY line_number
            ) AS result_rank
        FROM parsed_tool_results
        WHERE item_id IS NOT NULL
    ) AS ranked
    WHERE result_rank = 1
),

-- What Codex tells of a call, perhaps several times: the last counts.
items AS (
    SELECT *
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY
                    source_id,
                    item_id
                ORDER BY line_number DESC
            ) AS item_rank
        FROM parsed_items
        WHERE item_id IS NOT NULL
    ) AS ranked
    WHERE item_rank = 1
),

paired AS (
    SELECT
        calls.*,
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
    FROM calls
    LEFT JOIN results
        ON
            calls.source_id = results.source_id
            AND calls.item_id = results.item_id
    LEFT JOIN items
        ON
            calls.source_id = items.source_id
            AND calls.item_id = items.item_id
)

SELECT
    session_id,
    turn_index,
    turn_key,
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
    duration_ms,
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
FROM paired
