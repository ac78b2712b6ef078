/*
description: >
  The verdict of docs/accounting.md on every line that bears usage: the basis on which it
  counts, or the reason why it does not. A line is compared with the counter line before it
  in the same file (in a file that inherits by reference: the last one before the cut). The
  tokens are those that the line shows for its response; where it counts by the step of the
  cumulative counter, they are that step.
grain: one row per token_count or token_usage_record line
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - byte_offset
  - recorded_at
  - session_id
  - situation_line
  - turn_id
  - response_id
  - basis
  - reason
  - is_counted
  - is_in_record_turn
  - is_own
  - is_reset
  - used_tokens
  - counter_tokens
  - baseline_tokens
  - input_tokens
  - cached_input_tokens
  - cache_write_input_tokens
  - output_tokens
  - reasoning_output_tokens
  - total_tokens
  - context_window
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
        usage_kind = 'token_usage_record' AS is_record
    FROM parsed_usage
    UNION ALL
    SELECT
        source_id,
        line_number,
        line_number AS situation_line,
        NULL AS counter_line,
        FALSE AS is_record
    FROM situations
),

preceded AS (
    SELECT
        source_id,
        line_number,
        is_record,
        counter_line IS NOT NULL AS is_counter,
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

-- Turns with a record, own or copied, are counted by records alone: in the thread that has the
-- record, and in the one that it names (whose own line may be damaged).
record_turns AS (
    SELECT
        rollouts.session_id,
        records.turn_id
    FROM parsed_usage AS records
    INNER JOIN rollouts
        ON records.source_id = rollouts.source_id
    WHERE records.turn_id IS NOT NULL
    UNION
    SELECT
        records.thread_id AS session_id,
        records.turn_id
    FROM parsed_usage AS records
    INNER JOIN rollouts
        ON records.source_id = rollouts.source_id
    WHERE
        records.turn_id IS NOT NULL
        AND records.thread_id <> rollouts.session_id
),

files AS (
    SELECT
        rollouts.source_id,
        rollouts.session_id,
        lineage.is_placed,
        lineage.inheritance = 'reference' AS is_referring,
        lineage.inherited_from_line,
        lineage.own_from_line,
        history_bases.baseline_source_id,
        history_bases.baseline_line
    FROM rollouts
    INNER JOIN lineage
        ON rollouts.source_id = lineage.source_id
    LEFT JOIN history_bases
        ON rollouts.source_id = history_bases.source_id
),

-- Where a counter line stands: narrow, since its counters and those before it come last.
placed AS (
    SELECT
        preceded.source_id,
        preceded.line_number,
        preceded.situation_line,
        files.session_id,
        files.is_placed,
        NOT is_own_line(preceded.line_number, files.inherited_from_line, files.own_from_line) AS is_in_prefix,
        files.is_referring AND preceded.counter_line IS NULL AS lacks_base,
        CASE
            WHEN preceded.counter_line IS NULL THEN files.baseline_source_id
            ELSE preceded.source_id
        END AS earlier_source_id,
        coalesce(preceded.counter_line, files.baseline_line) AS earlier_line,
        coalesce(counter_copies.is_copy, FALSE) AS is_copy,
        record_turns.turn_id IS NOT NULL AS is_in_record_turn
    FROM preceded
    INNER JOIN files
        ON preceded.source_id = files.source_id
    LEFT JOIN counter_copies
        ON
            preceded.source_id = counter_copies.source_id
            AND preceded.line_number = counter_copies.line_number
    LEFT JOIN situations
        ON
            preceded.source_id = situations.source_id
            AND preceded.situation_line = situations.line_number
    LEFT JOIN record_turns
        ON
            files.session_id = record_turns.session_id
            AND situations.turn_key = record_turns.turn_id
    WHERE preceded.is_counter
),

counters AS (
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        turn_id,
        response_id,
        context_window,
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
        placed.*,
        counters.byte_offset,
        counters.recorded_at,
        counters.turn_id,
        counters.response_id,
        counters.context_window,
        counters.has_info,
        counters.last,
        counters.total,
        coalesce(earlier.has_info, FALSE) AS has_baseline,
        earlier.last AS last_before,
        earlier.total AS total_before
    FROM counters
    INNER JOIN placed
        ON
            counters.source_id = placed.source_id
            AND counters.line_number = placed.line_number
    LEFT JOIN counters AS earlier
        ON
            placed.earlier_source_id = earlier.source_id
            AND placed.earlier_line = earlier.line_number
),

-- How the cumulative counter moved. A component that fell begins a new epoch, whose whole
-- total is the step.
moved AS (
    SELECT
        *,
        is_present(last) AS has_last,
        has_risen(total, total_before) AS is_advanced,
        has_baseline AND has_fallen(total, total_before) AS is_reset
    FROM pairs
),

-- A CLI that writes a component which the one before it did not know repeats the counter all
-- the same: what is absent has not moved.
stepped AS (
    SELECT
        *,
        has_baseline
        AND NOT is_advanced
        AND NOT is_reset
        AND total.total IS NOT DISTINCT FROM total_before.total AS is_unchanged,
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

counter_verdicts AS (
    SELECT
        source_id,
        line_number,
        byte_offset,
        recorded_at,
        session_id,
        situation_line,
        turn_id,
        response_id,
        basis,
        CASE
            WHEN NOT has_info THEN 'no_info'
            WHEN is_copy THEN 'duplicate_file'
            WHEN has_last AND is_empty(last) AND NOT is_advanced THEN 'estimate'
            WHEN
                NOT has_last AND is_empty(total) AND step.total <> 0
            THEN 'estimate'
            WHEN is_unchanged THEN 'unchanged_total'
            WHEN is_in_prefix AND is_placed THEN 'inherited'
            WHEN is_in_prefix THEN 'unplaced'
            WHEN
                NOT has_baseline
                AND has_last
                AND NOT is_same_usage(last, total)
            THEN 'unplaced'
            WHEN NOT has_baseline AND NOT has_last AND lacks_base THEN 'unplaced'
            WHEN is_in_record_turn THEN 'has_record'
        END AS reason,
        is_in_record_turn,
        NOT is_in_prefix AS is_own,
        is_reset,
        CASE basis WHEN 'delta' THEN step.total ELSE last.total END AS used_tokens,
        total.total AS counter_tokens,
        CASE WHEN has_baseline THEN total_before.total END AS baseline_tokens,
        last,
        step,
        context_window
    FROM based
),

-- A record counts in the thread that it names, once.
record_verdicts AS (
    SELECT
        records.source_id,
        records.line_number,
        records.byte_offset,
        records.recorded_at,
        coalesce(records.thread_id, files.session_id) AS session_id,
        preceded.situation_line,
        records.turn_id,
        records.response_id,
        record_copies.reason,
        coalesce(records.thread_id = files.session_id, TRUE) AS is_own,
        records.total_total_tokens AS counter_tokens,
        records.last_input_tokens,
        records.last_cached_input_tokens,
        records.last_cache_write_input_tokens,
        records.last_output_tokens,
        records.last_reasoning_output_tokens,
        records.last_total_tokens,
        records.context_window
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
        preceded.is_record
        AND records.usage_kind = 'token_usage_record'
)

SELECT
    source_id,
    line_number,
    byte_offset,
    recorded_at,
    session_id,
    situation_line,
    turn_id,
    response_id,
    basis,
    reason,
    reason IS NULL AS is_counted,
    is_in_record_turn,
    is_own,
    is_reset,
    used_tokens,
    counter_tokens,
    baseline_tokens,
    CASE WHEN basis = 'delta' AND reason IS NULL THEN step.input ELSE last.input END AS input_tokens,
    CASE WHEN basis = 'delta' AND reason IS NULL THEN step.cached ELSE last.cached END AS cached_input_tokens,
    CASE WHEN basis = 'delta' AND reason IS NULL THEN step.written ELSE last.written END AS cache_write_input_tokens,
    CASE WHEN basis = 'delta' AND reason IS NULL THEN step.output ELSE last.output END AS output_tokens,
    CASE WHEN basis = 'delta' AND reason IS NULL THEN step.reasoning ELSE last.reasoning END AS reasoning_output_tokens,
    CASE WHEN basis = 'delta' AND reason IS NULL THEN step.total ELSE last.total END AS total_tokens,
    context_window
FROM counter_verdicts
UNION ALL
SELECT
    source_id,
    line_number,
    byte_offset,
    recorded_at,
    session_id,
    situation_line,
    turn_id,
    response_id,
    'record' AS basis,
    reason,
    reason IS NULL AS is_counted,
    TRUE AS is_in_record_turn,
    is_own,
    FALSE AS is_reset,
    last_total_tokens AS used_tokens,
    counter_tokens,
    NULL AS baseline_tokens,
    last_input_tokens AS input_tokens,
    last_cached_input_tokens AS cached_input_tokens,
    last_cache_write_input_tokens AS cache_write_input_tokens,
    last_output_tokens AS output_tokens,
    last_reasoning_output_tokens AS reasoning_output_tokens,
    last_total_tokens AS total_tokens,
    context_window
FROM record_verdicts
