"""What steps share: the build in progress.

Belongs here: the lifecycle of a `Build` within a run. Does not belong here: what steps do
with it (assets/), or builds that the command line has already begun (run.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from warehouse.build import Build, Progress
from warehouse.settings import load_settings

BUILD = "build"


class RunLog(Progress):
    """Tells a run's log in the UI which stage begins."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log

    def reading(self, total_bytes: int) -> None:
        self._log.info(f"reading {total_bytes:,} bytes")

    def stage(self, name: str) -> None:
        self._log.info(name)


@dg.resource(description="The build of this run: holds the lake's lock from first step to last.")
@contextmanager
def build_resource(context: dg.InitResourceContext) -> Iterator[Build]:
    """A build of the run's own, for runs that the UI or the schedule started."""
    assert context.log is not None
    with Build(load_settings(), progress=RunLog(context.log)) as build:
        yield build
