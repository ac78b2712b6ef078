/*
description: >
  What is wrong with ledgers, or worth a look, each with its place. Severity `rejected`: the
  line or record is not used. `violation`: it breaks a rule of docs/ledger.md, and is counted
  all the same. `notice`: allowed, but it changes how numbers read.
grain: one row per line, operation or record, and rule and field of it
key: [source_id, line_number, position, record, field, rule]
columns:
  - source_id
  - label
  - path
  - line_number
  - position
  - record
  - record_id
  - goal_id
  - severity
  - field
  - rule
  - error
scope: global
*/
WITH RECURSIVE
-- --- lines and records that are not used ------------------------------------------------------
rejected AS (
    SELECT
        lines.source_id,
        lines.line_number,
        0 AS position,
        'line' AS record,
        NULL AS record_id,
        NULL AS goal_id,
        'rejected' AS severity,
        'line:' || lines.rule AS broken,
        lines.error
    FROM parsed_rejects AS lines
    INNER JOIN ledgers
        ON lines.source_id = ledgers.source_id
    LEFT JOIN parsed_ledger_rejects AS records
        ON
            lines.source_id = records.source_id
            AND lines.line_number = records.line_number
    WHERE records.source_id IS NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        position,
        CASE WHEN part = 'entries' THEN 'entry' ELSE 'goal' END AS record,
        NULL AS record_id,
        NULL AS goal_id,
        'rejected' AS severity,
        part || ':' || rule AS broken,
        error
    FROM parsed_ledger_rejects
),

-- --- values that could not be kept, in any event ----------------------------------------------
set_aside AS (
    SELECT
        source_id,
        line_number,
        position,
        'goal' AS record,
        goal_id AS record_id,
        goal_id,
        'violation' AS severity,
        unnest(string_split(oddities, ',')) AS broken,
        NULL AS error
    FROM parsed_ledger_goals
    WHERE oddities IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        position,
        'entry' AS record,
        entry_id AS record_id,
        goal_id,
        'violation' AS severity,
        unnest(string_split(oddities, ',')) AS broken,
        NULL AS error
    FROM parsed_ledger_entries
    WHERE oddities IS NOT NULL
),

-- --- records as the replay leaves them --------------------------------------------------------
judged_goals AS (
    SELECT
        source_id,
        line_number,
        position,
        goal_id,
        concat_ws(
            ',',
            CASE WHEN status = 'fail' AND failure_reason IS NULL THEN 'failure_reason:failure_without_reason' END,
            CASE WHEN status = 'success' AND failure_reason IS NOT NULL THEN 'failure_reason:success_with_reason' END,
            CASE WHEN is_closed AND attempts < 1 THEN 'attempts:closed_without_attempt' END,
            CASE WHEN attempts < 0 THEN 'attempts:negative' END,
            CASE WHEN NOT is_closed AND finished_at IS NOT NULL THEN 'finished_at:open_but_finished' END,
            CASE WHEN finished_at < started_at THEN 'finished_at:finished_before_start' END,
            CASE WHEN NOT is_closed AND result_fit IS NOT NULL THEN 'result_fit:open_but_reviewed' END,
            CASE WHEN goal_type <> 'product' AND result_fit IS NOT NULL THEN 'result_fit:fit_of_other_type' END,
            CASE WHEN status = 'success' AND result_fit = 'miss' THEN 'result_fit:success_that_misses' END,
            CASE WHEN status = 'fail' AND result_fit <> 'miss' THEN 'result_fit:failure_that_fits' END,
            CASE WHEN cost_usd < 0 THEN 'cost_usd:negative' END,
            CASE WHEN input_tokens < 0 THEN 'input_tokens:negative' END,
            CASE WHEN cached_input_tokens < 0 THEN 'cached_input_tokens:negative' END,
            CASE WHEN output_tokens < 0 THEN 'output_tokens:negative' END,
            CASE WHEN tokens_total < 0 THEN 'tokens_total:negative' END,
            CASE WHEN tokens_total < input_tokens + cached_input_tokens + output_tokens THEN 'tokens_total:total_below_parts' END,
            CASE WHEN NOT regexp_matches(goal_id, '^[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{3}$') THEN 'goal_id:bad_id' END
        ) AS broken
    FROM goals
),

judged_entries AS (
    SELECT
        source_id,
        line_number,
        position,
        entry_id,
        goal_id,
        concat_ws(
            ',',
            CASE WHEN status = 'fail' AND NOT is_inferred AND failure_reason IS NULL THEN 'failure_reason:failure_without_reason' END,
            CASE WHEN status = 'success' AND failure_reason IS NOT NULL THEN 'failure_reason:success_with_reason' END,
            CASE WHEN NOT is_closed AND finished_at IS NOT NULL THEN 'finished_at:open_but_finished' END,
            CASE WHEN finished_at < started_at THEN 'finished_at:finished_before_start' END,
            CASE WHEN cost_usd < 0 THEN 'cost_usd:negative' END,
            CASE WHEN input_tokens < 0 THEN 'input_tokens:negative' END,
            CASE WHEN cached_input_tokens < 0 THEN 'cached_input_tokens:negative' END,
            CASE WHEN output_tokens < 0 THEN 'output_tokens:negative' END,
            CASE WHEN tokens_total < 0 THEN 'tokens_total:negative' END,
            CASE WHEN tokens_total < input_tokens + cached_input_tokens + output_tokens THEN 'tokens_total:total_below_parts' END,
            -- the goal in the id may be another one: a merge moves entries to the goal that is kept
            CASE
                WHEN NOT regexp_matches(entry_id, '^[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{3}-attempt-[0-9]{3}$')
                THEN 'entry_id:bad_id'
            END,
            CASE WHEN NOT has_goal THEN 'goal_id:no_such_goal' END
        ) AS broken
    FROM attempts
),

broken_records AS (
    SELECT
        source_id,
        line_number,
        position,
        'goal' AS record,
        goal_id AS record_id,
        goal_id,
        'violation' AS severity,
        unnest(string_split(broken, ',')) AS broken,
        NULL AS error
    FROM judged_goals
    WHERE broken <> ''
    UNION ALL
    SELECT
        source_id,
        line_number,
        position,
        'entry' AS record,
        entry_id AS record_id,
        goal_id,
        'violation' AS severity,
        unnest(string_split(broken, ',')) AS broken,
        NULL AS error
    FROM judged_entries
    WHERE broken <> ''
),

-- --- what goals supersede -----------------------------------------------------------------------
superseding AS (
    SELECT
        goals.source_id,
        goals.goal_id,
        goals.line_number,
        goals.position,
        goals.supersedes_goal_id,
        predecessors.goal_id IS NOT NULL AS has_predecessor
    FROM goals
    LEFT JOIN goals AS predecessors
        ON
            goals.source_id = predecessors.source_id
            AND goals.supersedes_goal_id = predecessors.goal_id
    WHERE goals.supersedes_goal_id IS NOT NULL
),

links AS (
    SELECT
        source_id,
        goal_id,
        supersedes_goal_id
    FROM superseding
    WHERE has_predecessor
),

-- Circles hide in chains that have no beginning, and among goals that belong to no chain.
endless_chains AS (
    SELECT
        chains.source_id,
        chains.terminal_goal_id
    FROM goal_chains AS chains
    LEFT JOIN links
        ON
            chains.source_id = links.source_id
            AND chains.goal_id = links.goal_id
    GROUP BY
        chains.source_id,
        chains.terminal_goal_id
    HAVING count(*) = count(links.goal_id)
),

suspects AS (
    SELECT
        chains.source_id,
        chains.goal_id
    FROM goal_chains AS chains
    INNER JOIN endless_chains
        ON
            chains.source_id = endless_chains.source_id
            AND chains.terminal_goal_id = endless_chains.terminal_goal_id
    UNION
    SELECT
        goals.source_id,
        goals.goal_id
    FROM goals
    LEFT JOIN goal_chains AS chains
        ON
            goals.source_id = chains.source_id
            AND goals.goal_id = chains.goal_id
    WHERE chains.goal_id IS NULL
),

walks AS (
    SELECT
        links.source_id,
        links.goal_id AS first_goal_id,
        links.supersedes_goal_id AS goal_id
    FROM links
    INNER JOIN suspects
        ON
            links.source_id = suspects.source_id
            AND links.goal_id = suspects.goal_id
    UNION
    SELECT
        walks.source_id,
        walks.first_goal_id,
        links.supersedes_goal_id AS goal_id
    FROM walks
    INNER JOIN links
        ON
            walks.source_id = links.source_id
            AND walks.goal_id = links.goal_id
),

circles AS (
    SELECT
        source_id,
        goal_id
    FROM walks
    WHERE first_goal_id = goal_id
),

broken_links AS (
    SELECT
        superseding.source_id,
        superseding.line_number,
        superseding.position,
        'goal' AS record,
        superseding.goal_id AS record_id,
        superseding.goal_id,
        'violation' AS severity,
        CASE
            WHEN NOT superseding.has_predecessor THEN 'supersedes_goal_id:no_such_goal'
            ELSE 'supersedes_goal_id:circle'
        END AS broken,
        NULL AS error
    FROM superseding
    LEFT JOIN circles
        ON
            superseding.source_id = circles.source_id
            AND superseding.goal_id = circles.goal_id
    WHERE
        NOT superseding.has_predecessor
        OR circles.goal_id IS NOT NULL
),

-- --- allowed, but worth a look -------------------------------------------------------------------
repeated_ids AS (
    SELECT
        label,
        goal_id
    FROM goals
    GROUP BY
        label,
        goal_id
    HAVING count(*) > 1
),

noticed_goals AS (
    SELECT
        goals.source_id,
        goals.line_number,
        goals.position,
        goals.goal_id,
        concat_ws(
            ',',
            CASE WHEN goals.superseded_by_goals > 1 THEN 'supersedes_goal_id:fork' END,
            CASE WHEN goals.entries <> goals.attempts THEN 'attempts:entries_disagree' END,
            CASE WHEN repeated_ids.goal_id IS NOT NULL THEN 'goal_id:in_other_ledger' END
        ) AS broken
    FROM goals
    LEFT JOIN repeated_ids
        ON
            goals.label IS NOT DISTINCT FROM repeated_ids.label
            AND goals.goal_id = repeated_ids.goal_id
),

notices AS (
    SELECT
        source_id,
        line_number,
        position,
        'goal' AS record,
        goal_id AS record_id,
        goal_id,
        'notice' AS severity,
        unnest(string_split(broken, ',')) AS broken,
        NULL AS error
    FROM noticed_goals
    WHERE broken <> ''
    UNION ALL
    SELECT
        source_id,
        line_number,
        position,
        'entry' AS record,
        entry_id AS record_id,
        goal_id,
        'notice' AS severity,
        'entry_id:trimmed' AS broken,
        NULL AS error
    FROM attempts
    WHERE is_trimmed
),

found AS (
    SELECT * FROM rejected
    UNION ALL
    SELECT * FROM set_aside
    UNION ALL
    SELECT * FROM broken_records
    UNION ALL
    SELECT * FROM broken_links
    UNION ALL
    SELECT * FROM notices
)

SELECT
    found.source_id,
    ledgers.label,
    ledgers.path,
    found.line_number,
    found.position,
    found.record,
    found.record_id,
    found.goal_id,
    found.severity,
    split_part(found.broken, ':', 1) AS field,
    split_part(found.broken, ':', 2) AS rule,
    found.error
FROM found
INNER JOIN ledgers
    ON found.source_id = ledgers.source_id
