"""Jobs that wait for each other, run together.

Belongs here: which job runs next, on how many threads, and what ends them early. Does not
belong here: what a job does (build.py).

DuckDB can run a query on several threads, but most models are too small for that: two of
them at once use two cores better than one after the other, and for less CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from queue import SimpleQueue

import duckdb


def run_together(
    jobs: Mapping[str, AbstractSet[str]],
    run: Callable[[str, duckdb.DuckDBPyConnection], None],
    sessions: list[duckdb.DuckDBPyConnection],
) -> None:
    """Run each job, in a session of its own, after those that it names.

    Jobs that are ready start in the order of `jobs`; names that are no jobs are not waited
    for. If a job raises, or on Ctrl-C, no further one starts, those that run are interrupted,
    and the first exception is raised.
    """
    free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    for session in sessions:
        free.put(session)

    def run_one(name: str) -> str:
        session = free.get()
        try:
            run(name, session)
        finally:
            free.put(session)
        return name

    order = TopologicalSorter({name: after & jobs.keys() for name, after in jobs.items()})
    order.prepare()
    running: set[Future[str]] = set()
    with ThreadPoolExecutor(len(sessions)) as threads:
        try:
            while order.is_active():
                ready = set(order.get_ready())
                running |= {threads.submit(run_one, name) for name in jobs if name in ready}
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    order.done(future.result())
        except BaseException:
            for future in running:
                future.cancel()
            while running:  # one that is between two queries is interrupted in the next
                for session in sessions:
                    session.interrupt()
                _, running = wait(running, timeout=0.1)
            raise
