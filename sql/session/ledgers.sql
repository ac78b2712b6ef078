/*
description: >
  Goal ledgers: whose they are, where they lie, and what they hold. A ledger that was emptied
  or deleted has its row as well.
grain: one row per ledger
key: [source_id]
columns:
  - source_id
  - label
  - path
  - project
  - state
  - lines
  - events
  - replayed_events
  - rejected_lines
  - rejected_records
  - first_event_at
  - last_event_at
scope: session
*/
WITH
ledger_sources AS (
    SELECT
        source_id,
        label,
        path,
        state,
        lines,
        rejected_lines
    FROM raw_sources
    WHERE kind = 'ledger'
),

event_counts AS (
    SELECT
        source_id,
        count(*) AS events,
        count(CASE WHEN is_replayed THEN 1 END) AS replayed_events,
        CAST(sum(rejected_records) AS BIGINT) AS rejected_records,
        min(recorded_at) AS first_event_at,
        max(recorded_at) AS last_event_at
    FROM parsed_ledger_events
    GROUP BY source_id
)

SELECT
    ledger_sources.source_id,
    ledger_sources.label,
    ledger_sources.path,
    -- <project>/metrics/events.ndjson is where ledgers are kept; strict privacy hides the path
    nullif(
        regexp_replace(regexp_replace(ledger_sources.path, '/?[^/]*$', ''), '/metrics$', ''), ''
    ) AS project,
    ledger_sources.state,
    ledger_sources.lines,
    coalesce(event_counts.events, 0) AS events,
    coalesce(event_counts.replayed_events, 0) AS replayed_events,
    ledger_sources.rejected_lines,
    coalesce(event_counts.rejected_records, 0) AS rejected_records,
    event_counts.first_event_at,
    event_counts.last_event_at
FROM ledger_sources
LEFT JOIN event_counts
    ON ledger_sources.source_id = event_counts.source_id
