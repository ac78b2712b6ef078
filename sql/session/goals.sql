/*
description: >
  Goals as the replay of their ledger leaves them: the last event that puts or removes a goal
  decides, whatever its time says. How goals that replace each other add up is told by
  effective_goals.
grain: one row per goal of a ledger
key: [source_id, goal_id]
columns:
  - source_id
  - label
  - goal_id
  - goal_type
  - supersedes_goal_id
  - superseded_by_goals
  - status
  - is_closed
  - attempts
  - entries
  - started_at
  - finished_at
  - cost_usd
  - input_tokens
  - cached_input_tokens
  - output_tokens
  - tokens_total
  - failure_reason
  - result_fit
  - agent_name
  - model
  - thread_id
  - title_chars
  - notes_chars
  - has_correction_hint
  - line_number
  - position
scope: session
*/
WITH
operations AS (
    SELECT
        source_id,
        goal_id,
        replay_order(line_number, position) AS replayed_as
    FROM parsed_ledger_goals
    UNION ALL
    SELECT
        source_id,
        goal_id,
        replay_order(line_number, position) AS replayed_as
    FROM parsed_ledger_removals
),

last_operations AS (
    SELECT
        source_id,
        goal_id,
        max(replayed_as) AS replayed_as
    FROM operations
    GROUP BY
        source_id,
        goal_id
),

successors AS (
    SELECT
        puts.source_id,
        puts.supersedes_goal_id AS goal_id,
        count(*) AS superseded_by_goals
    FROM parsed_ledger_goals AS puts
    INNER JOIN last_operations
        ON
            puts.source_id = last_operations.source_id
            AND replay_order(puts.line_number, puts.position) = last_operations.replayed_as
    WHERE puts.supersedes_goal_id IS NOT NULL
    GROUP BY
        puts.source_id,
        puts.supersedes_goal_id
),

entry_counts AS (
    SELECT
        source_id,
        goal_id,
        count(*) AS entries
    FROM ledger_entries
    GROUP BY
        source_id,
        goal_id
),

counted AS (
    SELECT
        last_operations.source_id,
        last_operations.replayed_as,
        ledgers.label,
        coalesce(successors.superseded_by_goals, 0) AS superseded_by_goals,
        coalesce(entry_counts.entries, 0) AS entries
    FROM last_operations
    INNER JOIN ledgers
        ON last_operations.source_id = ledgers.source_id
    LEFT JOIN successors
        ON
            last_operations.source_id = successors.source_id
            AND last_operations.goal_id = successors.goal_id
    LEFT JOIN entry_counts
        ON
            last_operations.source_id = entry_counts.source_id
            AND last_operations.goal_id = entry_counts.goal_id
)

-- Where the last operation is a removal, no put has its place, and the goal is gone.
SELECT
    puts.source_id,
    counted.label,
    puts.goal_id,
    puts.goal_type,
    puts.supersedes_goal_id,
    counted.superseded_by_goals,
    puts.status,
    puts.status <> 'in_progress' AS is_closed,
    puts.attempts,
    counted.entries,
    puts.started_at,
    puts.finished_at,
    puts.cost_usd,
    puts.input_tokens,
    puts.cached_input_tokens,
    puts.output_tokens,
    puts.tokens_total,
    puts.failure_reason,
    puts.result_fit,
    puts.agent_name,
    puts.model,
    puts.thread_id,
    puts.title_chars,
    puts.notes_chars,
    puts.has_correction_hint,
    puts.line_number,
    puts.position
FROM parsed_ledger_goals AS puts
INNER JOIN counted
    ON
        puts.source_id = counted.source_id
        AND replay_order(puts.line_number, puts.position) = counted.replayed_as
