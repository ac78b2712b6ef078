"""What the functions that turn messages into rows share.

Belongs here: where a message stands, what it names, and the base of those functions' classes.
Does not belong here: any kind of message (one module each beside this one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.app_server import shapes as s
from warehouse.sources.named_rows import NamedRows

Place = Mapping[str, object]


class At(NamedTuple):
    """Where a message stands: columns of its place, its method, and its id as a request."""

    place: Place
    method: str
    request_id: str | None = None


class Named(NamedTuple):
    """The ids that a message names, and the size of the text that it carries."""

    thread_id: str | None = None
    turn_id: str | None = None
    item_id: str | None = None
    request_id: s.Id | None = None
    text_bytes: int | None = None


# method -> (shape of its params, function that adds its rows)
Handler = Callable[[Any, At], Named]
Known = dict[str, tuple[type[msgspec.Struct], Handler]]


class MessageRows:
    """Base of the functions for one family of messages; `known` says for which methods."""

    def __init__(self, privacy: Privacy, rows: NamedRows) -> None:
        self._privacy = privacy
        self._add = rows.add

    @property
    def known(self) -> Known:
        return {}
