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
    Column("role", "VARCHAR", "Who speaks: user, assistant, developer or system"),
    Column(
        "context_kind",
        "VARCHAR",
        "What Codex put into a user's message without the user: environment_context, "
        "user_instructions, turn_aborted, skill, user_shell_command, ...",
        null="it is a prompt, or no user's message",
    ),
    Column("author", "VARCHAR", "Path of the agent that wrote it", null="not said"),
    Column("recipient", "VARCHAR", "Path of the agent that it is for", null="not said"),
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
        "Lines that carry a user's, the model's or Codex's message, by its size: the same message "
        "often stands in two lines",
        "one row per line with a message (user_message, agent_message, message, UserMessage, "
        "AgentMessage, HookPrompt)",
        ("source_id", "line_number"),
        (
            *PLACE,
            "carrier",
            "role",
            "turn_id",
            "item_id",
            "phase",
            "context_kind",
            "text_chars",
            "text_bytes",
            "ide_context_chars",
            "message_parts",
        ),
        (),
    ),
    (
        "parsed_attachments",
        "parsed",
        "What messages hold beside text: images, sound, links",
        "one row per line with a message that holds any",
        ("source_id", "line_number"),
        (
            *PLACE,
            "carrier",
            "role",
            "turn_id",
            "item_id",
            "images",
            "local_images",
            "image_types",
            "audio_parts",
            "mentions",
        ),
        (),
    ),
    (
        "parsed_agent_messages",
        "parsed",
        "Messages between agents, by their size; their text is often encrypted",
        "one row per agent_message item or inter_agent_communication line",
        ("source_id", "line_number"),
        (
            *PLACE,
            "turn_id",
            "item_id",
            "author",
            "recipient",
            "text_chars",
            "text_bytes",
            "encrypted_bytes",
            "message_parts",
        ),
        (),
    ),
    (
        "parsed_reasoning",
        "parsed",
        "Reasoning, by its size. Events and items that repeat it have no rows: every version "
        "writes the response item too",
        "one row per reasoning response item",
        ("source_id", "line_number"),
        (
            *PLACE,
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
