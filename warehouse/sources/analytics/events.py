"""Analytics captures: lines of request bodies to rows, one for each event.

Belongs here: cutting lines into events, the row that all events share, rejects. Does not
belong here: the fields of each type of event (shapes.py), and anything that looks at other
events (sql/ does).

A line is a request body `{"events": [...]}`, with or without `received_at`, a list of
events, or one bare event. An event of an unknown type, or one whose fields do not fit its
type, is kept by type (is_known = FALSE); the latter makes its line a reject as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
import xxhash

from warehouse.privacy import Privacy
from warehouse.sources.analytics import shapes as s
from warehouse.sources.base import Rows
from warehouse.sources.jsonlines import (
    BYTE_ORDER_MARK,
    UNREADABLE,
    Reject,
    Taken,
    decoded,
    where,
    written_at,
)
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.texts import UNUSUAL, word

TABLES: tuple[str, ...] = (
    "raw_lines",
    "parsed_rejects",
    "parsed_analytics",
    *dict.fromkeys(table for table, _, _ in s.EVENTS.values()),
)

Values = dict[str, object]


class _Reader:
    """Decodes one shape and gives its values by column."""

    def __init__(self, shape: type[s.Shape]) -> None:
        self._decode = msgspec.json.Decoder(shape).decode
        hints = get_type_hints(shape, include_extras=True)
        self._conversions: list[tuple[str, Callable[[Any], object]]] = [
            (name, made)
            for name in shape.__struct_fields__
            for made in getattr(hints[name], "__metadata__", ())
            if callable(made)
        ]

    def values(self, params: msgspec.Raw) -> Values:
        values: Values = msgspec.structs.asdict(self._decode(params))
        for name, convert in self._conversions:
            values[name] = convert(values[name])
        return values


class AnalyticsParser:
    """Parser of one worker."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._seed = privacy.seed
        self._named = NamedRows(TABLES)
        self._line = msgspec.json.Decoder(s.Line).decode
        self._list = msgspec.json.Decoder(list[msgspec.Raw]).decode
        self._event = msgspec.json.Decoder(s.Event).decode
        self._readers = {shape: _Reader(shape) for _, shape, _ in s.EVENTS.values()}
        self._common = _Reader(s.Common)

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """See `sources.base.Parser`."""
        self._named.rows = rows
        for line in lines:
            at: bytes | None = None
            types: list[str] = []
            form: str | None = None
            before = Taken(rows)
            reject: tuple[str, str] | None = None
            try:
                if line.strip():
                    form, at, events = self._events(line.removeprefix(BYTE_ORDER_MARK))
                    place: Values = {
                        "line_number": line_number,
                        "byte_offset": offset,
                        "recorded_at": at,
                    }
                    self._all_rows(events, place, types)
            except Reject as found:  # not kept: it holds this frame, and with it all lines
                reject = (found.rule, found.error)
            except UNREADABLE:
                before.back()
                reject = ("not_json", "a text in the line is not UTF-8")
            if reject is not None:
                rows["parsed_rejects"].append((line_number, offset, len(line), *reject))
            rows["raw_lines"].append(
                (
                    line_number,
                    offset,
                    len(line),
                    at,
                    None,
                    form,
                    types[0] if form is not None and len(types) == 1 else None,
                    xxhash.xxh3_64_intdigest(line, self._seed) if form is not None else None,
                    None,
                )
            )
            line_number += 1
            offset += len(line) + 1

    def parse_file(self, path: str, rows: Rows) -> int:
        """No capture is read as a whole."""
        raise NotImplementedError(path)

    def _events(self, line: bytes) -> tuple[str, bytes | None, list[s.Event | None]]:
        """(form of the line, time, events) of a line."""
        if line.lstrip().startswith(b"["):
            return "list", None, self._each(decoded(self._list, line, "not_an_event"))
        body = decoded(self._line, line, "not_an_event")
        at = written_at(body.received_at)
        if body.events is not None:
            return "events", at, self._each(body.events)
        if body.event_type is None:
            raise Reject("not_an_event", "neither events nor an event_type")
        return "event", at, [body]

    def _each(self, events: list[msgspec.Raw]) -> list[s.Event | None]:
        """Events of a list; None for what is none, so that it costs no other its row."""
        found: list[s.Event | None] = []
        for raw in events:
            try:
                found.append(self._event(raw))
            except msgspec.ValidationError:
                found.append(None)
        return found

    def _all_rows(self, events: list[s.Event | None], place: Values, types: list[str]) -> None:
        """Rows of a line's events; a misfit among them is told when all are written."""
        misfit: str | None = None
        for position, event in enumerate(events):
            if event is None:
                misfit = f"event {position}: it is no object"
                continue
            event_type = word(event.event_type) or UNUSUAL
            at: Values = {**place, "position": position}
            types.append(event_type)
            values: Values = {}
            is_known = event_type in s.EVENTS
            try:
                common = self._common_values(event.event_params)
                if is_known:
                    values = self._typed_row(event, event_type, at)
            except msgspec.ValidationError as error:
                misfit = f"event {position}: {where(error)}"
                common, is_known = {}, False
            occurred_at = next(
                (
                    values[name]
                    for name in ("completed_at", "occurred_at", "created_at")
                    if values.get(name) is not None
                ),
                None,
            )
            self._named.add(
                "parsed_analytics",
                at,
                common,
                {"event_type": event_type, "is_known": is_known, "occurred_at": occurred_at},
            )
        if misfit is not None:
            raise Reject("bad_field", misfit)

    def _common_values(self, params: msgspec.Raw) -> Values:
        """Whose an event is; nothing for one without parameters."""
        if bytes(params) == b"null":
            return {}
        values = self._common.values(params)
        client = values.pop("app_server_client")
        runtime = values.pop("runtime")
        values["thread_source"] = values["thread_source"] or values["session_source"]
        del values["session_source"]
        if isinstance(client, s.Client):
            product = values["product_client_id"]
            values.update(msgspec.structs.asdict(client))
            values["product_client_id"] = client.product_client_id or product
        if isinstance(runtime, s.Runtime):
            values.update(msgspec.structs.asdict(runtime))
        return values

    def _typed_row(self, event: s.Event, event_type: str, at: Values) -> Values:
        table, shape, told = s.EVENTS[event_type]
        params = event.event_params if bytes(event.event_params) != b"null" else _NO_PARAMS
        values = self._readers[shape].values(params)
        if table == "parsed_analytics_extensions":
            url = values.pop("repo_url")
            values["repository_url"], values["repo_id"] = self._privacy.repository(
                url if isinstance(url, str) else None
            )
            values["skill_id"], values["skill_name"] = event.skill_id, event.skill_name
        elif table == "parsed_analytics_lines" and isinstance(values["repo_hash"], str):
            values["repo_hash"] = self._privacy.place(values["repo_hash"])
        self._named.add(table, at, values, told)
        return values


_NO_PARAMS = msgspec.Raw(b"{}")
