/*
description: >
  Rollouts that inherit by reference (`history_base`: forks of paginated threads, and the
  segment that a revert begins), with the last counter line before the cut. Its totals are
  the baseline of the file's first counter.
grain: one row per rollout that names a history base
key: [source_id]
columns: [source_id, base_rollout_id, baseline_source_id, baseline_line]
internal: true
scope: family
*/
WITH RECURSIVE
referring AS (
    SELECT
        source_id,
        session_id,
        forked_from_id,
        history_base_thread_id,
        history_base_end_ordinal,
        uuid7_at(history_base_thread_id) AS segment_at
    FROM rollouts
    WHERE history_base_thread_id IS NOT NULL
),

-- A base is named by its thread, which means the thread's first file (of copies the longest,
-- since an older one may end before the cut) ...
first_files AS (
    SELECT
        session_id,
        source_id
    FROM (
        SELECT
            rollouts.session_id,
            rollouts.source_id,
            row_number() OVER (
                PARTITION BY rollouts.session_id
                ORDER BY
                    (rollouts.history_base_thread_id IS NOT NULL),
                    (rollouts.history_base_thread_id = rollouts.session_id),
                    rollouts.created_at,
                    raw_sources.lines DESC NULLS LAST,
                    (rollouts.source_id <> rollouts.base_source_id),
                    rollouts.source_id
            ) AS file_rank
        FROM rollouts
        LEFT JOIN raw_sources
            ON rollouts.source_id = raw_sources.source_id
        WHERE rollouts.session_id IN (SELECT history_base_thread_id FROM referring)
    ) AS ranked
    WHERE file_rank = 1
),

-- ... or by the id of a segment, whose time is that of the segment's own session_meta.
segments AS (
    SELECT
        source_id,
        segment_id
    FROM (
        SELECT
            referring.source_id,
            rollouts.source_id AS segment_id,
            row_number() OVER (
                PARTITION BY referring.source_id
                ORDER BY
                    raw_sources.lines DESC NULLS LAST,
                    rollouts.source_id
            ) AS file_rank
        FROM referring
        INNER JOIN rollouts
            ON referring.segment_at = rollouts.created_at
        LEFT JOIN raw_sources
            ON rollouts.source_id = raw_sources.source_id
        WHERE
            rollouts.session_id IN (referring.session_id, referring.forked_from_id)
            AND rollouts.history_base_thread_id IS NOT NULL
            AND rollouts.source_id <> referring.source_id
    ) AS ranked
    WHERE file_rank = 1
),

bases AS (
    SELECT
        referring.source_id,
        referring.history_base_end_ordinal,
        coalesce(first_files.source_id, segments.segment_id) AS base_rollout_id
    FROM referring
    LEFT JOIN first_files
        ON
            referring.history_base_thread_id = first_files.session_id
            AND referring.source_id <> first_files.source_id
    LEFT JOIN segments
        ON referring.source_id = segments.source_id
),

-- Cuts and counters of a base in the order of its ordinals; files without any count lines.
positions AS (
    SELECT
        base_rollout_id AS source_id,
        history_base_end_ordinal AS position,
        0 AS is_counter,
        CAST(NULL AS BIGINT) AS counter_line,
        source_id AS referring_id
    FROM bases
    WHERE base_rollout_id IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        coalesce(ordinal, line_number - 1) AS position,
        1 AS is_counter,
        line_number AS counter_line,
        NULL AS referring_id
    FROM parsed_usage
    WHERE
        usage_kind = 'token_count'
        AND source_id IN (SELECT base_rollout_id FROM bases)
),

cuts AS (
    SELECT
        referring_id,
        max(counter_line) OVER (
            PARTITION BY source_id
            ORDER BY position, is_counter
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS baseline_line
    FROM positions
),

own_baselines AS (
    SELECT
        bases.source_id,
        bases.base_rollout_id,
        cuts.baseline_line
    FROM bases
    LEFT JOIN cuts
        ON bases.source_id = cuts.referring_id
),

-- A base without a counter before the cut goes on from its own base.
chain AS (
    SELECT
        source_id,
        base_rollout_id AS at_rollout_id,
        baseline_line,
        1 AS steps
    FROM own_baselines
    UNION ALL
    SELECT
        chain.source_id,
        own_baselines.base_rollout_id AS at_rollout_id,
        own_baselines.baseline_line,
        chain.steps + 1 AS steps
    FROM chain
    INNER JOIN own_baselines
        ON chain.at_rollout_id = own_baselines.source_id
    WHERE
        chain.baseline_line IS NULL
        AND chain.steps < 100
),

found AS (
    SELECT
        source_id,
        at_rollout_id,
        baseline_line
    FROM chain
    WHERE baseline_line IS NOT NULL
)

SELECT
    bases.source_id,
    bases.base_rollout_id,
    found.at_rollout_id AS baseline_source_id,
    found.baseline_line
FROM bases
LEFT JOIN found
    ON bases.source_id = found.source_id
