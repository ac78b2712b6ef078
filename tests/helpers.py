"""Small rollouts and lakes for tests: writing session files, scanning, reading rows back.

Belongs here: what tests of several modules share. Does not belong here: assertions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from warehouse.contracts import lake_tables
from warehouse.ingest import Ingested, ingest
from warehouse.lake import Lake, Source
from warehouse.privacy import Privacy
from warehouse.scanning import Plan, Root, scan

KEY = bytes(range(32))
DAY = "2026-03-04"


def thread_id(number: int) -> str:
    return f"01990000-0000-7000-8000-{number:012x}"


def line(kind: str, payload: dict[str, object], second: int = 0) -> bytes:
    """One rollout line as Codex writes it, with its newline."""
    at = f"{DAY}T10:{second // 60 % 60:02d}:{second % 60:02d}.123Z"
    envelope = {"timestamp": at, "type": kind, "payload": payload}
    return json.dumps(envelope, separators=(",", ":")).encode() + b"\n"


def meta(thread: int, **more: object) -> bytes:
    payload = {
        "id": thread_id(thread),
        "timestamp": f"{DAY}T10:00:00.000Z",
        "cwd": "/home/dev/project",
        "originator": "codex_cli_rs",
        "cli_version": "0.100.0",
        "source": "cli",
    }
    return line("session_meta", {**payload, **more})


def message(number: int, text: str = "") -> bytes:
    content = [{"type": "output_text", "text": text or f"message {number}"}]
    return line(
        "response_item", {"type": "message", "role": "assistant", "content": content}, number
    )


def usage(number: int) -> bytes:
    """A token_count line whose counters follow from its number."""

    def tokens(n: int) -> dict[str, int]:
        return {"input_tokens": 10 * n, "output_tokens": n, "total_tokens": 11 * n}

    info = {"total_token_usage": tokens(number), "last_token_usage": tokens(1)}
    return line("event_msg", {"type": "token_count", "info": info}, number)


def body(count: int, start: int = 1) -> bytes:
    """`count` lines, messages and token counts in turn."""
    return b"".join(message(n) if n % 2 else usage(n) for n in range(start, start + count))


def rollout(thread: int, count: int, **more: object) -> bytes:
    """A whole file: its meta and `count` further lines."""
    return meta(thread, **more) + body(count)


def rollout_name(thread: int, day: str = DAY) -> str:
    return f"rollout-{day}T10-00-00-{thread_id(thread)}.jsonl"


def compressed(content: bytes) -> bytes:
    """As Codex compresses: one frame, written as a stream."""
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return packer.compress(content) + packer.flush()


class Codex:
    """A Codex home on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sessions = root / "sessions"
        self.archived = root / "archived_sessions"
        self.sessions.mkdir(parents=True)
        self.archived.mkdir()

    def path(self, thread: int, day: str = DAY) -> Path:
        folder = self.sessions.joinpath(*day.split("-"))
        folder.mkdir(parents=True, exist_ok=True)
        return folder / rollout_name(thread, day)

    def write(self, thread: int, count: int, day: str = DAY, **more: object) -> Path:
        path = self.path(thread, day)
        path.write_bytes(rollout(thread, count, **more))
        return path


def append(path: Path, content: bytes) -> None:
    with open(path, "ab") as file:
        file.write(content)


def rewrite_in_place(path: Path, content: bytes) -> None:
    """Other content of the same size, unseen by size and time of change."""
    status = path.stat()
    assert len(content) == status.st_size
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def touch(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))


@dataclass(frozen=True)
class Step:
    """What one pass over the sources did."""

    plan: Plan
    ingested: Ingested | None

    @property
    def work(self) -> tuple[int, int]:
        """(sources read, lines parsed)."""
        done = self.ingested
        return (0, 0) if done is None else (done.sources_read, done.lines_parsed)

    @property
    def problems(self) -> list[str]:
        return [error for _, error in (self.ingested or self.plan).problems]


class Warehouse:
    """A home with a lake and nothing published: scan and ingest, and rows read back."""

    def __init__(
        self, home: Path, roots: Sequence[Path | Root], mode: str = "standard", key: bytes = KEY
    ) -> None:
        self.home = home
        self.roots = [r if isinstance(r, Root) else Root("codex", r, None) for r in roots]
        self.privacy = Privacy(mode, key)
        self.lake = Lake(home)

    def scan(self, verify: bool = False) -> Plan:
        registry = self.lake.sources(self.lake.manifest())
        return scan(self.roots, registry, self.privacy, verify)

    def sync(self, verify: bool = False, jobs: int = 1) -> Step:
        """What a build does, but for models and publishing."""
        with self.lake.lock():
            return self.ingest(self.scan(verify), jobs)

    def ingest(self, plan: Plan, jobs: int = 1) -> Step:
        manifest = self.lake.manifest()
        self.lake.sweep(manifest)
        if plan.news:
            return Step(plan, ingest(self.lake, manifest, plan, self.privacy, jobs))
        if plan.registry_changed:
            self.lake.commit_registry(manifest, list(plan.registry.values()))
        return Step(plan, None)

    @property
    def sources(self) -> dict[str, Source]:
        return {source.source_id: source for source in self.lake.sources(self.lake.manifest())}

    @property
    def source(self) -> Source:
        (source,) = self.sources.values()
        return source

    def states(self) -> dict[str, str]:
        """State by file name (of the plain file)."""
        return {os.path.basename(s.logical): s.state for s in self.sources.values()}

    def table(self, name: str) -> pa.Table:
        files = self.lake.part_files(self.lake.manifest(), name)
        schema = lake_tables()[name].arrow_schema
        return pa.concat_tables(
            [schema.empty_table(), *(pq.ParquetFile(file).read().cast(schema) for file in files)]
        )

    def buckets(self, table: str) -> list[str]:
        return sorted(self.lake.manifest().parts.get(table, {}))

    def rows(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        table = self.table(name)
        return list(zip(*(table.column(c).to_pylist() for c in columns), strict=True))

    def lines_by_path(
        self, states: Iterable[str] = ("present",)
    ) -> dict[str, list[tuple[Any, ...]]]:
        """Rows of raw_lines (without source_id) by logical path, for sources in `states`."""
        names = [c.name for c in lake_tables()["raw_lines"].columns if c.name != "source_id"]
        return self.rows_by_path("raw_lines", names, states)

    def rows_by_path(
        self, table: str, columns: Sequence[str], states: Iterable[str] = ("present",)
    ) -> dict[str, list[tuple[Any, ...]]]:
        wanted = set(states)
        sources = {s.source_id: s for s in self.sources.values() if s.state in wanted}
        found: dict[str, list[tuple[Any, ...]]] = {s.logical: [] for s in sources.values()}
        for source_id, *row in self.rows(table, "source_id", *columns):
            if source_id in sources:
                found[sources[source_id].logical].append(tuple(row))
        return found


def snapshot(warehouse: Warehouse, leave_out: Iterable[str] = ()) -> dict[str, pa.Table]:
    """All lake tables, without the columns named in `leave_out`."""
    dropped = set(leave_out)
    return {
        name: table.drop_columns([c for c in table.column_names if c in dropped])
        for name in lake_tables()
        for table in [warehouse.table(name)]
    }


LINE_TABLES = [
    name
    for name, table in lake_tables().items()
    if table.key[0] == "source_id" and name != "raw_sources"
]
READ_FIELDS = (
    "thread_id",
    "is_archived",
    "is_compressed",
    "size",
    "bytes_read",
    "lines",
    "rejected_lines",
    "deferred_bytes",
    "content_sum",
    "state",
    "error",
    "parser_version",
    "privacy",
)


def present_state(warehouse: Warehouse) -> dict[str, object]:
    """All that a build from scratch must agree on: entries and rows of what is there, by path."""
    state: dict[str, object] = {
        source.logical: {name: getattr(source, name) for name in READ_FIELDS}
        for source in warehouse.sources.values()
        if source.state != "missing"
    }
    for name in LINE_TABLES:
        columns = [c.name for c in lake_tables()[name].columns if c.name != "source_id"]
        for path, rows in warehouse.rows_by_path(name, columns, ("present", "unreadable")).items():
            state[f"{path} {name}"] = rows
    return state


def assert_like_fresh(warehouse: Warehouse, scratch: Path) -> None:
    """What is there now has the rows that a build from scratch gives it."""
    fresh = Warehouse(scratch, warehouse.roots, warehouse.privacy.mode, warehouse.privacy.key)
    fresh.sync()
    assert present_state(warehouse) == present_state(fresh)
    raw = warehouse.table("raw_lines").group_by("source_id").aggregate([([], "count_all")])
    counted = dict(zip(*(raw.column(n).to_pylist() for n in raw.column_names), strict=True))
    for source_id, source in warehouse.sources.items():
        assert counted.get(source_id, 0) == source.lines
    assert set(counted) <= set(warehouse.sources)
