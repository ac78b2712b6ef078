/*
description: >
  Pieces of work: a goal that no other goal supersedes, with all that it replaced added up.
  A value is known as far as members have it (`..._known`), and complete where all have it;
  only a complete one is repeated without `_known`. What usage says of members of which the
  ledger says nothing stands apart (`usage_...`), and only where it covers all their responses.
grain: one row per goal of a ledger that no other goal supersedes
key: [source_id, goal_id]
columns:
  - source_id
  - label
  - goal_id
  - goal_type
  - supersedes_goal_id
  - status
  - is_closed
  - members
  - shared_members
  - attempts
  - started_at
  - finished_at
  - cost_usd
  - cost_usd_known
  - cost_usd_known_members
  - is_cost_complete
  - tokens_total
  - tokens_total_known
  - tokens_total_known_members
  - is_tokens_total_complete
  - input_tokens
  - input_tokens_known
  - input_tokens_known_members
  - cached_input_tokens
  - cached_input_tokens_known
  - cached_input_tokens_known_members
  - output_tokens
  - output_tokens_known
  - output_tokens_known_members
  - is_token_breakdown_complete
  - model
  - model_group
  - is_model_complete
  - is_model_consistent
  - failure_reason
  - result_fit
  - usage_cost_usd
  - usage_cost_members
  - usage_tokens_total
  - usage_tokens_members
  - cost_source
coverage:
  - {value: cost_usd_known, covered: cost_usd_known_members, total: members}
  - {value: tokens_total_known, covered: tokens_total_known_members, total: members}
  - {value: input_tokens_known, covered: input_tokens_known_members, total: members}
  - {value: cached_input_tokens_known, covered: cached_input_tokens_known_members, total: members}
  - {value: output_tokens_known, covered: output_tokens_known_members, total: members}
  - {value: usage_cost_usd, covered: usage_cost_members, total: members}
  - {value: usage_tokens_total, covered: usage_tokens_members, total: members}
scope: global
*/
WITH
-- Members of forked chains belong to several pieces of work, and count in each.
shared AS (
    SELECT
        source_id,
        goal_id
    FROM goal_chains
    GROUP BY
        source_id,
        goal_id
    HAVING count(*) > 1
),

-- What usage can say where the ledger says nothing: only if it says it of every response.
usage_instead AS (
    SELECT
        goals.source_id,
        goals.goal_id,
        CASE
            WHEN goals.cost_usd IS NULL AND goal_usage.usage_cost_covered_responses = goal_usage.usage_responses
            THEN goal_usage.usage_cost_usd
        END AS usage_cost_usd,
        CASE
            WHEN
                goals.tokens_total IS NULL
                AND goal_usage.usage_tokens_covered_responses = goal_usage.usage_responses
            THEN goal_usage.usage_tokens_total
        END AS usage_tokens_total
    FROM goals
    INNER JOIN goal_usage
        ON
            goals.source_id = goal_usage.source_id
            AND goals.goal_id = goal_usage.goal_id
),

totals AS (
    SELECT
        chains.source_id,
        chains.terminal_goal_id AS goal_id,
        count(*) AS members,
        count(shared.goal_id) AS shared_members,
        CAST(sum(goals.attempts) AS BIGINT) AS attempts,
        min(goals.started_at) AS started_at,
        max(goals.finished_at) AS finished_at,
        CAST(round(sum(goals.cost_usd), 6) AS DECIMAL(38, 18)) AS cost_usd_known,
        count(goals.cost_usd) AS cost_usd_known_members,
        CAST(sum(goals.tokens_total) AS BIGINT) AS tokens_total_known,
        count(goals.tokens_total) AS tokens_total_known_members,
        CAST(sum(goals.input_tokens) AS BIGINT) AS input_tokens_known,
        count(goals.input_tokens) AS input_tokens_known_members,
        CAST(sum(goals.cached_input_tokens) AS BIGINT) AS cached_input_tokens_known,
        count(goals.cached_input_tokens) AS cached_input_tokens_known_members,
        CAST(sum(goals.output_tokens) AS BIGINT) AS output_tokens_known,
        count(goals.output_tokens) AS output_tokens_known_members,
        count(goals.model) AS model_known_members,
        min(trim(goals.model)) AS first_model,
        max(trim(goals.model)) AS last_model,
        CAST(sum(usage_instead.usage_cost_usd) AS DECIMAL(38, 18)) AS usage_cost_usd,
        count(usage_instead.usage_cost_usd) AS usage_cost_members,
        CAST(sum(usage_instead.usage_tokens_total) AS BIGINT) AS usage_tokens_total,
        count(usage_instead.usage_tokens_total) AS usage_tokens_members
    FROM goal_chains AS chains
    INNER JOIN goals
        ON
            chains.source_id = goals.source_id
            AND chains.goal_id = goals.goal_id
    LEFT JOIN shared
        ON
            chains.source_id = shared.source_id
            AND chains.goal_id = shared.goal_id
    LEFT JOIN usage_instead
        ON
            chains.source_id = usage_instead.source_id
            AND chains.goal_id = usage_instead.goal_id
    GROUP BY
        chains.source_id,
        chains.terminal_goal_id
),

judged AS (
    SELECT
        *,
        cost_usd_known_members = members AS is_cost_complete,
        tokens_total_known_members = members AS is_tokens_total_complete,
        input_tokens_known_members = members
        AND cached_input_tokens_known_members = members
        AND output_tokens_known_members = members AS is_token_breakdown_complete,
        model_known_members = members AS is_model_complete,
        coalesce(first_model = last_model, FALSE) AS is_model_consistent
    FROM totals
)

SELECT
    judged.source_id,
    terminals.label,
    judged.goal_id,
    terminals.goal_type,
    terminals.supersedes_goal_id,
    terminals.status,
    terminals.is_closed,
    judged.members,
    judged.shared_members,
    judged.attempts,
    judged.started_at,
    judged.finished_at,
    CASE WHEN judged.is_cost_complete THEN judged.cost_usd_known END AS cost_usd,
    judged.cost_usd_known,
    judged.cost_usd_known_members,
    judged.is_cost_complete,
    CASE WHEN judged.is_tokens_total_complete THEN judged.tokens_total_known END AS tokens_total,
    judged.tokens_total_known,
    judged.tokens_total_known_members,
    judged.is_tokens_total_complete,
    CASE WHEN judged.input_tokens_known_members = judged.members THEN judged.input_tokens_known END AS input_tokens,
    judged.input_tokens_known,
    judged.input_tokens_known_members,
    CASE
        WHEN judged.cached_input_tokens_known_members = judged.members THEN judged.cached_input_tokens_known
    END AS cached_input_tokens,
    judged.cached_input_tokens_known,
    judged.cached_input_tokens_known_members,
    CASE WHEN judged.output_tokens_known_members = judged.members THEN judged.output_tokens_known END AS output_tokens,
    judged.output_tokens_known,
    judged.output_tokens_known_members,
    judged.is_token_breakdown_complete,
    CASE WHEN judged.is_model_complete AND judged.is_model_consistent THEN judged.first_model END AS model,
    CASE
        WHEN NOT judged.is_model_complete THEN '(unknown)'
        WHEN judged.is_model_consistent THEN judged.first_model
        ELSE '(mixed)'
    END AS model_group,
    judged.is_model_complete,
    judged.is_model_consistent,
    terminals.failure_reason,
    terminals.result_fit,
    judged.usage_cost_usd,
    judged.usage_cost_members,
    judged.usage_tokens_total,
    judged.usage_tokens_members,
    CASE
        WHEN judged.cost_usd_known_members > 0 AND judged.usage_cost_members > 0 THEN 'both'
        WHEN judged.cost_usd_known_members > 0 THEN 'ledger'
        WHEN judged.usage_cost_members > 0 THEN 'usage'
    END AS cost_source
FROM judged
INNER JOIN goals AS terminals
    ON
        judged.source_id = terminals.source_id
        AND judged.goal_id = terminals.goal_id
