"""Builds that continue the live one: nothing differs from a build from the beginning."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest

import warehouse.models
from tests.e2e.builds import published, use_models
from tests.helpers import Codex, append, body, compressed, rollout
from warehouse import build, pricing, publish, resources
from warehouse.build import Build
from warehouse.builds import DATABASE, current_build
from warehouse.carryover import MOST_CONTINUED, TABLES, Tables
from warehouse.lake import MOST_PARTS, Lake
from warehouse.publish import PublishError
from warehouse.settings import Settings, SourceSetting

WEEKS = ("2026-03-04", "2026-03-11", "2026-03-18")

LINES_READ = """/*
description: Lines of each source
grain: one row per source
key: [source_id]
columns: [source_id, lines]
scope: global
internal: true
*/
SELECT
    source_id,
    count(*) AS lines
FROM raw_lines
GROUP BY source_id
"""
SOURCES_SEEN = """/*
description: Lines of each source, by those that were read
grain: one row per source
key: [source_id]
columns: [source_id, lines]
scope: global
*/
SELECT
    source_id,
    lines
FROM lines_read
"""
LEDGERS_SEEN = """/*
description: Events of each ledger
grain: one row per ledger
key: [source_id]
columns: [source_id, lines]
scope: global
*/
SELECT
    source_id,
    count(*) AS lines
FROM parsed_ledger_events
GROUP BY source_id
"""


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    """A session in each of three weeks."""
    codex = Codex(tmp_path / "codex")
    for number, day in enumerate(WEEKS, 1):
        codex.write(number, 5 * number, day)
    return codex


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_text('{"kind": "odd"}\n')
    return path


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model over an internal one over lines, and one over ledgers."""
    monkeypatch.setattr(resources, "sql_folder", resources.sql_folder)  # put back afterwards
    folder = tmp_path / "sql"
    use_models(folder)
    for name, sql in (
        ("lines_read", LINES_READ),
        ("sources_seen", SOURCES_SEEN),
        ("ledgers_seen", LEDGERS_SEEN),
    ):
        (folder / "session" / f"{name}.sql").write_text(sql)
    # what is the same for all builds is left out or made once
    monkeypatch.setattr(publish, "comment", lambda tables, connection: None)
    rates = pricing.rates_table(None)
    monkeypatch.setattr(pricing, "rates_table", lambda override: rates)
    return folder


@pytest.fixture
def sync(codex: Codex, home: Path, ledger: Path) -> Callable[..., Build]:
    """Build all sources into a home; the Build tells what it did."""

    def run(into: Path = home, verify: bool = False) -> Build:
        sources = [
            SourceSetting(kind="codex", path=str(codex.root)),
            SourceSetting(kind="ledger", path=str(ledger)),
        ]
        settings = Settings(home=into, sources=sources, jobs=1, timezone="UTC")
        with Build(settings, verify=verify) as work:
            build.run(work)
        return work

    return run


def kept(work: Build, *tables: str) -> list[bool]:
    return [work.stats(table).is_kept for table in tables]


def assert_as_from_the_beginning(sync: Callable[..., Build], home: Path) -> None:
    """All rows of all tables, in their order, are those of a build into an empty home."""
    fresh = home.with_name("fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    shutil.copy2(home / "secret", fresh)
    sync(fresh)
    ours, theirs = published(home), published(fresh)
    assert ours.keys() == theirs.keys()
    for name in ours:
        if name in ("raw_sources", "sources_read"):  # they tell when a source changed last
            assert len(ours[name]) == len(theirs[name])
        else:
            assert ours[name] == theirs[name], name


def tables(home: Path) -> Tables:
    return msgspec.json.decode((home / "lake" / "current" / TABLES).read_bytes(), type=Tables)


@pytest.mark.usefixtures("models")
class TestWhatIsKept:
    def test_nothing_at_first(self, sync: Callable[..., Build], home: Path) -> None:
        work = sync()
        assert kept(work, "raw_lines", "rates", "sources_seen") == [False] * 3
        assert tables(home).continued == 0

    @pytest.mark.parametrize("week", range(3))
    def test_all_that_a_grown_session_does_not_touch(
        self, sync: Callable[..., Build], home: Path, codex: Codex, week: int
    ) -> None:
        sync()
        append(codex.path(week + 1, WEEKS[week]), body(4, 50))
        work = sync()
        assert kept(work, "raw_lines", "parsed_usage", "sources_seen") == [False] * 3
        assert kept(work, "parsed_ledger_events", "parsed_patches", "rates") == [True] * 3
        assert kept(work, "ledgers_seen") == [True]
        assert tables(home).continued == 1
        assert_as_from_the_beginning(sync, home)

    def test_all_sessions_when_a_ledger_grew(
        self, sync: Callable[..., Build], home: Path, ledger: Path
    ) -> None:
        sync()
        append(ledger, b'{"kind": "odder"}\n')
        work = sync()
        assert kept(work, "parsed_usage", "parsed_messages") == [True] * 2
        assert kept(work, "raw_lines", "sources_seen", "lines_read") == [False] * 3
        assert_as_from_the_beginning(sync, home)

    def test_internal_models_that_nothing_needs_are_not_run(
        self, sync: Callable[..., Build], home: Path, codex: Codex, models: Path
    ) -> None:
        internal = models / "session" / "ledgers_inside.sql"
        internal.write_text(LEDGERS_SEEN.replace("*/", "internal: true\n*/", 1))
        outer = models / "session" / "ledgers_seen.sql"
        outer.write_text(LEDGERS_SEEN.replace("parsed_ledger_events", "ledgers_inside"))
        sync()
        append(codex.path(1, WEEKS[0]), body(1, 50))
        assert kept(sync(), "ledgers_inside", "ledgers_seen") == [True, True]
        assert_as_from_the_beginning(sync, home)

    def test_internal_models_that_are_the_same_are_run_for_one_that_is_not(
        self, sync: Callable[..., Build], home: Path, codex: Codex, models: Path
    ) -> None:
        for name in ("ledgers_inside", "ledgers_further_inside"):
            internal = LEDGERS_SEEN.replace("*/", "internal: true\n*/", 1)
            (models / "session" / f"{name}.sql").write_text(internal)
        outside = models / "session" / "ledgers_inside.sql"
        outside.write_text(
            outside.read_text().replace("parsed_ledger_events", "ledgers_further_inside")
        )
        (models / "session" / "sources_seen.sql").write_text(
            SOURCES_SEEN + "UNION ALL SELECT '-' || source_id, lines FROM ledgers_inside\n"
        )
        sync()
        append(codex.path(1, WEEKS[0]), body(1, 50))
        assert kept(sync(), "ledgers_inside", "sources_seen") == [True, False]
        assert_as_from_the_beginning(sync, home)

    def test_readers_of_a_model_that_came_out_the_same(
        self, sync: Callable[..., Build], home: Path, codex: Codex, models: Path
    ) -> None:
        (models / "session" / "sources_inside.sql").write_text(
            LINES_READ.replace("raw_lines", "raw_sources")
        )
        for name, read in (("sources_known", "sources_inside"), ("sources_again", "sources_known")):
            (models / "session" / f"{name}.sql").write_text(
                SOURCES_SEEN.replace("lines_read", read)
            )
        names = ("sources_inside", "sources_known", "sources_again")
        sync()
        append(codex.path(1, WEEKS[0]), body(1, 50))
        assert kept(sync(), *names) == [False, True, True]
        assert_as_from_the_beginning(sync, home)
        codex.write(9, 4, WEEKS[0])
        assert kept(sync(), *names) == [False, False, False]
        assert_as_from_the_beginning(sync, home)

    def test_rows_of_a_session_that_was_written_anew_are_replaced(
        self, sync: Callable[..., Build], home: Path, codex: Codex
    ) -> None:
        sync()
        codex.path(2, WEEKS[1]).write_bytes(rollout(2, 3, cwd="/elsewhere"))
        sync()
        assert_as_from_the_beginning(sync, home)

    def test_a_new_session_of_a_new_week(
        self, sync: Callable[..., Build], home: Path, codex: Codex
    ) -> None:
        sync()
        codex.write(9, 4, "2026-02-01")
        sync()
        codex.write(10, 4, "2026-04-01")
        sync()
        assert tables(home).continued == 2
        assert_as_from_the_beginning(sync, home)

    def test_lines_of_a_ledger_that_follow_all_that_was_read(
        self, sync: Callable[..., Build], home: Path, ledger: Path, codex: Codex
    ) -> None:
        sync()
        for number in range(MOST_PARTS + 2):  # in further parts, merged once on the way
            append(ledger, b'{"kind": "odder"}\n' * (number + 1))
            if number % 5 == 1:
                append(codex.path(1, WEEKS[0]), body(1, 50))
            sync()
            assert len(Lake(home).manifest().parts["parsed_ledger_events"]) <= MOST_PARTS
            if number % 4 == 1:
                assert_as_from_the_beginning(sync, home)
        assert tables(home).continued == MOST_PARTS + 2
        assert_as_from_the_beginning(sync, home)

    def test_what_models_read(
        self, sync: Callable[..., Build], codex: Codex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = {model.name: model.references for model in sync().models}
        append(codex.path(1, WEEKS[0]), body(1, 50))
        monkeypatch.setattr(warehouse.models, "_references", None)  # nothing is parsed again
        assert {model.name: model.references for model in sync().models} == first
        with pytest.raises(TypeError):
            sync(verify=True)

    def test_outcomes_of_checks_and_copies_for_other_readers(
        self, sync: Callable[..., Build], home: Path, codex: Codex
    ) -> None:
        first = sync()
        copies = sorted(path.name for path in (home / "lake" / "current" / "session").iterdir())
        assert "ledgers_seen.parquet" in copies
        append(codex.path(1, WEEKS[0]), body(1, 50))
        second = sync()
        assert second.checks("ledgers_seen") == first.checks("ledgers_seen")
        assert copies == sorted(p.name for p in (home / "lake" / "current" / "session").iterdir())

    def test_a_warning_stays(
        self, sync: Callable[..., Build], home: Path, codex: Codex, ledger: Path
    ) -> None:
        ledger.write_text("no JSON at all\n")
        sync()
        before = current_build(Lake(home))
        append(codex.path(1, WEEKS[0]), body(1, 50))
        sync()
        after = current_build(Lake(home))
        assert before is not None
        assert after is not None
        assert len(before.warnings) == len(after.warnings) == 1


@pytest.mark.usefixtures("models")
class TestMadeAnew:
    """What cannot be trusted is not continued."""

    @pytest.fixture
    def grown(self, models: Path, sync: Callable[..., Build], codex: Codex) -> None:
        """A build that could be continued. `models` is named, since it must come first."""
        sync()
        append(codex.path(1, WEEKS[0]), body(1, 50))

    def assert_anew(self, sync: Callable[..., Build], home: Path, verify: bool = False) -> None:
        assert kept(sync(verify=verify), "rates", "ledgers_seen") == [False, False]
        assert tables(home).continued == 0
        assert_as_from_the_beginning(sync, home)

    @pytest.mark.usefixtures("grown")
    def test_with_verify(self, sync: Callable[..., Build], home: Path) -> None:
        self.assert_anew(sync, home, verify=True)

    @pytest.mark.parametrize("verify", [False, True])
    def test_verify_where_nothing_changed(
        self, sync: Callable[..., Build], home: Path, verify: bool
    ) -> None:
        """A published file may be damaged although all that it was made of is as it was."""
        settings = sync().settings
        with Build(settings, verify=verify) as work:
            assert work.is_up_to_date() is not verify

    @pytest.mark.usefixtures("grown")
    def test_other_code(self, sync: Callable[..., Build], home: Path, models: Path) -> None:
        model = models / "session" / "sources_seen.sql"
        model.write_text(model.read_text() + "WHERE lines > 5\n")
        self.assert_anew(sync, home)

    @pytest.mark.usefixtures("grown")
    @pytest.mark.parametrize("file", [DATABASE, TABLES])
    def test_a_damaged_live_build(self, sync: Callable[..., Build], home: Path, file: str) -> None:
        path = home / "lake" / "current" / file
        path.write_bytes(b"\0" * 100)
        self.assert_anew(sync, home)

    def test_a_lake_put_back_to_an_older_state(
        self, sync: Callable[..., Build], home: Path, codex: Codex
    ) -> None:
        sync()
        saved = home.with_name("saved")
        shutil.copytree(home, saved, symlinks=True)
        path = codex.write(9, 3, WEEKS[2])
        sync()
        for name in ("manifest.json", "sources-1.msgpack", "raw", "parsed"):
            if (home / "lake" / name).is_dir():
                shutil.rmtree(home / "lake" / name)
            shutil.move(saved / "lake" / name, home / "lake" / name)
        path.write_bytes(rollout(8, 3))  # other rows, in parts of the same names
        self.assert_anew(sync, home)

    def test_a_damaged_block_of_the_live_build(
        self, sync: Callable[..., Build], home: Path, codex: Codex
    ) -> None:
        """Found where its rows are read; until all is made anew, builds say so."""
        codex.write(9, 9_000, WEEKS[0])
        sync()
        path = home / "lake" / "current" / DATABASE
        with duckdb.connect(path, read_only=True) as connection:
            ((block,),) = connection.execute(
                "SELECT max(block_id) FROM pragma_storage_info('raw_lines') "
                "WHERE column_name = 'line_number'"
            ).fetchall()
        content = bytearray(path.read_bytes())
        place = 3 * 4096 + block * (1 << 18) + 5000  # the headers, blocks, and into this one
        content[place : place + 100] = b"\x55" * 100
        path.write_bytes(content)
        codex.write(10, 3, WEEKS[2])
        for _ in range(2):
            with pytest.raises(PublishError, match=r"warehouse\.duckdb.* is damaged; .*--verify"):
                sync()
        self.assert_anew(sync, home, verify=True)

    @pytest.mark.usefixtures("grown")
    def test_a_home_copied_by_what_follows_links(
        self, sync: Callable[..., Build], home: Path
    ) -> None:
        live = home / "lake" / "current"
        folder = live.resolve()
        live.unlink()
        shutil.copytree(folder, live)
        sync()
        assert live.is_symlink()
        assert_as_from_the_beginning(sync, home)

    @pytest.mark.usefixtures("grown")
    def test_a_copy_for_other_readers_that_is_gone(
        self, sync: Callable[..., Build], home: Path
    ) -> None:
        copy = home / "lake" / "current" / "session" / "ledgers_seen.parquet"
        whole = pq.read_table(copy)
        copy.unlink()
        assert kept(sync(), "ledgers_seen") == [True]
        assert pq.read_table(copy).equals(whole)

    @pytest.mark.usefixtures("grown")
    def test_after_many_that_were_continued(self, sync: Callable[..., Build], home: Path) -> None:
        path = home / "lake" / "current" / TABLES
        path.write_bytes(
            msgspec.json.encode(msgspec.structs.replace(tables(home), continued=MOST_CONTINUED))
        )
        self.assert_anew(sync, home)


class TestSample:
    """The real models: what only one kind of source grew leaves those of the other kinds alone."""

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Path:
        folder = tmp_path / "sample"
        shutil.copytree(Path(__file__).parents[2] / "data" / "sample", folder)
        return folder

    @pytest.fixture
    def sync(self, sample: Path, home: Path) -> Callable[..., Build]:
        def run(into: Path = home) -> Build:
            sources = [
                SourceSetting(kind="codex", path=str(sample)),
                SourceSetting(kind="ledger", path=str(sample)),
            ]
            settings = Settings(home=into, sources=sources, jobs=1, timezone="UTC")
            with Build(settings) as work:
                build.run(work)
            return work

        return run

    @staticmethod
    def made(work: Build) -> set[str]:
        """Models that were made anew."""
        return {m.name for m in work.models if not work.stats(m.name).is_kept}

    def test_sources_leave_models_of_others_alone(
        self, sync: Callable[..., Build], sample: Path, home: Path
    ) -> None:
        sync()
        rollouts = sample / "sessions"
        append(max(rollouts.rglob("*.jsonl")), body(4, 50))
        made = self.made(sync())
        assert {"usage", "sessions", "events"} <= made
        assert not {"goals", "attempts", "goal_history", "effective_goals", "summary"} & made
        assert_as_from_the_beginning(sync, home)

        ledger = sample / "metrics" / "events.ndjson"
        append(ledger, ledger.read_bytes().splitlines(keepends=True)[0])
        made = self.made(sync())
        assert {"goal_history", "goals", "attempts"} <= made
        assert not {"usage", "tool_calls", "events", "rate_limits", "threads", "turns"} & made
        assert_as_from_the_beginning(sync, home)


class Changes:
    """What happens to real sessions and a ledger, at random."""

    def __init__(self, root: Path, recordings: Path, events: bytes) -> None:
        self._random = random.Random(7)
        self._whole = {
            path.name: path
            for name in ("as_multi_legacy", "as_agents_v2", "as_goals", "old_0.80.0")
            for path in (recordings / name / "codex_home").rglob("rollout-*.jsonl")
        }
        self._events = events.splitlines(keepends=True)
        self.codex = Codex(root / "codex")
        self.ledger = root / "events.ndjson"
        self.ledger.touch()

    def happen(self, what: str) -> None:
        files = sorted(self.codex.sessions.rglob("*.jsonl"))
        file = self._random.choice(files) if files else None
        if what == "ledger":
            done = self.ledger.read_bytes().count(b"\n")
            append(self.ledger, b"".join(self._events[done : done + 9]))
        elif what == "new" or file is None:
            name = self._random.choice(sorted(self._whole))
            content = self._whole[name].read_bytes()
            folder = self.codex.sessions / name[8:18].replace("-", "/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content[: len(content) * 2 // 3])
        elif what == "grow":
            content = self._whole[file.name].read_bytes()
            file.write_bytes(content[: file.stat().st_size + self._random.randrange(9_000)])
        elif what == "cut":
            file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:9]))
        elif what == "archive":
            shutil.move(file, self.codex.archived / file.name)
        elif what == "compress":
            file.with_name(f"{file.name}.zst").write_bytes(compressed(file.read_bytes()))
            file.unlink()
        elif what == "delete":
            file.unlink()


@pytest.mark.slow
def test_whatever_happens_the_tables_are_those_of_a_build_from_the_beginning(
    tmp_path: Path, recordings: Path
) -> None:
    events = (resources.sample_folder() / "metrics" / "events.ndjson").read_bytes()
    changes = Changes(tmp_path, recordings, events)
    home = tmp_path / "home"
    settings = Settings(
        home=home,
        sources=[
            SourceSetting(kind="codex", path=str(changes.codex.root)),
            SourceSetting(kind="ledger", path=str(changes.ledger)),
        ],
        jobs=2,
        timezone="UTC",
    )
    for happened in (
        ["new"] * 6,
        ["ledger", "grow"],
        ["grow", "new", "archive"],
        ["ledger"],
        ["cut", "compress"],
        ["grow", "delete", "ledger"],
    ):
        for what in happened:
            changes.happen(what)
        with Build(settings) as work:
            build.run(work)
    assert tables(home).continued == 5
    continued = published(home)
    shutil.rmtree(home / "lake" / "builds")
    with Build(settings) as work:
        build.run(work)
    assert tables(home).continued == 0
    anew = published(home)
    assert continued.keys() == anew.keys()
    for name, rows in anew.items():
        assert continued[name] == rows, name
