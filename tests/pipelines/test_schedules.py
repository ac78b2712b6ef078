"""The nightly schedule: when it fires, what it says, and when it keeps still."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from pipelines.definitions import defs
from warehouse.build import Build, run
from warehouse.lake import Lake
from warehouse.settings import Settings, SettingsError


def schedule() -> dg.ScheduleDefinition:
    found = defs().resolve_schedule_def("nightly_build")
    assert isinstance(found, dg.ScheduleDefinition)
    return found


def tick() -> dg.RunRequest | str:
    """The run that a tick asks for, or why it asks for none."""
    with dg.build_schedule_context() as context:
        data = schedule().evaluate_tick(context)
    if data.skip_message is not None:
        assert not data.run_requests
        return data.skip_message
    assert data.run_requests is not None
    (request,) = data.run_requests
    return request


def test_half_past_two_in_the_users_timezone(settings: Settings, small_models: Path) -> None:
    nightly = schedule()
    assert nightly.job_name == "nightly"
    assert nightly.default_status == dg.DefaultScheduleStatus.RUNNING
    assert settings.timezone == "Europe/Berlin"
    summer, winter = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    for day, hour in ((summer, 0), (winter, 1)):  # 02:30 there, in UTC
        fires = next(
            schedule_execution_time_iterator(
                day.timestamp(), nightly.cron_schedule, nightly.execution_timezone
            )
        )
        assert fires.astimezone(UTC) == day.replace(hour=hour, minute=30)


def test_it_runs_only_where_something_changed(
    settings: Settings, small_models: Path, codex_home: Path
) -> None:
    assert isinstance(tick(), dg.RunRequest)
    with Build(settings) as build:
        files = build.plan.files
        run(build)
    assert tick() == f"nothing changed in {files} files since the last build"
    with open(next((codex_home / "sessions").rglob("*.jsonl")), "ab") as file:
        file.write(b'{"timestamp":"2026-11-21T12:00:00.000Z","type":"event_msg","payload":{}}\n')
    assert isinstance(tick(), dg.RunRequest)


def test_changed_sql_is_a_change(settings: Settings, small_models: Path) -> None:
    with Build(settings) as build:
        run(build)
    model = small_models / "derived" / "derived_tokens.sql"
    model.write_text(model.read_text(encoding="utf-8") + "-- changed\n", encoding="utf-8")
    assert isinstance(tick(), dg.RunRequest)


def test_it_keeps_still_while_a_build_runs(settings: Settings, small_models: Path) -> None:
    with Lake(settings.home).lock():
        assert "another build is running" in str(tick())


def test_a_source_that_is_gone_fails_the_tick(
    settings: Settings, small_models: Path, codex_home: Path
) -> None:
    codex_home.rename(codex_home.with_name("elsewhere"))
    with pytest.raises(dg.DagsterError, match="nightly_build") as raised:
        tick()
    assert isinstance(raised.value.__cause__, SettingsError)
    assert "is not there" in str(raised.value.__cause__)
