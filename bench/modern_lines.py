"""The lines of CLI 0.169.0, as templates for the `%` operator.

Belongs here: the exact JSON of lines that are long or used in several places. Each begins with
`"type"`: time and ordinal come before it. Does not belong here: when a line is written and what is
put in (`modern.py`).
"""

USAGE = (
    b'{"input_tokens":%d,"cached_input_tokens":%d,"cache_write_input_tokens":%d,"output_tokens":%d,'
    b'"reasoning_output_tokens":%d,"total_tokens":%d}'
)
RATE_LIMITS = (
    b'{"limit_id":"codex","limit_name":null,'
    b'"primary":{"used_percent":%.1f,"window_minutes":300,"resets_at":%d},'
    b'"secondary":{"used_percent":%.1f,"window_minutes":10080,"resets_at":%d},'
    b'"credits":{"has_credits":true,"unlimited":false,"balance":"12.50"},"individual_limit":null,'
    b'"spend_control_reached":null,"plan_type":null,"rate_limit_reached_type":null}'
)
TOKEN_COUNT = (
    b'"type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":%b,"last_token_usage":%b,'
    b'"last_usage_includes_reasoning":%b,"model_context_window":258400},"rate_limits":%b}}'
)
TOKEN_COUNT_NULL = (
    b'"type":"event_msg","payload":{"type":"token_count","info":null,"rate_limits":%b}}'
)
RECORD = (
    b'{"thread_id":"%b","turn_id":"%b","session_id":"%b","root_turn_id":"%b","response_id":"resp_%b",'
    b'"usage":%b,"turn_token_usage":%b,"thread_token_usage":%b}'
)
SESSION_META = (
    b'"type":"session_meta","payload":{"account_scoped":true,"session_id":"%b","id":"%b",%b"timestamp":"%b",'
    b'"cwd":"%b","runtime_workspace_roots":["%b"],"originator":"%b","cli_version":"0.169.0","source":%b,'
    b'%b"model_provider":"openai","base_instructions":{"text":"%b","provenance":{"type":"model","model":"%b"}},'
    b'"history_mode":"%b",%b"context_window":{"window_id":"%b"}%b}}'
)
ATTRIBUTION = (
    b'"turn_attribution":{"turn_id":"%b","turn_trigger":null,"parent_turn_id":%b,'
    b'"initiating_agent_path":%b,"root_turn_id":"%b"}'
)
TASK_STARTED = (
    b'"type":"event_msg","payload":{"type":"task_started",%b,"turn_id":"%b","root_turn_id":"%b",'
    b'"started_at":%d,"model_context_window":258400,"collaboration_mode_kind":"default"}}'
)
TASK_COMPLETE = (
    b'"type":"event_msg","payload":{"type":"task_complete","root_turn_id":"%b","turn_id":"%b",'
    b'"last_agent_message":%b,"started_at":%d,"completed_at":%d,"duration_ms":%d%b}}'
)
TURN_ABORTED = (
    b'"type":"event_msg","payload":{"type":"turn_aborted","root_turn_id":"%b","turn_id":"%b",'
    b'"reason":"interrupted","started_at":%d%b}}'
)
COLLABORATION = (
    b'"collaboration_mode":{"mode":"default","settings":{"model":"%b","reasoning_effort":%b,'
    b'"developer_instructions":null}}'
)
TURN_CONTEXT = (
    b'"type":"turn_context","payload":{"turn_id":"%b","root_turn_id":"%b","disabled_plugin_ids":[],"cwd":"%b",'
    b'"approval_policy":"never","approvals_reviewer":"user","permission_profile":{"type":"disabled"},'
    b'"model":"%b","comp_hash":"2911",%b,"multi_agent_version":"%b","realtime_active":false,%b'
    b'"summary":"none","sandbox_policy":{"type":"danger-full-access"}}}'
)
SETTINGS = (
    b'"type":"event_msg","payload":{"type":"thread_settings_applied","thread_id":"%b","thread_settings":{'
    b'"model":"%b","model_provider_id":"openai",%b"approval_policy":"never","approvals_reviewer":"user",'
    b'"requested_approvals_reviewer":"user","permission_profile":{"type":"disabled"},"cwd":"%b",'
    b'"runtime_workspace_roots":["%b"],%b%b,"disabled_plugin_ids":[]}}}'
)
WORLD_STATE = (
    b'"type":"world_state","payload":{"full":true,"state":{"agents_md":{},"apps_instructions":false,'
    b'"collaboration_mode":{"mode":"default","model":"%b",'
    b'"instructions":"dfd53114f5f6f9f5fd7816370d0bf2847806246d"},"context_window_guidance":"",'
    b'"environments":{"environments":{"local":{"cwd":"%b","status":"available","shell":"bash"}},'
    b'"current_date":"%b","timezone":"Etc/UTC","filesystem":"<filesystem><workspace_roots><root>%b</root>'
    b'</workspace_roots><permission_profile type=\\"disabled\\"></permission_profile>'
    b'</filesystem>"},'
    b'"environments_instructions":false,"git_attribution":false,"host_skills":{"body":"%b",'
    b'"includeInstructions":true},"managed_developer_instructions":{},"model":"%b",'
    b'"model_catalog":"ea1a55de2973a50e2e404222c5499c24df5591ed","multi_agent_mode":{},'
    b'"permissions":{"instructions":"32ca25d6d85edaeb6f1e19b2a5cc4e08d2a631cd",'
    b'"approved_command_prefixes":[]},"persistent_mode":{},"plugins_instructions":false,'
    b'"realtime":{"active":false},"skills":{"includeInstructions":true},'
    b'"tools":{"multi_agent_v1":"Tools for spawning and managing sub-agents."}}}}'
)
ITEM = (
    b'"type":"event_msg","payload":{"type":"item_completed","thread_id":"%b","turn_id":"%b","item":{%b},'
    b'"started_at_ms":%d,"completed_at_ms":%d}}'
)
PASS = b'"internal_chat_message_metadata_passthrough":{"turn_id":"%b"'
KINDS = b',"create_time":%b,"content_item_kinds":[%b],"content_item_metadata":[%b]}}'
HARNESS = b'{"provenance":{"type":"harness","hook":false}}'
META = b',"metadata":{"history_sequence":%d,"sampled_through_sequence":%d,'
RETAINED = (
    b'"retained_source":{"id":{"message_id":"%b","turn_id":"%b","role":"%b"},'
    b'"revision":"retained_%b","complete":true},'
)
OUTPUT_META = b'"client_authored":false,"fallback_token_limit_override":12000}}'
