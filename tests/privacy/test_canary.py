"""Nothing that anybody wrote appears in what a build leaves, and under strict privacy no place.

Belongs here: whole builds by the command line, and a search of all they leave and print.
Does not belong here: how the canary is planted (canary.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest

from tests.helpers import Warehouse, compressed
from tests.privacy.canary import CONTENT, PLACE, make_home, make_streams, places_of
from warehouse.builds import database_path
from warehouse.contracts import lake_tables
from warehouse.lake import Lake
from warehouse.scanning import Root

ROOT = Path(__file__).parents[2]
CREDENTIALS = "me:pass@"


@pytest.fixture(scope="module")
def codex_home(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """Not to be changed."""
    return make_home(tmp_path_factory.mktemp("canary"), recordings)


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_no_text_reaches_the_lake(mode: str, codex_home: Path, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "home", [Root("codex", codex_home, None)], mode)
    step = warehouse.sync()
    assert step.problems == []
    assert step.work[1] > 5_000
    assert places_of(CONTENT, warehouse.home) == {}
    assert places_of(CREDENTIALS, warehouse.home) == {}
    # what the canary could have hidden in was read
    for table in ("parsed_threads", "parsed_thread_goals", "parsed_session_index"):
        assert warehouse.rows(table, "thread_id")
    rules = {rule for (rule,) in warehouse.rows("parsed_rejects", "rule")}
    assert {"not_json", "bad_field", "not_an_envelope"} <= rules
    if mode == "strict":
        assert places_of(PLACE, warehouse.home) == {}


def test_the_search_finds_what_is_there(codex_home: Path, tmp_path: Path) -> None:
    """Standard privacy keeps places: in Parquet and in the registry, in known columns only."""
    warehouse = Warehouse(tmp_path / "home", [Root("codex", codex_home, None)], "standard")
    warehouse.sync()
    found = places_of(PLACE, warehouse.home)
    columns = {place for place in found if ":" in place}
    assert columns == {
        f"{table.name}:{column.name}"
        for table in lake_tables().values()
        for column in table.columns
        if column.strict and f"{table.name}:{column.name}" in columns
    }
    assert {"raw_sources:path", "parsed_session_meta:cwd", "parsed_threads:rollout_path"} <= columns
    assert any(place.endswith(".msgpack") for place in found)


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_no_text_of_a_stream_reaches_the_lake(mode: str, streams: Path, tmp_path: Path) -> None:
    folders = make_streams(tmp_path / "captures", streams)
    roots = [Root(kind, folder, None) for kind, folder in folders.items()]
    warehouse = Warehouse(tmp_path / "home", roots, mode)
    step = warehouse.sync()
    assert step.problems == []
    assert step.work[1] > 5_000
    assert places_of(CONTENT, warehouse.home) == {}
    # what the canary could have hidden in was read
    rules = {rule for (rule,) in warehouse.rows("parsed_rejects", "rule")}
    assert {"not_json", "not_an_event"} <= rules
    sizes = [size for (size,) in warehouse.rows("parsed_app_server", "text_bytes") if size]
    assert min(sizes) >= len(CONTENT)
    assert any(not known for (known,) in warehouse.rows("parsed_analytics", "is_known"))
    assert warehouse.rows("parsed_status", "thread_id")
    if mode == "strict":
        cwds = [cwd for (cwd,) in warehouse.rows("parsed_app_threads", "cwd") if cwd]
        assert cwds
        assert places_of("/home/dev", warehouse.home) == {}


# --- whole builds -----------------------------------------------------------------------------


class Rollhouse:
    """The command line, run by a user without settings under one privacy mode."""

    def __init__(self, folder: Path, home: Path, mode: str) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ROLLHOUSE_", "DAGSTER_", "CODEX_"))
        }
        self._folder = folder
        self._home = home
        self._environment = kept | {
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "ROLLHOUSE_PRIVACY": mode,
        }

    def __call__(self, *arguments: object) -> str:
        """What it prints to both streams."""
        done = subprocess.run(
            [sys.executable, "-m", "warehouse", *map(str, arguments), "--home", str(self._home)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def answers(self) -> str:
        """All that the commands tell which only read."""
        return "".join(
            self(*question)
            for question in (
                ("summary",),
                ("status", "--json"),
                ("query", "SELECT * FROM raw_sources", "--format", "json"),
                ("report",),
            )
        )


@dataclass(frozen=True)
class Built:
    """A home, what its build printed, and what its warehouse answers."""

    home: Path
    printed: str
    answered: str
    sessions: int
    missing: int


def build(folder: Path, home: Path, source: Path, mode: str) -> Built:
    rollhouse = Rollhouse(folder, home, mode)
    printed = rollhouse("build", "--source", f"codex:{source}")
    with duckdb.connect(str(database_path(Lake(home))), read_only=True) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM sessions), "
            "(SELECT count(*) FROM raw_sources WHERE state = 'missing')"
        ).fetchone()
    assert row is not None
    return Built(home, printed, rollhouse.answers(), *row)


@pytest.fixture(scope="module")
def built(codex_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """A standard build, and a strict one of the same home after some of its sources went."""
    folder = tmp_path_factory.mktemp("builds")
    shutil.copytree(codex_home.parent, folder / PLACE)
    source = folder / PLACE / "codex"
    # files that cannot be read make errors, which must not quote them
    packed = compressed(f'{{"text":"{CONTENT}"}}\n'.encode() * 1000)[:-20]
    (source / "sessions/rollout-2026-03-05T00-00-00-damaged.jsonl.zst").write_bytes(packed)
    (source / "state_6.sqlite").write_bytes(CONTENT.encode() * 1000)
    standard = build(folder, folder / "home", source, "standard")
    shutil.copytree(folder / "home", folder / "standard", symlinks=True)
    files = sorted((source / "sessions").rglob("rollout-2026-11*.jsonl"))
    for path in files[:5]:
        path.unlink()
    files[6].rename(files[6].with_name(files[6].name + ".zst"))  # it is not compressed at all
    (source / "state_5.sqlite").write_bytes(b"no database" * 1000)
    strict = build(folder, folder / "home", source, "strict")
    return {"standard": replace(standard, home=folder / "standard"), "strict": strict}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_nothing_of_a_whole_build_tells_a_text(mode: str, built: dict[str, Built]) -> None:
    done = built[mode]
    assert done.printed.count("the file is damaged or incomplete") >= 2
    assert len(done.answered) > 10_000
    for text in (CONTENT, CREDENTIALS):
        assert text not in done.printed + done.answered
        assert places_of(text, done.home) == {}


@pytest.mark.slow
def test_strict_privacy_takes_back_what_standard_told(built: dict[str, Built]) -> None:
    """Of sources that are there, that are gone, and that cannot be read any more."""
    standard, strict = built["standard"], built["strict"]
    assert PLACE in standard.answered
    assert places_of(PLACE, standard.home)
    assert (standard.missing, strict.missing) == (0, 5)
    assert strict.sessions == standard.sessions > 50
    # who runs a build is told which file cannot be read; it is written nowhere
    assert PLACE not in strict.answered
    assert places_of(PLACE, strict.home) == {}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_all_files_are_their_owners_alone(mode: str, built: dict[str, Built]) -> None:
    home = built[mode].home
    assert [
        str(path.relative_to(home))
        for path in (home, *home.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ] == []
