"""Contracts of what lies beside the rollouts: Codex's state databases and its index of names.

Belongs here: tables whose rows are one row of such a database (or one line of the index),
and the columns that only they carry. Does not belong here: which of several databases is to
be believed (sql/ decides: rollouts first, then the newest database).
"""

from __future__ import annotations

from warehouse.contracts.base import HASHED, Column
from warehouse.contracts.common import TIMESTAMPTZ

_NO_COLUMN = "the database's version does not have it"
_NOT_SAID = "not said, or the database's version does not have it"


def _chars(name: str, what: str) -> Column:
    return Column(f"{name}_chars", "BIGINT", f"Length of {what}", _NOT_SAID, "characters")


def _hash(name: str, what: str) -> Column:
    meaning = f"Keyed hash of {what}, by which equal ones are found"
    return Column(f"{name}_hash", "VARCHAR", meaning, null="empty, or not said")


COLUMNS = (
    Column(
        "database_version",
        "BIGINT",
        "Number in the database's name (5 of state_5.sqlite): the highest is the one in use",
        null="the name has none, as that of the first databases",
    ),
    Column(
        "rollout_path",
        "VARCHAR",
        "Where the thread's rollout was written",
        null=_NO_COLUMN,
        strict=HASHED,
    ),
    Column("recency_at", TIMESTAMPTZ, "When its last turn began", null=_NOT_SAID),
    Column("archived_at", TIMESTAMPTZ, "When it was archived", null="it is not, or not said"),
    Column("is_pinned", "BOOLEAN", "Whether the user pinned the thread", null=_NO_COLUMN),
    Column("has_user_event", "BOOLEAN", "Whether a user's event was seen", null=_NO_COLUMN),
    _chars("title", "the thread's title, which is made of its first prompt"),
    _hash("title", "the title"),
    _chars("first_message", "the first prompt"),
    _hash("first_message", "the first prompt"),
    _chars("preview", "the preview of the thread"),
    _hash("preview", "the preview"),
    _hash("name", "the name"),
    Column("project_id", "VARCHAR", "Project that the app filed the thread under", null=_NOT_SAID),
    Column("section_id", "VARCHAR", "Section of the app's list of threads", null=_NOT_SAID),
    Column("section_position", "BIGINT", "Place of the thread in its section", null=_NOT_SAID),
    Column("section_entered_at", TIMESTAMPTZ, "When it was put there", null=_NOT_SAID),
    Column("is_daybreak_enabled", "BOOLEAN", "Codex's flag of that name", null=_NOT_SAID),
    Column("attached_parent_id", "VARCHAR", "Thread that it is attached to", null=_NOT_SAID),
    Column("spawn_status", "VARCHAR", "Whether the agent is open or closed", null="not said"),
    _hash("objective", "the objective"),
    Column(
        "is_continuation_deferred",
        "BOOLEAN",
        "Whether work on the goal waits for the user",
        null=_NO_COLUMN,
    ),
)

# Names that mean something else elsewhere.
_OF_THREADS = (
    Column("is_archived", "BOOLEAN", "Whether the user archived the thread", null=_NO_COLUMN),
    Column("thread_id", "VARCHAR", "Id of the thread"),
    Column(
        "tokens_used",
        "BIGINT",
        "Cumulative counter of the thread when it was last looked at, for reconciliation: it "
        "holds what a fork inherited, and is no number to bill by",
        null=_NO_COLUMN,
        unit="tokens",
    ),
    Column(
        "sandbox_type",
        "VARCHAR",
        "Type of the sandbox policy, from 2026-05-29 on of the permission profile",
        null=_NOT_SAID,
    ),
)

# name -> (layer, description, grain, key, columns, lake-only columns)
TABLES: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "parsed_threads",
        "parsed",
        "Threads as the state databases list them, without titles and prompts",
        "one row per thread of a database (several databases may list the same thread)",
        ("source_id", "thread_id"),
        (
            "source_id",
            "database_version",
            "thread_id",
            "rollout_path",
            "created_at",
            "updated_at",
            "recency_at",
            "is_archived",
            "archived_at",
            "is_pinned",
            "has_user_event",
            "source_kind",
            "source_label",
            "subagent_kind",
            "subagent_depth",
            "parent_thread_id",
            "agent_path",
            "agent_nickname",
            "agent_role",
            "thread_source",
            "originator",
            "cli_version",
            "cwd",
            "git_commit",
            "git_branch",
            "repository_url",
            "repo_id",
            "model_provider",
            "model",
            "effort",
            "approval_policy",
            "sandbox_type",
            "memory_mode",
            "history_mode",
            "tokens_used",
            "name_chars",
            "name_hash",
            "title_chars",
            "title_hash",
            "first_message_chars",
            "first_message_hash",
            "preview_chars",
            "preview_hash",
            "project_id",
            "section_id",
            "section_position",
            "section_entered_at",
            "is_daybreak_enabled",
            "creator_user_id",
            "creator_account_id",
            "attached_parent_id",
        ),
        (),
    ),
    (
        "parsed_spawn_edges",
        "parsed",
        "Which thread spawned which agent, as the state databases say",
        "one row per spawned agent of a database",
        ("source_id", "thread_id"),
        ("source_id", "database_version", "thread_id", "parent_thread_id", "spawn_status"),
        (),
    ),
    (
        "parsed_thread_goals",
        "parsed",
        "The last goal of each thread, as the goals databases (or older state databases) hold it",
        "one row per thread with a goal of a database",
        ("source_id", "thread_id"),
        (
            "source_id",
            "database_version",
            "thread_id",
            "goal_id",
            "goal_status",
            "token_budget",
            "tokens_used",
            "seconds_used",
            "objective_chars",
            "objective_hash",
            "goal_created_at",
            "goal_updated_at",
            "is_continuation_deferred",
        ),
        (),
    ),
    (
        "parsed_session_index",
        "parsed",
        "Lines of session_index.jsonl: when a thread was given a name. The last line of a thread "
        "holds, an empty name takes it away",
        "one row per line of the index that is JSON",
        ("source_id", "line_number"),
        (
            "source_id",
            "line_number",
            "byte_offset",
            "updated_at",
            "thread_id",
            "name_chars",
            "name_hash",
        ),
        (),
    ),
)

# What columns mean in one table only.
LOCAL_COLUMNS = {"parsed_threads": _OF_THREADS}
