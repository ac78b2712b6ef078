"""A pool of worker processes that end with their parent, and its twin without processes.

Belongs here: starting workers, handing out tasks one by one, passing results on as they
come. Does not belong here: what goes on in a worker (worker.py).

Workers are plain `python -m warehouse.worker <fd>` processes on a socket pair: nothing is
forked from a process with threads, and a worker whose parent dies reads end-of-file and
ends as well.
"""

from __future__ import annotations

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
from warehouse.parsing import ParseTask
from warehouse.worker import Result, Task, read_result, run_task, write

OnResult = Callable[[Result], Iterable[Task]]


class WorkerError(RollhouseError):
    """A worker failed or died; the message says on what."""


def run_all(tasks: Iterator[Task], jobs: int, on_result: OnResult) -> None:
    """Run tasks (in up to `jobs` processes, or right here for jobs = 0), one at a time each.

    `on_result` gets every result and may return more tasks, which go first. Tasks are
    drawn as workers become free, so that an endless iterator needs no memory. Raises
    WorkerError for the first task that fails.
    """
    if jobs <= 0:
        _run_here(tasks, on_result)
    else:
        _run_in_workers(tasks, jobs, on_result)


def _run_here(tasks: Iterator[Task], on_result: OnResult) -> None:
    for first in tasks:
        urgent = deque([first])
        while urgent:
            task = urgent.popleft()
            result = run_task(task)
            if isinstance(result, str):
                raise WorkerError(f"{_doing(task)} failed: {result}")
            urgent.extend(on_result(result))


def _run_in_workers(tasks: Iterator[Task], jobs: int, on_result: OnResult) -> None:
    workers: list[_Worker] = []
    idle: list[_Worker] = []
    busy: dict[Connection, _Worker] = {}
    urgent: deque[Task] = deque()
    try:
        while True:
            while idle or len(workers) < jobs:
                task = urgent.popleft() if urgent else next(tasks, None)
                if task is None:
                    break
                if not idle:  # a process is started only when there is something for it to do
                    idle.append(_Worker())
                    workers.append(idle[-1])
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
            worker.connection.close()  # which tells it to end
        for worker in workers:
            worker.end()


def _doing(task: Task | None) -> str:
    if isinstance(task, ParseTask):
        more = f" and {len(task.ranges) - 1} more" if len(task.ranges) > 1 else ""
        first = task.ranges[0]
        # this ends in Dagster's log, which strict privacy lets tell no path
        what = first.path if task.privacy_mode == "standard" else f"source {first.source_id}"
        return f"reading {what}{more}"
    return f"writing {task.table} of {task.key}" if task else "starting"


class _Worker:
    """One worker process, seen from its parent."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # the package may be a checkout that only the parent's sys.path knows
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            # -P: a folder `warehouse` where the user stands must not be taken for ours
            [sys.executable, "-P", "-m", "warehouse.worker", str(theirs.fileno())],
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
            self.connection.send_bytes(write(task))
        except OSError:
            raise self._died() from None

    def take(self) -> Result:
        try:
            result = read_result(self.connection.recv_bytes())
        except (EOFError, OSError):
            raise self._died() from None
        if isinstance(result, str):
            raise WorkerError(f"{_doing(self._task)} failed: {result}")
        return result

    def _died(self) -> WorkerError:
        code = self._process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        hint = " (perhaps for want of memory)" if code == -signal.SIGKILL else ""
        return WorkerError(f"the worker process {how}{hint} while {_doing(self._task)}")

    def end(self) -> None:
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:  # it is in the midst of a task that nobody wants now
            self._process.kill()
            self._process.wait()
