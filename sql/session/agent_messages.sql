/*
description: Messages between the agents of a tree, by size; their text is often encrypted
grain: one row per message that an agent got
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - source_id
  - line_number
  - recorded_at
  - item_id
  - author
  - recipient
  - text_chars
  - text_bytes
  - encrypted_bytes
  - message_parts
sort: [session_id, source_id, line_number]
scope: family
*/
SELECT
    rollouts.session_id,
    own_lines.turn_index,
    messages.source_id,
    messages.line_number,
    messages.recorded_at,
    messages.item_id,
    messages.author,
    messages.recipient,
    messages.text_chars,
    messages.text_bytes,
    messages.encrypted_bytes,
    messages.message_parts
FROM parsed_agent_messages AS messages
INNER JOIN own_lines
    ON
        messages.source_id = own_lines.source_id
        AND messages.line_number = own_lines.line_number
        AND own_lines.line_kind = 'agent_message'
INNER JOIN rollouts
    ON messages.source_id = rollouts.source_id
