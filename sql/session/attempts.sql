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
        *,
        try_cast(nullif(regexp_extract(entry_id, '-attempt-([0-9]+)$', 1), '') AS BIGINT) AS attempt_number
    FROM ledger_entries
),

judged AS (
    SELECT
        numbered.source_id,
        numbered.replayed_as,
        numbered.attempt_number,
        ledgers.label,
        goals.goal_id IS NOT NULL AS has_goal,
        coalesce(numbered.attempt_number > goals.attempts, FALSE) AS is_trimmed
    FROM numbered
    INNER JOIN ledgers
        ON numbered.source_id = ledgers.source_id
    LEFT JOIN goals
        ON
            numbered.source_id = goals.source_id
            AND numbered.goal_id = goals.goal_id
)

SELECT
    puts.source_id,
    judged.label,
    puts.entry_id,
    puts.goal_id,
    judged.attempt_number,
    puts.entry_type,
    puts.is_inferred,
    puts.status,
    puts.status <> 'in_progress' AS is_closed,
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
    judged.has_goal,
    judged.is_trimmed,
    puts.line_number,
    puts.position
FROM parsed_ledger_entries AS puts
INNER JOIN judged
    ON
        puts.source_id = judged.source_id
        AND replay_order(puts.line_number, puts.position) = judged.replayed_as
