"""Approvals and questions: what is asked, what the guardian reviews, what is answered.

Belongs here: requests of the server to its client and the forms of answers to them. Does not
belong here: pairing them (sql/session/app_requests.sql), outcomes (approvals.sql).
"""

from __future__ import annotations

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.rows import At, Known, MessageRows, Named, Place
from warehouse.sources.base import epoch_ms_us
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.texts import ident, is_null, tag_of, word, word_of_command

_APPROVALS = {
    "item/commandExecution/requestApproval": "command_execution",
    "item/fileChange/requestApproval": "file_change",
    "item/permissions/requestApproval": "permissions",
    "item/tool/requestUserInput": "user_input",
    "mcpServer/elicitation/request": "elicitation",
    "item/tool/call": "tool_call",
    "execCommandApproval": "command_execution",
    "applyPatchApproval": "file_change",
}
_AUTO_REVIEWS = {
    "command": "command_execution",
    "execve": "command_execution",
    "applyPatch": "file_change",
    "networkAccess": "network_access",
    "mcpToolCall": "mcp_tool_call",
    "requestPermissions": "permissions",
}


class ApprovalRows(MessageRows):
    """Rows of parsed_app_approvals."""

    def __init__(self, privacy: Privacy, rows: NamedRows) -> None:
        super().__init__(privacy, rows)
        self._network_decision = msgspec.json.Decoder(dict[str, s.NetworkDecision]).decode

    @property
    def known(self) -> Known:
        return {
            **dict.fromkeys(_APPROVALS, (s.ApprovalRequest, self._request)),
            "item/autoApprovalReview/started": (s.AutoReviewNotice, self._auto_review),
            "item/autoApprovalReview/completed": (s.AutoReviewNotice, self._auto_review),
        }

    def _request(self, p: s.ApprovalRequest, at: At) -> Named:
        network = p.network_approval_context
        permissions = p.additional_permissions or p.permissions
        thread_id = p.thread_id or p.conversation_id
        item_id = p.item_id or p.call_id
        self._add(
            "parsed_app_approvals",
            at.place,
            {
                "event": "request",
                "request_id": at.request_id,
                "approval_kind": _APPROVALS[at.method],
                "reviewer": "user",
                "thread_id": ident(thread_id),
                "turn_id": ident(p.turn_id),
                "item_id": ident(item_id),
                "approval_ref": ident(p.approval_id),
                "started_at": epoch_ms_us(p.started_at_ms),
                "has_network_context": network is not None,
                "network_protocol": word(network.protocol) if network else None,
                "has_policy_amendment": not is_null(p.proposed_execpolicy_amendment)
                or bool(p.proposed_network_policy_amendments),
                "has_more_permissions": permissions is not None or not is_null(p.grant_root),
                "has_reason": not is_null(p.reason),
                "command_word": word_of_command(p.command),
                "questions": None if p.questions is None else len(p.questions),
            },
        )
        return Named(thread_id, p.turn_id, item_id)

    def _auto_review(self, p: s.AutoReviewNotice, at: At) -> Named:
        review = p.review or s.AutoReview()
        action = p.action or s.ReviewAction()
        is_network = action.type == "networkAccess"
        status = word(review.status)
        self._add(
            "parsed_app_approvals",
            at.place,
            {
                "event": "review_started" if at.method.endswith("started") else "review_completed",
                "approval_kind": _AUTO_REVIEWS.get(action.type or "", word(action.type)),
                "reviewer": "guardian",
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "item_id": ident(p.target_item_id),
                "approval_ref": ident(p.review_id),
                "started_at": epoch_ms_us(p.started_at_ms),
                "completed_at": epoch_ms_us(p.completed_at_ms),
                "has_network_context": is_network,
                "network_protocol": word(action.protocol) if is_network else None,
                "has_policy_amendment": False,
                "has_more_permissions": action.type == "requestPermissions",
                "has_reason": not is_null(review.rationale),
                "command_word": word_of_command(action.command),
                "decision": None if status == "inProgress" else status,
                "risk_level": word(review.risk_level),
            },
        )
        return Named(p.thread_id, p.turn_id, p.target_item_id)

    def answer(self, a: s.Answer, place: Place, request_id: str | None) -> bool:
        """Add the row of an answer to a request of the server; False if it is no such answer."""
        decided = self._decision(a)
        if decided is not None:
            self._add(
                "parsed_app_approvals",
                place,
                {"event": "answer", "request_id": request_id, "reviewer": "user", **decided},
            )
        return decided is not None

    def _decision(self, a: s.Answer) -> dict[str, object] | None:
        """What the client decided or answered; None if it is no such answer."""
        if not is_null(a.decision):
            return {"decision": tag_of(a.decision), "network_action": self._network(a.decision)}
        if a.permissions is not None:
            granted = a.permissions.network is not None or not is_null(a.permissions.file_system)
            return {
                "decision": "granted" if granted else "denied",
                "decision_scope": word(a.scope) or "turn",
            }
        if a.answers is not None:
            return {"decision": "answered", "questions": len(a.answers)}
        if not is_null(a.action):
            return {"decision": tag_of(a.action)}
        if a.content_items is not None:
            return {"decision": "failed" if a.success is False else "completed"}
        return None

    def _network(self, decision: msgspec.Raw) -> str | None:
        try:
            inner = next(iter(self._network_decision(decision).values()), None)
        except msgspec.MsgspecError:
            return None  # a plain word
        amendment = inner.network_policy_amendment if inner else None
        return word(amendment.action) if amendment else None
