/*
description: >
  Which lines of a rollout were copied from another thread's history, and by which rule of
  docs/accounting.md ("Where inherited lines end") that was found out.
grain: one row per rollout source
key: [source_id]
columns:
  - source_id
  - session_id
  - inheritance
  - inherits_from_id
  - inherited_from_line
  - own_from_line
  - placed_by
  - is_placed
scope: family
*/
WITH
-- A second session_meta with another thread's id: a copied history begins there.
foreign_metas AS (
    SELECT
        metas.source_id,
        metas.line_number,
        metas.thread_id
    FROM parsed_session_meta AS metas
    INNER JOIN rollouts
        ON metas.source_id = rollouts.source_id
    WHERE metas.thread_id <> rollouts.session_id
),

first_foreign_lines AS (
    SELECT
        source_id,
        min(line_number) AS line_number
    FROM foreign_metas
    GROUP BY source_id
),

first_foreign AS (
    SELECT
        foreign_metas.source_id,
        foreign_metas.line_number,
        foreign_metas.thread_id
    FROM foreign_metas
    INNER JOIN first_foreign_lines
        ON
            foreign_metas.source_id = first_foreign_lines.source_id
            AND foreign_metas.line_number = first_foreign_lines.line_number
),

inheritances AS (
    SELECT
        rollouts.source_id,
        rollouts.session_id,
        rollouts.created_at,
        rollouts.forked_from_id,
        rollouts.subagent_history_start_ordinal,
        CASE
            WHEN rollouts.subagent_history_start_ordinal IS NOT NULL THEN 'ordinal'
            WHEN rollouts.history_base_thread_id IS NOT NULL THEN 'reference'
            WHEN rollouts.forked_from_ordinal_exclusive IS NOT NULL THEN 'reference'
            WHEN first_foreign.source_id IS NOT NULL THEN 'copy'
            WHEN rollouts.forked_from_id <> rollouts.session_id THEN 'migration'
            ELSE 'none'
        END AS inheritance,
        coalesce(
            first_foreign.thread_id,
            rollouts.forked_from_id,
            rollouts.history_base_thread_id
        ) AS inherits_from_id,
        coalesce(first_foreign.line_number, rollouts.meta_line_number + 1) AS from_line
    FROM rollouts
    LEFT JOIN first_foreign
        ON rollouts.source_id = first_foreign.source_id
),

-- Rule 1: the sub-agent's own lines begin at an ordinal.
ordinal_ends AS (
    SELECT
        inheritances.source_id,
        min(raw_lines.line_number) AS own_from_line
    FROM raw_lines
    INNER JOIN inheritances
        ON raw_lines.source_id = inheritances.source_id
    WHERE
        inheritances.inheritance = 'ordinal'
        AND raw_lines.ordinal >= inheritances.subagent_history_start_ordinal
    GROUP BY inheritances.source_id
),

-- Rules 2 and 3: all else must be found in the lines themselves.
copies AS (
    SELECT
        source_id,
        session_id,
        created_at,
        forked_from_id,
        inherits_from_id,
        from_line,
        is_uuid7(session_id) AS has_time,
        uuid7_order(session_id) AS made_at
    FROM inheritances
    WHERE inheritance IN ('copy', 'migration')
),

-- 2a: the first settings that name the file's own thread.
settings AS (
    SELECT
        copies.source_id,
        settings.line_number,
        settings.thread_id = copies.session_id AS is_own
    FROM parsed_settings AS settings
    INNER JOIN copies
        ON settings.source_id = copies.source_id
    WHERE
        settings.line_number >= copies.from_line
        AND settings.thread_id IS NOT NULL
),

-- 2b: turn ids tell when a turn began, before the thread was made or after.
marks AS (
    SELECT
        copies.source_id,
        marks.line_number,
        marks.turn_id,
        copies.has_time AND is_uuid7(marks.turn_id) AS is_timed,
        uuid7_order(marks.turn_id) >= copies.made_at AS is_later
    FROM situations AS marks
    INNER JOIN copies
        ON marks.source_id = copies.source_id
    WHERE
        marks.line_number >= copies.from_line
        AND marks.turn_id IS NOT NULL
),

evidence AS (
    SELECT
        source_id,
        line_number,
        'own_settings' AS rule,
        is_own
    FROM settings
    UNION ALL
    SELECT
        source_id,
        line_number,
        'turn_id_time' AS rule,
        is_later AS is_own
    FROM marks
    WHERE is_timed
),

first_own AS (
    SELECT
        source_id,
        min(line_number) AS line_number,
        min(CASE WHEN rule = 'own_settings' THEN line_number END) AS settings_line
    FROM evidence
    WHERE is_own
    GROUP BY source_id
),

last_inherited AS (
    SELECT
        evidence.source_id,
        max(evidence.line_number) AS line_number
    FROM evidence
    LEFT JOIN first_own
        ON evidence.source_id = first_own.source_id
    WHERE
        NOT evidence.is_own
        AND (first_own.line_number IS NULL OR evidence.line_number < first_own.line_number)
    GROUP BY evidence.source_id
),

-- Turns without an id between the two prove nothing: a fork made by a CLI that did not name
-- turns yet may have own ones there, and been continued by a CLI that does.
timed AS (
    SELECT DISTINCT source_id
    FROM marks
    WHERE is_timed
),

known AS (
    SELECT
        copies.source_id,
        copies.session_id,
        copies.created_at,
        copies.inherits_from_id,
        copies.from_line,
        coalesce(last_inherited.line_number, copies.from_line) AS after_line,
        first_own.line_number AS before_line,
        first_own.settings_line,
        first_own.line_number IS NOT NULL OR timed.source_id IS NOT NULL AS has_evidence,
        copies.forked_from_id IS NOT NULL AND first_own.line_number IS NOT NULL AS is_named_fork
    FROM copies
    LEFT JOIN first_own
        ON copies.source_id = first_own.source_id
    LEFT JOIN last_inherited
        ON copies.source_id = last_inherited.source_id
    LEFT JOIN timed
        ON copies.source_id = timed.source_id
),

unnamed AS (
    SELECT DISTINCT known.source_id
    FROM parsed_turn_context AS contexts
    INNER JOIN known
        ON contexts.source_id = known.source_id
    WHERE
        contexts.turn_id IS NULL
        AND contexts.line_number > known.after_line
        AND contexts.line_number < coalesce(known.before_line, 9223372036854775807)
        AND NOT known.is_named_fork
),

placed_by_evidence AS (
    SELECT
        source_id,
        before_line AS own_from_line,
        CASE
            WHEN before_line = settings_line THEN 'own_settings'
            ELSE 'turn_id_time'
        END AS placed_by
    FROM known
    WHERE
        has_evidence
        AND source_id NOT IN (SELECT source_id FROM unnamed)
),

-- 2c to 2f are for what is left.
open_copies AS (
    SELECT
        known.source_id,
        known.created_at,
        known.inherits_from_id,
        known.from_line,
        known.after_line,
        known.before_line,
        known.inherits_from_id IN (SELECT session_id FROM rollouts) AS has_source,
        known.source_id IN (SELECT source_id FROM unnamed) AS has_unnamed_turns
    FROM known
    WHERE known.source_id NOT IN (SELECT source_id FROM placed_by_evidence)
),

-- 2c: the first turn id that the source thread's own files do not have.
source_turns AS (
    SELECT DISTINCT
        rollouts.session_id,
        marks.turn_id
    FROM situations AS marks
    INNER JOIN rollouts
        ON marks.source_id = rollouts.source_id
    WHERE rollouts.session_id IN (SELECT inherits_from_id FROM open_copies)
),

placed_by_turns AS (
    SELECT
        open_copies.source_id,
        min(CASE WHEN source_turns.turn_id IS NULL THEN marks.line_number END) AS own_from_line
    FROM open_copies
    INNER JOIN marks
        ON open_copies.source_id = marks.source_id
    LEFT JOIN source_turns
        ON
            open_copies.inherits_from_id = source_turns.session_id
            AND marks.turn_id = source_turns.turn_id
    WHERE
        open_copies.has_source
        AND NOT open_copies.has_unnamed_turns
    GROUP BY open_copies.source_id
),

-- 2d: the run of lines equal to the source's from its first line on. What the source wrote
-- after the copy was made is not compared (its next turn may equal the copy's own).
unturned_copies AS (
    SELECT
        source_id,
        inherits_from_id,
        from_line
    FROM open_copies
    WHERE
        has_source
        AND source_id NOT IN (SELECT source_id FROM placed_by_turns)
),

copied_lines AS (
    SELECT
        raw_lines.source_id,
        raw_lines.line_number,
        raw_lines.payload_hash,
        unturned_copies.inherits_from_id,
        min(raw_lines.recorded_at) OVER (PARTITION BY raw_lines.source_id) AS copied_at,
        row_number() OVER (
            PARTITION BY raw_lines.source_id ORDER BY raw_lines.line_number
        ) AS line_position
    FROM raw_lines
    INNER JOIN unturned_copies
        ON raw_lines.source_id = unturned_copies.source_id
    WHERE
        raw_lines.line_number >= unturned_copies.from_line
        AND raw_lines.type <> 'session_meta'
        AND raw_lines.payload_hash IS NOT NULL
),

original_lines AS (
    SELECT
        raw_lines.source_id,
        rollouts.session_id,
        raw_lines.recorded_at,
        raw_lines.payload_hash,
        row_number() OVER (
            PARTITION BY raw_lines.source_id ORDER BY raw_lines.line_number
        ) AS line_position
    FROM raw_lines
    INNER JOIN rollouts
        ON raw_lines.source_id = rollouts.source_id
    WHERE
        rollouts.session_id IN (SELECT inherits_from_id FROM unturned_copies)
        AND raw_lines.type <> 'session_meta'
        AND raw_lines.payload_hash IS NOT NULL
),

originals AS (
    SELECT
        session_id,
        source_id,
        min(CASE WHEN line_position = 1 THEN recorded_at END) AS began_at
    FROM original_lines
    GROUP BY
        session_id,
        source_id
),

runs AS (
    SELECT
        copied_lines.source_id,
        originals.source_id AS original_id,
        min(copied_lines.line_number) AS first_line,
        min(CASE WHEN original_lines.source_id IS NULL THEN copied_lines.line_number END) AS end_line
    FROM copied_lines
    INNER JOIN originals
        ON copied_lines.inherits_from_id = originals.session_id
    LEFT JOIN original_lines
        ON
            originals.source_id = original_lines.source_id
            AND copied_lines.line_position = original_lines.line_position
            AND copied_lines.payload_hash = original_lines.payload_hash
            AND (
                original_lines.recorded_at <= copied_lines.copied_at
                OR originals.began_at > copied_lines.copied_at
                OR original_lines.recorded_at IS NULL
            )
    GROUP BY
        copied_lines.source_id,
        originals.source_id
),

placed_by_payloads AS (
    SELECT
        source_id,
        CASE
            WHEN max(coalesce(end_line, 9223372036854775807)) < 9223372036854775807
            THEN max(end_line)
        END AS own_from_line
    FROM runs
    WHERE end_line IS NULL OR end_line > first_line
    GROUP BY source_id
),

-- 2e: the first turn that started, by its own account, after the thread was made.
unplaced_copies AS (
    SELECT
        source_id,
        created_at,
        from_line,
        after_line,
        has_unnamed_turns
    FROM open_copies
    WHERE
        source_id NOT IN (SELECT source_id FROM placed_by_turns)
        AND source_id NOT IN (SELECT source_id FROM placed_by_payloads)
),

placed_by_starts AS (
    SELECT
        unplaced_copies.source_id,
        min(starts.line_number) AS own_from_line
    FROM parsed_lifecycle AS starts
    INNER JOIN unplaced_copies
        ON starts.source_id = unplaced_copies.source_id
    WHERE
        starts.event = 'task_started'
        AND starts.line_number > unplaced_copies.after_line
        AND starts.started_at >= date_trunc('second', unplaced_copies.created_at)
        AND NOT unplaced_copies.has_unnamed_turns
    GROUP BY unplaced_copies.source_id
),

-- 2f: else only a pause separates what may be copied from what is own.
timed_lines AS (
    SELECT
        raw_lines.source_id,
        raw_lines.line_number,
        raw_lines.recorded_at,
        lag(raw_lines.recorded_at) OVER (
            PARTITION BY raw_lines.source_id ORDER BY raw_lines.line_number
        ) AS previous_at
    FROM raw_lines
    INNER JOIN unplaced_copies
        ON raw_lines.source_id = unplaced_copies.source_id
    WHERE
        raw_lines.line_number >= unplaced_copies.after_line
        AND raw_lines.recorded_at IS NOT NULL
        AND unplaced_copies.source_id NOT IN (SELECT source_id FROM placed_by_starts)
),

pauses AS (
    SELECT
        source_id,
        min(line_number) AS own_from_line
    FROM timed_lines
    WHERE recorded_at >= previous_at + INTERVAL 10 SECONDS
    GROUP BY source_id
),

placed AS (
    SELECT
        source_id,
        own_from_line,
        placed_by
    FROM placed_by_evidence
    UNION ALL
    SELECT
        source_id,
        own_from_line,
        'unknown_turn_id' AS placed_by
    FROM placed_by_turns
    UNION ALL
    SELECT
        source_id,
        own_from_line,
        'equal_payloads' AS placed_by
    FROM placed_by_payloads
    UNION ALL
    SELECT
        source_id,
        own_from_line,
        'started_at' AS placed_by
    FROM placed_by_starts
    UNION ALL
    SELECT
        source_id,
        own_from_line,
        'history_start_ordinal' AS placed_by
    FROM ordinal_ends
)

SELECT
    inheritances.source_id,
    inheritances.session_id,
    inheritances.inheritance,
    inheritances.inherits_from_id,
    CASE
        WHEN inheritances.inheritance IN ('ordinal', 'copy', 'migration') THEN inheritances.from_line
    END AS inherited_from_line,
    CASE
        WHEN known.after_line >= coalesce(placed.own_from_line, pauses.own_from_line)
        THEN known.after_line + 1
        ELSE least(coalesce(placed.own_from_line, pauses.own_from_line), known.before_line)
    END AS own_from_line,
    CASE
        WHEN inheritances.inheritance = 'ordinal' THEN 'history_start_ordinal'
        WHEN known.source_id IS NULL THEN NULL
        WHEN placed.source_id IS NULL THEN 'pause'
        ELSE placed.placed_by
    END AS placed_by,
    known.source_id IS NULL OR placed.source_id IS NOT NULL AS is_placed
FROM inheritances
LEFT JOIN known
    ON inheritances.source_id = known.source_id
LEFT JOIN placed
    ON inheritances.source_id = placed.source_id
LEFT JOIN pauses
    ON inheritances.source_id = pauses.source_id
