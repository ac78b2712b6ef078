/*
description: >
  Which goals make up one piece of work: for each goal that no other supersedes, itself and
  all that it replaced, back along supersedes_goal_id. Goals of a circle that no other goal
  leads into belong to none.
grain: one row per terminal goal and member of its chain
key: [source_id, terminal_goal_id, goal_id]
columns: [source_id, terminal_goal_id, goal_id]
scope: session
internal: true
*/
WITH RECURSIVE
links AS (
    SELECT
        goals.source_id,
        goals.goal_id,
        goals.supersedes_goal_id,
        goals.superseded_by_goals
    FROM goals
    INNER JOIN goals AS predecessors
        ON
            goals.source_id = predecessors.source_id
            AND goals.supersedes_goal_id = predecessors.goal_id
),

-- UNION, not UNION ALL: a chain that runs into a circle ends where it has been before.
walks AS (
    SELECT
        source_id,
        goal_id AS terminal_goal_id,
        supersedes_goal_id AS goal_id
    FROM links
    WHERE superseded_by_goals = 0
    UNION
    SELECT
        walks.source_id,
        walks.terminal_goal_id,
        links.supersedes_goal_id AS goal_id
    FROM walks
    INNER JOIN links
        ON
            walks.source_id = links.source_id
            AND walks.goal_id = links.goal_id
)

SELECT
    source_id,
    goal_id AS terminal_goal_id,
    goal_id
FROM goals
WHERE superseded_by_goals = 0
UNION ALL
SELECT
    source_id,
    terminal_goal_id,
    goal_id
FROM walks
