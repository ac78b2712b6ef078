"""Contracts of messages and reasoning.

Belongs here: lines that carry what was said or thought, by its size, and the columns that
only they carry. Does not belong here: which of several carriers of one message counts
(sql/session/messages.sql).
"""

from __future__ import annotations

from warehouse.contracts.base import Column, Tables
from warehouse.contracts.raw import PLACE

COLUMNS = (
    Column(
        "carrier",
        "VARCHAR",
        "What carries it: event (an event_msg of its own type), item (an item_completed) or "
        "response_item (bare lines and JSON documents before 2025-09 as well)",
    ),
    Column("role", "VARCHAR", "user, assistant, developer, system, or agent (another agent's)"),
    Column(
        "context_kind",
        "VARCHAR",
        "What Codex put into a user's message without the user: environment_context, "
        "user_instructions, turn_aborted, skill, user_shell_command, ...",
        null="it is a prompt, or no user's message",
    ),
    Column("author", "VARCHAR", "Path of the agent that wrote it", null="no agent's message"),
    Column("recipient", "VARCHAR", "Path of the agent that it is for", null="no agent's message"),
    Column("text_chars", "BIGINT", "Length of the text", "no text", "characters"),
    Column(
        "ide_context_chars",
        "BIGINT",
        "Part of the text that an editor put before the user's own words",
        null="none",
        unit="characters",
    ),
    Column("message_parts", "BIGINT", "Parts that the message consists of"),
    Column("images", "BIGINT", "Images in it, those from local files left out"),
    Column("local_images", "BIGINT", "Images from local files"),
    Column("audio_parts", "BIGINT", "Sound recordings in it"),
    Column("mentions", "BIGINT", "Skills, files and apps that the user named by a link"),
    Column(
        "image_types",
        "VARCHAR[]",
        "Kinds of the images, each once: png, jpg, ..., other",
        null="no image, or its kind is not said",
    ),
    Column("encrypted_bytes", "BIGINT", "Size of the encrypted part as written", "none", "bytes"),
    Column("summary_parts", "BIGINT", "Parts of the summary of the reasoning"),
    Column("summary_chars", "BIGINT", "Length of the summary", "no summary", "characters"),
    Column("raw_parts", "BIGINT", "Parts of the reasoning itself"),
    Column("raw_chars", "BIGINT", "Length of the reasoning itself", "not told", "characters"),
)

TABLES: Tables = (
    (
        "parsed_messages",
        "parsed",
        "Lines that carry a message, by its size: a message often stands in two lines",
        "one row per line with a message (user_message, agent_message, message, UserMessage, "
        "AgentMessage, HookPrompt, inter-agent communication)",
        ("source_id", "line_number"),
        (
            *PLACE,
            "carrier",
            "role",
            "turn_id",
            "item_id",
            "phase",
            "context_kind",
            "author",
            "recipient",
            "text_chars",
            "text_bytes",
            "ide_context_chars",
            "message_parts",
            "images",
            "local_images",
            "audio_parts",
            "mentions",
            "image_types",
            "encrypted_bytes",
        ),
        (),
    ),
    (
        "parsed_reasoning",
        "parsed",
        "Lines that carry reasoning, by its size: the same often stands in two lines",
        "one row per line with reasoning (an agent_reasoning event is one part of a summary)",
        ("source_id", "line_number"),
        (
            *PLACE,
            "carrier",
            "turn_id",
            "item_id",
            "summary_parts",
            "summary_chars",
            "raw_parts",
            "raw_chars",
            "encrypted_bytes",
        ),
        (),
    ),
)
