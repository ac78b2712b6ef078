/*
description: >
  Requests in app-server streams, of both sides, with their answers. Ids count within a
  connection and for each side apart; an answer belongs to the last request before it with its
  id. A request of the server that is sent again before it is answered is the same request; a
  client that uses an id again asks anew.
grain: one row per request of a connection
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - connection_id
  - request_side
  - sender
  - request_id
  - method
  - is_known
  - thread_id
  - turn_id
  - item_id
  - times_sent
  - requested_at
  - answer_line_number
  - answered_at
  - answer_status
  - result_kind
  - rpc_error_code
  - wait_ms
scope: session
*/
WITH
-- Requests and answers with one id, in the order of lines.
exchange AS (
    SELECT
        source_id,
        line_number,
        connection_id,
        request_side,
        sender,
        request_id,
        method,
        is_known,
        thread_id,
        turn_id,
        item_id,
        said_at,
        message_kind,
        result_kind,
        rpc_error_code,
        lag(message_kind) OVER same_id AS kind_before,
        lag(method) OVER same_id AS method_before,
        lag(item_id) OVER same_id AS item_before,
        lead(message_kind) OVER same_id AS kind_after,
        lead(line_number) OVER same_id AS line_after,
        lead(said_at) OVER same_id AS said_after,
        lead(thread_id) OVER same_id AS thread_after,
        lead(turn_id) OVER same_id AS turn_after,
        lead(result_kind) OVER same_id AS result_after,
        lead(rpc_error_code) OVER same_id AS error_after
    FROM app_messages
    WHERE message_kind <> 'notification'
    WINDOW same_id AS (
        PARTITION BY
            connection_id,
            request_side,
            request_id
        ORDER BY line_number
    )
),

requests AS (
    SELECT
        source_id,
        line_number,
        connection_id,
        request_side,
        sender,
        request_id,
        method,
        is_known,
        thread_id,
        turn_id,
        item_id,
        said_at,
        CASE WHEN kind_after <> 'request' THEN line_after END AS answer_line_number,
        CASE WHEN kind_after <> 'request' THEN said_after END AS answered_at,
        CASE WHEN kind_after <> 'request' THEN thread_after END AS answer_thread_id,
        CASE WHEN kind_after <> 'request' THEN turn_after END AS answer_turn_id,
        CASE WHEN kind_after <> 'request' THEN kind_after END AS answer_kind,
        CASE WHEN kind_after <> 'request' THEN result_after END AS result_kind,
        CASE WHEN kind_after <> 'request' THEN error_after END AS rpc_error_code,
        CASE
            WHEN
                sender = 'server'
                AND kind_before = 'request'
                AND method_before = method
                AND item_before IS NOT DISTINCT FROM item_id
                THEN 0
            ELSE 1
        END AS is_new
    FROM exchange
    WHERE message_kind = 'request'
),

runs AS (
    SELECT
        source_id,
        line_number,
        connection_id,
        request_side,
        sender,
        request_id,
        method,
        is_known,
        thread_id,
        turn_id,
        item_id,
        said_at,
        answer_line_number,
        answered_at,
        answer_thread_id,
        answer_turn_id,
        answer_kind,
        result_kind,
        rpc_error_code,
        sum(is_new) OVER (
            PARTITION BY
                connection_id,
                request_side,
                request_id
            ORDER BY line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS run
    FROM requests
)

SELECT
    source_id,
    min(line_number) AS line_number,
    connection_id,
    request_side,
    min(sender) AS sender,
    request_id,
    min(method) AS method,
    bool_and(is_known) AS is_known,
    coalesce(min(thread_id), min(answer_thread_id)) AS thread_id,
    coalesce(min(turn_id), min(answer_turn_id)) AS turn_id,
    min(item_id) AS item_id,
    count(*) AS times_sent,
    min(said_at) AS requested_at,
    min(answer_line_number) AS answer_line_number,
    min(answered_at) AS answered_at,
    CASE min(answer_kind)
        WHEN 'response' THEN 'answered'
        WHEN 'error' THEN 'error'
        ELSE 'unanswered'
    END AS answer_status,
    min(result_kind) AS result_kind,
    min(rpc_error_code) AS rpc_error_code,
    date_diff('millisecond', min(said_at), min(answered_at)) AS wait_ms
FROM runs
GROUP BY
    source_id,
    connection_id,
    request_side,
    request_id,
    run
