"""Contract of captured texts, which lie encrypted in files of their own.

Belongs here: the one table of those files. Does not belong here: any table of the lake; this
one is neither published nor part of the vocabulary.
"""

from __future__ import annotations

from warehouse.contracts.base import Column, Table
from warehouse.contracts.common import TIMESTAMPTZ

CONTENT_TEXTS = Table(
    "content_texts",
    "parsed",
    "Texts of sessions in projects that content capture is on for",
    "one row per text of a line (or of a database's row); a text that several lines carry has a "
    "row for each of them",
    ("source_id", "line_number", "position"),
    (
        Column("source_id", "VARCHAR", "Source of the text, as in raw_sources"),
        Column("line_number", "BIGINT", "Line of it, as in raw_lines", null="a database's row"),
        Column("position", "BIGINT", "Place of the text in its line, from 0"),
        Column("recorded_at", TIMESTAMPTZ, "When the line was written", null="it does not say"),
        Column("session_id", "VARCHAR", "Thread", null="not known"),
        Column(
            "carrier",
            "VARCHAR",
            "What carries it: event, item, response_item, compacted, index or database",
        ),
        Column(
            "text_kind",
            "VARCHAR",
            "prompt (what the user wrote), answer, reasoning, plan, context (what Codex showed the "
            "model, prompts included), agent_message, tool_arguments, tool_output, summary, "
            "objective, name, title or preview",
        ),
        Column("role", "VARCHAR", "Role of the message", null="not a response_item's message"),
        Column("tool_name", "VARCHAR", "Tool that was called", null="no call, or not said"),
        Column("item_id", "VARCHAR", "Id of the item or tool call", null="not said"),
        Column("text", "VARCHAR", "The text; lists and objects as JSON"),
    ),
)
