/*
description: >
  Threads that goal ledgers name. Few events of a ledger name a new one: what only reads which
  threads there are stays as it is while ledgers grow.
grain: one row per thread that a ledger names
key: [thread_id]
columns: [thread_id]
scope: global
internal: true
*/
SELECT thread_id
FROM parsed_ledger_goals
WHERE thread_id IS NOT NULL
UNION
SELECT thread_id
FROM parsed_ledger_entries
WHERE thread_id IS NOT NULL
