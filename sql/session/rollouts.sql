/*
description: >
  Rollout files with the thread that owns them and what their own `session_meta` says about
  inherited history. Later `session_meta` lines are copies, or edits of the same thread.
grain: one row per rollout source that has a line
key: [source_id]
columns:
  - source_id
  - base_source_id
  - label
  - session_id
  - meta_line_number
  - created_at
  - root_session_id
  - parent_thread_id
  - forked_from_id
  - forked_from_ordinal_exclusive
  - history_base_thread_id
  - history_base_end_ordinal
  - subagent_history_start_ordinal
  - model_provider
internal: true
scope: session
*/
WITH
sources AS (
    SELECT
        source_id,
        copy_of,
        label,
        thread_id
    FROM raw_sources
    -- (an empty file is no thread yet)
    WHERE
        kind = 'codex'
        AND lines IS DISTINCT FROM 0
),

first_metas AS (
    SELECT
        source_id,
        min(line_number) AS line_number
    FROM parsed_session_meta
    GROUP BY source_id
),

own_metas AS (
    SELECT
        metas.source_id,
        metas.line_number,
        metas.thread_id,
        metas.created_at,
        metas.root_session_id,
        metas.parent_thread_id,
        metas.forked_from_id,
        metas.forked_from_ordinal_exclusive,
        metas.history_base_thread_id,
        metas.history_base_end_ordinal,
        metas.subagent_history_start_ordinal,
        metas.model_provider
    FROM parsed_session_meta AS metas
    INNER JOIN first_metas
        ON
            metas.source_id = first_metas.source_id
            AND metas.line_number = first_metas.line_number
)

SELECT
    sources.source_id,
    coalesce(sources.copy_of, sources.source_id) AS base_source_id,
    sources.label,
    coalesce(sources.thread_id, own_metas.thread_id, sources.source_id) AS session_id,
    own_metas.line_number AS meta_line_number,
    own_metas.created_at,
    own_metas.root_session_id,
    own_metas.parent_thread_id,
    own_metas.forked_from_id,
    own_metas.forked_from_ordinal_exclusive,
    own_metas.history_base_thread_id,
    own_metas.history_base_end_ordinal,
    own_metas.subagent_history_start_ordinal,
    own_metas.model_provider
FROM sources
LEFT JOIN own_metas
    ON sources.source_id = own_metas.source_id
