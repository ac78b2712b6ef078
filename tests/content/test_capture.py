"""Texts of named projects, encrypted, and nothing of any other.

Belongs here: which sources are captured when, the key, purging. Does not belong here: what the
texts of a line are (test_texts.py), and the command line.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet.encryption import create_decryption_properties

from tests.helpers import Codex, append, compressed, line, meta, thread_id, usage
from warehouse.build import Build
from warehouse.content import ContentKeyError, capturing, purge, texts
from warehouse.content.key import VARIABLE, load_key
from warehouse.contracts import lake_tables
from warehouse.contracts.content import CONTENT_TEXTS
from warehouse.lake import Lake, LakeLockedError
from warehouse.settings import (
    ContentSetting,
    Settings,
    SettingsError,
    SourceSetting,
    load_settings,
)

KEY = bytes(range(100, 132))
KEY_TEXT = base64.b64encode(KEY).decode()
CANARY = "canary-91bd"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROLLHOUSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(VARIABLE, KEY_TEXT)


@pytest.fixture(autouse=True)
def _builds_end_with_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing after it knows of texts, and DuckDB would take most of the time."""
    monkeypatch.setattr(Build, "_load_lake", lambda _: None)


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    return Codex(tmp_path / "codex")


class Home:
    """A Rollhouse home whose builds end after the ingest."""

    def __init__(self, root: Path, codex: Codex) -> None:
        self.root = root
        self.codex = codex
        self.projects: list[str] = []
        self.privacy: Literal["standard", "strict"] = "standard"

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.root,
            sources=[SourceSetting(kind="codex", path=str(self.codex.root))],
            content=ContentSetting(projects=self.projects),
            privacy=self.privacy,
            jobs=1,
        )

    def build(self) -> Build:
        with Build(self.settings) as build:
            build.ingest()
        return build

    @property
    def files(self) -> dict[str, Path]:
        """Captured files by source; of two for a source, the second has its folder in the key."""
        found: dict[str, Path] = {}
        for path in sorted((self.root / "content").glob("*/*")):
            name = path.name.removeprefix("content_").removesuffix(".parquet")
            found[f"{path.parent.name}/{name}" if name in found else name] = path
        return found

    def texts(self, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of all captured files."""
        columns = columns or ("text_kind", "text")
        rows: list[tuple[Any, ...]] = []
        for path in self.files.values():
            table = decrypted(path)
            rows += zip(*(table.column(c).to_pylist() for c in columns), strict=True)
        return rows

    def kept(self, *kinds: str) -> list[str]:
        return sorted(text for kind, text in self.texts() if kind in kinds)


def decrypted(path: Path, key: bytes = KEY) -> pa.Table:
    properties = create_decryption_properties(footer_key=key)
    return pq.ParquetFile(path, decryption_properties=properties).read()


@contextlib.contextmanager
def texts_in_duckdb(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """As docs/privacy.md says."""
    with duckdb.connect() as connection:
        connection.execute("SET temp_file_encryption = true")
        connection.execute(f"PRAGMA add_parquet_key('content', '{KEY_TEXT}')")
        connection.execute(
            "CREATE TEMP TABLE texts AS SELECT * FROM "
            f"read_parquet('{home.root}/content/*/content_*.parquet', "
            "encryption_config = {footer_key: 'content'})"
        )
        yield connection


@pytest.fixture
def home(tmp_path: Path, codex: Codex) -> Home:
    return Home(tmp_path / "home", codex)


def prompt(text: str, second: int = 1) -> bytes:
    return line("event_msg", {"type": "user_message", "message": text}, second)


def session(thread: int, cwd: str | None, *prompts: str) -> bytes:
    return meta(thread, cwd=cwd) + b"".join(map(prompt, prompts)) + usage(1)


class TestProjects:
    def test_only_named_ones_are_captured(self, home: Home, codex: Codex) -> None:
        for number, cwd in enumerate(
            [
                "/work/shop",
                "/work/shop/deep/er",
                "/work/shop/",
                "/work/shopping",
                "/work",
                "/work/shop/../bank",
                "",
                None,
                "work/shop",
            ]
        ):
            codex.path(number).write_bytes(session(number, cwd, f"in {cwd}"))
        home.projects = ["/work/shop"]
        home.build()
        assert home.kept("prompt") == ["in /work/shop", "in /work/shop/", "in /work/shop/deep/er"]

    def test_the_innermost_one_holds_a_session(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/shop", "outer"))
        codex.path(2).write_bytes(session(2, "/work/shop/till/app", "inner"))
        home.projects = ["/work/shop", "/work/shop/till"]
        home.build()
        assert len({path.parent for path in home.files.values()}) == 2
        home.projects = ["/work/shop"]
        assert purge(home.settings, "/work/shop/till") == 1
        assert home.kept("prompt") == ["outer"]

    def test_links_to_a_project_lead_to_it(self, home: Home, codex: Codex, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        codex.path(1).write_bytes(session(1, str(tmp_path / "real/a"), "real"))
        codex.path(2).write_bytes(session(2, str(tmp_path / "link/a"), "link"))
        home.projects = [str(tmp_path / "link")]
        home.build()
        assert home.kept("prompt") == ["link", "real"]
        assert len({path.parent for path in home.files.values()}) == 1

    def test_a_first_line_longer_than_what_is_looked_at(self, home: Home, codex: Codex) -> None:
        path = codex.path(1)
        path.write_bytes(
            meta(1, cwd="/work/shop", base_instructions={"text": 'no "cwd":"/x" ' * 30_000})
            + prompt("hello")
        )
        home.projects = ["/work/shop"]
        home.build()
        assert home.kept("prompt") == ["hello"]

    def test_first_lines_without_a_working_folder(self, home: Home, codex: Codex) -> None:
        """As before 2025-09-09; a folder that a text names is none."""
        bare = {"id": thread_id(1), "timestamp": "2025-06-01T00:00:00Z", "instructions": "x"}
        message = {"type": "message", "role": "user", "content": [{"text": '"cwd":"/work"'}]}
        for number, first in enumerate((bare, {**bare, "git": {"cwd": "/work"}}, message), 1):
            lines = json.dumps(first, separators=(",", ":")).encode() + b"\n" + prompt("hello")
            codex.path(number).write_bytes(lines)
        home.projects = ["/work"]
        home.build()
        assert home.files == {}

    def test_compressed_sessions(self, home: Home, codex: Codex) -> None:
        path = codex.path(1)
        path.with_name(path.name + ".zst").write_bytes(compressed(session(1, "/work/a", "packed")))
        home.projects = ["/work"]
        home.build()
        assert home.kept("prompt") == ["packed"]

    def test_malformed_lines_and_a_torn_end(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(
            session(1, "/work/a", "one") + b'{"torn\n\xff\n[1]\n' + prompt("two") + prompt("x")[:-9]
        )
        home.projects = ["/work"]
        home.build()
        assert home.kept("prompt") == ["one", "two"]


class TestFiles:
    def test_rows_meet_the_contract(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        build = home.build()
        ((source_id, path),) = home.files.items()
        table = decrypted(path)
        assert table.schema == CONTENT_TEXTS.arrow_schema
        (row,) = table.to_pylist()
        assert row["recorded_at"].isoformat() == "2026-03-04T10:00:01.123000+00:00"
        del row["recorded_at"]
        assert row == {
            "source_id": source_id,
            "line_number": 2,
            "position": 0,
            "session_id": thread_id(1),
            "carrier": "event",
            "text_kind": "prompt",
            "role": None,
            "tool_name": None,
            "item_id": None,
            "text": "hello",
        }
        assert {source_id} == {s.source_id for s in build.lake.sources(build.manifest)}

    def test_nobody_reads_them_without_the_key(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", CANARY))
        home.projects = ["/work"]
        home.build()
        (path,) = home.files.values()
        content = path.read_bytes()
        for word in (CANARY, "hello", "text_kind", "prompt", "/work"):
            assert word.encode() not in content
        with pytest.raises(OSError, match="encrypted"):
            pq.read_table(path)
        with pytest.raises(OSError, match="decryption"):
            decrypted(path, bytes(32))

    def test_duckdb_reads_them_with_the_key(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", CANARY))
        home.projects = ["/work"]
        home.build()
        with texts_in_duckdb(home) as connection:
            rows = connection.execute(
                "SELECT text FROM texts WHERE text_kind = 'prompt' AND line_number > 1"
            ).fetchall()
        assert rows == [(CANARY,)]

    @pytest.mark.parametrize(("number", "length"), [(3_000, 2_000), (30, 300_000), (9_000, 20)])
    def test_duckdb_reads_all_of_much_text(
        self, number: int, length: int, home: Home, codex: Codex
    ) -> None:
        """Of texts and ids that all differ, so that no dictionary holds them."""
        noise = base64.b85encode(bytes(n * n % 251 for n in range(length + number))).decode()
        outputs: list[dict[str, object]] = [
            {
                "type": "function_call_output",
                "call_id": f"call_{n}_{'x' * 40}",
                "output": noise[n : n + length],
            }
            for n in range(number)
        ]
        codex.path(1).write_bytes(
            meta(1, cwd="/work/a") + b"".join(line("response_item", output) for output in outputs)
        )
        home.projects = ["/work"]
        home.build()
        with texts_in_duckdb(home) as connection:
            rows = connection.execute(
                "SELECT text, item_id FROM texts ORDER BY line_number"
            ).fetchall()
        assert rows == [(o["output"], o["call_id"]) for o in outputs]

    def test_they_and_all_else_are_their_owners_alone(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        before = os.umask(0o022)
        try:
            home.build()
        finally:
            os.umask(before)
        paths = list((home.root / "content").rglob("*"))
        assert len(paths) == 3
        assert [p for p in [*paths, home.root / "content"] if p.stat().st_mode & 0o077] == []

    def test_no_text_lies_anywhere_else(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", CANARY))
        home.projects = ["/work"]
        home.build()
        assert home.kept("prompt") == [CANARY]
        for path in home.root.rglob("*"):
            if path.suffix == ".parquet" and path.parent.parent.name != "content":
                assert CANARY not in str(pq.ParquetFile(path).read().to_pylist())
            elif path.is_file():
                assert CANARY.encode() not in path.read_bytes()

    def test_much_text_is_written_piece_by_piece(
        self, home: Home, codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(capturing, "_FLUSH_ROWS", 7)
        monkeypatch.setattr(capturing, "_FLUSH_CHARS", 100)
        prompts = [f"{number} " + "x" * (number % 50) for number in range(200)]
        codex.path(1).write_bytes(session(1, "/work/a", *prompts))
        home.projects = ["/work"]
        home.build()
        assert [text for _, text in home.texts()] == prompts
        (path,) = home.files.values()
        properties = create_decryption_properties(footer_key=KEY)
        file = pq.ParquetFile(path, decryption_properties=properties)
        assert file.metadata.num_row_groups > 20

    def test_text_that_is_not_unicode(self, home: Home, codex: Codex) -> None:
        lone = json.dumps({"type": "user_message", "message": "a\ud800b"}).encode()
        codex.path(1).write_bytes(
            meta(1, cwd="/work")
            + b'{"timestamp":"2026-03-04T10:00:00Z","type":"event_msg","payload":%b}\n' % lone
            + prompt("next")
        )
        home.projects = ["/work"]
        home.build()
        assert "next" in home.kept("prompt")


def lake_of(build: Build) -> dict[str, list[dict[str, Any]]]:
    """All rows of the lake, which no capture may change."""
    return {
        table: [
            row
            for file in build.lake.part_files(build.manifest, table)
            for row in pq.ParquetFile(file).read().to_pylist()
        ]
        for table in lake_tables()
    }


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines whose texts were looked for, in order; to be cleared by the test."""
    seen: list[bytes] = []
    real = texts.texts_of

    def noting(line: bytes) -> texts.Line:
        seen.append(line)
        return real(line)

    monkeypatch.setattr(texts, "texts_of", noting)
    return seen


class TestIncremental:
    def test_turning_it_on_and_off_changes_no_count_and_parses_nothing(
        self, home: Home, codex: Codex
    ) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "one", "two"))
        codex.path(2).write_bytes(session(2, "/home/b", "three"))
        before = lake_of(home.build())
        home.projects = ["/work"]
        with Build(home.settings) as build:
            assert not build.plan.news
            build.ingest()
            assert build.ingested is None
        assert lake_of(build) == before
        assert home.kept("prompt") == ["one", "two"]
        home.projects = []
        build = home.build()
        assert build.ingested is None
        assert lake_of(build) == before
        assert home.kept("prompt") == ["one", "two"]  # kept until it is purged

    def test_what_did_not_change_is_not_read_again(
        self, home: Home, codex: Codex, captured: list[bytes]
    ) -> None:
        for number in range(4):
            codex.path(number).write_bytes(session(number, f"/work/{number % 2}", f"p{number}"))
        home.projects = ["/work/0"]
        home.build()
        assert len(captured) == 2 * 3
        captured.clear()
        append(codex.path(1), prompt("elsewhere"))
        home.build()
        assert captured == []
        append(codex.path(2), prompt("more"))
        home.build()
        assert len(captured) == 4
        assert home.kept("prompt") == ["more", "p0", "p2"]
        captured.clear()
        home.build()
        assert captured == []

    def test_another_project_is_captured_from_what_is_there(
        self, home: Home, codex: Codex, captured: list[bytes]
    ) -> None:
        for number in (1, 2):
            codex.path(number).write_bytes(session(number, f"/work/{number}", f"p{number}"))
        home.projects = ["/work/1"]
        home.build()
        captured.clear()
        home.projects = ["/work/1", "/work/2"]
        home.build()
        assert len(captured) == 3
        assert home.kept("prompt") == ["p1", "p2"]

    def test_a_project_that_is_named_no_more_stays_as_it_was(
        self, home: Home, codex: Codex, captured: list[bytes]
    ) -> None:
        for number in (1, 2):
            codex.path(number).write_bytes(session(number, f"/work/{number}", f"p{number}"))
        home.projects = ["/work/1", "/work/2"]
        home.build()
        home.projects = ["/work/1"]
        append(codex.path(2), prompt("private"))
        home.build()
        assert home.kept("prompt") == ["p1", "p2"]
        captured.clear()
        home.projects = ["/work/1", "/work/2"]
        home.build()
        assert home.kept("prompt") == ["p1", "p2", "private"]
        assert len(captured) == 4

    def test_a_session_moves_to_a_project_that_was_named_within_its_own(
        self, home: Home, codex: Codex
    ) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        (before,) = home.files.values()
        home.projects = ["/work", "/work/a"]
        home.build()
        (after,) = home.files.values()
        assert before.parent != after.parent
        assert home.kept("prompt") == ["hello"]

    def test_a_deleted_session_keeps_its_texts(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        codex.path(1).unlink()
        home.build()
        assert home.kept("prompt") == ["hello"]

    def test_a_session_written_anew_from_its_first_line_replaces_them(
        self, home: Home, codex: Codex
    ) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        codex.path(1).write_bytes(session(1, "/work/b", "again"))
        home.build()
        assert home.kept("prompt") == ["again"]

    def test_a_session_that_lost_its_texts_has_no_file(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        codex.path(1).write_bytes(meta(1, cwd="/work/a") + usage(1))
        home.build()
        assert home.files == {}

    def test_a_build_that_broke_off_leaves_the_old_file_and_is_made_up_for(
        self, home: Home, codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "one"))
        codex.path(2).write_bytes(session(2, "/work/a", "two"))
        home.projects = ["/work"]
        home.build()
        append(codex.path(1), prompt("three"))
        append(codex.path(2), prompt("four"))
        real = texts.texts_of
        with monkeypatch.context() as patch:

            def breaking(line: bytes) -> texts.Line:
                if b"four" in line:
                    raise KeyboardInterrupt
                return real(line)

            patch.setattr(texts, "texts_of", breaking)
            with pytest.raises(KeyboardInterrupt):
                home.build()
        assert "two" in home.kept("prompt")
        assert "four" not in home.kept("prompt")
        folder = next(iter(home.files.values())).parent
        (folder / "content_killed.aside").write_bytes(b"half a file")
        with Build(home.settings) as build:
            assert not build.plan.news
            assert not build.is_up_to_date()
            build.ingest()
        assert home.kept("prompt") == ["four", "one", "three", "two"]
        assert not list((home.root / "content").rglob("*.aside"))

    def test_a_file_that_cannot_be_read_is_told_and_stops_nothing(
        self, home: Home, codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in (1, 2):
            codex.path(number).write_bytes(session(number, "/work/a", f"p{number}"))
        home.projects = ["/work"]
        real = capturing.open_plain

        def refusing(path: str, is_compressed: bool) -> Any:
            if path == str(codex.path(1)):
                raise PermissionError(13, "Permission denied", path)
            return real(path, is_compressed)

        monkeypatch.setattr(capturing, "open_plain", refusing)
        build = home.build()
        assert build.plan.problems == [(str(codex.path(1)), "Permission denied")]
        assert home.kept("prompt") == ["p2"]

    def test_an_index_of_another_format_has_all_captured_anew(
        self, home: Home, codex: Codex, captured: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        captured.clear()
        (home.root / "content/index.msgpack").write_bytes(b"\x81\xa6format\x63")
        home.build()
        assert len(captured) == 3
        assert home.kept("prompt") == ["hello"]

    def test_under_strict_privacy_too(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, f"/{CANARY}/a", "hello"))
        home.projects = [f"/{CANARY}"]
        home.privacy = "strict"
        home.build()
        assert home.kept("prompt") == ["hello"]
        append(codex.path(1), prompt("again"))
        home.build()
        assert home.kept("prompt") == ["again", "hello"]
        for path in home.root.rglob("*"):
            assert CANARY not in str(path.relative_to(home.root))
            assert not path.is_file() or CANARY.encode() not in path.read_bytes()


class TestNames:
    def fill(self, codex: Codex) -> None:
        """Threads 1 and 2 in /work/shop, the first with a rollout; thread 3 elsewhere."""
        codex.path(1).write_bytes(session(1, "/work/shop", "p1"))
        codex.path(3).write_bytes(session(3, "/work/bank", "p3"))
        names = [
            {"id": thread_id(n), "thread_name": f"name {n}", "updated_at": "2026-03-04T10:00:00Z"}
            for n in (1, 3)
        ]
        (codex.root / "session_index.jsonl").write_text(
            "".join(json.dumps(name) + "\n" for name in names) + "torn\n"
        )
        with contextlib.closing(sqlite3.connect(codex.root / "state_5.sqlite")) as state:
            state.execute("CREATE TABLE threads (id TEXT PRIMARY KEY, cwd, title, name)")
            state.executemany(
                "INSERT INTO threads VALUES (?, ?, ?, ?)",
                [
                    (thread_id(1), "/work/shop", "title 1", "named 1"),
                    (thread_id(2), "/work/shop/till", "title 2", None),
                    (thread_id(3), "/work/bank", "title 3", "named 3"),
                ],
            )
            state.commit()
        with contextlib.closing(sqlite3.connect(codex.root / "goals_1.sqlite")) as goals:
            goals.execute("CREATE TABLE thread_goals (thread_id TEXT PRIMARY KEY, objective)")
            goals.executemany(
                "INSERT INTO thread_goals VALUES (?, ?)",
                [(thread_id(n), f"objective {n}") for n in (1, 3)],
            )
            goals.commit()

    def test_of_threads_in_named_projects(self, home: Home, codex: Codex) -> None:
        self.fill(codex)
        home.projects = ["/work/shop"]
        home.build()
        assert home.kept("name") == ["name 1", "named 1"]
        assert home.kept("title") == ["title 1", "title 2"]
        assert home.kept("objective") == ["objective 1"]
        rows = home.texts("carrier", "line_number", "session_id", "text")
        assert ("index", 1, thread_id(1), "name 1") in rows
        assert ("database", None, thread_id(2), "title 2") in rows

    def test_each_project_has_its_own(self, home: Home, codex: Codex) -> None:
        self.fill(codex)
        home.projects = ["/work/shop", "/work/bank"]
        home.build()
        assert home.kept("objective") == ["objective 1", "objective 3"]
        purge(home.settings, "/work/shop")
        assert home.kept("objective", "name", "prompt") == [
            "name 3",
            "named 3",
            "objective 3",
            "p3",
        ]

    def test_they_follow_changes_of_databases_and_of_sessions(
        self, home: Home, codex: Codex
    ) -> None:
        self.fill(codex)
        home.projects = ["/work/shop"]
        home.build()
        with contextlib.closing(sqlite3.connect(codex.root / "state_5.sqlite")) as state:
            state.execute("UPDATE threads SET title = 'changed' WHERE title = 'title 1'")
            state.commit()
        append(codex.root / "session_index.jsonl", b'{"id":"%b","thread_name":"late"}\n' % b"t4")
        home.build()
        assert home.kept("title") == ["changed", "title 2"]
        assert "late" not in home.kept("name")
        (codex.sessions / "rollout-2026-03-05T00-00-00-x.jsonl").write_bytes(
            meta(4, id="t4", cwd="/work/shop") + prompt("p4")
        )
        home.build()
        assert home.kept("name") == ["late", "name 1", "named 1"]

    def test_a_damaged_database_is_told(self, home: Home, codex: Codex) -> None:
        self.fill(codex)
        home.projects = ["/work/shop"]
        home.build()
        (codex.root / "state_5.sqlite").write_bytes(b"no database" * 500)
        home.build()
        assert home.kept("title") == ["title 1", "title 2"]


class TestKey:
    def refuse(self, home: Home, match: str, error: type[Exception] = ContentKeyError) -> None:
        """No build, and not a byte written."""
        with pytest.raises(error, match=match), Build(home.settings):
            pass
        assert not (home.root / "lake").exists()

    def test_without_one_nothing_is_read(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        home.projects = ["/work/shop"]
        monkeypatch.delenv(VARIABLE)
        self.refuse(home, "capture is on, but there is no key.*openssl rand")

    @pytest.mark.parametrize("text", ["short", base64.b64encode(bytes(16)).decode(), "é" * 44])
    def test_one_that_is_none(self, text: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        home.projects = ["/work/shop"]
        monkeypatch.setenv(VARIABLE, text)
        with pytest.raises(ContentKeyError, match="holds no key of 32 bytes") as raised:
            Build(home.settings).__enter__()
        assert text not in str(raised.value)

    def test_without_projects_none_is_needed(
        self, home: Home, codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        monkeypatch.delenv(VARIABLE)
        home.build()
        assert not (home.root / "content").exists()

    def test_from_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text(KEY_TEXT + "\n")
        file.chmod(0o600)
        assert load_key(file, {}) == KEY
        other = base64.b64encode(bytes(32)).decode()
        assert load_key(file, {VARIABLE: other}) == bytes(32)

    def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text(KEY_TEXT)
        file.chmod(0o640)
        with pytest.raises(ContentKeyError, match=f"run: chmod 600 {file}"):
            load_key(file, {})

    @pytest.mark.parametrize(
        ("content", "match"),
        [(None, "No such file"), (b"\xff\xfe", "holds no key"), (b"", "holds")],
    )
    def test_a_file_without_a_key(self, content: bytes | None, match: str, tmp_path: Path) -> None:
        file = tmp_path / "key"
        if content is not None:
            file.write_bytes(content)
            file.chmod(0o600)
        with pytest.raises(ContentKeyError, match=match):
            load_key(file, {})

    def test_another_one_than_before_is_refused(
        self, home: Home, codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        monkeypatch.setenv(VARIABLE, base64.b64encode(bytes(32)).decode())
        with pytest.raises(ContentKeyError, match=r"another key.*purge-content"):
            Build(home.settings).__enter__()
        purge(home.settings)
        home.build()
        (path,) = home.files.values()
        assert decrypted(path, bytes(32)).num_rows == 1

    def test_it_is_known_before_the_first_file_is_written(
        self, home: Home, codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in (1, 2):
            codex.path(number).write_bytes(session(number, "/work/a", f"p{number}"))
        home.projects = ["/work"]
        with monkeypatch.context() as patch:
            seen: list[object] = []

            def breaking(*arguments: object) -> bool:
                seen.append(arguments)
                if len(seen) == 2:
                    raise KeyboardInterrupt
                return real(*arguments)  # type: ignore[arg-type]

            real = capturing._write_file
            patch.setattr(capturing, "_write_file", breaking)
            with pytest.raises(KeyboardInterrupt):
                home.build()
        assert len(home.files) == 1
        monkeypatch.setenv(VARIABLE, base64.b64encode(bytes(32)).decode())
        with pytest.raises(ContentKeyError, match="another key"):
            Build(home.settings).__enter__()

    def test_it_is_written_nowhere(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        for path in home.root.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                for form in (KEY, KEY_TEXT.encode(), KEY.hex().encode()):
                    assert form not in content


class TestPurge:
    def test_of_all(self, home: Home, codex: Codex) -> None:
        for number in (1, 2):
            codex.path(number).write_bytes(session(number, f"/work/{number}", "hello"))
        home.projects = ["/work/1", "/work/2"]
        before = lake_of(home.build())
        assert purge(home.settings) == 2
        assert not (home.root / "content").exists()
        assert purge(home.settings) == 0
        home.projects = []
        assert lake_of(home.build()) == before

    def test_of_a_project_needs_no_key_and_leaves_the_others(
        self, home: Home, codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in (1, 2):
            codex.path(number).write_bytes(session(number, f"/work/{number}", f"p{number}"))
        home.projects = ["/work/1", "/work/2"]
        home.build()
        home.projects = []
        monkeypatch.delenv(VARIABLE)
        assert purge(home.settings, "/work/1/") == 1
        assert purge(home.settings, "/work/1") == 0
        assert home.kept("prompt") == ["p2"]

    def test_texts_come_back_while_the_project_is_named(
        self, home: Home, codex: Codex, captured: list[bytes]
    ) -> None:
        for number in (1, 2):
            codex.path(number).write_bytes(session(number, f"/work/{number}", f"p{number}"))
        home.projects = ["/work/1", "/work/2"]
        home.build()
        captured.clear()
        purge(home.settings, "/work/1")
        with Build(home.settings) as build:
            assert not build.is_up_to_date()
        home.build()
        assert home.kept("prompt") == ["p1", "p2"]
        assert len(captured) == 3

    def test_waits_for_no_build(self, home: Home, codex: Codex) -> None:
        codex.path(1).write_bytes(session(1, "/work/a", "hello"))
        home.projects = ["/work"]
        home.build()
        with Lake(home.root).lock(), pytest.raises(LakeLockedError):
            purge(home.settings)
        assert home.kept("prompt") == ["hello"]


class TestSettings:
    @pytest.fixture
    def load(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
        monkeypatch.setenv("HOME", str(tmp_path))

        def load(text: str) -> Settings:
            (tmp_path / "rollhouse.toml").write_text(text)
            return load_settings(tmp_path)

        return load

    def test_are_off_by_default(self, load: Callable[[str], Settings]) -> None:
        assert load("").content == ContentSetting(projects=[], key_file=None)

    def test_paths_are_whole_or_lie_beside_the_file(
        self, load: Callable[[str], Settings], tmp_path: Path
    ) -> None:
        content = load(
            '[content]\nprojects = ["~/shop/", "/work/../bank", "here"]\nkey_file = "keys/one"'
        ).content
        assert content.projects == [str(tmp_path / "shop"), "/bank", str(tmp_path / "here")]
        assert content.key_file == tmp_path / "keys/one"

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ('[content]\nproject = ["/a"]', "content.project: no such setting; known are projects"),
            ("[content]\nprojects = [7]", "content.projects.0: "),
            ('[content]\nprojects = "/a"', "content.projects: "),
        ],
    )
    def test_mistakes_are_told(
        self, text: str, match: str, load: Callable[[str], Settings]
    ) -> None:
        with pytest.raises(SettingsError, match=match):
            load(text)

    def test_from_a_variable(
        self, load: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ROLLHOUSE_CONTENT", '{"projects": ["/a"]}')
        assert load("").content.projects == ["/a"]
        monkeypatch.setenv("ROLLHOUSE_CONTENT", '{"projects": ["a"]}')
        with pytest.raises(SettingsError, match="'a' is no whole path"):
            load("")


def test_a_rollout_of_recordings(home: Home, recordings: Path) -> None:
    """Every prompt of a recording, as plain `json` finds them."""
    root = recordings / "as_multi_legacy/codex_home"
    expected = []
    for path in root.glob("**/rollout-*.jsonl"):
        for text in path.read_bytes().splitlines():
            payload = json.loads(text)["payload"]
            if payload.get("type") == "user_message":
                expected.append(payload["message"])
    home.codex.root = root
    home.projects = ["/home/dev/repos/as_multi_legacy"]
    home.build()
    prompts = [
        text
        for carrier, kind, text in home.texts("carrier", "text_kind", "text")
        if (carrier, kind) == ("event", "prompt")
    ]
    assert sorted(prompts) == sorted(expected)
    assert len(prompts) > 10
