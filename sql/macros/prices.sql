-- Under which name a response looks for its price.

CREATE OR REPLACE TEMP MACRO price_provider(model_provider) AS
    lower(coalesce(model_provider, ''));

-- An absent tier is the standard one.
CREATE OR REPLACE TEMP MACRO price_tier(service_tier) AS
    CASE
        WHEN coalesce(service_tier, 'default') IN ('default', 'auto', 'standard') THEN 'standard'
        ELSE service_tier
    END;

-- An amount to nine places; NULL if it is beyond all reason. Below 1,000 USD it is rounded in
-- 64 bits: the division of 128 bits takes five times as long as all that the amount is made of.
CREATE OR REPLACE TEMP MACRO rounded_usd(amount) AS
    coalesce(
        CAST(TRY_CAST(amount AS DECIMAL(18, 15)) AS DECIMAL(18, 9)),
        TRY_CAST(amount AS DECIMAL(18, 9))
    );
