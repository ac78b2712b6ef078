"""Texts of sessions in projects that the user named: encrypted files beside the lake.

Belongs here: which sources are captured, their texts, the key, removing them again. Does not
belong here: counts (these come from the lake, whether texts are captured or not), and any
text in lake, stage, warehouse or logs.

    <home>/content/<project>/content_<source>.parquet   texts of one source, encrypted
    <home>/content/index.msgpack                        what was captured; holds no text and no path

Capture is a pass of its own after the ingest, over the files of named projects alone: it reads
these a second time, so that the parsers never hold a text longer than it takes to measure it.
"""

from __future__ import annotations

from warehouse.content.capturing import Captured, capture, is_pending, require_key
from warehouse.content.key import ContentKeyError
from warehouse.content.purge import purge

__all__ = ["Captured", "ContentKeyError", "capture", "is_pending", "purge", "require_key"]
