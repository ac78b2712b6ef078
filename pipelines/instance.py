"""The Dagster instance: where runs are recorded, and what a dead machine left there.

Belongs here: Dagster's home, opening it, closing runs that nothing stands behind any more.
Does not belong here: running anything (run.py) or the UI (ui.py).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from warehouse import resources
from warehouse.settings import Settings

KEEP_RUNS = 100

# Runs that hold the lake's lock from their first step to their last ...
_RUNNING = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
# ... and those that are about to take it.
_BEGINNING = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING]


def dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME, made if need be, with the dagster.yaml that comes with Rollhouse."""
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = resources.dagster_yaml().read_bytes()
    file = home / "dagster.yaml"
    if not file.is_file() or file.read_bytes() != wanted:
        file.write_bytes(wanted)
    return home


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The instance that the UI shows, for a process that holds the lake's lock.

    Every run holds that lock, and the kernel takes it from the dead: whoever has it knows that
    runs which still seem to go on do not, and they are failed here. Process ids, which mean
    nothing after a reboot or in another container, need not be remembered.
    """
    home = dagster_home(settings)
    overrides = {
        "event_log_storage": {
            "module": "pipelines.event_log",
            "class": "KeptOpenEventLog",
            "config": {"base_dir": str(home / "history" / "runs")},
        },
        # the terminal is the command line's: events are not printed, output is not captured
        "python_logs": {"python_log_level": "CRITICAL"},
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
    }
    reference = InstanceRef.from_dir(str(home), overrides=overrides)
    with DagsterInstance.from_ref(reference) as instance:
        fail_leftovers(instance, _RUNNING if is_ui_running(home) else _RUNNING + _BEGINNING)
        forget_old_runs(instance)
        yield instance


def fail_leftovers(instance: DagsterInstance, statuses: list[DagsterRunStatus]) -> None:
    """Fail the runs in these states, which nothing can be behind."""
    for run in instance.get_runs(RunsFilter(statuses=statuses)):
        instance.report_run_failed(
            run,
            "The process of this run is gone: it was killed, or the machine went down. What it "
            "had committed stays; the next build does the rest.",
        )


def forget_old_runs(instance: DagsterInstance, keep: int = KEEP_RUNS) -> None:
    """Delete the oldest runs, some megabytes each, a few at a time."""
    finished = RunsFilter(statuses=FINISHED_STATUSES)
    kept = instance.get_run_ids(finished, limit=keep)
    if len(kept) == keep:
        for run_id in instance.get_run_ids(finished, cursor=kept[-1], limit=5):
            instance.delete_run(run_id)


@contextmanager
def ui_lock(home: Path) -> Iterator[int]:
    """A descriptor whose lock says that a UI runs. Raises BlockingIOError if another one does.

    Processes that inherit it keep the lock as long as they live.
    """
    with open(home / "ui.lock", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file.fileno()


def is_ui_running(home: Path) -> bool:
    """Whether a UI (which may be about to start a run) stands behind this home."""
    try:
        with ui_lock(home):
            return False
    except BlockingIOError:
        return True
