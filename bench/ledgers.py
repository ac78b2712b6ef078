"""Reading, replaying and summing one large goal ledger, stage by stage.

Belongs here: the CPU time of each stage of a build, cold and after ten appended lines, in this
process. Does not belong here: other sources (`run.py`); starting Python, Dagster or workers,
and importing what they need, is left out.

    python -m bench.ledgers                        # 20,000 generated goals, about 94 MB
    python -m bench.ledgers --ledger events.ndjson --repeat 3
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tests.ledger.generate import ledger
from warehouse import build, ingest, pricing, publish
from warehouse.build import Build, Progress
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
OTHERS, STORED = "other goal tables", "all else: other models, copies, checks, publishing"
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
        ("", (OTHERS, STORED)),
        ("the whole build", (READ, LOAD, REPLAY, BLOCK, OTHERS, STORED)),
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
        path.write_bytes(content)
        settings = Settings(
            home=Path(folder) / "home",
            sources=[SourceSetting(kind="ledger", path=str(path))],
            jobs=1,
            timezone="UTC",
        )
        cold = _build(settings)
        with open(path, "ab") as file:
            file.writelines(line + b"\n" for line in content.split(b"\n")[-11:-1])
        appended = _build(settings)
    gc.enable()
    return {"cold": cold, "appended": appended}


def _build(settings: Settings) -> Times:
    clock = _Clock()
    with clock.of_models(), Build(settings, clock) as work:
        build.run(work)
    clock.stage(BLOCK)
    with open_warehouse(settings) as connection:
        compatible_block(connection)
    clock.stage("")
    return clock.times


class _Clock(Progress):
    """CPU time by stage, as a build tells of them."""

    def __init__(self) -> None:
        self.times: Times = dict.fromkeys((READ, LOAD, REPLAY, BLOCK, OTHERS, STORED), 0.0)
        self._stage = READ
        self._since = time.process_time()

    def stage(self, name: str) -> None:
        self._take(self._stage)
        self._stage = {"loading": LOAD, BLOCK: BLOCK}.get(name, STORED)

    def _take(self, stage: str) -> None:
        now = time.process_time()
        self.times[stage] += now - self._since
        self._since = now

    @contextmanager
    def of_models(self) -> Iterator[None]:
        """Goal models apart from all else that is done in their stages."""

        def run(model: Model, connection: duckdb.DuckDBPyConnection) -> int:
            self._take(self._stage)
            rows = run_model(model, connection)
            is_replayed, is_other = model.name in REPLAYED, model.name in OTHER_GOAL_TABLES
            self._take(REPLAY if is_replayed else OTHERS if is_other else self._stage)
            return rows

        inline, ingest.INLINE_BYTES = ingest.INLINE_BYTES, 1 << 40  # here, not in workers
        publish.run_model = run
        try:
            yield
        finally:
            ingest.INLINE_BYTES = inline
            publish.run_model = run_model


if __name__ == "__main__":
    main()
