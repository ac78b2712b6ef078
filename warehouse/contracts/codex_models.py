"""Columns that only the SQL models of messages, tool calls and events carry.

Belongs here: what the columns of those models mean, where no source has them. Does not
belong here: the models themselves (each one's header names its columns).
"""

from __future__ import annotations

from warehouse.contracts.base import Column
from warehouse.contracts.common import TIMESTAMPTZ

COLUMNS: tuple[Column, ...] = (
    Column("called_at", TIMESTAMPTZ, "When the call was recorded", null="not readable"),
    Column("returned_at", TIMESTAMPTZ, "When its output was recorded", null="there is none"),
    Column(
        "call_outcome",
        "VARCHAR",
        "What became of the call: what its output says (exited, running, timed_out, aborted, "
        "rejected, unsupported, failed), returned where that says nothing, interrupted where "
        "there is none and nothing else tells of its end; of searches and pictures the status",
        null="not said",
    ),
    Column("event_kind", "VARCHAR", "What changed, see the table's description"),
    Column(
        "event_detail",
        "VARCHAR",
        "Reason of an abort, kind of an error, target of a review, activity of an agent, decision "
        "of the guardian, or whether a world state is full or a change",
        null="the kind says it all",
    ),
)

LOCAL_COLUMNS: dict[str, tuple[Column, ...]] = {
    "messages": (
        Column("message_kind", "VARCHAR", "prompt, answer or context (given by Codex itself)"),
    ),
    "unknown_shapes": (
        Column("lines", "BIGINT", "Lines of the kind, or with the field"),
        Column("files", "BIGINT", "Files that have such lines"),
        Column("source_id", "VARCHAR", "File of the first such line"),
        Column("line_number", "BIGINT", "The first such line of that file"),
    ),
}
