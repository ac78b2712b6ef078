/*
description: >
  Attempt entries as the replay of their ledger leaves them: the last event that puts an entry
  replaces it as a whole, and nothing removes one.
grain: one row per entry of a ledger
key: [source_id, entry_id]
columns:
  - source_id
  - entry_id
  - goal_id
  - attempt_number
  - entry_type
  - is_inferred
  - status
  - started_at
  - finished_at
  - cost_usd
  - input_tokens
  - cached_input_tokens
  - output_tokens
  - tokens_total
  - failure_reason
  - agent_name
  - model
  - thread_id
  - notes_chars
  - line_number
  - position
scope: session
internal: true
*/
WITH
last_puts AS (
    SELECT
        source_id,
        entry_id,
        max(replay_order(line_number, position)) AS replayed_as
    FROM parsed_ledger_entries
    GROUP BY
        source_id,
        entry_id
)

SELECT
    puts.source_id,
    puts.entry_id,
    puts.goal_id,
    try_cast(nullif(regexp_extract(puts.entry_id, '-attempt-([0-9]+)$', 1), '') AS BIGINT) AS attempt_number,
    puts.entry_type,
    puts.is_inferred,
    puts.status,
    puts.started_at,
    puts.finished_at,
    puts.cost_usd,
    puts.input_tokens,
    puts.cached_input_tokens,
    puts.output_tokens,
    puts.tokens_total,
    puts.failure_reason,
    puts.agent_name,
    puts.model,
    puts.thread_id,
    puts.notes_chars,
    puts.line_number,
    puts.position
FROM parsed_ledger_entries AS puts
INNER JOIN last_puts
    ON
        puts.source_id = last_puts.source_id
        AND puts.entry_id = last_puts.entry_id
        AND replay_order(puts.line_number, puts.position) = last_puts.replayed_as
