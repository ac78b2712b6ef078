"""What tools and sub-agents did, as Codex itself tells it.

Belongs here: the shapes of item_completed lines (messages and reasoning give their rows
through messages.py) and of the events of older versions that end a tool's work, and their
rows. Does not belong here: calls and outputs that the model saw (tools.py).

Types are named as in app-server streams, so that both can stand in one table.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, epoch_ms_us
from warehouse.sources.codex.events import ReviewOutput, ReviewTarget, add_event
from warehouse.sources.codex.messages import (
    Fragment,
    InputPart,
    add_item_message,
    add_user_message,
)
from warehouse.sources.codex.patches import Change, add_patch, count_changes
from warehouse.sources.codex.shapes import (
    ABSENT,
    MAX_LABEL,
    Duration,
    Int,
    Label,
    Payload,
    Place,
    Raw,
    Shape,
    duration_ms,
    span_ms,
)
from warehouse.sources.codex.shell import describe, json_bytes
from warehouse.sources.codex.tools import WebAction, describe_search


def _add_work(
    carrier: str,
    event: str,
    thread_id: str | None,
    turn_id: str | None,
    item_id: str | None,
    item_type: str,
    place: Place,
    rows: Rows,
    *,
    status: str | None = None,
    started_ms: int | None = None,
    completed_ms: int | None = None,
    took_ms: int | None = None,
    argument_bytes: int | None = None,
    output_bytes: int | None = None,
    is_success: bool | None = None,
    server: str | None = None,
    namespace: str | None = None,
    tool: str | None = None,
    activity: str | None = None,
    agent_path: str | None = None,
    agents: Sequence[str] | None = None,
    model: str | None = None,
    effort: str | None = None,
    search: tuple[str | None, int | None, bool | None] = (None, None, None),
) -> None:
    """A row of parsed_items; commands, which are frequent, append theirs themselves."""
    rows["parsed_items"].append(
        (
            *place,
            carrier,
            event,
            thread_id,
            turn_id or None,
            item_id or None,
            item_type,
            status,
            epoch_ms_us(started_ms or None),
            epoch_ms_us(completed_ms or None),
            took_ms,
            argument_bytes,
            output_bytes,
            None,
            is_success,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            server,
            namespace,
            tool,
            activity,
            agent_path,
            list(agents) if agents else None,
            model,
            effort,
            *search,
        )
    )


# --- commands -------------------------------------------------------------------------------------


class ParsedCommand(Shape):
    """What Codex takes a command for."""

    type: Label | None = None
    cmd: Raw = ABSENT
    name: Raw = ABSENT
    path: Raw = ABSENT
    query: Raw = ABSENT


def _add_command(
    c: CommandExecution | ExecCommandEnd,
    carrier: str,
    event: str,
    thread_id: str | None,
    turn_id: str | None,
    item_id: str | None,
    started_ms: int | None,
    completed_ms: int | None,
    place: Place,
    rows: Rows,
    privacy: Privacy,
) -> None:
    number, offset, at, ordinal = place
    word = digest = None
    if c.command:
        _, word, digest = describe(c.command, privacy)
    reads = lists = searches = others = None
    if c.parsed_cmd is not None:
        reads = lists = searches = others = 0
        for parsed in c.parsed_cmd:
            kind = parsed.type
            if kind == "read":
                reads += 1
            elif kind == "list_files":
                lists += 1
            elif kind == "search":
                searches += 1
            else:
                others += 1
    size = json_bytes(c.aggregated_output)
    if size is None:
        sizes = [json_bytes(c.stdout), json_bytes(c.stderr)]
        size = sum(filter(None, sizes)) if sizes != [None, None] else None
    exit_code = c.exit_code
    rows["parsed_items"].append(
        (
            number,
            offset,
            at,
            ordinal,
            carrier,
            event,
            thread_id,
            turn_id,
            item_id,
            "commandExecution",
            c.status,
            epoch_ms_us(started_ms or None),
            epoch_ms_us(completed_ms or None),
            duration_ms(c.duration),
            None,
            size,
            exit_code,
            None if exit_code is None else exit_code == 0,
            word,
            digest,
            c.source,
            reads,
            lists,
            searches,
            others,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
        )
    )


# --- the items of item_completed ------------------------------------------------------------------


class WorkItem(Shape, tag_field="type"):
    """Base of items; `add` appends their rows. Tags are the types as rollouts name them."""

    id: Label | None = None

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        raise NotImplementedError


class UserMessage(WorkItem, tag="UserMessage"):
    content: list[InputPart] | None = None
    client_id: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        add_user_message(self.content, done.turn_id, self.id, place, rows)


class TextPart(Shape):
    type: Raw = ABSENT
    text: str = ""


class AgentMessage(WorkItem, tag="AgentMessage"):
    content: list[TextPart] | None = None
    phase: Label | None = None
    memory_citation: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        texts = [part.text for part in self.content or ()]
        add_item_message("assistant", self.phase, None, texts, done.turn_id, self.id, place, rows)


class HookPrompt(WorkItem, tag="HookPrompt"):
    fragments: list[Fragment] | None = None

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        texts = [fragment.text or "" for fragment in self.fragments or ()]
        add_item_message("user", None, "hook_prompt", texts, done.turn_id, self.id, place, rows)


class ReasoningItem(WorkItem, tag="Reasoning"):
    """The same as the response item tells."""

    summary_text: Raw = ABSENT
    raw_content: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        pass


class CommandExecution(WorkItem, tag="CommandExecution"):
    process_id: Raw = ABSENT
    command: list[str] | None = None
    cwd: Raw = ABSENT
    parsed_cmd: list[ParsedCommand] | None = None
    source: Label | None = None
    interaction_input: Raw = ABSENT
    status: Label | None = None
    stdout: Raw = ABSENT
    stderr: Raw = ABSENT
    aggregated_output: Raw = ABSENT
    exit_code: Int | None = None
    duration: Duration | None = None
    formatted_output: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_command(
            self,
            "item",
            "item_completed",
            done.thread_id,
            done.turn_id,
            self.id,
            done.started_at_ms,
            done.completed_at_ms,
            place,
            rows,
            privacy,
        )


class FileChange(WorkItem, tag="FileChange"):
    changes: dict[str, Change] | None = None
    status: Label | None = None
    auto_approved: Raw = ABSENT
    stdout: Raw = ABSENT
    stderr: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        is_success = None if self.status is None else self.status == "completed"
        sizes = [json_bytes(self.stdout), json_bytes(self.stderr)]
        done.add_work(
            self.id,
            "fileChange",
            place,
            rows,
            status=self.status,
            is_success=is_success,
            output_bytes=sum(filter(None, sizes)) if sizes != [None, None] else None,
        )
        add_patch(
            "item",
            done.turn_id,
            self.id,
            self.status,
            is_success,
            count_changes(self.changes or {}),
            place,
            rows,
        )


class McpToolCall(WorkItem, tag="McpToolCall", rename="camel"):
    server: Label | None = None
    tool: Label | None = None
    arguments: Raw = ABSENT
    connector_id: Raw = ABSENT
    mcp_app_resource_uri: Raw = ABSENT
    link_id: Raw = ABSENT
    app_name: Raw = ABSENT
    action_name: Raw = ABSENT
    plugin_id: Raw = ABSENT
    template_id: Raw = ABSENT
    status: Label | None = None
    result: Raw = ABSENT
    error: Raw = ABSENT
    duration: Duration | None = None

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(
            self.id,
            "mcpToolCall",
            place,
            rows,
            status=self.status,
            took_ms=duration_ms(self.duration),
            argument_bytes=json_bytes(self.arguments),
            output_bytes=json_bytes(self.result),
            is_success=None if self.status is None else self.status == "completed",
            server=self.server,
            tool=self.tool,
        )


class DynamicToolCall(WorkItem, tag="DynamicToolCall"):
    namespace: Label | None = None
    tool: Label | None = None
    arguments: Raw = ABSENT
    status: Label | None = None
    content_items: Raw = ABSENT
    success: bool | None = None
    error: Raw = ABSENT
    duration: Duration | None = None

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(
            self.id,
            "dynamicToolCall",
            place,
            rows,
            status=self.status,
            took_ms=duration_ms(self.duration),
            argument_bytes=json_bytes(self.arguments),
            output_bytes=json_bytes(self.content_items),
            is_success=self.success,
            namespace=self.namespace,
            tool=self.tool,
        )


class CollabAgentToolCall(WorkItem, tag="CollabAgentToolCall"):
    tool: Label | None = None
    status: Label | None = None
    sender_thread_id: Raw = ABSENT
    receiver_thread_ids: list[Label] | None = None
    receiver_agents: Raw = ABSENT
    prompt: Raw = ABSENT
    model: Label | None = None
    reasoning_effort: Label | None = None
    agents_states: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(
            self.id,
            "collabAgentToolCall",
            place,
            rows,
            status=self.status,
            argument_bytes=json_bytes(self.prompt),
            is_success=None if self.status is None else self.status == "completed",
            tool=self.tool,
            agents=self.receiver_thread_ids,
            model=self.model,
            effort=self.reasoning_effort,
        )


class SubAgentActivity(WorkItem, tag="SubAgentActivity"):
    kind: Label | None = None
    agent_thread_id: Label | None = None
    agent_path: Label | None = None
    model: Label | None = None
    reasoning_effort: Label | None = None

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(
            self.id,
            "subAgentActivity",
            place,
            rows,
            activity=self.kind,
            agent_path=self.agent_path,
            agents=[self.agent_thread_id] if self.agent_thread_id else None,
            model=self.model,
            effort=self.reasoning_effort,
        )


class WebSearch(WorkItem, tag="WebSearch"):
    query: Raw = ABSENT
    action: WebAction | None = None
    results: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(
            self.id,
            "webSearch",
            place,
            rows,
            output_bytes=json_bytes(self.results),
            search=describe_search(self.action),
        )


class ImageView(WorkItem, tag="ImageView"):
    path: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(self.id, "imageView", place, rows)


class ImageGeneration(WorkItem, tag="ImageGeneration"):
    status: Label | None = None
    revised_prompt: Raw = ABSENT
    result: Raw = ABSENT
    saved_path: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(
            self.id,
            "imageGeneration",
            place,
            rows,
            status=self.status,
            argument_bytes=json_bytes(self.revised_prompt),
            output_bytes=json_bytes(self.result),
        )


class Plan(WorkItem, tag="Plan"):
    text: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_work(self.id, "plan", place, rows, output_bytes=json_bytes(self.text))


_EXTENSIONS = {
    "clock.sleep": "sleep",
    "web.search": "webSearch",
    "image_gen.generation": "imageGeneration",
}


class Extension(WorkItem, tag="Extension", rename="camel"):
    """Items that extensions add; which one it is, `kind` says."""

    kind: Label | None = None
    duration_ms: Int | None = None
    query: Raw = ABSENT
    action: WebAction | None = None
    results: Raw = ABSENT
    status: Label | None = None
    revised_prompt: Raw = ABSENT
    result: Raw = ABSENT
    saved_path: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        kind = self.kind or "extension"
        done.add_work(
            self.id,
            _EXTENSIONS.get(kind, kind),
            place,
            rows,
            status=self.status,
            took_ms=self.duration_ms,
            argument_bytes=json_bytes(self.revised_prompt),
            output_bytes=json_bytes(self.results if self.result is ABSENT else self.result),
            search=describe_search(self.action),
        )


class ContextCompaction(WorkItem, tag="ContextCompaction"):
    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        done.add_event(self.id, "context_compacted", place, rows)


class EnteredReviewMode(WorkItem, tag="EnteredReviewMode"):
    target: ReviewTarget | None = None
    user_facing_hint: Raw = ABSENT

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        target = None if self.target is None else self.target.type
        done.add_event(self.id, "entered_review_mode", place, rows, review_target=target)


class ExitedReviewMode(WorkItem, tag="ExitedReviewMode"):
    review_output: ReviewOutput | None = None

    def add(self, done: ItemCompleted, place: Place, rows: Rows, privacy: Privacy) -> None:
        output = self.review_output
        done.add_event(
            self.id,
            "exited_review_mode",
            place,
            rows,
            review_findings=None if output is None else output.count,
            is_patch_correct=None if output is None else output.verdict,
        )


WORK_ITEMS = (
    UserMessage,
    AgentMessage,
    HookPrompt,
    ReasoningItem,
    CommandExecution,
    FileChange,
    McpToolCall,
    DynamicToolCall,
    CollabAgentToolCall,
    SubAgentActivity,
    WebSearch,
    ImageView,
    ImageGeneration,
    Plan,
    Extension,
    ContextCompaction,
    EnteredReviewMode,
    ExitedReviewMode,
)


class ItemCompleted(Payload, kw_only=True):
    thread_id: Label | None = None
    turn_id: Label | None = None
    item: (
        UserMessage
        | AgentMessage
        | HookPrompt
        | ReasoningItem
        | CommandExecution
        | FileChange
        | McpToolCall
        | DynamicToolCall
        | CollabAgentToolCall
        | SubAgentActivity
        | WebSearch
        | ImageView
        | ImageGeneration
        | Plan
        | Extension
        | ContextCompaction
        | EnteredReviewMode
        | ExitedReviewMode
    )
    started_at_ms: Int | None = None
    completed_at_ms: Int | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        self.item.add(self, place, rows, privacy)

    def add_work(
        self, item_id: str | None, item_type: str, place: Place, rows: Rows, **fields: typing.Any
    ) -> None:
        started, completed = self.started_at_ms, self.completed_at_ms
        if fields.get("took_ms") is None:
            fields["took_ms"] = span_ms(started, completed)
        _add_work(
            "item",
            "item_completed",
            self.thread_id,
            self.turn_id,
            item_id,
            item_type,
            place,
            rows,
            started_ms=started,
            completed_ms=completed,
            **fields,
        )

    def add_event(
        self, item_id: str | None, event: str, place: Place, rows: Rows, **fields: typing.Any
    ) -> None:
        add_event(
            "item",
            event,
            place,
            rows,
            thread_id=self.thread_id,
            turn_id=self.turn_id,
            item_id=item_id,
            **fields,
        )


ITEM_TYPES = frozenset(str(item.__struct_config__.tag) for item in WORK_ITEMS)


# --- events that end a tool's work ----------------------------------------------------------------


class PatchApplyEnd(Payload):
    call_id: Label | None = None
    turn_id: Label | None = None
    stdout: Raw = ABSENT
    stderr: Raw = ABSENT
    success: bool | None = None
    changes: dict[str, Change] | None = None
    status: Label | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        sizes = [json_bytes(self.stdout), json_bytes(self.stderr)]
        _add_work(
            "event",
            kind,
            None,
            self.turn_id,
            self.call_id,
            "fileChange",
            place,
            rows,
            status=self.status,
            is_success=self.success,
            output_bytes=sum(filter(None, sizes)) if sizes != [None, None] else None,
        )
        add_patch(
            "event",
            self.turn_id,
            self.call_id,
            self.status,
            self.success,
            count_changes(self.changes or {}),
            place,
            rows,
        )


class ExecCommandEnd(Payload):
    call_id: Label | None = None
    turn_id: Label | None = None
    completed_at_ms: Int | None = None
    process_id: Raw = ABSENT
    command: list[str] | None = None
    cwd: Raw = ABSENT
    parsed_cmd: list[ParsedCommand] | None = None
    source: Label | None = None
    interaction_input: Raw = ABSENT
    status: Label | None = None
    stdout: Raw = ABSENT
    stderr: Raw = ABSENT
    aggregated_output: Raw = ABSENT
    exit_code: Int | None = None
    duration: Duration | None = None
    formatted_output: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_command(
            self,
            "event",
            kind,
            None,
            self.turn_id or None,
            self.call_id,
            None,
            self.completed_at_ms,
            place,
            rows,
            privacy,
        )


class Invocation(Shape):
    server: Label | None = None
    tool: Label | None = None
    arguments: Raw = ABSENT


class McpOk(Shape, forbid_unknown_fields=False):
    is_error: bool | None = msgspec.field(default=None, name="isError")


class McpResult(Shape, forbid_unknown_fields=False):
    """What a tool gave, or why it failed."""

    ok: McpOk | None = msgspec.field(default=None, name="Ok")
    err: Raw = msgspec.field(default=ABSENT, name="Err")


_mcp_result = msgspec.json.Decoder(McpResult | None).decode


class McpToolCallEnd(Payload):
    call_id: Label | None = None
    turn_id: Label | None = None
    invocation: Invocation | None = None
    connector_id: Raw = ABSENT
    mcp_app_resource_uri: Raw = ABSENT
    link_id: Raw = ABSENT
    app_name: Raw = ABSENT
    action_name: Raw = ABSENT
    plugin_id: Raw = ABSENT
    template_id: Raw = ABSENT
    duration: Duration | None = None
    result: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        invocation = self.invocation or Invocation()
        result = _mcp_result(bytes(self.result))
        is_success = None
        if result is not None:
            is_success = result.ok is not None and not result.ok.is_error
        _add_work(
            "event",
            kind,
            None,
            self.turn_id,
            self.call_id,
            "mcpToolCall",
            place,
            rows,
            took_ms=duration_ms(self.duration),
            argument_bytes=json_bytes(invocation.arguments),
            output_bytes=json_bytes(self.result),
            is_success=is_success,
            server=invocation.server,
            tool=invocation.tool,
        )


class WebSearchEnd(Payload):
    call_id: Label | None = None
    query: Raw = ABSENT
    action: WebAction | None = None
    results: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_work(
            "event",
            kind,
            None,
            None,
            self.call_id,
            "webSearch",
            place,
            rows,
            output_bytes=json_bytes(self.results),
            search=describe_search(self.action),
        )


class ImageGenerationEnd(Payload):
    call_id: Label | None = None
    status: Label | None = None
    revised_prompt: Raw = ABSENT
    result: Raw = ABSENT
    saved_path: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_work(
            "event",
            kind,
            None,
            None,
            self.call_id,
            "imageGeneration",
            place,
            rows,
            status=self.status,
            argument_bytes=json_bytes(self.revised_prompt),
            output_bytes=json_bytes(self.result),
        )


class ViewImage(Payload):
    call_id: Label | None = None
    path: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_work("event", kind, None, None, self.call_id, "imageView", place, rows)


class DynamicToolRequest(Payload, rename="camel"):
    call_id: Label | None = None
    turn_id: Label | None = None
    started_at_ms: Int | None = None
    namespace: Label | None = None
    tool: Label | None = None
    arguments: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_work(
            "event",
            kind,
            None,
            self.turn_id,
            self.call_id,
            "dynamicToolCall",
            place,
            rows,
            started_ms=self.started_at_ms,
            argument_bytes=json_bytes(self.arguments),
            namespace=self.namespace,
            tool=self.tool,
        )


class DynamicToolResponse(Payload):
    call_id: Label | None = None
    turn_id: Label | None = None
    completed_at_ms: Int | None = None
    namespace: Label | None = None
    tool: Label | None = None
    arguments: Raw = ABSENT
    content_items: Raw = ABSENT
    success: bool | None = None
    error: Raw = ABSENT
    duration: Duration | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_work(
            "event",
            kind,
            None,
            self.turn_id,
            self.call_id,
            "dynamicToolCall",
            place,
            rows,
            completed_ms=self.completed_at_ms,
            took_ms=duration_ms(self.duration),
            argument_bytes=json_bytes(self.arguments),
            output_bytes=json_bytes(self.content_items),
            is_success=self.success,
            namespace=self.namespace,
            tool=self.tool,
        )


# What collab events of the extended mode (2026-02 to 06) tell the end of.
_COLLAB_TOOLS = {
    "collab_agent_spawn_end": "spawn_agent",
    "collab_agent_interaction_end": "send_input",
    "collab_waiting_end": "wait",
    "collab_close_end": "close_agent",
    "collab_resume_end": "resume_agent",
}


class CollabEnd(Payload):
    call_id: Label | None = None
    completed_at_ms: Int | None = None
    sender_thread_id: Raw = ABSENT
    new_thread_id: Label | None = None
    new_agent_nickname: Raw = ABSENT
    new_agent_role: Raw = ABSENT
    receiver_thread_id: Label | None = None
    receiver_agent_nickname: Raw = ABSENT
    receiver_agent_role: Raw = ABSENT
    prompt: Raw = ABSENT
    model: Label | None = None
    reasoning_effort: Label | None = None
    status: Raw = ABSENT
    agent_statuses: Raw = ABSENT
    statuses: dict[str, Raw] | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        named = self.new_thread_id or self.receiver_thread_id
        _add_work(
            "event",
            kind,
            None,
            None,
            self.call_id,
            "collabAgentToolCall",
            place,
            rows,
            completed_ms=self.completed_at_ms,
            argument_bytes=json_bytes(self.prompt),
            tool=_COLLAB_TOOLS[kind],
            agents=[named] if named else [agent[:MAX_LABEL] for agent in self.statuses or ()],
            model=self.model or None,
            effort=self.reasoning_effort or None,
        )


class SubAgentActivityEvent(Payload):
    event_id: Label | None = None
    occurred_at_ms: Int | None = None
    agent_thread_id: Label | None = None
    agent_path: Label | None = None
    kind: Label | None = None
    model: Label | None = None
    reasoning_effort: Label | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_work(
            "event",
            kind,
            None,
            None,
            self.event_id,
            "subAgentActivity",
            place,
            rows,
            completed_ms=self.occurred_at_ms,
            activity=self.kind,
            agent_path=self.agent_path,
            agents=[self.agent_thread_id] if self.agent_thread_id else None,
            model=self.model,
            effort=self.reasoning_effort,
        )


EVENTS: dict[str, type[Payload]] = {
    "item_completed": ItemCompleted,
    "patch_apply_end": PatchApplyEnd,
    "exec_command_end": ExecCommandEnd,
    "mcp_tool_call_end": McpToolCallEnd,
    "web_search_end": WebSearchEnd,
    "image_generation_end": ImageGenerationEnd,
    "view_image_tool_call": ViewImage,
    "dynamic_tool_call_request": DynamicToolRequest,
    "dynamic_tool_call_response": DynamicToolResponse,
    **dict.fromkeys(_COLLAB_TOOLS, CollabEnd),
    "sub_agent_activity": SubAgentActivityEvent,
}
