/*
description: >
  Items of turns (messages, reasoning, commands, file changes, tool calls, hooks) as app-server
  streams and analytics events tell them; an item that both tell is one. Outputs and texts are
  counted, never kept.
grain: one row per item of a turn
key: [session_id, turn_key, item_id]
columns:
  - session_id
  - turn_key
  - turn_id
  - item_id
  - item_type
  - client_name
  - missing_context
  - source_id
  - line_number
  - in_streams
  - in_analytics
  - item_status
  - is_completed
  - started_at
  - completed_at
  - duration_ms
  - duration_source
  - text_bytes
  - output_bytes
  - deltas
  - delta_bytes
  - exit_code
  - exit_code_source
  - phase
  - command_word
  - command_source
  - read_actions
  - list_actions
  - search_actions
  - other_actions
  - files_added
  - files_updated
  - files_deleted
  - files_moved
  - tool_server
  - tool_namespace
  - tool_name
  - is_success
  - failure_kind
  - approval_outcome
  - reviews
  - activity_kind
  - agent_thread_ids
  - web_action
  - web_queries
  - has_query
  - originating_response_id
scope: session
*/
WITH
-- --- streams ---------------------------------------------------------------------------------
said AS (
    SELECT
        messages.connection_id,
        messages.said_at,
        items.*,
        CASE
            WHEN regexp_matches(items.turn_id, '^[0-9]+$')
                THEN messages.connection_id || ':' || items.turn_id
            ELSE items.turn_id
        END AS turn_key,
        CASE WHEN items.event = 'completed' THEN 1 ELSE 0 END AS certainty
    FROM parsed_app_items AS items
    INNER JOIN app_messages AS messages
        ON
            items.source_id = messages.source_id
            AND items.line_number = messages.line_number
    WHERE
        items.thread_id IS NOT NULL
        AND items.item_id IS NOT NULL
),

-- What the end of an item says holds; its start tells what was to be done.
streamed AS (
    SELECT
        thread_id AS session_id,
        turn_key,
        min(turn_id) AS turn_id,
        item_id,
        min(connection_id) AS connection_id,
        arg_max(item_type, certainty) FILTER (WHERE item_type IS NOT NULL) AS item_type,
        arg_min(source_id, line_number) AS source_id,
        min(line_number) AS line_number,
        arg_max(item_status, certainty) FILTER (WHERE item_status IS NOT NULL) AS item_status,
        bool_or(event = 'completed') AS is_completed,
        min(started_at) AS started_at,
        min(CASE WHEN event = 'completed' THEN completed_at END) AS completed_at,
        min(CASE WHEN event = 'started' THEN said_at END) AS seen_started_at,
        min(CASE WHEN event = 'completed' THEN said_at END) AS seen_completed_at,
        max(duration_ms) AS duration_ms,
        arg_max(text_bytes, certainty) FILTER (WHERE text_bytes IS NOT NULL) AS text_bytes,
        arg_max(output_bytes, certainty) FILTER (WHERE output_bytes IS NOT NULL) AS output_bytes,
        max(exit_code) AS exit_code,
        max(phase) AS phase,
        max(command_word) AS command_word,
        max(command_source) AS command_source,
        max(read_actions) AS read_actions,
        max(list_actions) AS list_actions,
        max(search_actions) AS search_actions,
        max(other_actions) AS other_actions,
        arg_max(files_added, certainty) FILTER (WHERE files_added IS NOT NULL) AS files_added,
        arg_max(files_updated, certainty) FILTER (WHERE files_updated IS NOT NULL)
            AS files_updated,
        arg_max(files_deleted, certainty) FILTER (WHERE files_deleted IS NOT NULL)
            AS files_deleted,
        arg_max(files_moved, certainty) FILTER (WHERE files_moved IS NOT NULL) AS files_moved,
        max(tool_server) AS tool_server,
        max(tool_namespace) AS tool_namespace,
        max(tool_name) AS tool_name,
        arg_max(is_success, certainty) FILTER (WHERE is_success IS NOT NULL) AS is_success,
        max(activity_kind) AS activity_kind,
        arg_max(agent_thread_ids, certainty) FILTER (WHERE agent_thread_ids IS NOT NULL)
            AS agent_thread_ids,
        arg_max(web_action, certainty) FILTER (WHERE web_action IS NOT NULL) AS web_action,
        arg_max(web_queries, certainty) FILTER (WHERE web_queries IS NOT NULL) AS web_queries,
        arg_max(has_query, certainty) FILTER (WHERE has_query IS NOT NULL) AS has_query
    FROM said
    GROUP BY
        thread_id,
        turn_key,
        item_id
),

-- Of several captures of one stream, one tells the deltas.
deltas_by_source AS (
    SELECT
        thread_id AS session_id,
        turn_id,
        item_id,
        source_id,
        count(*) AS deltas,
        CAST(sum(text_bytes) AS BIGINT) AS delta_bytes
    FROM parsed_app_server
    WHERE
        message_kind = 'notification'
        AND regexp_matches(method, '^item/.*elta$')
        AND item_id IS NOT NULL
    GROUP BY
        thread_id,
        turn_id,
        item_id,
        source_id
),

deltas AS (
    SELECT
        session_id,
        turn_id,
        item_id,
        max(deltas) AS deltas,
        max(delta_bytes) AS delta_bytes
    FROM deltas_by_source
    GROUP BY
        session_id,
        turn_id,
        item_id
),

-- --- analytics ---------------------------------------------------------------------------------
events AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                thread_id,
                turn_id,
                item_id
            ORDER BY
                source_id,
                line_number,
                position
        ) AS copy
    FROM parsed_analytics_tools
    WHERE
        thread_id IS NOT NULL
        AND item_id IS NOT NULL
),

evented AS (
    SELECT
        *,
        CASE tool_kind
            WHEN 'command_execution' THEN 'commandExecution'
            WHEN 'file_change' THEN 'fileChange'
            WHEN 'mcp_tool_call' THEN 'mcpToolCall'
            WHEN 'dynamic_tool_call' THEN 'dynamicToolCall'
            WHEN 'collab_agent_tool_call' THEN 'collabAgentToolCall'
            WHEN 'web_search' THEN 'webSearch'
            WHEN 'image_generation' THEN 'imageGeneration'
            WHEN 'control_tool_call' THEN 'controlToolCall'
        END AS item_type
    FROM events
    WHERE copy = 1
),

joined AS (
    SELECT
        coalesce(streamed.session_id, evented.thread_id) AS session_id,
        coalesce(streamed.turn_key, evented.turn_id) AS turn_key,
        coalesce(streamed.turn_id, evented.turn_id) AS turn_id,
        coalesce(streamed.item_id, evented.item_id) AS item_id,
        coalesce(streamed.item_type, evented.item_type) AS item_type,
        coalesce(streamed.source_id, evented.source_id) AS source_id,
        coalesce(streamed.line_number, evented.line_number) AS line_number,
        streamed.item_id IS NOT NULL AS in_streams,
        evented.item_id IS NOT NULL AS in_analytics,
        CASE
            WHEN streamed.item_status <> 'inProgress' THEN streamed.item_status
            ELSE coalesce(evented.terminal_status, streamed.item_status)
        END AS item_status,
        coalesce(streamed.is_completed, FALSE)
        OR evented.item_id IS NOT NULL AS is_completed,
        coalesce(streamed.started_at, evented.started_at, streamed.seen_started_at) AS started_at,
        coalesce(streamed.completed_at, evented.completed_at, streamed.seen_completed_at)
            AS completed_at,
        coalesce(
            streamed.duration_ms,
            date_diff('millisecond', streamed.started_at, streamed.completed_at),
            evented.duration_ms,
            date_diff('millisecond', streamed.seen_started_at, streamed.seen_completed_at)
        ) AS duration_ms,
        CASE
            WHEN
                streamed.duration_ms IS NOT NULL
                OR date_diff('millisecond', streamed.started_at, streamed.completed_at) IS NOT NULL
                THEN 'stream'
            WHEN evented.duration_ms IS NOT NULL THEN 'analytics'
            WHEN
                streamed.seen_started_at IS NOT NULL
                AND streamed.seen_completed_at IS NOT NULL
                THEN 'observed'
        END AS duration_source,
        streamed.text_bytes,
        streamed.output_bytes,
        deltas.deltas,
        deltas.delta_bytes,
        coalesce(streamed.exit_code, evented.exit_code) AS exit_code,
        CASE
            WHEN streamed.exit_code IS NOT NULL THEN 'stream'
            WHEN evented.exit_code IS NOT NULL THEN 'analytics'
        END AS exit_code_source,
        streamed.phase,
        streamed.command_word,
        coalesce(streamed.command_source, evented.command_source) AS command_source,
        coalesce(streamed.read_actions, evented.read_actions) AS read_actions,
        coalesce(streamed.list_actions, evented.list_actions) AS list_actions,
        coalesce(streamed.search_actions, evented.search_actions) AS search_actions,
        coalesce(streamed.other_actions, evented.other_actions) AS other_actions,
        coalesce(streamed.files_added, evented.files_added) AS files_added,
        coalesce(streamed.files_updated, evented.files_updated) AS files_updated,
        coalesce(streamed.files_deleted, evented.files_deleted) AS files_deleted,
        coalesce(streamed.files_moved, evented.files_moved) AS files_moved,
        coalesce(streamed.tool_server, evented.tool_server) AS tool_server,
        streamed.tool_namespace,
        coalesce(
            streamed.tool_name,
            evented.mcp_tool_name,
            evented.dynamic_tool_name,
            evented.tool_name
        ) AS tool_name,
        coalesce(streamed.is_success, evented.is_success) AS is_success,
        evented.failure_kind,
        evented.approval_outcome,
        evented.reviews,
        streamed.activity_kind,
        coalesce(streamed.agent_thread_ids, evented.agent_thread_ids) AS agent_thread_ids,
        CASE coalesce(streamed.web_action, evented.web_action)
            WHEN 'openPage' THEN 'open_page'
            WHEN 'findInPage' THEN 'find_in_page'
            ELSE coalesce(streamed.web_action, evented.web_action)
        END AS web_action,
        coalesce(streamed.web_queries, evented.web_queries) AS web_queries,
        coalesce(streamed.has_query, evented.has_query) AS has_query,
        evented.originating_response_id
    FROM streamed
    FULL JOIN evented
        ON
            streamed.session_id = evented.thread_id
            AND streamed.turn_id IS NOT DISTINCT FROM evented.turn_id
            AND streamed.item_id = evented.item_id
    LEFT JOIN deltas
        ON
            streamed.session_id = deltas.session_id
            AND streamed.turn_id = deltas.turn_id
            AND streamed.item_id = deltas.item_id
)

SELECT
    joined.session_id,
    joined.turn_key,
    joined.turn_id,
    joined.item_id,
    joined.item_type,
    threads.client_name,
    threads.missing_context,
    joined.source_id,
    joined.line_number,
    joined.in_streams,
    joined.in_analytics,
    joined.item_status,
    joined.is_completed,
    joined.started_at,
    joined.completed_at,
    joined.duration_ms,
    joined.duration_source,
    joined.text_bytes,
    joined.output_bytes,
    joined.deltas,
    joined.delta_bytes,
    joined.exit_code,
    joined.exit_code_source,
    joined.phase,
    joined.command_word,
    joined.command_source,
    joined.read_actions,
    joined.list_actions,
    joined.search_actions,
    joined.other_actions,
    joined.files_added,
    joined.files_updated,
    joined.files_deleted,
    joined.files_moved,
    joined.tool_server,
    joined.tool_namespace,
    joined.tool_name,
    joined.is_success,
    joined.failure_kind,
    joined.approval_outcome,
    joined.reviews,
    joined.activity_kind,
    joined.agent_thread_ids,
    joined.web_action,
    joined.web_queries,
    joined.has_query,
    joined.originating_response_id
FROM joined
LEFT JOIN threads
    ON joined.session_id = threads.session_id
