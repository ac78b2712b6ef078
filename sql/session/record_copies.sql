/*
description: >
  Records that stand for a response which another line already counts: copied into a fork, or
  in a second file. A copy counts once where its owner's own line is gone.
grain: one row per token_usage_record line that is not counted
key: [source_id, line_number]
columns: [source_id, line_number, reason]
internal: true
scope: family
*/
WITH
repeated AS (
    SELECT response_id
    FROM parsed_usage
    WHERE
        usage_kind = 'token_usage_record'
        AND response_id IS NOT NULL
    GROUP BY response_id
    HAVING count(*) > 1
),

records AS (
    SELECT
        lines.source_id,
        lines.line_number,
        lines.recorded_at,
        lines.response_id,
        rollouts.base_source_id,
        coalesce(lines.thread_id, rollouts.session_id) AS session_id,
        coalesce(lines.thread_id <> rollouts.session_id, FALSE) AS is_foreign
    FROM parsed_usage AS lines
    INNER JOIN repeated
        ON lines.response_id = repeated.response_id
    INNER JOIN rollouts
        ON lines.source_id = rollouts.source_id
    WHERE lines.usage_kind = 'token_usage_record'
),

ranked AS (
    SELECT
        source_id,
        line_number,
        is_foreign,
        row_number() OVER (
            PARTITION BY
                session_id,
                response_id
            ORDER BY
                is_foreign,
                recorded_at,
                (source_id <> base_source_id),
                source_id,
                line_number
        ) AS copy_rank
    FROM records
)

SELECT
    source_id,
    line_number,
    CASE WHEN is_foreign THEN 'inherited' ELSE 'duplicate_record' END AS reason
FROM ranked
WHERE copy_rank > 1
