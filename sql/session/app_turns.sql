/*
description: >
  Turns as app-server streams and analytics events tell them; a turn that both tell is one.
  Times, status and error come from the stream where it has them, tokens and counts from the
  turn's event; each `..._source` says which. Replaying a capture gives the capture's times.
  Turns that only a thread's listed history tells have a row as well, but for those that a fork
  inherited (they began before the thread did).
grain: one row per turn of a thread
key: [session_id, turn_key]
columns:
  - session_id
  - turn_key
  - turn_id
  - root_turn_id
  - connection_id
  - client_name
  - missing_context
  - source_id
  - line_number
  - in_streams
  - in_analytics
  - is_client_started
  - turn_trigger
  - turn_status
  - status_source
  - started_at
  - started_source
  - completed_at
  - completed_source
  - duration_ms
  - duration_source
  - error_kind
  - error_http_status
  - retries
  - is_interrupt_asked
  - steers
  - model
  - model_source
  - effort
  - input_parts
  - input_images
  - input_bytes
  - review_thread_id
  - tool_calls
  - sampling_requests
  - sampling_retries
  - sampling_ms
  - tool_blocking_ms
  - compaction_ms
  - input_tokens
  - cached_input_tokens
  - cache_write_input_tokens
  - output_tokens
  - reasoning_output_tokens
  - total_tokens
scope: session
*/
WITH
-- --- streams ---------------------------------------------------------------------------------
-- A request names its thread, its answer the turn: each gets what the other has.
said AS (
    SELECT
        messages.connection_id,
        messages.said_at,
        turns.source_id,
        turns.line_number,
        turns.event,
        coalesce(turns.thread_id, turns.review_thread_id, answered.thread_id) AS session_id,
        coalesce(
            turns.turn_id,
            CASE WHEN turns.event IN ('turn/start', 'review/start') THEN asked.turn_id END
        ) AS turn_id,
        turns.root_turn_id,
        turns.turn_status,
        turns.started_at,
        turns.completed_at,
        turns.duration_ms,
        turns.error_kind,
        turns.error_http_status,
        turns.will_retry,
        turns.model,
        turns.effort,
        turns.input_parts,
        turns.input_images,
        turns.text_bytes,
        turns.review_thread_id,
        asked.answer_status,
        -- how much a message knows of the turn's outcome
        CASE
            WHEN turns.event = 'turn/completed' THEN 3
            WHEN turns.turn_status <> 'inProgress' THEN 2
            WHEN turns.turn_status IS NOT NULL THEN 1
            ELSE 0
        END AS certainty
    FROM parsed_app_turns AS turns
    INNER JOIN app_messages AS messages
        ON
            turns.source_id = messages.source_id
            AND turns.line_number = messages.line_number
    LEFT JOIN app_requests AS answered
        ON
            turns.source_id = answered.source_id
            AND turns.line_number = answered.answer_line_number
    LEFT JOIN app_requests AS asked
        ON
            turns.source_id = asked.source_id
            AND turns.line_number = asked.line_number
),

-- Until 2026-02 turns were only numbered, anew on each connection; a thread that is read shows
-- places (turn-1) instead, which say nothing of which turn it is.
keyed AS (
    SELECT
        said.*,
        CASE WHEN said.event NOT IN ('history', 'listed') THEN said.connection_id END
            AS live_connection_id,
        CASE
            WHEN regexp_matches(said.turn_id, '^[0-9]+$')
                THEN said.connection_id || ':' || said.turn_id
            ELSE said.turn_id
        END AS turn_key
    FROM said
    LEFT JOIN threads
        ON said.session_id = threads.session_id
    WHERE
        said.session_id IS NOT NULL
        AND said.turn_id IS NOT NULL
        AND NOT regexp_matches(said.turn_id, '^turn-[0-9]+$')
        AND NOT (
            said.event IN ('history', 'listed')
            AND coalesce(
                uuid7_at(said.turn_id) < coalesce(uuid7_at(said.session_id), threads.created_at),
                FALSE
            )
        )
),

streamed AS (
    SELECT
        session_id,
        turn_key,
        min(turn_id) AS turn_id,
        min(root_turn_id) AS root_turn_id,
        -- what is told on several connections belongs to none of them, but to its thread's
        coalesce(
            min(CASE WHEN event = 'turn/start' THEN connection_id END),
            CASE WHEN count(DISTINCT live_connection_id) = 1 THEN min(live_connection_id) END
        ) AS connection_id,
        arg_min(source_id, line_number) AS source_id,
        min(line_number) AS line_number,
        bool_or(event = 'turn/start') AS is_client_started,
        arg_max(turn_status, certainty) FILTER (WHERE turn_status IS NOT NULL) AS turn_status,
        min(started_at) AS started_at,
        min(CASE WHEN certainty >= 2 THEN completed_at END) AS completed_at,
        min(CASE WHEN certainty >= 2 THEN duration_ms END) AS duration_ms,
        min(CASE WHEN event = 'turn/started' THEN said_at END) AS seen_started_at,
        min(CASE WHEN event = 'turn/completed' THEN said_at END) AS seen_completed_at,
        coalesce(
            max(CASE WHEN certainty >= 2 THEN error_kind END),
            max(CASE WHEN event = 'error' AND NOT coalesce(will_retry, FALSE) THEN error_kind END)
        ) AS error_kind,
        max(CASE WHEN NOT coalesce(will_retry, FALSE) THEN error_http_status END)
            AS error_http_status,
        bool_or(event = 'turn/interrupt') AS is_interrupt_asked,
        count(DISTINCT CASE WHEN event = 'turn/steer' AND answer_status = 'answered' THEN said_at END)
            AS timed_steers,
        max(CASE WHEN event = 'model/rerouted' THEN model END) AS rerouted_model,
        max(CASE WHEN event = 'turn/start' THEN model END) AS asked_model,
        max(CASE WHEN event = 'turn/start' THEN effort END) AS asked_effort,
        max(CASE WHEN event = 'turn/start' THEN input_parts END) AS input_parts,
        max(CASE WHEN event = 'turn/start' THEN input_images END) AS input_images,
        max(CASE WHEN event = 'turn/start' THEN text_bytes END) AS input_bytes,
        min(review_thread_id) AS review_thread_id
    FROM keyed
    GROUP BY
        session_id,
        turn_key
),

-- Each connection hears of every retry, and a stream may be kept twice; a steer passes on one
-- connection only. Both are counted by lines, since not every message has a time.
by_connection AS (
    SELECT
        session_id,
        turn_key,
        source_id,
        count(CASE WHEN will_retry THEN 1 END) AS retries,
        count(CASE WHEN event = 'turn/steer' AND answer_status = 'answered' THEN 1 END) AS steers
    FROM keyed
    GROUP BY
        session_id,
        turn_key,
        source_id,
        connection_id
),

by_capture AS (
    SELECT
        session_id,
        turn_key,
        max(retries) AS retries,
        CAST(sum(steers) AS BIGINT) AS steers
    FROM by_connection
    GROUP BY
        session_id,
        turn_key,
        source_id
),

tallies AS (
    SELECT
        session_id,
        turn_key,
        max(retries) AS retries,
        max(steers) AS steers
    FROM by_capture
    GROUP BY
        session_id,
        turn_key
),

-- --- the model that a turn runs with: what its thread was last set to -------------------------
settings AS (
    SELECT
        source_id,
        line_number,
        thread_id AS session_id,
        model,
        effort
    FROM parsed_app_threads
    WHERE
        is_opened
        AND model IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        thread_id AS session_id,
        model,
        effort
    FROM parsed_app_thread_changes
    WHERE
        event = 'thread/settings/updated'
        AND model IS NOT NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        session_id,
        model,
        effort
    FROM keyed
    WHERE
        event = 'turn/start'
        AND model IS NOT NULL
),

begun AS (
    SELECT
        session_id,
        turn_key,
        source_id,
        min(line_number) AS line_number
    FROM keyed
    WHERE event = 'turn/started'
    GROUP BY
        session_id,
        turn_key,
        source_id
),

set_before AS (
    SELECT
        begun.session_id,
        begun.turn_key,
        arg_max(settings.model, settings.line_number) AS model,
        arg_max(settings.effort, settings.line_number) FILTER (WHERE settings.effort IS NOT NULL)
            AS effort
    FROM begun
    INNER JOIN settings
        ON
            begun.source_id = settings.source_id
            AND begun.session_id = settings.session_id
            AND begun.line_number >= settings.line_number
    GROUP BY
        begun.session_id,
        begun.turn_key
),

-- --- analytics: one event a turn (a capture may be given twice) --------------------------------
events AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                thread_id,
                turn_id
            ORDER BY
                source_id,
                line_number,
                position
        ) AS copy
    FROM parsed_analytics_turns
    WHERE
        thread_id IS NOT NULL
        AND turn_id IS NOT NULL
),

evented AS (
    SELECT *
    FROM events
    WHERE copy = 1
),

joined AS (
    SELECT
        coalesce(streamed.session_id, evented.thread_id) AS session_id,
        coalesce(streamed.turn_key, evented.turn_id) AS turn_key,
        coalesce(streamed.turn_id, evented.turn_id) AS turn_id,
        coalesce(streamed.root_turn_id, evented.root_turn_id) AS root_turn_id,
        streamed.connection_id,
        coalesce(streamed.source_id, evented.source_id) AS source_id,
        coalesce(streamed.line_number, evented.line_number) AS line_number,
        streamed.session_id IS NOT NULL AS in_streams,
        evented.turn_id IS NOT NULL AS in_analytics,
        streamed.is_client_started,
        evented.turn_trigger,
        CASE
            WHEN streamed.turn_status <> 'inProgress' THEN streamed.turn_status
            ELSE coalesce(evented.turn_status, streamed.turn_status)
        END AS turn_status,
        CASE
            WHEN streamed.turn_status <> 'inProgress' THEN 'stream'
            WHEN evented.turn_status IS NOT NULL THEN 'analytics'
            WHEN streamed.turn_status IS NOT NULL THEN 'stream'
        END AS status_source,
        coalesce(streamed.started_at, evented.started_at, streamed.seen_started_at) AS started_at,
        coalesce(streamed.completed_at, evented.completed_at, streamed.seen_completed_at)
            AS completed_at,
        CASE
            WHEN streamed.started_at IS NOT NULL THEN 'stream'
            WHEN evented.started_at IS NOT NULL THEN 'analytics'
            WHEN streamed.seen_started_at IS NOT NULL THEN 'observed'
        END AS started_source,
        CASE
            WHEN streamed.completed_at IS NOT NULL THEN 'stream'
            WHEN evented.completed_at IS NOT NULL THEN 'analytics'
            WHEN streamed.seen_completed_at IS NOT NULL THEN 'observed'
        END AS completed_source,
        coalesce(
            streamed.duration_ms,
            evented.duration_ms,
            date_diff('millisecond', streamed.seen_started_at, streamed.seen_completed_at)
        ) AS duration_ms,
        CASE
            WHEN streamed.duration_ms IS NOT NULL THEN 'stream'
            WHEN evented.duration_ms IS NOT NULL THEN 'analytics'
            WHEN
                streamed.seen_started_at IS NOT NULL
                AND streamed.seen_completed_at IS NOT NULL
                THEN 'observed'
        END AS duration_source,
        coalesce(streamed.error_kind, evented.turn_error, evented.error_kind) AS error_kind,
        coalesce(streamed.error_http_status, evented.error_http_status) AS error_http_status,
        tallies.retries,
        CASE
            WHEN evented.interrupt_requested_at IS NOT NULL THEN TRUE
            ELSE streamed.is_interrupt_asked
        END AS is_interrupt_asked,
        coalesce(evented.steers, greatest(streamed.timed_steers, tallies.steers)) AS steers,
        coalesce(streamed.rerouted_model, streamed.asked_model, set_before.model, evented.model)
            AS model,
        CASE
            WHEN streamed.rerouted_model IS NOT NULL THEN 'rerouted'
            WHEN streamed.asked_model IS NOT NULL THEN 'request'
            WHEN set_before.model IS NOT NULL THEN 'settings'
            WHEN evented.model IS NOT NULL THEN 'analytics'
        END AS model_source,
        coalesce(streamed.asked_effort, evented.effort, set_before.effort) AS effort,
        streamed.input_parts,
        coalesce(streamed.input_images, evented.input_images) AS input_images,
        streamed.input_bytes,
        streamed.review_thread_id,
        evented.tool_calls,
        evented.sampling_requests,
        evented.sampling_retries,
        evented.sampling_ms,
        evented.tool_blocking_ms,
        evented.compaction_ms,
        evented.input_tokens,
        evented.cached_input_tokens,
        evented.cache_write_input_tokens,
        evented.output_tokens,
        evented.reasoning_output_tokens,
        evented.total_tokens
    FROM streamed
    FULL JOIN evented
        ON
            streamed.session_id = evented.thread_id
            AND streamed.turn_id = evented.turn_id
    LEFT JOIN tallies
        ON
            streamed.session_id = tallies.session_id
            AND streamed.turn_key = tallies.turn_key
    LEFT JOIN set_before
        ON
            streamed.session_id = set_before.session_id
            AND streamed.turn_key = set_before.turn_key
)

SELECT
    joined.session_id,
    joined.turn_key,
    joined.turn_id,
    joined.root_turn_id,
    coalesce(joined.connection_id, threads.connection_id) AS connection_id,
    threads.client_name,
    threads.missing_context,
    joined.source_id,
    joined.line_number,
    joined.in_streams,
    joined.in_analytics,
    joined.is_client_started,
    joined.turn_trigger,
    joined.turn_status,
    joined.status_source,
    joined.started_at,
    joined.started_source,
    joined.completed_at,
    joined.completed_source,
    joined.duration_ms,
    joined.duration_source,
    joined.error_kind,
    joined.error_http_status,
    joined.retries,
    joined.is_interrupt_asked,
    joined.steers,
    joined.model,
    joined.model_source,
    joined.effort,
    joined.input_parts,
    joined.input_images,
    joined.input_bytes,
    joined.review_thread_id,
    joined.tool_calls,
    joined.sampling_requests,
    joined.sampling_retries,
    joined.sampling_ms,
    joined.tool_blocking_ms,
    joined.compaction_ms,
    joined.input_tokens,
    joined.cached_input_tokens,
    joined.cache_write_input_tokens,
    joined.output_tokens,
    joined.reasoning_output_tokens,
    joined.total_tokens
FROM joined
LEFT JOIN threads
    ON joined.session_id = threads.session_id
