"""A pool of worker processes that end with their parent, and its twin without processes.

Belongs here: starting workers, handing out tasks one by one, passing results on as they
come. Does not belong here: what tasks do (parsing.py, merging.py).

Workers are plain `python -m warehouse.workers <fd>` processes on a socket pair: nothing is
forked from a process with threads, and a worker whose parent dies reads end-of-file and
ends as well.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

from warehouse.errors import RollhouseError
from warehouse.merging import MergeResult, MergeTask, run_merge
from warehouse.parsing import ParseResult, ParseTask, run_parse

Task = ParseTask | MergeTask
Result = ParseResult | MergeResult
OnResult = Callable[[Result], Iterable[Task]]


class WorkerError(RollhouseError):
    """A worker failed or died; the message says on what."""


def run_task(task: Task) -> Result:
    return run_parse(task) if isinstance(task, ParseTask) else run_merge(task)


def run_all(tasks: Iterator[Task], jobs: int, on_result: OnResult) -> None:
    """Run tasks (in `jobs` processes, or right here for jobs = 0), one at a time each.

    `on_result` gets every result and may return more tasks, which go first. Tasks are
    drawn as workers become free, so that an endless iterator needs no memory.
    """
    if jobs <= 0:
        _run_here(tasks, on_result)
    else:
        _run_in_workers(tasks, jobs, on_result)


def _run_here(tasks: Iterator[Task], on_result: OnResult) -> None:
    for first in tasks:
        urgent = deque([first])
        while urgent:
            urgent.extend(on_result(run_task(urgent.popleft())))


def _run_in_workers(tasks: Iterator[Task], jobs: int, on_result: OnResult) -> None:
    workers = [_Worker() for _ in range(jobs)]
    urgent: deque[Task] = deque()
    busy: dict[Connection, _Worker] = {}
    idle = list(workers)
    try:
        while True:
            while idle:
                task = urgent.popleft() if urgent else next(tasks, None)
                if task is None:
                    break
                worker = idle.pop()
                worker.give(task)
                busy[worker.connection] = worker
            if not busy:
                return
            for ready in wait(list(busy)):
                worker = busy.pop(ready)  # type: ignore[call-overload]
                urgent.extend(on_result(worker.take()))
                idle.append(worker)
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """One worker process, seen from its parent."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # the package may be a checkout that only the parent's sys.path knows
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "warehouse.workers", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self._task: Task | None = None

    def give(self, task: Task) -> None:
        self._task = task
        try:
            self.connection.send(task)
        except OSError:
            raise self._died() from None

    def take(self) -> Result:
        try:
            result = self.connection.recv()
        except (EOFError, OSError):
            raise self._died() from None
        if isinstance(result, str):
            raise WorkerError(f"{self._doing()} failed: {result}")
        return result  # type: ignore[no-any-return]

    def _died(self) -> WorkerError:
        code = self._process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        hint = " (perhaps for want of memory)" if code == -signal.SIGKILL else ""
        return WorkerError(f"the worker process {how}{hint} while {self._doing()}")

    def _doing(self) -> str:
        task = self._task
        if isinstance(task, ParseTask):
            more = f" and {len(task.ranges) - 1} more" if len(task.ranges) > 1 else ""
            return f"reading {task.ranges[0].path}{more}"
        return f"writing {task.table} of {task.day}" if task else "starting"

    def end(self) -> None:
        self.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2 if self._task is None else 2)
            return
        self._process.kill()
        self._process.wait()


def _serve(descriptor: int) -> None:
    """Body of a worker process: tasks in, results (or a failure's text) out, until the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    gc.disable()  # rows are many small tuples without cycles: collecting costs a fifth
    connection = Connection(descriptor)
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        result: Result | str
        try:
            result = run_task(task)
        except Exception as error:  # the parent must hear of any failure
            result = f"{type(error).__name__}: {_without_content(error)}"
        try:
            connection.send(result)
        except OSError:
            return


def _without_content(error: Exception) -> str:
    """Where an unforeseen error arose; its text might quote a line, so it stays out."""
    if isinstance(error, OSError):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
