/*
description: >
  What the numbers rest on and what they lack: each aspect with how much of it is covered.
grain: one row per aspect, and within some of them per model, confidence or kind of event
key: [aspect, detail]
columns:
  - aspect
  - detail
  - covered
  - total
  - covered_tokens
  - all_tokens
  - aspect_meaning
scope: global
*/
WITH
responses AS (
    SELECT
        count(*) AS total,
        CAST(sum(total_tokens) AS BIGINT) AS all_tokens,
        count(model) AS with_model,
        CAST(sum(CASE WHEN model IS NOT NULL THEN total_tokens END) AS BIGINT) AS tokens_with_model,
        count(cost_usd) AS with_price,
        CAST(sum(CASE WHEN cost_usd IS NOT NULL THEN total_tokens END) AS BIGINT) AS tokens_with_price,
        count(responded_at) AS with_time,
        CAST(sum(CASE WHEN responded_at IS NOT NULL THEN total_tokens END) AS BIGINT) AS tokens_with_time,
        count(CASE WHEN NOT breaks_subset_law AND NOT breaks_total_law THEN 1 END) AS lawful,
        CAST(
            sum(CASE WHEN NOT breaks_subset_law AND NOT breaks_total_law THEN total_tokens END) AS BIGINT
        ) AS lawful_tokens
    FROM usage
),

by_confidence AS (
    SELECT
        price_confidence,
        count(*) AS responses,
        CAST(sum(total_tokens) AS BIGINT) AS tokens
    FROM usage
    GROUP BY price_confidence
),

unpriced AS (
    SELECT
        coalesce(model, '(unknown)') || ' (' || price_tier || ')' AS model,
        count(*) AS responses,
        CAST(sum(total_tokens) AS BIGINT) AS tokens
    FROM usage
    WHERE cost_usd IS NULL
    GROUP BY
        model,
        price_tier
),

threads AS (
    SELECT
        count(*) AS total,
        count(CASE WHEN responses > 0 THEN 1 END) AS with_usage,
        count(CASE WHEN unplaced_lines = 0 THEN 1 END) AS placed
    FROM derived_session_usage
),

found_threads AS (
    SELECT count(CASE WHEN has_file AND NOT is_missing THEN 1 END) AS with_file
    FROM sessions
),

prompted_threads AS (
    SELECT
        count(*) AS total,
        count(CASE WHEN unplaced_prompts = 0 THEN 1 END) AS countable
    FROM derived_goals
    WHERE subagent_kind IS NULL
),

turn_counts AS (
    SELECT
        count(*) AS total,
        count(CASE WHEN responses > 0 THEN 1 END) AS with_usage
    FROM turns
),

excluded AS (
    SELECT
        count(*) AS total,
        count(CASE WHEN reason = 'unplaced' AND NOT is_in_record_turn THEN 1 END) AS unplaced
    FROM usage_excluded
),

sources AS (
    SELECT
        count(*) AS total,
        count(CASE WHEN state <> 'unreadable' THEN 1 END) AS readable,
        CAST(coalesce(sum(lines), 0) AS BIGINT) AS lines,
        CAST(coalesce(sum(rejected_lines), 0) AS BIGINT) AS rejected_lines
    FROM raw_sources
)

SELECT
    'threads_with_usage' AS aspect,
    NULL AS detail,
    with_usage AS covered,
    total,
    CAST(NULL AS BIGINT) AS covered_tokens,
    CAST(NULL AS BIGINT) AS all_tokens,
    'threads with at least one counted response' AS aspect_meaning
FROM threads
UNION ALL
SELECT
    'threads_with_own_lines_known' AS aspect,
    NULL AS detail,
    placed AS covered,
    total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'threads of which all usage lines are known to be own or copied' AS aspect_meaning
FROM threads
UNION ALL
SELECT
    'threads_with_file' AS aspect,
    NULL AS detail,
    found_threads.with_file AS covered,
    threads.total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'threads whose files are still there' AS aspect_meaning
FROM threads
CROSS JOIN found_threads
UNION ALL
SELECT
    'threads_with_prompts_known' AS aspect,
    NULL AS detail,
    countable AS covered,
    total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'threads of users whose prompts, and so attempts, can all be counted' AS aspect_meaning
FROM prompted_threads
UNION ALL
SELECT
    'turns_with_usage' AS aspect,
    NULL AS detail,
    with_usage AS covered,
    total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'turns with at least one counted response' AS aspect_meaning
FROM turn_counts
UNION ALL
SELECT
    'usage_lines_placed' AS aspect,
    NULL AS detail,
    responses.total + excluded.total - excluded.unplaced AS covered,
    responses.total + excluded.total AS total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'usage lines that are known to be a response of one thread, or to be none' AS aspect_meaning
FROM responses
CROSS JOIN excluded
UNION ALL
SELECT
    'responses_with_model' AS aspect,
    NULL AS detail,
    with_model AS covered,
    total,
    tokens_with_model AS covered_tokens,
    all_tokens,
    'responses whose model is known' AS aspect_meaning
FROM responses
UNION ALL
SELECT
    'responses_with_price' AS aspect,
    NULL AS detail,
    with_price AS covered,
    total,
    tokens_with_price AS covered_tokens,
    all_tokens,
    'responses with a cost' AS aspect_meaning
FROM responses
UNION ALL
SELECT
    'responses_with_time' AS aspect,
    NULL AS detail,
    with_time AS covered,
    total,
    tokens_with_time AS covered_tokens,
    all_tokens,
    'responses with a readable time' AS aspect_meaning
FROM responses
UNION ALL
SELECT
    'responses_within_laws' AS aspect,
    NULL AS detail,
    lawful AS covered,
    total,
    lawful_tokens AS covered_tokens,
    all_tokens,
    'responses whose parts are not larger than the whole' AS aspect_meaning
FROM responses
UNION ALL
SELECT
    'price_confidence' AS aspect,
    by_confidence.price_confidence AS detail,
    by_confidence.responses AS covered,
    responses.total,
    by_confidence.tokens AS covered_tokens,
    responses.all_tokens,
    'responses by what their cost rests on' AS aspect_meaning
FROM by_confidence
CROSS JOIN responses
UNION ALL
SELECT
    'unpriced_model' AS aspect,
    unpriced.model AS detail,
    0 AS covered,
    unpriced.responses AS total,
    NULL AS covered_tokens,
    unpriced.tokens AS all_tokens,
    'responses without a cost, by model and tier' AS aspect_meaning
FROM unpriced
UNION ALL
SELECT
    'sources_readable' AS aspect,
    NULL AS detail,
    readable AS covered,
    total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'files that could be read' AS aspect_meaning
FROM sources
UNION ALL
SELECT
    'lines_readable' AS aspect,
    NULL AS detail,
    lines - rejected_lines AS covered,
    lines AS total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'lines that could be read' AS aspect_meaning
FROM sources
UNION ALL
SELECT
    'events_with_context' AS aspect,
    event_table AS detail,
    CAST(sum(CASE WHEN missing_reason = 'none' THEN events ELSE 0 END) AS BIGINT) AS covered,
    CAST(sum(events) AS BIGINT) AS total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'events of streams, analytics and panels whose thread, client and origin are known' AS aspect_meaning
FROM context_coverage
GROUP BY event_table
UNION ALL
SELECT
    'missing_context' AS aspect,
    event_table || ' (' || missing_reason || ')' AS detail,
    0 AS covered,
    events AS total,
    NULL AS covered_tokens,
    NULL AS all_tokens,
    'events whose thread, client or origin is not known' AS aspect_meaning
FROM context_coverage
WHERE missing_reason <> 'none'
