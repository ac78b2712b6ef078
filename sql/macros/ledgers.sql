-- The order in which a ledger's operations are replayed: by line, then by place in the line.
-- (A line has fewer places than bytes, and not more than 2^26 of those.)
CREATE OR REPLACE TEMP MACRO replay_order(line, place) AS
    line * 134217728 + place;

-- A quotient of whole numbers, rounded half away from zero, without floats.
CREATE OR REPLACE TEMP MACRO rounded_quotient(dividend, divisor) AS
    CASE
        WHEN divisor = 0 THEN NULL
        WHEN dividend < 0 THEN -((2 * -dividend + divisor) // (2 * divisor))
        ELSE (2 * dividend + divisor) // (2 * divisor)
    END;

-- The mean of an amount of money over a number of goals, rounded to 6 places.
CREATE OR REPLACE TEMP MACRO mean_usd(amount, goals) AS
    CAST(
        CAST(rounded_quotient(CAST(CAST(amount AS DECIMAL(30, 6)) * 1000000 AS HUGEINT), goals) AS DECIMAL(24, 0))
        * CAST(0.000001 AS DECIMAL(7, 6))
        AS DECIMAL(38, 18)
    );

-- The same to 12 places, where it is not rounded for print.
CREATE OR REPLACE TEMP MACRO mean_usd_unrounded(amount, goals) AS
    CAST(
        CAST(
            rounded_quotient(
                CAST(CAST(amount AS DECIMAL(30, 6)) * 1000000 AS HUGEINT) * 1000000,
                goals
            )
            AS DECIMAL(25, 0)
        )
        * CAST(0.000000000001 AS DECIMAL(13, 12))
        AS DECIMAL(38, 18)
    );
