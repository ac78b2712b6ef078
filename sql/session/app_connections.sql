/*
description: >
  Connections of clients to the app-server: who connected, to which Codex, and what passed.
  A capture holds one or several.
grain: one row per connection of a capture
key: [connection_id]
columns:
  - connection_id
  - source_id
  - line_number
  - has_initialize
  - client_name
  - client_title
  - client_version
  - is_experimental
  - opted_out_methods
  - originator
  - cli_version
  - runtime_os
  - runtime_os_version
  - runtime_arch
  - auth_mode
  - plan_type
  - first_seen_at
  - last_seen_at
  - client_requests
  - server_requests
  - unanswered_requests
  - failed_requests
  - stray_answers
  - notifications
  - unknown_messages
scope: session
*/
WITH
passed AS (
    SELECT
        connection_id,
        source_id,
        min(line_number) AS line_number,
        bool_or(message_kind = 'request' AND method = 'initialize') AS has_initialize,
        min(said_at) AS first_seen_at,
        max(said_at) AS last_seen_at,
        count(CASE WHEN message_kind IN ('response', 'error') THEN 1 END) AS answers,
        count(CASE WHEN message_kind = 'notification' THEN 1 END) AS notifications,
        count(CASE WHEN NOT is_known THEN 1 END) AS unknown_messages
    FROM app_messages
    GROUP BY
        connection_id,
        source_id
),

asked AS (
    SELECT
        connection_id,
        count(CASE WHEN sender = 'client' THEN 1 END) AS client_requests,
        count(CASE WHEN sender = 'server' THEN 1 END) AS server_requests,
        count(CASE WHEN answer_status = 'unanswered' THEN 1 END) AS unanswered_requests,
        count(CASE WHEN answer_status = 'error' THEN 1 END) AS failed_requests,
        count(answer_line_number) AS answered_requests
    FROM app_requests
    GROUP BY connection_id
),

-- The last word of each kind counts: an account may sign in while connected.
told AS (
    SELECT
        messages.connection_id,
        arg_max(said.client_name, said.line_number)
            FILTER (WHERE said.client_name IS NOT NULL) AS client_name,
        arg_max(said.client_title, said.line_number)
            FILTER (WHERE said.client_title IS NOT NULL) AS client_title,
        arg_max(said.client_version, said.line_number)
            FILTER (WHERE said.client_version IS NOT NULL) AS client_version,
        arg_max(said.is_experimental, said.line_number)
            FILTER (WHERE said.is_experimental IS NOT NULL) AS is_experimental,
        arg_max(said.opted_out_methods, said.line_number)
            FILTER (WHERE said.opted_out_methods IS NOT NULL) AS opted_out_methods,
        arg_max(said.originator, said.line_number)
            FILTER (WHERE said.originator IS NOT NULL) AS originator,
        arg_max(said.cli_version, said.line_number)
            FILTER (WHERE said.cli_version IS NOT NULL) AS cli_version,
        arg_max(said.runtime_os, said.line_number)
            FILTER (WHERE said.runtime_os IS NOT NULL) AS runtime_os,
        arg_max(said.runtime_os_version, said.line_number)
            FILTER (WHERE said.runtime_os_version IS NOT NULL) AS runtime_os_version,
        arg_max(said.runtime_arch, said.line_number)
            FILTER (WHERE said.runtime_arch IS NOT NULL) AS runtime_arch,
        arg_max(said.auth_mode, said.line_number)
            FILTER (WHERE said.auth_mode IS NOT NULL) AS auth_mode,
        arg_max(said.plan_type, said.line_number)
            FILTER (WHERE said.plan_type IS NOT NULL) AS plan_type
    FROM parsed_app_connections AS said
    INNER JOIN app_messages AS messages
        ON
            said.source_id = messages.source_id
            AND said.line_number = messages.line_number
    GROUP BY messages.connection_id
)

SELECT
    passed.connection_id,
    passed.source_id,
    passed.line_number,
    passed.has_initialize,
    told.client_name,
    told.client_title,
    told.client_version,
    told.is_experimental,
    told.opted_out_methods,
    told.originator,
    told.cli_version,
    told.runtime_os,
    told.runtime_os_version,
    told.runtime_arch,
    told.auth_mode,
    told.plan_type,
    passed.first_seen_at,
    passed.last_seen_at,
    coalesce(asked.client_requests, 0) AS client_requests,
    coalesce(asked.server_requests, 0) AS server_requests,
    coalesce(asked.unanswered_requests, 0) AS unanswered_requests,
    coalesce(asked.failed_requests, 0) AS failed_requests,
    passed.answers - coalesce(asked.answered_requests, 0) AS stray_answers,
    passed.notifications,
    passed.unknown_messages
FROM passed
LEFT JOIN asked
    ON passed.connection_id = asked.connection_id
LEFT JOIN told
    ON passed.connection_id = told.connection_id
