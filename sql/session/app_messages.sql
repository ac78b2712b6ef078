/*
description: >
  Messages of app-server streams with the connection that they belong to and the time of each,
  but for deltas and diffs (their sizes are in `app_items`). A connection begins with
  `initialize`; what comes before the first one in a capture that was cut is one too. In a raw
  stream only notifications have times: `passed_at` puts the others in order among captures.
grain: one row per message that is no delta
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - connection_id
  - said_at
  - passed_at
  - sender
  - request_side
  - message_kind
  - request_id
  - method
  - is_known
  - thread_id
  - turn_id
  - item_id
  - result_kind
  - rpc_error_code
scope: session
internal: true
*/
WITH
messages AS (
    SELECT
        source_id,
        line_number,
        coalesce(recorded_at, emitted_at) AS said_at,
        coalesce(connection_name, '') AS connection_name,
        sender,
        request_side,
        message_kind,
        request_id,
        method,
        is_known,
        thread_id,
        turn_id,
        item_id,
        result_kind,
        rpc_error_code,
        CASE
            WHEN message_kind = 'request' AND method = 'initialize' THEN line_number
        END AS begins_at
    FROM parsed_app_server
    WHERE
        message_kind <> 'notification'
        OR NOT regexp_matches(method, '(elta|/diff/updated|/turn_diff)$')
),

placed AS (
    SELECT
        source_id,
        line_number,
        said_at,
        sender,
        request_side,
        message_kind,
        request_id,
        method,
        is_known,
        thread_id,
        turn_id,
        item_id,
        result_kind,
        rpc_error_code,
        max(begins_at) OVER (
            PARTITION BY
                source_id,
                connection_name
            ORDER BY line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS begins_at,
        min(line_number) OVER (
            PARTITION BY
                source_id,
                connection_name
        ) AS first_line,
        last_value(said_at IGNORE NULLS) OVER (
            PARTITION BY
                source_id,
                connection_name
            ORDER BY line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS said_before,
        first_value(said_at IGNORE NULLS) OVER (
            PARTITION BY
                source_id,
                connection_name
            ORDER BY line_number
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS said_after
    FROM messages
)

SELECT
    source_id,
    line_number,
    source_id || ':' || CAST(coalesce(begins_at, first_line) AS VARCHAR) AS connection_id,
    said_at,
    coalesce(said_before, said_after) AS passed_at,
    sender,
    request_side,
    message_kind,
    request_id,
    method,
    is_known,
    thread_id,
    turn_id,
    item_id,
    result_kind,
    rpc_error_code
FROM placed
