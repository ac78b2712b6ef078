"""State databases and the index of names: any version, any state, and nothing left behind.

Belongs here: discovery, snapshots, rows and incremental reading of the kind `codex-state`.
Does not belong here: what models make of the rows.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import KEY, Warehouse, append, rewrite_in_place
from warehouse.contracts import lake_tables
from warehouse.parsing import to_batch
from warehouse.privacy import Privacy
from warehouse.scanning import Root
from warehouse.sources import KINDS, NAMED_KINDS
from warehouse.sources.base import DAMAGED, Rows
from warehouse.sources.codex_state import databases

STATE = KINDS["codex-state"]
CANARY = "canary-7f3a"

THREADS = """
CREATE TABLE threads (
    id TEXT PRIMARY KEY, rollout_path TEXT NOT NULL, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, source TEXT NOT NULL, model_provider TEXT NOT NULL,
    cwd TEXT NOT NULL, title TEXT NOT NULL, sandbox_policy TEXT NOT NULL,
    approval_mode TEXT NOT NULL, tokens_used INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0, archived_at INTEGER, git_branch TEXT
)"""
GOALS = """
CREATE TABLE thread_goals (
    thread_id TEXT PRIMARY KEY, goal_id TEXT, objective TEXT, status TEXT,
    token_budget INTEGER, tokens_used INTEGER, time_used_seconds INTEGER,
    created_at_ms INTEGER, updated_at_ms INTEGER
)"""


def thread(number: int, **changes: object) -> dict[str, object]:
    cells: dict[str, object] = {
        "id": f"thread-{number}",
        "rollout_path": f"/home/dev/.codex/sessions/{number}.jsonl",
        "created_at": 1_795_260_824,
        "updated_at": 1_795_260_833,
        "source": "cli",
        "model_provider": "openai",
        "cwd": "/home/dev/project",
        "title": f"Title of {number}",
        "sandbox_policy": '{"type":"read-only"}',
        "approval_mode": "never",
        "git_branch": "topic",
    }
    return cells | changes


def insert(connection: sqlite3.Connection, table: str, cells: Mapping[str, object]) -> None:
    places = ", ".join("?" for _ in cells)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(cells)}) VALUES ({places})", list(cells.values())
    )


def make(path: Path, *statements: str, wal: bool = True) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {'wal' if wal else 'delete'}")
    for statement in statements:
        connection.execute(statement)
    return connection


def no_rows() -> Rows:
    return {table: [] for table in STATE.tables}


def read(path: Path, mode: str = "standard") -> dict[str, list[dict[str, Any]]]:
    """Rows of a database by table, as the lake would hold them."""
    rows = no_rows()
    assert STATE.parser(Privacy(mode, KEY)).parse_file(str(path), rows) == 0
    return as_dicts(rows)


def as_dicts(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    return {
        table: to_batch(found, ["s"] * len(found), lake_tables()[table].arrow_schema).to_pylist()
        if found
        else []
        for table, found in rows.items()
    }


def found_below(root: Path) -> list[str]:
    return [str(Path(f.path).relative_to(root)) for f in STATE.discover(root, None)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "codex"
    (home / "sessions").mkdir(parents=True)
    return home


@pytest.fixture(autouse=True)
def _nothing_stays_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Copies of databases hold texts: whatever happens, none may stay."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


class TestDiscovery:
    def test_of_a_home_is_what_lies_in_it(self, home: Path) -> None:
        for name in (
            "state_5.sqlite",
            "state_4.sqlite",
            "state.sqlite",
            "goals_1.sqlite",
            "session_index.jsonl",
            "logs_2.sqlite",
            "state_5.sqlite-wal",
            "state_5.sqlite.bak",
            "history.jsonl",
            "sessions/state_9.sqlite",
            "db-backups/state_5.sqlite",
        ):
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).touch()
        assert found_below(home) == [
            "goals_1.sqlite",
            "session_index.jsonl",
            "state.sqlite",
            "state_4.sqlite",
            "state_5.sqlite",
        ]

    def test_of_another_folder_is_that_of_all_homes_below(self, tmp_path: Path) -> None:
        for home in ("ann", "team/bob/.codex"):
            (tmp_path / home / "sessions/2026").mkdir(parents=True)
            (tmp_path / home / "state_5.sqlite").touch()
            (tmp_path / home / "work/copy").mkdir(parents=True)
            (tmp_path / home / "work/copy/state_5.sqlite").touch()
        assert found_below(tmp_path) == ["ann/state_5.sqlite", "team/bob/.codex/state_5.sqlite"]

    def test_of_a_folder_of_databases_alone_is_read_as_that(
        self, tmp_path: Path, home: Path
    ) -> None:
        """Where CODEX_SQLITE_HOME keeps them, beside a home that has older ones."""
        moved = tmp_path / "databases"
        moved.mkdir()
        for folder, number in ((home, 1), (moved, 2)):
            with contextlib.closing(make(folder / "state_5.sqlite", THREADS)) as writer:
                insert(writer, "threads", thread(number))
        roots = [Root("codex", home, None), Root("codex-state", moved, None)]
        warehouse = Warehouse(tmp_path / "lake", roots)
        assert warehouse.sync().problems == []
        assert sorted(warehouse.rows("parsed_threads", "thread_id")) == [
            ("thread-1",),
            ("thread-2",),
        ]
        assert {kind for (kind,) in warehouse.rows("raw_sources", "kind")} == {"codex-state"}

    def test_of_a_file_is_that_file_for_one_kind_only(self, home: Path) -> None:
        for name in ("state_5.sqlite", "session_index.jsonl", "rollout-x.jsonl"):
            (home / name).touch()
            kinds = {
                kind
                for kind in ("codex", "codex-state")
                for _ in KINDS[kind].discover(home / name, None)
            }
            assert kinds == {"codex" if name.startswith("rollout") else "codex-state"}

    def test_is_no_kind_of_the_settings(self) -> None:
        assert "codex" in NAMED_KINDS
        assert "codex-state" not in NAMED_KINDS

    def test_a_change_that_only_the_log_has_shows(self, home: Path) -> None:
        path = home / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            (before,) = STATE.discover(home, None)
            insert(writer, "threads", thread(1))
            (after,) = STATE.discover(home, None)
            assert after.size > before.size
            assert after.mtime_ns >= before.mtime_ns

    def test_a_folder_that_cannot_be_listed_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: str) -> None:
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr(os, "scandir", refuse)
        (found,) = STATE.discover(tmp_path, None)
        assert found.error == "Permission denied"


def independent_rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of a database by the plainest means."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error)  # noqa: PT017
            return []


class TestRecordings:
    def test_every_row_of_every_database_is_there(self, recordings: Path) -> None:
        seen = {"threads": 0, "edges": 0, "goals": 0}
        for found in STATE.discover(recordings, None):
            if not found.is_whole:
                continue
            path = Path(found.path)
            rows = read(path)
            threads = independent_rows(
                path,
                "SELECT id, created_at_ms, updated_at_ms, cwd, git_sha, cli_version, tokens_used, "
                "archived = 1, archived_at * 1000, length(title), length(first_user_message), "
                "length(name), model FROM threads ORDER BY id",
            )
            assert [
                (
                    row["thread_id"],
                    milliseconds(row["created_at"]),
                    milliseconds(row["updated_at"]),
                    row["cwd"],
                    row["git_commit"],
                    row["cli_version"],
                    row["tokens_used"],
                    row["is_archived"],
                    row["archived_at"] and milliseconds(row["archived_at"]),
                    row["title_chars"],
                    row["first_message_chars"],
                    row["name_chars"],
                    row["model"],
                )
                for row in rows["parsed_threads"]
            ] == threads
            origins = independent_rows(
                path, "SELECT source, agent_nickname, agent_path FROM threads ORDER BY id"
            )
            for row, origin in zip(rows["parsed_threads"], origins, strict=True):
                check_origin(row, *origin)
            edges = independent_rows(
                path,
                "SELECT child_thread_id, parent_thread_id, status FROM thread_spawn_edges "
                "ORDER BY 1",
            )
            assert [
                (row["thread_id"], row["parent_thread_id"], row["spawn_status"])
                for row in rows["parsed_spawn_edges"]
            ] == edges
            goals = independent_rows(
                path,
                "SELECT thread_id, goal_id, status, token_budget, tokens_used, "
                "time_used_seconds, length(objective), created_at_ms, updated_at_ms "
                "FROM thread_goals ORDER BY 1",
            )
            assert [
                (
                    row["thread_id"],
                    row["goal_id"],
                    row["goal_status"],
                    row["token_budget"],
                    row["tokens_used"],
                    row["seconds_used"],
                    row["objective_chars"],
                    milliseconds(row["goal_created_at"]),
                    milliseconds(row["goal_updated_at"]),
                )
                for row in rows["parsed_thread_goals"]
            ] == goals
            for name, count in (("threads", threads), ("edges", edges), ("goals", goals)):
                seen[name] += len(count)
        assert seen == {"threads": 46, "edges": 4, "goals": 5}

    def test_every_line_of_every_index_is_there(self, recordings: Path) -> None:
        lines = 0
        for found in STATE.discover(recordings, None):
            if found.is_whole:
                continue
            content = Path(found.path).read_bytes()
            rows = no_rows()
            STATE.parser(Privacy("standard", KEY)).parse(content.split(b"\n")[:-1], 1, 0, rows)
            expected = [json.loads(line) for line in content.splitlines()]
            parsed = as_dicts(rows)["parsed_session_index"]
            assert [
                (r["thread_id"], r["name_chars"], r["updated_at"].isoformat()[:26]) for r in parsed
            ] == [(e["id"], len(e["thread_name"]), e["updated_at"][:26]) for e in expected]
            assert len({r["name_hash"] for r in parsed}) == len(
                {e["thread_name"] for e in expected}
            )
            lines += len(parsed)
        assert lines == 12


def milliseconds(moment: Any) -> int:
    return round(moment.timestamp() * 1000)


def check_origin(row: dict[str, Any], source: str, nickname: str | None, path: str | None) -> None:
    """`source` read by the plainest means."""
    if not source.startswith("{"):
        assert (row["source_kind"], row["subagent_kind"]) == (source, None)
        return
    agent = json.loads(source)["subagent"]
    assert row["source_kind"] == "subagent"
    if isinstance(agent, str):
        assert row["subagent_kind"] == agent
        return
    spawn = agent.get("thread_spawn")
    if spawn is None:
        assert row["subagent_kind"] == agent["other"]
        return
    assert (row["subagent_kind"], row["subagent_depth"], row["parent_thread_id"]) == (
        "thread_spawn",
        spawn["depth"],
        spawn["parent_thread_id"],
    )
    assert row["agent_nickname"] == (nickname or spawn.get("agent_nickname"))
    assert row["agent_path"] == (path or spawn.get("agent_path"))


class TestRows:
    def one(self, path: Path, mode: str = "standard") -> dict[str, Any]:
        (row,) = read(path, mode)["parsed_threads"]
        return row

    def test_of_an_early_database(self, tmp_path: Path) -> None:
        path = tmp_path / "state_2.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1, tokens_used=12, archived=1, archived_at=1))
        row = self.one(path)
        assert row["database_version"] == 2
        assert (row["tokens_used"], row["is_archived"]) == (12, True)
        assert row["created_at"].isoformat() == "2026-11-21T11:33:44+00:00"
        assert row["archived_at"].isoformat() == "1970-01-01T00:00:01+00:00"
        assert (row["sandbox_type"], row["approval_policy"]) == ("read-only", "never")
        for missing in ("is_pinned", "name_chars", "memory_mode", "recency_at", "preview_hash"):
            assert row[missing] is None

    def test_goals_of_an_early_state_database(self, tmp_path: Path) -> None:
        path = tmp_path / "state.sqlite"
        with contextlib.closing(make(path, THREADS, GOALS)) as writer:
            goal = {"thread_id": "t", "goal_id": "g", "objective": "do", "status": "usageLimited"}
            insert(writer, "thread_goals", goal)
        (row,) = read(path)["parsed_thread_goals"]
        assert row["database_version"] is None
        assert (row["goal_status"], row["objective_chars"]) == ("usage_limited", 2)
        assert (row["token_budget"], row["goal_created_at"]) == (None, None)
        assert row["is_continuation_deferred"] is None

    def test_goals_that_wait(self, tmp_path: Path) -> None:
        path = tmp_path / "goals_1.sqlite"
        waiting = "CREATE TABLE thread_goal_continuation_deferrals (thread_id TEXT PRIMARY KEY)"
        with contextlib.closing(make(path, GOALS, waiting)) as writer:
            for name in ("a", "b"):
                insert(writer, "thread_goals", {"thread_id": name, "status": "active"})
            insert(writer, "thread_goal_continuation_deferrals", {"thread_id": "b"})
        rows = read(path)["parsed_thread_goals"]
        assert [(r["thread_id"], r["is_continuation_deferred"]) for r in rows] == [
            ("a", False),
            ("b", True),
        ]

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("vscode", ("vscode", None, None, None, None)),
            ('"exec"', ("exec", None, None, None, None)),
            ('{"custom":"bench"}', ("custom", "bench", None, None, None)),
            ('{"internal":"memory"}', ("internal", "memory", None, None, None)),
            ('{"subagent":"review"}', ("subagent", None, "review", None, None)),
            ('{"subagent":{"other":"guardian"}}', ("subagent", None, "guardian", None, None)),
            (
                '{"subagent":{"thread_spawn":{"parent_thread_id":"p","depth":2}}}',
                ("subagent", None, "thread_spawn", 2, "p"),
            ),
            ('{"subagent":7}', ("unknown", None, None, None, None)),
            ('{"new":{}}', ("unknown", None, None, None, None)),
            ("{torn", ("unknown", None, None, None, None)),
            ("two words", ("unusual", None, None, None, None)),
        ],
    )
    def test_origin(
        self, source: str, expected: tuple[str | int | None, ...], tmp_path: Path
    ) -> None:
        path = tmp_path / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1, source=source))
        row = self.one(path)
        columns = ("source_kind", "source_label", "subagent_kind", "subagent_depth")
        assert (*(row[c] for c in columns), row["parent_thread_id"]) == expected

    @pytest.mark.parametrize(
        ("approval", "policy", "expected"),
        [
            ("on-request", "read-only", ("on-request", "read-only")),
            ('{"granular":{"mcp":true}}', '{"mode":"workspace-write"}', ("granular", None)),
            ('"never"', '{"type":"managed","file_system":{}}', ("never", "managed")),
            ("[]", "[1]", ("unusual", "unusual")),
        ],
    )
    def test_policies(
        self, approval: str, policy: str, expected: tuple[str, str | None], tmp_path: Path
    ) -> None:
        path = tmp_path / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1, approval_mode=approval, sandbox_policy=policy))
        row = self.one(path)
        found = (row["approval_policy"], row["sandbox_type"])
        assert found == (expected[0], expected[1] or json.loads(policy)["mode"])

    def test_tables_of_other_kinds_and_no_tables_are_no_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "state_6.sqlite"
        statements = (
            "CREATE TABLE threads (other TEXT)",
            "CREATE VIEW thread_goals AS SELECT 1 AS thread_id, 2 AS status",
            "INSERT INTO threads VALUES ('x')",
        )
        make(path, *statements).close()
        rows = read(path)
        assert rows["parsed_threads"] == []
        assert [r["thread_id"] for r in rows["parsed_thread_goals"]] == ["1"]
        (tmp_path / "goals_1.sqlite").touch()
        assert not any(read(tmp_path / "goals_1.sqlite").values())

    def test_ids_that_are_none_stay_apart_and_unread(self, tmp_path: Path) -> None:
        path = tmp_path / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1, id=f"{CANARY} one"))
            insert(writer, "threads", thread(2, id=f"{CANARY} two"))
            insert(writer, "threads", thread(3, id=None))
        ids = [row["thread_id"] for row in read(path)["parsed_threads"]]
        assert len(set(ids)) == 2
        assert not any(CANARY in id_ for id_ in ids)

    cells = st.one_of(
        st.none(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.binary(max_size=20),
        st.sampled_from(['{"subagent":[]}', "[" * 5000, '{"type":[]}', "{}", "\x00"]),
    )

    @settings(max_examples=40, deadline=None)
    @given(values=st.lists(st.tuples(cells, cells, cells, cells), max_size=4))
    def test_any_cell_in_any_column(self, values: list[tuple[object, ...]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state_5.sqlite"
            with contextlib.closing(make(path, wal=False)) as writer:
                plain = [c for c in thread(0) if c != "id"]
                writer.execute(f"CREATE TABLE threads (id, {', '.join(plain)})")
                writer.execute(GOALS.replace("TEXT", "").replace("INTEGER", ""))
                for number, cells in enumerate(values):
                    row = {c: cells[i % 4] for i, c in enumerate(plain)}
                    insert(writer, "threads", {"id": number, **row})
                    goal = {c: cells[i % 4] for i, c in enumerate(("status", "token_budget"))}
                    insert(writer, "thread_goals", {"thread_id": str(number), **goal})
            os.utime(path, (0, 0))  # it rests: nothing to wait for
            rows = read(path)
        assert len(rows["parsed_threads"]) == len(rows["parsed_thread_goals"]) == len(values)


class TestPrivacy:
    def fill(self, path: Path, recordings: Path) -> None:
        """A database of the newest version with the canary in every column that may hold text."""
        shutil.copy(recordings / "as_goals/codex_home" / path.name, path)
        with contextlib.closing(sqlite3.connect(path)) as writer:
            for table in ("threads", "thread_goals", "thread_spawn_edges"):
                columns = [row[1] for row in writer.execute(f"PRAGMA table_info({table})")]
                for column in {*columns} & {
                    *("title", "first_user_message", "preview", "name", "objective"),
                    *(("cwd", "git_branch", "rollout_path", "git_origin_url")),
                }:
                    text = f"/{CANARY}/{column}/"
                    writer.execute(f"UPDATE {table} SET {column} = '{text}' || rowid")
            writer.commit()

    @pytest.mark.parametrize("name", ["state_5.sqlite", "goals_1.sqlite"])
    def test_texts_are_lengths_and_hashes(
        self, name: str, recordings: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / name
        self.fill(path, recordings)
        kept = {
            column
            for rows in read(path).values()
            for row in rows
            for column, value in row.items()
            if CANARY in str(value)
        }
        places = {"cwd", "git_branch", "rollout_path", "repository_url"}
        assert kept == (places if name.startswith("state") else set())
        assert CANARY not in str(read(path, "strict"))

    def test_hashes_tell_equal_names_and_nothing_else(self, tmp_path: Path) -> None:
        lines = [
            json.dumps({"id": f"t{n}", "thread_name": name, "updated_at": "2026-01-30T00:00:00Z"})
            for n, name in enumerate((CANARY, CANARY, "another", "", None))
        ]
        rows = no_rows()
        parser = STATE.parser(Privacy("standard", KEY))
        parser.parse([line.encode() for line in lines], 1, 0, rows)
        hashes = [r["name_hash"] for r in as_dicts(rows)["parsed_session_index"]]
        assert hashes[0] == hashes[1] != hashes[2]
        assert hashes[3:] == [None, None]
        assert CANARY not in str(rows)
        other = no_rows()
        STATE.parser(Privacy("standard", b"another key")).parse([lines[0].encode()], 1, 0, other)
        assert as_dicts(other)["parsed_session_index"][0]["name_hash"] != hashes[0]

    def test_lines_that_are_none_are_rejected_without_text(self) -> None:
        lines = [
            b"",
            b"  ",
            b'{"id": "t", "thread_name": "' + CANARY.encode(),
            b'["' + CANARY.encode() + b'"]',
            b'{"id": 7, "thread_name": "' + CANARY.encode() + b'"}',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"id":"t","thread_name":"n","updated_at":"not a time"}',
        ]
        rows = no_rows()
        STATE.parser(Privacy("standard", KEY)).parse(lines, 5, 100, rows)
        assert [row[0] for row in rows["raw_lines"]] == list(range(5, 13))
        assert [(row[0], row[3]) for row in rows["parsed_rejects"]] == [
            (7, "not_json"),
            (8, "bad_field"),
            (9, "bad_field"),
            (10, "not_json"),
            (11, "bad_field"),
        ]
        (entry,) = as_dicts(rows)["parsed_session_index"]
        assert (entry["line_number"], entry["updated_at"]) == (12, None)
        assert CANARY not in str(rows)


# --- databases in use -------------------------------------------------------------------------

WRITER = """
import random, sqlite3, sys, time
path, seconds = sys.argv[1], float(sys.argv[2])
connection = sqlite3.connect(path, isolation_level=None)
connection.execute("PRAGMA journal_mode = " + sys.argv[3])
connection.execute("PRAGMA synchronous = OFF")
connection.execute("PRAGMA wal_autocheckpoint = 4")
connection.execute("PRAGMA busy_timeout = 5000")
print("ready", flush=True)
end = time.monotonic() + seconds
number = 0
while time.monotonic() < end:
    number += 1
    one, other = random.sample(range(200), 2)
    moved = random.randrange(1, 1000)
    connection.execute("BEGIN IMMEDIATE")
    for thread, sign in ((one, 1), (other, -1)):
        connection.execute("UPDATE threads SET tokens_used = tokens_used + ?, title = ? "
            "WHERE id = ?", (sign * moved, "x" * random.randrange(3000), f"thread-{thread}"))
    connection.execute("COMMIT")
    if number % 50 == 0:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if number % 7 == 0:
        time.sleep(random.random() / 500)
print(number, flush=True)
"""


@contextlib.contextmanager
def process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs `code`, from its first line of output on."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def names(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in folder.iterdir()
    }


class TestDatabasesInUse:
    @pytest.mark.parametrize(("journal", "seconds"), [("wal", "1.5"), ("delete", "0.5")])
    def test_every_look_is_one_commit(self, journal: str, seconds: str, home: Path) -> None:
        """Tokens move between threads: their sum never changes, but for a torn look."""
        path = home / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS, wal=journal == "wal")) as writer:
            for number in range(200):
                insert(writer, "threads", thread(number, tokens_used=1000, title="x" * 2000))
        looks = []
        with process(WRITER, str(path), seconds, journal) as writing:
            while writing.poll() is None:
                try:
                    rows = read(path)["parsed_threads"]
                except OSError as error:  # without a log, a busy writer may be too quick
                    assert journal == "delete"
                    assert "changed all the time" in str(error)  # noqa: PT017
                else:
                    looks.append((len(rows), sum(row["tokens_used"] for row in rows)))
            assert writing.stdout is not None
            assert int(writing.stdout.read()) > 100
        assert set(looks) <= {(200, 200_000)}
        if journal == "wal":
            assert len(looks) > 5

    def test_what_is_not_committed_is_not_seen(self, home: Path) -> None:
        path = home / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1))
            writer.execute("PRAGMA cache_size = 1")  # the open transaction spills into the log
            writer.execute("BEGIN")
            for number in range(2, 200):
                insert(writer, "threads", thread(number, title="x" * 2000))
            assert [row["thread_id"] for row in read(path)["parsed_threads"]] == ["thread-1"]
            writer.execute("COMMIT")
            assert len(read(path)["parsed_threads"]) == 199

    @pytest.mark.parametrize("wal", [True, False])
    def test_a_locked_database_is_read(self, wal: bool, home: Path) -> None:
        path = home / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS, wal=wal)) as writer:
            insert(writer, "threads", thread(1))
        locking = (
            "import sqlite3, sys\n"
            "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "connection.execute('PRAGMA locking_mode = EXCLUSIVE')\n"
            "connection.execute('BEGIN EXCLUSIVE')\n"
            "print('ready', flush=True)\n"
            "sys.stdin.read()"
        )
        with process(locking, str(path)):
            with (
                contextlib.closing(sqlite3.connect(path, timeout=0)) as other,
                pytest.raises(sqlite3.OperationalError, match="locked"),
            ):
                other.execute("SELECT * FROM threads")
            time.sleep(0.05)
            assert len(read(path)["parsed_threads"]) == 1

    @pytest.mark.parametrize("has_log", [True, False])
    def test_nothing_is_left_beside_it(self, has_log: bool, home: Path) -> None:
        path = home / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1))
            if has_log:
                before = names(home)
                assert {"state_5.sqlite-wal", "state_5.sqlite-shm"} < before.keys()
                assert len(read(path)["parsed_threads"]) == 1
                assert names(home) == before
        before = names(home)
        assert before.keys() == {"sessions", "state_5.sqlite"}
        assert len(read(path)["parsed_threads"]) == 1
        assert names(home) == before

    def test_a_copied_home_with_a_log_but_no_index_of_it(self, home: Path, tmp_path: Path) -> None:
        path = home / "state_5.sqlite"
        copy = tmp_path / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1))
            for ending in ("", "-wal"):
                shutil.copy(f"{path}{ending}", f"{copy}{ending}")
        assert len(read(copy)["parsed_threads"]) == 1

    def test_what_a_crash_left_half_done_is_undone_in_the_copy_only(self, home: Path) -> None:
        path = home / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS, wal=False)) as writer:
            insert(writer, "threads", thread(1, tokens_used=5))
        crash = (
            "import os, sqlite3, sys\n"
            "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "connection.execute('PRAGMA cache_size = 1')\n"
            "connection.execute('BEGIN')\n"
            "connection.execute('UPDATE threads SET tokens_used = 7')\n"
            "connection.execute('CREATE TABLE much AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
            "SELECT i + 1 FROM n WHERE i < 2000) SELECT i, hex(randomblob(200)) AS x FROM n')\n"
            "os._exit(1)"
        )
        subprocess.run([sys.executable, "-c", crash, str(path)], check=False)
        time.sleep(0.05)
        before = names(home)
        assert "state_5.sqlite-journal" in before
        (row,) = read(path)["parsed_threads"]
        assert row["tokens_used"] == 5
        assert names(home) == before

    def test_one_that_never_rests_is_left_for_the_next_build(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = home / "state_5.sqlite"
        make(path, THREADS, wal=False).close()
        times = iter(range(1_000))
        monkeypatch.setattr(databases, "_state", lambda _: (next(times),))
        monkeypatch.setattr(databases, "_PAUSE_SECONDS", 0)
        with pytest.raises(OSError, match="changed all the time"):
            read(path)


class TestDamage:
    def damage(self, path: Path, how: str) -> None:
        with contextlib.closing(make(path, THREADS)) as writer:
            for number in range(50):
                insert(writer, "threads", thread(number, title="x" * 2000))
        content = bytearray(path.read_bytes())
        match how:
            case "not a database":
                content = bytearray(b"{}\n" * 1000)
            case "cut":
                del content[len(content) // 2 :]
            case "overwritten":
                content[4096:] = os.urandom(len(content) - 4096)
        path.write_bytes(content)

    @pytest.mark.parametrize("how", ["not a database", "cut", "overwritten"])
    def test_is_told_and_gives_no_rows(self, how: str, tmp_path: Path) -> None:
        path = tmp_path / "state_5.sqlite"
        self.damage(path, how)
        rows = no_rows()
        with pytest.raises(OSError, match=DAMAGED) as raised:
            STATE.parser(Privacy("standard", KEY)).parse_file(str(path), rows)
        assert "x" * 10 not in str(raised.value)
        assert not any(rows.values())


# --- a lake of them -----------------------------------------------------------------------------


@pytest.fixture
def lake(home: Path, tmp_path: Path) -> Callable[..., Warehouse]:
    def make_lake(mode: str = "standard") -> Warehouse:
        return Warehouse(tmp_path / "home", [Root("codex", home, None)], mode)

    return make_lake


def name_line(number: int, name: str) -> bytes:
    entry = {"id": f"thread-{number}", "thread_name": name, "updated_at": "2026-02-01T00:00:00Z"}
    return json.dumps(entry).encode() + b"\n"


class TestLake:
    def threads(self, lake: Warehouse) -> list[str]:
        return sorted(thread_id for (thread_id,) in lake.rows("parsed_threads", "thread_id"))

    def test_a_home_brings_its_databases_and_names(
        self, home: Path, lake: Callable[..., Warehouse]
    ) -> None:
        with contextlib.closing(make(home / "state_5.sqlite", THREADS)) as writer:
            insert(writer, "threads", thread(1))
        (home / "session_index.jsonl").write_bytes(name_line(1, "one"))
        warehouse = lake()
        assert warehouse.sync().problems == []
        assert warehouse.rows("parsed_threads", "thread_id", "database_version") == [
            ("thread-1", 5)
        ]
        assert warehouse.rows("parsed_session_index", "thread_id", "name_chars") == [
            ("thread-1", 3)
        ]
        sources = warehouse.rows("raw_sources", "kind", "lines", "state", "rejected_lines")
        assert sorted(sources) == [
            ("codex-state", 0, "present", 0),
            ("codex-state", 1, "present", 0),
        ]
        assert len(warehouse.rows("raw_lines", "line_number")) == 1
        assert not warehouse.scan().news

    def test_a_commit_in_the_log_alone_is_read(
        self, home: Path, lake: Callable[..., Warehouse]
    ) -> None:
        with contextlib.closing(make(home / "state_5.sqlite", THREADS)) as writer:
            insert(writer, "threads", thread(1))
            warehouse = lake()
            warehouse.sync()
            before = (home / "state_5.sqlite").read_bytes()
            insert(writer, "threads", thread(2))
            assert (home / "state_5.sqlite").read_bytes() == before
            assert warehouse.sync().work == (1, 0)
            assert self.threads(warehouse) == ["thread-1", "thread-2"]
            assert warehouse.sync().work == (0, 0)
            writer.execute("DELETE FROM threads WHERE id = 'thread-1'")
            warehouse.sync()
            assert self.threads(warehouse) == ["thread-2"]

    def test_a_deleted_database_keeps_its_rows_and_a_moved_one_is_known(
        self, home: Path, lake: Callable[..., Warehouse], tmp_path: Path
    ) -> None:
        with contextlib.closing(make(home / "state_5.sqlite", THREADS)) as writer:
            insert(writer, "threads", thread(1))
        warehouse = lake()
        warehouse.sync()
        elsewhere = tmp_path / "elsewhere"
        (elsewhere / "sessions").mkdir(parents=True)
        shutil.copy2(home / "state_5.sqlite", elsewhere)
        (home / "state_5.sqlite").unlink()
        warehouse.sync()
        assert warehouse.states() == {"state_5.sqlite": "missing"}
        assert self.threads(warehouse) == ["thread-1"]
        warehouse.roots.append(Root("codex", elsewhere, None))
        step = warehouse.sync()
        assert (step.work, step.plan.moved) == ((0, 0), 1)
        assert warehouse.states() == {"state_5.sqlite": "present"}

    def test_a_damaged_one_keeps_what_was_read_and_stops_nothing(
        self, home: Path, lake: Callable[..., Warehouse]
    ) -> None:
        path = home / "state_5.sqlite"
        with contextlib.closing(make(path, THREADS)) as writer:
            insert(writer, "threads", thread(1))
        warehouse = lake()
        warehouse.sync()
        good = path.read_bytes()
        path.write_bytes(b"no database" * 1000)
        (home / "session_index.jsonl").write_bytes(name_line(1, "one"))
        step = warehouse.sync()
        assert step.problems == [DAMAGED]
        assert warehouse.states() == {
            "state_5.sqlite": "unreadable",
            "session_index.jsonl": "present",
        }
        assert self.threads(warehouse) == ["thread-1"]
        assert len(warehouse.rows("parsed_session_index", "thread_id")) == 1
        assert not warehouse.scan().news  # it is not read again and again
        path.write_bytes(good)
        assert warehouse.sync().problems == []
        assert warehouse.states()["state_5.sqlite"] == "present"
        assert self.threads(warehouse) == ["thread-1"]

    def test_one_that_is_damaged_from_the_start(
        self, home: Path, lake: Callable[..., Warehouse]
    ) -> None:
        (home / "goals_1.sqlite").write_bytes(b"no database" * 1000)
        with contextlib.closing(make(home / "state_5.sqlite", THREADS)) as writer:
            insert(writer, "threads", thread(1))
        warehouse = lake()
        assert warehouse.sync().problems == [DAMAGED]
        assert self.threads(warehouse) == ["thread-1"]
        assert not warehouse.scan().news

    def test_several_numbers_of_a_database_stay_apart(
        self, home: Path, lake: Callable[..., Warehouse]
    ) -> None:
        for version, tokens in ((4, 10), (5, 20)):
            path = home / f"state_{version}.sqlite"
            with contextlib.closing(make(path, THREADS)) as writer:
                insert(writer, "threads", thread(1, tokens_used=tokens))
        warehouse = lake()
        warehouse.sync()
        assert sorted(warehouse.rows("parsed_threads", "database_version", "tokens_used")) == [
            (4, 10),
            (5, 20),
        ]
        assert len(set(warehouse.rows("parsed_threads", "source_id", "thread_id"))) == 2

    def test_the_index_grows_and_is_rewritten(
        self, home: Path, lake: Callable[..., Warehouse]
    ) -> None:
        index = home / "session_index.jsonl"
        index.write_bytes(name_line(1, "one") + name_line(2, "two"))
        warehouse = lake()
        assert warehouse.sync().work == (1, 2)
        append(index, name_line(1, "") + b'{"id": "thr')
        assert warehouse.sync().work == (1, 1)
        assert warehouse.source.deferred_bytes == 11
        rows = warehouse.rows("parsed_session_index", "line_number", "thread_id", "name_chars")
        assert sorted(rows) == [(1, "thread-1", 3), (2, "thread-2", 3), (3, "thread-1", 0)]
        index.write_bytes(name_line(2, "two"))  # thread-1 was deleted
        assert warehouse.sync().work == (1, 1)
        assert warehouse.rows("parsed_session_index", "thread_id") == [("thread-2",)]
        rewrite_in_place(index, name_line(3, "two"))
        assert warehouse.sync(verify=True).work == (1, 1)
        assert warehouse.rows("parsed_session_index", "thread_id") == [("thread-3",)]
