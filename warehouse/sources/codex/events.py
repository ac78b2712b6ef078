"""Changes of state that lines of their own tell of, and goals of threads.

Belongs here: the shapes of such lines in every version (context_compacted, rollbacks,
reviews, errors, world states, goal updates, ...), and their rows. Does not belong here: turn
starts and ends, compacted history (turns.py), settings (metadata.py).
"""

from __future__ import annotations

import re

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, epoch_us
from warehouse.sources.codex.messages import Item, sealed_bytes
from warehouse.sources.codex.shapes import (
    ABSENT,
    Int,
    Label,
    Number,
    Payload,
    Place,
    Raw,
    Shape,
    Unit,
)
from warehouse.sources.codex.shell import json_bytes
from warehouse.sources.codex.turns import TurnError, error_of


def add_event(
    carrier: str,
    event: str,
    place: Place,
    rows: Rows,
    *,
    thread_id: str | None = None,
    turn_id: str | None = None,
    item_id: str | None = None,
    rolled_back_turns: int | None = None,
    is_success: bool | None = None,
    review_target: str | None = None,
    review_findings: int | None = None,
    is_patch_correct: bool | None = None,
    name_chars: int | None = None,
    error: tuple[str | None, int | None] = (None, None),
    is_full_state: bool | None = None,
    state_bytes: int | None = None,
    triggers_turn: bool | None = None,
    questions: int | None = None,
    listed_tools: int | None = None,
    decision: str | None = None,
    risk_level: str | None = None,
    encrypted_bytes: int | None = None,
) -> None:
    """A row of parsed_events."""
    rows["parsed_events"].append(
        (
            *place,
            carrier,
            event,
            thread_id,
            turn_id or None,
            item_id or None,
            rolled_back_turns,
            is_success,
            review_target,
            review_findings,
            is_patch_correct,
            name_chars,
            *error,
            is_full_state,
            state_bytes,
            triggers_turn,
            questions,
            listed_tools,
            decision,
            risk_level,
            encrypted_bytes,
        )
    )


class ContextCompacted(Payload):
    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event("event", kind, place, rows)


class RolledBack(Payload):
    num_turns: Int | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event("event", kind, place, rows, rolled_back_turns=self.num_turns)


class UndoCompleted(Payload):
    success: bool | None = None
    message: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event("event", kind, place, rows, is_success=self.success)


class NameUpdated(Payload):
    thread_id: Label | None = None
    thread_name: str | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        name = self.thread_name
        add_event(
            "event",
            kind,
            place,
            rows,
            thread_id=self.thread_id,
            name_chars=None if name is None else len(name),
        )


class ErrorEvent(Payload):
    """`error`, in the extended mode only; later versions say it in task_complete."""

    message: Raw = ABSENT
    codex_error_info: Raw = ABSENT
    codex_error_code: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        error = TurnError(
            codex_error_info=self.codex_error_info, codex_error_code=self.codex_error_code
        )
        add_event("event", kind, place, rows, error=error_of(error))


# --- reviews --------------------------------------------------------------------------------------


class ReviewTarget(Shape):
    type: Label | None = None
    branch: Raw = ABSENT
    sha: Raw = ABSENT
    title: Raw = ABSENT
    instructions: Raw = ABSENT


class ReviewOutput(Shape):
    findings: list[Raw] | None = None
    overall_correctness: str | None = None
    overall_explanation: Raw = ABSENT
    overall_confidence_score: Raw = ABSENT

    @property
    def count(self) -> int | None:
        return None if self.findings is None else len(self.findings)

    @property
    def verdict(self) -> bool | None:
        """Reviews are asked to say one of two phrases; any other stays unknown."""
        said = (self.overall_correctness or "").strip().lower()
        return {"patch is correct": True, "patch is incorrect": False}.get(said)


class EnteredReview(Payload):
    target: ReviewTarget | None = None
    user_facing_hint: Raw = ABSENT
    turn_id: Label | None = None
    item_id: Label | None = None
    prompt: Raw = ABSENT  # until 2025-12-02
    append_to_original_thread: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event(
            "event",
            kind,
            place,
            rows,
            turn_id=self.turn_id,
            item_id=self.item_id,
            review_target=None if self.target is None else self.target.type,
        )


class ExitedReview(Payload):
    review_output: ReviewOutput | None = None
    turn_id: Label | None = None
    item_id: Label | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        output = self.review_output
        add_event(
            "event",
            kind,
            place,
            rows,
            turn_id=self.turn_id,
            item_id=self.item_id,
            review_findings=None if output is None else output.count,
            is_patch_correct=None if output is None else output.verdict,
        )


class GuardianAssessment(Payload):
    """Automatic approval, in the extended mode only."""

    id: Label | None = None
    target_item_id: Label | None = None
    turn_id: Label | None = None
    started_at_ms: Raw = ABSENT
    completed_at_ms: Raw = ABSENT
    status: Label | None = None
    risk_level: Label | None = None
    risk_score: Raw = ABSENT
    user_authorization: Raw = ABSENT
    rationale: Raw = ABSENT
    decision_source: Raw = ABSENT
    action: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event(
            "event",
            kind,
            place,
            rows,
            turn_id=self.turn_id,
            item_id=self.target_item_id or self.id,
            decision=self.status,
            risk_level=self.risk_level,
        )


# --- goals ----------------------------------------------------------------------------------------


class Goal(Shape, rename="camel"):
    thread_id: Label | None = None
    objective: str | None = None
    status: Label | None = None
    token_budget: Int | None = None
    tokens_used: Int | None = None
    time_used_seconds: Int | None = None
    created_at: Number | None = None
    updated_at: Number | None = None


class GoalUpdated(Payload, rename="camel"):
    thread_id: Label | None = None
    turn_id: Label | None = None
    goal: Goal | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        goal = self.goal or Goal()
        objective = goal.objective
        rows["parsed_goal_updates"].append(
            (
                *place,
                self.thread_id or goal.thread_id,
                self.turn_id,
                None if goal.status is None else _CAPITAL.sub("_", goal.status).lower(),
                goal.token_budget,
                goal.tokens_used,
                goal.time_used_seconds,
                epoch_us(goal.created_at),
                epoch_us(goal.updated_at),
                None if objective is None else len(objective),
                privacy.digest(objective) if objective else None,
            )
        )


_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


# --- lines of other types, and response items that are no messages or tools -----------------------


class WorldState(Payload):
    full: bool | None = None
    state: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event(
            "event",
            kind,
            place,
            rows,
            is_full_state=self.full,
            state_bytes=json_bytes(self.state),
        )


class AgentDelivery(Payload):
    """inter_agent_communication_metadata: about the agent's message beside it."""

    trigger_turn: bool | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event("event", kind, place, rows, triggers_turn=self.trigger_turn)


class SessionState(Unit, forbid_unknown_fields=False):
    """Of 2026-04-19 to 04-21, with nothing that other lines do not tell."""


class VerifiedAnswer(Payload):
    """An answer of the user to a question, kept for later turns."""

    turn_id: Label | None = None
    call_id: Label | None = None
    questions: list[Raw] | None = None
    acceptance_order: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event(
            "event",
            kind,
            place,
            rows,
            turn_id=self.turn_id,
            item_id=self.call_id,
            questions=len(self.questions or ()),
        )


class CompactionItem(Item):
    """compaction, compaction_summary and context_compaction: history that is encrypted."""

    encrypted_content: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event(
            "response_item",
            kind,
            place,
            rows,
            turn_id=self.turn_id,
            item_id=self.id,
            encrypted_bytes=sealed_bytes(self.encrypted_content),
        )


class AdditionalTools(Item):
    role: Raw = ABSENT
    tools: list[Raw] | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event(
            "response_item",
            kind,
            place,
            rows,
            turn_id=self.turn_id,
            item_id=self.id,
            listed_tools=len(self.tools or ()),
        )


class GhostSnapshot(Item):
    """A commit that undo could go back to (2025-10-27 to 2026-04-27)."""

    ghost_commit: Raw = ABSENT
    commit_id: Raw = ABSENT  # its first day
    parent: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_event("response_item", kind, place, rows, turn_id=self.turn_id, item_id=self.id)


# Lines of numbers and flags only: their body is kept.
KEPT_EVENTS: dict[str, type[Payload]] = {
    "context_compacted": ContextCompacted,
    "thread_rolled_back": RolledBack,
}
EVENTS: dict[str, type[Payload]] = {
    **KEPT_EVENTS,
    "undo_completed": UndoCompleted,
    "thread_name_updated": NameUpdated,
    "error": ErrorEvent,
    "entered_review_mode": EnteredReview,
    "exited_review_mode": ExitedReview,
    "guardian_assessment": GuardianAssessment,
    "thread_goal_updated": GoalUpdated,
}
ITEMS: dict[str, type[Payload]] = {
    "compaction": CompactionItem,
    "compaction_summary": CompactionItem,
    "context_compaction": CompactionItem,
    "compaction_trigger": CompactionItem,
    "additional_tools": AdditionalTools,
    "ghost_snapshot": GhostSnapshot,
}
LINES: dict[str, type[Payload]] = {
    "world_state": WorldState,
    "inter_agent_communication_metadata": AgentDelivery,
    "session_state": SessionState,
}
RETAINED: dict[str, type[Payload]] = {"verified_answer": VerifiedAnswer}
