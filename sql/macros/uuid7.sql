-- Ids of threads, turns and segments are UUIDv7 since 2025-10: their first 48 bits are the
-- milliseconds since 1970 at which they were made.

CREATE OR REPLACE TEMP MACRO is_uuid7(id) AS
    regexp_matches(lower(id), '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$');

-- The time as text that sorts as the time does.
CREATE OR REPLACE TEMP MACRO uuid7_order(id) AS
    lower(substr(id, 1, 13));

-- The time of an id that is a UUIDv7, NULL of any other.
CREATE OR REPLACE TEMP MACRO uuid7_at(id) AS
    CASE
        WHEN is_uuid7(id)
        THEN timezone('UTC', make_timestamp(1000 * CAST('0x' || substr(id, 1, 8) || substr(id, 10, 4) AS BIGINT)))
    END;
