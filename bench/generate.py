"""Generates a Codex home of any size, with the tokens that it truly holds beside it.

    python bench/generate.py --out DIR --bytes 1GB --files 10000 --seed 1

Belongs here: which threads a corpus has (sizes, versions, projects, forks, sub-agents, archived
and compressed files) and the truth about them. Does not belong here: the lines of a thread
(`modern.py`, `old.py`), checking a corpus (`check.py`), measuring anything (`run.py`).

The same options give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # also as a plain script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.filler import DAY_MS, Filler, stamp
from bench.modern import Agent, Fork, ModernThread
from bench.old import OldFork, OldThread, Thread47, Thread80
from bench.threads import ZERO, Project, Thread, Usage, add

VERSION = 2
"""Of the generator: raise it when the same options give other bytes."""

TRUTH = "bench-truth.json"
_END_MS = 1_795_219_200_000  # 2026-11-21
_ARCHIVED_SHARE = 0.05
_DELEGATING_SHARE = 0.2
_SMALLEST = 2_000
_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}
_MODERN_MODELS = (
    "gpt-5.4",
    "gpt-5.4",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.3-codex",
    "gpt-5.5",
    "gpt-5.6-sol",
)


@dataclass(frozen=True)
class Options:
    bytes: int = 1_000_000_000
    files: int = 10_000
    seed: int = 1
    days: int = 120
    forks: float = 0.2
    one_file: int = 0
    zst: float = 0.05


@dataclass
class Truth:
    """What a build of the corpus must come to.

    Copied lines count as lines and bytes, never as usage.
    """

    generator: int
    options: dict[str, Any]
    files: int = 0
    threads: int = 0
    forks: int = 0
    agents: int = 0
    archived: int = 0
    compressed: int = 0
    lines: int = 0
    bytes: int = 0
    bytes_on_disk: int = 0
    responses: int = 0
    usage: dict[str, int] = field(default_factory=dict)
    by_model: dict[str, dict[str, int]] = field(default_factory=dict)
    by_project: dict[str, dict[str, int]] = field(default_factory=dict)
    by_version: dict[str, dict[str, int]] = field(default_factory=dict)
    appends: list[dict[str, Any]] = field(default_factory=list)

    def save(self, home: Path) -> None:
        (home / TRUTH).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, home: Path) -> Truth:
        return cls(**json.loads((home / TRUTH).read_text()))


class Corpus:
    """One generation run."""

    def __init__(self, home: Path, options: Options) -> None:
        self.home = home
        self.options = options
        self.rng = random.Random(f"corpus-{options.seed}")
        self.filler = Filler(options.seed)
        self.projects = _projects(self.rng)
        self.truth = Truth(VERSION, asdict(options))
        self._billed = ZERO
        self._by_model: dict[str, Usage] = {}
        self._by_project: dict[bytes, Usage] = {}
        self._agents: deque[Agent] = deque()
        self._modern: deque[ModernThread] = deque(maxlen=60)
        self._old: deque[OldThread] = deque(maxlen=20)
        self._to_archive: list[Path] = []
        self._to_compress: list[Path] = []
        self._index: list[str] = []

    def generate(self) -> Truth:
        options = self.options
        balance = 0
        if options.files:
            for size in _sizes(self.rng, options.bytes, options.files):
                # A file ends with its last turn and so misses its size: the next ones make up.
                wanted = max(_SMALLEST, size + max(-size // 2, min(size // 2, balance)))
                balance += size - self._add(self._next(wanted), wanted)
        if options.one_file:
            start = _END_MS - options.days * DAY_MS
            self._add(self._new_modern(options.one_file, start, paginated=True), options.one_file)
        (self.home / "session_index.jsonl").write_text("".join(self._index))
        self._archive()
        self._compress()
        truth = self.truth
        truth.bytes_on_disk = truth.bytes - self._saved
        truth.usage = _named(self._billed)
        truth.by_model = {model: _named(used) for model, used in sorted(self._by_model.items())}
        truth.by_project = {
            cwd.decode(): _named(used) for cwd, used in sorted(self._by_project.items())
        }
        truth.save(self.home)
        return truth

    # -- one thread

    def _add(self, thread: Thread, size: int) -> int:
        """Writes a thread and takes note of it; gives its bytes."""
        rng = self.rng
        thread.start()
        thread.write_until(size)
        thread.close()
        truth = self.truth
        truth.files += 1
        truth.threads += 1
        truth.lines += thread.lines
        truth.bytes += thread.size
        truth.responses += thread.responses
        version = truth.by_version.setdefault(thread.version, {"files": 0, "bytes": 0})
        version["files"] += 1
        version["bytes"] += thread.size
        project = thread.project.cwd
        for model, used in thread.billed.items():
            self._billed = add(self._billed, used)
            self._by_model[model] = add(self._by_model.get(model, ZERO), used)
            self._by_project[project] = add(self._by_project.get(project, ZERO), used)
        if isinstance(thread, ModernThread):
            self._agents.extend(thread.agents)
            if thread.agent is None:
                self._modern.append(thread)
        elif isinstance(thread, Thread80):
            self._old.append(thread)
        if rng.random() < _ARCHIVED_SHARE:
            self._to_archive.append(thread.path)
        elif rng.random() < self.options.zst and thread.started_ms < _END_MS - 7 * DAY_MS:
            self._to_compress.append(thread.path)
        if rng.random() < 0.02:
            name = {
                "id": thread.id.decode(),
                "thread_name": f"Work {truth.files}",
                "updated_at": stamp(thread.ms).decode(),
            }
            self._index.append(json.dumps(name, separators=(",", ":")) + "\n")
        return thread.size

    def _next(self, size: int) -> Thread:
        """The next thread: a sub-agent that waits to be written, a fork, or a new one."""
        rng = self.rng
        if self._agents and size > 30_000:
            return self._new_agent(self._agents.popleft())
        if rng.random() < self.options.forks:
            fork = self._new_fork(size)
            if fork is not None:
                return fork
        age = rng.random()
        start = _END_MS - int(age * self.options.days * DAY_MS)
        if size < 12_000 or (size < 24_000 and rng.random() < 0.5) or age > 0.94:
            return self._new_old(Thread47, start)
        if age > 0.84:
            return self._new_old(Thread80, start)
        return self._new_modern(size, start, paginated=rng.random() < 0.7)

    def _new_modern(self, size: int, start: int, *, paginated: bool) -> ModernThread:
        rng = self.rng
        return ModernThread(
            self.home,
            rng.choice(self.projects),
            rng.choice(_MODERN_MODELS),
            start,
            self._own_rng(),
            self.filler,
            paginated=paginated,
            short=size < 45_000,
            delegates=size > 80_000 and rng.random() < _DELEGATING_SHARE,
        )

    def _new_old(self, kind: type[OldThread], start: int) -> OldThread:
        model = "gpt-5-codex" if kind is Thread47 else "gpt-5.2-codex"
        return kind(
            self.home, self.rng.choice(self.projects), model, start, self._own_rng(), self.filler
        )

    def _new_agent(self, agent: Agent) -> ModernThread:
        self.truth.agents += 1
        parent = agent.parent
        return ModernThread(
            self.home,
            parent.project,
            parent.model,
            agent.ms,
            self._own_rng(),
            self.filler,
            paginated=parent.paginated or not agent.inherits,
            agent=agent,
        )

    def _new_fork(self, size: int) -> Thread | None:
        """A fork of a recent thread, if there is one whose copied part leaves room for its own."""
        rng = self.rng
        sources: Sequence[Thread] = self._old if rng.random() < 0.1 else self._modern
        if not sources:
            return None
        source = rng.choice(sources)
        copies = not (isinstance(source, ModernThread) and source.paginated)
        cuts = [cut for cut in source.cuts if not copies or cut.offset < size * 0.7]
        if not cuts:
            return None
        cut = cuts[-1] if rng.random() < 0.7 else rng.choice(cuts)
        start = source.ms + 60_000 + int(rng.random() * DAY_MS)
        self.truth.forks += 1
        if isinstance(source, ModernThread):
            return ModernThread(
                self.home,
                source.project,
                source.model,
                start,
                self._own_rng(),
                self.filler,
                paginated=source.paginated,
                short=size < 45_000,
                fork=Fork(source, cut),
            )
        assert isinstance(source, Thread80)
        return Thread80(
            self.home,
            source.project,
            source.model,
            start,
            self._own_rng(),
            self.filler,
            OldFork(source, cut),
        )

    def _own_rng(self) -> random.Random:
        return random.Random(self.rng.getrandbits(64))

    # -- what happens to files later

    def _archive(self) -> None:
        folder = self.home / "archived_sessions"
        folder.mkdir(exist_ok=True)
        for path in self._to_archive:
            path.rename(folder / path.name)
        self.truth.archived = len(self._to_archive)

    def _compress(self) -> None:
        self._saved = 0
        if not self._to_compress:
            return
        from zstandard import ZstdCompressor

        compressor = ZstdCompressor(level=3)
        for path in self._to_compress:
            status = path.stat()
            packed = path.with_name(path.name + ".zst")
            with open(path, "rb") as plain, open(packed, "wb") as target:
                compressor.copy_stream(plain, target)
            os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
            self._saved += status.st_size - packed.stat().st_size
            path.unlink()
        self.truth.compressed = len(self._to_compress)


def generate(home: Path, options: Options) -> Truth:
    """Writes a corpus into an empty or new folder."""
    if home.exists() and any(home.iterdir()):
        raise FileExistsError(f"{home} is not empty")
    home.mkdir(parents=True, exist_ok=True)
    return Corpus(home, options).generate()


def append(home: Path, count: int, seed: int) -> dict[str, Any]:
    """Adds lines to one file of a corpus, and their tokens to its truth."""
    truth = Truth.load(home)
    rng = random.Random(f"append-{seed}-{len(truth.appends)}")
    path = _resumable(home, rng)
    thread = ModernThread.reopen(home, path, rng, Filler(seed))
    lines = thread.taken()
    while len(lines) < count:
        thread.turn(0)
        lines += thread.taken()
    lines = lines[:count]
    with open(path, "ab") as handle:
        handle.writelines(lines)
    size = sum(map(len, lines))
    done = {"file": str(path.relative_to(home)), "lines": len(lines), "bytes": size}
    truth.appends.append(done)
    truth.lines += len(lines)
    truth.bytes += size
    truth.bytes_on_disk += size
    by_model = truth.by_model.setdefault(thread.model, _named(ZERO))
    by_project = truth.by_project.setdefault(thread.project.cwd.decode(), _named(ZERO))
    for line in lines:
        record = json.loads(line)
        if record["type"] == "token_usage_record":
            truth.responses += 1
            for sums in (truth.usage, by_model, by_project):
                for name, tokens in record["payload"]["usage"].items():
                    sums[name] += tokens
    truth.save(home)
    return done


def parse_size(text: str) -> int:
    """`300MB`, `2GB`, `1.5GiB`, or plain bytes."""
    number = text.rstrip("KMGIBkmgib ")
    unit = text[len(number) :].strip().upper()
    if unit not in _UNITS or not number.replace(".", "", 1).isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 300MB, 2GB or 1GiB")
    return int(float(number) * _UNITS[unit])


def _sizes(rng: random.Random, total: int, files: int) -> list[int]:
    """File sizes that add up to `total`: log-normal, and one in a hundred twenty times as long."""
    # Tiny means leave no room for a tail.
    sigma = 1.0 if total / files > 30_000 else 0.5
    raw = [
        rng.lognormvariate(0, sigma) * (20 if sigma == 1.0 and rng.random() < 0.01 else 1)
        for _ in range(files)
    ]
    low, high = 0.0, float(total)
    for _ in range(80):
        middle = (low + high) / 2
        if sum(max(_SMALLEST, middle * size) for size in raw) < total:
            low = middle
        else:
            high = middle
    return [max(_SMALLEST, int(low * size)) for size in raw]


def _projects(rng: random.Random) -> list[Project]:
    names = (
        "warehouse", "notes", "api", "web-client", "infra", "payments", "search", "mobile", "etl",
        "docs", "sdk-python", "sdk-rust", "dashboard", "auth", "billing", "scratch",
    )  # fmt: skip
    return [
        Project(
            cwd=b"/home/dev/repos/" + name.encode(),
            branch=rng.choice((b"main", b"main", b"feat/etl", b"fix/retry-loop")),
            commit=b"%040x" % rng.getrandbits(160),
            repository_url=b"git@github.com:acme/%b.git" % name.encode(),
        )
        for name in names
    ]


def _named(used: Usage) -> dict[str, int]:
    return {
        "input_tokens": used[0],
        "cached_input_tokens": used[1],
        "cache_write_input_tokens": used[2],
        "output_tokens": used[3],
        "reasoning_output_tokens": used[4],
        "total_tokens": used[5],
    }


def _resumable(home: Path, rng: random.Random) -> Path:
    """Some paginated root thread that can go on."""
    paths = sorted((home / "sessions").rglob("rollout-*.jsonl"))
    while paths:
        path = paths.pop(rng.randrange(len(paths)))
        if path.stat().st_size < 20_000_000:
            with open(path, "rb") as handle:
                meta = json.loads(handle.readline())["payload"]
            if meta.get("history_mode") == "paginated" and meta["session_id"] == meta["id"]:
                return path
    raise FileNotFoundError(f"no thread to go on with below {home}")


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def main() -> int:
    defaults = Options()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="the Codex home to write")
    parser.add_argument("--bytes", type=parse_size, help="sum of all files (default: 1GB)")
    parser.add_argument("--files", type=int, help="number of threads (default: 10000)")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument(
        "--days", type=int, default=defaults.days, help="days that threads start in"
    )
    parser.add_argument("--forks", type=float, default=defaults.forks, help="share of forks")
    parser.add_argument("--zst", type=float, default=defaults.zst, help="share of compressed files")
    parser.add_argument(
        "--one-file",
        type=parse_size,
        default=0,
        metavar="SIZE",
        help="one thread of this size; alone, unless --bytes or --files is given too",
    )
    parser.add_argument(
        "--append", type=int, metavar="N", help="add N lines to one file of the corpus in --out"
    )
    parser.add_argument(
        "--check", action="store_true", help="check the corpus in --out line by line"
    )
    given = parser.parse_args()

    if given.check:
        from bench.check import check

        return check(given.out)
    if given.append:
        try:
            print(json.dumps(append(given.out, given.append, given.seed)))
        except FileNotFoundError as error:
            print(f"generate: {error}", file=sys.stderr)
            return 2
        return 0
    alone = given.one_file and given.bytes is None and given.files is None
    options = Options(
        bytes=_given(given.bytes, 0 if alone else defaults.bytes),
        files=_given(given.files, 0 if alone else defaults.files),
        seed=given.seed,
        days=given.days,
        forks=given.forks,
        one_file=given.one_file,
        zst=given.zst,
    )
    started = time.perf_counter()
    try:
        truth = generate(given.out, options)
    except FileExistsError as error:
        print(f"generate: {error}", file=sys.stderr)
        return 2
    seconds = time.perf_counter() - started
    print(
        f"{truth.files} files, {truth.lines} lines, {truth.bytes / 1e6:.1f} MB in {seconds:.1f} s "
        f"({truth.bytes / 1e6 / seconds:.0f} MB/s), {truth.responses} responses: {given.out}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
