/*
description: >
  The verdict of docs/accounting.md on every line that bears usage: the basis on which it
  counts, or the reason why it does not. A line is compared with the counter line before it
  in the same file (in a file that inherits by reference: the last one before the cut).
grain: one row per token_count or token_usage_record line
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - session_id
  - situation_line
  - basis
  - reason
  - is_in_record_turn
  - is_own
  - is_reset
  - used_tokens
  - counter_tokens
  - baseline_tokens
  - step_input_tokens
  - step_cached_input_tokens
  - step_cache_write_input_tokens
  - step_output_tokens
  - step_reasoning_output_tokens
  - step_total_tokens
internal: true
scope: family
*/
WITH
-- For each usage line the latest change of situation, and the counter line before.
sequence AS (
    SELECT
        source_id,
        line_number,
        CAST(NULL AS BIGINT) AS situation_line,
        CASE WHEN usage_kind = 'token_count' THEN line_number END AS counter_line,
        TRUE AS is_usage
    FROM parsed_usage
    UNION ALL
    SELECT
        source_id,
        line_number,
        line_number AS situation_line,
        NULL AS counter_line,
        FALSE AS is_usage
    FROM situations
),

preceded AS (
    SELECT
        source_id,
        line_number,
        is_usage,
        last_value(situation_line IGNORE NULLS) OVER before_line AS situation_line,
        last_value(counter_line IGNORE NULLS) OVER before_line AS counter_line
    FROM sequence
    WINDOW
        before_line AS (
            PARTITION BY source_id
            ORDER BY line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
),

files AS (
    SELECT
        rollouts.source_id,
        rollouts.session_id,
        lineage.is_placed,
        lineage.inheritance = 'reference' AS is_referring,
        coalesce(lineage.inherited_from_line, 9223372036854775807) AS inherited_from_line,
        coalesce(lineage.own_from_line, 9223372036854775807) AS own_from_line,
        history_bases.baseline_source_id,
        history_bases.baseline_line
    FROM rollouts
    INNER JOIN lineage
        ON rollouts.source_id = lineage.source_id
    LEFT JOIN history_bases
        ON rollouts.source_id = history_bases.source_id
),

counters AS (
    SELECT
        source_id,
        line_number,
        has_info,
        {
            'input': last_input_tokens,
            'cached': last_cached_input_tokens,
            'written': last_cache_write_input_tokens,
            'output': last_output_tokens,
            'reasoning': last_reasoning_output_tokens,
            'total': last_total_tokens
        } AS last,
        {
            'input': total_input_tokens,
            'cached': total_cached_input_tokens,
            'written': total_cache_write_input_tokens,
            'output': total_output_tokens,
            'reasoning': total_reasoning_output_tokens,
            'total': total_total_tokens
        } AS total
    FROM parsed_usage
    WHERE usage_kind = 'token_count'
),

pairs AS (
    SELECT
        counters.source_id,
        counters.line_number,
        counters.has_info,
        counters.last,
        counters.total,
        coalesce(earlier.has_info, FALSE) AS has_baseline,
        earlier.last AS last_before,
        earlier.total AS total_before,
        situations.turn_key,
        preceded.situation_line,
        files.session_id,
        counters.line_number >= files.inherited_from_line
        AND counters.line_number < files.own_from_line AS is_in_prefix,
        files.is_placed,
        files.is_referring AND preceded.counter_line IS NULL AS lacks_base
    FROM preceded
    INNER JOIN counters
        ON
            preceded.source_id = counters.source_id
            AND preceded.line_number = counters.line_number
    INNER JOIN files
        ON preceded.source_id = files.source_id
    LEFT JOIN counters AS earlier
        ON
            CASE
                WHEN preceded.counter_line IS NULL THEN files.baseline_source_id
                ELSE preceded.source_id
            END = earlier.source_id
            AND coalesce(preceded.counter_line, files.baseline_line) = earlier.line_number
    LEFT JOIN situations
        ON
            preceded.source_id = situations.source_id
            AND preceded.situation_line = situations.line_number
    WHERE preceded.is_usage
),

-- How the cumulative counter moved. A component that fell begins a new epoch, whose whole
-- total is the step.
moved AS (
    SELECT
        *,
        is_present(last) AS has_last,
        has_baseline AND total IS NOT DISTINCT FROM total_before AS is_unchanged,
        has_risen(total, total_before) AS is_advanced,
        has_baseline AND has_fallen(total, total_before) AS is_reset
    FROM pairs
),

stepped AS (
    SELECT
        *,
        CASE
            WHEN has_baseline AND NOT is_reset THEN step_of(total, total_before)
            ELSE total
        END AS step
    FROM moved
),

based AS (
    SELECT
        *,
        CASE
            WHEN NOT has_last OR is_empty(last) THEN 'delta'
            WHEN NOT has_baseline OR is_reset OR NOT is_advanced THEN 'last'
            WHEN last IS DISTINCT FROM last_before OR is_same_usage(last, step) THEN 'last'
            ELSE 'delta'
        END AS basis
    FROM stepped
),

-- Turns with a record, own or copied, are counted by records alone.
record_turns AS (
    SELECT DISTINCT
        rollouts.session_id,
        records.turn_id
    FROM parsed_usage AS records
    INNER JOIN rollouts
        ON records.source_id = rollouts.source_id
    WHERE records.turn_id IS NOT NULL
),

counter_verdicts AS (
    SELECT
        based.source_id,
        based.line_number,
        based.session_id,
        based.situation_line,
        based.basis,
        CASE
            WHEN NOT based.has_info THEN 'no_info'
            WHEN counter_copies.is_copy THEN 'duplicate_file'
            WHEN based.has_last AND is_empty(based.last) AND NOT based.is_advanced THEN 'estimate'
            WHEN
                NOT based.has_last AND is_empty(based.total) AND based.step.total <> 0
            THEN 'estimate'
            WHEN based.is_unchanged THEN 'unchanged_total'
            WHEN based.is_in_prefix AND based.is_placed THEN 'inherited'
            WHEN based.is_in_prefix THEN 'unplaced'
            WHEN
                NOT based.has_baseline
                AND based.has_last
                AND NOT is_same_usage(based.last, based.total)
            THEN 'unplaced'
            WHEN NOT based.has_baseline AND NOT based.has_last AND based.lacks_base THEN 'unplaced'
            WHEN record_turns.turn_id IS NOT NULL THEN 'has_record'
        END AS reason,
        record_turns.turn_id IS NOT NULL AS is_in_record_turn,
        NOT based.is_in_prefix AS is_own,
        based.is_reset,
        CASE based.basis WHEN 'delta' THEN based.step.total ELSE based.last.total END AS used_tokens,
        based.total.total AS counter_tokens,
        CASE WHEN based.has_baseline THEN based.total_before.total END AS baseline_tokens,
        CASE WHEN based.basis = 'delta' THEN based.step END AS step
    FROM based
    LEFT JOIN counter_copies
        ON
            based.source_id = counter_copies.source_id
            AND based.line_number = counter_copies.line_number
    LEFT JOIN record_turns
        ON
            based.session_id = record_turns.session_id
            AND based.turn_key = record_turns.turn_id
),

-- A record counts in the thread that it names, once.
record_verdicts AS (
    SELECT
        records.source_id,
        records.line_number,
        coalesce(records.thread_id, files.session_id) AS session_id,
        preceded.situation_line,
        record_copies.reason,
        coalesce(records.thread_id = files.session_id, TRUE) AS is_own,
        records.last_total_tokens AS used_tokens,
        records.total_total_tokens AS counter_tokens
    FROM preceded
    INNER JOIN parsed_usage AS records
        ON
            preceded.source_id = records.source_id
            AND preceded.line_number = records.line_number
    INNER JOIN files
        ON preceded.source_id = files.source_id
    LEFT JOIN record_copies
        ON
            preceded.source_id = record_copies.source_id
            AND preceded.line_number = record_copies.line_number
    WHERE
        preceded.is_usage
        AND records.usage_kind = 'token_usage_record'
)

SELECT
    source_id,
    line_number,
    session_id,
    situation_line,
    basis,
    reason,
    is_in_record_turn,
    is_own,
    is_reset,
    used_tokens,
    counter_tokens,
    baseline_tokens,
    step.input AS step_input_tokens,
    step.cached AS step_cached_input_tokens,
    step.written AS step_cache_write_input_tokens,
    step.output AS step_output_tokens,
    step.reasoning AS step_reasoning_output_tokens,
    step.total AS step_total_tokens
FROM counter_verdicts
UNION ALL
SELECT
    source_id,
    line_number,
    session_id,
    situation_line,
    'record' AS basis,
    reason,
    TRUE AS is_in_record_turn,
    is_own,
    FALSE AS is_reset,
    used_tokens,
    counter_tokens,
    NULL AS baseline_tokens,
    NULL AS step_input_tokens,
    NULL AS step_cached_input_tokens,
    NULL AS step_cache_write_input_tokens,
    NULL AS step_output_tokens,
    NULL AS step_reasoning_output_tokens,
    NULL AS step_total_tokens
FROM record_verdicts
