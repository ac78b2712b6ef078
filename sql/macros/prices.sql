-- Under which name a response looks for its price.

CREATE OR REPLACE TEMP MACRO price_provider(model_provider) AS
    lower(coalesce(model_provider, ''));

-- An absent tier is the standard one.
CREATE OR REPLACE TEMP MACRO price_tier(service_tier) AS
    CASE
        WHEN coalesce(service_tier, 'default') IN ('default', 'auto', 'standard') THEN 'standard'
        ELSE service_tier
    END;
