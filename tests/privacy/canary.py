"""A Codex home with a canary in every text, and a search for it in all that a build leaves.

Belongs here: planting and searching. Does not belong here: where the canary may be found.

What is content and what is a label is decided by key: `LABELS` are the ids, names from fixed
sets and names of tools, models and programs that standard privacy keeps, `PLACES` what strict
privacy hides. Every other string, wherever it stands, is content, keys of maps that hold paths
as well.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import zstandard

CONTENT = "canary-text-5b1e"
PLACE = "canary-place-c07d"

LABELS = frozenset(
    {
        *("type", "timestamp", "role", "status", "phase", "kind", "mode", "name", "namespace"),
        *("model", "model_provider", "model_provider_id", "effort", "reasoning_effort"),
        *("reasoning_summary", "source", "subagent", "custom", "internal", "other", "originator"),
        *("cli_version", "thread_source", "history_mode", "memory_mode", "multi_agent_version"),
        *("agent_nickname", "agent_role", "agent_type", "agent_path", "author", "recipient"),
        *("approval_policy", "approvals_reviewer", "requested_approvals_reviewer", "personality"),
        *("collaboration_mode", "collaboration_mode_kind", "service_tier", "comp_hash", "timezone"),
        *("current_date", "plan_type", "limit_name", "balance", "limit", "used", "resets_at"),
        *("reason", "turn_trigger", "initiating_agent_path", "codex_error_info", "tool", "server"),
        *("commit_hash", "shell", "network_access", "rate_limit_reached_type", "decision"),
        *("decision_source", "risk_level", "user_authorization", "usage_kind", "execution"),
        *("sandbox_policy", "updated_at", "thread_memory_mode", "multi_agent_mode", "record_type"),
        *("compaction_model_hash", "revision", "login", "action_name", "content_item_kinds"),
    }
)
PLACES = frozenset({"cwd", "branch", "repository_url", "writable_roots", "runtime_workspace_roots"})

# Texts that parsers look into: the canary stands where arguments and outputs stand.
_JSON_TEXTS = frozenset({"arguments"})


def is_id(key: str) -> bool:
    return key == "id" or key.endswith(("_id", "Id", "_ids"))


def planted(value: Any, key: str = "") -> Any:
    """A JSON value with the canaries in all its texts."""
    if isinstance(value, dict):
        return {
            f"{name}/{CONTENT}" if "/" in name else name: planted(inner, name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        if key == "command" and value:  # the program is a label, what it runs on is content
            return [value[0], *(f"{part} {CONTENT}" if " " in part else part for part in value[1:])]
        return [planted(part, key) for part in value]
    if not isinstance(value, str) or key in LABELS or is_id(key):
        return value
    if key in PLACES:
        return f"{value}/{PLACE}"
    if key in _JSON_TEXTS:
        with contextlib.suppress(ValueError):
            return json.dumps(planted(json.loads(value)))
    if key == "summary":  # a mode in turn contexts, a list of texts elsewhere
        return value
    return f"{value} {CONTENT}"


# --- lines ----------------------------------------------------------------------------------------

_AT = "2026-03-04T10:00:00.000Z"
_THREAD = "01990000-0000-7000-8000-"


def _read_lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (Path(__file__).parent / name).read_bytes().splitlines()]


# Kinds and forms that no recording has, with an x (or such) in each field that may hold a text.
OTHER_LINES = _read_lines("lines.jsonl")

# The same before there were envelopes.
BARE_LINES = _read_lines("bare_lines.jsonl")


def mistyped(value: Any) -> Iterator[Any]:
    """Copies of a value with one leaf (or branch) each that is a text where none belongs."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("timestamp", "type", "payload"):
                continue
            yield {**value, name: {"x": CONTENT}}
            if not (name in LABELS or is_id(name) or name == "command"):  # there, these are fine
                yield {**value, name: [CONTENT]}
                if not isinstance(inner, str):
                    yield {**value, name: f"5 {CONTENT}"}
            if isinstance(inner, dict):
                for other in mistyped(inner):
                    yield {**value, name: other}
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            for other in mistyped(inner):
                yield [*value[:index], other, *value[index + 1 :]]


def damaged(line: bytes) -> Iterator[bytes]:
    """A line torn behind the canary, with other keys first, in wrong bytes."""
    at = line.find(CONTENT.encode())
    if at >= 0:
        yield line[: at + len(CONTENT)]
        yield line[at:]
        yield line[: at + len(CONTENT)] + b"\xff\xfe\x00" + line[at + len(CONTENT) :]


def dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def recorded_lines(path: Path) -> list[Any]:
    content = path.read_bytes()
    if path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    found = []
    for line in content.splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


# --- a home ---------------------------------------------------------------------------------------


def make_home(root: Path, recordings: Path) -> Path:
    """A Codex home, in a folder that is named by PLACE."""
    home = root / PLACE / "codex"
    sessions = home / "sessions/2026/03/04"
    sessions.mkdir(parents=True)
    for path in sorted(recordings.glob("*/codex_home/**/rollout-*.jsonl*")):
        lines = [dumped(planted(value)) for value in recorded_lines(path)]
        (sessions / path.name.removesuffix(".zst")).write_bytes(b"\n".join(lines) + b"\n")
    _write(sessions, 1, [meta(1), *(dumped(planted(value)) for value in OTHER_LINES)])
    shapes: dict[tuple[object, ...], Any] = {}
    for path in sorted(recordings.glob("*/codex_home/**/rollout-*.jsonl*")):
        for value in recorded_lines(path):
            payload = value["payload"]
            item = payload.get("item")
            inner = item.get("type") if isinstance(item, dict) else None
            shapes.setdefault((value["type"], payload.get("type"), inner), value)
    every = [planted(value) for value in (*shapes.values(), *OTHER_LINES)]
    wrong = [dumped({**v, "payload": p}) for v in every for p in mistyped(v["payload"])]
    _write(sessions, 2, [meta(2), *wrong])
    reordered = [dumped(dict(reversed(value.items()))) for value in every]
    torn = [piece for value in every for piece in damaged(dumped(value))]
    strange = [
        dumped({"type": CONTENT, "payload": {"type": f"{CONTENT} with spaces"}}),
        dumped({"timestamp": CONTENT, "type": f"{CONTENT} {CONTENT}", "payload": CONTENT}),
        dumped([CONTENT]),
        dumped(CONTENT),
        CONTENT.encode(),
        b'{"timestamp":"%b"' % CONTENT.encode() * 3,
    ]
    _write(sessions, 3, [meta(3), *reordered, *torn, *strange])
    bare = [dumped(planted(value)) for value in BARE_LINES]
    _write(home / "sessions", 4, [*bare, CONTENT.encode()])
    document = {
        "session": {"id": f"{_THREAD}0000000000bb", "timestamp": _AT, "instructions": "x"},
        "items": BARE_LINES[2:],
    }
    name = f"rollout-2025-04-20-{_THREAD}0000000000bb.json"
    (home / "sessions" / name).write_text(json.dumps(planted(document), indent=2))
    _write_beside(home, recordings)
    return home


def meta(number: int) -> bytes:
    payload = {
        "id": f"{_THREAD}{number:012x}",
        "timestamp": _AT,
        "cwd": "/home/dev/project",
        "originator": "codex_exec",
        "cli_version": "0.169.0",
        "source": "exec",
        "git": {"branch": "topic", "repository_url": "https://me:pass@example.org/a/b.git"},
    }
    return dumped(planted({"timestamp": _AT, "type": "session_meta", "payload": payload}))


def _write(folder: Path, number: int, lines: list[bytes]) -> None:
    name = f"rollout-2026-03-04T10-00-0{number}-{_THREAD}{number:012x}.jsonl"
    # the last line is torn as well: a deferred one
    (folder / name).write_bytes(b"\n".join(lines) + b"\n" + CONTENT.encode())


_DATABASE_PLACES = frozenset({"cwd", "git_branch", "git_origin_url", "rollout_path"})
_DATABASE_TEXTS = frozenset({"title", "first_user_message", "preview", "name", "objective"})


def _write_beside(home: Path, recordings: Path) -> None:
    for name in ("state_5.sqlite", "goals_1.sqlite"):
        shutil.copy(recordings / "as_goals/codex_home" / name, home / name)
        with contextlib.closing(sqlite3.connect(home / name)) as database:
            tables = [
                n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            for table in tables:
                for _, column, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
                    if column in _DATABASE_PLACES:
                        text = f"/x/{PLACE}/"
                    elif column in _DATABASE_TEXTS:
                        text = f"{CONTENT} "
                    else:
                        continue
                    database.execute(f"UPDATE {table} SET {column} = '{text}' || rowid")
            database.commit()
    lines = [
        dumped({"id": "t1", "thread_name": CONTENT, "updated_at": _AT}),
        dumped({"id": f"{CONTENT} {CONTENT}", "thread_name": CONTENT, "updated_at": CONTENT}),
        dumped({"id": 1, "thread_name": [CONTENT]}),
        dumped({"id": "t2", "thread_name": CONTENT})[:-2],
    ]
    (home / "session_index.jsonl").write_bytes(b"\n".join(lines) + b"\n")


# --- streams --------------------------------------------------------------------------------------

# Of messages of streams: ids, names from fixed sets, versions, places.
MESSAGE_LABELS = {
    "id", "method", "type", "status", "threadId", "turnId", "itemId", "sessionId", "rootTurnId",
    "conversationId", "forkedFromId", "parentThreadId", "agentThreadId", "senderThreadId",
    "receiverThreadIds", "thread_id", "turn_id", "item_id", "call_id", "kind", "phase", "tool",
    "model", "modelProvider", "reasoningEffort", "effort", "summary_mode", "cliVersion", "source",
    "originator", "clientInfo", "userAgent", "approvalPolicy", "approvalsReviewer", "historyMode",
    "cwd", "sha", "branch", "originUrl", "limitId", "limitName", "balance", "planType", "authMode",
    "serviceTier", "mode", "agentNickname", "agentRole", "agent_nickname", "agentPath",
    "threadSource", "multiAgentMode", "itemsView", "platformOs", "codexErrorInfo",
    "dir", "ts",
    "parent_thread_id", "version", "title",
}  # fmt: skip


def planted_message(value: Any, canary: str, key: str = "", keep: bool = False) -> Any:
    """A message with the canary in every string that is not an id or a name."""
    if isinstance(value, dict):
        inside = keep or key == "clientInfo"
        # a mode in a thread's settings, a list of texts elsewhere
        is_mode = key == "threadSettings"
        return {
            name: inner
            if is_mode and name == "summary"
            else planted_message(inner, canary, name, inside)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [planted_message(part, canary, key, keep) for part in value]
    if isinstance(value, str) and not keep and key not in MESSAGE_LABELS:
        return f"{value} {canary}" if value else canary
    return value


def make_streams(root: Path, streams: Path) -> dict[str, Path]:
    """Folders of captures by kind of source: all texts planted, lines torn and of other kinds."""
    folders = {kind: root / kind for kind in ("app-server", "analytics", "status")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for path in sorted(streams.glob("*/app_server/*.jsonl")):
        values = [planted_message(value, CONTENT) for value in recorded_lines(path)]
        by_form = {(v.get("msg", v).get("method"), "result" in v): v for v in values}
        torn = [piece for value in by_form.values() for piece in damaged(dumped(value))]
        lines = [*map(dumped, values), *torn, CONTENT.encode()]
        name = f"{path.parent.parent.name}-{path.name}"
        (folders["app-server"] / name).write_bytes(b"\n".join(lines) + b"\n")
    for path in sorted(streams.glob("*/analytics/*.jsonl")):
        values = recorded_lines(path)
        for value in values:
            for event in value["events"]:
                event["event_params"] |= {CONTENT: CONTENT, "message": CONTENT, "x": [CONTENT]}
            value["events"].append({"event_type": f"{CONTENT} of no name", "event_params": {}})
        torn = [piece for value in values for piece in damaged(dumped(value))]
        lines = [*map(dumped, values), *torn, dumped(CONTENT)]
        name = f"{path.parent.parent.name}.jsonl"
        (folders["analytics"] / name).write_bytes(b"\n".join(lines) + b"\n")
    for path in sorted(streams.glob("*/status/*.txt")):
        text = path.read_text(encoding="utf-8").replace("\n\n", f"\n\n> {CONTENT}\n\n")
        (folders["status"] / path.name).write_text(f"{CONTENT}\n{text}", encoding="utf-8")
    return folders


# --- the search -----------------------------------------------------------------------------------


def places_of(needle: str, home: Path) -> dict[str, int]:
    """Where a text is found below a Rollhouse home: in bytes, in Parquet, in databases.

    Columns are told as file:column, whole rows being searched as text.
    """
    found: dict[str, int] = {}

    def note(place: str) -> None:
        found[place] = found.get(place, 0) + 1

    for path in sorted(home.rglob("*")):
        relative = str(path.relative_to(home))
        if needle in relative:
            note(f"name of {relative}")
        if not path.is_file():
            continue
        if needle.encode() in path.read_bytes():
            note(relative)
        if path.suffix == ".parquet":
            _search_parquet(needle, path, note)
        elif path.suffix == ".duckdb":
            _search_duckdb(needle, path, note)
        elif path.read_bytes()[:15] == b"SQLite format 3":
            _search_sqlite(needle, path, note)
    return found


def _search_parquet(needle: str, path: Path, note: Any) -> None:
    table = pq.ParquetFile(path).read()
    for name in table.column_names:
        for value in table.column(name).to_pylist():
            if needle in str(value):
                note(f"{path.parent.parent.name}:{name}")


def _search_duckdb(needle: str, path: Path, note: Any) -> None:
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        for table, column in columns:
            row = connection.execute(
                f'SELECT count(*) FROM "{table}" WHERE contains(CAST("{column}" AS VARCHAR), ?)',
                [needle],
            ).fetchone()
            if row and row[0]:
                note(f"{path.name}/{table}:{column}")


def _search_sqlite(needle: str, path: Path, note: Any) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                if needle in str(row):
                    note(f"{path.name}/{table.decode()}")
