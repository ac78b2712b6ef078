"""`rollhouse build` as a run: recorded whole, quiet, and failing as the command line expects."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus
from sqlalchemy.exc import PendingRollbackError

from pipelines.definitions import defs
from pipelines.instance import dagster_home, forget_old_runs, open_instance
from pipelines.run import run_build
from warehouse import carryover, checks
from warehouse.build import Build, BuildError, Outcome, Progress
from warehouse.builds import current_build, database_path
from warehouse.lake import Lake, LakeError
from warehouse.settings import Settings


def build(settings: Settings, progress: Progress | None = None) -> Outcome:
    with Build(settings, progress) as work:
        return run_build(work)


def instance_of(settings: Settings) -> DagsterInstance:
    """The instance as the UI opens it, with Dagster's own storage."""
    return DagsterInstance.from_config(str(dagster_home(settings)))


def only_run(instance: DagsterInstance) -> dg.DagsterRun:
    (run,) = instance.get_runs()
    return run


def metadata(instance: DagsterInstance, table: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(AssetKey(table))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def table_metadata(instance: DagsterInstance, table: str, name: str) -> list[dict[str, Any]]:
    event = instance.get_latest_materialization_event(AssetKey(table))
    assert event is not None
    assert event.asset_materialization is not None
    value = event.asset_materialization.metadata[name]
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


class AtStage(Progress):
    """Does something when a stage begins."""

    def __init__(self, name: str, action: Any) -> None:
        self._name = name
        self._action = action

    def stage(self, name: str) -> None:
        if name == self._name:
            self._action()


def test_real_models_are_recorded_as_they_were_made(settings: Settings) -> None:
    outcome = build(settings)
    assert outcome.record is not None
    with instance_of(settings) as instance:
        run = only_run(instance)
        assert (run.job_name, run.status) == ("nightly", DagsterRunStatus.SUCCESS)
        rows = outcome.record.rows
        assert {table: metadata(instance, table)["dagster/row_count"] for table in rows} == rows
        made = metadata(instance, "warehouse_file")
        assert made["build"] == outcome.record.id
        assert made["bytes"] == database_path(Lake(settings.home)).stat().st_size
        read = metadata(instance, "raw_sources")
        assert outcome.ingested is not None
        assert read["bytes parsed"] == outcome.ingested.bytes_parsed
        assert read["files seen"] == outcome.plan.files
        recorded = {
            (event.asset_key.to_user_string(), event.check_name): event.passed
            for record in instance.all_logs(run.run_id)
            if record.dagster_event is not None
            and record.dagster_event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
            for event in [record.dagster_event.asset_check_evaluation_data]
        }
        covered = {
            (row["value"], row["covered"], row["total"])
            for row in table_metadata(instance, "derived_session_usage", "coverage")
        }
    assert recorded == {(check.table, check.name): check.passed for check in outcome.checks}
    with duckdb.connect(str(database_path(Lake(settings.home))), read_only=True) as connection:
        told = connection.execute(
            "SELECT 'total_tokens', sum(total_tokens_covered_responses), sum(responses) "
            "FROM derived_session_usage"
        ).fetchall()
    assert set(told) <= covered


def test_a_failed_warning_stops_nothing_and_a_failed_blocking_check_keeps_the_live_build(
    settings: Settings, small_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "REJECTED_SHARE_WARNING", -1.0)
    live = build(settings).record
    assert live is not None
    assert any(text.startswith("parsed_rejects: ") for text in live.warnings)
    honest = checks.check_model

    def failing(model: Any, connection: duckdb.DuckDBPyConnection) -> list[checks.Check]:
        return [
            checks.Check(check.name, check.table, False, "made to fail", check.is_blocking)
            if (check.table, check.name) == ("sessions", "key_is_unique")
            else check
            for check in honest(model, connection)
        ]

    monkeypatch.setattr(checks, "check_model", failing)
    monkeypatch.setattr(carryover, "MOST_CONTINUED", 0)  # so that all is checked again
    with pytest.raises(BuildError, match="sessions, key_is_unique: made to fail"):
        build(settings)
    after = current_build(Lake(settings.home))
    assert after is not None
    assert after.id == live.id
    with instance_of(settings) as instance:
        newest, first = instance.get_runs()
        assert first.status == DagsterRunStatus.SUCCESS
        assert newest.status == DagsterRunStatus.FAILURE
        assert metadata(instance, "warehouse_file")["build"] == live.id
        assert metadata(instance, "warehouse_file")["warnings"] == live.warnings
        steps = {stat.step_key: stat.status for stat in instance.get_run_step_stats(newest.run_id)}
    assert {name: status.value for name, status in steps.items() if status} == {
        "ingest": "SUCCESS",
        "session": "FAILURE",
    }


def test_an_error_of_a_stage_comes_through_as_it_is(
    settings: Settings, small_models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise LakeError("the disk is full")

    with pytest.raises(LakeError, match=r"^the disk is full$"):
        build(settings, AtStage("derived", fail))
    assert capfd.readouterr() == ("", "")
    with instance_of(settings) as instance:
        assert only_run(instance).status == DagsterRunStatus.FAILURE


def test_ctrl_c_comes_through_and_ends_the_run(settings: Settings, small_models: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(settings, AtStage("derived", lambda: signal.raise_signal(signal.SIGINT)))
    with instance_of(settings) as instance:
        assert only_run(instance).status == DagsterRunStatus.FAILURE
    assert current_build(Lake(settings.home)) is None


def test_a_full_disk_is_not_a_damaged_history(settings: Settings, small_models: Path) -> None:
    def find_no_room() -> None:
        try:
            raise sqlite3.OperationalError("database or disk is full")
        except sqlite3.OperationalError as problem:
            raise PendingRollbackError("Can't reconnect") from problem  # which is told last

    with pytest.raises(BuildError, match=f"the disk of {settings.home} is full") as raised:
        build(settings, AtStage("derived", find_no_room))
    assert "delete" not in str(raised.value)


def test_a_damaged_history_says_what_to_delete(settings: Settings, small_models: Path) -> None:
    history = dagster_home(settings) / "history" / "runs.db"
    history.parent.mkdir()
    history.write_bytes(b"no database" * 1000)
    with pytest.raises(BuildError, match="delete that folder") as raised:
        build(settings)
    assert str(dagster_home(settings)) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_runs_of_the_ui_enter_a_build_of_their_own(settings: Settings, small_models: Path) -> None:
    """A layer alone runs what it needs and publishes nothing; the lock is given back."""
    job = defs().resolve_implicit_global_asset_job_def()
    derived = [AssetKey("derived_tokens")]
    with open_instance(settings) as instance:
        with Lake(settings.home).lock():
            result = job.execute_in_process(
                instance=instance, asset_selection=derived, raise_on_error=False
            )
        assert not result.success
        assert "another build is running" in failures(instance, result.run_id)

        assert job.execute_in_process(instance=instance, asset_selection=derived).success
        assert metadata(instance, "derived_tokens")["dagster/row_count"] == 1
        assert instance.get_latest_materialization_event(AssetKey("sessions")) is None
        assert current_build(Lake(settings.home)) is None
        assert Lake(settings.home).manifest().generation == 1

        model = small_models / "derived" / "derived_tokens.sql"
        model.write_text(model.read_text(encoding="utf-8").replace("count(*)", "error('no')"))
        result = job.execute_in_process(
            instance=instance, asset_selection=derived, raise_on_error=False
        )
        assert not result.success
        assert "derived_tokens.sql" in failures(instance, result.run_id)
        with Lake(settings.home).lock():
            pass


def failures(instance: DagsterInstance, run_id: str) -> str:
    """What the failure events of a run say."""
    events = [record.dagster_event for record in instance.all_logs(run_id)]
    return " ".join(
        str(event.event_specific_data) for event in events if event and event.is_failure
    )


PROCESS = """
import os, signal, sys
from pathlib import Path
from warehouse import resources
from warehouse.build import Build, Progress
from warehouse.settings import load_settings

resources.sql_folder = lambda: Path(os.environ["MODELS"])

class Killed(Progress):
    def stage(self, name):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)

from pipelines.run import run_build
with Build(load_settings(), Killed()) as build:
    run_build(build)
"""


def build_in_a_process(models: Path, killed_at: str = "") -> subprocess.CompletedProcess[bytes]:
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-c", PROCESS, killed_at],
        env={**os.environ, "MODELS": str(models), "PYTHONPATH": path},
        capture_output=True,
    )


def test_a_killed_run_is_failed_by_the_next_build_and_forgotten_in_time(
    settings: Settings, small_models: Path
) -> None:
    killed = build_in_a_process(small_models, killed_at="derived")
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    with instance_of(settings) as instance:
        dead = only_run(instance)
        assert dead.status == DagsterRunStatus.STARTED
        assert metadata(instance, "sessions")["dagster/row_count"] > 0  # what it had made
    whole = build_in_a_process(small_models)
    # and nothing is printed: no events, no warnings
    assert (whole.returncode, whole.stdout, whole.stderr) == (0, b"", b"")
    with instance_of(settings) as instance:
        states = {run.run_id: run.status for run in instance.get_runs()}
        messages = [record.message for record in instance.all_logs(dead.run_id)]
    assert states.pop(dead.run_id) == DagsterRunStatus.FAILURE
    assert list(states.values()) == [DagsterRunStatus.SUCCESS]
    assert any("process of this run is gone" in message for message in messages)

    with open_instance(settings) as instance:
        (kept,) = states
        forget_old_runs(instance, keep=1)
        assert instance.get_run_ids() == [kept]
    files = {file.name: file for file in (settings.home / "dagster/history/runs").iterdir()}
    assert files.keys() == {"index.db", f"{kept}.db"}  # closed well: no write-ahead log is left
    for file in files.values():
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with sqlite3.connect(files["index.db"]) as index:
        for table in ("event_logs", "asset_check_executions"):
            runs = index.execute(f"SELECT DISTINCT run_id FROM {table}").fetchall()
            assert runs == [(kept,)]
