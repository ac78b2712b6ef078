/*
description: Closed attempts of all ledgers, whether or not their goals are closed or there.
grain: one row
key: [scope]
columns:
  - scope
  - closed_entries
  - successes
  - fails
  - inferred_fails
  - success_rate
  - total_cost_usd
  - total_cost_usd_known_entries
  - total_input_tokens
  - total_input_tokens_known_entries
  - total_cached_input_tokens
  - total_cached_input_tokens_known_entries
  - total_output_tokens
  - total_output_tokens_known_entries
  - total_tokens
  - total_tokens_known_entries
coverage:
  - {value: total_cost_usd, covered: total_cost_usd_known_entries, total: closed_entries}
  - {value: total_input_tokens, covered: total_input_tokens_known_entries, total: closed_entries}
  - {value: total_cached_input_tokens, covered: total_cached_input_tokens_known_entries, total: closed_entries}
  - {value: total_output_tokens, covered: total_output_tokens_known_entries, total: closed_entries}
  - {value: total_tokens, covered: total_tokens_known_entries, total: closed_entries}
scope: global
*/
WITH
closed AS (
    SELECT
        status = 'success' AS is_success,
        status = 'fail' AS is_fail,
        is_inferred,
        cost_usd,
        input_tokens,
        cached_input_tokens,
        output_tokens,
        tokens_total
    FROM attempts
    WHERE is_closed
)

SELECT
    'all' AS scope,
    count(*) AS closed_entries,
    count(CASE WHEN is_success THEN 1 END) AS successes,
    count(CASE WHEN is_fail THEN 1 END) AS fails,
    count(CASE WHEN is_fail AND is_inferred THEN 1 END) AS inferred_fails,
    CAST(count(CASE WHEN is_success THEN 1 END) AS DOUBLE) / nullif(count(*), 0) AS success_rate,
    CAST(round(sum(cost_usd), 6) AS DECIMAL(38, 6)) AS total_cost_usd,
    count(cost_usd) AS total_cost_usd_known_entries,
    CAST(sum(input_tokens) AS BIGINT) AS total_input_tokens,
    count(input_tokens) AS total_input_tokens_known_entries,
    CAST(sum(cached_input_tokens) AS BIGINT) AS total_cached_input_tokens,
    count(cached_input_tokens) AS total_cached_input_tokens_known_entries,
    CAST(sum(output_tokens) AS BIGINT) AS total_output_tokens,
    count(output_tokens) AS total_output_tokens_known_entries,
    CAST(sum(tokens_total) AS BIGINT) AS total_tokens,
    count(tokens_total) AS total_tokens_known_entries
FROM closed
