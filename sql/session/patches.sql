/*
description: >
  Patches of each thread, by files and lines: as they were applied, where Codex tells it, else
  as the model asked for them. A patch that failed or was declined changed nothing.
grain: one row per patch
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - source_id
  - line_number
  - item_id
  - recorded_at
  - carrier
  - item_status
  - is_success
  - files_added
  - files_updated
  - files_deleted
  - files_moved
  - lines_added
  - lines_removed
sort: [session_id, source_id, line_number]
scope: family
*/
WITH
-- Patches without an id stand for themselves.
ranked AS (
    SELECT
        source_id,
        line_number,
        row_number() OVER (
            PARTITION BY
                source_id,
                coalesce(item_id, CAST(line_number AS VARCHAR))
            ORDER BY
                (carrier = 'response_item'),
                line_number DESC
        ) AS patch_rank
    FROM parsed_patches
)

SELECT
    rollouts.session_id,
    own_lines.turn_index,
    patches.source_id,
    patches.line_number,
    patches.item_id,
    patches.recorded_at,
    patches.carrier,
    patches.item_status,
    coalesce(patches.is_success, calls.is_success) AS is_success,
    patches.files_added,
    patches.files_updated,
    patches.files_deleted,
    patches.files_moved,
    patches.lines_added,
    patches.lines_removed
FROM parsed_patches AS patches
INNER JOIN ranked
    ON
        patches.source_id = ranked.source_id
        AND patches.line_number = ranked.line_number
INNER JOIN own_lines
    ON
        ranked.source_id = own_lines.source_id
        AND ranked.line_number = own_lines.line_number
INNER JOIN rollouts
    ON ranked.source_id = rollouts.source_id
LEFT JOIN tool_calls AS calls
    ON
        patches.carrier = 'response_item'
        AND patches.source_id = calls.source_id
        AND patches.line_number = calls.line_number
WHERE ranked.patch_rank = 1
