-- MCP tools by their names, which changed over time: `<server>__OAI_CODEX_MCP__<tool>` until
-- 2025-07, `mcp__<server>__<tool>` from 2025-10 to 2026-04, then `mcp__<server>` as namespace.
-- (From 2025-07 to 2025-10 names had no mark, so that they cannot be told from other tools.)
-- Most names have no `__`: they are told without a regular expression.

CREATE OR REPLACE TEMP MACRO mcp_server(tool_namespace, tool_name) AS
    CASE
        WHEN regexp_matches(tool_namespace, '^mcp__.')
        THEN regexp_extract(tool_namespace, '^mcp__(.*?)_*$', 1)
        WHEN NOT contains(tool_name, '__') THEN NULL
        WHEN regexp_matches(tool_name, '^mcp__.+?__.')
        THEN regexp_extract(tool_name, '^mcp__(.+?)__.', 1)
        WHEN regexp_matches(tool_name, '.__OAI_CODEX_MCP__.')
        THEN split_part(tool_name, '__OAI_CODEX_MCP__', 1)
    END;

CREATE OR REPLACE TEMP MACRO mcp_tool(tool_name) AS
    CASE
        WHEN NOT contains(tool_name, '__') THEN tool_name
        WHEN regexp_matches(tool_name, '^mcp__.+?__.')
        THEN regexp_extract(tool_name, '^mcp__.+?__(.+)$', 1)
        WHEN regexp_matches(tool_name, '.__OAI_CODEX_MCP__.')
        THEN split_part(tool_name, '__OAI_CODEX_MCP__', 2)
        ELSE tool_name
    END;
