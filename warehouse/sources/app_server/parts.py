"""Parts of inputs, messages and outputs: which are images, and how large texts are.

Belongs here: measuring a part. Does not belong here: what it is a part of.
"""

from __future__ import annotations

from warehouse.sources.app_server import shapes as s
from warehouse.sources.texts import text_bytes


def is_image(part: s.Part) -> bool:
    return part.type in ("image", "localImage", "input_image", "inputImage")


def part_bytes(part: s.Part | str) -> int:
    """Size of a part's text; 0 for one without text."""
    if isinstance(part, str):
        return len(part.encode("utf-8", "surrogatepass"))
    return text_bytes(part.text) or part.bytes or 0
