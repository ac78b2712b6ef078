"""Messages to rows: one function for each kind of message that has a table of its own.

Belongs here: which field goes to which column. Does not belong here: cutting lines into
messages (messages.py), pairing requests with answers or merging what several messages say
of one turn (sql/ does both).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.app_server import shapes as s
from warehouse.sources.base import epoch_ms_us, epoch_us
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.texts import (
    ident,
    is_null,
    snake_word,
    tag_of,
    text_bytes,
    text_chars,
    word,
    word_of,
    word_of_command,
)

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


Handler = Callable[[Any, At], Named]

_USER_AGENT = re.compile(r"([^/]{1,100})/(\S{1,60}) \(([^;)]*?)(?: (\d[^;) ]*))?; ([^;)]{1,60})\)")
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
_NO_WINDOW = s.Window()


class MessageRows:
    """Rows of one worker's messages. `known` is method -> (shape of its params, function)."""

    def __init__(self, privacy: Privacy, rows: NamedRows) -> None:
        self._privacy = privacy
        self._add = rows.add
        self._thread_objects = msgspec.json.Decoder(list[s.Thread]).decode
        self._turn_objects = msgspec.json.Decoder(list[s.Turn]).decode
        self._network_decision = msgspec.json.Decoder(dict[str, s.NetworkDecision]).decode
        self.known: dict[str, tuple[type[msgspec.Struct], Handler]] = {
            "initialize": (s.Initialize, self._initialize),
            "account/updated": (s.AccountUpdated, self._account),
            "thread/started": (s.ThreadStarted, self._thread_started),
            "thread/status/changed": (s.ThreadStatusChanged, self._thread_status),
            "thread/name/updated": (s.ThreadNamed, self._thread_named),
            "thread/name/set": (s.ThreadNamed, self._thread_named),
            "thread/settings/updated": (s.SettingsUpdated, self._settings_updated),
            "thread/settings/update": (s.Settings, self._settings_request),
            "thread/metadata/update": (s.MetadataUpdate, self._metadata),
            "thread/memoryMode/set": (s.MemoryModeSet, self._memory_mode),
            "thread/rollback": (s.ThreadRollback, self._rollback),
            **dict.fromkeys(
                (
                    "thread/archived",
                    "thread/unarchived",
                    "thread/deleted",
                    "thread/closed",
                    "thread/reverted",
                    "thread/compacted",
                ),
                (s.ThreadOnly, self._thread_change),
            ),
            **dict.fromkeys(
                ("turn/start", "turn/steer", "turn/interrupt", "review/start"),
                (s.TurnRequest, self._turn_request),
            ),
            "turn/started": (s.TurnNotice, self._turn_notice),
            "turn/completed": (s.TurnNotice, self._turn_notice),
            "error": (s.ErrorNotice, self._error),
            "model/rerouted": (s.Rerouted, self._rerouted),
            "item/started": (s.ItemNotice, self._item),
            "item/completed": (s.ItemNotice, self._item),
            "hook/started": (s.HookNotice, self._hook),
            "hook/completed": (s.HookNotice, self._hook),
            "thread/tokenUsage/updated": (s.UsageUpdated, self._usage),
            "rawResponse/completed": (s.ResponseCompleted, self._response),
            "account/rateLimits/updated": (s.RateLimitsUpdated, self._rate_limits_updated),
            "thread/goal/updated": (s.GoalUpdated, self._goal_updated),
            "thread/goal/cleared": (s.GoalRequest, self._goal_request),
            "thread/goal/set": (s.GoalRequest, self._goal_request),
            "thread/goal/clear": (s.GoalRequest, self._goal_request),
            **dict.fromkeys(_APPROVALS, (s.ApprovalRequest, self._approval_request)),
            "item/autoApprovalReview/started": (s.AutoReviewNotice, self._auto_review),
            "item/autoApprovalReview/completed": (s.AutoReviewNotice, self._auto_review),
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

    # --- handshake and account ----------------------------------------------------------------

    def _initialize(self, p: s.Initialize, at: At) -> Named:
        client = p.client_info or s.ClientInfo()
        capabilities = p.capabilities or s.Capabilities()
        opted_out = capabilities.opt_out_notification_methods
        self._add(
            "parsed_app_connections",
            at.place,
            {
                "event": at.method,
                "client_name": client.name,
                "client_title": client.title,
                "client_version": client.version,
                "is_experimental": capabilities.experimental_api,
                "opted_out_methods": None if opted_out is None else len(opted_out),
            },
        )
        return Named()

    def _account(self, p: s.AccountUpdated, at: At) -> Named:
        self._add(
            "parsed_app_connections",
            at.place,
            {"event": at.method, "auth_mode": word(p.auth_mode), "plan_type": word(p.plan_type)},
        )
        return Named()

    def _runtime(self, answer: s.Answer, place: Place) -> None:
        found = _USER_AGENT.match(answer.user_agent or "")
        product, version, system, system_version, arch = found.groups() if found else (None,) * 5
        self._add(
            "parsed_app_connections",
            place,
            {
                "event": "initialize/answered",
                "originator": product,
                "cli_version": version,
                "runtime_os": system or answer.platform_os,
                "runtime_os_version": system_version,
                "runtime_arch": arch,
            },
        )

    # --- threads --------------------------------------------------------------------------------

    def _thread_started(self, p: s.ThreadStarted, at: At) -> Named:
        if p.thread is None:
            return Named()
        self._thread(p.thread, at.method, at.place)
        return Named(p.thread.id)

    def _thread(
        self,
        t: s.Thread,
        event: str,
        place: Place,
        position: int = 0,
        opened: s.Answer | None = None,
        turns_before: int = 0,
    ) -> int:
        """Rows of a thread and of the turns that it lists; gives the number of such turns."""
        privacy = self._privacy
        kind, label, subagent_kind, spawn = _source(t.source)
        git = self._git(t.git_info)
        settings = opened or s.Answer()
        self._add(
            "parsed_app_threads",
            place,
            git,
            {
                "position": position,
                "event": event,
                "is_opened": opened is not None,
                "thread_id": ident(t.id),
                "root_session_id": ident(t.session_id),
                "forked_from_id": ident(t.forked_from_id),
                "parent_thread_id": ident(t.parent_thread_id or spawn.parent_thread_id),
                "is_ephemeral": t.ephemeral,
                "history_mode": word(t.history_mode),
                "thread_status": word(t.status.type) if t.status else None,
                "created_at": epoch_us(t.created_at),
                "updated_at": epoch_us(t.updated_at),
                "cwd": privacy.place(settings.cwd or t.cwd),
                "cli_version": t.cli_version,
                "originator": t.originator,
                "source_kind": kind,
                "source_label": label,
                "subagent_kind": subagent_kind,
                "subagent_depth": spawn.depth,
                "agent_path": spawn.agent_path,
                "agent_nickname": t.agent_nickname or spawn.agent_nickname,
                "agent_role": t.agent_role or spawn.agent_role or spawn.agent_type,
                "thread_source": word(t.thread_source),
                "name_chars": text_chars(t.name),
                "model": settings.model or t.model,
                "model_provider": settings.model_provider or t.model_provider,
                "service_tier": settings.service_tier,
                "effort": settings.reasoning_effort or t.reasoning_effort,
                "approval_policy": tag_of(settings.approval_policy),
                "approvals_reviewer": word(settings.approvals_reviewer),
                "sandbox_type": word(settings.sandbox.type) if settings.sandbox else None,
                "multi_agent_mode": tag_of(settings.multi_agent_mode),
                "listed_turns": len(t.turns) if t.turns else None,
            },
        )
        turns = t.turns or []
        for position, turn in enumerate(turns, turns_before):
            self._turn(turn, "history", t.id, place, position)
        return len(turns)

    def _git(self, git: s.Git | None) -> dict[str, object]:
        if git is None:
            return {}
        url, repo_id = self._privacy.repository(git.origin_url)
        return {
            "git_commit": ident(git.sha),
            "git_branch": self._privacy.place(git.branch),
            "repository_url": url,
            "repo_id": repo_id,
        }

    def _change(self, at: At, thread_id: str | None, **said: object) -> Named:
        self._add(
            "parsed_app_thread_changes",
            at.place,
            {"event": at.method, "thread_id": ident(thread_id), **said},
        )
        return Named(thread_id)

    def _thread_change(self, p: s.ThreadOnly, at: At) -> Named:
        return self._change(at, p.thread_id)

    def _thread_status(self, p: s.ThreadStatusChanged, at: At) -> Named:
        status = p.status.type if p.status else None
        return self._change(at, p.thread_id, thread_status=word(status))

    def _thread_named(self, p: s.ThreadNamed, at: At) -> Named:
        name = p.name if is_null(p.thread_name) else p.thread_name
        return self._change(at, p.thread_id, name_chars=text_chars(name))

    def _settings_updated(self, p: s.SettingsUpdated, at: At) -> Named:
        return self._settings(p.thread_settings, at, p.thread_id)

    def _settings_request(self, p: s.Settings, at: At) -> Named:
        return self._settings(p, at, p.thread_id)

    def _settings(self, p: s.Settings, at: At, thread_id: str | None) -> Named:
        return self._change(
            at,
            thread_id,
            model=p.model,
            model_provider=p.model_provider,
            service_tier=p.service_tier,
            effort=p.effort,
            reasoning_summary=word_of(p.summary),
            approval_policy=tag_of(p.approval_policy),
            approvals_reviewer=word(p.approvals_reviewer),
            sandbox_type=word(p.sandbox_policy.type) if p.sandbox_policy else None,
            collaboration_mode=word(p.collaboration_mode.mode) if p.collaboration_mode else None,
            personality=word(p.personality),
            cwd=self._privacy.place(p.cwd),
        )

    def _metadata(self, p: s.MetadataUpdate, at: At) -> Named:
        return self._change(at, p.thread_id, **self._git(p.git_info))

    def _memory_mode(self, p: s.MemoryModeSet, at: At) -> Named:
        return self._change(at, p.thread_id, memory_mode=word(p.mode))

    def _rollback(self, p: s.ThreadRollback, at: At) -> Named:
        return self._change(at, p.thread_id, rolled_back_turns=p.num_turns)

    # --- turns ----------------------------------------------------------------------------------

    def _turn_request(self, p: s.TurnRequest, at: At) -> Named:
        parts = p.input
        turn_id = p.turn_id or p.expected_turn_id
        size = None if parts is None else sum(_size(part) for part in parts)
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
                "input_images": None if parts is None else sum(map(_is_image, parts)),
                "text_bytes": size,
            },
        )
        return Named(p.thread_id, turn_id, text_bytes=size)

    def _turn_notice(self, p: s.TurnNotice, at: At) -> Named:
        turn = p.turn or s.Turn()
        self._turn(turn, at.method, p.thread_id, at.place, 0)
        return Named(p.thread_id, turn.id)

    def _turn(
        self,
        t: s.Turn,
        event: str,
        thread_id: str | None,
        place: Place,
        position: int,
        review_thread_id: str | None = None,
    ) -> None:
        error_kind, http_status = _error(t.error)
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
        error_kind, http_status = _error(p.error or s.TurnError())
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

    # --- items ----------------------------------------------------------------------------------

    def _item(self, p: s.ItemNotice, at: At) -> Named:
        item = p.item or s.Item()
        size = _text_of_item(item)
        self._add(
            "parsed_app_items",
            at.place,
            {
                "event": "started" if at.method == "item/started" else "completed",
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "item_id": ident(item.id),
                "item_type": word(item.type),
                "item_status": word(item.status),
                "started_at": epoch_ms_us(_first(p.started_at_ms, item.started_at_ms)),
                "completed_at": epoch_ms_us(_first(p.completed_at_ms, item.completed_at_ms)),
                "duration_ms": item.duration_ms,
                "text_bytes": size,
                "output_bytes": _output_of_item(item),
                "exit_code": item.exit_code,
                "phase": word(item.phase),
                "is_success": item.success,
                "model": item.model,
                "effort": item.reasoning_effort,
            },
            _details(item),
        )
        return Named(p.thread_id, p.turn_id, item.id, text_bytes=size)

    def _hook(self, p: s.HookNotice, at: At) -> Named:
        run = p.run or s.HookRun()
        self._add(
            "parsed_app_items",
            at.place,
            {
                "event": "started" if at.method == "hook/started" else "completed",
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "item_id": ident(run.id),
                "item_type": "hook",
                "item_status": word(run.status),
                "started_at": _epoch_us_or_ms(run.started_at),
                "completed_at": _epoch_us_or_ms(run.completed_at),
                "duration_ms": run.duration_ms,
                "tool_name": word(run.event_name),
            },
        )
        return Named(p.thread_id, p.turn_id, run.id)

    # --- usage, limits, goals -------------------------------------------------------------------

    def _usage(self, p: s.UsageUpdated, at: At) -> Named:
        usage = p.token_usage or s.TokenUsage()
        self._add(
            "parsed_app_usage",
            at.place,
            {
                "event": at.method,
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "context_window": usage.model_context_window,
            },
            _tokens("last", usage.last),
            _tokens("total", usage.total),
        )
        return Named(p.thread_id, p.turn_id)

    def _response(self, p: s.ResponseCompleted, at: At) -> Named:
        self._add(
            "parsed_app_usage",
            at.place,
            {
                "event": at.method,
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "response_id": ident(p.response_id),
            },
            _tokens("last", p.usage),
        )
        return Named(p.thread_id, p.turn_id)

    def _rate_limits_updated(self, p: s.RateLimitsUpdated, at: At) -> Named:
        if p.rate_limits is not None:
            self._rate_limits(p.rate_limits, None, at.method, at.place, 0)
        return Named()

    def _rate_limits(
        self, r: s.RateLimits, limit_id: str | None, event: str, place: Place, position: int
    ) -> None:
        credits = r.credits or s.Credits()
        individual = r.individual_limit or s.IndividualLimit()
        primary, secondary = r.primary or _NO_WINDOW, r.secondary or _NO_WINDOW
        self._add(
            "parsed_app_rate_limits",
            place,
            {
                "position": position,
                "event": event,
                "limit_id": r.limit_id or limit_id,
                "limit_name": r.limit_name,
                "primary_used_percent": primary.used_percent,
                "primary_window_minutes": primary.window_duration_mins,
                "primary_resets_at": epoch_us(primary.resets_at),
                "secondary_used_percent": secondary.used_percent,
                "secondary_window_minutes": secondary.window_duration_mins,
                "secondary_resets_at": epoch_us(secondary.resets_at),
                "has_credits": credits.has_credits,
                "has_unlimited_credits": credits.unlimited,
                "credit_balance": credits.balance,
                "plan_type": word(r.plan_type),
                "reached_type": word(r.rate_limit_reached_type),
                "is_spend_control_reached": r.spend_control_reached,
                "individual_limit": individual.limit,
                "individual_used": individual.used,
                "individual_remaining_percent": individual.remaining_percent,
                "individual_resets_at": epoch_us(individual.resets_at),
            },
        )

    def _goal_updated(self, p: s.GoalUpdated, at: At) -> Named:
        goal = p.goal or s.Goal()
        thread_id = p.thread_id or goal.thread_id
        self._goal(goal, at.method, at.place, thread_id, p.turn_id)
        return Named(thread_id, p.turn_id)

    def _goal_request(self, p: s.GoalRequest, at: At) -> Named:
        goal = s.Goal(status=p.status, token_budget=p.token_budget, objective=p.objective)
        self._goal(goal, at.method, at.place, p.thread_id, None)
        return Named(p.thread_id)

    def _goal(
        self, g: s.Goal, event: str, place: Place, thread_id: str | None, turn_id: str | None
    ) -> None:
        self._add(
            "parsed_app_goals",
            place,
            {
                "event": event,
                "thread_id": ident(thread_id),
                "turn_id": ident(turn_id),
                "goal_status": snake_word(g.status),
                "token_budget": g.token_budget,
                "tokens_used": g.tokens_used,
                "seconds_used": g.time_used_seconds,
                "goal_created_at": epoch_us(g.created_at),
                "goal_updated_at": epoch_us(g.updated_at),
                "objective_chars": text_chars(g.objective),
            },
        )

    # --- approvals ------------------------------------------------------------------------------

    def _approval_request(self, p: s.ApprovalRequest, at: At) -> Named:
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

    # --- answers --------------------------------------------------------------------------------

    def answer(self, a: s.Answer, place: Place, request_id: str | None) -> tuple[str, Named]:
        """Rows of an answer, by what it holds; gives what that is, and the ids it names."""
        if a.user_agent is not None:
            self._runtime(a, place)
            return "initialize", Named()
        if a.thread is not None:
            is_opened = a.model is not None or not is_null(a.approval_policy)
            self._thread(a.thread, "answer", place, opened=a if is_opened else None)
            return "thread", Named(a.thread.id)
        if a.turn is not None:
            self._turn(a.turn, "answer", a.thread_id, place, 0, a.review_thread_id)
            return "turn", Named(a.thread_id, a.turn.id)
        if a.goal is not msgspec.UNSET:
            goal = a.goal if isinstance(a.goal, s.Goal) else s.Goal()
            self._goal(goal, "answer", place, goal.thread_id, None)
            return "goal", Named(goal.thread_id)
        if a.cleared is not None:
            return "goal_cleared", Named()
        if a.rate_limits is not None or a.rate_limits_by_limit_id:
            families = a.rate_limits_by_limit_id or {"": a.rate_limits or s.RateLimits()}
            for position, (limit_id, limits) in enumerate(families.items()):
                self._rate_limits(limits, ident(limit_id or None), "answer", place, position)
            return "rate_limits", Named()
        if (decided := self._decision(a)) is not None:
            self._add(
                "parsed_app_approvals",
                place,
                {"event": "answer", "request_id": request_id, "reviewer": "user", **decided},
            )
            return "decision", Named()
        if a.data is not None:
            return self._listed(a.data, place)
        if a.turn_id is not None:
            return "turn_id", Named(a.thread_id, a.turn_id)
        return "other", Named(a.thread_id)

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

    def _listed(self, data: list[msgspec.Raw], place: Place) -> tuple[str, Named]:
        """Threads of thread/list and turns of thread/turns/list; other lists are left."""
        first = bytes(data[0]) if data else b""
        whole = b"[" + b",".join(map(bytes, data)) + b"]"
        if b'"cliVersion"' in first:
            turns = 0
            for position, thread in enumerate(self._thread_objects(whole)):
                turns += self._thread(thread, "listed", place, position, turns_before=turns)
            return "threads", Named()
        if b'"itemsView"' in first:
            for position, turn in enumerate(self._turn_objects(whole)):
                self._turn(turn, "listed", None, place, position)
            return "turns", Named()
        return "list", Named()

    # --- version 1 ------------------------------------------------------------------------------

    def event(self, p: s.EventNotice, event: str, place: Place) -> Named:
        """Rows of a core event. Where version 2 tells the same turn or item, the models
        take it for the same."""
        msg = p.msg or s.Event()
        thread_id = p.conversation_id or msg.thread_id
        turn_id = msg.turn_id or (str(p.id) if p.id is not None else None)
        item_id = msg.item_id or msg.call_id
        if event in _EVENT_TURNS:
            name, status = _EVENT_TURNS[event]
            self._turn(s.Turn(turn_id, status=status), name, thread_id, place, 0)
        elif event in _EVENT_ITEMS and item_id is not None:
            item_type, name = _EVENT_ITEMS[event]
            self._event_item(msg, item_type, name, (thread_id, turn_id, item_id), place)
        text = next((t for t in (msg.delta, msg.chunk, msg.unified_diff) if not is_null(t)), None)
        return Named(
            thread_id, turn_id, item_id, text_bytes=None if text is None else text_bytes(text)
        )

    def _event_item(
        self,
        msg: s.Event,
        item_type: str,
        event: str,
        ids: tuple[str | None, str | None, str],
        place: Place,
    ) -> None:
        failed = msg.success is False or (msg.exit_code or 0) != 0
        status = "inProgress" if event == "started" else "failed" if failed else "completed"
        duration, call = msg.duration, msg.invocation or s.Invocation()
        self._add(
            "parsed_app_items",
            place,
            {
                "event": event,
                "thread_id": ident(ids[0]),
                "turn_id": ident(ids[1]),
                "item_id": ident(ids[2]),
                "item_type": item_type,
                "item_status": status,
                "duration_ms": duration and duration.secs * 1000 + duration.nanos // 1_000_000,
                "output_bytes": text_bytes(msg.aggregated_output),
                "exit_code": msg.exit_code,
                "command_word": word_of_command(msg.command),
                "command_source": word(msg.source) if item_type == "commandExecution" else None,
                "tool_server": call.server,
                "tool_name": call.tool,
            },
        )


_EVENT_TURNS = {
    "task_started": ("turn/started", "inProgress"),
    "turn_started": ("turn/started", "inProgress"),
    "task_complete": ("turn/completed", "completed"),
    "turn_complete": ("turn/completed", "completed"),
    "turn_aborted": ("turn/completed", "interrupted"),
}
_EVENT_ITEMS = {
    "exec_command_begin": ("commandExecution", "started"),
    "exec_command_end": ("commandExecution", "completed"),
    "patch_apply_begin": ("fileChange", "started"),
    "patch_apply_end": ("fileChange", "completed"),
    "mcp_tool_call_begin": ("mcpToolCall", "started"),
    "mcp_tool_call_end": ("mcpToolCall", "completed"),
    "web_search_begin": ("webSearch", "started"),
    "web_search_end": ("webSearch", "completed"),
}


# --- small conversions ------------------------------------------------------------------------


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one


def _epoch_us_or_ms(value: float | None) -> int | None:
    """Hook runs give seconds or milliseconds, by version."""
    return epoch_ms_us(value) if value is not None and value >= 1e11 else epoch_us(value)


def _tokens(prefix: str, t: s.Tokens | None) -> dict[str, object]:
    if t is None:
        return {}
    return {f"{prefix}_{name}": value for name, value in msgspec.structs.asdict(t).items()}


def _error(error: s.TurnError | None) -> tuple[str | None, int | None]:
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


def _source(
    source: s.SourceObject | str | None,
) -> tuple[str | None, str | None, str | None, s.Spawn]:
    """(kind, label, sub-agent kind, spawn) of the string and object forms of `source`."""
    none = s.Spawn()
    if source is None or isinstance(source, str):
        kind = snake_word(source)
        return "mcp" if kind == "app_server" else kind, None, None, none
    inner = source.sub_agent or source.subagent
    if inner is None:
        if source.custom is not None:
            return "custom", word(source.custom), None, none
        if source.internal is not None:
            return "internal", word(source.internal), None, none
        return "unknown", None, None, none
    if isinstance(inner, str):
        return "subagent", None, snake_word(inner), none
    if inner.thread_spawn is not None:
        return "subagent", None, "thread_spawn", inner.thread_spawn
    return "subagent", None, word(inner.other) or "unknown", none


def _is_image(part: s.Part) -> bool:
    return part.type in ("image", "localImage", "input_image", "inputImage")


def _size(part: s.Part | str) -> int:
    if isinstance(part, str):
        return len(part.encode("utf-8", "surrogatepass"))
    return text_bytes(part.text) or part.bytes or 0


def _text_of_item(item: s.Item) -> int | None:
    """Size of what an item says; tools say nothing, their output is counted apart."""
    if item.type in ("userMessage", "hookPrompt"):
        return sum(_size(part) for part in item.content or item.fragments or ())
    if item.type == "reasoning":
        said = sum(_size(part) for part in item.content or ())
        return said + sum(text_bytes(text) or 0 for text in item.summary or ())
    if not is_null(item.review):
        return text_bytes(item.review)
    return text_bytes(item.text)


def _output_of_item(item: s.Item) -> int | None:
    if item.result is not None:
        return item.result.bytes or sum(_size(part) for part in item.result.content or ())
    if item.content_items is not None:
        return sum(_size(part) for part in item.content_items)
    return text_bytes(item.aggregated_output)


def _details(item: s.Item) -> dict[str, object]:
    """The columns that only some types of items have."""
    match item.type:
        case "commandExecution":
            kinds = [action.type for action in item.command_actions or ()]
            named = {
                "read": "read_actions",
                "listFiles": "list_actions",
                "search": "search_actions",
            }
            counts = {column: kinds.count(kind) for kind, column in named.items()}
            return {
                "command_word": word_of_command(item.command),
                "command_source": word(item.source),
                **counts,
                "other_actions": len(kinds) - sum(counts.values()),
            }
        case "fileChange":
            return _file_changes(item.changes or [])
        case "mcpToolCall" | "dynamicToolCall":
            return {
                "tool_server": item.server,
                "tool_namespace": item.namespace,
                "tool_name": item.tool,
            }
        case "collabAgentToolCall":
            threads = [ident(thread) for thread in item.receiver_thread_ids or ()]
            return {"tool_name": word(item.tool), "agent_thread_ids": threads}
        case "subAgentActivity":
            threads = [ident(item.agent_thread_id)] if item.agent_thread_id else []
            return {"activity_kind": word(item.kind), "agent_thread_ids": threads}
        case "webSearch":
            action = item.action or s.Action()
            queries = action.queries
            if queries is None:
                queries = [] if is_null(action.query) else [action.query]
            return {
                "web_action": word(action.type),
                "web_queries": len(queries) if action.type == "search" else None,
                "has_query": bool(text_bytes(item.query)),
            }
        case "userMessage":
            parts = [part for part in item.content or () if isinstance(part, s.Part)]
            return {"input_parts": len(parts), "input_images": sum(map(_is_image, parts))}
    return {}


def _file_changes(changes: list[s.Change]) -> dict[str, object]:
    kinds = [change.kind or s.ChangeKind() for change in changes]
    moved = [kind for kind in kinds if not is_null(kind.move_path)]
    return {
        "files_added": sum(kind.type == "add" for kind in kinds),
        "files_updated": sum(kind.type == "update" for kind in kinds) - len(moved),
        "files_deleted": sum(kind.type == "delete" for kind in kinds),
        "files_moved": len(moved),
    }
