"""What may be kept of the strings in a message: names, ids, sizes.

Belongs here: reducing a raw JSON value to a size, a plain name or an id, for the kinds
whose messages carry texts between their numbers. Does not belong here: which field is what
(the kinds' shapes), paths and repositories (privacy.py).

A capture made without content holds `{"bytes": 5, "chars": 5}` where a text was; both forms
have the same size here.
"""

from __future__ import annotations

import re

import msgspec

from warehouse.sources.commands import command_word

UNUSUAL = "unusual"
NULL = b"null"

_WORD = re.compile(r"[A-Za-z0-9_][\w.:/+*@-]{0,99}\Z", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,200}\Z")
# Names that the app-server's protocol spells with underscores where all others are camelCase.
_TRULY_SNAKE = frozenset(
    {
        "parent_thread_id",
        "agent_path",
        "agent_nickname",
        "agent_role",
        "agent_type",
        "thread_spawn",
        "move_path",
        "network_policy_amendment",
    }
)
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Size(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What a recorder writes in place of a text that it does not keep."""

    bytes: int
    chars: int
    word: str | None = None


_size = msgspec.json.Decoder(Size).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_string = msgspec.json.Decoder(str).decode
_strings = msgspec.json.Decoder(list[str]).decode


def word(text: str | None) -> str | None:
    """A name from a fixed set, such as a status; what is no such name is called `unusual`."""
    if text is None:
        return None
    return text if _WORD.match(text) else UNUSUAL


def snake_word(text: str | None) -> str | None:
    """Such a name in snake_case, however it was spelled: budgetLimited is budget_limited."""
    name = word(text)
    return None if name is None else _CAPITAL.sub("_", name).lower()


def camel_name(name: str) -> str:
    """The key of a message in camelCase, however it was spelled: thread_id is threadId."""
    if name in _TRULY_SNAKE or "_" not in name or name.startswith("_"):
        return name
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def ident(value: str | int | None) -> str | None:
    """An id as text; what is too long or has spaces cannot be one and is called `unusual`."""
    if value is None:
        return None
    text = str(value)
    return text if _ID.match(text) else UNUSUAL


def is_null(raw: msgspec.Raw) -> bool:
    return bytes(raw) == NULL


def text_bytes(raw: msgspec.Raw) -> int | None:
    """Size in UTF-8 of a text, of the texts of a list, or of another value's JSON."""
    value = bytes(raw)
    if value == NULL:
        return None
    if value.startswith(b'"'):
        if b"\\" not in value:
            return len(value) - 2
        return len(_string(value).encode("utf-8", "surrogatepass"))
    if value.startswith(b"["):
        return sum(text_bytes(part) or 0 for part in _list(value))
    if (size := _size_of(value)) is not None:
        return size.bytes
    return len(value)


def text_chars(raw: msgspec.Raw) -> int | None:
    """Length of a text in characters; None where there is none."""
    value = bytes(raw)
    if value.startswith(b'"'):
        return len(_string(value))
    size = _size_of(value)
    return None if size is None else size.chars


def word_of_command(raw: msgspec.Raw) -> str | None:
    """The first word of a command that is given as a string, a list, or a size."""
    value = bytes(raw)
    try:
        if value.startswith(b'"'):
            return command_word(_string(value))
        if value.startswith(b"["):
            return command_word(_strings(value))
    except msgspec.ValidationError:
        return UNUSUAL
    size = _size_of(value)
    return None if size is None else word(size.word)


def word_of(raw: msgspec.Raw) -> str | None:
    """A name from a fixed set, where a text may stand for something else in other messages."""
    value = bytes(raw)
    return word(_string(value)) if value.startswith(b'"') else None


def tag_of(raw: msgspec.Raw) -> str | None:
    """A choice that is a string or an object with one key: the string or the key."""
    value = bytes(raw)
    if value.startswith(b'"'):
        return word(_string(value))
    if value.startswith(b"{"):
        try:
            keys = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        except msgspec.MsgspecError:
            return UNUSUAL
        return word(next(iter(keys), None))
    return None


def _size_of(value: bytes) -> Size | None:
    if not value.startswith(b'{"bytes"'):
        return None
    try:
        return _size(value)
    except msgspec.MsgspecError:
        return None
