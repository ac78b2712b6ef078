/*
description: >
  How often a user had to ask again in a thread: its attempts from the first to the last, and
  what the retries used and cost beside the first. A user's prompts alone are retries; the
  prompts of sub-agents, and turns that Codex began by itself, are not.
grain: one row per thread with at least one attempt
key: [session_id]
columns:
  - session_id
  - attempt_count
  - retry_count
  - has_retry_pressure
  - steers
  - aborted_attempts
  - failed_attempts
  - user_turns
  - models
  - first_prompted_at
  - last_prompted_at
  - first_attempt_status
  - last_attempt_status
  - first_responses
  - first_total_tokens
  - first_total_tokens_covered_responses
  - first_cost_usd
  - first_cost_covered_responses
  - retry_responses
  - retry_total_tokens
  - retry_total_tokens_covered_responses
  - retry_cost_usd
  - retry_cost_covered_responses
coverage:
  - {value: first_total_tokens, covered: first_total_tokens_covered_responses, total: first_responses}
  - {value: first_cost_usd, covered: first_cost_covered_responses, total: first_responses}
  - {value: retry_total_tokens, covered: retry_total_tokens_covered_responses, total: retry_responses}
  - {value: retry_cost_usd, covered: retry_cost_covered_responses, total: retry_responses}
scope: family
*/
WITH
chains AS (
    SELECT
        session_id,
        count(*) AS attempt_count,
        count(CASE WHEN is_retry THEN 1 END) AS retry_count,
        count(CASE WHEN is_steer THEN 1 END) AS steers,
        count(CASE WHEN attempt_status = 'aborted' THEN 1 END) AS aborted_attempts,
        count(CASE WHEN attempt_status = 'failed' THEN 1 END) AS failed_attempts,
        count(CASE WHEN NOT is_steer THEN turn_index END) AS user_turns,
        count(DISTINCT model) AS models,
        min(prompted_at) AS first_prompted_at,
        max(prompted_at) AS last_prompted_at,
        CAST(sum(CASE WHEN is_retry THEN responses ELSE 0 END) AS BIGINT) AS retry_responses,
        CAST(sum(CASE WHEN is_retry THEN total_tokens END) AS BIGINT) AS retry_total_tokens,
        CAST(sum(CASE WHEN is_retry THEN total_tokens_covered_responses ELSE 0 END) AS BIGINT)
            AS retry_total_tokens_covered_responses,
        CAST(sum(CASE WHEN is_retry THEN cost_usd END) AS DECIMAL(18, 9)) AS retry_cost_usd,
        CAST(sum(CASE WHEN is_retry THEN cost_covered_responses ELSE 0 END) AS BIGINT)
            AS retry_cost_covered_responses
    FROM derived_attempts
    GROUP BY session_id
)

SELECT
    chains.session_id,
    chains.attempt_count,
    chains.retry_count,
    chains.retry_count > 0 AS has_retry_pressure,
    chains.steers,
    chains.aborted_attempts,
    chains.failed_attempts,
    chains.user_turns,
    chains.models,
    chains.first_prompted_at,
    chains.last_prompted_at,
    firsts.attempt_status AS first_attempt_status,
    lasts.attempt_status AS last_attempt_status,
    firsts.responses AS first_responses,
    firsts.total_tokens AS first_total_tokens,
    firsts.total_tokens_covered_responses AS first_total_tokens_covered_responses,
    firsts.cost_usd AS first_cost_usd,
    firsts.cost_covered_responses AS first_cost_covered_responses,
    chains.retry_responses,
    chains.retry_total_tokens,
    chains.retry_total_tokens_covered_responses,
    chains.retry_cost_usd,
    chains.retry_cost_covered_responses
FROM chains
INNER JOIN derived_attempts AS firsts
    ON
        chains.session_id = firsts.session_id
        AND firsts.attempt_index = 1
INNER JOIN derived_attempts AS lasts
    ON
        chains.session_id = lasts.session_id
        AND chains.attempt_count = lasts.attempt_index
