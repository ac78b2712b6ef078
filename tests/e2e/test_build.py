"""Whole builds: what is published when, who may read it, and that nothing else decides rows."""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.e2e.builds import leftovers, published, run_build, settings, use_models
from tests.helpers import Codex, append, body, compressed
from warehouse import build, ingest, publish, resources
from warehouse.build import Build, BuildError
from warehouse.builds import BuildRecord, current_build, database_path
from warehouse.errors import UsageError
from warehouse.lake import Lake, LakeLockedError
from warehouse.settings import SettingsError
from warehouse.sources import KINDS
from warehouse.sources.base import DAMAGED


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    return Codex(tmp_path / "codex")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One small model instead of those of sql/."""
    monkeypatch.setattr(resources, "sql_folder", resources.sql_folder)  # put back afterwards
    use_models(tmp_path / "sql")
    return tmp_path / "sql"


def record(home: Path) -> BuildRecord:
    found = current_build(Lake(home))
    assert found is not None
    return found


def ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(database_path(Lake(home)), read_only=True) as connection:
        return connection.execute(sql).fetchall()


# --- when is what published -----------------------------------------------------------------------


@pytest.mark.usefixtures("models")
class TestBuild:
    def test_a_second_build_finds_nothing_to_do(self, codex: Codex, home: Path) -> None:
        codex.write(1, 5)
        assert run_build(home, codex.root)
        first = record(home)
        assert (first.generation, first.rows["raw_lines"], first.rows["sources_read"]) == (1, 6, 1)
        assert not run_build(home, codex.root)
        assert record(home) == first

    def test_touched_files_are_remembered_without_a_build(self, codex: Codex, home: Path) -> None:
        path = codex.write(1, 5)
        run_build(home, codex.root)
        first = record(home)
        os.utime(path, (1, 1))
        assert not run_build(home, codex.root)
        assert record(home) == first
        with Build(settings(home, codex.root)) as work:
            assert not work.plan.registry_changed

    def test_a_grown_file_is_published_with_the_next_build(self, codex: Codex, home: Path) -> None:
        path = codex.write(1, 5)
        run_build(home, codex.root)
        append(path, body(2, 6))
        with Build(settings(home, codex.root)) as work:
            build.run(work)
            assert work.ingested is not None
            assert work.ingested.lines_parsed == 2
        assert ask(home, "FROM sources_read") == [
            (*ask(home, "SELECT source_id FROM raw_sources")[0], 8, 2)
        ]

    def test_other_models_are_published_without_reading_a_source(
        self, codex: Codex, home: Path, models: Path
    ) -> None:
        codex.write(1, 5)
        run_build(home, codex.root)
        model = models / "session" / "sources_read.sql"
        model.write_text(model.read_text() + "WHERE lines > 1000\n")
        with Build(settings(home, codex.root)) as work:
            assert not work.is_up_to_date()
            build.run(work)
            assert work.ingested is None
        assert ask(home, "SELECT count(*) FROM sources_read") == [(0,)]
        assert record(home).generation == 1

    def test_the_sample_is_not_mixed_with_sessions_of_the_user(
        self, codex: Codex, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sample = Codex(tmp_path / "sample")
        sample.write(2, 3)
        (sample.root / "metrics").mkdir()
        monkeypatch.setattr(resources, "sample_folder", lambda: sample.root)
        monkeypatch.delenv("CODEX_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))  # without .codex
        by_default = settings(home, codex.root).model_copy(update={"sources": []})
        with Build(by_default) as work:
            build.run(work)
        assert ask(home, "SELECT lines FROM raw_sources") == [(4,)]
        codex.write(1, 5)
        codex.root.rename(tmp_path / ".codex")
        with Build(by_default) as work:
            build.run(work)
        assert ask(home, "SELECT lines FROM raw_sources") == [(6,)]
        (tmp_path / ".codex").rename(codex.root)  # a disk that is not there today
        with pytest.raises(UsageError, match="the sample is not mixed"):
            Build(by_default).__enter__()
        assert ask(home, "SELECT lines, state FROM raw_sources") == [(6, "present")]

    def test_what_was_deleted_is_built_anew(self, codex: Codex, home: Path) -> None:
        codex.write(1, 5)
        run_build(home, codex.root)
        before = published(home)
        shutil.rmtree(home / "lake" / "builds")
        assert run_build(home, codex.root)
        assert published(home) == before

    @pytest.mark.parametrize("grows", [False, True])
    def test_rows_of_an_older_contract_lack_what_it_did_not_know(
        self, codex: Codex, home: Path, models: Path, grows: bool
    ) -> None:
        gone = codex.write(1, 5)
        other = codex.write(2, 5)
        run_build(home, codex.root)
        gone.unlink()
        (part,) = Lake(home).part_files(Lake(home).manifest(), "parsed_usage")
        table = pq.ParquetFile(part).read()
        pq.write_table(table.drop_columns(["context_window", "total_output_tokens"]), part)
        if grows:
            append(other, body(2, 6))
        model = models / "session" / "sources_read.sql"
        model.write_text(model.read_text() + "WHERE lines > 0\n")
        run_build(home, codex.root)
        known = ask(
            home,
            "SELECT last_output_tokens, total_output_tokens FROM parsed_usage ORDER BY line_number",
        )
        assert known == [(1, None)] * 4 + [(1, 6)] * grows

    def test_an_older_build_can_be_made_current(self, codex: Codex, home: Path) -> None:
        path = codex.write(1, 5)
        run_build(home, codex.root)
        old = record(home)
        append(path, body(2, 6))
        run_build(home, codex.root)
        current = home / "lake" / "current"
        current.unlink()
        current.symlink_to(Path("builds") / old.id)
        assert record(home) == old
        assert run_build(home, codex.root)  # the lake is ahead of it
        assert record(home).generation == 2

    def test_a_failed_check_keeps_the_last_build(
        self, codex: Codex, home: Path, models: Path
    ) -> None:
        path = codex.write(1, 5)
        run_build(home, codex.root)
        first, before = record(home), published(home)
        model = models / "session" / "sources_read.sql"
        good = model.read_text()
        model.write_text(good + "UNION ALL\nSELECT source_id, lines, generation FROM raw_sources\n")
        append(path, body(2, 6))
        with pytest.raises(BuildError, match=r"checks failed.*sources_read.*key_is_unique"):
            run_build(home, codex.root)
        assert (record(home), published(home)) == (first, before)
        assert not list((home / "lake/builds").glob("*.partial"))
        model.write_text(good)
        assert run_build(home, codex.root)
        assert ask(home, "SELECT lines FROM sources_read") == [(8,)]
        assert leftovers(home) == []

    def test_another_builder_is_told_who_builds(self, codex: Codex, home: Path) -> None:
        codex.write(1, 5)
        with (
            Build(settings(home, codex.root)),
            pytest.raises(
                LakeLockedError, match=rf"another build is running.*process {os.getpid()}"
            ),
        ):
            run_build(home, codex.root)
        assert run_build(home, codex.root)

    def test_a_scan_that_fails_frees_the_lock(
        self, codex: Codex, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(build, "scan", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                run_build(home, codex.root)
        assert run_build(home, codex.root)
        with pytest.raises(SettingsError, match="is not there"):
            run_build(home, codex.root / "nowhere")

    def test_odd_files_end_well_and_are_told(self, codex: Codex, home: Path) -> None:
        codex.path(1).write_bytes(b"")
        codex.path(2).write_bytes(os.urandom(100_000))
        codex.path(3).with_suffix(".jsonl.zst").write_bytes(compressed(body(50))[:-9])
        codex.path(4).symlink_to(codex.path(4))
        codex.write(5, 5)
        with Build(settings(home, codex.root)) as work:
            build.run(work)
            assert work.ingested is not None
            assert sorted(error for _, error in work.ingested.problems) == [
                "Too many levels of symbolic links",
                DAMAGED,
            ]
        assert ask(home, "SELECT state, count(*) FROM raw_sources GROUP BY state ORDER BY 1") == [
            ("present", 3),
            ("unreadable", 1),
        ]

    def test_no_sessions_at_all(self, codex: Codex, home: Path) -> None:
        assert run_build(home, codex.root)
        assert ask(home, "SELECT count(*) FROM raw_lines") == [(0,)]
        assert not run_build(home, codex.root)

    def test_a_home_whose_name_needs_care(self, codex: Codex, tmp_path: Path) -> None:
        home = tmp_path / 'it\'s a "home" — ü'
        codex.write(1, 5)
        assert run_build(home, codex.root)
        assert record(home).rows["raw_lines"] == 6


# --- who may read it ------------------------------------------------------------------------------


@pytest.mark.usefixtures("models")
def test_all_that_is_written_is_private(codex: Codex, home: Path) -> None:
    before = os.umask(0o022)
    try:
        path = codex.write(1, 5)
        run_build(home, codex.root)
        append(path, body(2, 6))
        run_build(home, codex.root)
        assert os.umask(0o022) == 0o022  # put back for whatever runs in this process
    finally:
        os.umask(before)
    everything = [home, *home.rglob("*")]
    assert {"secret", "lock", "manifest.json", "warehouse.duckdb", "build.json"} <= {
        path.name for path in everything
    }
    for path in everything:
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_thread_that_lost_lines_is_named_and_can_be_accepted(
    recordings: Path, codex: Codex, home: Path
) -> None:
    (source,) = (recordings / "as_rl_multi" / "codex_home").rglob("rollout-*.jsonl")
    lines = source.read_bytes().splitlines(keepends=True)
    spent = [n for n, line in enumerate(lines) if b'"token_usage_record"' in line]
    path = codex.sessions / source.name
    path.write_bytes(b"".join(lines[: spent[1]] + lines[spent[1] + 1 :]))
    thread = source.stem[-36:]
    with pytest.raises(BuildError, match=f"law 1.*1 violations .*{thread}.*`accepted_threads`"):
        run_build(home, codex.root)
    accepting = settings(home, codex.root).model_copy(update={"accepted_threads": [thread]})
    with Build(accepting) as work:
        build.run(work)
    assert ask(home, "SELECT session_id, keeps_law_1 FROM reconciliation") == [(thread, False)]


# --- nothing else decides rows --------------------------------------------------------------------


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """Real sessions of many kinds, with a copy and a torn file."""
    root = tmp_path_factory.mktemp("team")
    for name in ("as_multi_legacy", "as_agents_v2", "as_goals", "exec_models", "old_0.80.0"):
        shutil.copytree(recordings / name / "codex_home", root / name)
    first, second, *_ = sorted(root.rglob("rollout-*.jsonl"))
    shutil.copy2(first, root / first.name)
    append(second, body(1)[:50])
    return root


def without_generation(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Published rows but for when each source changed last."""
    tables = published(home)
    names = [row[0] for row in ask(home, "DESCRIBE raw_sources")]
    at = names.index("generation")
    tables["raw_sources"] = [row[:at] + row[at + 1 :] for row in tables["raw_sources"]]
    return tables


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, team: Path) -> Path:
    """The home of a build of all files at once, in one process."""
    home = tmp_path_factory.mktemp("expected")
    run_build(home, team)
    assert record(home).rows["usage"] > 50
    return home


def same_secret(expected: Path, home: Path) -> None:
    home.mkdir(parents=True)
    shutil.copy2(expected / "secret", home)


def assert_same(home: Path, expected: Path) -> None:
    ours, theirs = without_generation(home), without_generation(expected)
    assert ours.keys() == theirs.keys()
    for name, rows in theirs.items():
        assert ours[name] == rows, name


@pytest.mark.slow
def test_the_same_tables_from_four_workers(
    team: Path, home: Path, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "INLINE_BYTES", -1)
    monkeypatch.setattr(ingest, "SPLIT_BYTES", 50_000)
    monkeypatch.setattr(ingest, "TASK_BYTES", 70_000)
    # models on four threads, then several at a time
    monkeypatch.setattr(publish, "LARGE_ROWS", 1)
    monkeypatch.setattr(publish, "THREAD_BYTES", 1)
    same_secret(expected, home)
    run_build(home, team, jobs=4)
    assert_same(home, expected)
    monkeypatch.setattr(publish, "LARGE_ROWS", 10**9)
    shutil.rmtree(home / "lake" / "builds")
    run_build(home, team, jobs=4)
    assert_same(home, expected)


@pytest.mark.slow
def test_the_same_tables_from_a_shuffled_list(
    team: Path, home: Path, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(KINDS["codex"])
    discover = kind.discover

    def shuffled(self: Any, root: Path, label: str | None) -> Iterator[Any]:
        found = list(discover(self, root, label))
        random.Random(5).shuffle(found)
        return iter(found)

    monkeypatch.setattr(kind, "discover", shuffled)
    same_secret(expected, home)
    run_build(home, team)
    assert_same(home, expected)


@pytest.mark.slow
def test_the_same_tables_from_files_that_grew_in_three_steps(
    team: Path, home: Path, expected: Path
) -> None:
    same_secret(expected, home)
    files = [(p, p.read_bytes(), p.stat()) for p in sorted(team.rglob("rollout-*.jsonl"))]
    for step in range(1, 4):
        for number, (path, content, status) in enumerate(files):
            end = len(content) * step // 3 - (0 if step == 3 else 11 * number % 90)
            path.write_bytes(content[:end])
            time = status.st_mtime_ns - (3 - step) * 1_000_000_000
            os.utime(path, ns=(time, time))
        run_build(home, team)
    assert record(home).generation == 3
    assert_same(home, expected)
