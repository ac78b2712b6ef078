/*
description: >
  What each model response used and cost: the one table to sum. Every row can be traced to
  its line; what is left out stands in usage_excluded with the reason.
grain: one row per model response
key: [session_id, response_key]
sort: [session_id, turn_index, source_id, line_number]
columns:
  - session_id
  - response_key
  - turn_id
  - turn_index
  - responded_at
  - model
  - model_provider
  - service_tier
  - input_tokens
  - cached_input_tokens
  - cache_write_input_tokens
  - output_tokens
  - reasoning_output_tokens
  - total_tokens
  - context_window
  - basis
  - source_id
  - line_number
  - byte_offset
  - breaks_subset_law
  - breaks_total_law
  - cost_usd
  - rate_id
  - price_tier
  - price_band
  - price_confidence
scope: family
*/
WITH
-- For a record that names another turn than the one that began last: what holds for that turn
-- from one of its contexts to the next.
turn_contexts AS (
    SELECT
        source_id,
        turn_id,
        model,
        line_number,
        lead(line_number) OVER (
            PARTITION BY
                source_id,
                turn_id
            ORDER BY line_number
        ) AS next_line
    FROM parsed_turn_context
    WHERE
        turn_id IS NOT NULL
        AND model IS NOT NULL
),

counted AS (
    SELECT
        verdicts.session_id,
        verdicts.source_id,
        verdicts.line_number,
        verdicts.basis,
        verdicts.byte_offset,
        verdicts.recorded_at AS responded_at,
        verdicts.response_id,
        coalesce(verdicts.turn_id, situations.turn_key) AS turn_key,
        coalesce(turn_contexts.model, situations.model) AS model,
        situations.model_provider,
        situations.service_tier,
        coalesce(verdicts.context_window, situations.context_window) AS context_window,
        verdicts.input_tokens,
        verdicts.cached_input_tokens,
        verdicts.cache_write_input_tokens,
        verdicts.output_tokens,
        verdicts.reasoning_output_tokens,
        verdicts.total_tokens
    FROM usage_verdicts AS verdicts
    LEFT JOIN situations
        ON
            verdicts.source_id = situations.source_id
            AND verdicts.situation_line = situations.line_number
    LEFT JOIN turn_contexts
        ON
            verdicts.source_id = turn_contexts.source_id
            AND CASE
                WHEN verdicts.turn_id <> situations.turn_key THEN verdicts.turn_id
            END = turn_contexts.turn_id
            AND verdicts.line_number > turn_contexts.line_number
            AND verdicts.line_number < coalesce(turn_contexts.next_line, 9223372036854775807)
    -- (that half of the lines are TRUE is what DuckDB assumes; of others that few are)
    WHERE verdicts.is_counted = TRUE
),

responses AS (
    SELECT
        counted.session_id,
        CASE
            WHEN counted.response_id IS NOT NULL THEN counted.response_id
            ELSE
                rollouts.base_source_id
                || ':'
                || CAST(counted.byte_offset AS VARCHAR)
                || CASE WHEN copies.part > 1 THEN '#' || CAST(copies.part AS VARCHAR) ELSE '' END
        END AS response_key,
        turns.turn_id,
        turns.turn_index,
        counted.responded_at,
        counted.model,
        coalesce(counted.model_provider, rollouts.model_provider) AS model_provider,
        counted.service_tier,
        counted.input_tokens,
        counted.cached_input_tokens,
        counted.cache_write_input_tokens,
        counted.output_tokens,
        counted.reasoning_output_tokens,
        counted.total_tokens,
        counted.context_window,
        counted.basis,
        counted.source_id,
        counted.line_number,
        counted.byte_offset,
        price_tier(counted.service_tier) AS price_tier
    FROM counted
    INNER JOIN rollouts
        ON counted.source_id = rollouts.source_id
    LEFT JOIN turn_starts AS turns
        ON
            counted.session_id = turns.session_id
            AND counted.turn_key = turns.turn_key
    LEFT JOIN counter_copies AS copies
        ON
            counted.source_id = copies.source_id
            AND counted.line_number = copies.line_number
),

-- Cached and cache-written tokens are parts of the input: what is left pays the input rate.
priced AS (
    SELECT
        responses.*,
        responses.input_tokens
        - coalesce(responses.cached_input_tokens, 0)
        - coalesce(responses.cache_write_input_tokens, 0) AS fresh_input_tokens,
        prices.rate_id,
        prices.above_input_tokens,
        prices.listed_confidence,
        prices.input_rate,
        prices.cached_input_rate,
        prices.cache_write_input_rate,
        prices.output_rate
    FROM responses
    LEFT JOIN prices
        ON
            price_provider(responses.model_provider) = prices.price_provider
            AND lower(responses.model) = prices.price_model
            AND responses.price_tier = prices.price_tier
            AND utc_day(responses.responded_at) = prices.price_day
            AND (responses.input_tokens > prices.above_input_tokens OR prices.above_input_tokens = 0)
            AND (
                prices.up_to_input_tokens IS NULL
                OR responses.input_tokens <= prices.up_to_input_tokens
            )
),

costed AS (
    SELECT
        *,
        CASE
            WHEN fresh_input_tokens >= 0
            THEN
                rounded_usd(
                    CAST(fresh_input_tokens AS DECIMAL(19, 0)) * input_rate
                    + CAST(coalesce(cached_input_tokens, 0) AS DECIMAL(19, 0)) * cached_input_rate
                    + CAST(coalesce(cache_write_input_tokens, 0) AS DECIMAL(19, 0)) * cache_write_input_rate
                    + CAST(output_tokens AS DECIMAL(19, 0)) * output_rate
                )
        END AS cost_usd
    FROM priced
)

SELECT
    session_id,
    response_key,
    turn_id,
    turn_index,
    responded_at,
    model,
    model_provider,
    service_tier,
    input_tokens,
    cached_input_tokens,
    cache_write_input_tokens,
    output_tokens,
    reasoning_output_tokens,
    total_tokens,
    context_window,
    basis,
    source_id,
    line_number,
    byte_offset,
    coalesce(
        coalesce(cached_input_tokens, 0) + coalesce(cache_write_input_tokens, 0) > input_tokens
        OR reasoning_output_tokens > output_tokens,
        FALSE
    ) AS breaks_subset_law,
    coalesce(total_tokens <> input_tokens + output_tokens, FALSE) AS breaks_total_law,
    cost_usd,
    CASE WHEN cost_usd IS NOT NULL THEN rate_id END AS rate_id,
    price_tier,
    CASE
        WHEN cost_usd IS NULL THEN NULL
        WHEN above_input_tokens > 0 THEN 'long_context'
        ELSE 'base'
    END AS price_band,
    CASE WHEN cost_usd IS NULL THEN 'unpriced' ELSE listed_confidence END AS price_confidence
FROM costed
