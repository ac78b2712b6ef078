"""Typed shapes of the rollout lines that are decoded, for every version that wrote them.

Belongs here: msgspec structs that name the fields to take; msgspec skips all others
without building them. Does not belong here: what becomes of the fields (lines.py).
Every field is optional, since every version lacks some; polymorphic ones stay raw.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec

# Arrow holds 64 bits; a larger number must be refused where it stands.
Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Number = Int | float

P = TypeVar("P")

ABSENT = msgspec.Raw(b"null")  # default of raw fields: as if the line said null


class Shape(msgspec.Struct, gc=False):
    """Base of all shapes: no fields required, unknown ones skipped."""


class Line(Shape, Generic[P]):
    payload: P


class Envelope(Shape):
    """Any line, whatever the order of its keys."""

    timestamp: str | int | float | None = None
    ordinal: Int | None = None
    type: str | None = None
    payload: msgspec.Raw = ABSENT


class Head(Shape):
    type: str | None = None


class Tokens(Shape):
    input_tokens: Int | None = None
    cached_input_tokens: Int | None = None
    cache_write_input_tokens: Int | None = None
    output_tokens: Int | None = None
    reasoning_output_tokens: Int | None = None
    total_tokens: Int | None = None


class Info(Shape):
    total_token_usage: Tokens | None = None
    last_token_usage: Tokens | None = None
    model_context_window: Int | None = None
    last_usage_includes_reasoning: bool | None = None


class Window(Shape):
    used_percent: Number | None = None
    window_minutes: Int | None = None
    resets_at: Int | str | None = None
    resets_in_seconds: Number | None = None


class Credits(Shape):
    has_credits: bool | None = None
    unlimited: bool | None = None
    balance: str | None = None


class IndividualLimit(Shape):
    limit: str | None = None
    used: str | None = None
    remaining_percent: Number | None = None
    resets_at: Int | None = None


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
    # flat form of 2025-09-20 to 09-24; "weekly" was renamed "secondary" on the second day
    primary_used_percent: Number | None = None
    primary_window_minutes: Int | None = None
    secondary_used_percent: Number | None = None
    secondary_window_minutes: Int | None = None
    weekly_used_percent: Number | None = None
    weekly_window_minutes: Int | None = None


class TokenCount(Shape):
    info: Info | None = None
    rate_limits: RateLimits | None = None


class UsageRecord(Shape):
    thread_id: str | None = None
    turn_id: str | None = None
    session_id: str | None = None
    root_turn_id: str | None = None
    response_id: str | None = None
    usage: Tokens | None = None
    turn_token_usage: Tokens | None = None
    thread_token_usage: Tokens | None = None


class Git(Shape):
    commit_hash: str | None = None
    branch: str | None = None
    repository_url: str | None = None


class HistoryBase(Shape):
    thread_id: str | None = None
    end_ordinal_exclusive: Int | None = None
    end_byte_offset: Int | None = None


class ContextWindow(Shape):
    window_id: str | None = None


class Text(Shape):
    text: str | None = None


class SessionMeta(Shape):
    id: str | None = None
    session_id: str | None = None
    timestamp: str | None = None
    cwd: str | None = None
    originator: str | None = None
    cli_version: str | None = None
    source: msgspec.Raw = ABSENT
    thread_source: str | None = None
    agent_nickname: str | None = None
    agent_role: str | None = None
    agent_type: str | None = None
    agent_path: str | None = None
    model_provider: str | None = None
    history_mode: str | None = None
    memory_mode: str | None = None
    multi_agent_version: str | None = None
    forked_from_id: str | None = None
    forked_from_ordinal_exclusive: Int | None = None
    parent_thread_id: str | None = None
    history_base: HistoryBase | None = None
    subagent_history_start_ordinal: Int | None = None
    context_window: ContextWindow | None = None
    git: Git | None = None
    account_scoped: bool | None = None
    creator_user_id: str | None = None
    creator_account_id: str | None = None
    base_instructions: Text | str | None = None
    instructions: str | None = None
    dynamic_tools: list[msgspec.Raw] | None = None


class Spawn(Shape):
    parent_thread_id: str | None = None
    depth: Int | None = None
    agent_path: str | None = None
    agent_nickname: str | None = None
    agent_role: str | None = None
    agent_type: str | None = None


class SourceObject(Shape):
    """The object forms of session_meta.source."""

    custom: str | None = None
    internal: str | None = None
    subagent: msgspec.Raw = ABSENT


class SubagentObject(Shape):
    """The object forms of session_meta.source.subagent."""

    thread_spawn: Spawn | None = None
    other: str | None = None


class SandboxPolicy(Shape):
    type: str | None = None
    mode: str | None = None
    network_access: bool | str | None = None
    writable_roots: list[msgspec.Raw] | None = None
    exclude_tmpdir_env_var: bool | None = None
    exclude_slash_tmp: bool | None = None


class PermissionProfile(Shape):
    type: str | None = None


class Truncation(Shape):
    mode: str | None = None
    limit: Int | None = None


class CollaborationMode(Shape):
    mode: str | None = None


class TurnContext(Shape):
    turn_id: str | None = None
    root_turn_id: str | None = None
    cwd: str | None = None
    current_date: str | None = None
    timezone: str | None = None
    approval_policy: msgspec.Raw = ABSENT
    approvals_reviewer: str | None = None
    sandbox_policy: SandboxPolicy | str | None = None
    permission_profile: PermissionProfile | None = None
    model: str | None = None
    comp_hash: str | None = None
    personality: str | None = None
    collaboration_mode: CollaborationMode | str | None = None
    multi_agent_version: str | None = None
    multi_agent_mode: msgspec.Raw = ABSENT
    realtime_active: bool | None = None
    effort: str | None = None
    summary: str | None = None
    trace_id: str | None = None
    base_instructions: str | None = None
    user_instructions: str | None = None
    developer_instructions: str | None = None
    final_output_json_schema: msgspec.Raw = ABSENT
    truncation_policy: Truncation | None = None


class ThreadSettings(Shape):
    model: str | None = None
    model_provider_id: str | None = None
    service_tier: str | None = None
    approval_policy: msgspec.Raw = ABSENT
    approvals_reviewer: str | None = None
    permission_profile: PermissionProfile | None = None
    cwd: str | None = None
    reasoning_effort: str | None = None
    reasoning_summary: str | None = None
    personality: str | None = None
    collaboration_mode: CollaborationMode | str | None = None


class SettingsApplied(Shape):
    thread_id: str | None = None
    thread_settings: ThreadSettings = msgspec.field(default_factory=ThreadSettings)


class TurnAttribution(Shape):
    turn_trigger: str | None = None
    parent_turn_id: str | None = None
    initiating_agent_path: str | None = None


class TurnError(Shape):
    codex_error_info: msgspec.Raw = ABSENT


class Lifecycle(Shape):
    """task_started, task_complete and turn_aborted (and their aliases) in one."""

    turn_id: str | None = None
    root_turn_id: str | None = None
    turn_attribution: TurnAttribution | None = None
    trace_id: str | None = None
    started_at: Number | None = None
    completed_at: Number | None = None
    duration_ms: Int | None = None
    time_to_first_token_ms: Int | None = None
    model_context_window: Int | None = None
    collaboration_mode_kind: str | None = None
    reason: str | None = None
    last_agent_message: str | None = None
    error: TurnError | None = None


class Compacted(Shape):
    message: str | None = None
    replacement_history: list[msgspec.Raw] | None = None
    window_number: Int | None = None
    window_id: str | Int | None = None
    first_window_id: str | None = None
    previous_window_id: str | None = None
