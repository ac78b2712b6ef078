"""Rows of Codex's databases: threads, spawned agents, goals.

Belongs here: which tables and columns are read, in any version of them, and what is kept of
each value. Does not belong here: opening databases (databases.py), or which of several
databases is to be believed (sql/).

SQLite holds any type in any column, and old programs write into new databases: a value of an
unexpected type becomes NULL, a table or column that is not there as well.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, epoch_us
from warehouse.sources.codex_state.databases import Cells, rows_of
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.texts import UNUSUAL, ident, snake_word, word

TABLES = ("parsed_threads", "parsed_spawn_edges", "parsed_thread_goals")

_INT64 = range(-(1 << 63), 1 << 63)

_THREAD_COLUMNS = (
    "id",
    "rollout_path",
    "created_at",
    "created_at_ms",
    "updated_at",
    "updated_at_ms",
    "recency_at",
    "recency_at_ms",
    "archived",
    "archived_at",
    "is_pinned",
    "has_user_event",
    "source",
    "agent_path",
    "agent_nickname",
    "agent_role",
    "thread_source",
    "originator",
    "cli_version",
    "cwd",
    "git_sha",
    "git_branch",
    "git_origin_url",
    "model_provider",
    "model",
    "reasoning_effort",
    "approval_mode",
    "sandbox_policy",
    "memory_mode",
    "history_mode",
    "tokens_used",
    "name",
    "title",
    "first_user_message",
    "preview",
    "project_id",
    "thread_section_id",
    "section_position",
    "section_entered_at_ms",
    "daybreak_enabled",
    "creator_user_id",
    "creator_account_id",
    "attached_thread_parent_id",
)
_GOAL_COLUMNS = (
    "thread_id",
    "goal_id",
    "objective",
    "status",
    "token_budget",
    "tokens_used",
    "time_used_seconds",
    "created_at",
    "created_at_ms",
    "updated_at",
    "updated_at_ms",
)


class TablesParser:
    """Parser of one worker."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._out = NamedRows(TABLES)

    def parse(self, connection: sqlite3.Connection, version: int | None) -> Rows:
        """All rows of a database whose name carries the number `version`."""
        self._out.rows = {table: [] for table in TABLES}
        numbered: Cells = {"database_version": version}
        self._threads(connection, numbered)
        self._spawn_edges(connection, numbered)
        self._goals(connection, numbered)
        return self._out.rows

    def _threads(self, connection: sqlite3.Connection, numbered: Cells) -> None:
        place = self._privacy.place
        for cell in rows_of(connection, "threads", _THREAD_COLUMNS, "id"):
            get = cell.get
            url, repo_id = self._privacy.repository(_text(get("git_origin_url")))
            self._out.add(
                "parsed_threads",
                numbered,
                {
                    "thread_id": self._thread(cell["id"]),
                    "rollout_path": place(_text(get("rollout_path"))),
                    "created_at": _moment(cell, "created_at"),
                    "updated_at": _moment(cell, "updated_at"),
                    "recency_at": _moment(cell, "recency_at") or None,  # 0 until a turn begins
                    "is_archived": _flag(get("archived")),
                    "archived_at": _moment(cell, "archived_at"),
                    "is_pinned": _flag(get("is_pinned")),
                    "has_user_event": _flag(get("has_user_event")),
                    **_origin(_text(get("source"))),
                    **_named(cell, "agent_path", "agent_nickname", "agent_role"),
                    "thread_source": _text(get("thread_source")),
                    "originator": _text(get("originator")),
                    "cli_version": _text(get("cli_version")),
                    "cwd": place(_text(get("cwd"))),
                    "git_commit": _text(get("git_sha")),
                    "git_branch": place(_text(get("git_branch"))),
                    "repository_url": url,
                    "repo_id": repo_id,
                    "model_provider": _text(get("model_provider")),
                    "model": _text(get("model")),
                    "effort": _text(get("reasoning_effort")),
                    "approval_policy": _tag(_text(get("approval_mode"))),
                    "sandbox_type": _type(_text(get("sandbox_policy"))),
                    "memory_mode": _text(get("memory_mode")),
                    "history_mode": _text(get("history_mode")),
                    "tokens_used": _number(get("tokens_used")),
                    **self._reduced("name", get("name")),
                    **self._reduced("title", get("title")),
                    **self._reduced("first_message", get("first_user_message")),
                    **self._reduced("preview", get("preview")),
                    "project_id": _id(get("project_id")),
                    "section_id": _id(get("thread_section_id")),
                    "section_position": _number(get("section_position")),
                    "section_entered_at": _moment(cell, "section_entered_at"),
                    "is_daybreak_enabled": _flag(get("daybreak_enabled")),
                    "creator_user_id": _id(get("creator_user_id")),
                    "creator_account_id": _id(get("creator_account_id")),
                    "attached_parent_id": _id(get("attached_thread_parent_id")),
                },
            )

    def _spawn_edges(self, connection: sqlite3.Connection, numbered: Cells) -> None:
        columns = ("child_thread_id", "parent_thread_id", "status")
        for cell in rows_of(connection, "thread_spawn_edges", columns, "child_thread_id"):
            self._out.add(
                "parsed_spawn_edges",
                numbered,
                {
                    "thread_id": self._thread(cell["child_thread_id"]),
                    "parent_thread_id": _id(cell.get("parent_thread_id")),
                    "spawn_status": word(_text(cell.get("status"))),
                },
            )

    def _goals(self, connection: sqlite3.Connection, numbered: Cells) -> None:
        waiting = rows_of(
            connection, "thread_goal_continuation_deferrals", ("thread_id",), "thread_id"
        )
        deferred = {row["thread_id"] for row in waiting}
        can_defer = _has_table(connection, "thread_goal_continuation_deferrals")
        for cell in rows_of(connection, "thread_goals", _GOAL_COLUMNS, "thread_id"):
            get = cell.get
            self._out.add(
                "parsed_thread_goals",
                numbered,
                {
                    "thread_id": self._thread(cell["thread_id"]),
                    "goal_id": _id(get("goal_id")),
                    "goal_status": snake_word(_text(get("status"))),
                    "token_budget": _number(get("token_budget")),
                    "tokens_used": _number(get("tokens_used")),
                    "seconds_used": _number(get("time_used_seconds")),
                    **self._reduced("objective", get("objective")),
                    "goal_created_at": _moment(cell, "created_at"),
                    "goal_updated_at": _moment(cell, "updated_at"),
                    "is_continuation_deferred": get("thread_id") in deferred if can_defer else None,
                },
            )

    def _thread(self, value: object) -> str | None:
        """The id of a row's thread; one in no form of an id is hashed, to stay one of its kind."""
        thread = _id(value)
        return self._privacy.digest(str(value)) if thread == UNUSUAL else thread

    def _reduced(self, name: str, value: object) -> Cells:
        """Length and keyed hash of a text that is not kept."""
        text = _text(value)
        if text is None:
            return {}
        return {
            f"{name}_chars": len(text),
            f"{name}_hash": self._privacy.digest(text) if text else None,
        }


# --- cells ------------------------------------------------------------------------------------


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


def _id(value: object) -> str | None:
    return ident(value if isinstance(value, int) else _text(value))


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value in _INT64 else None


def _flag(value: object) -> bool | None:
    return bool(value) if isinstance(value, int) else None


def _moment(cell: Cells, name: str) -> int | None:
    """Microseconds since 1970 of a time that is kept in milliseconds, seconds, or both."""
    milliseconds = _number(cell.get(f"{name}_ms"))
    if milliseconds is None:
        return epoch_us(_number(cell.get(name)))
    return None if epoch_us(milliseconds / 1000) is None else milliseconds * 1000


def _named(cell: Cells, *names: str) -> Cells:
    """The columns of these names, those left out that say nothing."""
    return {name: text for name in names if (text := _text(cell.get(name)))}


def _origin(source: str | None) -> Cells:
    """Where a thread was started, from the plain and the JSON form of the column."""
    if source is None or not source.startswith(("{", '"')):
        return {"source_kind": word(source)}
    value = _json(source)
    if isinstance(value, str):
        return {"source_kind": word(value)}
    if not isinstance(value, dict):
        return {"source_kind": "unknown"}
    for kind in ("custom", "internal"):
        if isinstance(label := value.get(kind), str):
            return {"source_kind": kind, "source_label": label}
    agent = value.get("subagent")
    if isinstance(agent, str):
        return {"source_kind": "subagent", "subagent_kind": snake_word(agent)}
    if not isinstance(agent, dict):
        return {"source_kind": "unknown"}
    spawn = agent.get("thread_spawn")
    if not isinstance(spawn, dict):
        other = agent.get("other")
        return {
            "source_kind": "subagent",
            "subagent_kind": other if isinstance(other, str) else "unknown",
        }
    return {
        "source_kind": "subagent",
        "subagent_kind": "thread_spawn",
        "subagent_depth": _number(spawn.get("depth")),
        "parent_thread_id": _id(spawn.get("parent_thread_id")),
        **_named(spawn, "agent_path", "agent_nickname", "agent_role"),
    }


def _tag(setting: str | None) -> str | None:
    """A choice that is a word or a JSON object with one key: the word or the key."""
    if setting is None or not setting.startswith(("{", '"')):
        return word(setting)
    value = _json(setting)
    if isinstance(value, dict):
        value = next(iter(value), None)
    return word(value) if isinstance(value, str) else None


def _type(policy: str | None) -> str | None:
    """Type of a policy or profile: its `type`, `mode` in older versions, or the word itself."""
    if policy is None or not policy.startswith(("{", '"')):
        return word(policy)
    value = _json(policy)
    if isinstance(value, dict):
        value = value.get("type") or value.get("mode")
    return word(value) if isinstance(value, str) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute(f"PRAGMA table_info({name})").fetchone() is not None
