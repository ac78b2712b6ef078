"""Turn starts and ends, and compacted history.

Belongs here: the shapes of task_started, task_complete, turn_aborted and compacted lines in
every version, and their rows. Does not belong here: other changes of state (events.py).
"""

from __future__ import annotations

from typing import Any

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, epoch_us
from warehouse.sources.codex.shapes import (
    ABSENT,
    MAX_LABEL,
    Int,
    Label,
    Number,
    Payload,
    Place,
    Raw,
    Shape,
)


class TurnAttribution(Shape):
    turn_id: Label | None = None
    turn_trigger: Label | None = None
    parent_turn_id: Label | None = None
    initiating_agent_path: Label | None = None
    root_turn_id: Label | None = None


_NO_ATTRIBUTION = TurnAttribution()


class TurnStarted(Payload):
    turn_id: Label | None = None
    root_turn_id: Label | None = None
    turn_attribution: TurnAttribution | None = None
    trace_id: Label | None = None
    started_at: Number | None = None
    model_context_window: Int | None = None
    collaboration_mode_kind: Label | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        attribution = self.turn_attribution or _NO_ATTRIBUTION
        rows["parsed_lifecycle"].append(
            (
                *place,
                "task_started",
                self.turn_id,
                self.root_turn_id,
                attribution.parent_turn_id,
                attribution.turn_trigger,
                attribution.initiating_agent_path,
                self.trace_id,
                epoch_us(self.started_at),
                None,
                None,
                None,
                self.model_context_window,
                self.collaboration_mode_kind,
                None,
                None,
                None,
                None,
                None,
            )
        )


class TurnAborted(Payload):
    turn_id: Label | None = None
    root_turn_id: Label | None = None
    reason: Label | None = None
    started_at: Number | None = None
    completed_at: Number | None = None
    duration_ms: Int | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        rows["parsed_lifecycle"].append(
            (
                *place,
                "turn_aborted",
                self.turn_id,
                self.root_turn_id,
                None,
                None,
                None,
                None,
                epoch_us(self.started_at),
                epoch_us(self.completed_at),
                self.duration_ms,
                None,
                None,
                None,
                self.reason,
                None,
                None,
                None,
                None,
            )
        )


class TurnError(Shape):
    message: Raw = ABSENT
    codex_error_info: Raw = ABSENT
    codex_error_code: Raw = ABSENT  # its name for one day
    additional_details: Raw = ABSENT


class TurnComplete(Payload):
    turn_id: Label | None = None
    root_turn_id: Label | None = None
    last_agent_message: str | None = None
    started_at: Number | None = None
    completed_at: Number | None = None
    duration_ms: Int | None = None
    time_to_first_token_ms: Int | None = None
    error: TurnError | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        error = self.error
        error_kind, status = (None, None) if error is None else error_of(error)
        message = self.last_agent_message
        rows["parsed_lifecycle"].append(
            (
                *place,
                "task_complete",
                self.turn_id,
                self.root_turn_id,
                None,
                None,
                None,
                None,
                epoch_us(self.started_at),
                epoch_us(self.completed_at),
                self.duration_ms,
                self.time_to_first_token_ms,
                None,
                None,
                None,
                error_kind,
                status,
                message is not None,
                None if message is None else len(message),
            )
        )


def error_of(error: TurnError) -> tuple[str, int | None]:
    """(kind, HTTP status) of an error; its message is content and stays out."""
    value: Any = msgspec.json.decode(bytes(error.codex_error_info))
    if value is None:
        value = msgspec.json.decode(bytes(error.codex_error_code))
    if isinstance(value, str):
        return value[:MAX_LABEL], None
    if isinstance(value, dict) and value:
        kind, detail = next(iter(value.items()))
        status = detail.get("http_status_code") if isinstance(detail, dict) else None
        is_code = type(status) is int and abs(status) < 2**63
        return kind[:MAX_LABEL], status if is_code else None
    return "unknown", None


class Compacted(Payload):
    message: str | None = None
    replacement_history: list[Raw] | None = None
    window_number: Int | None = None
    window_id: str | Int | None = None
    first_window_id: Label | None = None
    previous_window_id: Label | None = None
    compaction_response_id: Label | None = None
    replacement_history_metadata: Raw = ABSENT
    retained_context: Raw = ABSENT
    latest_token_usage_record: Raw = ABSENT
    resume_metadata: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, window = self.window_number, self.window_id
        if isinstance(window, int):  # 2026-06-10 to 06-18 wrote the number into window_id
            number, window = window, None
        history = self.replacement_history
        rows["parsed_compactions"].append(
            (
                *place,
                number,
                None if window is None else window[:MAX_LABEL],
                self.first_window_id,
                self.previous_window_id,
                None if self.message is None else len(self.message),
                None if history is None else len(history),
                self.compaction_response_id,
            )
        )


# Lines of numbers, ids and flags only: their body is kept.
KEPT_EVENTS: dict[str, type[Payload]] = {
    "task_started": TurnStarted,
    "turn_started": TurnStarted,
    "turn_aborted": TurnAborted,
}
EVENTS: dict[str, type[Payload]] = {
    **KEPT_EVENTS,
    "task_complete": TurnComplete,
    "turn_complete": TurnComplete,
}
LINES: dict[str, type[Payload]] = {"compacted": Compacted}
