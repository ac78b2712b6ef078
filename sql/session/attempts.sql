/*
description: >
  Attempts at goals: each entry of a ledger as its last event left it. Entries outlive their
  goals: an attempt whose goal was removed, or that its goal does not count any more, is shown
  as such.
grain: one row per entry of a ledger
key: [source_id, entry_id]
columns:
  - source_id
  - label
  - entry_id
  - goal_id
  - attempt_number
  - entry_type
  - is_inferred
  - status
  - is_closed
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
  - has_goal
  - is_trimmed
  - line_number
  - position
scope: session
*/
WITH
numbered AS (
    SELECT
        puts.*,
        try_cast(nullif(regexp_extract(puts.entry_id, '-attempt-([0-9]+)$', 1), '') AS BIGINT) AS attempt_number
    FROM parsed_ledger_entries AS puts
    INNER JOIN ledger_entries AS entries
        ON
            puts.source_id = entries.source_id
            AND puts.line_number = entries.line_number
            AND puts.position = entries.position
)

SELECT
    numbered.source_id,
    ledgers.label,
    numbered.entry_id,
    numbered.goal_id,
    numbered.attempt_number,
    numbered.entry_type,
    numbered.is_inferred,
    numbered.status,
    numbered.status <> 'in_progress' AS is_closed,
    numbered.started_at,
    numbered.finished_at,
    numbered.cost_usd,
    numbered.input_tokens,
    numbered.cached_input_tokens,
    numbered.output_tokens,
    numbered.tokens_total,
    numbered.failure_reason,
    numbered.agent_name,
    numbered.model,
    numbered.thread_id,
    numbered.notes_chars,
    goals.goal_id IS NOT NULL AS has_goal,
    coalesce(numbered.attempt_number > goals.attempts, FALSE) AS is_trimmed,
    numbered.line_number,
    numbered.position
FROM numbered
INNER JOIN ledgers
    ON numbered.source_id = ledgers.source_id
LEFT JOIN goals
    ON
        numbered.source_id = goals.source_id
        AND numbered.goal_id = goals.goal_id
