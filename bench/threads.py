"""What every generated thread has, whatever CLI wrote it: a file, a clock, token counters, cuts
for forks.

Belongs here: writing lines to a rollout file, copying another file's lines, and the arithmetic of
tokens. Does not belong here: the JSON of a line (`modern.py`, `old.py`) and the choice of threads
(`generate.py`).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.filler import Filler, stamp, uuid7

# input, cached input, cache write, output, reasoning output, total
Usage = tuple[int, int, int, int, int, int]
ZERO: Usage = (0, 0, 0, 0, 0, 0)

_FLUSH_AT = 1 << 20
_MAX_CUTS = 200


def add(a: Usage, b: Usage) -> Usage:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5])


@dataclass(frozen=True)
class Project:
    cwd: bytes
    branch: bytes
    commit: bytes
    repository_url: bytes

    @property
    def git(self) -> bytes:
        return b'"git":{"commit_hash":"%b","branch":"%b","repository_url":"%b"}' % (
            self.commit,
            self.branch,
            self.repository_url,
        )


@dataclass(frozen=True)
class Cut:
    """A place in a rollout, and all that a thread going on from there takes over."""

    offset: int
    ordinal: int
    ms: int
    totals: Usage  # of the last token_count
    last: Usage | None
    spent: Usage  # thread_token_usage of the last record
    context: int
    sequence: int
    order: int


class Thread:
    """One rollout file being written."""

    version = ""
    writes_cache = False

    def __init__(
        self, home: Path, project: Project, model: str, ms: int, rng: random.Random, filler: Filler
    ) -> None:
        self.home = home
        self.project = project
        self.model = model
        self.rng = rng
        self.filler = filler
        self.started_ms = self.ms = ms
        self.id = uuid7(ms, rng)
        self.size = 0
        self.lines = 0
        self.turns = 0
        self.ordinal = 0
        self.sequence = 0  # history_sequence
        self.order = 0  # user_input_order
        self.totals = ZERO
        self.spent = ZERO
        self.last: Usage | None = None  # what a token_count shows beside the totals
        self.context = 7_000 + int(rng.random() * 8_000)
        self.cuts: list[Cut] = []
        # What was really billed here, by model.
        self.billed: dict[str, Usage] = {}
        self.responses = 0
        self._cached = 0
        self._limit = 1.0 + rng.random() * 40
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @property
    def path(self) -> Path:
        at = stamp(self.started_ms)[:19].decode()
        name = f"rollout-{at.replace(':', '-')}-{self.id.decode()}.jsonl"
        return self.home / "sessions" / at[:4] / at[5:7] / at[8:10] / name

    # -- lines

    def put(self, line: bytes) -> None:
        """Takes one line, newline included."""
        self._pending.append(line)
        size = len(line)
        self.size += size
        self.lines += 1
        self._pending_bytes += size
        if self._pending_bytes >= _FLUSH_AT:
            self.flush()

    def put_copies(self, lines: Iterable[bytes]) -> None:
        """Takes another thread's lines over as they are, but with the time of copying."""
        at = stamp(self.ms)
        for number, line in enumerate(lines):
            if number % 50 == 49:
                self.ms += 1
                at = stamp(self.ms)
            self.put(line[:14] + at + line[38:])
        self.ms += 2

    def flush(self) -> None:
        if not self._pending:
            return
        path = self.path
        try:
            handle = open(path, "ab")  # noqa: SIM115
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = open(path, "ab")  # noqa: SIM115
        with handle:
            handle.write(b"".join(self._pending))
        self._pending.clear()
        self._pending_bytes = 0

    def taken(self) -> list[bytes]:
        """The lines put so far, given away instead of written."""
        lines, self._pending, self._pending_bytes = self._pending, [], 0
        return lines

    def close(self) -> None:
        """Ends the file; its modification time is that of the last line."""
        self.flush()
        os.utime(self.path, (self.ms / 1000, self.ms / 1000))

    def head(self, end: int) -> list[bytes]:
        """The first bytes of the file as lines."""
        self.flush()
        with open(self.path, "rb") as handle:
            return handle.read(end).splitlines(keepends=True)

    # -- tokens

    def respond(self, new_tokens: int, reasoning: int) -> Usage:
        """Bills one response: the context so far goes in, most of it from the cache."""
        sent = self.context
        cached = self._cached // 128 * 128 if self.rng.random() < 0.96 else 0
        written = (sent - cached) // 2 if self.model in _WRITES_CACHE and self.writes_cache else 0
        used = (
            sent,
            cached,
            written,
            new_tokens + reasoning,
            reasoning,
            sent + new_tokens + reasoning,
        )
        self._cached = sent
        self.context = sent + new_tokens + reasoning
        self.totals = add(self.totals, used)
        self.spent = add(self.spent, used)
        self.billed[self.model] = add(self.billed.get(self.model, ZERO), used)
        self.responses += 1
        return used

    def mark_cut(self) -> None:
        if len(self.cuts) < _MAX_CUTS:
            self.cuts.append(self.cut())

    def cut(self) -> Cut:
        return Cut(
            self.size,
            self.ordinal,
            self.ms,
            self.totals,
            self.last,
            self.spent,
            self.context,
            self.sequence,
            self.order,
        )

    def take_over(self, cut: Cut) -> None:
        """Goes on from another thread's state."""
        self.ordinal = cut.ordinal
        self.totals = cut.totals
        self.last = cut.last
        self.spent = cut.spent
        self.context = cut.context
        self.sequence = cut.sequence
        self.order = cut.order

    # -- time

    def pause(self, low: int, high: int) -> None:
        self.ms += low + int(self.rng.random() * (high - low))

    def limits(self) -> tuple[float, float]:
        """Used per cent of the short and the long rate limit window."""
        self._limit += 0.2
        if self._limit > 99:
            self._limit = 1.0
        return self._limit // 1, self._limit // 5

    # -- what a version defines

    def start(self) -> None:
        raise NotImplementedError

    def turn(self, target: int) -> None:
        raise NotImplementedError

    def write_until(self, target: int) -> None:
        """Turns until the file has about the wanted size; at least one."""
        while True:
            self.turn(target)
            self.turns += 1
            self.mark_cut()
            if self.size >= target:
                break
            # The user reads, thinks, comes back after lunch.
            self.ms += int(20_000 * self.rng.lognormvariate(0.8, 1.5))


_WRITES_CACHE = frozenset({"gpt-5.6-sol"})
