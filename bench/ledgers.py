"""Reading, replaying and summing one large goal ledger, stage by stage.

Belongs here: the CPU time of each stage of a build, cold and after ten appended lines, in this
process. Does not belong here: other sources (`run.py`); starting Python, Dagster or workers,
and importing what they need, is left out.

DuckDB compresses what was made for its file whenever 16 MB have come together, in the midst of
some model. Here it does so after loading and before publishing, so that it is charged to itself.

    python -m bench.ledgers                        # 20,000 generated goals, about 94 MB
    python -m bench.ledgers --ledger events.ndjson --repeat 3
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from tests.ledger.generate import ledger
from warehouse import build, checks, ingest, pricing, publish
from warehouse.build import Build, Progress
from warehouse.checks import Check
from warehouse.ledger_block import compatible_block
from warehouse.models import Model, run_model
from warehouse.query import open_warehouse
from warehouse.settings import Settings, SourceSetting

GOALS = 20_000
COLD_TARGET = 2.5
APPENDED_TARGET = 0.3
READ, LOAD, REPLAY, BLOCK = (
    "read into the lake",
    "load into DuckDB",
    "replay and sum",
    "print the block",
)
COMPRESSED, OTHERS, STORED = (
    "compress what was made, for the file",
    "other goal tables",
    "all else: other models, copies, checks, publishing",
)
APPENDED_LINES = 10
# What the block rests on.
REPLAYED = frozenset(
    {
        "ledgers",
        "ledger_entries",
        "goals",
        "attempts",
        "goal_chains",
        "goal_windows",
        "goal_links",
        "goal_threads",
        "goal_usage",
        "effective_goals",
        "goal_totals",
        "summary",
        "summary_by_goal_type",
        "summary_by_model",
        "summary_by_label",
        "summary_entries",
        "failure_reasons",
    }
)
OTHER_GOAL_TABLES = frozenset(
    {
        "goal_history",
        "goal_violations",
        "product_quality",
        "goal_audit_candidates",
        "goal_cost_coverage",
    }
)
Times = dict[str, float]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--ledger", type=Path, help="measure this one (it is copied)")
    options.add_argument("--goals", type=int, default=GOALS, help="goals to generate")
    options.add_argument("--repeat", type=int, default=3)
    given = options.parse_args()
    if given.ledger:
        content = given.ledger.read_bytes()
    else:
        content = "".join(f"{line}\n" for line in ledger(8, given.goals)).encode()
    runs = [_measure(content) for _ in range(given.repeat)]
    print(f"{len(content) / 1e6:.1f} MB; CPU seconds, median of {given.repeat}\n")
    print(f"{'stage':<54}{'cold':>8}{'appended':>10}")
    for title, stages in (
        ("", (READ, LOAD, REPLAY, BLOCK)),
        ("replayed and summed", (READ, LOAD, REPLAY, BLOCK)),
        ("", (COMPRESSED, OTHERS, STORED)),
        ("the whole build", (READ, LOAD, REPLAY, BLOCK, COMPRESSED, OTHERS, STORED)),
    ):
        for names in [stages] if title else [(stage,) for stage in stages]:
            cells = [
                statistics.median(sum(run[kind][name] for name in names) for run in runs)
                for kind in ("cold", "appended")
            ]
            print(f"{title or names[0]:<54}{cells[0]:>8.2f}{cells[1]:>10.2f}")
    print(f"{'target, replayed and summed':<54}{COLD_TARGET:>8.2f}{APPENDED_TARGET:>10.2f}")


def _measure(content: bytes) -> dict[str, Times]:
    pricing.rates_table(None)  # imports the price list
    gc.disable()  # as in a worker
    with tempfile.TemporaryDirectory(prefix="rollhouse-bench-") as folder:
        path = Path(folder) / "events.ndjson"
        lines = content.splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-APPENDED_LINES]))
        settings = Settings(
            home=Path(folder) / "home",
            sources=[SourceSetting(kind="ledger", path=str(path))],
            jobs=1,
            timezone="UTC",
        )
        cold = _build(settings)
        with open(path, "ab") as file:
            file.writelines(lines[-APPENDED_LINES:])
        appended = _build(settings)
    gc.enable()
    return {"cold": cold, "appended": appended}


def _build(settings: Settings) -> Times:
    clock = _Clock()
    with clock.apart(), Build(settings, clock) as work:
        build.run(work)
    clock.stage(BLOCK)
    with open_warehouse(settings) as connection:
        compatible_block(connection)
    clock.stage("")
    return clock.times


class _Clock(Progress):
    """CPU time by stage, as a build tells of them."""

    def __init__(self) -> None:
        self.times: Times = dict.fromkeys(
            (READ, LOAD, REPLAY, BLOCK, COMPRESSED, OTHERS, STORED), 0.0
        )
        self._stage = READ
        self._since = time.process_time()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def stage(self, name: str) -> None:
        self._take(self._stage)
        if name == "publishing":
            self._compress()
        self._stage = {"loading": LOAD, BLOCK: BLOCK}.get(name, STORED)

    def _take(self, stage: str) -> None:
        now = time.process_time()
        self.times[stage] += now - self._since
        self._since = now

    def _compress(self) -> None:
        assert self._connection is not None
        self._connection.execute("CHECKPOINT published")
        self._take(COMPRESSED)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Goal models, checks and compression apart from all else that is done in their stages."""

        def run(model: Model, connection: duckdb.DuckDBPyConnection) -> int:
            self._take(self._stage)
            if self._connection is None:
                self._connection = connection
                self._compress()
                connection.execute("SET checkpoint_threshold = '1TB'")
            rows = run_model(model, connection)
            is_replayed, is_other = model.name in REPLAYED, model.name in OTHER_GOAL_TABLES
            self._take(REPLAY if is_replayed else OTHERS if is_other else self._stage)
            return rows

        def checked(check: Callable[..., list[Check]]) -> Callable[..., list[Check]]:
            def run_check(*args: Any) -> list[Check]:
                self._take(self._stage)
                found = check(*args)
                self._take(STORED)
                return found

            return run_check

        with (
            patch.object(ingest, "INLINE_BYTES", 1 << 40),  # here, not in workers
            patch.object(publish, "run_model", run),
            patch.object(checks, "check_table", checked(checks.check_table)),
            patch.object(checks, "check_across", checked(checks.check_across)),
        ):
            yield


if __name__ == "__main__":
    main()
