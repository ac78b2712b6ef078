"""Typed shapes of app-server messages, for every version that wrote them.

Belongs here: msgspec structs that name the fields to take; msgspec skips all others
without building them. Does not belong here: what becomes of the fields (rows.py).

Every field is optional, since every version lacks some. Texts stay raw: only their size is
taken, and a capture without content holds sizes in their place.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

# Arrow holds 64 bits; a larger number must be refused where it stands.
Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Number = Int | float
Id = str | Int

ABSENT = msgspec.Raw(b"null")  # default of raw fields: as if the message said null
Text = msgspec.Raw


class Shape(msgspec.Struct, gc=False, rename="camel"):
    """Base of all shapes: no fields required, unknown ones skipped."""


class Snake(msgspec.Struct, gc=False):
    """Base of the few shapes that the protocol spells in snake_case."""


# --- envelopes --------------------------------------------------------------------------------


class Wrapper(Snake):
    """A line of a recorder: when, which way, and the message. `bytes` stands for one that was
    not JSON."""

    ts: str | float | None = None
    dir: str | None = None
    connection: Id | None = None
    conn: Id | None = None
    connection_id: Id | None = None
    msg: msgspec.Raw = ABSENT
    bytes: Int | None = None


class RpcError(Snake):
    code: Int | None = None


class Message(Shape):
    id: Id | None = None
    method: str | None = None
    params: msgspec.Raw = ABSENT
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: RpcError | None = None
    emitted_at_ms: Number | None = None


class Ids(Shape):
    """The ids that any message may carry."""

    thread_id: str | None = None
    conversation_id: str | None = None
    turn_id: str | None = None
    item_id: str | None = None
    call_id: str | None = None
    request_id: Id | None = None


# --- handshake --------------------------------------------------------------------------------


class ClientInfo(Shape):
    name: str | None = None
    title: str | None = None
    version: str | None = None


class Capabilities(Shape):
    experimental_api: bool | None = None
    opt_out_notification_methods: list[str] | None = None


class Initialize(Shape):
    client_info: ClientInfo | None = None
    capabilities: Capabilities | None = None


class AccountUpdated(Shape):
    auth_mode: str | None = None
    plan_type: str | None = None


# --- threads ----------------------------------------------------------------------------------


class Git(Shape):
    sha: str | None = None
    branch: str | None = None
    origin_url: str | None = None


class Tagged(Shape):
    type: str | None = None


class Spawn(Snake):
    parent_thread_id: str | None = None
    depth: Int | None = None
    agent_path: str | None = None
    agent_nickname: str | None = None
    agent_role: str | None = None
    agent_type: str | None = None


class SubAgent(Snake):
    thread_spawn: Spawn | None = None
    other: str | None = None


class SourceObject(Shape):
    """The object forms of a thread's source."""

    custom: str | None = None
    internal: str | None = None
    sub_agent: SubAgent | str | None = None
    subagent: SubAgent | str | None = msgspec.field(default=None, name="subagent")


class TurnError(Shape):
    codex_error_info: msgspec.Raw = ABSENT


class Turn(Shape):
    id: str | None = None
    root_turn_id: str | None = None
    status: str | None = None
    error: TurnError | None = None
    started_at: Number | None = None
    completed_at: Number | None = None
    duration_ms: Int | None = None


class Thread(Shape):
    id: str | None = None
    session_id: str | None = None
    forked_from_id: str | None = None
    parent_thread_id: str | None = None
    ephemeral: bool | None = None
    history_mode: str | None = None
    status: Tagged | None = None
    created_at: Number | None = None
    updated_at: Number | None = None
    cwd: str | None = None
    cli_version: str | None = None
    originator: str | None = None
    source: SourceObject | str | None = None
    thread_source: str | None = None
    agent_nickname: str | None = None
    agent_role: str | None = None
    name: Text = ABSENT
    git_info: Git | None = None
    model: str | None = None
    model_provider: str | None = None
    reasoning_effort: str | None = None
    turns: list[Turn] | None = None


class ThreadStarted(Shape):
    thread: Thread | None = None


class ThreadStatusChanged(Shape):
    thread_id: str | None = None
    status: Tagged | None = None


class ThreadNamed(Shape):
    thread_id: str | None = None
    thread_name: Text = ABSENT
    name: Text = ABSENT


class CollaborationMode(Shape):
    mode: str | None = None


class Settings(Shape):
    """Settings of a thread: in notifications below `threadSettings`, in requests flat."""

    thread_id: str | None = None
    model: str | None = None
    model_provider: str | None = None
    service_tier: str | None = None
    effort: str | None = None
    summary: msgspec.Raw = ABSENT
    approval_policy: msgspec.Raw = ABSENT
    approvals_reviewer: str | None = None
    sandbox_policy: Tagged | None = None
    collaboration_mode: CollaborationMode | None = None
    personality: str | None = None
    cwd: str | None = None


class SettingsUpdated(Shape):
    thread_id: str | None = None
    thread_settings: Settings = msgspec.field(default_factory=Settings)


class MetadataUpdate(Shape):
    thread_id: str | None = None
    git_info: Git | None = None


class MemoryModeSet(Shape):
    thread_id: str | None = None
    mode: str | None = None


class ThreadRollback(Shape):
    thread_id: str | None = None
    num_turns: Int | None = None


class ThreadOnly(Shape):
    thread_id: str | None = None


# --- turns ------------------------------------------------------------------------------------


class Part(Shape):
    """A part of an input, a message or a tool's output (of which a size may be left)."""

    type: str | None = None
    text: Text = ABSENT
    bytes: Int | None = None


class TurnRequest(Shape):
    """turn/start, turn/steer, turn/interrupt and review/start in one."""

    thread_id: str | None = None
    turn_id: str | None = None
    expected_turn_id: str | None = None
    input: list[Part] | None = None
    model: str | None = None
    effort: str | None = None
    cwd: str | None = None


class TurnNotice(Shape):
    """turn/started and turn/completed."""

    thread_id: str | None = None
    turn: Turn | None = None


class ErrorNotice(Shape):
    thread_id: str | None = None
    turn_id: str | None = None
    error: TurnError | None = None
    will_retry: bool | None = None


class Rerouted(Shape):
    thread_id: str | None = None
    turn_id: str | None = None
    from_model: str | None = None
    to_model: str | None = None


class TextNotice(Shape):
    """A notification that carries a text: a delta, a diff, what was typed."""

    thread_id: str | None = None
    turn_id: str | None = None
    item_id: str | None = None
    delta: Text = ABSENT
    diff: Text = ABSENT
    stdin: Text = ABSENT


# --- items ------------------------------------------------------------------------------------


class Action(Shape):
    type: str | None = None
    queries: list[Text] | None = None
    query: Text = ABSENT


class ChangeKind(Snake):
    type: str | None = None
    move_path: Text = ABSENT


class Change(Shape):
    kind: ChangeKind | None = None
    diff: Text = ABSENT


class ToolResult(Shape):
    content: list[Part] | None = None
    bytes: Int | None = None


class Item(Shape):
    """Any item; which fields are there depends on its type."""

    type: str | None = None
    id: str | None = None
    status: str | None = None
    duration_ms: Int | None = None
    started_at_ms: Number | None = None
    completed_at_ms: Number | None = None
    # messages, plans, reasoning, reviews
    text: Text = ABSENT
    content: list[Part | str] | None = None
    summary: list[Text] | None = None
    review: Text = ABSENT
    fragments: list[Part] | None = None
    phase: str | None = None
    # commands
    command: msgspec.Raw = ABSENT
    source: str | None = None
    command_actions: list[Tagged] | None = None
    aggregated_output: Text = ABSENT
    exit_code: Int | None = None
    # file changes
    changes: list[Change] | None = None
    # tools
    server: str | None = None
    namespace: str | None = None
    tool: str | None = None
    success: bool | None = None
    result: ToolResult | None = None
    content_items: list[Part] | None = None
    # sub-agents
    sender_thread_id: str | None = None
    receiver_thread_ids: list[str] | None = None
    agent_thread_id: str | None = None
    kind: str | None = None
    model: str | None = None
    reasoning_effort: str | None = None
    # web searches
    query: Text = ABSENT
    action: Action | None = None


class ItemNotice(Shape):
    """item/started and item/completed."""

    thread_id: str | None = None
    turn_id: str | None = None
    item: Item | None = None
    started_at_ms: Number | None = None
    completed_at_ms: Number | None = None


class HookRun(Shape):
    id: str | None = None
    event_name: str | None = None
    handler_type: str | None = None
    status: str | None = None
    started_at: Number | None = None
    completed_at: Number | None = None
    duration_ms: Int | None = None


class HookNotice(Shape):
    thread_id: str | None = None
    turn_id: str | None = None
    run: HookRun | None = None


# --- usage, limits, goals ---------------------------------------------------------------------


class Tokens(Shape):
    input_tokens: Int | None = None
    cached_input_tokens: Int | None = None
    cache_write_input_tokens: Int | None = None
    output_tokens: Int | None = None
    reasoning_output_tokens: Int | None = None
    total_tokens: Int | None = None


class TokenUsage(Shape):
    total: Tokens | None = None
    last: Tokens | None = None
    model_context_window: Int | None = None


class UsageUpdated(Shape):
    thread_id: str | None = None
    turn_id: str | None = None
    token_usage: TokenUsage | None = None


class ResponseCompleted(Shape):
    thread_id: str | None = None
    turn_id: str | None = None
    response_id: str | None = None
    usage: Tokens | None = None


class Window(Shape):
    used_percent: Number | None = None
    window_duration_mins: Int | None = None
    resets_at: Number | None = None


class Credits(Shape):
    has_credits: bool | None = None
    unlimited: bool | None = None
    balance: str | None = None


class IndividualLimit(Shape):
    limit: str | None = None
    used: str | None = None
    remaining_percent: Number | None = None
    resets_at: Number | None = None


class RateLimits(Shape):
    limit_id: str | None = None
    limit_name: str | None = None
    primary: Window | None = None
    secondary: Window | None = None
    credits: Credits | None = None
    individual_limit: IndividualLimit | None = None
    spend_control_reached: bool | None = None
    plan_type: str | None = None
    rate_limit_reached_type: str | None = None


class RateLimitsUpdated(Shape):
    rate_limits: RateLimits | None = None


class Goal(Shape):
    thread_id: str | None = None
    status: str | None = None
    token_budget: Int | None = None
    tokens_used: Int | None = None
    time_used_seconds: Int | None = None
    created_at: Number | None = None
    updated_at: Number | None = None
    objective: Text = ABSENT


class GoalUpdated(Shape):
    thread_id: str | None = None
    turn_id: str | None = None
    goal: Goal | None = None


class GoalRequest(Shape):
    """thread/goal/set, get and clear."""

    thread_id: str | None = None
    status: str | None = None
    token_budget: Int | None = None
    objective: Text = ABSENT


# --- approvals --------------------------------------------------------------------------------


class NetworkContext(Shape):
    protocol: str | None = None


class NetworkPermission(Shape):
    enabled: bool | None = None


class Permissions(Shape):
    network: NetworkPermission | None = None
    file_system: msgspec.Raw = ABSENT


class ApprovalRequest(Shape):
    """Anything that the server asks of the client about a thread."""

    thread_id: str | None = None
    conversation_id: str | None = None
    turn_id: str | None = None
    item_id: str | None = None
    call_id: str | None = None
    approval_id: str | None = None
    started_at_ms: Number | None = None
    command: msgspec.Raw = ABSENT
    reason: Text = ABSENT
    network_approval_context: NetworkContext | None = None
    additional_permissions: Permissions | None = None
    permissions: Permissions | None = None
    proposed_execpolicy_amendment: msgspec.Raw = ABSENT
    proposed_network_policy_amendments: list[msgspec.Raw] | None = None
    grant_root: Text = ABSENT
    questions: list[msgspec.Raw] | None = None
    tool: str | None = None
    namespace: str | None = None


class AutoReview(Shape):
    status: str | None = None
    risk_level: str | None = None
    rationale: Text = ABSENT


class ReviewAction(Shape):
    type: str | None = None
    command: msgspec.Raw = ABSENT
    protocol: str | None = None


class AutoReviewNotice(Shape):
    """item/autoApprovalReview/started and completed."""

    thread_id: str | None = None
    turn_id: str | None = None
    review_id: str | None = None
    target_item_id: str | None = None
    started_at_ms: Number | None = None
    completed_at_ms: Number | None = None
    review: AutoReview | None = None
    action: ReviewAction | None = None


class NetworkAmendment(Snake):
    action: str | None = None


class NetworkDecision(Snake):
    network_policy_amendment: NetworkAmendment | None = None


# --- answers ----------------------------------------------------------------------------------


class Answer(Shape):
    """Any answer: which request it answers is told by what it holds."""

    # initialize
    user_agent: str | None = None
    platform_os: str | None = None
    # threads
    thread: Thread | None = None
    thread_id: str | None = None
    model: str | None = None
    model_provider: str | None = None
    service_tier: str | None = None
    reasoning_effort: str | None = None
    cwd: str | None = None
    approval_policy: msgspec.Raw = ABSENT
    approvals_reviewer: str | None = None
    sandbox: Tagged | None = None
    multi_agent_mode: msgspec.Raw = ABSENT
    data: list[msgspec.Raw] | None = None
    # turns
    turn: Turn | None = None
    turn_id: str | None = None
    review_thread_id: str | None = None
    # goals
    goal: Goal | msgspec.UnsetType | None = msgspec.UNSET
    cleared: bool | None = None
    # limits
    rate_limits: RateLimits | None = None
    rate_limits_by_limit_id: dict[str, RateLimits] | None = None
    # the client's answers
    decision: msgspec.Raw = ABSENT
    permissions: Permissions | None = None
    scope: str | None = None
    answers: dict[str, msgspec.Raw] | None = None
    action: msgspec.Raw = ABSENT
    content_items: list[msgspec.Raw] | None = None
    success: bool | None = None


# --- version 1 --------------------------------------------------------------------------------


class Duration(Snake):
    secs: Int = 0
    nanos: Int = 0


class Invocation(Snake):
    server: str | None = None
    tool: str | None = None


class Event(Snake):
    """A core event below `codex/event/<type>`."""

    type: str | None = None
    thread_id: str | None = None
    turn_id: str | None = None
    item_id: str | None = None
    call_id: str | None = None
    delta: Text = ABSENT
    chunk: Text = ABSENT
    unified_diff: Text = ABSENT
    command: msgspec.Raw = ABSENT
    source: str | None = None
    aggregated_output: Text = ABSENT
    exit_code: Int | None = None
    duration: Duration | None = None
    success: bool | None = None
    invocation: Invocation | None = None


class EventNotice(Shape):
    id: Id | None = None
    conversation_id: str | None = None
    msg: Event | None = None
