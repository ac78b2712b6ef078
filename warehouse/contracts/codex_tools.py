"""Contracts of tool calls, their results, items of work, and patches.

Belongs here: lines that tell what was called and what came of it, by sizes and outcomes,
and the columns that only they carry. Does not belong here: which result belongs to which
call (sql/session/tool_calls.sql).
"""

from __future__ import annotations

from warehouse.contracts.base import Column, Tables
from warehouse.contracts.raw import PLACE

COLUMNS = (
    Column(
        "call_kind",
        "VARCHAR",
        "Form of the call: function, custom, local_shell, web_search, tool_search or "
        "image_generation",
    ),
    Column(
        "argument_bytes", "BIGINT", "Size of the arguments, which are not kept", "none", "bytes"
    ),
    Column(
        "command_hash",
        "VARCHAR",
        "Keyed hash of the whole command, the same however the shell is named",
        null="no command",
    ),
    Column(
        "is_escalated",
        "BOOLEAN",
        "Whether the command asked to run with more rights than the sandbox gives",
        null="no command",
    ),
    Column("result_parts", "BIGINT", "Parts of the output", null="it is one text"),
    Column("result_images", "BIGINT", "Images among them", null="it is one text"),
    Column(
        "tool_outcome",
        "VARCHAR",
        "What the output says of the call: exited, running (goes on in the background), "
        "timed_out, aborted, rejected (by the user), unsupported or failed (it could not begin)",
        null="it says nothing of the kind",
    ),
    Column(
        "original_output_tokens",
        "BIGINT",
        "Size of the output before it was cut, as the output says",
        null="not said",
        unit="tokens",
    ),
    Column("original_output_lines", "BIGINT", "Lines of the output before it was cut", "not said"),
    Column("lines_added", "BIGINT", "Lines that the patch adds", null="no patch"),
    Column("lines_removed", "BIGINT", "Lines that the patch removes", null="no patch"),
)

TABLES: Tables = (
    (
        "parsed_tool_calls",
        "parsed",
        "Tool calls that the model made: function_call, custom_tool_call, local_shell_call, "
        "web_search_call, tool_search_call and image_generation_call lines",
        "one row per such line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "turn_id",
            "item_id",
            "call_kind",
            "tool_namespace",
            "tool_name",
            "item_status",
            "argument_bytes",
            "command_word",
            "command_hash",
            "is_escalated",
            "web_action",
            "web_queries",
            "has_query",
        ),
        (),
    ),
    (
        "parsed_tool_results",
        "parsed",
        "Outputs that tool calls gave the model: function_call_output, custom_tool_call_output and "
        "tool_search_output lines, with what the text of a shell's output says of the command",
        "one row per such line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "turn_id",
            "item_id",
            "call_kind",
            "tool_namespace",
            "tool_name",
            "item_status",
            "output_bytes",
            "result_parts",
            "result_images",
            "tool_outcome",
            "exit_code",
            "duration_ms",
            "original_output_tokens",
            "original_output_lines",
        ),
        (),
    ),
    (
        "parsed_items",
        "parsed",
        "What tools and sub-agents did, as Codex itself tells it: item_completed lines (messages "
        "and reasoning left out) and the events of older versions that end a tool's work. Types "
        "are named as in app-server streams",
        "one row per such line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "carrier",
            "event",
            "thread_id",
            "turn_id",
            "item_id",
            "item_type",
            "item_status",
            "started_at",
            "completed_at",
            "duration_ms",
            "argument_bytes",
            "output_bytes",
            "exit_code",
            "is_success",
            "command_word",
            "command_hash",
            "command_source",
            "read_actions",
            "list_actions",
            "search_actions",
            "other_actions",
            "tool_server",
            "tool_namespace",
            "tool_name",
            "activity_kind",
            "agent_path",
            "agent_thread_ids",
            "model",
            "effort",
            "web_action",
            "web_queries",
            "has_query",
        ),
        (),
    ),
    (
        "parsed_patches",
        "parsed",
        "Patches, by files and lines: as the model asked for them (calls of apply_patch, carrier "
        "response_item) and as they were applied (patch_apply_end, FileChange)",
        "one row per line with a patch",
        ("source_id", "line_number"),
        (
            *PLACE,
            "carrier",
            "turn_id",
            "item_id",
            "item_status",
            "is_success",
            "files_added",
            "files_updated",
            "files_deleted",
            "files_moved",
            "lines_added",
            "lines_removed",
        ),
        (),
    ),
)

# Long outputs are measured without being decoded.
_WRITTEN_OUTPUT = Column(
    "output_bytes",
    "BIGINT",
    "Size of the output, which is not kept, as JSON writes it (a line break is two bytes)",
    null="none",
    unit="bytes",
)

LOCAL_COLUMNS: dict[str, tuple[Column, ...]] = dict.fromkeys(
    ("parsed_tool_results", "parsed_items", "tool_calls", "commands"), (_WRITTEN_OUTPUT,)
)
