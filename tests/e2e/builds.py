"""Builds in processes of their own, which tests may kill at any moment.

A server process imports everything once and forks one child a build, so that hundreds of
builds can be killed in a short time. It speaks JSON lines: a request gives home, sources and
where to die; the answer tells how the child ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psutil

from warehouse import (
    build,
    builds,
    checks,
    ingest,
    lake,
    merging,
    parsing,
    pricing,
    publish,
    resources,
)
from warehouse.build import Build
from warehouse.lake import Lake
from warehouse.settings import Settings, SourceSetting

ROOT = Path(__file__).parent.parent.parent

MODEL = """/*
description: What was read of each source
grain: one row per source
key: [source_id]
columns: [source_id, lines, generation]
scope: global
*/
SELECT
    source_id,
    lines,
    generation
FROM raw_sources
"""

# Every call by which a build leaves a trace on disk, and the stages in between.
CRASH_POINTS: list[tuple[Any, str]] = [
    (os, "replace"),
    (os, "rename"),
    (os, "link"),
    (os, "fsync"),
    (Path, "unlink"),
    (Path, "mkdir"),
    (Path, "symlink_to"),
    (publish.shutil, "rmtree"),
    (lake, "write_durably"),
    (lake.Lake, "commit"),
    (lake.Lake, "commit_registry"),
    (lake.Lake, "put_part"),
    (lake.Lake, "sweep"),
    (parsing._Stage, "finish"),
    (merging.PartWriter, "close"),
    (build, "sweep_partial"),
    (publish.Publication, "load"),
    (publish.Publication, "run"),
    (publish.Publication, "publish"),
    (publish.Publication, "_point_current"),
    (publish.Publication, "_prune"),
]


def settings(home: Path, source: Path, jobs: int = 1, keep_builds: int = 2) -> Settings:
    return Settings(
        home=home,
        sources=[SourceSetting(kind="codex", path=str(source))],
        jobs=jobs,
        keep_builds=keep_builds,
        timezone="UTC",
    )


def run_build(home: Path, source: Path, jobs: int = 1, keep_builds: int = 2) -> bool:
    """A whole build without Dagster; whether there was anything to do."""
    with Build(settings(home, source, jobs, keep_builds)) as work:
        if work.is_up_to_date():
            work.note_unchanged()
            return False
        build.run(work)
        return True


def use_models(folder: Path) -> None:
    """Let builds run one small model instead of those of sql/."""
    (folder / "session").mkdir(parents=True, exist_ok=True)
    (folder / "session" / "sources_read.sql").write_text(MODEL)
    resources.sql_folder = lambda: folder


# --- what is published ----------------------------------------------------------------------------


def published(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all published tables, in their order."""
    with duckdb.connect(builds.database_path(Lake(home)), read_only=True) as connection:
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        connection.execute("SET TimeZone = 'UTC'")
        return {name: connection.execute(f"FROM {name}").fetchall() for name in names}


def leftovers(home: Path) -> list[str]:
    """Files of a home that neither the manifest nor a whole build names."""
    store = Lake(home)
    manifest = store.manifest()
    named = {part.path for days in manifest.parts.values() for part in days.values()}
    named |= {"manifest.json", "lock", "current", str(manifest.sources_file)}
    whole = [path.parent.name for path in (store.root / "builds").glob("*/build.json")]
    found = []
    for path in [*home.iterdir(), *store.root.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(store.root).as_posix() if path.is_relative_to(store.root) else ""
        folder, _, rest = name.partition("/")
        is_build = folder == "builds" and rest.split("/")[0] in whole
        if name not in named and not is_build and path.name != "secret":
            found.append(str(path))
    return found


# --- the server -----------------------------------------------------------------------------------


class Server:
    """The process that forks builds, seen from a test."""

    def __init__(self, sql: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.builds", str(sql)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def build(self, home: Path, source: Path, **how: object) -> dict[str, Any]:
        """Run one build; `die_at` n kills it at the n-th crash point, `die_after` in time.

        The answer: `signal` that ended it (0 for none), `error` if it failed, `points`
        passed by name, `orphans` that outlived it for long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"home": str(home), "source": str(source), **how}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


def _serve(sql: Path) -> None:
    use_models(sql)
    os.fsync = lambda fd: None  # processes are killed here, not the machine
    lake.sync_filesystem = lambda path: None
    # what other tests look at, and what is the same for all builds, is left out or made once
    publish.comment = lambda tables, connection: None
    checks.check_table = lambda *_: []
    rates = pricing.rates_table(None)
    pricing.rates_table = lambda override: rates
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _child(request, writable)
    os.close(writable)
    orphans: list[psutil.Process] = []
    if (delay := request.get("die_after")) is not None:
        time.sleep(delay)
        try:
            orphans = psutil.Process(child).children(recursive=True)
            os.kill(child, signal.SIGKILL)
        except (psutil.NoSuchProcess, ProcessLookupError):
            pass
    with os.fdopen(readable) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    _, alive = psutil.wait_procs(orphans, timeout=10)
    points = [line for line in told.splitlines() if not line.startswith("!")]
    errors = [line[1:] for line in told.splitlines() if line.startswith("!")]
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "error": "\n".join(errors),
        "points": points,
        "orphans": len(alive),
        "workers": len(orphans),
    }


def _child(request: dict[str, Any], told: int) -> None:
    """The build, in a process of its own; tells each crash point that it comes to."""
    passed = 0

    def guarded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            passed += 1
            os.write(told, f"{name}\n".encode())
            if passed == request.get("die_at"):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    code = 1
    try:
        if "die_after" in request:
            ingest.INLINE_BYTES = -1  # with workers
            ingest.SPLIT_BYTES = ingest.TASK_BYTES = 300_000
        else:
            for owner, name in CRASH_POINTS:
                setattr(owner, name, guarded(name, getattr(owner, name)))
        run_build(
            Path(request["home"]),
            Path(request["source"]),
            request.get("jobs", 1),
            request.get("keep_builds", 2),
        )
        code = 0
    except BaseException:
        os.write(
            told, "".join(f"!{line}\n" for line in traceback.format_exc().split("\n")).encode()
        )
    os._exit(code)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
