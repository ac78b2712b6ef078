"""Worker processes: tasks go out as workers get free, failures come back, nobody stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.helpers import KEY, Codex, Warehouse
from warehouse import workers
from warehouse.parsing import ParseResult, ParseTask, Range
from warehouse.workers import Result, Task, WorkerError, run_all

ROOT = Path(__file__).parent.parent


def task(number: int, path: Path, stage: Path) -> ParseTask:
    wanted = Range(f"source-{number}", "codex", str(path), False, 0, None, 1, path.stat().st_size)
    return ParseTask(number, "2026-03-02", [wanted], str(stage), {}, "standard", KEY)


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    codex = Codex(tmp_path / "codex")
    stage = tmp_path / "stage"
    stage.mkdir()
    return [task(number, codex.write(number, 5), stage) for number in range(1, 7)]


def left_behind() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "warehouse.worker" in child.cmdline()]


def ignore(_: Result) -> tuple[Task, ...]:
    return ()


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_every_task_gives_its_result(jobs: int, tasks: list[Task]) -> None:
    read: list[str] = []

    def on_result(result: Result) -> tuple[Task, ...]:
        assert isinstance(result, ParseResult)
        read.append(result.ranges[0].source_id)
        assert result.ranges[0].lines == 6
        return ()

    run_all(iter(tasks), jobs, on_result)
    assert sorted(read) == [f"source-{number}" for number in range(1, 7)]


@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_what_a_result_asks_for_goes_first(jobs: int, tasks: list[Task]) -> None:
    first, more, *rest = tasks
    order: list[int] = []

    def on_result(result: Result) -> tuple[Task, ...]:
        assert isinstance(result, ParseResult)
        order.append(result.number)
        return (more,) if result.number == 1 else ()

    run_all(iter([first, *rest]), jobs, on_result)
    if jobs < 2:  # else another task is out already
        assert order[:2] == [1, 2]
    assert sorted(order) == [1, 2, 3, 4, 5, 6]


def test_tasks_are_drawn_as_workers_get_free(tasks: list[Task]) -> None:
    out = 0
    most = 0

    def drawn() -> Iterator[Task]:
        nonlocal out, most
        for one in tasks:
            out += 1
            most = max(most, out)
            yield one

    def on_result(_: Result) -> tuple[Task, ...]:
        nonlocal out
        out -= 1
        return ()

    run_all(drawn(), 2, on_result)
    assert (out, most) == (0, 2)


def test_no_more_processes_than_tasks(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []

    class Counted(workers._Worker):
        def __init__(self) -> None:
            started.append(self)
            super().__init__()

    monkeypatch.setattr(workers, "_Worker", Counted)
    run_all(iter(tasks[:1]), 64, ignore)
    assert len(started) == 1


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_failure_says_what_and_where(jobs: int, tasks: list[Task], tmp_path: Path) -> None:
    (tmp_path / "stage").rmdir()
    with pytest.raises(WorkerError, match=r"reading .*rollout-.* failed: .*No such file"):
        run_all(iter(tasks), jobs, ignore)
    assert left_behind() == []


def test_a_failure_quotes_no_content(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("cannot read 'my secret prompt'")

    monkeypatch.setattr("warehouse.parsing.to_batch", fail)
    with pytest.raises(WorkerError) as failure:
        run_all(iter(tasks), 0, ignore)
    assert "ValueError in test_workers.py, line" in str(failure.value)
    shown = "".join(_everything(failure.value))
    assert "secret" not in shown


def _everything(error: BaseException | None) -> Iterator[str]:
    """All that a traceback would print of an error and those before it."""
    while error is not None:
        yield str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_worker_that_is_killed_is_named_with_what_it_did(
    tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    give = workers._Worker.give

    def give_and_kill(self: workers._Worker, one: Task) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        give(self, one)

    monkeypatch.setattr(workers._Worker, "give", give_and_kill)
    with pytest.raises(WorkerError, match=r"signal 9 .*want of memory.* while reading .*rollout-"):
        run_all(iter(tasks), 2, ignore)
    assert left_behind() == []


def test_an_interrupt_leaves_no_worker_behind(tasks: list[Task]) -> None:
    def interrupt(_: Result) -> tuple[Task, ...]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(iter(tasks), 2, interrupt)
    assert left_behind() == []


def test_a_package_of_the_same_name_where_the_user_stands(
    tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("warehouse/__init__.py", "msgspec.py", "random.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError('not ours')")
    monkeypatch.chdir(tmp_path)
    run_all(iter(tasks), 1, ignore)


PARENT = """
import sys
from pathlib import Path
from tests.helpers import Warehouse
from warehouse import ingest

ingest.INLINE_BYTES = -1
ingest.SPLIT_BYTES = ingest.TASK_BYTES = 2_000_000
print("ready", flush=True)
Warehouse(Path(sys.argv[1]), [Path(sys.argv[2])]).sync(jobs=2)
print("done", flush=True)
"""


@pytest.mark.slow
def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    codex = Codex(tmp_path / "codex")
    path = codex.write(1, 5000)
    path.write_bytes(path.read_bytes() * 60)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "home"), str(codex.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    process = psutil.Process(parent.pid)
    deadline = time.monotonic() + 20
    while len(children := process.children()) < 2:
        assert time.monotonic() < deadline, "no workers were started"
        time.sleep(0.02)
    stage = tmp_path / "home/lake/stage"
    while not list(stage.glob("*/*.arrow")):
        assert time.monotonic() < deadline, "no rows were staged"
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    warehouse = Warehouse(tmp_path / "home", [codex.root])
    assert warehouse.lake.manifest().generation == 0
    warehouse.sync()  # the lock is free, and what was left is swept
    assert warehouse.source.lines == 5001 * 60
    assert not stage.exists()
