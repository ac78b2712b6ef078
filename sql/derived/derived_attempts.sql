/*
description: >
  Attempts as the history tells them: each prompt that a user gave a thread, with the work that
  it led to until the next one. Prompts that were copied from another thread are that thread's,
  those of sub-agents are their parent's work, and the instructions of a review are Codex's own.
  Sub-agents' use is not in here (see derived_goals).
grain: one row per prompt of a user
key: [session_id, attempt_index]
columns:
  - session_id
  - attempt_index
  - is_retry
  - is_steer
  - turn_index
  - source_id
  - line_number
  - prompted_at
  - ended_at
  - attempt_status
  - turns
  - model
  - responses
  - total_tokens
  - total_tokens_covered_responses
  - cost_usd
  - cost_covered_responses
coverage:
  - {value: total_tokens, covered: total_tokens_covered_responses, total: responses}
  - {value: cost_usd, covered: cost_covered_responses, total: responses}
scope: family
*/
WITH
-- Turns that only streams or events tell of have no prompts here.
known_turns AS (
    SELECT
        session_id,
        turn_index,
        line_number,
        started_at,
        completed_at,
        status,
        model
    FROM turns
    WHERE in_rollouts
),

-- --- whose prompts they are --------------------------------------------------------------------
user_prompts AS (
    SELECT
        messages.session_id,
        messages.turn_index,
        messages.source_id,
        messages.line_number,
        messages.recorded_at
    FROM messages
    INNER JOIN sessions
        ON messages.session_id = sessions.session_id
    WHERE
        messages.message_kind = 'prompt'
        AND sessions.subagent_kind IS NULL
        AND sessions.parent_thread_id IS NULL
),

-- A review begins after its event, with the next turn that has a prompt.
review_marks AS (
    SELECT
        source_id,
        line_number,
        CASE event_kind
            WHEN 'review_entered' THEN line_number
            ELSE 0
        END AS review_line
    FROM events
    WHERE event_kind IN ('review_entered', 'review_exited')
),

sorted_lines AS (
    SELECT
        source_id,
        line_number,
        review_line,
        CAST(NULL AS VARCHAR) AS session_id,
        CAST(NULL AS BIGINT) AS turn_index,
        CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS recorded_at
    FROM review_marks
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS review_line,
        session_id,
        turn_index,
        recorded_at
    FROM user_prompts
),

reviewed_lines AS (
    SELECT
        source_id,
        line_number,
        session_id,
        turn_index,
        recorded_at,
        last_value(review_line IGNORE NULLS) OVER (
            PARTITION BY source_id
            ORDER BY line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS review_line
    FROM sorted_lines
),

placed_prompts AS (
    SELECT
        session_id,
        turn_index,
        source_id,
        line_number,
        recorded_at,
        review_line > 0
        AND turn_index IS NOT DISTINCT FROM min(turn_index) OVER (
            PARTITION BY
                source_id,
                review_line
        ) AS is_review
    FROM reviewed_lines
    WHERE session_id IS NOT NULL
),

prompts AS (
    SELECT
        session_id,
        turn_index,
        source_id,
        line_number,
        recorded_at,
        row_number() OVER (
            PARTITION BY session_id
            ORDER BY
                turn_index NULLS FIRST,
                recorded_at NULLS FIRST,
                source_id,
                line_number
        ) AS attempt_index,
        turn_index IS NOT NULL
        AND row_number() OVER (
            PARTITION BY
                session_id,
                turn_index
            ORDER BY
                recorded_at NULLS FIRST,
                source_id,
                line_number
        ) > 1 AS is_steer
    FROM placed_prompts
    WHERE NOT coalesce(is_review, FALSE)
),

review_turns AS (
    SELECT DISTINCT
        session_id,
        turn_index
    FROM placed_prompts
    WHERE is_review
),

-- --- which work they led to --------------------------------------------------------------------
-- A turn and all its responses come after its first prompt, even those that were recorded before
-- it; only what was added to a running turn divides them.
steps AS (
    SELECT
        session_id,
        turn_index,
        CASE WHEN is_steer THEN 3 ELSE 1 END AS step,
        recorded_at,
        line_number,
        attempt_index,
        FALSE AS is_turn,
        FALSE AS is_review,
        FALSE AS is_response,
        CAST(NULL AS BIGINT) AS total_tokens,
        CAST(NULL AS DECIMAL(18, 9)) AS cost_usd
    FROM prompts
    UNION ALL
    SELECT
        known_turns.session_id,
        known_turns.turn_index,
        2 AS step,
        known_turns.started_at AS recorded_at,
        known_turns.line_number,
        NULL AS attempt_index,
        TRUE AS is_turn,
        review_turns.session_id IS NOT NULL AS is_review,
        FALSE AS is_response,
        NULL AS total_tokens,
        NULL AS cost_usd
    FROM known_turns
    LEFT JOIN review_turns
        ON
            known_turns.session_id = review_turns.session_id
            AND known_turns.turn_index = review_turns.turn_index
    UNION ALL
    SELECT
        session_id,
        turn_index,
        3 AS step,
        responded_at AS recorded_at,
        line_number,
        NULL AS attempt_index,
        FALSE AS is_turn,
        FALSE AS is_review,
        TRUE AS is_response,
        total_tokens,
        cost_usd
    FROM usage
),

led_steps AS (
    SELECT
        session_id,
        turn_index,
        is_turn,
        is_review,
        is_response,
        total_tokens,
        cost_usd,
        last_value(attempt_index IGNORE NULLS) OVER (
            PARTITION BY session_id
            ORDER BY
                turn_index NULLS FIRST,
                step,
                recorded_at NULLS FIRST,
                line_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS attempt_index
    FROM steps
),

work AS (
    SELECT
        session_id,
        attempt_index,
        count(CASE WHEN is_turn THEN 1 END) AS turns,
        max(CASE WHEN NOT is_response AND NOT is_review THEN turn_index END) AS last_turn_index,
        count(CASE WHEN is_response THEN 1 END) AS responses,
        CAST(sum(total_tokens) AS BIGINT) AS total_tokens,
        count(total_tokens) AS total_tokens_covered_responses,
        CAST(sum(cost_usd) AS DECIMAL(18, 9)) AS cost_usd,
        count(cost_usd) AS cost_covered_responses
    FROM led_steps
    WHERE attempt_index IS NOT NULL
    GROUP BY
        session_id,
        attempt_index
),

followed AS (
    SELECT
        session_id,
        attempt_index,
        is_steer,
        turn_index,
        source_id,
        line_number,
        recorded_at,
        lead(is_steer, 1, FALSE) OVER in_order AS is_steered,
        lead(recorded_at) OVER in_order AS next_at
    FROM prompts
    WINDOW
        in_order AS (
            PARTITION BY session_id
            ORDER BY attempt_index
        )
)

SELECT
    followed.session_id,
    followed.attempt_index,
    followed.attempt_index > 1 AS is_retry,
    followed.is_steer,
    followed.turn_index,
    followed.source_id,
    followed.line_number,
    followed.recorded_at AS prompted_at,
    CASE
        WHEN followed.is_steered THEN followed.next_at
        ELSE last_turns.completed_at
    END AS ended_at,
    CASE
        WHEN followed.is_steered THEN 'steered'
        ELSE coalesce(last_turns.status, 'unknown')
    END AS attempt_status,
    work.turns,
    first_turns.model,
    work.responses,
    work.total_tokens,
    work.total_tokens_covered_responses,
    work.cost_usd,
    work.cost_covered_responses
FROM followed
INNER JOIN work
    ON
        followed.session_id = work.session_id
        AND followed.attempt_index = work.attempt_index
LEFT JOIN known_turns AS first_turns
    ON
        followed.session_id = first_turns.session_id
        AND followed.turn_index = first_turns.turn_index
LEFT JOIN known_turns AS last_turns
    ON
        work.session_id = last_turns.session_id
        AND work.last_turn_index = last_turns.turn_index
