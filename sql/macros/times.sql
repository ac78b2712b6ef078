-- The day of a moment in UTC. (timezone('UTC', ...) takes six times as long.)
CREATE OR REPLACE TEMP MACRO utc_day(moment) AS
    CAST(make_timestamp(epoch_us(moment)) AS DATE);

-- The day of a moment in the timezone of the settings, and the moment of a minute of such a day.
CREATE OR REPLACE TEMP MACRO local_day(moment) AS
    CASE
        WHEN coalesce(getvariable('timezone'), 'UTC') = 'UTC' THEN utc_day(moment)
        ELSE CAST(timezone(getvariable('timezone'), moment) AS DATE)
    END;

CREATE OR REPLACE TEMP MACRO local_moment(local_day, minute_of_day) AS
    timezone(
        coalesce(getvariable('timezone'), 'UTC'),
        CAST(local_day AS TIMESTAMP) + to_minutes(minute_of_day)
    );

-- The moment some seconds (whole or not) after another.
CREATE OR REPLACE TEMP MACRO seconds_after(moment, elapsed_seconds) AS
    moment + to_seconds(elapsed_seconds);

-- A moment as text, such as 2026-11-21T11:35:15.825000Z.
CREATE OR REPLACE TEMP MACRO utc_text(moment) AS
    strftime(timezone('UTC', moment), '%Y-%m-%dT%H:%M:%S.%fZ');

-- Seconds since 1970.
CREATE OR REPLACE TEMP MACRO epoch_of(moment) AS
    epoch_us(moment) / 1000000.0;

-- The full hour that a moment is nearest to, in hours since 1970.
CREATE OR REPLACE TEMP MACRO nearest_hour(moment) AS
    (epoch_us(moment) + 1800000000) // 3600000000;
