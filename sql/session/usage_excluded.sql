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
    verdicts.byte_offset,
    verdicts.recorded_at,
    CASE verdicts.basis
        WHEN 'record' THEN 'token_usage_record'
        ELSE 'token_count'
    END AS usage_kind,
    coalesce(verdicts.turn_id, situations.turn_id) AS turn_id,
    verdicts.reason,
    verdicts.is_in_record_turn,
    verdicts.input_tokens,
    verdicts.cached_input_tokens,
    verdicts.cache_write_input_tokens,
    verdicts.output_tokens,
    verdicts.reasoning_output_tokens,
    verdicts.total_tokens
FROM usage_verdicts AS verdicts
LEFT JOIN situations
    ON
        verdicts.source_id = situations.source_id
        AND verdicts.situation_line = situations.line_number
WHERE verdicts.reason IS NOT NULL
