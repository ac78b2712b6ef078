/*
description: Rollout files of threads that have several, which may hold one line twice.
grain: one row per rollout source of such a thread
key: [source_id]
columns: [source_id, base_source_id, session_id]
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
    session_id
FROM rollouts
WHERE session_id IN (SELECT session_id FROM shared_threads)
