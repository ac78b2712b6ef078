"""Measures one command as a whole process, with all processes that it starts.

Belongs here: wall and CPU time, peak memory, and what becomes of processes that outlive their
parent. Does not belong here: what is measured and why (`run.py`).

CPU time is what the kernel charged to the command and to every process below it, whether its
parent waited for it or not: on Linux, orphans come back to us and are counted too. Elsewhere only
waited-for ones are. A process is never reported smaller than this one, from which it was forked;
so this one keeps small.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 0.2
_ORPHAN_SECONDS = 20.0
_PR_SET_CHILD_SUBREAPER = 36
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class CommandFailed(Exception):
    """A measured command ended with an error; the message holds the end of its output."""


@dataclass(frozen=True)
class Run:
    """One finished run."""

    wall: float
    user: float
    system: float
    peak: int
    """Bytes of the largest single process."""
    peak_all: int | None
    """Bytes of all processes together, shared pages divided among them; None where not known.
    Sampled, so short peaks may be missed."""

    @property
    def cpu(self) -> float:
        return self.user + self.system


def measure(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Run:
    """Runs a command to its end."""
    _adopt_orphans()
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env),
        )
        with _Sampler() as sampler:
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - started
            # Popen must not wait for it again.
            child.returncode = os.waitstatus_to_exitcode(status)
            usages = [usage, *_reap_orphans(command)]
        if child.returncode != 0:
            output.seek(0, os.SEEK_END)
            output.seek(max(0, output.tell() - 4000))
            text = output.read().decode(errors="replace").strip()
            raise CommandFailed(f"{' '.join(command)}\nexit code {child.returncode}\n{text}")
    return Run(
        wall=wall,
        user=sum(used.ru_utime for used in usages),
        system=sum(used.ru_stime for used in usages),
        peak=max(used.ru_maxrss for used in usages) * _RSS_UNIT,
        peak_all=sampler.peak,
    )


def _adopt_orphans() -> None:
    """Makes processes whose parent ended ours, so that their usage can be had."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(command: Sequence[str]) -> list[resource.struct_rusage]:
    usages: list[resource.struct_rusage] = []
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while time.monotonic() < deadline:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return usages
        if pid:
            usages.append(usage)
        else:
            time.sleep(0.01)
    raise CommandFailed(f"{' '.join(command)}\nleft processes running")


class _Sampler:
    """Watches the memory of everything below this process while a command runs."""

    def __init__(self) -> None:
        self.peak: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            pids = _children(os.getpid())
            if pids is None:
                return
            total = sum(map(_memory, pids))
            self.peak = max(self.peak or 0, total)


def _children(pid: int) -> list[int] | None:
    """All processes below one; None where the kernel does not tell."""
    found = []
    todo = [pid]
    while todo:
        parent = todo.pop()
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids = [int(word) for word in (task / "children").read_text().split()]
                found += pids
                todo += pids
        except (FileNotFoundError, ProcessLookupError):
            if parent == pid:
                return None
    return found


def _memory(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
