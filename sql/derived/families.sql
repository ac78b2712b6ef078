/*
description: >
  Each thread's place in its agent tree (who spawned it, who it was forked from, the root that
  Codex calls session_id), with its own use, that of all agents below it, and both together.
  A fork is not below its source: it spends for itself.
grain: one row per thread
key: [session_id]
columns:
  - session_id
  - root_id
  - parent_id
  - fork_source_id
  - depth
  - descendants
  - own_responses
  - own_total_tokens
  - own_cost_usd
  - own_cost_covered_responses
  - descendant_responses
  - descendant_total_tokens
  - descendant_cost_usd
  - descendant_cost_covered_responses
  - family_responses
  - family_total_tokens
  - family_cost_usd
  - family_cost_covered_responses
coverage:
  - {value: own_cost_usd, covered: own_cost_covered_responses, total: own_responses}
  - {value: descendant_cost_usd, covered: descendant_cost_covered_responses, total: descendant_responses}
  - {value: family_cost_usd, covered: family_cost_covered_responses, total: family_responses}
scope: family
*/
WITH RECURSIVE
parents AS (
    SELECT
        session_id,
        parent_thread_id AS parent_id
    FROM sessions
    WHERE parent_thread_id <> session_id
),

-- All ancestors of a thread. (The bound is for files that name each other in a circle.)
ancestors AS (
    SELECT
        session_id,
        parent_id AS ancestor_id,
        CAST(1 AS BIGINT) AS steps
    FROM parents
    UNION ALL
    SELECT
        ancestors.session_id,
        parents.parent_id AS ancestor_id,
        ancestors.steps + 1 AS steps
    FROM ancestors
    INNER JOIN parents
        ON ancestors.ancestor_id = parents.session_id
    WHERE
        ancestors.steps < 64
        AND parents.parent_id <> ancestors.session_id
),

roots AS (
    SELECT
        session_id,
        arg_max(ancestor_id, steps) AS root_id,
        max(steps) AS depth
    FROM ancestors
    GROUP BY session_id
),

below AS (
    SELECT
        ancestors.ancestor_id AS session_id,
        count(*) AS descendants,
        CAST(sum(session_usage.responses) AS BIGINT) AS responses,
        CAST(sum(session_usage.total_tokens) AS BIGINT) AS total_tokens,
        CAST(sum(session_usage.cost_usd) AS DECIMAL(18, 9)) AS cost_usd,
        CAST(sum(session_usage.cost_covered_responses) AS BIGINT) AS cost_covered_responses
    FROM ancestors
    INNER JOIN derived_session_usage AS session_usage
        ON ancestors.session_id = session_usage.session_id
    GROUP BY ancestors.ancestor_id
)

SELECT
    sessions.session_id,
    CASE
        WHEN sessions.root_session_id <> sessions.session_id THEN sessions.root_session_id
        ELSE coalesce(roots.root_id, sessions.session_id)
    END AS root_id,
    parents.parent_id,
    sessions.fork_source_id,
    coalesce(roots.depth, 0) AS depth,
    coalesce(below.descendants, 0) AS descendants,
    session_usage.responses AS own_responses,
    session_usage.total_tokens AS own_total_tokens,
    session_usage.cost_usd AS own_cost_usd,
    session_usage.cost_covered_responses AS own_cost_covered_responses,
    coalesce(below.responses, 0) AS descendant_responses,
    below.total_tokens AS descendant_total_tokens,
    below.cost_usd AS descendant_cost_usd,
    coalesce(below.cost_covered_responses, 0) AS descendant_cost_covered_responses,
    session_usage.responses + coalesce(below.responses, 0) AS family_responses,
    CASE
        WHEN session_usage.total_tokens IS NULL THEN below.total_tokens
        ELSE session_usage.total_tokens + coalesce(below.total_tokens, 0)
    END AS family_total_tokens,
    CASE
        WHEN session_usage.cost_usd IS NULL THEN below.cost_usd
        ELSE CAST(session_usage.cost_usd + coalesce(below.cost_usd, 0) AS DECIMAL(18, 9))
    END AS family_cost_usd,
    session_usage.cost_covered_responses
    + coalesce(below.cost_covered_responses, 0) AS family_cost_covered_responses
FROM sessions
INNER JOIN derived_session_usage AS session_usage
    ON sessions.session_id = session_usage.session_id
LEFT JOIN parents
    ON sessions.session_id = parents.session_id
LEFT JOIN roots
    ON sessions.session_id = roots.session_id
LEFT JOIN below
    ON sessions.session_id = below.session_id
