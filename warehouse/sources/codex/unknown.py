"""Fields of a line that its shape does not name.

Belongs here: comparing a line with its shape, level by level. Does not belong here: values;
no level is entered whose fields no shape names (maps, and values that are only measured).
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Union

import msgspec

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_NAME = re.compile(r"\w{1,64}\Z", re.ASCII)


def plain_name(name: str) -> str:
    """A field's or kind's name, if it can be one: short and plain, so that no text slips in."""
    return name if _NAME.match(name) else "unusual"


def unknown_names(written: bytes, known: frozenset[str]) -> list[str]:
    """Names of a JSON object's own fields that are not among `known`."""
    return [plain_name(name) for name in _object(written) if name not in known]


def unknown_fields(written: bytes, shape: Any, path: str = "") -> Iterator[str]:
    """Paths of the fields of a JSON value that `shape` (a type of a field) does not name.

    Raises MsgspecError for a value that is not JSON.
    """
    if written.startswith(b"{"):
        fields = _object(written)
        known = _fields(_struct(shape, fields))
        if known is None:
            return
        for name, value in fields.items():
            if name not in known:
                yield f"{path}{plain_name(name)}"
            elif (inner := known[name]) is not None:
                yield from unknown_fields(bytes(value), inner, f"{path}{name}.")
    elif written.startswith(b"[") and (part := _part(shape)) is not None:
        for value in _list(written):
            yield from unknown_fields(bytes(value), part, path)


def _struct(shape: Any, fields: dict[str, msgspec.Raw]) -> type[msgspec.Struct] | None:
    """The struct that an object of this type is; of tagged ones, that which it names."""
    structs = [s for s in _options(shape) if isinstance(s, type) and issubclass(s, msgspec.Struct)]
    if len(structs) <= 1:
        return structs[0] if structs else None
    for struct in structs:
        config = struct.__struct_config__
        tag = fields.get(config.tag_field or "")
        if tag is not None and bytes(tag) == f'"{config.tag}"'.encode():
            return struct
    return None


@cache
def _fields(shape: type[msgspec.Struct] | None) -> dict[str, Any] | None:
    """Names of a struct's fields, with the types of those that must be entered."""
    if shape is None or not shape.__struct_config__.forbid_unknown_fields:
        return None
    hints = typing.get_type_hints(shape, include_extras=True)
    found = {
        field.encode_name: hints[field.name] if _is_entered(hints[field.name]) else None
        for field in msgspec.structs.fields(shape)
    }
    if (tag := shape.__struct_config__.tag_field) is not None:
        found[tag] = None
    return found


def _is_entered(kind: Any) -> bool:
    return any(
        (isinstance(option, type) and issubclass(option, msgspec.Struct)) or _part(option)
        for option in _options(kind)
    )


@cache
def _part(kind: Any) -> Any:
    """The type of a list's parts, if they must be entered."""
    for option in _options(kind):
        if typing.get_origin(option) is list:
            (part,) = typing.get_args(option)
            return part if _is_entered(part) else None
    return None


@cache
def _options(kind: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return _options(typing.get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return tuple(option for part in typing.get_args(kind) for option in _options(part))
    return (kind,)
