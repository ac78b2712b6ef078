/*
description: >
  What status panels and exit lines showed of a session: model, usage, context and limits, with
  the rounding of the display. Never a part of usage: they stand beside it. Reset times are
  turned into instants by the day of the capture (in its name, else its file's date) in the
  timezone of the settings.
grain: one row per limit of a panel; one per panel or exit line without limits
key: [source_id, line_number, position]
columns:
  - source_id
  - line_number
  - position
  - snapshot_kind
  - is_last_of_capture
  - captured_day
  - captured_at
  - thread_id
  - client_name
  - missing_context
  - cli_version
  - model_shown
  - provider_shown
  - effort
  - reasoning_summary
  - cwd
  - permissions_shown
  - collaboration_mode
  - account_kind
  - plan_type
  - usage_shown
  - shown_total_tokens
  - shown_total_error
  - shown_input_tokens
  - shown_input_error
  - shown_cached_tokens
  - shown_cached_error
  - shown_output_tokens
  - shown_output_error
  - shown_reasoning_tokens
  - shown_reasoning_error
  - context_shown
  - context_left_percent
  - shown_context_used_tokens
  - shown_context_used_error
  - shown_context_window_tokens
  - shown_context_window_error
  - limits_state
  - limit_group
  - limit_label
  - left_percent
  - is_left_shown
  - resets_shown
  - resets_at
  - amount_shown
  - has_unlimited_credits
  - credit_balance
scope: global
*/
WITH
-- A date in the name of a capture is its day; a file that was copied has another of its own.
captures AS (
    SELECT
        panels.source_id,
        panels.line_number,
        coalesce(panels.named_day, local_day(sources.modified_at)) AS captured_day,
        CASE
            WHEN coalesce(panels.named_day = local_day(sources.modified_at), TRUE)
                THEN sources.modified_at
        END AS captured_at
    FROM parsed_status AS panels
    INNER JOIN status_sources AS sources
        ON panels.source_id = sources.source_id
),

-- `18:22` is of the panel's own day; `07:08 on 7 May` of the next such day, or of one in the
-- week before, for limits that were stale already.
candidates AS (
    SELECT
        limits.source_id,
        limits.line_number,
        limits.position,
        limits.resets_minute,
        captures.captured_day,
        CASE
            WHEN limits.resets_month IS NULL THEN captures.captured_day
            ELSE TRY_CAST(
                CAST(year(captures.captured_day) + years.step AS VARCHAR)
                || '-' || CAST(limits.resets_month AS VARCHAR)
                || '-' || CAST(limits.resets_day AS VARCHAR) AS DATE
            )
        END AS reset_day
    FROM parsed_status_limits AS limits
    INNER JOIN captures
        ON
            limits.source_id = captures.source_id
            AND limits.line_number = captures.line_number
    CROSS JOIN (
        VALUES
        (-1),
        (0),
        (1)
    ) AS years (step)
    WHERE limits.resets_minute IS NOT NULL
),

resets AS (
    SELECT
        source_id,
        line_number,
        position,
        local_moment(min(reset_day), min(resets_minute)) AS resets_at
    FROM candidates
    WHERE reset_day >= captured_day - INTERVAL 7 DAY
    GROUP BY
        source_id,
        line_number,
        position
)

SELECT
    panels.source_id,
    panels.line_number,
    coalesce(limits.position, 0) AS position,
    panels.snapshot_kind,
    panels.is_last_of_capture,
    captures.captured_day,
    CASE WHEN panels.is_last_of_capture THEN captures.captured_at END AS captured_at,
    panels.thread_id,
    threads.client_name,
    CASE
        WHEN panels.thread_id IS NULL THEN 'unknown_thread'
        ELSE threads.missing_context
    END AS missing_context,
    panels.cli_version,
    panels.model_shown,
    panels.provider_shown,
    panels.effort,
    panels.reasoning_summary,
    panels.cwd,
    panels.permissions_shown,
    panels.collaboration_mode,
    panels.account_kind,
    panels.plan_type,
    panels.usage_shown,
    panels.shown_total_tokens,
    panels.shown_total_error,
    panels.shown_input_tokens,
    panels.shown_input_error,
    panels.shown_cached_tokens,
    panels.shown_cached_error,
    panels.shown_output_tokens,
    panels.shown_output_error,
    panels.shown_reasoning_tokens,
    panels.shown_reasoning_error,
    panels.context_shown,
    panels.context_left_percent,
    panels.shown_context_used_tokens,
    panels.shown_context_used_error,
    panels.shown_context_window_tokens,
    panels.shown_context_window_error,
    panels.limits_state,
    limits.limit_group,
    limits.limit_label,
    limits.left_percent,
    limits.is_left_shown,
    limits.resets_shown,
    resets.resets_at,
    limits.amount_shown,
    panels.has_unlimited_credits,
    panels.credit_balance
FROM parsed_status AS panels
INNER JOIN captures
    ON
        panels.source_id = captures.source_id
        AND panels.line_number = captures.line_number
LEFT JOIN parsed_status_limits AS limits
    ON
        panels.source_id = limits.source_id
        AND panels.line_number = limits.line_number
LEFT JOIN resets
    ON
        limits.source_id = resets.source_id
        AND limits.line_number = resets.line_number
        AND limits.position = resets.position
LEFT JOIN threads
    ON panels.thread_id = threads.session_id
