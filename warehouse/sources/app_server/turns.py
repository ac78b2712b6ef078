"""Turns: requests about them, starts, ends, errors, and the texts that stream by.

Belongs here: what a message says of a turn. Does not belong here: what several messages say of
one turn together (sql/session/app_turns.sql).
"""

from __future__ import annotations

from typing import Any

import msgspec

from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.parts import is_image, part_bytes
from warehouse.sources.app_server.rows import At, Known, MessageRows, Named, Place
from warehouse.sources.base import epoch_us
from warehouse.sources.texts import ident, is_null, tag_of, text_bytes, word


class TurnRows(MessageRows):
    """Rows of parsed_app_turns."""

    @property
    def known(self) -> Known:
        return {
            **dict.fromkeys(
                ("turn/start", "turn/steer", "turn/interrupt", "review/start"),
                (s.TurnRequest, self._request),
            ),
            "turn/started": (s.TurnNotice, self._notice),
            "turn/completed": (s.TurnNotice, self._notice),
            "error": (s.ErrorNotice, self._error),
            "model/rerouted": (s.Rerouted, self._rerouted),
            **dict.fromkeys(
                (
                    "item/agentMessage/delta",
                    "item/plan/delta",
                    "item/reasoning/summaryTextDelta",
                    "item/reasoning/textDelta",
                    "item/commandExecution/outputDelta",
                    "item/commandExecution/terminalInteraction",
                    "item/fileChange/outputDelta",
                    "turn/diff/updated",
                ),
                (s.TextNotice, self._text),
            ),
        }

    def _request(self, p: s.TurnRequest, at: At) -> Named:
        parts = p.input
        turn_id = p.turn_id or p.expected_turn_id
        size = None if parts is None else sum(part_bytes(part) for part in parts)
        self._add(
            "parsed_app_turns",
            at.place,
            {
                "position": 0,
                "event": at.method,
                "thread_id": ident(p.thread_id),
                "turn_id": ident(turn_id),
                "model": p.model,
                "effort": p.effort,
                "cwd": self._privacy.place(p.cwd),
                "input_parts": None if parts is None else len(parts),
                "input_images": None if parts is None else sum(map(is_image, parts)),
                "text_bytes": size,
            },
        )
        return Named(p.thread_id, turn_id, text_bytes=size)

    def _notice(self, p: s.TurnNotice, at: At) -> Named:
        turn = p.turn or s.Turn()
        self.turn(turn, at.method, p.thread_id, at.place)
        return Named(p.thread_id, turn.id)

    def turn(
        self,
        t: s.Turn,
        event: str,
        thread_id: str | None,
        place: Place,
        position: int = 0,
        review_thread_id: str | None = None,
    ) -> None:
        """The row of a turn object, wherever it stands."""
        error_kind, http_status = error_of(t.error)
        self._add(
            "parsed_app_turns",
            place,
            {
                "position": position,
                "event": event,
                "thread_id": ident(thread_id),
                "turn_id": ident(t.id),
                "root_turn_id": ident(t.root_turn_id),
                "turn_status": word(t.status),
                "started_at": epoch_us(t.started_at),
                "completed_at": epoch_us(t.completed_at),
                "duration_ms": t.duration_ms,
                "error_kind": error_kind,
                "error_http_status": http_status,
                "review_thread_id": ident(review_thread_id),
            },
        )

    def _error(self, p: s.ErrorNotice, at: At) -> Named:
        error_kind, http_status = error_of(p.error or s.TurnError())
        self._add(
            "parsed_app_turns",
            at.place,
            {
                "position": 0,
                "event": at.method,
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "error_kind": error_kind,
                "error_http_status": http_status,
                "will_retry": p.will_retry,
            },
        )
        return Named(p.thread_id, p.turn_id)

    def _rerouted(self, p: s.Rerouted, at: At) -> Named:
        self._add(
            "parsed_app_turns",
            at.place,
            {
                "position": 0,
                "event": at.method,
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "model": p.to_model,
                "rerouted_from_model": p.from_model,
            },
        )
        return Named(p.thread_id, p.turn_id)

    def _text(self, p: s.TextNotice, _: At) -> Named:
        text = next((t for t in (p.delta, p.diff, p.stdin) if not is_null(t)), s.ABSENT)
        return Named(p.thread_id, p.turn_id, p.item_id, text_bytes=text_bytes(text))


def error_of(error: s.TurnError | None) -> tuple[str | None, int | None]:
    """(kind, HTTP status) of an error; its message is content and stays out."""
    if error is None:
        return None, None
    kind = tag_of(error.codex_error_info)
    if kind is None:
        return "unknown", None
    value: Any = msgspec.json.decode(bytes(error.codex_error_info))
    detail = next(iter(value.values()), None) if isinstance(value, dict) else None
    status = detail.get("httpStatusCode") if isinstance(detail, dict) else None
    return kind, status if isinstance(status, int) and not isinstance(status, bool) else None
