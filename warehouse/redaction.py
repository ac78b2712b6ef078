"""App-server messages without their content: texts become their sizes.

Belongs here: what a recorder may write down of a message. Does not belong here: recording
(capture.py), and reading such messages again (sources/app_server).

Safe by default: a string is kept only where the protocol puts an id, a name from a fixed set,
a version or a folder, and only if it looks like one (else `unusual` stands there); every other
string is replaced by its size, `{"bytes": 5, "chars": 5}`. A repository's address loses its
credentials. What has no fixed form at all (a tool's arguments, settings) is replaced as a whole.
So a message of a kind that nobody knows yet gives nothing away either, and whatever Rollhouse
reads from messages is the same with and without content.
"""

from __future__ import annotations

import re
from typing import Any, get_type_hints

import msgspec

from warehouse.privacy import without_credentials
from warehouse.sources.app_server import shapes
from warehouse.sources.commands import command_word
from warehouse.sources.texts import UNUSUAL, camel_name

# Whole values of any form, which are content from the first key to the last number.
OPAQUE = frozenset(
    {
        "additionalContext",
        "arguments",
        "baseInstructions",
        "config",
        "developerInstructions",
        "dynamicTools",
        "env",
        "inputSchema",
        "input_schema",
        "metadata",
        "outputSchema",
        "structuredContent",
        "_meta",
    }
)
_CHOICES = frozenset({"decision", "approvalPolicy", "codexErrorInfo", "multiAgentMode", "action"})
_WORDS = {"summary": frozenset({"auto", "concise", "detailed", "none", "off"})}
_CLIENT = frozenset({"name", "title", "version"})
_SPACED = frozenset(
    {"agentNickname", "agentPath", "agent_nickname", "agent_path", "branch", "cwd", "limitName"}
    | {"model", "originUrl", "originator", "userAgent"}
)
_CHOICE = re.compile(r"[A-Za-z][A-Za-z_-]{0,60}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{0,200}\Z")
_SPACED_TOKEN = re.compile(r"[^\x00-\x1f\x7f]{0,400}\Z")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def _kept() -> frozenset[str]:
    """Keys that the parser's shapes read as strings, but for those that hold text elsewhere."""
    strings: set[str] = set()
    texts: set[str] = set()
    for shape in vars(shapes).values():
        if not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
            continue
        hints = get_type_hints(shape)
        fields = zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True)
        for field, key in fields:
            hint = str(hints[field])
            if "Raw" in hint or "Part" in hint:
                texts.add(key)
            elif "str" in hint:
                strings.add(key)
    return frozenset(strings - texts - _CLIENT - OPAQUE)


KEPT = _kept()


def redacted(message: Any, key: str = "", parent: str = "") -> Any:
    """A decoded message (or a value that stands below `key` in it) without its content."""
    if key in OPAQUE and message is not None:
        return _size(msgspec.json.encode(message).decode())
    if isinstance(message, str):
        return _text(message, key, parent)
    if isinstance(message, dict):
        return {
            name if _KEY.match(name) else f"key{index}": redacted(value, _spelled(name), key)
            for index, (name, value) in enumerate(message.items())
        }
    if isinstance(message, list):
        if key == "command" and all(isinstance(word, str) for word in message):
            return {**_size(" ".join(message)), **_word(message)}
        return [redacted(value, key, parent) for value in message]
    return message


def _spelled(name: str) -> str:
    """The name of a key as it is known here: streams may be in snake_case."""
    return name if name in KEPT or name in OPAQUE else camel_name(name)


def _text(text: str, key: str, parent: str) -> str | dict[str, object]:
    """A string as it may stay: as it is, as UNUSUAL where only a name can be, or as its size."""
    if key in _WORDS:
        return text if text in _WORDS[key] else _size(text)
    if key in _CHOICES:
        return text if _CHOICE.match(text) else UNUSUAL
    if key in KEPT or (key in _CLIENT and parent == "clientInfo"):
        form = _SPACED_TOKEN if key in _SPACED or key in _CLIENT else _TOKEN
        kept = without_credentials(text) if key == "originUrl" else text
        return kept if form.match(kept) else UNUSUAL
    if key == "command":
        return {**_size(text), **_word(text)}
    return _size(text)


def _word(command: str | list[str]) -> dict[str, object]:
    word = command_word(command)
    return {} if word is None else {"word": word}


def _size(text: str) -> dict[str, object]:
    return {"bytes": len(text.encode("utf-8", "surrogatepass")), "chars": len(text)}
