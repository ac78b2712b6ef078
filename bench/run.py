"""Measures `rollhouse` on generated corpora and prints the results beside the targets.

    python bench/run.py [--size 1GB] [--repeat 5] [--only NAME] [--out FILE]

Belongs here: the cases, their corpora and targets, the check that the tokens are right, and the
table. Does not belong here: how a process is measured (`measure.py`), how a corpus is made
(`generate.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # also as a plain script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich import box
from rich.console import Console
from rich.table import Table

from bench.generate import TRUTH, VERSION, Options, Truth, parse_size
from bench.measure import CommandFailed, Run, measure

ROLLHOUSE = [sys.executable, "-m", "warehouse"]
ROOT = Path(__file__).resolve().parents[1]

CPU_PER_GB = 5.0
PEAK_BYTES = 600_000_000
UNCHANGED_WALL = 0.5
GROWN_WALL = 2.0
GROWN_LINES = 12

_READ = """
import sys
from pathlib import Path
for path in Path(sys.argv[1]).rglob("rollout-*"):
    with open(path, "rb", buffering=0) as handle:
        while handle.read(1 << 20):
            pass
"""


class Wrong(Exception):
    """A build gave other tokens than the corpus holds."""


@dataclass
class Result:
    """All runs of one case."""

    name: str
    bytes: int
    files: int
    runs: list[Run] = field(default_factory=list)
    targets: dict[str, float] = field(default_factory=dict)
    """Upper bounds by measure: cpu_per_gb, peak_mb, wall."""

    def values(self, measured: str) -> list[float]:
        gigabytes = self.bytes / 1e9
        of: dict[str, Callable[[Run], float]] = {
            "wall": lambda run: run.wall,
            "cpu": lambda run: run.cpu,
            "cpu_per_gb": lambda run: run.cpu / gigabytes,
            "peak_mb": lambda run: run.peak / 1e6,
            "peak_all_mb": lambda run: (run.peak_all or 0) / 1e6,
        }
        return [of[measured](run) for run in self.runs]

    def median(self, measured: str) -> float:
        return statistics.median(self.values(measured))

    def missed(self) -> list[str]:
        return [name for name, bound in self.targets.items() if self.median(name) > bound]

    def as_json(self) -> dict[str, Any]:
        measures = ["wall", "cpu", "peak_mb"]
        if self.bytes:
            measures.append("cpu_per_gb")
        if all(run.peak_all is not None for run in self.runs):
            measures.append("peak_all_mb")
        return {
            "name": self.name,
            "bytes": self.bytes,
            "files": self.files,
            "targets": self.targets,
            "missed": self.missed(),
            "summary": {
                name: {
                    "median": round(self.median(name), 4),
                    "min": round(min(self.values(name)), 4),
                    "max": round(max(self.values(name)), 4),
                }
                for name in measures
            },
            "runs": [asdict(run) for run in self.runs],
        }


class Bench:
    """One invocation: where things lie, and how often to measure."""

    def __init__(
        self, console: Console, cache: Path, size: int, scale: float, repeat: int, seed: int
    ) -> None:
        self.console = console
        self.cache = cache
        self.repeat = repeat
        self.seed = seed
        self.corpora = {
            "main": Options(bytes=size, files=max(10, size // 100_000), seed=seed),
            "small": Options(
                bytes=int(300e6 * scale), files=max(10, int(100_000 * scale)), seed=seed
            ),
            "onefile": Options(bytes=0, files=0, one_file=int(2e9 * scale), seed=seed),
            "large": Options(bytes=int(8e9 * scale), files=max(10, int(80_000 * scale)), seed=seed),
        }
        self.results: list[Result] = []
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ROLLHOUSE_", "DAGSTER_", "CODEX_"))
            # an installed package is compiled once, not by each process that imports it
            and name != "PYTHONDONTWRITEBYTECODE"
        }
        self.env["PYTHONPATH"] = os.pathsep.join(
            [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        )

    # -- the cases

    def read(self) -> None:
        """Plain read of the same bytes, 1 MB at a time"""
        corpus, truth = self.corpus("main")
        result = self.result("read", truth)
        command = [sys.executable, "-c", _READ, str(corpus)]
        self.measure(command)  # Now all cases find the files in memory.
        for _ in range(self.repeat):
            self.note(result, self.measure(command))

    def cold(self) -> None:
        """Cold build into a fresh home"""
        self._cold("cold", "main")

    def unchanged(self) -> None:
        """The same build when nothing changed"""
        corpus, truth = self.corpus("main")
        result = self.result("unchanged", truth, wall=UNCHANGED_WALL)
        with self.home() as home:
            self.measure(self.build(home, corpus))
            for _ in range(self.repeat):
                self.note(result, self.measure(self.build(home, corpus)))

    def grown(self) -> None:
        """After one file grew by a few lines"""
        corpus, truth = self.corpus("main")
        # The bound stands beside Dagster's own start, if that was measured.
        start = [one.median("wall") for one in self.results if one.name == "dagster"]
        result = self.result("grown", truth, wall=GROWN_WALL + sum(start))
        with self.home() as home, _restored(corpus):
            self.measure(self.build(home, corpus))
            for _ in range(self.repeat):
                self._generate("--out", corpus, "--append", GROWN_LINES, "--seed", self.seed)
                self.note(result, self.measure(self.build(home, corpus)))
                self.check(home, Truth.load(corpus))

    def dagster(self) -> None:
        """Dagster's own start: import, definitions of all assets, its instance"""
        result = Result("dagster", bytes=0, files=0)
        self.results.append(result)
        with self.home() as home:
            start = [sys.executable, "-m", "bench.dagster_start", str(home)]
            self.measure(start)  # the first one makes the instance's tables
            for _ in range(self.repeat):
                self.note(result, self.measure(start))

    def small(self) -> None:
        """Cold build of 100,000 small files"""
        self._cold("small", "small", cpu=False)

    def onefile(self) -> None:
        """Cold build of one 2 GB file"""
        self._cold("onefile", "onefile", cpu=False)

    def large(self) -> None:
        """Cold build of 8 GB"""
        self._cold("large", "large")

    def _cold(self, name: str, corpus_name: str, cpu: bool = True) -> None:
        corpus, truth = self.corpus(corpus_name)
        targets = {"peak_mb": PEAK_BYTES / 1e6}
        if cpu:
            targets["cpu_per_gb"] = CPU_PER_GB
        result = self.result(name, truth, **targets)
        for _ in range(self.repeat):
            with self.home() as home:
                self.note(result, self.measure(self.build(home, corpus)))
                self.check(home, truth)

    # -- what they are made of

    def corpus(self, name: str) -> tuple[Path, Truth]:
        """A generated corpus; made once and kept for the next time."""
        options = self.corpora[name]
        key = f"{options.bytes}-{options.files}-{options.one_file}-s{options.seed}-v{VERSION}"
        home = self.cache / f"corpus-{key}"
        if not (home / TRUTH).exists():
            shutil.rmtree(home, ignore_errors=True)
            with self.console.status(f"generating the corpus {name!r}"):
                self._generate(
                    *("--out", home, "--bytes", options.bytes, "--files", options.files),
                    *("--one-file", options.one_file, "--seed", options.seed),
                )
        return home, Truth.load(home)

    def _generate(self, *arguments: object) -> None:
        # Not in this process: it must stay small, see `measure`.
        command = [sys.executable, "-m", "bench.generate", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.env, check=False)
        if done.returncode != 0:
            raise CommandFailed(f"{' '.join(command)}\n{done.stderr}".strip())

    @contextmanager
    def home(self) -> Iterator[Path]:
        """A fresh Rollhouse home, deleted afterwards."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="home-", dir=self.cache) as home:
            yield Path(home)

    def build(self, home: Path, corpus: Path) -> list[str]:
        return [*ROLLHOUSE, "build", "--home", str(home), "--source", f"codex:{corpus}"]

    def measure(self, command: list[str]) -> Run:
        # In a folder of its own, so that no settings file is found by chance.
        with tempfile.TemporaryDirectory(prefix="rollhouse-bench-") as nowhere:
            return measure(command, Path(nowhere), self.env)

    def check(self, home: Path, truth: Truth) -> None:
        """Compares the built tokens with those that the corpus holds."""
        columns = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in truth.usage)
        query = f"SELECT count(*) AS responses, {columns} FROM usage"
        command = [*ROLLHOUSE, "query", "--home", str(home), "--format", "json", query]
        done = subprocess.run(command, capture_output=True, text=True, env=self.env, check=False)
        if done.returncode != 0:
            raise CommandFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}".strip())
        rows = json.loads(done.stdout)
        row = rows[0] if isinstance(rows, list) else rows
        wanted = {"responses": truth.responses, **truth.usage}
        found = {name: int(row[name] or 0) for name in wanted}
        if found != wanted:
            lines = [
                f"{name}: {wanted[name]} in the corpus, {found[name]} built"
                for name in wanted
                if wanted[name] != found[name]
            ]
            raise Wrong("the tokens are wrong\n" + "\n".join(lines))

    def result(self, name: str, truth: Truth, **targets: float) -> Result:
        result = Result(name, truth.bytes, truth.files, targets=targets)
        self.results.append(result)
        return result

    def note(self, result: Result, run: Run) -> None:
        result.runs.append(run)
        self.console.print(
            f"[dim]  {len(result.runs)}/{self.repeat}: {run.wall:.2f} s wall,"
            f" {run.cpu:.2f} s CPU, {run.peak / 1e6:.0f} MB[/dim]",
            highlight=False,
        )


# In this order; the last only when asked for.
CASES = ("read", "cold", "unchanged", "dagster", "grown", "small", "onefile", "large")


@contextmanager
def _restored(corpus: Path) -> Iterator[None]:
    """Takes back whatever is appended to a corpus meanwhile."""
    before = (corpus / TRUTH).read_text()
    known = len(json.loads(before)["appends"])
    try:
        yield
    finally:
        for done in reversed(Truth.load(corpus).appends[known:]):
            path = corpus / done["file"]
            os.truncate(path, path.stat().st_size - done["bytes"])
        (corpus / TRUTH).write_text(before)


def table(results: list[Result]) -> Table:
    caption = "Median and range. Peak: the largest process. All: every process."
    shown = Table(caption=caption, box=box.SIMPLE)
    shown.add_column("case", no_wrap=True)
    for title in ("data", "wall s", "CPU s", "CPU s/GB", "peak MB", "all MB"):
        shown.add_column(title, justify="right", no_wrap=True)
    shown.add_column("target", no_wrap=True)
    units = {"cpu_per_gb": "CPU s/GB", "peak_mb": "MB", "wall": "s wall"}
    for result in results:
        if not result.runs:
            continue
        sampled = all(run.peak_all is not None for run in result.runs)
        missed = result.missed()
        targets = [
            f"[{'red' if name in missed else 'green'}]{bound:.3g} {units[name]}"
            f"{' missed' if name in missed else ''}[/]"
            for name, bound in result.targets.items()
        ]
        shown.add_row(
            f"{result.name}\n[dim]{len(result.runs)} runs[/dim]",
            f"{result.bytes / 1e6:.0f} MB\n{result.files} files" if result.bytes else "",
            _spread(result, "wall", 2),
            _spread(result, "cpu", 2),
            _spread(result, "cpu_per_gb", 2) if result.bytes else "",
            _spread(result, "peak_mb", 0),
            _spread(result, "peak_all_mb", 0) if sampled else "",
            "\n".join(targets),
        )
        shown.add_section()
    return shown


def _spread(result: Result, measured: str, digits: int) -> str:
    values = result.values(measured)
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle}\n[dim]{min(values):.{digits}f}-{max(values):.{digits}f}[/dim]"


def machine() -> dict[str, Any]:
    """What the numbers were measured on, without names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--size", type=parse_size, help="of the main corpus (default: 1GB)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="makes all corpora smaller, for a quick look"
    )
    parser.add_argument("--repeat", type=int, default=5, help="runs of each case (default: 5)")
    parser.add_argument(
        "--only", action="append", choices=CASES, metavar="NAME", help=f"of {', '.join(CASES)}"
    )
    parser.add_argument("--large", action="store_true", help="also the 8 GB corpus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all figures as JSON")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "rollhouse-bench",
        help="where corpora are kept between calls (default: %(default)s)",
    )
    parser.add_argument("--clean", action="store_true", help="delete the corpora afterwards")
    given = parser.parse_args()

    console = Console(width=None if sys.stdout.isatty() else 110)
    about = machine()
    size = given.size or int(1e9 * given.scale)
    bench = Bench(console, given.cache, size, given.scale, given.repeat, given.seed)
    names = given.only or [name for name in CASES if name != "large" or given.large]
    failure = ""
    try:
        for name in CASES:
            if name in names:
                case = getattr(bench, name)
                console.print(f"[bold]{name}[/bold]: {case.__doc__}")
                case()
    except (CommandFailed, Wrong) as error:
        failure = str(error)
    finally:
        if given.clean:
            for corpus in given.cache.glob("corpus-*"):
                shutil.rmtree(corpus, ignore_errors=True)
    if given.out:
        report = {
            "machine": about,
            "results": [result.as_json() for result in bench.results if result.runs],
            "failure": failure or None,
        }
        given.out.write_text(json.dumps(report, indent=1) + "\n")
    console.print(table(bench.results))
    if failure:
        console.print("[bold red]FAILED[/bold red]")
        console.print(failure, markup=False, highlight=False)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
