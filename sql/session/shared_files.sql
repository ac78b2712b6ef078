/*
description: >
  Rollout files of threads that have several, which may hold one line twice. The first of them
  tells what the thread is.
grain: one row per rollout source of such a thread
key: [source_id]
columns: [source_id, base_source_id, session_id, file_rank]
internal: true
scope: session
*/
WITH
shared_threads AS (
    SELECT session_id
    FROM rollouts
    GROUP BY session_id
    HAVING count(*) > 1
)

SELECT
    source_id,
    base_source_id,
    session_id,
    row_number() OVER (
        PARTITION BY session_id
        ORDER BY
            (source_id <> base_source_id),
            (history_base_thread_id IS NOT NULL),
            created_at,
            source_id
    ) AS file_rank
FROM rollouts
WHERE session_id IN (SELECT session_id FROM shared_threads)
