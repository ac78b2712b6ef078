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
SELECT
    entries.source_id,
    sources.label,
    entries.entry_id,
    entries.goal_id,
    entries.attempt_number,
    entries.entry_type,
    entries.is_inferred,
    entries.status,
    entries.status <> 'in_progress' AS is_closed,
    entries.started_at,
    entries.finished_at,
    entries.cost_usd,
    entries.input_tokens,
    entries.cached_input_tokens,
    entries.output_tokens,
    entries.tokens_total,
    entries.failure_reason,
    entries.agent_name,
    entries.model,
    entries.thread_id,
    entries.notes_chars,
    goals.goal_id IS NOT NULL AS has_goal,
    coalesce(entries.attempt_number > goals.attempts, FALSE) AS is_trimmed,
    entries.line_number,
    entries.position
FROM ledger_entries AS entries
INNER JOIN raw_sources AS sources
    ON entries.source_id = sources.source_id
LEFT JOIN goals
    ON
        entries.source_id = goals.source_id
        AND entries.goal_id = goals.goal_id
