"""The JSON documents of the TypeScript CLI (until 2025-08-08): one file, one session.

Belongs here: taking such a document apart. Does not belong here: what its parts mean
(bare.py, messages.py, tools.py: they are the head and the response items of bare files).
"""

from __future__ import annotations

import msgspec


class Document(msgspec.Struct):
    session: msgspec.Raw
    items: list[msgspec.Raw] = []


def parts(written: bytes) -> list[tuple[int, bytes]]:
    """(byte offset, JSON) of the session and of each item, in the order of the file.

    Raises ValueError (MsgspecError is one) for what is no such document.
    """
    document = msgspec.json.decode(written, type=Document)
    values = [bytes(document.session), *map(bytes, document.items)]
    if written.find(b'"items"') < written.find(b'"session"'):
        values = [*values[1:], values[0]]
    found = []
    position = 0
    for value in values:
        position = written.index(value, position)
        found.append((position, value))
        position += len(value)
    return found
