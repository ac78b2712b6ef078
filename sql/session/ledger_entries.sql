/*
description: >
  Where the replay of a ledger leaves its attempt entries: the last event that puts an entry
  replaces it as a whole, and nothing removes one.
grain: one row per entry of a ledger
key: [source_id, entry_id]
columns: [source_id, entry_id, goal_id, line_number, position]
scope: session
internal: true
*/
WITH
last_puts AS (
    SELECT
        source_id,
        entry_id,
        max(replay_order(line_number, position)) AS replayed_as
    FROM parsed_ledger_entries
    GROUP BY
        source_id,
        entry_id
)

SELECT
    puts.source_id,
    puts.entry_id,
    puts.goal_id,
    puts.line_number,
    puts.position
FROM parsed_ledger_entries AS puts
INNER JOIN last_puts
    ON
        puts.source_id = last_puts.source_id
        AND puts.entry_id = last_puts.entry_id
        AND replay_order(puts.line_number, puts.position) = last_puts.replayed_as
