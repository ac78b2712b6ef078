"""What `rollhouse build` shows: progress while it runs, one screen when it is done.

Belongs here: wording and layout of a build. Does not belong here: the build itself, and
what `summary` and `status` print (overview.py).

Progress goes to stderr: bars on a terminal, a few plain lines elsewhere. The result goes to
stdout. Rich is imported when there is progress to draw, never for "nothing changed".
"""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from warehouse.build import Build, Outcome, Progress
from warehouse.builds import database_path
from warehouse.wording import count, size

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

PROBLEMS_SHOWN = 20

_DOING = {
    "content": "Capturing texts",
    "loading": "Loading Parquet into DuckDB",
    "session": "Models: sessions and turns",
    "derived": "Models: derived",
    "summary": "Models: summary",
    "publishing": "Publishing",
}


class BuildConsole(Progress, AbstractContextManager["BuildConsole"]):
    """Follows a build. Use as a context manager; `result` prints what it came to."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._bars: Bars | None = None
        self._reading: TaskID | None = None
        self._stage: TaskID | None = None

    def __enter__(self) -> BuildConsole:
        if sys.stderr.isatty():
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def reading(self, total_bytes: int) -> None:
        if self._bars is None:
            _say(f"Reading {size(total_bytes)} ...")
        else:
            self._reading = self._bars.add_task("Reading", total=total_bytes, has_bytes=True)

    def read(self, some_bytes: int) -> None:
        if self._bars is not None and self._reading is not None:
            self._bars.advance(self._reading, some_bytes)

    def stage(self, name: str) -> None:
        doing = _DOING.get(name, f"Models: {name}")
        if self._bars is None:
            _say(f"{doing} ...")
            return
        if self._reading is not None:  # files may have shrunk or grown meanwhile
            total = self._bars.tasks[self._reading].completed
            self._bars.update(self._reading, total=total)
        if self._stage is not None:
            self._bars.update(self._stage, total=1, completed=1)
        self._stage = self._bars.add_task(doing, total=None, has_bytes=False)

    def result(self, outcome: Outcome, build: Build) -> None:
        """One screen: what was read, what there is now, what went wrong, what to do next."""
        from warehouse.overview import headline

        record = outcome.record
        assert record is not None  # a build that does not publish raises
        took = time.perf_counter() - self._started
        print(f"Built in {took:.1f} s: {database_path(build.lake)}\n")
        if build.settings.reads_sample:
            _line("Note", "there is no ~/.codex here: this is the sample that comes along")
        _line("Sources", _sources(build))
        if outcome.ingested is None:
            _line("Read", "nothing new; only the models ran")
        else:
            read = outcome.ingested
            _line(
                "Read",
                f"{size(read.bytes_parsed)} in {count(read.lines_parsed, 'line')} of "
                f"{count(read.sources_read, 'source')}, {read.lines_rejected:,} rejected",
            )
        _line("Tables", f"{len(record.rows)} with {count(sum(record.rows.values()), 'row')}")
        if text := headline(build.settings):
            _line("Coverage", text)
        for warning in record.warnings:
            _line("Warning", warning)
        _print_problems(build, outcome.ingested.problems if outcome.ingested else [])
        print(
            "\nNext:  rollhouse summary   what was used, by whom and when\n"
            "       rollhouse status    what was read, and what is not covered\n"
            "       rollhouse ui        lineage and checks in the browser"
        )


def print_unchanged(build: Build) -> None:
    """Tell that nothing changed, and what still cannot be read."""
    print(
        f"Up to date: nothing changed in {count(build.plan.files, 'file')} since the last build.\n"
        f"The warehouse is {database_path(build.lake)}"
    )
    _print_problems(build, [])


def _sources(build: Build) -> str:
    plan = build.plan
    if plan.files:
        parts = [f"{count(plan.files, 'file')} found", f"{plan.unchanged:,} unchanged"]
    else:
        places = ", ".join(str(root.path) for root in build.settings.roots())
        parts = [f"no file of a known kind in {places}"]
    parts += [
        f"{number:,} {what}"
        for number, what in (
            (plan.moved, "moved"),
            (plan.missing, "missing (their rows are kept)"),
            (len(plan.problems), "unreadable"),
        )
        if number
    ]
    return ", ".join(parts)


def _print_problems(build: Build, found: list[tuple[str, str]]) -> None:
    """What could not be read: now, or before and not tried again since it did not change."""
    plan = build.plan
    problems = list(dict([*plan.known_problems, *plan.problems, *found]).items())
    for path, reason in problems[:PROBLEMS_SHOWN]:
        _line("Problem", f"{path}: {reason}")
    if len(problems) > PROBLEMS_SHOWN:
        _line("", f"and {len(problems) - PROBLEMS_SHOWN:,} more; rollhouse status lists them")


def _line(name: str, text: str) -> None:
    print(f"  {name:<10} {text}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _bars() -> Bars:
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class OfBytes(ProgressColumn):
        """A column that only tasks that count bytes have."""

        def __init__(self, column: ProgressColumn) -> None:
            super().__init__()
            self._column = column

        def render(self, task: Task) -> RenderableType:
            return self._column(task) if task.fields["has_bytes"] else Text()

    return RichProgress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        OfBytes(BarColumn(bar_width=30)),
        OfBytes(DownloadColumn()),
        OfBytes(TimeRemainingColumn(compact=True)),
        console=Console(stderr=True),
        transient=True,
    )
