/*
description: >
  What changed in each thread besides messages and tools, in the order of its lines: compaction,
  rollback, undo, aborted turns, errors, reviews, goals, settings, sub-agents, names, context
  given by Codex. Kinds are compaction, turns_rolled_back, undo, turn_aborted, error,
  review_entered, review_exited, goal_updated, settings_applied, agent_activity, thread_named,
  metadata_edited, world_state, and those that later versions add under their own names.
grain: one row per change
key: [source_id, line_number, event_kind]
columns:
  - session_id
  - turn_index
  - source_id
  - line_number
  - recorded_at
  - event_kind
  - event_detail
  - item_id
  - is_success
  - rolled_back_turns
  - replacement_items
  - error_http_status
  - review_findings
  - is_patch_correct
  - goal_status
  - agent_thread_ids
  - model
  - effort
  - name_chars
  - state_bytes
sort: [session_id, source_id, line_number, event_kind]
scope: family
*/
WITH
-- Later session_meta lines with the thread's own id edit its git data or memory mode.
metadata_edits AS (
    SELECT
        metas.source_id,
        metas.line_number,
        metas.recorded_at
    FROM parsed_session_meta AS metas
    INNER JOIN rollouts
        ON metas.source_id = rollouts.source_id
    WHERE
        metas.thread_id = rollouts.session_id
        AND metas.line_number > rollouts.meta_line_number
),

changes AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        CASE event
            WHEN 'thread_rolled_back' THEN 'turns_rolled_back'
            WHEN 'undo_completed' THEN 'undo'
            WHEN 'entered_review_mode' THEN 'review_entered'
            WHEN 'exited_review_mode' THEN 'review_exited'
            WHEN 'thread_name_updated' THEN 'thread_named'
            ELSE event
        END AS event_kind,
        coalesce(
            error_kind,
            review_target,
            decision,
            CASE is_full_state WHEN TRUE THEN 'full' WHEN FALSE THEN 'change' END
        ) AS event_detail,
        item_id,
        is_success,
        rolled_back_turns,
        CAST(NULL AS BIGINT) AS replacement_items,
        error_http_status,
        review_findings,
        is_patch_correct,
        CAST(NULL AS VARCHAR) AS goal_status,
        CAST(NULL AS VARCHAR[]) AS agent_thread_ids,
        CAST(NULL AS VARCHAR) AS model,
        CAST(NULL AS VARCHAR) AS effort,
        name_chars,
        state_bytes
    FROM parsed_events
    WHERE
        -- the compacted history that goes with these is a row of its own
        event NOT IN (
            'context_compacted',
            'compaction',
            'compaction_summary',
            'compaction_trigger',
            'context_compaction'
        )
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        'compaction' AS event_kind,
        NULL AS event_detail,
        NULL AS item_id,
        NULL AS is_success,
        NULL AS rolled_back_turns,
        replacement_items,
        NULL AS error_http_status,
        NULL AS review_findings,
        NULL AS is_patch_correct,
        NULL AS goal_status,
        NULL AS agent_thread_ids,
        NULL AS model,
        NULL AS effort,
        NULL AS name_chars,
        NULL AS state_bytes
    FROM parsed_compactions
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        CASE event WHEN 'turn_aborted' THEN 'turn_aborted' ELSE 'error' END AS event_kind,
        coalesce(abort_reason, error_kind) AS event_detail,
        NULL AS item_id,
        NULL AS is_success,
        NULL AS rolled_back_turns,
        NULL AS replacement_items,
        error_http_status,
        NULL AS review_findings,
        NULL AS is_patch_correct,
        NULL AS goal_status,
        NULL AS agent_thread_ids,
        NULL AS model,
        NULL AS effort,
        NULL AS name_chars,
        NULL AS state_bytes
    FROM parsed_lifecycle
    WHERE
        event = 'turn_aborted'
        OR error_kind IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        'goal_updated' AS event_kind,
        NULL AS event_detail,
        NULL AS item_id,
        NULL AS is_success,
        NULL AS rolled_back_turns,
        NULL AS replacement_items,
        NULL AS error_http_status,
        NULL AS review_findings,
        NULL AS is_patch_correct,
        goal_status,
        NULL AS agent_thread_ids,
        NULL AS model,
        NULL AS effort,
        NULL AS name_chars,
        NULL AS state_bytes
    FROM parsed_goal_updates
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        'settings_applied' AS event_kind,
        NULL AS event_detail,
        NULL AS item_id,
        NULL AS is_success,
        NULL AS rolled_back_turns,
        NULL AS replacement_items,
        NULL AS error_http_status,
        NULL AS review_findings,
        NULL AS is_patch_correct,
        NULL AS goal_status,
        NULL AS agent_thread_ids,
        model,
        effort,
        NULL AS name_chars,
        NULL AS state_bytes
    FROM parsed_settings
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        'agent_activity' AS event_kind,
        coalesce(activity_kind, tool_name) AS event_detail,
        item_id,
        is_success,
        NULL AS rolled_back_turns,
        NULL AS replacement_items,
        NULL AS error_http_status,
        NULL AS review_findings,
        NULL AS is_patch_correct,
        NULL AS goal_status,
        agent_thread_ids,
        model,
        effort,
        NULL AS name_chars,
        NULL AS state_bytes
    FROM parsed_items
    WHERE
        item_type IN ('subAgentActivity', 'collabAgentToolCall')
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        'metadata_edited' AS event_kind,
        NULL AS event_detail,
        NULL AS item_id,
        NULL AS is_success,
        NULL AS rolled_back_turns,
        NULL AS replacement_items,
        NULL AS error_http_status,
        NULL AS review_findings,
        NULL AS is_patch_correct,
        NULL AS goal_status,
        NULL AS agent_thread_ids,
        NULL AS model,
        NULL AS effort,
        NULL AS name_chars,
        NULL AS state_bytes
    FROM metadata_edits
)

SELECT
    rollouts.session_id,
    own_lines.turn_index,
    changes.source_id,
    changes.line_number,
    changes.recorded_at,
    changes.event_kind,
    changes.event_detail,
    changes.item_id,
    changes.is_success,
    changes.rolled_back_turns,
    changes.replacement_items,
    changes.error_http_status,
    changes.review_findings,
    changes.is_patch_correct,
    changes.goal_status,
    changes.agent_thread_ids,
    changes.model,
    changes.effort,
    changes.name_chars,
    changes.state_bytes
FROM changes
INNER JOIN own_lines
    ON
        changes.source_id = own_lines.source_id
        AND changes.line_number = own_lines.line_number
INNER JOIN rollouts
    ON changes.source_id = rollouts.source_id
