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
        model,
        responses,
        total_tokens,
        total_tokens_covered_responses,
        cost_usd,
        cost_covered_responses
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

-- Few files have any: in all others each prompt is the user's.
sorted_lines AS (
    SELECT
        source_id,
        line_number,
        review_line,
        CAST(NULL AS VARCHAR) AS session_id,
        CAST(NULL AS BIGINT) AS turn_index
    FROM review_marks
    UNION ALL
    SELECT
        source_id,
        line_number,
        NULL AS review_line,
        session_id,
        turn_index
    FROM user_prompts
    WHERE source_id IN (SELECT source_id FROM review_marks)
),

reviewed_lines AS (
    SELECT
        source_id,
        line_number,
        session_id,
        turn_index,
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
        review_line > 0
        AND turn_index IS NOT DISTINCT FROM min(turn_index) OVER (
            PARTITION BY
                source_id,
                review_line
        ) AS is_review
    FROM reviewed_lines
    WHERE session_id IS NOT NULL
),

review_prompts AS (
    SELECT
        session_id,
        turn_index,
        source_id,
        line_number
    FROM placed_prompts
    WHERE is_review
),

review_turns AS (
    SELECT DISTINCT
        session_id,
        turn_index
    FROM review_prompts
),

-- A prompt that follows another one of its turn steers it.
prompts AS (
    SELECT
        user_prompts.session_id,
        user_prompts.turn_index,
        user_prompts.source_id,
        user_prompts.line_number,
        user_prompts.recorded_at,
        row_number() OVER in_order AS attempt_index,
        coalesce(user_prompts.turn_index = lag(user_prompts.turn_index) OVER in_order, FALSE) AS is_steer,
        coalesce(user_prompts.turn_index = lead(user_prompts.turn_index) OVER in_order, FALSE) AS is_steered,
        lead(user_prompts.recorded_at) OVER in_order AS next_at
    FROM user_prompts
    LEFT JOIN review_prompts
        ON
            user_prompts.source_id = review_prompts.source_id
            AND user_prompts.line_number = review_prompts.line_number
    WHERE review_prompts.source_id IS NULL
    WINDOW
        in_order AS (
            PARTITION BY user_prompts.session_id
            ORDER BY
                user_prompts.turn_index NULLS FIRST,
                user_prompts.recorded_at NULLS FIRST,
                user_prompts.source_id,
                user_prompts.line_number
        )
),

-- --- which work they led to --------------------------------------------------------------------
-- A turn and all its responses come after its first prompt, even those that were recorded before
-- it; only what was added to a running turn divides them. The responses of all other turns go
-- with their turn.
steered_turns AS (
    SELECT DISTINCT
        session_id,
        turn_index
    FROM prompts
    WHERE is_steer
),

steps AS (
    SELECT
        session_id,
        turn_index,
        CASE WHEN is_steer THEN 3 ELSE 1 END AS step,
        recorded_at,
        line_number,
        attempt_index,
        0 AS turns,
        turn_index AS work_turn_index,
        0 AS responses,
        CAST(NULL AS BIGINT) AS total_tokens,
        0 AS total_tokens_covered_responses,
        CAST(NULL AS DECIMAL(18, 9)) AS cost_usd,
        0 AS cost_covered_responses
    FROM prompts
    UNION ALL
    SELECT
        known_turns.session_id,
        known_turns.turn_index,
        2 AS step,
        known_turns.started_at AS recorded_at,
        known_turns.line_number,
        NULL AS attempt_index,
        1 AS turns,
        CASE WHEN review_turns.session_id IS NULL THEN known_turns.turn_index END AS work_turn_index,
        CASE WHEN steered_turns.session_id IS NULL THEN known_turns.responses ELSE 0 END AS responses,
        CASE WHEN steered_turns.session_id IS NULL THEN known_turns.total_tokens END AS total_tokens,
        CASE
            WHEN steered_turns.session_id IS NULL THEN known_turns.total_tokens_covered_responses
            ELSE 0
        END AS total_tokens_covered_responses,
        CASE WHEN steered_turns.session_id IS NULL THEN known_turns.cost_usd END AS cost_usd,
        CASE
            WHEN steered_turns.session_id IS NULL THEN known_turns.cost_covered_responses
            ELSE 0
        END AS cost_covered_responses
    FROM known_turns
    LEFT JOIN review_turns
        ON
            known_turns.session_id = review_turns.session_id
            AND known_turns.turn_index = review_turns.turn_index
    LEFT JOIN steered_turns
        ON
            known_turns.session_id = steered_turns.session_id
            AND known_turns.turn_index = steered_turns.turn_index
    UNION ALL
    SELECT
        usage.session_id,
        usage.turn_index,
        3 AS step,
        usage.responded_at AS recorded_at,
        usage.line_number,
        NULL AS attempt_index,
        0 AS turns,
        NULL AS work_turn_index,
        1 AS responses,
        usage.total_tokens,
        CASE WHEN usage.total_tokens IS NULL THEN 0 ELSE 1 END AS total_tokens_covered_responses,
        usage.cost_usd,
        CASE WHEN usage.cost_usd IS NULL THEN 0 ELSE 1 END AS cost_covered_responses
    FROM usage
    LEFT JOIN steered_turns
        ON
            usage.session_id = steered_turns.session_id
            AND usage.turn_index = steered_turns.turn_index
    WHERE
        usage.turn_index IS NULL
        OR steered_turns.session_id IS NOT NULL
),

led_steps AS (
    SELECT
        session_id,
        turns,
        work_turn_index,
        responses,
        total_tokens,
        total_tokens_covered_responses,
        cost_usd,
        cost_covered_responses,
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
        CAST(sum(turns) AS BIGINT) AS turns,
        max(work_turn_index) AS last_turn_index,
        CAST(sum(responses) AS BIGINT) AS responses,
        CAST(sum(total_tokens) AS BIGINT) AS total_tokens,
        CAST(sum(total_tokens_covered_responses) AS BIGINT) AS total_tokens_covered_responses,
        CAST(sum(cost_usd) AS DECIMAL(18, 9)) AS cost_usd,
        CAST(sum(cost_covered_responses) AS BIGINT) AS cost_covered_responses
    FROM led_steps
    WHERE attempt_index IS NOT NULL
    GROUP BY
        session_id,
        attempt_index
)

SELECT
    prompts.session_id,
    prompts.attempt_index,
    prompts.attempt_index > 1 AS is_retry,
    prompts.is_steer,
    prompts.turn_index,
    prompts.source_id,
    prompts.line_number,
    prompts.recorded_at AS prompted_at,
    CASE
        WHEN prompts.is_steered THEN prompts.next_at
        ELSE last_turns.completed_at
    END AS ended_at,
    CASE
        WHEN prompts.is_steered THEN 'steered'
        ELSE coalesce(last_turns.status, 'unknown')
    END AS attempt_status,
    work.turns,
    first_turns.model,
    work.responses,
    work.total_tokens,
    work.total_tokens_covered_responses,
    work.cost_usd,
    work.cost_covered_responses
FROM prompts
INNER JOIN work
    ON
        prompts.session_id = work.session_id
        AND prompts.attempt_index = work.attempt_index
LEFT JOIN known_turns AS first_turns
    ON
        prompts.session_id = first_turns.session_id
        AND prompts.turn_index = first_turns.turn_index
LEFT JOIN known_turns AS last_turns
    ON
        work.session_id = last_turns.session_id
        AND work.last_turn_index = last_turns.turn_index
