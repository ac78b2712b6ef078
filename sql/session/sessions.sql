/*
description: >
  Threads: one conversation each, with all its files. A thread whose own files are gone but
  whose responses are still recorded in a fork has a row as well (`has_file` is false).
grain: one row per thread
key: [session_id]
columns:
  - session_id
  - root_session_id
  - parent_thread_id
  - fork_source_id
  - label
  - project
  - cwd
  - repo_id
  - repository_url
  - git_branch
  - git_commit
  - originator
  - cli_version
  - model_provider
  - source_kind
  - source_label
  - thread_source
  - subagent_kind
  - subagent_depth
  - agent_path
  - agent_nickname
  - agent_role
  - history_mode
  - created_at
  - first_seen_at
  - last_seen_at
  - turns
  - has_file
  - files
  - lines
  - rejected_lines
  - copied_lines
  - is_archived
  - is_missing
  - inheritance
  - placed_by
  - is_placed
scope: family
*/
WITH

line_times AS (
    SELECT
        source_id,
        min(recorded_at) AS first_at,
        max(recorded_at) AS last_at
    FROM raw_lines
    GROUP BY source_id
),

files AS (
    SELECT
        rollouts.session_id,
        rollouts.source_id,
        rollouts.meta_line_number,
        rollouts.created_at,
        sources.label,
        sources.lines,
        sources.rejected_lines,
        sources.is_archived,
        sources.state,
        line_times.first_at,
        line_times.last_at,
        lineage.inheritance,
        lineage.inherits_from_id,
        lineage.placed_by,
        lineage.is_placed,
        CASE
            WHEN lineage.inherited_from_line IS NULL THEN 0
            ELSE coalesce(lineage.own_from_line, sources.lines + 1) - lineage.inherited_from_line
        END AS copied_lines,
        coalesce(shared_files.file_rank, 1) AS file_rank
    FROM rollouts
    INNER JOIN raw_sources AS sources
        ON rollouts.source_id = sources.source_id
    INNER JOIN lineage
        ON rollouts.source_id = lineage.source_id
    LEFT JOIN line_times
        ON rollouts.source_id = line_times.source_id
    LEFT JOIN shared_files
        ON rollouts.source_id = shared_files.source_id
),

found AS (
    SELECT
        session_id,
        min(CASE WHEN file_rank = 1 THEN source_id END) AS source_id,
        min(CASE WHEN file_rank = 1 THEN meta_line_number END) AS line_number,
        min(label) AS label,
        min(coalesce(created_at, first_at)) AS first_seen_at,
        max(coalesce(last_at, created_at)) AS last_seen_at,
        count(*) AS files,
        CAST(sum(lines) AS BIGINT) AS lines,
        CAST(sum(rejected_lines) AS BIGINT) AS rejected_lines,
        CAST(sum(copied_lines) AS BIGINT) AS copied_lines,
        bool_and(is_archived) AS is_archived,
        bool_and(state = 'missing') AS is_missing,
        min(CASE WHEN file_rank = 1 THEN inheritance END) AS inheritance,
        min(CASE WHEN inheritance <> 'none' AND inherits_from_id <> session_id THEN inherits_from_id END)
        AS inherits_from_id,
        min(placed_by) AS placed_by,
        bool_and(is_placed) AS is_placed
    FROM files
    GROUP BY session_id
),

-- Threads that are known from copies of their records only; a copied session_meta may tell more.
lost AS (
    SELECT
        usage.session_id,
        min(usage.responded_at) AS first_seen_at,
        max(usage.responded_at) AS last_seen_at
    FROM usage
    LEFT JOIN found
        ON usage.session_id = found.session_id
    WHERE found.session_id IS NULL
    GROUP BY usage.session_id
),

lost_metas AS (
    SELECT
        session_id,
        source_id,
        line_number
    FROM (
        SELECT
            lost.session_id,
            metas.source_id,
            metas.line_number,
            row_number() OVER (
                PARTITION BY lost.session_id
                ORDER BY
                    metas.recorded_at,
                    metas.source_id,
                    metas.line_number
            ) AS meta_rank
        FROM lost
        INNER JOIN parsed_session_meta AS metas
            ON lost.session_id = metas.thread_id
    ) AS ranked
    WHERE meta_rank = 1
),

threads AS (
    SELECT
        session_id,
        source_id,
        line_number,
        label,
        first_seen_at,
        last_seen_at,
        TRUE AS has_file,
        files,
        lines,
        rejected_lines,
        copied_lines,
        is_archived,
        is_missing,
        inheritance,
        inherits_from_id,
        placed_by,
        is_placed
    FROM found
    UNION ALL
    SELECT
        lost.session_id,
        lost_metas.source_id,
        lost_metas.line_number,
        NULL AS label,
        lost.first_seen_at,
        lost.last_seen_at,
        FALSE AS has_file,
        0 AS files,
        0 AS lines,
        0 AS rejected_lines,
        0 AS copied_lines,
        FALSE AS is_archived,
        TRUE AS is_missing,
        'none' AS inheritance,
        NULL AS inherits_from_id,
        NULL AS placed_by,
        TRUE AS is_placed
    FROM lost
    LEFT JOIN lost_metas
        ON lost.session_id = lost_metas.session_id
),

turn_counts AS (
    SELECT
        session_id,
        count(*) AS turns
    FROM turn_starts
    GROUP BY session_id
)

SELECT
    threads.session_id,
    metas.root_session_id,
    metas.parent_thread_id,
    coalesce(metas.forked_from_id, threads.inherits_from_id) AS fork_source_id,
    threads.label,
    coalesce(nullif(metas.cwd, ''), '(unknown)') AS project,
    metas.cwd,
    metas.repo_id,
    metas.repository_url,
    metas.git_branch,
    metas.git_commit,
    metas.originator,
    metas.cli_version,
    metas.model_provider,
    metas.source_kind,
    metas.source_label,
    metas.thread_source,
    metas.subagent_kind,
    metas.subagent_depth,
    metas.agent_path,
    metas.agent_nickname,
    metas.agent_role,
    metas.history_mode,
    metas.created_at,
    threads.first_seen_at,
    threads.last_seen_at,
    coalesce(turn_counts.turns, 0) AS turns,
    threads.has_file,
    threads.files,
    threads.lines,
    threads.rejected_lines,
    threads.copied_lines,
    threads.is_archived,
    threads.is_missing,
    threads.inheritance,
    threads.placed_by,
    threads.is_placed
FROM threads
LEFT JOIN parsed_session_meta AS metas
    ON
        threads.source_id = metas.source_id
        AND threads.line_number = metas.line_number
LEFT JOIN turn_counts
    ON threads.session_id = turn_counts.session_id
