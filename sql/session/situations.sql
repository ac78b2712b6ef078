/*
description: >
  Lines of a rollout that change its situation, with what holds from there on: turn, model,
  provider, service tier and context size. Copied lines count too: their settings still hold
  for the thread's own lines. A turn without an id (before 2026-02-11) begins with a prompt of the user;
  that of an inline review begins where review mode is entered: the start that follows is a copy
  of the reviewer's, whose turn is of the review's own thread.
grain: one row per line that begins or names a turn, or applies a context or settings
key: [source_id, line_number]
columns:
  - source_id
  - line_number
  - recorded_at
  - marks_turn
  - turn_id
  - turn_key
  - model
  - model_provider
  - service_tier
  - context_window
internal: true
scope: session
*/
WITH
contexts AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id,
        model
    FROM parsed_turn_context
),

review_entries AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id
    FROM parsed_events
    WHERE event = 'entered_review_mode'
),

-- Reviews, each with the starts and ends of turns that follow it.
review_steps AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        event,
        turn_id,
        lead(line_number) OVER file_lines AS next_line,
        lead(event) OVER file_lines AS next_event,
        lead(turn_id) OVER file_lines AS next_turn_id,
        lead(caller_turn_id) OVER file_lines AS next_caller_turn_id,
        lead(event, 2) OVER file_lines AS second_event,
        lead(turn_id, 2) OVER file_lines AS second_turn_id
    FROM (
        SELECT
            source_id,
            line_number,
            recorded_at,
            'review' AS event,
            turn_id,
            NULL AS caller_turn_id
        FROM review_entries
        UNION ALL
        SELECT
            source_id,
            line_number,
            recorded_at,
            event,
            turn_id,
            coalesce(parent_turn_id, root_turn_id) AS caller_turn_id
        FROM parsed_lifecycle
        WHERE source_id IN (SELECT source_id FROM review_entries)
    ) AS steps
    WINDOW file_lines AS (PARTITION BY source_id ORDER BY line_number)
),

-- An entry that does not name its turn has that of the end which follows the reviewer's start.
review_turns AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        next_line,
        next_event,
        next_turn_id,
        next_caller_turn_id,
        CASE
            WHEN turn_id IS NOT NULL THEN turn_id
            WHEN
                next_event = 'task_started'
                AND second_event IN ('task_complete', 'turn_aborted')
            THEN second_turn_id
        END AS turn_id
    FROM review_steps
    WHERE event = 'review'
),

reviews AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id,
        CASE
            WHEN
                next_event = 'task_started'
                AND next_turn_id <> turn_id
                AND coalesce(next_caller_turn_id, turn_id) = turn_id
            THEN next_line
        END AS copied_start_line
    FROM review_turns
    WHERE turn_id IS NOT NULL
),

starts AS (
    SELECT
        lifecycle.source_id,
        lifecycle.line_number,
        lifecycle.recorded_at,
        lifecycle.turn_id,
        lifecycle.context_window
    FROM parsed_lifecycle AS lifecycle
    LEFT JOIN reviews
        ON
            lifecycle.source_id = reviews.source_id
            AND lifecycle.line_number = reviews.copied_start_line
    WHERE
        lifecycle.event = 'task_started'
        AND reviews.source_id IS NULL
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id,
        NULL AS context_window
    FROM reviews
),

settings AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        model,
        model_provider,
        service_tier
    FROM parsed_settings
),

named_turns AS (
    SELECT
        source_id,
        turn_id,
        min(line_number) AS line_number
    FROM (
        SELECT
            source_id,
            turn_id,
            line_number
        FROM contexts
        UNION ALL
        SELECT
            source_id,
            turn_id,
            line_number
        FROM starts
    ) AS marks
    WHERE turn_id IS NOT NULL
    GROUP BY
        source_id,
        turn_id
),

-- A turn that only its usage records name.
record_turns AS (
    SELECT
        records.source_id,
        records.turn_id,
        min(records.line_number) AS line_number,
        min(records.recorded_at) AS recorded_at
    FROM parsed_usage AS records
    LEFT JOIN named_turns
        ON
            records.source_id = named_turns.source_id
            AND records.turn_id = named_turns.turn_id
    WHERE
        records.turn_id IS NOT NULL
        AND named_turns.turn_id IS NULL
    GROUP BY
        records.source_id,
        records.turn_id
),

first_named AS (
    SELECT
        source_id,
        min(line_number) AS line_number
    FROM named_turns
    GROUP BY source_id
),

-- Files with turns that have no id: all of them, or those before an upgrade of the CLI.
unnamed AS (
    SELECT
        rollouts.source_id,
        rollouts.base_source_id,
        coalesce(first_named.line_number, 9223372036854775807) AS until_line
    FROM rollouts
    LEFT JOIN first_named
        ON rollouts.source_id = first_named.source_id
    WHERE
        first_named.source_id IS NULL
        OR rollouts.source_id IN (SELECT source_id FROM contexts WHERE turn_id IS NULL)
),

prompts AS (
    SELECT
        told.source_id,
        told.line_number,
        told.recorded_at,
        unnamed.base_source_id
    FROM told_messages AS told
    INNER JOIN unnamed
        ON told.source_id = unnamed.source_id
    WHERE
        told.role = 'user'
        AND told.line_number < unnamed.until_line
),

-- Where there are no prompts either, each context begins a turn.
context_starts AS (
    SELECT
        contexts.source_id,
        contexts.line_number,
        contexts.recorded_at,
        unnamed.base_source_id
    FROM contexts
    INNER JOIN unnamed
        ON contexts.source_id = unnamed.source_id
    WHERE
        contexts.turn_id IS NULL
        AND contexts.source_id NOT IN (SELECT source_id FROM prompts)
),

-- Copies of a file have the same turns, but others at the same line once they went apart.
unnamed_starts AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        is_prompt,
        base_source_id || ':' || CAST(line_number AS VARCHAR) AS place,
        dense_rank() OVER (
            PARTITION BY
                base_source_id,
                line_number
            ORDER BY recorded_at
        ) AS part
    FROM (
        SELECT
            *,
            TRUE AS is_prompt
        FROM prompts
        UNION ALL
        SELECT
            *,
            FALSE AS is_prompt
        FROM context_starts
    ) AS starts_without_id
),

keyed_starts AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        is_prompt,
        place || CASE WHEN part > 1 THEN '#' || CAST(part AS VARCHAR) ELSE '' END AS turn_key
    FROM unnamed_starts
),

changes AS (
    SELECT
        contexts.source_id,
        contexts.line_number,
        contexts.recorded_at,
        contexts.turn_id,
        coalesce(contexts.turn_id, keyed_starts.turn_key) AS turn_key,
        CASE WHEN contexts.model IS NOT NULL THEN contexts.line_number END AS context_line,
        CAST(NULL AS BIGINT) AS settings_line,
        CAST(NULL AS BIGINT) AS context_window
    FROM contexts
    LEFT JOIN keyed_starts
        ON
            contexts.source_id = keyed_starts.source_id
            AND contexts.line_number = keyed_starts.line_number
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id,
        turn_id AS turn_key,
        NULL AS context_line,
        NULL AS settings_line,
        context_window
    FROM starts
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        NULL AS turn_id,
        NULL AS turn_key,
        NULL AS context_line,
        line_number AS settings_line,
        NULL AS context_window
    FROM settings
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id,
        turn_id AS turn_key,
        NULL AS context_line,
        NULL AS settings_line,
        NULL AS context_window
    FROM record_turns
    UNION ALL
    SELECT
        source_id,
        line_number,
        recorded_at,
        NULL AS turn_id,
        turn_key,
        NULL AS context_line,
        NULL AS settings_line,
        NULL AS context_window
    FROM keyed_starts
    WHERE is_prompt
),

held AS (
    SELECT
        source_id,
        line_number,
        recorded_at,
        turn_id,
        turn_key IS NOT NULL AS marks_turn,
        last_value(turn_key IGNORE NULLS) OVER until_now AS turn_key,
        last_value(context_line IGNORE NULLS) OVER until_now AS context_line,
        last_value(settings_line IGNORE NULLS) OVER until_now AS settings_line,
        last_value(context_window IGNORE NULLS) OVER until_now AS context_window
    FROM changes
    WINDOW
        until_now AS (
            PARTITION BY source_id
            ORDER BY line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
),

-- Where the latest context is another turn's, the turn itself may have had an earlier one.
returns AS (
    SELECT
        held.source_id,
        held.line_number,
        max(own_contexts.line_number) AS context_line
    FROM held
    INNER JOIN contexts AS latest
        ON
            held.source_id = latest.source_id
            AND held.context_line = latest.line_number
    INNER JOIN contexts AS own_contexts
        ON
            held.source_id = own_contexts.source_id
            AND held.turn_key = own_contexts.turn_id
    WHERE
        latest.turn_id <> held.turn_key
        AND own_contexts.line_number < held.line_number
        AND own_contexts.model IS NOT NULL
    GROUP BY
        held.source_id,
        held.line_number
)

SELECT
    held.source_id,
    held.line_number,
    held.recorded_at,
    held.marks_turn,
    held.turn_id,
    held.turn_key,
    coalesce(contexts.model, settings.model) AS model,
    coalesce(settings.model_provider, rollouts.model_provider) AS model_provider,
    settings.service_tier,
    held.context_window
FROM held
INNER JOIN rollouts
    ON held.source_id = rollouts.source_id
LEFT JOIN returns
    ON
        held.source_id = returns.source_id
        AND held.line_number = returns.line_number
LEFT JOIN contexts
    ON
        held.source_id = contexts.source_id
        AND coalesce(returns.context_line, held.context_line) = contexts.line_number
LEFT JOIN settings
    ON
        held.source_id = settings.source_id
        AND held.settings_line = settings.line_number
