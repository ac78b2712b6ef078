/*
description: >
  Prompts, answers and injected context of each thread, by size, each counted once whichever
  lines carry it. Prompts are the user's own words (a sub-agent's are its parent's); context is
  what Codex itself gave the model in a user's, developer's or system's name.
grain: one row per message of a thread
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - source_id
  - line_number
  - recorded_at
  - message_kind
  - role
  - context_kind
  - phase
  - item_id
  - carrier
  - text_chars
  - text_bytes
  - ide_context_chars
  - message_parts
  - images
  - local_images
  - image_types
  - audio_parts
  - mentions
sort: [session_id, source_id, line_number]
scope: family
*/
WITH
told AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        CASE role
            WHEN 'user' THEN 'prompt'
            ELSE 'answer'
        END AS message_kind,
        role,
        CAST(NULL AS VARCHAR) AS context_kind,
        phase,
        item_id,
        carrier,
        text_chars,
        text_bytes,
        ide_context_chars,
        message_parts
    FROM told_messages
),

context AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        'context' AS message_kind,
        role,
        context_kind,
        phase,
        item_id,
        carrier,
        text_chars,
        text_bytes,
        ide_context_chars,
        message_parts
    FROM parsed_messages
    WHERE
        carrier = 'response_item'
        AND (
            context_kind IS NOT NULL
            OR role NOT IN ('user', 'assistant')
        )
),

all_messages AS (
    SELECT * FROM told
    UNION ALL
    SELECT * FROM context
)

SELECT
    rollouts.session_id,
    own_lines.turn_index,
    all_messages.source_id,
    all_messages.line_number,
    all_messages.recorded_at,
    all_messages.message_kind,
    all_messages.role,
    all_messages.context_kind,
    all_messages.phase,
    all_messages.item_id,
    all_messages.carrier,
    all_messages.text_chars,
    all_messages.text_bytes,
    all_messages.ide_context_chars,
    all_messages.message_parts,
    coalesce(attachments.images, 0) AS images,
    coalesce(attachments.local_images, 0) AS local_images,
    attachments.image_types,
    coalesce(attachments.audio_parts, 0) AS audio_parts,
    coalesce(attachments.mentions, 0) AS mentions
FROM all_messages
INNER JOIN own_lines
    ON
        all_messages.source_id = own_lines.source_id
        AND all_messages.line_number = own_lines.line_number
        AND own_lines.line_kind = 'message'
INNER JOIN rollouts
    ON all_messages.source_id = rollouts.source_id
LEFT JOIN parsed_attachments AS attachments
    ON
        all_messages.source_id = attachments.source_id
        AND all_messages.line_number = attachments.line_number
