/*
description: >
  Counter lines of threads with several files that tell of one another: the same line (same
  time, same payload) in a second file is a copy; two files with one first line that went
  apart later have different lines at the same offset.
grain: one row per token_count line that is a copy, or that shares its offset
key: [source_id, line_number]
columns: [source_id, line_number, is_copy, part]
internal: true
scope: family
*/
WITH
shared_lines AS (
    SELECT
        counters.source_id,
        counters.line_number,
        counters.byte_offset,
        counters.recorded_at,
        CASE WHEN counters.recorded_at IS NULL THEN counters.byte_offset END AS untimed_offset,
        shared_files.session_id,
        shared_files.base_source_id,
        raw_lines.payload_hash,
        row_number() OVER (
            PARTITION BY
                counters.source_id,
                counters.recorded_at,
                raw_lines.payload_hash
            ORDER BY counters.line_number
        ) AS occurrence
    FROM parsed_usage AS counters
    INNER JOIN shared_files
        ON counters.source_id = shared_files.source_id
    INNER JOIN raw_lines
        ON
            counters.source_id = raw_lines.source_id
            AND counters.line_number = raw_lines.line_number
    WHERE counters.usage_kind = 'token_count'
),

copies AS (
    SELECT
        source_id,
        line_number,
        byte_offset,
        base_source_id,
        payload_hash,
        row_number() OVER (
            PARTITION BY
                session_id,
                recorded_at,
                untimed_offset,
                payload_hash,
                occurrence
            ORDER BY
                (source_id <> base_source_id),
                source_id
        ) > 1 AS is_copy
    FROM shared_lines
),

parts AS (
    SELECT
        source_id,
        line_number,
        is_copy,
        row_number() OVER (
            PARTITION BY
                base_source_id,
                byte_offset
            ORDER BY
                is_copy,
                (source_id <> base_source_id),
                payload_hash,
                source_id
        ) AS part
    FROM copies
)

SELECT
    source_id,
    line_number,
    is_copy,
    part
FROM parts
WHERE
    is_copy
    OR part > 1
