"""Methods of the app-server protocol, of every version that is known.

Belongs here: names, and who sends them. Does not belong here: what a message holds
(shapes.py), or what becomes of it (rows.py).

A method that is not listed is not lost: its message has its row, with is_known = FALSE.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Sent by the client, to be answered by the server. Those without a slash are of version 1.
CLIENT_REQUESTS = _names(
    """
    account/login/cancel account/login/start account/logout account/rateLimitResetCredit/consume
    account/rateLimits/read account/read account/sendAddCreditsNudgeEmail account/usage/read
    account/workspaceMessages/read app/installed app/list app/read collaborationMode/list
    command/exec command/exec/resize command/exec/terminate command/exec/write config/batchWrite
    config/mcpServer/reload config/read config/value/write configRequirements/read environment/add
    environment/info environment/status experimentalFeature/enablement/set
    experimentalFeature/list externalAgentConfig/detect externalAgentConfig/import
    externalAgentConfig/import/readHistories feedback/upload fs/copy fs/createDirectory
    fs/getMetadata fs/readDirectory fs/readFile fs/remove fs/unwatch fs/watch fs/writeFile
    fuzzyFileSearch fuzzyFileSearch/sessionStart fuzzyFileSearch/sessionStop
    fuzzyFileSearch/sessionUpdate getAuthStatus getConversationSummary gitDiffToRemote hooks/list
    initialize marketplace/add marketplace/remove marketplace/upgrade mcpServer/oauth/login
    mcpServer/resource/read mcpServer/tool/call mcpServerStatus/list memory/reset
    mock/experimentalMethod model/list modelProvider/capabilities/read permissionProfile/list
    plugin/install plugin/installed plugin/list plugin/read plugin/share/checkout
    plugin/share/delete plugin/share/list plugin/share/save plugin/share/updateTargets
    plugin/skill/read plugin/uninstall process/kill process/resizePty process/spawn
    process/writeStdin remoteControl/client/list remoteControl/client/revoke remoteControl/disable
    remoteControl/enable remoteControl/pairing/start remoteControl/pairing/status
    remoteControl/status/read review/start rollout/compress skills/config/write
    skills/extraRoots/set skills/list thread/approveGuardianDeniedAction thread/archive
    thread/backgroundTerminals/clean thread/backgroundTerminals/list
    thread/backgroundTerminals/terminate thread/compact/start thread/decrement_elicitation
    thread/delete thread/fork thread/goal/clear thread/goal/get thread/goal/set
    thread/increment_elicitation thread/inject_items thread/items/list thread/list
    thread/loaded/list thread/memoryMode/set thread/metadata/update thread/name/set thread/read
    thread/realtime/appendAudio thread/realtime/appendSpeech thread/realtime/appendText
    thread/realtime/listVoices thread/realtime/start thread/realtime/stop thread/resume
    thread/revert thread/rollback thread/search thread/searchOccurrences thread/settings/update
    thread/shellCommand thread/start thread/turns/list thread/unarchive thread/unsubscribe
    turn/interrupt turn/start turn/steer windowsSandbox/readiness windowsSandbox/setupStart
    addConversationListener archiveConversation cancelLoginChatGpt execOneOffCommand
    forkConversation getUserAgent getUserSavedConfig interruptConversation listConversations
    loginApiKey loginChatGpt logoutChatGpt newConversation removeConversationListener
    resumeConversation sendUserMessage sendUserTurn setDefaultModel userInfo
    """
)

# Sent by the server, to be answered by the client.
SERVER_REQUESTS = _names(
    """
    account/chatgptAuthTokens/refresh applyPatchApproval attestation/generate currentTime/read
    execCommandApproval item/commandExecution/requestApproval item/fileChange/requestApproval
    item/permissions/requestApproval item/tool/call item/tool/requestUserInput
    mcpServer/elicitation/request
    """
)

CLIENT_NOTIFICATIONS = frozenset({"initialized"})

SERVER_NOTIFICATIONS = _names(
    """
    account/login/completed account/rateLimits/updated account/updated app/list/updated
    command/exec/outputDelta configWarning deprecationNotice error
    externalAgentConfig/import/completed externalAgentConfig/import/progress fs/changed
    fuzzyFileSearch/sessionCompleted fuzzyFileSearch/sessionUpdated guardianWarning hook/completed
    hook/started item/agentMessage/delta item/autoApprovalReview/completed
    item/autoApprovalReview/started item/commandExecution/outputDelta
    item/commandExecution/terminalInteraction item/completed item/fileChange/outputDelta
    item/fileChange/patchUpdated item/mcpToolCall/progress item/plan/delta
    item/reasoning/summaryPartAdded item/reasoning/summaryTextDelta item/reasoning/textDelta
    item/started mcpServer/oauthLogin/completed mcpServer/startupStatus/updated model/rerouted
    model/safetyBuffering/updated model/verification process/exited process/outputDelta
    rawResponse/completed rawResponseItem/completed remoteControl/status/changed
    serverRequest/resolved skills/changed thread/archived thread/closed thread/compacted
    thread/deleted thread/environment/connected thread/environment/disconnected
    thread/goal/cleared thread/goal/updated thread/name/updated thread/readState/changed
    thread/realtime/closed thread/realtime/error thread/realtime/itemAdded
    thread/realtime/outputAudio/delta thread/realtime/sdp thread/realtime/started
    thread/realtime/transcript/delta thread/realtime/transcript/done thread/reverted
    thread/settings/updated thread/started thread/status/changed thread/tokenUsage/updated
    thread/unarchived turn/completed turn/diff/updated turn/moderationMetadata turn/plan/updated
    turn/started warning windows/worldWritableWarning windowsSandbox/setupCompleted
    authStatusChange loginChatGptComplete sessionConfigured
    """
)

# Version 1 sends events of the core as they are: method codex/event/<type>.
EVENT_PREFIX = "codex/event/"
EVENTS = _names(
    """
    agent_message agent_message_content_delta agent_message_delta agent_reasoning
    agent_reasoning_delta agent_reasoning_raw_content agent_reasoning_raw_content_delta
    agent_reasoning_section_break apply_patch_approval_request background_event
    collab_agent_interaction_begin collab_agent_interaction_end collab_agent_spawn_begin
    collab_agent_spawn_end collab_close_begin collab_close_end collab_resume_begin
    collab_resume_end collab_waiting_begin collab_waiting_end context_compacted deprecation_notice
    dynamic_tool_call_request dynamic_tool_call_response elicitation_request entered_review_mode
    error exec_approval_request exec_command_begin exec_command_end exec_command_output_delta
    exited_review_mode get_history_entry_response image_generation_begin image_generation_end
    item_completed item_started list_custom_prompts_response list_skills_response
    mcp_list_tools_response mcp_startup_complete mcp_startup_update mcp_tool_call_begin
    mcp_tool_call_end model_reroute patch_apply_begin patch_apply_end plan_delta plan_update
    raw_response_item reasoning_content_delta reasoning_raw_content_delta request_user_input
    session_configured shutdown_complete skills_update_available stream_error sub_agent_activity
    task_complete task_started terminal_interaction thread_goal_updated thread_name_updated
    thread_rolled_back thread_settings_applied token_count turn_aborted turn_complete turn_diff
    turn_started undo_completed undo_started user_message view_image_tool_call warning
    web_search_begin web_search_end
    """
)

_SENDERS = {
    **dict.fromkeys(CLIENT_REQUESTS | CLIENT_NOTIFICATIONS, "client"),
    **dict.fromkeys(SERVER_REQUESTS | SERVER_NOTIFICATIONS, "server"),
    **{f"{EVENT_PREFIX}{event}": "server" for event in EVENTS},
}


def sender_of(method: str) -> str | None:
    """Who sends messages of a method, `client` or `server`; None for an unknown method."""
    return _SENDERS.get(method)
