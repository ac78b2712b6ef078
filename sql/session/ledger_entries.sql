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
SELECT
    source_id,
    entry_id,
    arg_max(goal_id, replay_order(line_number, position)) AS goal_id,
    arg_max(line_number, replay_order(line_number, position)) AS line_number,
    arg_max(position, replay_order(line_number, position)) AS position
FROM parsed_ledger_entries
GROUP BY
    source_id,
    entry_id
