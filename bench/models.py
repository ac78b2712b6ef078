"""What each SQL model of a build costs, and those of families together.

Belongs here: the CPU time of computing and storing a model's table, on one thread. Does not belong
here: whole builds (`run.py`), goal models over large ledgers (`ledgers.py`).

    python -m bench.models CORPUS               # a Codex home, such as bench/generate.py makes
    python -m bench.models CORPUS --repeat 5 --all
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import duckdb

from warehouse import build, publish
from warehouse.build import Build
from warehouse.models import Model, run_model
from warehouse.settings import Settings, SourceSetting

# Which lines of a thread are its own, and which of those count: the target is theirs.
FAMILY_MODELS = frozenset(
    {
        "lineage",
        "history_bases",
        "shared_files",
        "counter_copies",
        "record_copies",
        "usage_verdicts",
    }
)
FAMILY_TARGET = 0.5
Times = dict[str, float]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("corpus", type=Path)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--all", action="store_true", help="each model by itself")
    given = options.parse_args()
    runs = [_measure(given.corpus) for _ in range(given.repeat)]
    size, threads = runs[0][1:]
    seconds = {name: statistics.median(times[name] for times, _, _ in runs) for name in runs[0][0]}
    print(f"{size / 1e9:.2f} GB, {threads:,} threads; CPU seconds, median of {given.repeat}\n")
    if given.all:
        for name, took in sorted(seconds.items(), key=lambda model: -model[1]):
            print(f"{name:<40}{took:>8.3f}")
        print()
    of_families = sum(seconds[name] for name in FAMILY_MODELS)
    print(f"{'models':<40}{'s':>8}{'s/GB':>8}{'ms/thread':>12}")
    for title, took in (
        ("those of families", of_families),
        ("all", sum(seconds.values())),
    ):
        each = took / threads * 1000
        print(f"{title:<40}{took:>8.2f}{took * 1e9 / size:>8.2f}{each:>12.3f}")
    print(f"{'target, those of families':<40}{'':>8}{FAMILY_TARGET:>8.2f}")


def _measure(corpus: Path) -> tuple[Times, int, int]:
    """CPU seconds by model; bytes and threads of the corpus."""
    times: Times = {}

    def run(model: Model, connection: duckdb.DuckDBPyConnection) -> int:
        since = time.process_time()
        rows = run_model(model, connection)
        times[model.name] = time.process_time() - since
        return rows

    gc.disable()  # as in a build
    with tempfile.TemporaryDirectory(prefix="rollhouse-bench-") as home:
        settings = Settings(
            home=Path(home),
            sources=[SourceSetting(kind="codex", path=str(corpus))],
            jobs=1,
            timezone="UTC",
        )
        with patch.object(publish, "run_model", run), Build(settings) as work:
            outcome = build.run(work)
            threads = work.stats("threads").rows
    gc.enable()
    assert outcome.ingested is not None
    return times, outcome.ingested.bytes_parsed, threads


if __name__ == "__main__":
    main()
