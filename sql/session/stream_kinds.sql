/*
description: >
  Kinds of messages, events and snapshots in streams, known or not, with how many there are and
  where the first stands: what a new version of Codex says that this one does not know shows
  itself here.
grain: one row per kind of message, event or snapshot
key: [kind, message_kind, shape_name, item_type]
columns:
  - kind
  - message_kind
  - shape_name
  - item_type
  - is_known
  - messages
  - sources
  - first_source_id
  - first_line_number
scope: global
*/
WITH
counted AS (
    SELECT
        'app-server' AS kind,
        said.message_kind,
        coalesce(said.method, requests.method, '(unknown request)') AS shape_name,
        coalesce(items.item_type, '') AS item_type,
        said.is_known,
        said.source_id,
        said.line_number
    FROM parsed_app_server AS said
    LEFT JOIN app_requests AS requests
        ON
            said.source_id = requests.source_id
            AND said.line_number = requests.answer_line_number
    LEFT JOIN parsed_app_items AS items
        ON
            said.source_id = items.source_id
            AND said.line_number = items.line_number
    UNION ALL
    SELECT
        'analytics' AS kind,
        'event' AS message_kind,
        event_type AS shape_name,
        '' AS item_type,
        is_known,
        source_id,
        line_number
    FROM parsed_analytics
    UNION ALL
    SELECT
        'status' AS kind,
        'snapshot' AS message_kind,
        snapshot_kind AS shape_name,
        '' AS item_type,
        TRUE AS is_known,
        source_id,
        line_number
    FROM parsed_status
)

SELECT
    kind,
    message_kind,
    shape_name,
    item_type,
    bool_and(is_known) AS is_known,
    count(*) AS messages,
    count(DISTINCT source_id) AS sources,
    min(source_id) AS first_source_id,
    arg_min(line_number, source_id || lpad(CAST(line_number AS VARCHAR), 12, '0'))
        AS first_line_number
FROM counted
GROUP BY
    kind,
    message_kind,
    shape_name,
    item_type
