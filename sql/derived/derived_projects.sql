/*
description: >
  Projects (the folder in which a thread began, with its repository where one is known): how
  many threads and turns, what they used and cost. A sum is NULL where no thread has usage,
  and 0 only where threads say 0.
grain: one row per project
key: [project]
columns:
  - project
  - repo_id
  - repository_url
  - sessions
  - turns
  - responses
  - input_tokens
  - input_tokens_covered_sessions
  - cached_input_tokens
  - cached_input_tokens_covered_sessions
  - cache_write_input_tokens
  - cache_write_input_tokens_covered_sessions
  - output_tokens
  - output_tokens_covered_sessions
  - reasoning_output_tokens
  - reasoning_output_tokens_covered_sessions
  - total_tokens
  - total_tokens_covered_sessions
  - cost_usd
  - cost_covered_responses
  - cost_covered_tokens
  - first_seen_at
  - last_seen_at
  - raw_json
coverage:
  - {value: input_tokens, covered: input_tokens_covered_sessions, total: sessions}
  - {value: cached_input_tokens, covered: cached_input_tokens_covered_sessions, total: sessions}
  - {value: cache_write_input_tokens, covered: cache_write_input_tokens_covered_sessions, total: sessions}
  - {value: output_tokens, covered: output_tokens_covered_sessions, total: sessions}
  - {value: reasoning_output_tokens, covered: reasoning_output_tokens_covered_sessions, total: sessions}
  - {value: total_tokens, covered: total_tokens_covered_sessions, total: sessions}
  - {value: cost_usd, covered: cost_covered_responses, total: responses}
scope: global
*/
WITH
projects AS (
    SELECT
        sessions.project,
        max(sessions.repo_id) AS repo_id,
        max(sessions.repository_url) AS repository_url,
        count(*) AS sessions,
        CAST(sum(sessions.turns) AS BIGINT) AS turns,
        CAST(sum(session_usage.responses) AS BIGINT) AS responses,
        CAST(sum(session_usage.input_tokens) AS BIGINT) AS input_tokens,
        count(session_usage.input_tokens) AS input_tokens_covered_sessions,
        CAST(sum(session_usage.cached_input_tokens) AS BIGINT) AS cached_input_tokens,
        count(session_usage.cached_input_tokens) AS cached_input_tokens_covered_sessions,
        CAST(sum(session_usage.cache_write_input_tokens) AS BIGINT) AS cache_write_input_tokens,
        count(session_usage.cache_write_input_tokens) AS cache_write_input_tokens_covered_sessions,
        CAST(sum(session_usage.output_tokens) AS BIGINT) AS output_tokens,
        count(session_usage.output_tokens) AS output_tokens_covered_sessions,
        CAST(sum(session_usage.reasoning_output_tokens) AS BIGINT) AS reasoning_output_tokens,
        count(session_usage.reasoning_output_tokens) AS reasoning_output_tokens_covered_sessions,
        CAST(sum(session_usage.total_tokens) AS BIGINT) AS total_tokens,
        count(session_usage.total_tokens) AS total_tokens_covered_sessions,
        CAST(sum(session_usage.cost_usd) AS DECIMAL(18, 9)) AS cost_usd,
        CAST(sum(session_usage.cost_covered_responses) AS BIGINT) AS cost_covered_responses,
        CAST(sum(session_usage.cost_covered_tokens) AS BIGINT) AS cost_covered_tokens,
        min(sessions.first_seen_at) AS first_seen_at,
        max(sessions.last_seen_at) AS last_seen_at
    FROM sessions
    INNER JOIN derived_session_usage AS session_usage
        ON sessions.session_id = session_usage.session_id
    GROUP BY sessions.project
)

SELECT
    project,
    repo_id,
    repository_url,
    sessions,
    turns,
    responses,
    input_tokens,
    input_tokens_covered_sessions,
    cached_input_tokens,
    cached_input_tokens_covered_sessions,
    cache_write_input_tokens,
    cache_write_input_tokens_covered_sessions,
    output_tokens,
    output_tokens_covered_sessions,
    reasoning_output_tokens,
    reasoning_output_tokens_covered_sessions,
    total_tokens,
    total_tokens_covered_sessions,
    cost_usd,
    cost_covered_responses,
    cost_covered_tokens,
    first_seen_at,
    last_seen_at,
    CAST(
        json_object(
            'project', project,
            'repo_id', repo_id,
            'repository_url', repository_url,
            'sessions', sessions,
            'turns', turns,
            'responses', responses,
            'input_tokens', input_tokens,
            'input_tokens_covered_sessions', input_tokens_covered_sessions,
            'cached_input_tokens', cached_input_tokens,
            'cached_input_tokens_covered_sessions', cached_input_tokens_covered_sessions,
            'cache_write_input_tokens', cache_write_input_tokens,
            'cache_write_input_tokens_covered_sessions', cache_write_input_tokens_covered_sessions,
            'output_tokens', output_tokens,
            'output_tokens_covered_sessions', output_tokens_covered_sessions,
            'reasoning_output_tokens', reasoning_output_tokens,
            'reasoning_output_tokens_covered_sessions', reasoning_output_tokens_covered_sessions,
            'total_tokens', total_tokens,
            'total_tokens_covered_sessions', total_tokens_covered_sessions,
            'cost_usd', CAST(cost_usd AS VARCHAR),
            'cost_covered_responses', cost_covered_responses,
            'cost_covered_tokens', cost_covered_tokens,
            'first_seen_at', utc_text(first_seen_at),
            'last_seen_at', utc_text(last_seen_at)
        ) AS VARCHAR
    ) AS raw_json
FROM projects
