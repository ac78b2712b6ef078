/*
description: >
  Where the replay of a ledger leaves its attempt entries: the last event that puts an entry
  replaces it as a whole, and nothing removes one.
grain: one row per entry of a ledger
key: [source_id, entry_id]
columns: [source_id, entry_id, goal_id, replayed_as]
scope: session
internal: true
*/
SELECT
    source_id,
    entry_id,
    arg_max(goal_id, replay_order(line_number, position)) AS goal_id,
    max(replay_order(line_number, position)) AS replayed_as
FROM parsed_ledger_entries
GROUP BY
    source_id,
    entry_id
