"""Rollout lines to rows: routed by their first bytes, decoded only where a row needs it.

Belongs here: finding a line's shape, its row of raw_lines, and what becomes of lines that
have no known shape. Does not belong here: the shapes and their rows (the other modules),
looking at other lines, deciding what counts (sql/ does both).

Every line gets a row of raw_lines. A line of the usual form is decoded straight into its
typed shape. Whatever that does not take (another order of keys, fields or kinds that no
shape names, wrong types, labels that are too long, lines without an envelope) goes the slow
way: read leniently, with its unknown parts reported; and what cannot be read is rejected.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import xxhash

from warehouse.privacy import Privacy
from warehouse.sources.base import ISO_UTC, Rows, epoch_us, iso_us, us_iso
from warehouse.sources.codex import (
    bare,
    events,
    messages,
    metadata,
    tools,
    turns,
    typescript,
    usage,
    work,
)
from warehouse.sources.codex.shapes import (
    ABSENT,
    NULL,
    Int,
    Payload,
    Place,
    cut,
    lenient,
)
from warehouse.sources.codex.unknown import plain_name, unknown_fields, unknown_names

TABLES = (
    "raw_lines",
    "parsed_rejects",
    "parsed_unknown",
    "parsed_session_meta",
    "parsed_turn_context",
    "parsed_settings",
    "parsed_usage",
    "parsed_rate_limits",
    "parsed_lifecycle",
    "parsed_compactions",
    "parsed_goal_updates",
    "parsed_events",
    "parsed_messages",
    "parsed_attachments",
    "parsed_agent_messages",
    "parsed_reasoning",
    "parsed_tool_calls",
    "parsed_tool_results",
    "parsed_items",
    "parsed_patches",
)

# Tables to which one kind of line adds: where all lines are usual, their rows are in order.
_IN_ORDER = frozenset(
    {
        "parsed_session_meta",
        "parsed_turn_context",
        "parsed_settings",
        "parsed_rate_limits",
        "parsed_compactions",
        "parsed_goal_updates",
        "parsed_reasoning",
    }
)

EVENTS: dict[str, type[Payload]] = {
    **usage.EVENTS,
    **metadata.EVENTS,
    **turns.EVENTS,
    **events.EVENTS,
    **messages.EVENTS,
    **work.EVENTS,
}
ITEMS: dict[str, type[Payload]] = {**messages.ITEMS, **tools.ITEMS, **events.ITEMS}
LINES: dict[str, type[Payload]] = {
    **usage.LINES,
    **metadata.LINES,
    **turns.LINES,
    **messages.LINES,
    **events.LINES,
}
# Lines whose kind is said by the payload's type.
KINDS: dict[str, dict[str, type[Payload]]] = {
    "event_msg": EVENTS,
    "response_item": ITEMS,
    "retained_context": events.RETAINED,
}

# Lines that hold numbers, ids and flags only: kept whole, so that a later parser can read
# them anew after the source is gone. Their shapes type every field, at every level.
KEPT = frozenset({*usage.EVENTS, *usage.LINES, *turns.KEPT_EVENTS, *events.KEPT_EVENTS})

# Groups: time, ordinal, what tells the kind (up to the inner type), the item's id. Characters
# are not told apart here where that is slow: what the kind may be, the routes say. No repeat
# gives back what it took (`+` after it): that makes it a third faster.
_LINE = re.compile(
    rb'\{"timestamp":"([^"Z]{19,29}+Z)",(?:"ordinal":(\d{1,18}+),)?+'
    rb'("type":"[^"]{1,64}+","payload":\{(?:"type":"[^"]{1,64}+")?+)'
    rb'(?:(?:,"status":"[^"]{1,64}+")?+(,"id":"[^"]{1,120}+"))?+'
)
_ROUTE = re.compile(rb'"type":"([^"]+)","payload":\{(?:"type":"([^"]+)")?')
_METADATA = b',"metadata":{'  # follows the payload of a response_item, within its last bytes
_TO_METADATA = len(_METADATA) - 1
_METADATA_BYTES = 1000
_BRACE = ord("}")
_HASH = 7  # of a row of raw_lines: payload_hash
_TIME = b"0123456789T:.-Z"

# Fields of a line beside its payload.
_LINE_FIELDS = frozenset({"timestamp", "ordinal", "type", "payload"})
_ITEM_FIELDS = _LINE_FIELDS | {"metadata"}

# Half of a surrogate pair, which JSON can write and no text can hold.
_HALF_PAIR = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w)|\\u[dD][89a-fA-F]\w\w)"
)
_QUOTED = re.compile(r"'.*'", re.DOTALL)  # up to the last: a value may hold quotes

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Route(NamedTuple):
    """What becomes of lines that begin in a certain way.

    `decode` reads a payload. `is_kept` tells lines that are kept whole, `to_payload` where
    the payload begins after the start of the route.
    """

    kind: str
    inner: str | None
    name: str
    decode: Callable[[bytes], Any]
    is_known: bool
    is_kept: bool
    is_item: bool
    to_payload: int


# A line, start and end of the payload in it, and where it stands.
Stretch = tuple[bytes, int, int, Place]


class Envelope(msgspec.Struct, gc=False):
    """Any line, whatever the order of its keys."""

    timestamp: str | int | float | None = None
    ordinal: Int | None = None
    type: str | None = None
    payload: msgspec.Raw = ABSENT


class Head(msgspec.Struct, gc=False):
    type: str | None = None


class ItemHead(msgspec.Struct, gc=False):
    item: Head | None = None


class _Reject(Exception):
    """A line that cannot be read; the message holds no content."""

    def __init__(self, rule: str, error: str) -> None:
        super().__init__(error)
        self.rule = rule
        self.error = error


_validate = msgspec.json.Decoder(msgspec.Raw).decode
_line_number = itemgetter(0)
_envelope = msgspec.json.Decoder(Envelope).decode
_head = msgspec.json.Decoder(Head).decode
_item_head = msgspec.json.Decoder(ItemHead).decode


def _route(kind: str, inner: str | None, shape: type[Payload] | None) -> Route:
    name = kind if inner is None else inner
    decode = _validate if shape is None else msgspec.json.Decoder(shape).decode
    return Route(
        kind,
        inner,
        name,
        decode,
        shape is not None,
        name in KEPT,
        kind == "response_item",
        len(kind) + len('"type":"","payload":'),
    )


@cache
def _routes() -> dict[bytes, Route]:
    """The routes of all known kinds, by what tells the kind. Made at first use."""
    routes = {
        f'"type":"{kind}","payload":{{"type":"{inner}"'.encode(): _route(kind, inner, shape)
        for kind, shapes in KINDS.items()
        for inner, shape in shapes.items()
    }
    for kind, shape in LINES.items():
        routes[f'"type":"{kind}","payload":{{'.encode()] = _route(kind, None, shape)
    return routes


def _unknown_route(written: bytes) -> Route:
    """The route of an unknown kind; its names are given as far as they are plain ones."""
    match = _ROUTE.fullmatch(written)
    kind, inner = match.groups() if match else (b"", None)
    route = _route(
        plain_name(kind.decode("utf-8", "replace")),
        None if inner is None else plain_name(inner.decode("utf-8", "replace")),
        None,
    )
    return route._replace(to_payload=written.index(b',"payload":{') + len(b',"payload":'))


@cache
def _lenient_decoder(shape: type[Payload]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(lenient(shape), strict=False, dec_hook=cut)


class CodexParser:
    """Parser of one worker. Row tuples follow the contracts' column order."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._seed = privacy.seed
        self._routes = _routes()

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """See `sources.base.Parser`.

        In two passes: lines of one kind right after each other take a tenth less time.
        """
        before = {table: len(added) for table, added in rows.items()}
        groups, unusual = self._sort(lines, line_number, offset, rows)
        is_usual = sum(map(len, groups.values())) == len(lines)
        privacy = self._privacy
        for way, group in groups.items():
            route = self._routes[way]
            decode = route.decode
            name = route.name
            for line, start, end, place in group:
                try:
                    decode(line[start:end]).add(name, place, rows, privacy)
                except _UNREADABLE:
                    unusual.append(place)
        is_usual = is_usual and not unusual
        raw = rows["raw_lines"]
        first = before.pop("raw_lines")
        for place in unusual:
            index = place[0] - line_number
            line = lines[index]
            names = self._read_slowly(line, place, rows)
            if names is None:
                raw[first + index] = (place[0], place[1], len(line), *[None] * 6)
            else:
                *known, _, _, hashed, _ = raw[first + index]
                if line.endswith(b"\r"):
                    hashed = self._hash_of(line.rstrip(b"\r"))
                raw[first + index] = (*known, *names, hashed, None)
        for table, start in before.items():
            added = rows[table]
            if len(added) > start + 1 and not (is_usual and table in _IN_ORDER):
                added[start:] = sorted(added[start:], key=_line_number)

    def _sort(
        self, lines: list[bytes], line_number: int, offset: int, rows: Rows
    ) -> tuple[dict[bytes, list[Stretch]], list[Place]]:
        """Rows of raw_lines; and all payloads by their kind, those to be looked at apart.

        Payloads are cut out when they are read, and not kept: that takes less of the caches.
        """
        raw = rows["raw_lines"].append
        match = _LINE.match
        known = self._routes.get
        fast_hash = xxhash.xxh3_64_intdigest
        seed = self._seed
        groups: dict[bytes, list[Stretch]] = {}
        unusual: list[Place] = []
        for line in lines:
            length = len(line)
            matched = match(line)
            if matched is None:
                self._add_unusual(line, line_number, offset, rows)
                line_number += 1
                offset += length + 1
                continue
            at, ordinal, way, item_id = matched.groups()
            if ordinal is not None:
                ordinal = int(ordinal)
            route = known(way) or _unknown_route(way)
            kind, inner, _, _, is_known, is_kept, is_item, to_payload = route
            place = (line_number, offset, at, ordinal)
            start = matched.start(3) + to_payload
            is_usual = is_known and line[-1] == _BRACE
            # the payload's hash, which a copied line shares: no time, item id or metadata
            if is_item:
                end = line.rfind(_METADATA, -_METADATA_BYTES)
                if end > start:
                    is_usual = is_usual and _is_json(line[end + _TO_METADATA : -1])
                else:
                    end = -1
                if item_id is None:
                    hashed = fast_hash(line[start:end], seed)
                else:
                    before, after = matched.span(4)
                    hashed = fast_hash(line[start:before] + line[after:end], seed)
            else:
                end = -1
                hashed = fast_hash(line[start:-1], seed)
            if not is_usual:
                unusual.append(place)
            elif way in groups:
                groups[way].append((line, start, end, place))
            else:
                groups[way] = [(line, start, end, place)]
            body = line if is_kept and not at.translate(None, _TIME) else None
            raw((line_number, offset, length, at, ordinal, kind, inner, hashed, body))
            line_number += 1
            offset += length + 1
        return groups, unusual

    def _hash_of(self, line: bytes) -> object:
        """The payload's hash of a line, for one whose file got other line ends on its way."""
        rows: Rows = defaultdict(list)
        self._sort([line], 1, 0, rows)
        return rows["raw_lines"][0][_HASH]

    def parse_file(self, path: str, rows: Rows) -> int:
        """Read a JSON document of the TypeScript CLI; its parts count as lines."""
        with open(path, "rb") as file:
            written = file.read()
        try:
            parts = typescript.parts(_mended(written))
        except (ValueError, RecursionError):  # of all of msgspec's errors, too
            rows["parsed_rejects"].append(
                (1, 0, len(written), "not_a_document", "the file is no document of a session")
            )
            rows["raw_lines"].append((1, 0, len(written), *[None] * 6))
            return 1
        for number, (offset, part) in enumerate(parts, 1):
            self._add_bare(part, number, offset, rows, bare.DOCUMENT)
        return len(parts)

    # --- whatever is not as usual -----------------------------------------------------------------

    def _read_slowly(
        self, line: bytes, place: Place, rows: Rows
    ) -> tuple[str | None, str | None] | None:
        """Rows of a line that its shape did not take as it is; None if it is not JSON.

        Gives (kind, type of the payload): the line's first bytes do not tell them where keys
        stand in another order, come twice, or are written with escapes.
        """
        try:
            envelope = _read_envelope(line)
        except _Reject as reject:
            _add_reject(reject, line, place, rows)
            return None
        return self._read_parts(envelope, line, place, rows)

    def _add_unusual(self, line: bytes, line_number: int, offset: int, rows: Rows) -> None:
        """A line in an unusual form: read as an envelope or a bare line, else rejected."""
        place: Place = (line_number, offset, None, None)
        kind = name = hashed = None
        if line.strip():
            try:
                envelope = _read_envelope(line)
                if envelope.payload is ABSENT:
                    self._add_bare(line, line_number, offset, rows, bare.BARE)
                    return
                place = (line_number, offset, _line_time(envelope.timestamp), envelope.ordinal)
                kind, name = self._read_parts(envelope, line, place, rows)
                if envelope.payload != ABSENT:
                    hashed = xxhash.xxh3_64_intdigest(envelope.payload, self._seed)
            except _Reject as reject:
                _add_reject(reject, line, place, rows)
        _, _, at, ordinal = place
        rows["raw_lines"].append(
            (line_number, offset, len(line), at, ordinal, kind, name, hashed, None)
        )

    def _read_parts(
        self, envelope: Envelope, line: bytes, place: Place, rows: Rows
    ) -> tuple[str | None, str | None]:
        """Rows of a line's payload. Gives (kind, type of the payload)."""
        payload = bytes(envelope.payload)
        kind = None if envelope.type is None else plain_name(envelope.type)
        name = _type_of(payload)
        try:
            if payload == NULL:
                raise _Reject("no_payload", "the line has no payload")
            if kind is None:
                raise _Reject("no_type", "the line has no type")
            if not payload.startswith(b"{"):
                raise _Reject("bad_field", "Expected `object` - at `$.payload`")
            self._read_payload(payload, kind, name, line, place, rows)
        except _Reject as reject:
            _add_reject(reject, line, place, rows)
        return kind, name

    def _read_payload(
        self, payload: bytes, kind: str, name: str | None, line: bytes, place: Place, rows: Rows
    ) -> None:
        """Rows of a payload, read leniently; what of it is unknown is reported."""
        shape = KINDS[kind].get(name or "") if kind in KINDS else LINES.get(kind)
        label = f"{kind}/{name or '-'}" if kind in KINDS else kind
        if shape is work.ItemCompleted:
            item_type = _item_type(payload)
            label = f"{label}/{'-' if item_type is None else plain_name(item_type)}"
            if item_type not in work.ITEM_TYPES:
                shape = None
        if shape is None:
            _add_unknown(label, None, place, rows)
            return
        try:
            self._add_leniently(shape, payload, name or kind, place, rows)
        except _Reject as reject:
            _add_reject(reject, line, place, rows)
            return
        outer = _ITEM_FIELDS if kind == "response_item" else _LINE_FIELDS
        try:
            fields = [*unknown_names(line, outer), *unknown_fields(payload, shape, "payload.")]
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return  # half a surrogate pair somewhere; what the line tells was read
        for field in dict.fromkeys(fields):
            _add_unknown(label, field, place, rows)

    def _add_leniently(
        self, shape: type[Payload], payload: bytes, name: str, place: Place, rows: Rows
    ) -> None:
        """Add the rows of a payload: "5" and 5.0 pass for 5, long labels are cut."""
        try:
            value = _lenient_decoder(shape).decode(_mended(payload))
            value.add(name, place, rows, self._privacy)
        except msgspec.ValidationError as error:
            raise _Reject("bad_field", _where(error)) from None
        except _UNREADABLE:
            raise _Reject("not_json", "the payload is not JSON") from None

    def _add_bare(
        self, written: bytes, line_number: int, offset: int, rows: Rows, form: str
    ) -> None:
        """A line from before the envelope: the head, or a response item."""
        place: Place = (line_number, offset, None, None)
        kind: str | None = None
        try:
            kind = _type_of(written)
            if kind is not None:
                shape, name = ITEMS.get(kind), kind
            elif b'"record_type"' in written[:40]:
                shape, name = bare.State, form
            elif b'"id"' in written:
                shape, name = bare.Head, form
            else:
                raise _Reject("no_payload", "the line has no payload")
            label = f"{form}/{kind or 'head'}"
            if shape is None:
                _add_unknown(label, None, place, rows)
            else:
                self._add_leniently(shape, written, name, place, rows)
                for field in dict.fromkeys(unknown_fields(written, shape)):
                    _add_unknown(label, field, place, rows)
        except _Reject as reject:
            _add_reject(reject, written, place, rows)
        rows["raw_lines"].append(
            (
                line_number,
                offset,
                len(written),
                None,
                None,
                kind,
                None,
                xxhash.xxh3_64_intdigest(written, self._seed),
                None,
            )
        )


def _is_json(written: bytes) -> bool:
    try:
        _validate(written)
    except _UNREADABLE:
        return False
    return True


def _read_envelope(line: bytes) -> Envelope:
    try:
        return _envelope(_mended(line))
    except msgspec.ValidationError as error:
        raise _Reject("not_an_envelope", _where(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Reject("not_json", "the line is not JSON (torn or damaged)") from None
    except RecursionError:
        raise _Reject("not_json", "the line is nested too deeply") from None


def _mended(written: bytes) -> bytes:
    """JSON with halves of surrogate pairs replaced, which msgspec does not take."""
    if b"\\ud" not in written and b"\\uD" not in written:
        return written
    return _HALF_PAIR.sub(lambda m: m[1] + (m[2] or rb"\ufffd"), written)


def _add_reject(reject: _Reject, line: bytes, place: Place, rows: Rows) -> None:
    number, offset, *_ = place
    rows["parsed_rejects"].append((number, offset, len(line), reject.rule, reject.error))


def _add_unknown(kind: str, field: str | None, place: Place, rows: Rows) -> None:
    number, offset, *_ = place
    rows["parsed_unknown"].append((number, offset, kind, field))


def _type_of(payload: bytes) -> str | None:
    """The `type` of a JSON object, if it has one that is a name."""
    try:
        kind = _head(payload).type
    except _UNREADABLE:
        return None
    return None if kind is None else plain_name(kind)


def _item_type(payload: bytes) -> str | None:
    try:
        item = _item_head(payload).item
    except _UNREADABLE:
        return None
    return None if item is None else item.type


def _line_time(value: str | float | None) -> bytes | None:
    if isinstance(value, str):
        text = value.encode("utf-8", "replace")
        if ISO_UTC.match(text):
            return text
        us = iso_us(value)
    else:  # some writers used numbers: seconds, or milliseconds from 1e11 on
        is_ms = value is not None and 1e11 <= abs(value) < 1e16  # beyond, there are no dates
        us = epoch_us(value / 1000 if is_ms and value is not None else value)
    return None if us is None else us_iso(us)


def _where(error: msgspec.ValidationError) -> str:
    """The place and expected type that msgspec names, without the values that it quotes."""
    return _QUOTED.sub("'...'", str(error))[:200]
