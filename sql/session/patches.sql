/*
description: >
  Patches of each thread, by files and lines: as they were applied, where Codex tells it, else
  as the model asked for them. A patch that failed or was declined changed nothing.
grain: one row per patch
key: [source_id, line_number]
columns:
  - session_id
  - turn_index
  - turn_key
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
ranked AS (
    SELECT
        *,
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
    own_lines.session_id,
    own_lines.turn_index,
    own_lines.turn_key,
    ranked.source_id,
    ranked.line_number,
    ranked.item_id,
    ranked.recorded_at,
    ranked.carrier,
    ranked.item_status,
    coalesce(ranked.is_success, calls.is_success) AS is_success,
    ranked.files_added,
    ranked.files_updated,
    ranked.files_deleted,
    ranked.files_moved,
    ranked.lines_added,
    ranked.lines_removed
FROM ranked
INNER JOIN own_lines
    ON
        ranked.source_id = own_lines.source_id
        AND ranked.line_number = own_lines.line_number
LEFT JOIN tool_calls AS calls
    ON
        ranked.carrier = 'response_item'
        AND ranked.source_id = calls.source_id
        AND ranked.line_number = calls.line_number
WHERE ranked.patch_rank = 1
