"""Reading, replaying and summing one large goal ledger, stage by stage.

Belongs here: the CPU time of each stage, cold and after ten appended lines, in this process.
Does not belong here: whole builds (`run.py`); starting Python, Dagster or workers is left out.

    python -m bench.ledgers                        # 20,000 generated goals, about 94 MB
    python -m bench.ledgers --ledger events.ndjson --repeat 3
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from tests.ledger.generate import ledger
from warehouse import ingest as ingesting
from warehouse import resources
from warehouse.contracts import lake_tables
from warehouse.lake import Lake
from warehouse.ledger_block import compatible_block
from warehouse.models import Model, create_empty, load_models, run_macros, run_model
from warehouse.privacy import Privacy
from warehouse.scanning import Root, scan

GOALS = 20_000
COLD_TARGET = 2.5
APPENDED_TARGET = 0.3
# What the summary rests on; the other goal tables are timed apart.
REPLAY = (
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
)
OTHERS = (
    "goal_history",
    "goal_violations",
    "product_quality",
    "goal_audit_candidates",
    "goal_cost_coverage",
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
    models = {model.name: model for model in load_models(resources.sql_folder())}
    runs = [_measure(content, models) for _ in range(given.repeat)]
    print(f"{len(content) / 1e6:.1f} MB; CPU seconds, median of {given.repeat}\n")
    print(f"{'stage':<24}{'cold':>8}{'appended':>10}")
    totals = {"cold": 0.0, "appended": 0.0}
    for stage in runs[0]["cold"]:
        cells = []
        for kind in totals:
            median = statistics.median(run[kind][stage] for run in runs)
            totals[kind] += median
            cells.append(median)
        print(f"{stage:<24}{cells[0]:>8.2f}{cells[1]:>10.2f}")
    print(f"{'all':<24}{totals['cold']:>8.2f}{totals['appended']:>10.2f}")
    print(f"{'target':<24}{COLD_TARGET:>8.2f}{APPENDED_TARGET:>10.2f}")


def _measure(content: bytes, models: dict[str, Model]) -> dict[str, Times]:
    gc.disable()  # as in a worker
    with tempfile.TemporaryDirectory(prefix="rollhouse-bench-") as folder:
        path = Path(folder) / "events.ndjson"
        path.write_bytes(content)
        lake = Lake(Path(folder) / "home")
        cold = _build(lake, path, models)
        with open(path, "ab") as file:
            file.writelines(line + b"\n" for line in content.split(b"\n")[-11:-1])
        appended = _build(lake, path, models)
    gc.enable()
    return {"cold": cold, "appended": appended}


def _build(lake: Lake, path: Path, models: dict[str, Model]) -> Times:
    times: Times = {}

    def timed(stage: str, work: Callable[[], object]) -> None:
        started = time.process_time()
        work()
        times[stage] = times.get(stage, 0.0) + time.process_time() - started

    privacy = Privacy("standard", bytes(32))
    manifest = lake.manifest()
    plan = scan([Root("ledger", path, None)], lake.sources(manifest), privacy)
    ingesting.INLINE_BYTES = 1 << 40  # here, not in workers
    timed("read into the lake", lambda: ingesting.ingest(lake, manifest, plan, privacy, jobs=1))
    manifest = lake.manifest()
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        run_macros(resources.sql_folder(), connection)
        create_empty([models[name].table for name in ("usage", "sessions")], connection)

        def load() -> None:
            for table in lake_tables().values():
                create_empty([table], connection)
                files = lake.part_files(manifest, table.name)
                if files:
                    columns = ", ".join(f'"{column.name}"' for column in table.published)
                    connection.execute(
                        f"INSERT INTO {table.name} SELECT {columns} FROM read_parquet(?)", [files]
                    )

        timed("load into DuckDB", load)
        for stage, names in (("replay and sum", REPLAY), ("other goal tables", OTHERS)):
            for name in names:
                timed(stage, lambda name=name: run_model(models[name], connection))  # type: ignore[misc]
        timed("print the block", lambda: compatible_block(connection))
    return times


if __name__ == "__main__":
    main()
