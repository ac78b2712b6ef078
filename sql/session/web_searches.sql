/*
description: Web searches and page visits of turns, from streams and analytics events together
grain: one row per web search item of a turn
key: [session_id, turn_key, item_id]
columns:
  - session_id
  - turn_key
  - turn_id
  - item_id
  - client_name
  - missing_context
  - web_action
  - has_query
  - web_queries
  - is_completed
  - item_status
  - started_at
  - completed_at
  - duration_ms
  - duration_source
  - in_streams
  - in_analytics
scope: session
*/
SELECT
    session_id,
    turn_key,
    turn_id,
    item_id,
    client_name,
    missing_context,
    web_action,
    has_query,
    web_queries,
    is_completed,
    item_status,
    started_at,
    completed_at,
    duration_ms,
    duration_source,
    in_streams,
    in_analytics
FROM app_items
WHERE item_type = 'webSearch'
