"""Threads: as messages describe them, and what messages say changed in them.

Belongs here: thread objects (with the turns that they list), their settings and metadata.
Does not belong here: which description holds (sql/session/threads.sql).
"""

from __future__ import annotations

from warehouse.privacy import Privacy
from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.rows import At, Known, MessageRows, Named, Place
from warehouse.sources.app_server.turns import TurnRows
from warehouse.sources.base import epoch_us
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.texts import ident, is_null, snake_word, tag_of, text_chars, word, word_of


class ThreadRows(MessageRows):
    """Rows of parsed_app_threads and parsed_app_thread_changes."""

    def __init__(self, privacy: Privacy, rows: NamedRows, turns: TurnRows) -> None:
        super().__init__(privacy, rows)
        self._turns = turns

    @property
    def known(self) -> Known:
        return {
            "thread/started": (s.ThreadStarted, self._started),
            "thread/status/changed": (s.ThreadStatusChanged, self._status),
            "thread/name/updated": (s.ThreadNamed, self._named),
            "thread/name/set": (s.ThreadNamed, self._named),
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
                (s.ThreadOnly, self._plain_change),
            ),
        }

    def _started(self, p: s.ThreadStarted, at: At) -> Named:
        if p.thread is None:
            return Named()
        self.thread(p.thread, at.method, at.place)
        return Named(p.thread.id)

    def thread(
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
        kind, label, subagent_kind, spawn = source_of(t.source)
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
            self._turns.turn(turn, "history", t.id, place, position)
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

    def _plain_change(self, p: s.ThreadOnly, at: At) -> Named:
        return self._change(at, p.thread_id)

    def _status(self, p: s.ThreadStatusChanged, at: At) -> Named:
        status = p.status.type if p.status else None
        return self._change(at, p.thread_id, thread_status=word(status))

    def _named(self, p: s.ThreadNamed, at: At) -> Named:
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


def source_of(
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
