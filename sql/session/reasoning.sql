/*
description: >
  Reasoning of each thread, by size: its summary, itself where it was told, and its encrypted form.
grain: one row per reasoning item of a thread
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - source_id
  - line_number
  - recorded_at
  - item_id
  - summary_parts
  - summary_chars
  - raw_parts
  - raw_chars
  - encrypted_bytes
sort: [session_id, source_id, line_number]
scope: family
*/
SELECT
    rollouts.session_id,
    own_lines.turn_index,
    reasoning.source_id,
    reasoning.line_number,
    reasoning.recorded_at,
    reasoning.item_id,
    reasoning.summary_parts,
    reasoning.summary_chars,
    reasoning.raw_parts,
    reasoning.raw_chars,
    reasoning.encrypted_bytes
FROM parsed_reasoning AS reasoning
INNER JOIN own_lines
    ON
        reasoning.source_id = own_lines.source_id
        AND reasoning.line_number = own_lines.line_number
        AND own_lines.line_kind = 'reasoning'
INNER JOIN rollouts
    ON reasoning.source_id = rollouts.source_id
