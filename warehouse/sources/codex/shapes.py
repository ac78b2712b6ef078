"""What the shapes of rollout lines are made of, and how strictly they are read.

Belongs here: the base of all shapes, the types of their fields, and the lenient twin of a
shape. Does not belong here: the shapes of actual lines (usage.py, messages.py, ...).

A shape names every field that any version is known to write, since a field that is not named
makes the line take the slow way, where it is reported (unknown.py) and where nothing of the
line is kept as it stands. Fields that no row needs are Raw: skipped, not built. Every field
is optional, since every version lacks some.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Annotated, Any, Union

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows

Raw = msgspec.Raw

MAX_LABEL = 200

# A name, id or choice. None is longer than this: what is, is text in the wrong place.
Label = Annotated[str, msgspec.Meta(max_length=MAX_LABEL)]
# A time as text, where a line is kept as it stands: nothing else must pass for it.
Time = Annotated[str, msgspec.Meta(pattern=r"\A[0-9T:.+Z-]{10,40}\Z")]
# Arrow holds 64 bits; a larger number must be refused where it stands.
Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Number = Int | float

ABSENT = Raw(b"null")  # default of raw fields: as if the line said null
NULL = b"null"

_QUOTE = ord('"')


def is_text(raw: Raw) -> bool:
    """Whether a value is a text, told without a copy of it: it may be long."""
    return memoryview(raw)[0] == _QUOTE


# Where a line stands: line_number, byte_offset, recorded_at, ordinal.
Place = tuple[int, int, bytes | None, int | None]


class Shape(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Base of all shapes."""


class Payload(Shape):
    """Base of payloads: what a line is about."""

    type: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        """Append the rows of one line of this kind, in the contract's column order."""
        raise NotImplementedError


class Unit(Payload):
    """A known kind of which nothing is worth a row beside that of raw_lines."""

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        pass


class Duration(Shape):
    secs: Int = 0
    nanos: Int = 0


def duration_ms(duration: Duration | None) -> int | None:
    """Milliseconds; None for what is no duration (and would not fit a column)."""
    if duration is None or not 0 <= duration.secs < _ENDLESS or not 0 <= duration.nanos < _SECOND:
        return None
    return duration.secs * 1000 + duration.nanos // 1_000_000


def span_ms(started: int | None, completed: int | None) -> int | None:
    """Milliseconds between two times, of which 0 means unknown."""
    if not started or not completed or not 0 < started <= completed:
        return None
    return completed - started


_SECOND = 1_000_000_000  # in nanoseconds
_ENDLESS = 10**12  # seconds


# --- the lenient twin ---------------------------------------------------------------------------


class Cut(str):
    """A label in the lenient twin of a shape: cut where it is too long."""


@cache
def lenient(shape: Any) -> Any:
    """A shape's twin that takes unknown fields and cuts labels that are too long."""
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return _twin(shape)
    if typing.get_origin(shape) is Annotated:
        return {Label: Cut, Time: str}.get(shape, shape)
    arguments = tuple(lenient(argument) for argument in typing.get_args(shape))
    if not arguments:
        return shape
    origin = typing.get_origin(shape)
    if origin in (Union, types.UnionType):
        return Union[arguments]  # noqa: UP007 - the arguments are known at run time only
    return origin[arguments]


def _twin(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    hints = typing.get_type_hints(shape, include_extras=True)
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(shape):
        settings: dict[str, Any] = {
            "default": field.default,
            "default_factory": field.default_factory,
            "name": field.encode_name,
        }
        fields.append((field.name, lenient(hints[field.name]), msgspec.field(**settings)))
    return msgspec.defstruct(
        shape.__name__, fields, bases=(shape,), forbid_unknown_fields=False, kw_only=True
    )


def cut(wanted: type, value: object) -> object:
    """Hook of the lenient decoder, which knows no type `Cut`."""
    if wanted is Cut and isinstance(value, str):
        return Cut(value[:MAX_LABEL])
    raise TypeError("expected `str`")
