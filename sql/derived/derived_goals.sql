/*
description: >
  Goals as the history tells them, for work that no ledger tracks: each thread that a user
  worked in, how often the user prompted it, how it ended, and what it used and cost with all
  agents below it. Every thread belongs to one of these goals, so that they add up to the whole;
  where the root of agents is gone, its row has what is known of them.
grain: one row per thread that is nobody's agent, or that is known from its agents alone
key: [session_id]
columns:
  - session_id
  - project
  - label
  - fork_source_id
  - subagent_kind
  - has_file
  - turns
  - user_turns
  - attempt_count
  - retry_count
  - has_retry_pressure
  - steers
  - unplaced_prompts
  - last_attempt_status
  - first_seen_at
  - last_seen_at
  - agents
  - responses
  - total_tokens
  - total_tokens_covered_responses
  - cost_usd
  - cost_covered_responses
  - agent_responses
  - agent_total_tokens
  - agent_total_tokens_covered_responses
  - agent_cost_usd
  - agent_cost_covered_responses
coverage:
  - {value: total_tokens, covered: total_tokens_covered_responses, total: responses}
  - {value: cost_usd, covered: cost_covered_responses, total: responses}
  - {value: agent_total_tokens, covered: agent_total_tokens_covered_responses, total: agent_responses}
  - {value: agent_cost_usd, covered: agent_cost_covered_responses, total: agent_responses}
scope: family
*/
WITH
members AS (
    SELECT
        families.root_id,
        families.root_id <> sessions.session_id AS is_agent,
        sessions.project,
        sessions.label,
        sessions.first_seen_at,
        sessions.last_seen_at,
        session_usage.responses,
        session_usage.total_tokens,
        session_usage.total_tokens_covered_responses,
        session_usage.cost_usd,
        session_usage.cost_covered_responses
    FROM sessions
    INNER JOIN families
        ON sessions.session_id = families.session_id
    INNER JOIN derived_session_usage AS session_usage
        ON sessions.session_id = session_usage.session_id
),

goals AS (
    SELECT
        root_id,
        min(project) AS project,
        min(label) AS label,
        min(first_seen_at) AS first_seen_at,
        max(last_seen_at) AS last_seen_at,
        count(CASE WHEN is_agent THEN 1 END) AS agents,
        CAST(sum(responses) AS BIGINT) AS responses,
        CAST(sum(total_tokens) AS BIGINT) AS total_tokens,
        CAST(sum(total_tokens_covered_responses) AS BIGINT) AS total_tokens_covered_responses,
        CAST(sum(cost_usd) AS DECIMAL(18, 9)) AS cost_usd,
        CAST(sum(cost_covered_responses) AS BIGINT) AS cost_covered_responses,
        CAST(sum(CASE WHEN is_agent THEN responses ELSE 0 END) AS BIGINT) AS agent_responses,
        CAST(sum(CASE WHEN is_agent THEN total_tokens END) AS BIGINT) AS agent_total_tokens,
        CAST(sum(CASE WHEN is_agent THEN total_tokens_covered_responses ELSE 0 END) AS BIGINT)
            AS agent_total_tokens_covered_responses,
        CAST(sum(CASE WHEN is_agent THEN cost_usd END) AS DECIMAL(18, 9)) AS agent_cost_usd,
        CAST(sum(CASE WHEN is_agent THEN cost_covered_responses ELSE 0 END) AS BIGINT)
            AS agent_cost_covered_responses
    FROM members
    GROUP BY root_id
),

-- Prompts of which nothing tells whether they were copied with the history or given after it.
unplaced AS (
    SELECT
        session_id,
        count(*) AS unplaced_prompts
    FROM (
        SELECT DISTINCT
            lineage.session_id,
            rollouts.base_source_id,
            told.line_number
        FROM told_messages AS told
        INNER JOIN lineage
            ON told.source_id = lineage.source_id
        INNER JOIN rollouts
            ON told.source_id = rollouts.source_id
        WHERE
            told.role = 'user'
            AND NOT lineage.is_placed
            AND NOT is_own_line(told.line_number, lineage.inherited_from_line, lineage.own_from_line)
    ) AS prompts
    GROUP BY session_id
),

-- Threads whose users' prompts can be counted.
prompted AS (
    SELECT
        sessions.session_id,
        coalesce(chains.attempt_count, 0) AS attempt_count,
        coalesce(chains.retry_count, 0) AS retry_count,
        coalesce(chains.user_turns, 0) AS user_turns,
        coalesce(chains.steers, 0) AS steers,
        chains.last_attempt_status,
        coalesce(unplaced.unplaced_prompts, 0) AS unplaced_prompts
    FROM sessions
    LEFT JOIN derived_retry_chains AS chains
        ON sessions.session_id = chains.session_id
    LEFT JOIN unplaced
        ON sessions.session_id = unplaced.session_id
    WHERE
        sessions.has_file
        AND sessions.subagent_kind IS NULL
        AND sessions.parent_thread_id IS NULL
)

SELECT
    goals.root_id AS session_id,
    coalesce(roots.project, goals.project) AS project,
    coalesce(roots.label, goals.label) AS label,
    roots.fork_source_id,
    roots.subagent_kind,
    coalesce(roots.has_file, FALSE) AS has_file,
    CASE WHEN roots.has_file THEN roots.turns END AS turns,
    prompted.user_turns,
    prompted.attempt_count,
    prompted.retry_count,
    CASE
        WHEN prompted.retry_count > 0 THEN TRUE
        WHEN prompted.unplaced_prompts = 0 THEN FALSE
    END AS has_retry_pressure,
    prompted.steers,
    prompted.unplaced_prompts,
    prompted.last_attempt_status,
    goals.first_seen_at,
    goals.last_seen_at,
    goals.agents,
    goals.responses,
    goals.total_tokens,
    goals.total_tokens_covered_responses,
    goals.cost_usd,
    goals.cost_covered_responses,
    goals.agent_responses,
    goals.agent_total_tokens,
    goals.agent_total_tokens_covered_responses,
    goals.agent_cost_usd,
    goals.agent_cost_covered_responses
FROM goals
LEFT JOIN sessions AS roots
    ON goals.root_id = roots.session_id
LEFT JOIN prompted
    ON goals.root_id = prompted.session_id
