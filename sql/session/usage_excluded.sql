/*
description: >
  Every usage line that is not counted, with its one reason and with the numbers that it
  shows (what a tool that counts it would add).
grain: one row per line left out
key: [source_id, line_number]
columns:
  - session_id
  - source_id
  - line_number
  - byte_offset
  - recorded_at
  - usage_kind
  - turn_id
  - reason
  - is_in_record_turn
  - input_tokens
  - cached_input_tokens
  - cache_write_input_tokens
  - output_tokens
  - reasoning_output_tokens
  - total_tokens
scope: family
*/
SELECT
    verdicts.session_id,
    verdicts.source_id,
    verdicts.line_number,
    lines.byte_offset,
    lines.recorded_at,
    lines.usage_kind,
    coalesce(lines.turn_id, situations.turn_id) AS turn_id,
    verdicts.reason,
    verdicts.is_in_record_turn,
    lines.last_input_tokens AS input_tokens,
    lines.last_cached_input_tokens AS cached_input_tokens,
    lines.last_cache_write_input_tokens AS cache_write_input_tokens,
    lines.last_output_tokens AS output_tokens,
    lines.last_reasoning_output_tokens AS reasoning_output_tokens,
    lines.last_total_tokens AS total_tokens
FROM usage_verdicts AS verdicts
INNER JOIN parsed_usage AS lines
    ON
        verdicts.source_id = lines.source_id
        AND verdicts.line_number = lines.line_number
LEFT JOIN situations
    ON
        verdicts.source_id = situations.source_id
        AND verdicts.situation_line = situations.line_number
WHERE verdicts.reason IS NOT NULL
