"""Contracts of the raw layer, and of what no parser could make sense of.

Belongs here: sources, lines, rejected lines and unknown shapes, which all kinds of sources
share, and their columns. Does not belong here: what any kind's lines mean.
"""

from __future__ import annotations

from warehouse.contracts.base import HASHED, Column, Tables
from warehouse.contracts.common import TIMESTAMPTZ

PLACE = ("source_id", "line_number", "byte_offset", "recorded_at", "ordinal")

COLUMNS = (
    Column("path", "VARCHAR", "Where the source was last seen", strict=HASHED),
    Column(
        "copy_of",
        "VARCHAR",
        "source_id of the file whose identity this second, simultaneous file repeats",
        null="not a copy",
    ),
    Column("is_archived", "BOOLEAN", "Whether it lies in archived_sessions"),
    Column("is_compressed", "BOOLEAN", "Whether it is a .zst file"),
    Column("size_bytes", "BIGINT", "Size on disk", unit="bytes"),
    Column("modified_at", TIMESTAMPTZ, "Time of last change on disk"),
    Column(
        "content_hash",
        "VARCHAR",
        "Order-sensitive keyed hash of all lines read (what `--verify` compares)",
    ),
    Column("bytes_read", "BIGINT", "Decompressed bytes of complete lines read", unit="bytes"),
    Column("lines", "BIGINT", "Complete lines read (a database has none)"),
    Column("rejected_lines", "BIGINT", "Lines with a row in parsed_rejects"),
    Column(
        "deferred_bytes",
        "BIGINT",
        "Bytes of a last line without its newline, left for the next build",
        unit="bytes",
    ),
    Column("state", "VARCHAR", "present, missing (deleted; rows are kept) or unreadable"),
    Column("error", "VARCHAR", "What went wrong, without content", null="nothing went wrong"),
    Column("day", "DATE", "Storage bucket of the source's rows"),
    Column("generation", "BIGINT", "Lake generation in which the source last changed"),
    Column("parser_version", "BIGINT", "Version of the parser that read the rows"),
    Column("type", "VARCHAR", "Type of the line", null="the line has none or is malformed"),
    Column("payload_type", "VARCHAR", "Inner type of the line", null="the line has none"),
    Column(
        "payload_hash",
        "UBIGINT",
        "Keyed hash of the payload without its item id: equal for a copied line",
        null="the line has no payload",
    ),
    Column(
        "body",
        "VARCHAR",
        "The line itself, for kinds that hold no content",
        null="the kind may hold content, or the line is malformed or has a field that is not known",
    ),
    Column(
        "rule",
        "VARCHAR",
        "Rule that the line broke, such as not_json, not_an_envelope, no_payload, bad_field or "
        "line_too_long",
    ),
    Column(
        "shape_kind",
        "VARCHAR",
        "Kind of line, as type/payload_type/item_type (bare/type before 2025-09)",
    ),
    Column(
        "unknown_field",
        "VARCHAR",
        "Field that this version of Rollhouse does not know, as a path from the line's root "
        "(a name that is no plain word is called unusual)",
        null="the kind itself is unknown",
    ),
)

TABLES: Tables = (
    (
        "raw_sources",
        "raw",
        "Every logical source that was ever read, present or not",
        "one row per source",
        ("source_id",),
        (
            "source_id",
            "kind",
            "label",
            "path",
            "copy_of",
            "thread_id",
            "is_archived",
            "is_compressed",
            "size_bytes",
            "modified_at",
            "content_hash",
            "bytes_read",
            "lines",
            "rejected_lines",
            "deferred_bytes",
            "state",
            "error",
            "day",
            "generation",
            "parser_version",
        ),
        (),
    ),
    (
        "raw_lines",
        "raw",
        "Every complete line of every source, malformed ones too, without its content",
        "one row per line of a source",
        ("source_id", "line_number"),
        (
            "source_id",
            "line_number",
            "byte_offset",
            "byte_length",
            "recorded_at",
            "ordinal",
            "type",
            "payload_type",
            "payload_hash",
            "body",
        ),
        ("body",),
    ),
    (
        "parsed_rejects",
        "parsed",
        "Lines that could not be read, with the rule that they broke and no text of theirs",
        "one row per rejected line",
        ("source_id", "line_number"),
        ("source_id", "line_number", "byte_offset", "byte_length", "rule", "error"),
        (),
    ),
    (
        "parsed_unknown",
        "parsed",
        "Kinds of rollout lines, and fields of known kinds, that this version does not "
        "know. Fields are compared on every line, down to the levels that are read; maps and "
        "values that are only measured (a tool's arguments, a response item's outer metadata, "
        "replaced history, a world state) are not looked into",
        "one row per line of an unknown kind, and per unknown field of a line",
        ("source_id", "line_number", "shape_kind", "unknown_field"),
        ("source_id", "line_number", "byte_offset", "shape_kind", "unknown_field"),
        (),
    ),
)
