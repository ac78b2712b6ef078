/*
description: >
  Captures of status panels, and when each was made. Apart from raw_sources, which changes with
  any source: what only reads of captures stays as it is while they do.
grain: one row per captured file
key: [source_id]
columns: [source_id, modified_at]
scope: session
internal: true
*/
SELECT
    source_id,
    modified_at
FROM raw_sources
WHERE kind = 'status'
