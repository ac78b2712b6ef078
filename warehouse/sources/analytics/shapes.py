"""Typed shapes of analytics events: a field is a column, its type says how it becomes one.

Belongs here: one msgspec struct for each type of event, with the names that events give
to the fields. Does not belong here: reading lines (events.py).

Fields are named as their columns; `name=` gives the event's own name where it differs. The
function in an annotation turns what the event says into what the column holds.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from warehouse.sources.base import epoch_ms_us, epoch_us
from warehouse.sources.texts import ident, is_null, snake_word, tag_of, word


def _length(parts: list[msgspec.Raw] | None) -> int | None:
    return None if parts is None else len(parts)


def _is_there(value: msgspec.Raw) -> bool:
    return not is_null(value)


def _idents(ids: list[str] | None) -> list[str | None] | None:
    return None if ids is None else [ident(one) for one in ids]


def _known_word(text: str | None) -> str:
    return word(text) or "unknown"


# Arrow holds 64 bits; a larger number must be refused where it stands.
_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Int = _Whole | None
Flag = bool | None
Name = str | None
Seconds = Annotated[_Whole | float | None, epoch_us]
Millis = Annotated[_Whole | float | None, epoch_ms_us]
Word = Annotated[str | None, word]
SnakeWord = Annotated[str | None, snake_word]
Ident = Annotated[str | None, ident]
Idents = Annotated[list[str] | None, _idents]
Count = Annotated[list[msgspec.Raw] | None, _length]
Presence = Annotated[msgspec.Raw, _is_there]

ABSENT = msgspec.Raw(b"null")  # default of raw fields: as if the event said null


def named(name: str, default: Any = None) -> Any:
    """A field that the event calls `name`."""
    return msgspec.field(default=default, name=name)


class Shape(msgspec.Struct, gc=False):
    """Base of all shapes: no fields required, unknown ones skipped."""


# --- lines and events -------------------------------------------------------------------------


class Event(Shape):
    event_type: str | None = None
    event_params: msgspec.Raw = ABSENT
    skill_id: str | None = None
    skill_name: str | None = None


class Line(Event):
    """A request body, or an event on a line of its own."""

    received_at: str | float | None = None
    events: list[msgspec.Raw] | None = None


class Client(Shape):
    product_client_id: Name = None
    client_name: Name = None
    client_version: Name = None
    rpc_transport: Word = None
    is_experimental: Flag = named("experimental_api_enabled")


class Runtime(Shape):
    cli_version: Name = named("codex_rs_version")
    runtime_os: Name = None
    runtime_os_version: Name = None
    runtime_arch: Name = None


class Common(Shape):
    """Whose an event is."""

    thread_id: Ident = None
    root_session_id: Ident = named("session_id")
    turn_id: Ident = None
    item_id: Ident = None
    product_client_id: Name = None
    thread_source: Word = None
    session_source: Word = None  # what thread_source was called before 2026-05-06
    subagent_kind: Word = named("subagent_source")
    parent_thread_id: Ident = None
    app_server_client: Client | None = None
    runtime: Runtime | None = None


# --- threads and turns ------------------------------------------------------------------------


class ThreadInitialized(Shape):
    thread_id: Ident = None
    model: Name = None
    is_ephemeral: Flag = named("ephemeral")
    is_worktree: Flag = None
    initialization_mode: Word = None
    forked_from_id: Ident = named("forked_from_thread_id")
    created_at: Seconds = None


class ThreadArchive(Shape):
    thread_id: Ident = None
    event: Annotated[str | None, _known_word] = named("action")
    occurred_at: Millis = named("occurred_at_ms")


class Turn(Shape):
    thread_id: Ident = None
    turn_id: Ident = None
    root_turn_id: Ident = None
    turn_trigger: Word = None
    turn_source: Word = named("codex_turn_source")
    submission_type: Word = None
    is_ephemeral: Flag = named("ephemeral")
    initialization_mode: Word = None
    is_first_turn: Flag = None
    model: Name = None
    model_provider: Name = None
    service_tier: Word = None
    effort: Word = named("reasoning_effort")
    reasoning_summary: Word = None
    approval_policy: Word = None
    approvals_reviewer: Word = None
    sandbox_type: Word = named("sandbox_policy")
    has_network_access: Flag = named("sandbox_network_access")
    collaboration_mode: Word = None
    personality: Word = None
    workspace_kind: Word = None
    multi_agent_version: Word = None
    is_guardian_enabled: Flag = named("guardian_v2_enabled")
    active_plugins: Count = named("active_plugin_ids_at_turn_start")
    voice_session_id: Ident = None
    input_images: Int = named("num_input_images")
    prepared_images: Count = named("image_preparations")
    turn_status: Word = named("status")
    turn_error: Annotated[msgspec.Raw, tag_of] = ABSENT
    error_kind: Word = named("codex_error_kind")
    error_http_status: Int = named("codex_error_http_status_code")
    usage_limit_window_minutes: Int = None
    interrupt_requested_at: Millis = named("explicit_client_interrupt_requested_at_ms")
    steers: Int = named("steer_count")
    tool_calls: Int = named("total_tool_call_count")
    shell_commands: Int = named("shell_command_count")
    file_changes: Int = named("file_change_count")
    mcp_calls: Int = named("mcp_tool_call_count")
    dynamic_tool_calls: Int = named("dynamic_tool_call_count")
    subagent_calls: Int = named("subagent_tool_call_count")
    web_searches: Int = named("web_search_count")
    images_generated: Int = named("image_generation_count")
    input_tokens: Int = None
    cached_input_tokens: Int = None
    cache_write_input_tokens: Int = None
    output_tokens: Int = None
    reasoning_output_tokens: Int = None
    total_tokens: Int = None
    before_first_sampling_ms: Int = None
    sampling_ms: Int = None
    compaction_ms: Int = None
    between_sampling_overhead_ms: Int = None
    tool_blocking_ms: Int = None
    after_last_sampling_ms: Int = None
    sampling_requests: Int = named("sampling_request_count")
    sampling_retries: Int = named("sampling_retry_count")
    tools_changes: Int = named("tools_change_count")
    critical_path_status: Word = None
    critical_path_duration_ms: Int = None
    critical_path_inference_ms: Int = None
    critical_path_sampling_ms: Int = None
    critical_path_compaction_ms: Int = None
    critical_path_auto_review_ms: Int = None
    critical_path_auto_review_overhead_ms: Int = None
    critical_path_user_wait_ms: Int = None
    critical_path_tools_ms: Int = None
    critical_path_overhead_ms: Int = None
    critical_path_unknown_ms: Int = None
    started_at: Seconds = None
    completed_at: Seconds = None
    duration_ms: Int = None


class Steer(Shape):
    thread_id: Ident = None
    expected_turn_id: Ident = None
    accepted_turn_id: Ident = None
    input_images: Int = named("num_input_images")
    steer_result: Word = named("result")
    rejection_reason: Word = None
    occurred_at: Seconds = named("created_at")


class Compaction(Shape):
    thread_id: Ident = None
    turn_id: Ident = None
    compaction_trigger: Word = named("trigger")
    compaction_reason: Word = named("reason")
    compaction_implementation: Word = named("implementation")
    compaction_phase: Word = named("phase")
    compaction_strategy: Word = named("strategy")
    compaction_status: Word = named("status")
    error_kind: Word = named("codex_error_kind")
    error_http_status: Int = named("codex_error_http_status_code")
    usage_limit_window_minutes: Int = None
    context_tokens_before: Int = named("active_context_tokens_before")
    context_tokens_after: Int = named("active_context_tokens_after")
    retained_images: Int = named("retained_image_count")
    summary_tokens: Int = named("compaction_summary_tokens")
    cached_input_tokens: Int = None
    cache_write_input_tokens: Int = None
    started_at: Seconds = None
    completed_at: Seconds = None
    duration_ms: Int = None


class Goal(Shape):
    thread_id: Ident = None
    turn_id: Ident = None
    goal_id: Ident = None
    goal_event: Word = named("event_kind")
    goal_status: SnakeWord = None
    has_token_budget: Flag = None
    tokens_used: Int = named("cumulative_tokens_accounted")
    seconds_used: Int = named("cumulative_time_accounted_seconds")


# --- reviews ----------------------------------------------------------------------------------


class Review(Shape):
    thread_id: Ident = None
    turn_id: Ident = None
    item_id: Ident = None
    review_id: Ident = None
    subject_kind: Word = None
    reviewer: Word = None
    review_trigger: Word = named("trigger")
    review_status: Word = named("status")
    resolution: Word = None
    started_at: Millis = named("started_at_ms")
    completed_at: Millis = named("completed_at_ms")
    duration_ms: Int = None


class Tagged(Shape):
    type: str | None = None


def _tag(action: Tagged | None) -> str | None:
    return None if action is None else word(action.type)


class GuardianReview(Shape):
    thread_id: Ident = None
    turn_id: Ident = None
    item_id: Ident = named("target_item_id")
    review_id: Ident = None
    subject_kind: Annotated[Tagged | None, _tag] = named("reviewed_action")
    review_status: Word = named("terminal_status")
    approval_request_source: Word = None
    decision: Word = None
    outcome: Word = None
    risk_level: Word = None
    user_authorization: Word = None
    failure_reason: Word = None
    attempts: Int = named("attempt_count")
    guardian_thread_id: Ident = None
    guardian_session_kind: Word = None
    has_prior_context: Flag = named("had_prior_review_context")
    is_action_truncated: Flag = named("reviewed_action_truncated")
    is_model_overridden: Flag = named("guardian_review_model_overridden")
    model: Name = named("guardian_model")
    model_provider: Name = named("guardian_model_provider_id")
    effort: Word = named("guardian_reasoning_effort")
    tool_calls: Int = named("tool_call_count")
    review_timeout_ms: Int = None
    time_to_first_token_ms: Int = None
    started_at: Seconds = None
    completed_at: Seconds = None
    duration_ms: Int = named("completion_latency_ms")
    input_tokens: Int = None
    cached_input_tokens: Int = None
    cache_write_input_tokens: Int = None
    output_tokens: Int = None
    reasoning_output_tokens: Int = None
    total_tokens: Int = None


# --- tool calls -------------------------------------------------------------------------------


class Tool(Shape):
    """What all events of tool calls share."""

    thread_id: Ident = None
    turn_id: Ident = None
    root_turn_id: Ident = None
    item_id: Ident = None
    parent_call_id: Ident = None
    cell_id: Ident = None
    originating_response_id: Ident = None
    subsequent_response_id: Ident = None
    turn_trigger: Word = None
    tool_name: Word = None
    tool_event_type: Word = None
    started_at: Millis = named("started_at_ms")
    completed_at: Millis = named("completed_at_ms")
    duration_ms: Int = None
    execution_ms: Int = named("execution_duration_ms")
    reviews: Int = named("review_count")
    guardian_reviews: Int = named("guardian_review_count")
    user_reviews: Int = named("user_review_count")
    approval_outcome: Word = named("final_approval_outcome")
    terminal_status: Word = None
    failure_kind: Word = None
    asked_more_permissions: Flag = named("requested_additional_permissions")
    asked_network: Flag = named("requested_network_access")
    plugin_id: Name = None


class CommandExecution(Tool):
    model: Name = named("model_slug")
    effort: Word = named("reasoning_effort")
    sandbox_backend: Word = None
    command_source: Word = named("command_execution_source")
    exit_code: Int = None
    has_script_path: Presence = named("script_path", ABSENT)
    command_actions: Int = named("command_total_action_count")
    read_actions: Int = named("command_read_action_count")
    list_actions: Int = named("command_list_files_action_count")
    search_actions: Int = named("command_search_action_count")
    other_actions: Int = named("command_unknown_action_count")


class FileChange(Tool):
    file_changes: Int = named("file_change_count")
    files_added: Int = named("file_add_count")
    files_updated: Int = named("file_update_count")
    files_deleted: Int = named("file_delete_count")
    files_moved: Int = named("file_move_count")


class McpToolCall(Tool):
    tool_server: Name = named("mcp_server_name")
    mcp_tool_name: Name = None
    has_tool_error: Flag = named("mcp_error_present")
    connector_id: Name = None


class DynamicToolCall(Tool):
    dynamic_tool_name: Name = None
    is_success: Flag = named("success")
    output_items: Int = named("output_content_item_count")
    output_texts: Int = named("output_text_item_count")
    output_images: Int = named("output_image_item_count")
    output_audios: Int = named("output_audio_item_count")


class ControlToolCall(Tool):
    is_success: Flag = named("success")


class CollabAgentToolCall(Tool):
    sender_thread_id: Ident = None
    agents: Int = named("receiver_thread_count")
    agent_thread_ids: Idents = named("receiver_thread_ids")
    agent_states: Int = named("agent_state_count")
    completed_agents: Int = named("completed_agent_count")
    failed_agents: Int = named("failed_agent_count")
    requested_model: Name = None
    requested_effort: Word = named("requested_reasoning_effort")


class WebSearch(Tool):
    web_action: Word = named("web_search_action")
    has_query: Flag = named("query_present")
    web_queries: Int = named("query_count")


class ImageGeneration(Tool):
    has_revised_prompt: Flag = named("revised_prompt_present")
    has_saved_path: Flag = named("saved_path_present")


# --- all others -------------------------------------------------------------------------------


class AcceptedLines(Shape):
    thread_id: Ident = None
    turn_id: Ident = None
    model: Name = named("model_slug")
    product_surface: Word = None
    repo_hash: Ident = None
    accepted_added_lines: Int = None
    accepted_deleted_lines: Int = None
    line_fingerprints: Count = None
    completed_at: Seconds = None


class Extension(Shape):
    """Skills, apps, hooks, plugins and imports in one."""

    thread_id: Ident = None
    turn_id: Ident = None
    model: Name = named("model_slug")
    invoke_type: Word = None
    skill_scope: Word = None
    repo_url: str | None = None
    connector_id: Name = None
    app_name: Name = None
    hook_name: Word = None
    hook_source: Word = None
    hook_status: Word = named("status")
    plugin_id: Name = None
    remote_plugin_id: Name = None
    plugin_name: Name = None
    marketplace_name: Name = None
    has_skills: Flag = None
    plugin_mcp_servers: Int = named("mcp_server_count")
    plugin_connectors: Count = named("connector_ids")
    plugins: Count = None
    suggestion_id: Ident = None
    import_id: Ident = None
    import_type: Word = named("type")
    extension_source: Word = named("source")
    failure_stage: Word = None
    error_type: Word = None
    error_subtype: Word = named("sub_error_type")
    succeeded: Int = named("success_count")
    failed: Int = named("failed_count")


EVENTS: dict[str, tuple[str, type[Shape], dict[str, object]]] = {
    # event type -> (table, shape, columns that the type itself tells)
    "codex_thread_initialized": (
        "parsed_analytics_threads",
        ThreadInitialized,
        {"event": "initialized"},
    ),
    "codex_thread_archive_event": ("parsed_analytics_threads", ThreadArchive, {}),
    "codex_turn_event": ("parsed_analytics_turns", Turn, {}),
    "codex_turn_steer_event": ("parsed_analytics_steers", Steer, {}),
    "codex_compaction_event": ("parsed_analytics_compactions", Compaction, {}),
    "codex_goal_event": ("parsed_analytics_goals", Goal, {}),
    "codex_review_event": ("parsed_analytics_reviews", Review, {}),
    "codex_guardian_review": (
        "parsed_analytics_reviews",
        GuardianReview,
        {"reviewer": "guardian"},
    ),
    **{
        f"codex_{kind}_event": ("parsed_analytics_tools", shape, {"tool_kind": kind})
        for kind, shape in (
            ("command_execution", CommandExecution),
            ("file_change", FileChange),
            ("mcp_tool_call", McpToolCall),
            ("dynamic_tool_call", DynamicToolCall),
            ("control_tool_call", ControlToolCall),
            ("collab_agent_tool_call", CollabAgentToolCall),
            ("web_search", WebSearch),
            ("image_generation", ImageGeneration),
        )
    },
    "codex_accepted_line_fingerprints": ("parsed_analytics_lines", AcceptedLines, {}),
    **{
        event_type: ("parsed_analytics_extensions", Extension, {"event_type": event_type})
        for event_type in (
            "skill_invocation",
            "codex_app_mentioned",
            "codex_app_used",
            "codex_hook_run",
            "codex_plugin_used",
            "codex_plugin_install_requested",
            "codex_plugin_installed",
            "codex_plugin_uninstalled",
            "codex_plugin_enabled",
            "codex_plugin_disabled",
            "codex_plugin_install_failed",
            "codex_onboarding_external_agent_import_complete",
            "codex_onboarding_external_agent_import_failure",
        )
    },
}
