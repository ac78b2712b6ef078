/*
description: >
  The rate for each model, provider, tier and day that usage may ask for, found once:
  the user's own rates first, then the provider's list price; a provider that the price list
  does not know is taken to sell at the price of the model's maker.
grain: one row per model, provider, tier and day, and size of the request
key: [price_provider, price_model, price_tier, price_day, above_input_tokens]
columns:
  - price_provider
  - price_model
  - price_tier
  - price_day
  - above_input_tokens
  - up_to_input_tokens
  - rate_id
  - listed_confidence
  - input_rate
  - cached_input_rate
  - cache_write_input_rate
  - output_rate
internal: true
scope: global
*/
WITH
days AS (
    SELECT DISTINCT utc_day(recorded_at) AS price_day
    FROM parsed_usage
    WHERE recorded_at IS NOT NULL
),

used_models AS (
    SELECT DISTINCT
        price_provider(model_provider) AS price_provider,
        lower(model) AS price_model
    FROM situations
    WHERE model IS NOT NULL
),

used_tiers AS (
    SELECT DISTINCT price_tier(service_tier) AS price_tier
    FROM situations
),

-- A late record may have the model of an earlier turn, and the tier of its own place.
wanted AS (
    SELECT
        used_models.price_provider,
        used_models.price_model,
        used_tiers.price_tier
    FROM used_models
    CROSS JOIN used_tiers
),

asked AS (
    SELECT
        wanted.price_provider,
        wanted.price_model,
        wanted.price_tier,
        days.price_day
    FROM wanted
    CROSS JOIN days
),

listed_providers AS (
    SELECT DISTINCT provider
    FROM rates
),

asked_models AS (
    SELECT DISTINCT
        wanted.price_provider,
        wanted.price_model,
        listed_providers.provider IS NOT NULL AS is_listed
    FROM wanted
    LEFT JOIN listed_providers
        ON wanted.price_provider = listed_providers.provider
),

models AS (
    SELECT DISTINCT
        is_own_rate,
        provider,
        match_rank,
        model_names,
        model_pattern,
        is_maker
    FROM rates
),

model_names AS (
    SELECT
        is_own_rate,
        provider,
        match_rank,
        is_maker,
        unnest(model_names) AS model_name
    FROM models
),

named AS (
    SELECT
        asked_models.price_provider,
        asked_models.price_model,
        asked_models.is_listed,
        model_names.is_own_rate,
        model_names.provider,
        model_names.match_rank
    FROM asked_models
    INNER JOIN model_names
        ON asked_models.price_model = model_names.model_name
    WHERE
        model_names.provider IN (asked_models.price_provider, '*')
        OR (model_names.is_maker AND NOT asked_models.is_listed)
),

unnamed_models AS (
    SELECT
        asked_models.price_provider,
        asked_models.price_model,
        asked_models.is_listed,
        named.price_model IS NOT NULL AS is_named
    FROM asked_models
    LEFT JOIN named
        ON
            asked_models.price_provider = named.price_provider
            AND asked_models.price_model = named.price_model
            AND NOT named.is_own_rate
),

-- The price list's patterns are tried only on what it does not name.
patterned AS (
    SELECT DISTINCT
        unnamed_models.price_provider,
        unnamed_models.price_model,
        unnamed_models.is_listed,
        models.is_own_rate,
        models.provider,
        models.match_rank
    FROM unnamed_models
    INNER JOIN models
        ON models.model_pattern IS NOT NULL
    WHERE
        CASE
            WHEN unnamed_models.is_named AND NOT models.is_own_rate THEN FALSE
            WHEN
                models.provider IN (unnamed_models.price_provider, '*')
                OR (models.is_maker AND NOT unnamed_models.is_listed)
            THEN regexp_matches(unnamed_models.price_model, models.model_pattern)
            ELSE FALSE
        END
),

sellers AS (
    SELECT
        price_provider,
        price_model,
        is_listed,
        is_own_rate,
        provider,
        match_rank
    FROM named
    UNION
    SELECT
        price_provider,
        price_model,
        is_listed,
        is_own_rate,
        provider,
        match_rank
    FROM patterned
),

ranked_sellers AS (
    SELECT
        price_provider,
        price_model,
        is_listed,
        is_own_rate,
        provider,
        match_rank,
        rank() OVER (
            PARTITION BY
                price_provider,
                price_model
            ORDER BY
                is_own_rate DESC,
                match_rank,
                provider
        ) AS seller_rank
    FROM sellers
),

-- What each seller asks for all sizes of request.
offers AS (
    SELECT
        asked.price_provider,
        asked.price_model,
        asked.price_tier,
        asked.price_day,
        rates.above_input_tokens,
        rates.up_to_input_tokens,
        rates.rate_id,
        rates.input_rate,
        rates.cached_input_rate,
        rates.cache_write_input_rate,
        rates.output_rate,
        CASE
            WHEN rates.is_own_rate THEN 'own_rate'
            WHEN rates.tier_known_from > asked.price_day THEN 'backfilled'
            WHEN NOT sellers.is_listed THEN 'assumed_provider'
            ELSE 'listed'
        END AS listed_confidence,
        sellers.seller_rank
    FROM asked
    INNER JOIN ranked_sellers AS sellers
        ON
            asked.price_provider = sellers.price_provider
            AND asked.price_model = sellers.price_model
    INNER JOIN rates
        ON
            sellers.is_own_rate = rates.is_own_rate
            AND sellers.provider = rates.provider
            AND sellers.match_rank = rates.match_rank
            AND asked.price_tier = rates.price_tier
    WHERE
        (rates.valid_from IS NULL OR rates.valid_from <= asked.price_day)
        AND (rates.valid_until IS NULL OR asked.price_day < rates.valid_until)
),

-- The first seller that has an offer on that day.
first_offers AS (
    SELECT
        price_provider,
        price_model,
        price_tier,
        price_day,
        min(seller_rank) AS seller_rank
    FROM offers
    GROUP BY
        price_provider,
        price_model,
        price_tier,
        price_day
)

SELECT
    offers.price_provider,
    offers.price_model,
    offers.price_tier,
    offers.price_day,
    offers.above_input_tokens,
    offers.up_to_input_tokens,
    offers.rate_id,
    offers.listed_confidence,
    offers.input_rate,
    offers.cached_input_rate,
    offers.cache_write_input_rate,
    offers.output_rate
FROM offers
INNER JOIN first_offers
    ON
        offers.price_provider = first_offers.price_provider
        AND offers.price_model = first_offers.price_model
        AND offers.price_tier = first_offers.price_tier
        AND offers.price_day = first_offers.price_day
        AND offers.seller_rank = first_offers.seller_rank
