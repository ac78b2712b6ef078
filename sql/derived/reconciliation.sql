/*
description: >
  Our total of each thread beside the CLI's own cumulative counter, with the explanation of
  the difference: counted = counter - inherited + reverted + forgotten + beyond the counter
  - unplaced + unexplained. Laws 1 and 2 of docs/accounting.md are judged here. The state
  database's `tokens_used` stands beside them: it is the counter when it was last looked at.
  So does what a status panel or exit line showed last, which is that counter, rounded and
  without cached input.
grain: one row per thread
key: [session_id]
columns:
  - session_id
  - counted_tokens
  - counter_tokens
  - inherited_tokens
  - difference_tokens
  - reverted_tokens
  - forgotten_tokens
  - beyond_counter_tokens
  - unplaced_tokens
  - unexplained_tokens
  - explanation
  - keeps_law_1
  - keeps_law_2
  - rejected_lines
  - state_tokens_used
  - is_state_current
  - state_explanation
  - shown_total_tokens
  - shown_total_error
  - counted_uncached_tokens
  - shown_difference_tokens
  - shown_explanation
scope: family
*/
WITH
own_counters AS (
    SELECT
        session_id,
        source_id,
        line_number,
        reason,
        is_reset,
        used_tokens,
        counter_tokens,
        -- an estimate that nothing known stands before (its fork's base is gone) moves nothing
        coalesce(
            baseline_tokens,
            CASE WHEN reason = 'estimate' THEN counter_tokens END
        ) AS baseline_tokens
    FROM usage_verdicts
    WHERE
        basis <> 'record'
        AND is_own
        AND coalesce(reason, '') NOT IN ('no_info', 'duplicate_file')
),

own_steps AS (
    SELECT
        *,
        counter_tokens - coalesce(baseline_tokens, 0) AS moved_tokens
    FROM own_counters
),

-- What the counters of one file say. A file's counter moves on by responses, falls when the
-- context window is filled, and begins anew where the CLI lost it.
file_counters AS (
    SELECT
        session_id,
        source_id,
        arg_max(counter_tokens, line_number) AS last_tokens,
        arg_min(coalesce(baseline_tokens, 0), line_number) AS start_tokens,
        sum(moved_tokens) AS moved_tokens,
        coalesce(sum(CASE WHEN is_reset THEN moved_tokens END), 0) AS reset_tokens,
        coalesce(
            sum(
                CASE
                    WHEN is_reset AND (reason IS NULL OR reason = 'has_record') THEN used_tokens
                END
            ),
            0
        ) AS reset_used_tokens,
        coalesce(
            sum(
                CASE
                    WHEN reason = 'has_record' AND is_reset THEN used_tokens
                    WHEN reason = 'has_record' THEN moved_tokens
                END
            ),
            0
        ) AS recorded_tokens,
        coalesce(sum(CASE WHEN reason = 'unplaced' AND NOT is_reset THEN moved_tokens END), 0) AS unplaced_tokens,
        bool_or(is_reset) AS has_reset
    FROM own_steps
    GROUP BY
        session_id,
        source_id
),

-- Which file of a thread is the last (of copies, the one that went on), and which the first.
shared_ranks AS (
    SELECT
        file_counters.source_id,
        row_number() OVER (
            PARTITION BY file_counters.session_id
            ORDER BY
                rollouts.created_at DESC,
                (rollouts.history_base_thread_id IS NULL),
                raw_sources.lines DESC NULLS LAST,
                rollouts.source_id
        ) AS age_rank,
        row_number() OVER (
            PARTITION BY file_counters.session_id
            ORDER BY
                rollouts.created_at,
                (rollouts.history_base_thread_id IS NOT NULL),
                rollouts.source_id
        ) AS youth_rank
    FROM file_counters
    INNER JOIN shared_files
        ON file_counters.source_id = shared_files.source_id
    INNER JOIN rollouts
        ON file_counters.source_id = rollouts.source_id
    LEFT JOIN raw_sources
        ON file_counters.source_id = raw_sources.source_id
),

ranked_files AS (
    SELECT
        file_counters.*,
        coalesce(shared_ranks.age_rank, 1) AS age_rank,
        coalesce(shared_ranks.youth_rank, 1) AS youth_rank
    FROM file_counters
    LEFT JOIN shared_ranks
        ON file_counters.source_id = shared_ranks.source_id
),

counters AS (
    SELECT
        session_id,
        CAST(min(CASE WHEN age_rank = 1 THEN last_tokens END) AS BIGINT) AS counter_tokens,
        CAST(min(CASE WHEN youth_rank = 1 THEN start_tokens END) AS BIGINT) AS inherited_tokens,
        CAST(sum(last_tokens - start_tokens) AS BIGINT) AS all_files_tokens,
        CAST(sum(moved_tokens - (last_tokens - start_tokens)) AS BIGINT) AS cleared_tokens,
        CAST(sum(reset_used_tokens - reset_tokens) AS BIGINT) AS fallen_tokens,
        CAST(sum(recorded_tokens) AS BIGINT) AS recorded_tokens,
        CAST(sum(unplaced_tokens) AS BIGINT) AS unplaced_tokens,
        bool_or(has_reset OR moved_tokens <> last_tokens - start_tokens) AS has_reset,
        count(*) AS files
    FROM ranked_files
    GROUP BY session_id
),

-- Threads with a file of which two copies went on, each from where they were equal last; the
-- counter of one that is merely older ends where the longer one's own lines begin.
apart AS (
    SELECT DISTINCT session_id
    FROM (
        SELECT file_counters.session_id
        FROM file_counters
        INNER JOIN shared_files
            ON file_counters.source_id = shared_files.source_id
        GROUP BY
            file_counters.session_id,
            shared_files.base_source_id
        HAVING
            sum(file_counters.last_tokens - file_counters.start_tokens)
            <> max(file_counters.last_tokens) - min(file_counters.start_tokens)
    ) AS files_with_copies
),

counted AS (
    SELECT
        session_id,
        CAST(sum(total_tokens) AS BIGINT) AS counted_tokens,
        CAST(sum(CASE WHEN basis = 'record' THEN total_tokens END) AS BIGINT) AS record_tokens,
        count(CASE WHEN basis = 'record' THEN 1 END) AS records
    FROM usage
    GROUP BY session_id
),

-- Threads with usage that may be their own, or was copied.
doubtful AS (
    SELECT DISTINCT session_id
    FROM usage_verdicts
    WHERE
        reason = 'unplaced'
        AND NOT is_in_record_turn
),

-- Law 1: in each file, the records add up to what the last one says of the whole thread.
file_records AS (
    SELECT
        session_id,
        source_id,
        sum(used_tokens) AS used_tokens,
        max(counter_tokens) AS last_tokens,
        arg_min(counter_tokens - used_tokens, line_number) AS start_tokens
    FROM usage_verdicts
    WHERE
        basis = 'record'
        AND is_own
        AND reason IS NULL
    GROUP BY
        session_id,
        source_id
),

law_1 AS (
    SELECT
        session_id,
        bool_and(used_tokens = last_tokens - start_tokens) AS is_kept
    FROM file_records
    GROUP BY session_id
),

-- Of several databases the one in use, which has the highest version, is right.
states AS (
    SELECT
        thread_id AS session_id,
        tokens_used
    FROM parsed_threads
    WHERE tokens_used IS NOT NULL
    QUALIFY
        row_number() OVER (
            PARTITION BY thread_id
            ORDER BY
                database_version DESC NULLS LAST,
                updated_at DESC NULLS LAST,
                source_id
        ) = 1
),

-- All that the counter ever said in the thread: in own lines, and where it began.
stands AS (
    SELECT
        verdicts.session_id,
        verdicts.counter_tokens,
        verdicts.is_own
    FROM usage_verdicts AS verdicts
    INNER JOIN states
        ON
            verdicts.session_id = states.session_id
            AND verdicts.counter_tokens = states.tokens_used
    WHERE verdicts.basis <> 'record'
    UNION ALL
    SELECT
        rollouts.session_id,
        baselines.counter_tokens,
        FALSE AS is_own
    FROM history_bases
    INNER JOIN rollouts
        ON history_bases.source_id = rollouts.source_id
    INNER JOIN states
        ON rollouts.session_id = states.session_id
    INNER JOIN usage_verdicts AS baselines
        ON
            history_bases.baseline_source_id = baselines.source_id
            AND history_bases.baseline_line = baselines.line_number
            AND states.tokens_used = baselines.counter_tokens
),

known_states AS (
    SELECT
        states.session_id,
        states.tokens_used,
        coalesce(bool_or(stands.is_own), FALSE) AS is_own_counter,
        count(stands.session_id) > 0 AS is_counter
    FROM states
    LEFT JOIN stands
        ON states.session_id = stands.session_id
    GROUP BY
        states.session_id,
        states.tokens_used
),

compared AS (
    SELECT
        sessions.session_id,
        sessions.has_file,
        sessions.rejected_lines,
        counted.counted_tokens,
        coalesce(counted.records, 0) AS records,
        counters.counter_tokens,
        counters.inherited_tokens,
        counters.has_reset,
        apart.session_id IS NOT NULL AS went_apart,
        counters.files,
        coalesce(counted.counted_tokens, 0)
        - (counters.counter_tokens - counters.inherited_tokens) AS difference_tokens,
        counters.all_files_tokens
        - (counters.counter_tokens - counters.inherited_tokens) AS reverted_tokens,
        counters.fallen_tokens + counters.cleared_tokens AS forgotten_tokens,
        coalesce(counted.record_tokens, 0) - counters.recorded_tokens AS beyond_counter_tokens,
        counters.unplaced_tokens,
        doubtful.session_id IS NOT NULL AS is_doubtful,
        law_1.is_kept AS keeps_law_1,
        known_states.tokens_used AS state_tokens_used,
        known_states.is_own_counter,
        known_states.is_counter,
        known_states.tokens_used = coalesce(counters.counter_tokens, 0) AS is_state_current,
        panels.shown_total_tokens,
        panels.shown_total_error,
        panels.counted_uncached_tokens,
        panels.shown_difference_tokens,
        panels.explanation AS panel_explanation
    FROM sessions
    LEFT JOIN counted
        ON sessions.session_id = counted.session_id
    LEFT JOIN counters
        ON sessions.session_id = counters.session_id
    LEFT JOIN apart
        ON sessions.session_id = apart.session_id
    LEFT JOIN doubtful
        ON sessions.session_id = doubtful.session_id
    LEFT JOIN law_1
        ON sessions.session_id = law_1.session_id
    LEFT JOIN known_states
        ON sessions.session_id = known_states.session_id
    LEFT JOIN status_reconciliation AS panels
        ON
            sessions.session_id = panels.session_id
            AND panels.is_last_of_thread
),

unexplained AS (
    SELECT
        *,
        difference_tokens
        - reverted_tokens
        - forgotten_tokens
        - beyond_counter_tokens
        + unplaced_tokens AS unexplained_tokens
    FROM compared
),

explained AS (
    SELECT
        *,
        CASE
            WHEN NOT has_file THEN 'the thread''s own files are gone: counted from copies of its records'
            WHEN counter_tokens IS NULL AND counted_tokens IS NULL AND is_doubtful
            THEN 'no line of which it is known whether it is own'
            WHEN counter_tokens IS NULL AND counted_tokens IS NULL THEN 'no usage'
            WHEN counter_tokens IS NULL THEN 'the files have no counters: counted by records'
            WHEN difference_tokens = 0 THEN 'equal'
            ELSE
                concat_ws(
                    '; ',
                    CASE
                        WHEN reverted_tokens <> 0 AND went_apart
                        THEN 'turns that were reverted, or on which another copy of the thread went on, are spent all the same'
                        WHEN reverted_tokens <> 0 THEN 'turns that were reverted are spent all the same'
                    END,
                    CASE
                        WHEN forgotten_tokens <> 0
                        THEN 'the counter fell (filled context window) or began anew'
                    END,
                    CASE
                        WHEN beyond_counter_tokens <> 0
                        THEN 'responses that the counter leaves out (remote compaction)'
                    END,
                    CASE
                        WHEN unplaced_tokens <> 0
                        THEN 'lines of which it is not known whether they are own'
                    END,
                    CASE
                        WHEN unexplained_tokens <> 0 AND rejected_lines > 0
                        THEN 'unreadable lines'
                        WHEN unexplained_tokens <> 0
                        THEN 'lines that were never written'
                    END
                )
        END AS explanation
    FROM unexplained
)

SELECT
    session_id,
    counted_tokens,
    counter_tokens,
    inherited_tokens,
    difference_tokens,
    reverted_tokens,
    forgotten_tokens,
    beyond_counter_tokens,
    unplaced_tokens,
    unexplained_tokens,
    explanation,
    keeps_law_1,
    CASE
        WHEN records = 0 AND NOT has_reset AND unplaced_tokens = 0
        THEN difference_tokens = reverted_tokens
    END AS keeps_law_2,
    rejected_lines,
    state_tokens_used,
    is_state_current,
    CASE
        WHEN state_tokens_used IS NULL THEN NULL
        WHEN state_tokens_used = coalesce(counted_tokens, 0) THEN 'equal'
        WHEN is_state_current
        THEN
            concat_ws(
                '; ',
                CASE WHEN inherited_tokens <> 0 THEN 'it holds what was inherited' END,
                CASE WHEN coalesce(difference_tokens, 1) <> 0 THEN explanation END
            )
        WHEN is_own_counter THEN 'it is older than the thread''s last counter'
        WHEN is_counter THEN 'it holds what was inherited, and no own usage'
        WHEN counter_tokens IS NULL THEN 'the thread''s files have no counters'
        ELSE 'no counter in the thread''s files says so'
    END AS state_explanation,
    shown_total_tokens,
    shown_total_error,
    counted_uncached_tokens,
    shown_difference_tokens,
    CASE panel_explanation
        WHEN 'equal'
        THEN CASE WHEN shown_total_error = 0 THEN 'equal' ELSE 'equal within its rounding' END
        WHEN 'earlier' THEN 'it was shown before the thread''s last response'
        WHEN 'cli_counter'
        THEN
            concat_ws(
                '; ',
                'it is what the counter said',
                CASE WHEN inherited_tokens <> 0 THEN 'it holds what was inherited' END,
                CASE WHEN difference_tokens <> 0 THEN explanation END
            )
        WHEN 'unexplained' THEN 'no counter in the thread''s files says so'
    END AS shown_explanation
FROM explained
