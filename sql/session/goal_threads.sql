/*
description: >
  Which threads worked on which goals, how that is known, and the part of the thread that is
  the goal's. A thread may serve several goals: its shares add up to one.
grain: one row per goal and thread
key: [source_id, goal_id, session_id]
columns:
  - source_id
  - label
  - goal_id
  - session_id
  - link_rule
  - confidence
  - share
  - usage_responses
  - usage_cost_usd
  - usage_cost_covered_responses
  - usage_tokens_total
  - usage_tokens_covered_responses
  - usage_input_tokens
  - usage_input_covered_responses
  - usage_cached_input_tokens
  - usage_cached_input_covered_responses
  - usage_output_tokens
  - usage_output_covered_responses
coverage:
  - {value: usage_cost_usd, covered: usage_cost_covered_responses, total: usage_responses}
  - {value: usage_tokens_total, covered: usage_tokens_covered_responses, total: usage_responses}
  - {value: usage_input_tokens, covered: usage_input_covered_responses, total: usage_responses}
  - {value: usage_cached_input_tokens, covered: usage_cached_input_covered_responses, total: usage_responses}
  - {value: usage_output_tokens, covered: usage_output_covered_responses, total: usage_responses}
scope: global
*/
WITH
totals AS (
    SELECT
        links.source_id,
        links.label,
        links.goal_id,
        links.session_id,
        min(links.link_rule) AS link_rule,
        bool_and(links.is_window_closed) AS is_window_closed,
        count(*) AS moments,
        count(usage.response_key) AS usage_responses,
        CAST(sum(usage.cost_usd) AS DECIMAL(38, 18)) AS usage_cost_usd,
        count(usage.cost_usd) AS usage_cost_covered_responses,
        CAST(sum(usage.total_tokens) AS BIGINT) AS usage_tokens_total,
        count(usage.total_tokens) AS usage_tokens_covered_responses,
        -- as ledgers count it: without what came from the cache
        CAST(sum(usage.input_tokens - coalesce(usage.cached_input_tokens, 0)) AS BIGINT) AS usage_input_tokens,
        count(usage.input_tokens) AS usage_input_covered_responses,
        CAST(sum(usage.cached_input_tokens) AS BIGINT) AS usage_cached_input_tokens,
        count(usage.cached_input_tokens) AS usage_cached_input_covered_responses,
        CAST(sum(usage.output_tokens) AS BIGINT) AS usage_output_tokens,
        count(usage.output_tokens) AS usage_output_covered_responses
    FROM goal_links AS links
    LEFT JOIN usage
        ON
            links.session_id = usage.session_id
            AND links.response_key = usage.response_key
    GROUP BY
        links.source_id,
        links.label,
        links.goal_id,
        links.session_id
),

weighed AS (
    SELECT
        source_id,
        goal_id,
        session_id,
        coalesce(usage_tokens_total, 0) AS tokens,
        sum(coalesce(usage_tokens_total, 0)) OVER (PARTITION BY session_id) AS thread_tokens,
        moments,
        sum(moments) OVER (PARTITION BY session_id) AS thread_moments
    FROM totals
)

SELECT
    totals.source_id,
    totals.label,
    totals.goal_id,
    totals.session_id,
    totals.link_rule,
    CASE
        WHEN totals.link_rule = 'thread' THEN 'certain'
        WHEN totals.link_rule = 'project' AND totals.is_window_closed THEN 'likely'
        ELSE 'possible'
    END AS confidence,
    CASE
        WHEN weighed.thread_tokens > 0 THEN CAST(weighed.tokens AS DOUBLE) / CAST(weighed.thread_tokens AS DOUBLE)
        ELSE CAST(weighed.moments AS DOUBLE) / CAST(weighed.thread_moments AS DOUBLE)
    END AS share,
    totals.usage_responses,
    totals.usage_cost_usd,
    totals.usage_cost_covered_responses,
    totals.usage_tokens_total,
    totals.usage_tokens_covered_responses,
    totals.usage_input_tokens,
    totals.usage_input_covered_responses,
    totals.usage_cached_input_tokens,
    totals.usage_cached_input_covered_responses,
    totals.usage_output_tokens,
    totals.usage_output_covered_responses
FROM totals
INNER JOIN weighed
    ON
        totals.source_id = weighed.source_id
        AND totals.goal_id = weighed.goal_id
        AND totals.session_id = weighed.session_id
