"""The fast event log stores what Dagster's own stores, and lets others write meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterEventType, DagsterInstance
from dagster._core.storage.event_log import SqliteEventLogStorage

from pipelines.instance import dagster_home
from pipelines.run import run_build
from warehouse import checks
from warehouse.build import Build, Progress
from warehouse.settings import Settings


class AtDerived(Progress):
    """Does something when the layer derived begins."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def stage(self, name: str) -> None:
        if name == "derived":
            self._action()


def content(file: Path) -> dict[str, Any]:
    """Schema and rows of a database, but for the times at which rows were written."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        schema = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name")
        found: dict[str, Any] = {"schema": [tuple(row) for row in schema]}
        for kind, table, _ in found["schema"]:
            if kind == "table":
                rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
                for row in rows:
                    row.pop("create_timestamp", None)
                    row.pop("migration_completed", None)
                found[table] = rows
    return found


def test_what_is_stored_is_what_dagster_stores(
    settings: Settings, small_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "REJECTED_SHARE_WARNING", -1.0)  # a check that fails
    for _ in range(2):  # the second time, assets are known
        with Build(settings) as build:
            run_build(build)
    theirs = SqliteEventLogStorage(str(tmp_path / "theirs"))
    with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        for run in reversed(instance.get_runs()):
            for entry in instance.all_logs(run.run_id):
                theirs.store_event(entry)
    stored = {
        folder: {file.name: content(file) for file in folder.glob("*.db")}
        for folder in (tmp_path / "theirs", dagster_home(settings) / "history" / "runs")
    }
    expected, found = stored.values()
    assert len(expected) == 3
    outcomes = [row["execution_status"] for row in expected["index.db"]["asset_check_executions"]]
    assert (len(outcomes) > 50, set(outcomes)) == (True, {"SUCCEEDED", "FAILED"})
    assert found == expected


def test_while_a_stage_works_others_read_what_was_made_and_may_write(
    settings: Settings, small_models: Path
) -> None:
    free = set()

    def look() -> None:
        home = dagster_home(settings)
        for file in home.rglob("*.db"):
            with closing(sqlite3.connect(file, timeout=0)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                free.add(file.stem)
        with DagsterInstance.from_config(str(home)) as instance:
            (run,) = instance.get_runs()
            assert instance.get_latest_materialization_event(AssetKey("sessions")) is not None
            events = {
                record.dagster_event.event_type
                for record in instance.all_logs(run.run_id)
                if record.dagster_event is not None and record.step_key == "derived"
            }
        assert DagsterEventType.STEP_START in events
        assert DagsterEventType.ASSET_MATERIALIZATION_PLANNED in events
        assert DagsterEventType.ASSET_MATERIALIZATION not in events
        assert free >= {"index", "runs", run.run_id}

    with Build(settings, AtDerived(look)) as build:
        run_build(build)
    assert free
