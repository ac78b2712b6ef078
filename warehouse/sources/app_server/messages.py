"""App-server streams: lines to messages, routed by their first bytes.

Belongs here: the two forms of a line (the message itself, or wrapped by a recorder), deltas,
envelopes, rejects. Does not belong here: what each kind of message holds (shapes.py, rows.py),
and anything that looks at other messages (sql/ does).

Most bytes of a stream are deltas. They are not decoded: a pattern takes their ids from the
front and their end from the back, and what lies between is counted. Any line in another
form is decoded as an envelope; what that cannot read becomes a reject.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import xxhash

from warehouse.privacy import Privacy
from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.answers import AnswerRows
from warehouse.sources.app_server.approvals import ApprovalRows
from warehouse.sources.app_server.connections import ConnectionRows
from warehouse.sources.app_server.core_events import CoreEventRows
from warehouse.sources.app_server.goals import GoalRows
from warehouse.sources.app_server.items import ItemRows
from warehouse.sources.app_server.methods import EVENT_PREFIX, sender_of
from warehouse.sources.app_server.rows import At, Named, Place
from warehouse.sources.app_server.threads import ThreadRows
from warehouse.sources.app_server.turns import TurnRows
from warehouse.sources.app_server.usage import UsageRows
from warehouse.sources.base import ISO_UTC, Rows, epoch_ms_us
from warehouse.sources.jsonlines import (
    BYTE_ORDER_MARK,
    UNREADABLE,
    Reject,
    Taken,
    decoded,
    written_at,
)
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.texts import UNUSUAL, camel_name, ident, text_bytes

TABLES: tuple[str, ...] = (
    "raw_lines",
    "parsed_rejects",
    "parsed_app_server",
    "parsed_app_connections",
    "parsed_app_threads",
    "parsed_app_thread_changes",
    "parsed_app_turns",
    "parsed_app_items",
    "parsed_app_usage",
    "parsed_app_rate_limits",
    "parsed_app_goals",
    "parsed_app_approvals",
)

_TEXT_METHODS = {
    b"item/agentMessage/delta",
    b"item/plan/delta",
    b"item/reasoning/summaryTextDelta",
    b"item/reasoning/textDelta",
    b"item/commandExecution/outputDelta",
    b"item/fileChange/outputDelta",
    b"turn/diff/updated",
}

# Groups: time, start of the message, method, thread, turn, item, size in place of text.
_DELTA = re.compile(
    rb'(?:\{"ts": ?"([^"\\]{1,40})", ?"dir": ?"in", ?"msg": ?)?'
    rb'(\{)"method": ?"([A-Za-z/]{1,60})", ?"params": ?'
    rb'\{"threadId": ?"([!#-\[\]-~]{1,200})", ?"turnId": ?"([!#-\[\]-~]{1,200})", ?'
    rb'(?:"itemId": ?"([!#-\[\]-~]{1,200})", ?)?'
    rb'"(?:delta|diff)": ?(?:"|\{"bytes": ?(\d{1,15}), ?"chars": ?\d{1,15}\})'
)
# What follows a delta's text, to the end of the line. Groups: emittedAtMs, end of a wrapper.
_AFTER = re.compile(
    rb'(?:, ?"(?:summaryIndex|contentIndex)": ?\d{1,9})?\}'
    rb'(?:, ?"emittedAtMs": ?(\d{1,15}))?\}(\})?\Z'
)
_AFTER_TEXT = re.compile(b'"' + _AFTER.pattern)
_AFTER_BYTES = 120

_METHOD = re.compile(r"[A-Za-z][\w./$-]{0,99}\Z", re.ASCII)
_SNAKE = re.compile(
    rb'"(?:(?:thread|turn|item|session|request|review_thread)_id|client_info|user_agent)" ?:'
)


class AppServerParser:
    """Parser of one worker."""

    def __init__(self, privacy: Privacy) -> None:
        self._seed = privacy.seed
        self._named = NamedRows(TABLES)
        turns = TurnRows(privacy, self._named)
        threads = ThreadRows(privacy, self._named, turns)
        connections = ConnectionRows(privacy, self._named)
        items = ItemRows(privacy, self._named)
        usage = UsageRows(privacy, self._named)
        goals = GoalRows(privacy, self._named)
        approvals = ApprovalRows(privacy, self._named)
        self._answers = AnswerRows(connections, threads, turns, usage, goals, approvals)
        self._core_events = CoreEventRows(privacy, self._named, turns)
        self._wrapper = msgspec.json.Decoder(s.Wrapper).decode
        self._message = msgspec.json.Decoder(s.Message).decode
        self._ids = msgspec.json.Decoder(s.Ids).decode
        self._answer = msgspec.json.Decoder(s.Answer).decode
        self._event = msgspec.json.Decoder(s.EventNotice).decode
        self._known = {
            method: (msgspec.json.Decoder(shape).decode, handler)
            for rows in (connections, threads, turns, items, usage, goals, approvals)
            for method, (shape, handler) in rows.known.items()
        }

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """See `sources.base.Parser`."""
        self._named.rows = rows
        for line in lines:
            delta = _DELTA.match(line)
            if (
                delta is None
                or delta[3] not in _TEXT_METHODS
                or not self._delta(line, delta, line_number, offset)
            ):
                self._line(line, line_number, offset)
            line_number += 1
            offset += len(line) + 1

    def parse_file(self, path: str, rows: Rows) -> int:
        """No stream is read as a whole."""
        raise NotImplementedError(path)

    # --- deltas ---------------------------------------------------------------------------------

    def _delta(self, line: bytes, delta: re.Match[bytes], line_number: int, offset: int) -> bool:
        """Rows of a delta in the usual form; False if it turns out to be in another."""
        ts, _, method, thread_id, turn_id, item_id, said_size = delta.groups()
        start = delta.end()
        if said_size is None:
            after = _AFTER_TEXT.search(line, max(start, len(line) - _AFTER_BYTES))
            if after is None:
                return False
            size = _size_within(line, start, after.start())
        else:
            after = _AFTER.match(line, start)
            size = int(said_size)
        if after is None or size is None or (after.group(2) is None) != (ts is None):
            return False
        at = ts if ts is None or ISO_UTC.match(ts) else written_at(ts.decode())
        emitted = after.group(1)
        rows = self._named.rows
        hashed = xxhash.xxh3_64_intdigest(
            line[delta.start(2) : len(line) - (ts is not None)], self._seed
        )
        rows["raw_lines"].append(
            (line_number, offset, len(line), at, None, b"notification", method, hashed, None)
        )
        rows["parsed_app_server"].append(
            (
                line_number,
                offset,
                at,
                None,
                "server",
                None,
                "notification",
                None,
                method,
                True,
                thread_id,
                turn_id,
                item_id,
                None if emitted is None else epoch_ms_us(int(emitted)),
                size,
                None,
                None,
            )
        )
        return True

    # --- all other lines ------------------------------------------------------------------------

    def _line(self, line: bytes, line_number: int, offset: int) -> None:
        at: bytes | None = None
        kind: str | None = None
        method: str | None = None
        hashed: int | None = None
        before = Taken(self._named.rows)
        reject: tuple[str, str] | None = None
        try:
            if line.strip():
                text = line.removeprefix(BYTE_ORDER_MARK)
                wrapper = self._unwrap(text)
                if wrapper is not None:
                    at = written_at(wrapper.ts)
                    if wrapper.bytes is not None:
                        raise Reject("junk", "the program wrote a line that is not JSON")
                inner = text if wrapper is None else bytes(wrapper.msg)
                message = self._read(inner)
                kind, method = _kind(message)
                hashed = xxhash.xxh3_64_intdigest(inner, self._seed)
                place: Place = {
                    "line_number": line_number,
                    "byte_offset": offset,
                    "recorded_at": at,
                }
                self._message_rows(message, kind, method, place, wrapper)
        except Reject as found:  # not kept: it holds this frame, and with it all lines
            reject = (found.rule, found.error)
        except UNREADABLE:
            before.back()
            reject = ("not_json", "a text in the line is not UTF-8")
        if reject is not None:
            self._named.rows["parsed_rejects"].append((line_number, offset, len(line), *reject))
        self._named.rows["raw_lines"].append(
            (line_number, offset, len(line), at, None, kind, method, hashed, None)
        )

    def _unwrap(self, line: bytes) -> s.Wrapper | None:
        """The recorder's envelope; None for a line that is the message itself."""
        if b'"msg"' not in line and b'"bytes"' not in line:
            return None
        try:
            wrapper = self._wrapper(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        is_wrapped = bytes(wrapper.msg) != b"null" or wrapper.bytes is not None
        return wrapper if is_wrapped and wrapper.dir is not None else None

    def _read(self, inner: bytes) -> s.Message:
        message = decoded(self._message, inner, "not_a_message")
        if message.method is None and (
            message.id is None or (message.result is msgspec.UNSET and message.error is None)
        ):
            raise Reject("not_a_message", "neither a method nor an answer")
        return message

    def _message_rows(
        self,
        message: s.Message,
        kind: str,
        method: str | None,
        place: Place,
        wrapper: s.Wrapper | None,
    ) -> None:
        request_id = ident(message.id)
        result_kind: str | None = None
        is_known = True
        if method is not None:
            is_known, method, named = self._of_method(message, At(place, method, request_id))
            sender = sender_of(method) or _sender_by_way(wrapper)
        else:
            result_kind, named = self._of_answer(message, place, request_id)
            by_shape = "client" if result_kind == "decision" else "server"
            sender = _sender_by_way(wrapper) or by_shape
        self._named.add(
            "parsed_app_server",
            place,
            {
                "connection_name": ident(_connection(wrapper)),
                "sender": sender,
                "request_side": _request_side(kind, sender, wrapper),
                "message_kind": kind,
                "request_id": request_id if kind != "notification" else ident(named.request_id),
                "method": method,
                "is_known": is_known,
                "thread_id": ident(named.thread_id),
                "turn_id": ident(named.turn_id),
                "item_id": ident(named.item_id),
                "emitted_at": epoch_ms_us(message.emitted_at_ms),
                "text_bytes": named.text_bytes,
                "result_kind": result_kind,
                "rpc_error_code": message.error.code if message.error else None,
            },
        )

    def _of_method(self, message: s.Message, at: At) -> tuple[bool, str, Named]:
        """(known, method, ids) of a request or notification, and its rows."""
        params = bytes(message.params)
        method = at.method
        if method.startswith(EVENT_PREFIX) or method == EVENT_PREFIX[:-1]:
            notice = self._decode(self._event, params)
            event = method.removeprefix(EVENT_PREFIX)
            if method == EVENT_PREFIX[:-1]:  # the MCP server names the event inside only
                event = _method(notice.msg.type) if notice.msg and notice.msg.type else UNUSUAL
            method = EVENT_PREFIX + event
            named = self._core_events.event(notice, event, at.place)
        elif (known := self._known.get(method)) is not None:
            decode, handler = known
            value = self._decode(decode, params) if params != b"null" else decode(b"{}")
            named = handler(value, at)
        else:
            named = self._named_ids(params)
        return sender_of(method) is not None, method, named

    def _of_answer(
        self, message: s.Message, place: Place, request_id: str | None
    ) -> tuple[str | None, Named]:
        if message.error is not None or isinstance(message.result, msgspec.UnsetType):
            return None, Named()
        result = bytes(message.result)
        if result in (b"null", b"{}"):
            return "empty", Named()
        try:
            answer = self._decode(self._answer, result)
        except Reject:  # an answer in a form of its own: only requests tell what they are
            return "other", Named()
        return self._answers.answer(answer, place, request_id)

    def _named_ids(self, params: bytes) -> Named:
        try:
            ids = self._decode(self._ids, params)
        except Reject:
            return Named()
        return Named(
            ids.thread_id or ids.conversation_id,
            ids.turn_id,
            ids.item_id or ids.call_id,
            ids.request_id,
        )

    def _decode(self, decode: Any, value: bytes) -> Any:
        """Decode leniently as to the spelling of names (thread_id for threadId)."""
        # what it matches ends in one of these, which is found faster
        may_be = b'_id"' in value or b'_info"' in value or b'_agent"' in value
        if may_be and decode is not self._event and _SNAKE.search(value):
            anything: Any = decoded(msgspec.json.decode, value, "not_json")
            value = msgspec.json.encode(_camel(anything))
        return decoded(decode, value, "bad_field")


# --- small conversions ------------------------------------------------------------------------


def _size_within(line: bytes, start: int, end: int) -> int | None:
    """Size of the text between two quotes; None if it is no single JSON string."""
    text = line[start:end]
    if b"\\" not in text:
        return None if b'"' in text else end - start
    try:
        return text_bytes(msgspec.Raw(b'"' + text + b'"'))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _kind(message: s.Message) -> tuple[str, str | None]:
    if message.method is not None:
        kind = "notification" if message.id is None else "request"
        return kind, _method(message.method)
    return "response" if message.error is None else "error", None


def _method(text: str) -> str:
    """A method's name; short and plain, so that no content slips in."""
    return text if _METHOD.match(text) else UNUSUAL


def _sender_by_way(wrapper: s.Wrapper | None) -> str | None:
    """A recorder sits with the client: what goes out is the client's."""
    if wrapper is None:
        return None
    return {"out": "client", "in": "server"}.get(wrapper.dir or "")


def _request_side(kind: str, sender: str | None, wrapper: s.Wrapper | None) -> str | None:
    if kind == "notification":
        return None
    way = wrapper.dir if wrapper is not None and wrapper.dir in ("in", "out") else None
    if way is None:
        way = {"client": "out", "server": "in"}.get(sender or "")
    if way is None or kind == "request":
        return way
    return "in" if way == "out" else "out"


def _connection(wrapper: s.Wrapper | None) -> s.Id | None:
    if wrapper is None:
        return None
    names = (wrapper.connection_id, wrapper.connection, wrapper.conn)
    return next((name for name in names if name is not None), None)


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {camel_name(name): _camel(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_camel(inner) for inner in value]
    return value
