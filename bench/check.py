"""Checks a generated corpus line by line, with nothing but `json`.

Belongs here: a slow and plain second opinion on what `generate.py` wrote: every line parses, the
laws of token accounting hold, and counting the files anew gives the truth beside them. Does not
belong here: anything of the generator but the truth file, anything of the product.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

_FIELDS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
)


class Checker:
    """Counts a corpus and collects what is wrong with it."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.lines = 0
        self.bytes = 0
        self.sums: Counter[str] = Counter()
        self.responses: set[tuple[str, str]] = set()
        self.counted = 0
        self.kind_lines: Counter[str] = Counter()
        self.kind_bytes: Counter[str] = Counter()
        # Payloads of 0.80 threads, to find the end of what a fork copied.
        self.payloads: dict[str, list[str]] = {}

    def file(self, path: Path) -> None:
        where = path.name
        thread = ""
        rows: list[dict[str, Any]] = []
        for number, raw in enumerate(_lines(path), 1):
            self.lines += 1
            self.bytes += len(raw)
            try:
                row = json.loads(raw)
            except ValueError as error:
                self.errors.append(f"{where}:{number}: {error}")
                continue
            compact = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
            if len(compact) != len(raw) and b"create_time" not in raw:
                self.errors.append(f"{where}:{number}: not the compact form")
            payload = row["payload"]
            if number == 1:
                thread = payload["id"]
                if thread not in where or payload["timestamp"][:13] not in where:
                    self.errors.append(f"{where}: name and session_meta differ")
            kind = row["type"]
            if isinstance(payload.get("type"), str):
                kind += "/" + payload["type"]
            if "item" in payload:
                kind += "/" + payload["item"]["type"]
            self.kind_lines[kind] += 1
            self.kind_bytes[kind] += len(raw)
            rows.append(row)
        self._order(where, rows)
        version = rows[0]["payload"]["cli_version"]
        if version == "0.169.0":
            self._records(where, thread, rows)
        else:
            self._counters(where, thread, rows)

    def _order(self, where: str, rows: list[dict[str, Any]]) -> None:
        """Time does not run backwards, ordinals have no gaps."""
        before: dict[str, Any] = {}
        for row in rows:
            if before and row["timestamp"] < before["timestamp"]:
                self.errors.append(f"{where}: time runs backwards at {row['timestamp']}")
            if before and ("ordinal" in row) != ("ordinal" in before):
                self.errors.append(f"{where}: some lines have ordinals")
            if before and "ordinal" in row and row["ordinal"] != before["ordinal"] + 1:
                self.errors.append(f"{where}: a gap before ordinal {row['ordinal']}")
            before = row

    def _records(self, where: str, thread: str, rows: list[dict[str, Any]]) -> None:
        """0.169: own records count; their running sums and the counters must agree with them."""
        running: Counter[str] = Counter()
        started = False
        for row in rows:
            payload = row["payload"]
            if row["type"] != "token_usage_record":
                continue
            usage = payload["usage"]
            self._laws(where, usage)
            if payload["thread_id"] != thread:
                continue
            key = (thread, payload["response_id"])
            if key in self.responses:
                self.errors.append(f"{where}: {key[1]} twice")
            self.responses.add(key)
            self.counted += 1
            self.sums.update(usage)
            total = payload["thread_token_usage"]
            if not started:
                running = Counter({f: total[f] - usage[f] for f in _FIELDS})
                inherited = sum(running.values())
                if inherited and "forked_from_id" not in rows[0]["payload"]:
                    self.errors.append(f"{where}: thread_token_usage does not start at 0")
                started = True
            running.update(usage)
            if any(running[f] != total[f] for f in _FIELDS):
                self.errors.append(f"{where}: thread_token_usage is not the running sum")
        if not started:
            self.errors.append(f"{where}: no record of its own")
        last = [
            row["payload"]["info"]["total_token_usage"]
            for row in rows
            if row["payload"].get("type") == "token_count" and row["payload"]["info"]
        ]
        for a, b in pairwise(last):
            if any(b[f] < a[f] for f in _FIELDS):
                self.errors.append(f"{where}: a total falls")

    def _counters(self, where: str, thread: str, rows: list[dict[str, Any]]) -> None:
        """Older versions: `last` counts where the total moved, but not in a copied prefix."""
        payloads = [json.dumps(row["payload"]) for row in rows]
        copied = 0
        if sum(row["type"] == "session_meta" for row in rows) > 1:
            source = self.payloads.get(rows[1]["payload"]["id"])
            if source is None:
                self.errors.append(f"{where}: the thread it copied comes later or never")
                return
            while copied < len(source) and source[copied] == payloads[copied + 1]:
                copied += 1
        if rows[0]["payload"]["cli_version"] == "0.80.0":
            self.payloads[thread] = payloads
        before = None
        for number, row in enumerate(rows):
            payload = row["payload"]
            if payload.get("type") != "token_count":
                continue
            info = payload["info"]
            total = info["total_token_usage"] if info else None
            if total and total != before and number > copied:
                usage = info["last_token_usage"]
                self._laws(where, usage)
                if any(total[f] - (before or {}).get(f, 0) != usage[f] for f in usage):
                    self.errors.append(f"{where}: the total does not move by the last usage")
                self.counted += 1
                self.sums.update(usage)
            before = total

    def _laws(self, where: str, usage: dict[str, int]) -> None:
        cached = usage["cached_input_tokens"] + usage.get("cache_write_input_tokens", 0)
        if cached > usage["input_tokens"]:
            self.errors.append(f"{where}: more cached than sent")
        if usage["reasoning_output_tokens"] > usage["output_tokens"]:
            self.errors.append(f"{where}: more reasoning than output")
        if usage["total_tokens"] != usage["input_tokens"] + usage["output_tokens"]:
            self.errors.append(f"{where}: total is not input + output")


def check(home: Path) -> int:
    """Prints the mix of a corpus and whatever is wrong with it; 1 if something is."""
    truth = json.loads((home / "bench-truth.json").read_text())
    checker = Checker()
    paths = sorted(home.rglob("rollout-*"), key=lambda path: path.name)
    for path in paths:
        checker.file(path)
    found = {
        "files": len(paths),
        "lines": checker.lines,
        "bytes": checker.bytes,
        "bytes_on_disk": sum(path.stat().st_size for path in paths),
        "responses": checker.counted,
        "usage": {name: checker.sums[name] for name in _FIELDS},
    }
    for name, value in found.items():
        if truth[name] != value:
            checker.errors.append(f"truth says {name} = {truth[name]}, the files say {value}")
    print(f"{'lines':>9} {'share':>7} {'MB':>9} {'share':>7} {'mean':>7}  kind")
    for kind, size in checker.kind_bytes.most_common():
        lines = checker.kind_lines[kind]
        print(
            f"{lines:>9} {lines / checker.lines:>7.2%} {size / 1e6:>9.2f}"
            f" {size / checker.bytes:>7.2%} {size // lines:>7}  {kind}"
        )
    print(f"{checker.lines} lines, {checker.bytes / checker.lines:.0f} bytes each")
    for error in checker.errors[:50]:
        print(f"wrong: {error}")
    print("all right" if not checker.errors else f"{len(checker.errors)} things are wrong")
    return 1 if checker.errors else 0


def _lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as handle:
        if path.suffix != ".zst":
            yield from handle
            return
        from zstandard import ZstdDecompressor

        with ZstdDecompressor().stream_reader(handle) as reader:
            yield from io.BufferedReader(reader)
