"""Who and where a thread is, and which settings its turns ran with.

Belongs here: the shapes of session_meta, turn_context and thread_settings_applied lines in
every version, and their rows; what is kept of instructions and paths. Does not belong here:
the session's head in bare files and JSON documents (bare.py).
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec
import xxhash

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, iso_us
from warehouse.sources.codex.shapes import (
    ABSENT,
    MAX_LABEL,
    NULL,
    Int,
    Label,
    Payload,
    Place,
    Raw,
    Shape,
)

# --- session_meta -------------------------------------------------------------------------------


class Git(Shape):
    commit_hash: Label | None = None
    branch: Label | None = None
    repository_url: str | None = None


class HistoryBase(Shape):
    thread_id: Label | None = None
    end_ordinal_exclusive: Int | None = None
    end_byte_offset: Int | None = None


class ContextWindow(Shape):
    window_id: Label | None = None


class Spawn(Shape):
    parent_thread_id: Label | None = None
    depth: Int | None = None
    agent_path: Label | None = None
    agent_nickname: Label | None = None
    agent_role: Label | None = None
    agent_type: Label | None = None


class SubagentObject(Shape):
    """The object forms of `source.subagent`."""

    thread_spawn: Spawn | None = None
    other: Label | None = None


class SourceObject(Shape):
    """The object forms of `source`."""

    custom: Label | None = None
    internal: Label | None = None
    subagent: SubagentObject | str | None = None


class SessionMeta(Payload):
    id: Label | None = None
    session_id: Label | None = None
    timestamp: str | None = None
    cwd: str | None = None
    originator: Label | None = None
    cli_version: Label | None = None
    source: SourceObject | str | None = None
    thread_source: Label | None = None
    agent_nickname: Label | None = None
    agent_role: Label | None = None
    agent_type: Label | None = None
    agent_path: Label | None = None
    model_provider: Label | None = None
    history_mode: Label | None = None
    memory_mode: Label | None = None
    multi_agent_version: Label | None = None
    forked_from_id: Label | None = None
    forked_from_ordinal_exclusive: Int | None = None
    parent_thread_id: Label | None = None
    history_base: HistoryBase | None = None
    subagent_history_start_ordinal: Int | None = None
    context_window: ContextWindow | None = None
    git: Git | None = None
    account_scoped: bool | None = None
    creator_user_id: Label | None = None
    creator_account_id: Label | None = None
    base_instructions: Raw = ABSENT
    instructions: Raw = ABSENT
    dynamic_tools: list[Raw] | None = None
    runtime_workspace_roots: list[Raw] | None = None
    selected_capability_roots: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        source_kind, source_label, subagent_kind, spawn = _source(self.source)
        base = self.history_base or _NO_BASE
        git = self.git or _NO_GIT
        url, repo_id = privacy.repository(git.repository_url)
        has_base, base_chars, base_hash = measured_instructions(self.base_instructions, privacy)
        has_user, user_chars, user_hash = measured_instructions(self.instructions, privacy)
        roots = self.runtime_workspace_roots
        rows["parsed_session_meta"].append(
            (
                *place,
                self.id,
                self.session_id,
                iso_us(self.timestamp),
                privacy.place(plain_path(self.cwd)),
                self.originator,
                self.cli_version,
                source_kind,
                source_label,
                subagent_kind,
                spawn.depth,
                self.agent_path or spawn.agent_path,
                self.agent_nickname or spawn.agent_nickname,
                self.agent_role or self.agent_type or spawn.agent_role or spawn.agent_type,
                self.thread_source,
                self.model_provider,
                self.history_mode,
                self.memory_mode,
                self.multi_agent_version,
                self.forked_from_id,
                self.forked_from_ordinal_exclusive,
                self.parent_thread_id or spawn.parent_thread_id,
                base.thread_id,
                base.end_ordinal_exclusive,
                base.end_byte_offset,
                self.subagent_history_start_ordinal,
                self.context_window.window_id if self.context_window else None,
                git.commit_hash,
                privacy.place(git.branch),
                url,
                repo_id,
                self.account_scoped,
                self.creator_user_id,
                self.creator_account_id,
                has_base,
                base_chars,
                has_user,
                user_chars,
                None if self.dynamic_tools is None else len(self.dynamic_tools),
                base_hash,
                user_hash,
                None if roots is None else len(roots),
                False,
            )
        )


_NO_BASE = HistoryBase()
_NO_GIT = Git()


_NO_SPAWN = Spawn()


def _source(
    source: SourceObject | str | None,
) -> tuple[str | None, str | None, str | None, Spawn]:
    """(kind, label, sub-agent kind, spawn) of the string and object forms of `source`."""
    if source is None:
        return None, None, None, _NO_SPAWN
    if isinstance(source, str):
        return source[:MAX_LABEL], None, None, _NO_SPAWN
    subagent = source.subagent
    if subagent is None:
        if source.custom is not None:
            return "custom", source.custom, None, _NO_SPAWN
        if source.internal is not None:
            return "internal", source.internal, None, _NO_SPAWN
        return "unknown", None, None, _NO_SPAWN
    if isinstance(subagent, str):
        return "subagent", None, _snake(subagent[:MAX_LABEL]), _NO_SPAWN
    if subagent.thread_spawn is not None:
        return "subagent", None, "thread_spawn", subagent.thread_spawn
    return "subagent", None, subagent.other or "unknown", _NO_SPAWN


# --- turn_context and settings ------------------------------------------------------------------


class SandboxPolicy(Shape):
    type: Label | None = None
    mode: Label | None = None
    network_access: bool | str | None = None
    writable_roots: list[Raw] | None = None
    exclude_tmpdir_env_var: bool | None = None
    exclude_slash_tmp: bool | None = None
    include_default_writable_roots: Raw = ABSENT
    access: Raw = ABSENT
    read_only_access: Raw = ABSENT


class PermissionProfile(Shape):
    type: Label | None = None
    file_system: Raw = ABSENT
    network: Raw = ABSENT


class Truncation(Shape):
    mode: Label | None = None
    limit: Int | None = None


class CollaborationMode(Shape):
    mode: Label | None = None
    settings: Raw = ABSENT


class Network(Shape):
    allowed_domains: list[Raw] | None = None
    denied_domains: list[Raw] | None = None


class TurnContext(Payload):
    turn_id: Label | None = None
    root_turn_id: Label | None = None
    cwd: str | None = None
    current_date: str | None = None
    timezone: Label | None = None
    approval_policy: Raw = ABSENT
    approvals_reviewer: Label | None = None
    sandbox_policy: SandboxPolicy | str | None = None
    permission_profile: PermissionProfile | None = None
    model: Label | None = None
    comp_hash: Label | None = None
    personality: Label | None = None
    collaboration_mode: CollaborationMode | str | None = None
    multi_agent_version: Label | None = None
    multi_agent_mode: Raw = ABSENT
    realtime_active: bool | None = None
    effort: Label | None = None
    summary: Label | None = None
    trace_id: Label | None = None
    base_instructions: Raw = ABSENT
    user_instructions: Raw = ABSENT
    developer_instructions: Raw = ABSENT
    final_output_json_schema: Raw = ABSENT
    truncation_policy: Truncation | None = None
    workspace_roots: list[Raw] | None = None
    network: Network | None = None
    file_system_sandbox_policy: Raw = ABSENT
    disabled_plugin_ids: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        sandbox = self.sandbox_policy
        if not isinstance(sandbox, SandboxPolicy):
            sandbox = SandboxPolicy(type=None if sandbox is None else sandbox[:MAX_LABEL])
        lets_out = sandbox.network_access
        if isinstance(lets_out, str):
            lets_out = lets_out == "enabled"
        truncation = self.truncation_policy or _NO_TRUNCATION
        network = self.network or _NO_NETWORK
        roots = sandbox.writable_roots
        has_base, base_chars, base_hash = measured_instructions(self.base_instructions, privacy)
        has_user, user_chars, user_hash = measured_instructions(self.user_instructions, privacy)
        has_own, own_chars, own_hash = measured_instructions(self.developer_instructions, privacy)
        rows["parsed_turn_context"].append(
            (
                number,
                offset,
                at,
                ordinal,
                self.turn_id,
                self.root_turn_id,
                privacy.place(plain_path(self.cwd)),
                _date(self.current_date),
                self.timezone,
                self.model,
                self.effort,
                self.summary,
                choice(self.approval_policy),
                self.approvals_reviewer,
                sandbox.type or sandbox.mode,
                lets_out,
                None if roots is None else len(roots),
                sandbox.exclude_tmpdir_env_var,
                sandbox.exclude_slash_tmp,
                self.permission_profile.type if self.permission_profile else None,
                truncation.mode,
                truncation.limit,
                self.personality,
                _mode(self.collaboration_mode),
                self.multi_agent_version,
                choice(self.multi_agent_mode),
                self.realtime_active,
                self.comp_hash,
                self.trace_id,
                has_base,
                base_chars,
                has_user,
                user_chars,
                has_own,
                own_chars,
                self.final_output_json_schema is not ABSENT
                and bytes(self.final_output_json_schema) != NULL,
                base_hash,
                user_hash,
                own_hash,
                None if self.workspace_roots is None else len(self.workspace_roots),
                None if network.allowed_domains is None else len(network.allowed_domains),
                None if network.denied_domains is None else len(network.denied_domains),
            )
        )


_NO_TRUNCATION = Truncation()
_NO_NETWORK = Network()


class ThreadSettings(Shape):
    model: Label | None = None
    model_provider_id: Label | None = None
    service_tier: Label | None = None
    approval_policy: Raw = ABSENT
    approvals_reviewer: Label | None = None
    requested_approvals_reviewer: Raw = ABSENT
    permission_profile: PermissionProfile | None = None
    active_permission_profile: Raw = ABSENT
    cwd: str | None = None
    runtime_workspace_roots: Raw = ABSENT
    reasoning_effort: Label | None = None
    reasoning_summary: Label | None = None
    personality: Label | None = None
    collaboration_mode: CollaborationMode | str | None = None
    disabled_plugin_ids: Raw = ABSENT


class SettingsApplied(Payload):
    thread_id: Label | None = None
    thread_settings: ThreadSettings = msgspec.field(default_factory=ThreadSettings)

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        settings = self.thread_settings
        rows["parsed_settings"].append(
            (
                *place,
                self.thread_id,
                settings.model,
                settings.model_provider_id,
                settings.service_tier,
                settings.reasoning_effort,
                settings.reasoning_summary,
                choice(settings.approval_policy),
                settings.approvals_reviewer,
                settings.permission_profile.type if settings.permission_profile else None,
                privacy.place(plain_path(settings.cwd)),
                settings.personality,
                _mode(settings.collaboration_mode),
            )
        )


# --- small conversions ----------------------------------------------------------------------------


class _Text(Shape, forbid_unknown_fields=False):
    text: Raw = ABSENT


_string = msgspec.json.Decoder(str).decode
_text = msgspec.json.Decoder(_Text).decode

# The same few instructions stand in thousands of lines: length and hash by a fast hash.
_KNOWN_INSTRUCTIONS = 256
_known: dict[tuple[bytes, int], tuple[bool, int | None, str | None]] = {}


def measured_instructions(raw: Raw, privacy: Privacy) -> tuple[bool, int | None, str | None]:
    """(whether there are any, length, keyed hash) of instructions, a text or `{"text"}`."""
    if raw == ABSENT:
        return False, None, None
    key = (privacy.key, xxhash.xxh3_128_intdigest(raw))
    found = _known.get(key)
    if found is None:
        if len(_known) >= _KNOWN_INSTRUCTIONS:
            _known.clear()
        found = _known[key] = _measured(bytes(raw), privacy)
    return found


def _measured(written: bytes, privacy: Privacy) -> tuple[bool, int | None, str | None]:
    if written.startswith(b"{"):
        written = bytes(_text(written).text)
    if not written.startswith(b'"'):
        return written != NULL, None, None
    text = _string(written)
    return True, len(text), privacy.digest(text)


def plain_path(path: str | None) -> str | None:
    """A path, also of a `file://` address, as builds of 2026-06 wrote it for some days."""
    if path is None or not path.startswith("file://"):
        return path
    return unquote(path.removeprefix("file://"))


def choice(raw: Raw) -> str | None:
    """A setting that is a string or an object with one key: the string or the key."""
    return None if raw is ABSENT else _choice(bytes(raw))


@lru_cache(maxsize=256)
def _choice(written: bytes) -> str | None:
    value: Any = msgspec.json.decode(written)
    if isinstance(value, dict):
        value = next(iter(value), None)
    return value[:MAX_LABEL] if isinstance(value, str) else None


def _mode(mode: CollaborationMode | str | None) -> str | None:
    if isinstance(mode, CollaborationMode):
        return mode.mode
    return None if mode is None else mode[:MAX_LABEL]


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _snake(name: str) -> str:
    """One day of 2025-10 wrote `Review` for `review`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


LINES: dict[str, type[Payload]] = {"session_meta": SessionMeta, "turn_context": TurnContext}
EVENTS: dict[str, type[Payload]] = {"thread_settings_applied": SettingsApplied}
