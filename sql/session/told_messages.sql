/*
description: >
  Lines that tell a prompt or an answer, each message once. Codex tells them by events or by
  items; files without any (before 2025-09-10) tell them by their response items alone. What
  Codex itself put in the user's name is neither.
grain: one row per prompt or answer of a file
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - recorded_at
  - role
  - phase
  - item_id
  - carrier
  - text_chars
  - text_bytes
  - ide_context_chars
  - message_parts
internal: true
scope: session
*/
WITH
-- Which carrier tells a file's prompts, and which its answers.
tellers AS (
    SELECT
        source_id,
        role,
        min(carrier) AS carrier  -- event, item, response_item: in this order
    FROM parsed_messages
    WHERE
        role IN ('user', 'assistant')
        AND context_kind IS NULL
    GROUP BY
        source_id,
        role
)

SELECT
    messages.source_id,
    messages.line_number,
    messages.recorded_at,
    messages.role,
    messages.phase,
    messages.item_id,
    messages.carrier,
    messages.text_chars,
    messages.text_bytes,
    messages.ide_context_chars,
    messages.message_parts
FROM parsed_messages AS messages
INNER JOIN tellers
    ON
        messages.source_id = tellers.source_id
        AND messages.role = tellers.role
        AND messages.carrier = tellers.carrier
WHERE messages.context_kind IS NULL
