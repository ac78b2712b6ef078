"""The instance's home: settings in place, leftovers failed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from pipelines.instance import dagster_home, is_ui_running, open_instance, ui_lock
from warehouse import resources
from warehouse.settings import Settings


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty instance: making one takes longer than the tests."""
    home = tmp_path_factory.mktemp("template")
    with open_instance(Settings(home=home)):
        pass
    return home


@pytest.fixture
def home(template: Path, settings: Settings) -> Path:
    return Path(shutil.copytree(template / "dagster", settings.home / "dagster"))


def add_runs(settings: Settings, *statuses: str) -> list[str]:
    """Runs that processes which are no more have left in these states."""
    runs = [DagsterRun(job_name="nightly", status=DagsterRunStatus[name]) for name in statuses]
    with open_instance(settings) as instance:
        for run in runs:
            instance.add_run(run)
    return [run.run_id for run in runs]


def statuses_after_opening(settings: Settings, runs: list[str]) -> list[str]:
    with open_instance(settings) as instance:
        found = {run.run_id: run.status.value for run in instance.get_runs()}
    return [found[run] for run in runs]


def test_dagster_yaml_is_put_in_place_and_kept_equal(settings: Settings) -> None:
    home = dagster_home(settings)
    assert home == settings.home / "dagster"
    file = home / "dagster.yaml"
    assert file.read_bytes() == resources.dagster_yaml().read_bytes()
    file.write_text("telemetry:\n  enabled: true\n", encoding="utf-8")
    dagster_home(settings)
    assert file.read_bytes() == resources.dagster_yaml().read_bytes()


def test_the_instance_has_the_settings_of_dagster_yaml(home: Path) -> None:
    with DagsterInstance.from_config(str(home)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 1
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 21600


def test_left_over_runs_are_failed_and_others_left_alone(settings: Settings, home: Path) -> None:
    left_over = ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"]
    others = ["SUCCESS", "FAILURE", "CANCELED"]
    runs = add_runs(settings, *left_over, *others)
    assert statuses_after_opening(settings, runs) == ["FAILURE"] * 4 + others


def test_a_run_that_the_ui_may_be_starting_is_left_to_it(settings: Settings, home: Path) -> None:
    runs = add_runs(settings, "STARTING", "NOT_STARTED", "STARTED")
    with ui_lock(home):
        assert is_ui_running(home)
        assert statuses_after_opening(settings, runs) == ["STARTING", "NOT_STARTED", "FAILURE"]
    assert not is_ui_running(home)
    assert statuses_after_opening(settings, runs) == ["FAILURE"] * 3
